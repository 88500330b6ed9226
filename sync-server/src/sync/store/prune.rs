//! SQL of what is kept of the change feed.

use crate::app::Tx;
use sqlx::{PgPool, Row as _};
use willcall_domain::{clock::UtcMillis, id::OrganizerId};

/// What there is of a feed.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sync) struct Kept {
    /// The newest position.
    pub head: i64,
    /// Up to here it has been let go of.
    pub pruned: i64,
    /// The oldest position there is.
    pub first: Option<i64>,
}

/// What there is of the feed.
pub(in crate::sync) async fn kept(tx: &mut Tx) -> sqlx::Result<Kept> {
    let row = sqlx::query(
        "SELECT h.position, h.pruned,
             (SELECT min(c.position) FROM change c WHERE c.organizer_id = h.organizer_id) AS first
         FROM change_head h WHERE h.organizer_id = $1",
    )
    .bind(tx.organizer.0)
    .fetch_optional(tx.conn())
    .await?;
    row.map_or(Ok(Kept::default()), |r| {
        Ok(Kept { head: r.try_get("position")?, pruned: r.try_get("pruned")?, first: r.try_get("first")? })
    })
}

/// Up to where all stations in use have read; `None` where one has not said, or there is none.
pub(in crate::sync) async fn slowest(tx: &mut Tx) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(
        "SELECT CASE WHEN bool_and(read_to IS NOT NULL) THEN min(read_to) END FROM device
         WHERE organizer_id = $1 AND enrolled_at IS NOT NULL AND revoked_at IS NULL",
    )
    .bind(tx.organizer.0)
    .fetch_one(tx.conn())
    .await
}

/// Lets go of all changes up to a position; answers how many.
pub(in crate::sync) async fn prune(tx: &mut Tx, upto: i64) -> sqlx::Result<u64> {
    let gone = sqlx::query("DELETE FROM change WHERE organizer_id = $1 AND position <= $2")
        .bind(tx.organizer.0)
        .bind(upto)
        .execute(tx.conn())
        .await?;
    sqlx::query("UPDATE change_head SET pruned = greatest(pruned, $2) WHERE organizer_id = $1")
        .bind(tx.organizer.0)
        .bind(upto)
        .execute(tx.conn())
        .await?;
    Ok(gone.rows_affected())
}

/// Tenants of whose feed more than `least` positions are kept.
pub(in crate::sync) async fn prunable(pool: &PgPool, least: i64) -> sqlx::Result<Vec<OrganizerId>> {
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT organizer_id FROM crossing.prunable($1)").bind(least).fetch_all(pool).await?;
    Ok(ids.into_iter().map(OrganizerId).collect())
}

/// Positions kept of the longest feed, and how many the slowest station heard of since `since` has not read.
pub(in crate::sync) async fn feed_read(pool: &PgPool, since: UtcMillis) -> sqlx::Result<(i64, i64)> {
    sqlx::query_as("SELECT kept, behind FROM crossing.feed_read($1)").bind(since.0).fetch_one(pool).await
}
