//! SQL of organizers and operators. A row never replaces one of a higher `(epoch, version)`.

use crate::{catalog::Stamp, devices, error::Fault};
use rusqlite::{OptionalExtension, Transaction, params};
use willcall_domain::{
    access::{OperatorRow, OrganizerRow},
    clock::UtcMillis,
    id::{OperatorId, OrganizerId},
};

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

/// Keeps an operator; answers whether it was news. Who was given a new PIN begins without wrong ones.
pub fn put_operator(tx: &Transaction<'_>, row: &OperatorRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO operator (id, epoch, version, data) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, version = excluded.version, data = excluded.data,
            wrong = CASE WHEN operator.data ->> 'pin' = excluded.data ->> 'pin' THEN operator.wrong ELSE 0 END
        WHERE (excluded.epoch, excluded.version) > (operator.epoch, operator.version)
            OR (excluded.epoch, excluded.version) = (operator.epoch, operator.version)
                AND excluded.data <> operator.data";
    let data = serde_json::to_string(row)?;
    Ok(tx.prepare_cached(sql)?.execute(params![row.operator_id.0, epoch, row.version, data])? > 0)
}

/// Takes an operator away, unless a newer one is here.
pub fn operator_gone(tx: &Transaction<'_>, id: &str, at: Stamp) -> Result<bool, Fault> {
    let Ok(id) = id.parse::<i64>() else { return Ok(false) };
    let sql = "DELETE FROM operator WHERE id = ?1 AND (epoch, version) <= (?2, ?3)";
    Ok(tx.prepare_cached(sql)?.execute(params![id, at.epoch, at.version])? > 0)
}

/// Who may sign in here, by name.
pub fn operators(tx: &Transaction<'_>) -> Result<Vec<OperatorRow>, Fault> {
    let mut statement = tx.prepare_cached("SELECT data FROM operator ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut out: Vec<OperatorRow> = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(serde_json::from_str(&row.get::<_, String>(0)?)?);
    }
    out.retain(|row| row.active && !row.pin.is_empty());
    out.sort_by_cached_key(|row| (row.name.to_lowercase(), row.operator_id));
    Ok(out)
}

/// An operator with the wrong PINs since the last right one, and when the last of them was typed.
pub fn operator(tx: &Transaction<'_>, id: OperatorId) -> Result<Option<(OperatorRow, u32, UtcMillis)>, Fault> {
    let sql = "SELECT data, wrong, wrong_at FROM operator WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?, UtcMillis(row.get(2)?)));
    let found = tx.prepare_cached(sql)?.query_row([id.0], read).optional()?;
    found.map(|(data, wrong, at)| Ok((serde_json::from_str(&data)?, wrong, at))).transpose()
}

/// Counts a wrong PIN, before it is known to be one: who cuts the power gains no try.
pub(super) fn count_wrong(tx: &Transaction<'_>, id: OperatorId, now: UtcMillis) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE operator SET wrong = wrong + 1, wrong_at = ?2 WHERE id = ?1")?
        .execute(params![id.0, now.0])?;
    Ok(())
}

/// The right PIN was typed.
pub(super) fn forget_wrong(tx: &Transaction<'_>, id: OperatorId) -> Result<(), Fault> {
    tx.prepare_cached("UPDATE operator SET wrong = 0 WHERE id = ?1")?.execute([id.0])?;
    Ok(())
}
