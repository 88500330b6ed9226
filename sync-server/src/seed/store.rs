//! SQL of seeding: what is there already.

use crate::app::Tx;

pub(super) async fn has_staff(tx: &mut Tx, email: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM staff WHERE organizer_id = $1 AND email = $2)")
        .bind(tx.organizer.0)
        .bind(email)
        .fetch_one(tx.conn())
        .await
}
