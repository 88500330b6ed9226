//! SQL of organizers. A row never replaces one of a higher `(epoch, version)`.

use crate::{devices, error::Fault};
use rusqlite::{OptionalExtension, Transaction, params};
use willcall_domain::{access::OrganizerRow, id::OrganizerId};

/// Keeps an organizer, and its name with this machine's enrolments at it; answers whether it was news.
pub fn put_organizer(tx: &Transaction<'_>, row: &OrganizerRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO organizer (id, epoch, version, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data
        WHERE (excluded.epoch, excluded.version) > (organizer.epoch, organizer.version)";
    let data = serde_json::to_string(row)?;
    let news = tx.prepare_cached(sql)?.execute(params![row.organizer_id.0, epoch, row.version, data])? > 0;
    if news {
        devices::name_organizer(tx, row.organizer_id, &row.name)?;
    }
    Ok(news)
}

/// What is known of an organizer; `None` while the server, of the first version, tells nothing.
pub fn organizer(tx: &Transaction<'_>, id: OrganizerId) -> Result<Option<OrganizerRow>, Fault> {
    let sql = "SELECT data FROM organizer WHERE id = ?1";
    let data: Option<String> = tx.prepare_cached(sql)?.query_row([id.0], |row| row.get(0)).optional()?;
    data.map(|data| serde_json::from_str(&data)).transpose().map_err(Fault::from)
}
