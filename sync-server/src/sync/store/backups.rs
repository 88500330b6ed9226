//! SQL of what is in backups.

use crate::app::Tx;
use willcall_domain::clock::UtcMillis;

/// When the oldest entry was received that is in no finished backup, of all organizers.
pub(in crate::sync) async fn unsaved_since(pool: &sqlx::PgPool) -> sqlx::Result<Option<UtcMillis>> {
    let since: Option<i64> = sqlx::query_scalar("SELECT crossing.unsaved_since()").fetch_one(pool).await?;
    Ok(since.map(UtcMillis))
}

/// The same of one organizer.
pub(in crate::sync) async fn unsaved_of(tx: &mut Tx) -> sqlx::Result<Option<UtcMillis>> {
    let since: Option<i64> = sqlx::query_scalar(
        "SELECT min(first.received_at) FROM incarnation i
         LEFT JOIN backup_mark b
             ON b.organizer_id = i.organizer_id AND b.device_id = i.device_id AND b.incarnation = i.incarnation
         CROSS JOIN LATERAL (
             SELECT min(j.received_at) AS received_at FROM journal_entry j
             WHERE j.organizer_id = i.organizer_id AND j.device_id = i.device_id AND j.incarnation = i.incarnation
                 AND j.seq = coalesce(b.safe_seq, 0) + 1) first
         WHERE i.organizer_id = $1 AND i.run > coalesce(b.safe_seq, 0)",
    )
    .bind(tx.organizer.0)
    .fetch_one(tx.conn())
    .await?;
    Ok(since.map(UtcMillis))
}

/// Notes what is committed of every journal.
pub(in crate::sync) async fn begin(tx: &mut Tx) -> sqlx::Result<u64> {
    let now = tx.now();
    let done = sqlx::query(
        "INSERT INTO backup_mark (organizer_id, device_id, incarnation, begun_seq, begun_at)
         SELECT $1, device_id, incarnation, run, $2 FROM incarnation WHERE organizer_id = $1
         ON CONFLICT (organizer_id, device_id, incarnation)
             DO UPDATE SET begun_seq = excluded.begun_seq, begun_at = excluded.begun_at",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Notes what had been received of every journal by an instant, up to the first entry that came later.
pub(in crate::sync) async fn begin_at(tx: &mut Tx, at: UtcMillis) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO backup_mark (organizer_id, device_id, incarnation, begun_seq, begun_at)
         SELECT $1, i.device_id, i.incarnation, least(i.run, coalesce((
             SELECT min(j.seq) - 1 FROM journal_entry j WHERE j.organizer_id = $1 AND j.device_id = i.device_id
                 AND j.incarnation = i.incarnation AND j.received_at > $2), i.run)), $2
         FROM incarnation i WHERE i.organizer_id = $1
         ON CONFLICT (organizer_id, device_id, incarnation)
             DO UPDATE SET begun_seq = excluded.begun_seq, begun_at = excluded.begun_at",
    )
    .bind(tx.organizer.0)
    .bind(at.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What was noted when the backup began is safe.
pub(in crate::sync) async fn finish(tx: &mut Tx) -> sqlx::Result<u64> {
    let now = tx.now();
    let done = sqlx::query(
        "UPDATE backup_mark SET safe_seq = greatest(safe_seq, begun_seq), safe_at = $2
         WHERE organizer_id = $1 AND begun_at IS NOT NULL AND begun_seq > 0",
    )
    .bind(tx.organizer.0)
    .bind(now.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
