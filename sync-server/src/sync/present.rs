//! Rows as a station that is up to date would have them, for whoever wants to know what such a station would say.

use super::{rows, scope::Scope};
use crate::app::Tx;
use willcall_domain::{
    id::EventId,
    sync::{PROTOCOL, Row},
};

/// The rows of one kind of an event that say the same to every station, with names; `ids` limits them to these subjects.
/// Of positions and scans, of which there may be very many, only named ones.
///
/// # Errors
/// When the database is away.
pub async fn rows_of(tx: &mut Tx, event: EventId, kind: &str, ids: Option<&[String]>) -> sqlx::Result<Vec<Row>> {
    let scope = Scope { organizer: tx.organizer, events: vec![event], sells: false, names: true, spoken: PROTOCOL };
    let found = rows::shared(tx, &scope, kind, ids).await?;
    Ok(found.into_iter().map(|(_, row)| row).collect())
}
