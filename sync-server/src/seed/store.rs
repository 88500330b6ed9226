//! SQL of seeding: a new organizer, and what is there already.

use crate::app::Tx;
use sqlx::PgPool;
use willcall_domain::{clock::UtcMillis, id::OrganizerId};

use super::plan::OrganizerPlan;

pub(super) async fn found_organizer(pool: &PgPool, plan: &OrganizerPlan, now: UtcMillis) -> sqlx::Result<OrganizerId> {
    sqlx::query_scalar("SELECT crossing.found_organizer($1, $2, $3, $4, $5, $6, $7)")
        .bind(&plan.slug)
        .bind(&plan.name)
        .bind(&plan.legal_name)
        .bind(&plan.address)
        .bind(&plan.bank_details)
        .bind(&plan.accent)
        .bind(now.0)
        .fetch_one(pool)
        .await
        .map(OrganizerId)
}

pub(super) async fn has_staff(tx: &mut Tx, email: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM staff WHERE organizer_id = $1 AND email = $2)")
        .bind(tx.organizer.0)
        .bind(email)
        .fetch_one(tx.conn())
        .await
}
