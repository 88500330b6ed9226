//! SQL of staff.

use super::staff::Candidate;
use crate::{app::Tx, http::StaffRole};
use sqlx::PgPool;
use willcall_domain::id::{OrganizerId, StaffId};

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
