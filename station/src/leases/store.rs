//! SQL of leases, blanks and open requests; of hand-overs in a file of its own.

mod hand_overs;

pub use hand_overs::{
    KnownHandOver, Way, accepted_by, codes_of_hand_over, hand_overs, of_id, project_hand_over, proof, put_beside,
    put_hand_over_word,
};

use crate::{
    copies,
    db::{enumerate, uuid_of, word},
    error::Fault,
    journal, ticketing,
};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use uuid::Uuid;
use willcall_domain::{
    catalog::Article,
    id::{DateId, DeviceId, EventId, ItemId, LeaseId, PositionId, QuotaId, RequestId, VariationId},
    leases::{BlankCodes, BlankRange, Held, HeldLease, LeaseRow, LeaseState, UnitRef, Units, holding::BlanksLeft},
    problem::Code,
    sync::{Entry, EntryRef, Fact},
    ticketing::{blank, sig1},
};

/// A code signed in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blank {
    pub position_id: PositionId,
    pub code: String,
}

/// Whether this lease was taken in before, in any incarnation.
pub fn known(tx: &Transaction<'_>, lease: LeaseId) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM lease WHERE lease_id = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([lease.0.as_bytes().as_slice()], |_| Ok(())).optional()?.is_some())
}

/// The row of a lease that was taken in.
pub fn project_accepted(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::LeaseAccepted { lease_id, quota_id, event_id, units, .. } = fact else { return Ok(()) };
    insert_lease(tx, entry, (*lease_id, *quota_id, *event_id), *units)
}

fn insert_lease(
    tx: &Transaction<'_>,
    entry: &Entry,
    (lease, quota, event): (LeaseId, QuotaId, EventId),
    units: u32,
) -> Result<(), Fault> {
    let sql = "INSERT INTO lease (lease_id, station, incarnation, quota_id, event_id, granted, accepted_seq)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let seq = i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let id = lease.0.as_bytes().as_slice();
    tx.prepare_cached(sql)?.execute(params![id, entry.station.0, entry.incarnation, quota.0, event.0, units, seq])?;
    Ok(())
}

/// Units were sold.
pub fn project_sold(tx: &Transaction<'_>, units: impl Iterator<Item = UnitRef>) -> Result<(), Fault> {
    for (lease, units) in by_lease(units) {
        let Some((mut sold, mut void)) = moved(tx, lease)? else { continue };
        sold.add(&units);
        void.remove(&units);
        let highest = units.highest(1).iter().last().map_or(0, |unit| unit.saturating_add(1));
        let sql = "UPDATE lease SET sold_units = ?2, void_units = ?3, sold = max(sold, ?4) WHERE lease_id = ?1";
        let (sold, void) = (serde_json::to_string(&sold)?, serde_json::to_string(&void)?);
        tx.prepare_cached(sql)?.execute(params![lease.0.as_bytes().as_slice(), sold, void, highest])?;
    }
    Ok(())
}

/// Sales of units were undone: those in `back` can be sold here again, those in `freed` are the server's.
pub fn project_undone(tx: &Transaction<'_>, back: &[UnitRef], freed: &[UnitRef]) -> Result<(), Fault> {
    for (units, freed) in [(back, false), (freed, true)] {
        for (lease, units) in by_lease(units.iter().copied()) {
            let Some((mut sold, mut void)) = moved(tx, lease)? else { continue };
            let undone = units.common(&sold);
            sold.remove(&undone);
            if freed {
                void.add(&undone);
            }
            let sql = "UPDATE lease SET sold_units = ?2, void_units = ?3 WHERE lease_id = ?1";
            let (sold, void) = (serde_json::to_string(&sold)?, serde_json::to_string(&void)?);
            tx.prepare_cached(sql)?.execute(params![lease.0.as_bytes().as_slice(), sold, void])?;
        }
    }
    Ok(())
}

fn by_lease(units: impl Iterator<Item = UnitRef>) -> BTreeMap<LeaseId, Units> {
    let mut out: BTreeMap<LeaseId, Vec<u32>> = BTreeMap::new();
    for unit in units {
        out.entry(unit.lease_id).or_default().push(unit.unit);
    }
    out.into_iter().map(|(lease, units)| (lease, units.into_iter().collect())).collect()
}

/// Units of a lease that are sold, and units whose sale was undone and which the server frees.
fn moved(tx: &Transaction<'_>, lease: LeaseId) -> Result<Option<(Units, Units)>, Fault> {
    let sql = "SELECT sold_units, void_units FROM lease WHERE lease_id = ?1";
    let read = |row: &rusqlite::Row<'_>| -> rusqlite::Result<(String, String)> { Ok((row.get(0)?, row.get(1)?)) };
    let found = tx.prepare_cached(sql)?.query_row([lease.0.as_bytes().as_slice()], read).optional()?;
    found.map(|(sold, void)| Ok((serde_json::from_str(&sold)?, serde_json::from_str(&void)?))).transpose()
}

/// Marks a blank as a ticket from now on.
pub fn use_blank(tx: &Transaction<'_>, position: PositionId) -> Result<(), Fault> {
    let sql = "UPDATE blank SET used = 1 WHERE position_id = ?1";
    tx.prepare_cached(sql)?.execute([position.0.as_bytes().as_slice()])?;
    Ok(())
}

/// Keeps the codes that came with a lease, as ranges and their codes. A blank that had left with a hand-over may come back
/// with another.
pub fn put_blanks(
    tx: &Transaction<'_>,
    lease: LeaseId,
    blanks: &[BlankRange],
    codes: &[BlankCodes],
) -> Result<(), Fault> {
    let sql = "INSERT INTO blank (position_id, lease_id, item_id, variation_id, date_id, n, code, seed)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (position_id) DO UPDATE SET lease_id = excluded.lease_id, used = 0 WHERE used = 3";
    let mut insert = tx.prepare_cached(sql)?;
    for range in blanks {
        let of_it = codes.iter().find(|c| c.article == range.article && c.codes.len() == range.count as usize);
        let of_it = of_it.ok_or_else(|| Fault::Data("a lease lacks its codes".into()))?;
        let Article { item_id, variation_id, date_id } = range.article;
        let (variation, date) = (variation_id.map(|v| v.0), date_id.map(|d| d.0));
        for (n, code) in (range.numbers().from..).zip(&of_it.codes) {
            let position = blank::position(range.base, n);
            let seed = ticketing::pack(&sig1::seed(position, blank::ISSUE)).unwrap_or(-1);
            let (position, lease) = (position.0.as_bytes().as_slice(), lease.0.as_bytes().as_slice());
            if insert.execute(params![position, lease, item_id.0, variation, date, n, code, seed])? == 0 {
                return Err(Fault::refused(Code::Conflict, "One of these tickets is here already. Nothing was taken."));
            }
        }
    }
    Ok(())
}

/// What this station may sell from, in the order it was taken in.
pub fn held(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<Vec<Held>, Fault> {
    Ok(held_leases(tx, station, incarnation)?.iter().map(HeldLease::held).collect())
}

/// The leases in force with all that is known of them here, in the order they were taken in.
pub fn held_leases(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<Vec<HeldLease>, Fault> {
    let in_force = serde_json::to_string(&copies::sells_from(tx, station, incarnation)?)?;
    let tail = "WHERE lease.station = ?1 AND lease.incarnation IN (SELECT value FROM json_each(?2))";
    select_held(tx, tail, params![station.0, in_force])
}

/// Every lease of an enrolment, in force or not.
pub fn all_leases(tx: &Transaction<'_>, station: DeviceId) -> Result<Vec<HeldLease>, Fault> {
    select_held(tx, "WHERE lease.station = ?1", params![station.0])
}

fn select_held(tx: &Transaction<'_>, tail: &str, of: impl rusqlite::Params) -> Result<Vec<HeldLease>, Fault> {
    let sql = format!(
        "SELECT lease.lease_id, lease.quota_id, lease.event_id, granted, sold_units, void_units, coalesce(state, 'open'),
            keep, lease.station, lease.incarnation, accepted_seq,
            EXISTS (SELECT 1 FROM hand_over h WHERE h.hand_over_id = lease.lease_id AND way = 'taken')
        FROM lease LEFT JOIN lease_word USING (lease_id) {tail} ORDER BY lease.incarnation, accepted_seq, lease.lease_id"
    );
    let (mut blanks, mut returned, mut away) = (unused(tx)?, returned(tx)?, hand_overs::away(tx)?);
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(of)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let lease_id = LeaseId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?);
        let granted: u32 = row.get(3)?;
        let sold: Units = serde_json::from_str(&row.get::<_, String>(4)?)?;
        let void: Units = serde_json::from_str(&row.get::<_, String>(5)?)?;
        let gone = returned.remove(&lease_id).unwrap_or_default().with(&away.remove(&lease_id).unwrap_or_default());
        let by = EntryRef {
            station: DeviceId(row.get(8)?),
            incarnation: row.get(9)?,
            seq: row.get::<_, i64>(10)?.unsigned_abs(),
        };
        let taken_over: bool = row.get(11)?;
        out.push(HeldLease {
            lease_id,
            quota_id: QuotaId(row.get(1)?),
            event_id: EventId(row.get(2)?),
            granted,
            free: Units::first(granted).without(&sold).without(&void).without(&gone),
            sold,
            state: enumerate::<LeaseState>(&row.get::<_, String>(6)?)?,
            keep: row.get(7)?,
            confirmed: !taken_over || journal::is_applied(tx, by)?,
            blanks: blanks.remove(&lease_id).unwrap_or_default(),
        });
    }
    Ok(out)
}

/// What the server says of a lease; an older word never follows a newer. Answers whether it was news.
pub fn put_word(tx: &Transaction<'_>, row: &LeaseRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO lease_word (lease_id, state, keep, epoch, version) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (lease_id) DO UPDATE SET state = excluded.state, keep = excluded.keep, epoch = excluded.epoch,
            version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (lease_word.epoch, lease_word.version)";
    let lease = row.lease_id.0.as_bytes().as_slice();
    let values = params![lease, word(&row.state), row.keep, epoch, row.version];
    Ok(tx.prepare_cached(sql)?.execute(values)? > 0)
}

/// Units and blanks went back.
pub fn project_returned(tx: &Transaction<'_>, fact: &Fact) -> Result<(), Fault> {
    let Fact::LeaseReturned { lease_id, from, units, blanks, .. } = fact else { return Ok(()) };
    let lease = lease_id.0.as_bytes().as_slice();
    if *units > 0 {
        let sql = "INSERT INTO lease_returned (lease_id, first, until) VALUES (?1, ?2, ?3)";
        tx.prepare_cached(sql)?.execute(params![lease, from, from.saturating_add(*units)])?;
    }
    let mut gone = tx.prepare_cached("UPDATE blank SET used = 2 WHERE position_id = ?1 AND used = 0")?;
    for range in blanks {
        for n in Units::from(range.numbers()).iter() {
            gone.execute([blank::position(range.base, n).0.as_bytes().as_slice()])?;
        }
    }
    Ok(())
}

/// Units that went back, by lease.
fn returned(tx: &Transaction<'_>) -> Result<BTreeMap<LeaseId, Units>, Fault> {
    hand_overs::ranges(tx, "SELECT lease_id, first, until FROM lease_returned")
}

/// Units of an enrolment that are on their way to another till, and of which nothing was heard, by lease.
pub fn on_the_way(tx: &Transaction<'_>) -> Result<BTreeMap<LeaseId, Units>, Fault> {
    hand_overs::in_flight(tx)
}

/// Leases with units that are neither sold nor given up, or are on their way to another till.
pub fn open_ids(tx: &Transaction<'_>) -> Result<Vec<Uuid>, Fault> {
    let mut statement = tx.prepare_cached("SELECT DISTINCT station FROM lease")?;
    let stations = statement.query_map([], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    let flying = hand_overs::in_flight(tx)?;
    let mut out = Vec::new();
    for station in stations {
        let open = |l: &HeldLease| !l.free.is_empty() || flying.contains_key(&l.lease_id);
        out.extend(all_leases(tx, DeviceId(station))?.iter().filter(|l| open(l)).map(|l| l.lease_id.0));
    }
    Ok(out)
}

/// Lets go of leases that were taken in by entries up to `upto`, which are dropped; nothing of them is open.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let of = params![station.0, incarnation, upto];
    let those = "SELECT lease_id FROM lease WHERE station = ?1 AND incarnation = ?2 AND accepted_seq <= ?3";
    tx.execute(&format!("DELETE FROM blank WHERE used = 0 AND lease_id IN ({those})"), of)?;
    for table in ["lease_returned", "lease_word"] {
        tx.execute(&format!("DELETE FROM {table} WHERE lease_id IN ({those})"), of)?;
    }
    tx.execute("DELETE FROM lease WHERE station = ?1 AND incarnation = ?2 AND accepted_seq <= ?3", of)?;
    hand_overs::drop_hand_overs(tx, station, incarnation, upto)
}

/// Blanks of a lease by what they are tickets of.
type ByArticle = BTreeMap<Article, BlanksLeft>;

/// Blanks of every lease that can still become a ticket.
fn unused(tx: &Transaction<'_>) -> Result<BTreeMap<LeaseId, ByArticle>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT lease_id, item_id, n, position_id, variation_id, date_id FROM blank WHERE used = 0")?;
    let mut rows = statement.query([])?;
    let mut out: BTreeMap<LeaseId, ByArticle> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let lease = LeaseId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?);
        let position = PositionId(uuid_of(&row.get::<_, Vec<u8>>(3)?)?);
        let article = Article {
            item_id: ItemId(row.get(1)?),
            variation_id: row.get::<_, Option<i64>>(4)?.map(VariationId),
            date_id: row.get::<_, Option<i64>>(5)?.map(DateId),
        };
        let of_it = out.entry(lease).or_default().entry(article);
        let left = of_it.or_insert_with(|| BlanksLeft { base: blank::base(position), left: Units::none() });
        left.left.add(&Units::one(row.get(2)?));
    }
    Ok(out)
}

/// The next unused blank of a lease for an article, passing over the first `skip`.
pub fn next_blank(tx: &Transaction<'_>, lease: LeaseId, article: Article, skip: u32) -> Result<Option<Blank>, Fault> {
    let sql = "SELECT position_id, code FROM blank WHERE lease_id = ?1 AND item_id = ?2 AND used = 0
        AND variation_id IS ?4 AND date_id IS ?5 ORDER BY n LIMIT 1 OFFSET ?3";
    let lease = lease.0.as_bytes().as_slice();
    let (variation, date) = (article.variation_id.map(|v| v.0), article.date_id.map(|d| d.0));
    let found: Option<(Vec<u8>, String)> = tx
        .prepare_cached(sql)?
        .query_row(params![lease, article.item_id.0, skip, variation, date], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(id, code)| Ok(Blank { position_id: PositionId(uuid_of(&id)?), code })).transpose()
}

/// The code of a blank, used or not.
pub fn code_of(tx: &Transaction<'_>, position: PositionId) -> Result<Option<String>, Fault> {
    let sql = "SELECT code FROM blank WHERE position_id = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([position.0.as_bytes().as_slice()], |row| row.get(0)).optional()?)
}

/// Whether this is a blank that this station holds and has not sold.
pub fn holds_unsold(tx: &Transaction<'_>, position: PositionId) -> Result<bool, Fault> {
    let sql = "SELECT station, incarnation FROM blank JOIN lease USING (lease_id) WHERE position_id = ?1 AND used = 0";
    let id = position.0.as_bytes().as_slice();
    let of = tx.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    of.map_or(Ok(false), |(station, incarnation)| is_in_force(tx, DeviceId(station), incarnation))
}

/// Whether this station knows what became of the leases of this incarnation: what it has lost of its journal may have
/// sold from them.
fn is_in_force(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<bool, Fault> {
    Ok(copies::sells_from(tx, station, incarnation)?.contains(&incarnation))
}

/// The same, by `sig1` seed.
pub fn holds_unsold_seed(tx: &Transaction<'_>, seed: i64) -> Result<bool, Fault> {
    let sql = "SELECT station, incarnation FROM blank JOIN lease USING (lease_id) WHERE seed = ?1 AND used = 0";
    let of = tx.prepare_cached(sql)?.query_row([seed], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    of.map_or(Ok(false), |(station, incarnation)| is_in_force(tx, DeviceId(station), incarnation))
}

/// The request for units of this quota that was not answered yet.
pub fn open_request(tx: &Transaction<'_>, quota: QuotaId) -> Result<Option<(RequestId, u32)>, Fault> {
    let sql = "SELECT request_id, wanted FROM lease_request WHERE quota_id = ?1";
    let found: Option<(Vec<u8>, u32)> =
        tx.prepare_cached(sql)?.query_row([quota.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    found.map(|(id, wanted)| Ok((RequestId(uuid_of(&id)?), wanted))).transpose()
}

/// Remembers a request before it is sent.
pub fn remember_request(tx: &Transaction<'_>, quota: QuotaId, request: RequestId, wanted: u32) -> Result<(), Fault> {
    let sql = "INSERT INTO lease_request (quota_id, request_id, wanted) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![quota.0, request.0.as_bytes().as_slice(), wanted])?;
    Ok(())
}

/// The request was answered.
pub fn answered(tx: &Transaction<'_>, request: RequestId) -> Result<(), Fault> {
    let sql = "DELETE FROM lease_request WHERE request_id = ?1";
    tx.prepare_cached(sql)?.execute([request.0.as_bytes().as_slice()])?;
    Ok(())
}

#[cfg(test)]
mod tests;
