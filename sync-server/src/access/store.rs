//! SQL of organizers and staff.

use super::staff::Candidate;
use crate::{app::Tx, http::StaffRole};
use sqlx::{PgPool, Row as _};
use willcall_domain::{
    access::draft::OrganizerDraft,
    clock::UtcMillis,
    id::{OrganizerId, StaffId},
};

/// Asks across tenants, by the one function that may: there is no tenant yet.
pub(super) async fn found(
    pool: &PgPool,
    slug: &str,
    draft: &OrganizerDraft,
    now: UtcMillis,
) -> sqlx::Result<OrganizerId> {
    sqlx::query_scalar("SELECT crossing.found_organizer($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(slug)
        .bind(&draft.name)
        .bind(&draft.legal_name)
        .bind(&draft.address)
        .bind(&draft.bank_details)
        .bind(&draft.accent)
        .bind(now.0)
        .bind(&draft.tax_number)
        .fetch_one(pool)
        .await
        .map(OrganizerId)
}

/// What the organizer of this transaction says of itself, and the version of the row.
pub(super) async fn organizer(tx: &mut Tx) -> sqlx::Result<(OrganizerDraft, i64)> {
    let r = sqlx::query(
        "SELECT name, legal_name, address, tax_number, bank_details, accent, version FROM organizer
         WHERE organizer_id = $1",
    )
    .bind(tx.organizer.0)
    .fetch_one(tx.conn())
    .await?;
    let draft = OrganizerDraft {
        name: r.try_get("name")?,
        legal_name: r.try_get("legal_name")?,
        address: r.try_get("address")?,
        tax_number: r.try_get("tax_number")?,
        bank_details: r.try_get("bank_details")?,
        accent: r.try_get("accent")?,
    };
    Ok((draft, r.try_get("version")?))
}

pub(super) async fn change(tx: &mut Tx, draft: &OrganizerDraft) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE organizer SET name = $2, legal_name = $3, address = $4, tax_number = $5, bank_details = $6,
             accent = $7, version = version + 1
         WHERE organizer_id = $1",
    )
    .bind(tx.organizer.0)
    .bind(&draft.name)
    .bind(&draft.legal_name)
    .bind(&draft.address)
    .bind(&draft.tax_number)
    .bind(&draft.bank_details)
    .bind(&draft.accent)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn put(
    tx: &mut Tx,
    email: &str,
    name: &str,
    password_hash: &str,
    role: StaffRole,
) -> sqlx::Result<StaffId> {
    let now = tx.now();
    sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organizer_id, email)
         DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, role = excluded.role
         RETURNING staff_id",
    )
    .bind(tx.organizer.0)
    .bind(email)
    .bind(name)
    .bind(password_hash)
    .bind(role.as_str())
    .bind(now.0)
    .fetch_one(tx.conn())
    .await
    .map(StaffId)
}

/// Asks across tenants, by the one function that may.
pub(super) async fn by_email(pool: &PgPool, email: &str) -> sqlx::Result<Vec<(OrganizerId, StaffId)>> {
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT organizer_id, staff_id FROM crossing.staff_by_email($1)")
        .bind(email)
        .fetch_all(pool)
        .await?;
    Ok(rows.into_iter().map(|(organizer, staff)| (OrganizerId(organizer), StaffId(staff))).collect())
}

pub(super) async fn candidate(tx: &mut Tx, staff: StaffId) -> sqlx::Result<Option<Candidate>> {
    let row: Option<(String, String, String)> = sqlx::query_as(
        "SELECT o.slug, o.name, s.password_hash FROM staff s JOIN organizer o USING (organizer_id)
         WHERE s.organizer_id = $1 AND s.staff_id = $2",
    )
    .bind(tx.organizer.0)
    .bind(staff.0)
    .fetch_optional(tx.conn())
    .await?;
    let organizer = tx.organizer;
    Ok(row.map(|(organizer_slug, organizer_name, password_hash)| Candidate {
        organizer,
        organizer_slug,
        organizer_name,
        staff,
        password_hash,
    }))
}
