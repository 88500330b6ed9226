//! SQL of who was let in on the signature alone.

use crate::app::Tx;

/// One entry whose order nobody here knows.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SignatureOnly {
    /// The ticket's id, or the digest of its code where that does not tell.
    pub ticket: String,
    pub at: i64,
    pub gate: String,
    pub device: String,
    pub list: String,
    pub event: String,
    pub zone: String,
    pub undone: bool,
}

/// At most `limit`, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn signature_only(tx: &mut Tx, limit: i64) -> sqlx::Result<Vec<SignatureOnly>> {
    // A code that does not tell its ticket is known as soon as one gate knew it.
    sqlx::query_as(
        "SELECT coalesce(s.position_id::text, s.payload_hash) AS ticket, s.at, s.gate, d.name AS device, l.name AS list,
                e.name AS event, e.zone, s.undone
         FROM scan s
         JOIN device d ON d.organizer_id = $1 AND d.device_id = s.device_id
         JOIN checkin_list l ON l.organizer_id = $1 AND l.list_id = s.list_id
         JOIN event e ON e.organizer_id = $1 AND e.event_id = s.event_id
         WHERE s.organizer_id = $1 AND s.class IN ('admitted', 'look') AND s.direction = 'entry'
             AND CASE WHEN s.position_id IS NOT NULL
                 THEN NOT EXISTS (SELECT FROM order_position p
                                  WHERE p.organizer_id = $1 AND p.position_id = s.position_id)
                 ELSE NOT EXISTS (SELECT FROM scan k JOIN order_position p
                                      ON p.organizer_id = $1 AND p.position_id = k.position_id
                                  WHERE k.organizer_id = $1 AND k.payload_hash = s.payload_hash) END
         ORDER BY s.at DESC, s.scan_id LIMIT $2",
    )
    .bind(tx.organizer.0)
    .bind(limit)
    .fetch_all(tx.conn())
    .await
}
