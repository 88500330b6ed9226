//! SQL of hand-overs: what the journal says of them, what the server does, and what stands beside.

use crate::{
    db::{enumerate, uuid_of, word},
    error::Fault,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::BTreeMap;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId, QuotaId},
    leases::{BlankCodes, HandOut, HandOverRow, UnitRange, Units, ledger::HandOverState, passing::Proof},
    sync::{Entry, EntryRef, Fact},
    ticketing::blank,
};

/// Which side of a hand-over this station is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Given,
    Taken,
    Declined,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Taken => "taken",
            Self::Declined => "declined",
        }
    }

    fn of_word(word: &str) -> Result<Self, Fault> {
        let all = [Self::Given, Self::Taken, Self::Declined];
        all.into_iter().find(|way| way.word() == word).ok_or_else(|| Fault::Data("the way of a hand-over".into()))
    }
}

/// A hand-over this station has written of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHandOver {
    pub way: Way,
    pub out: HandOut,
    pub from: DeviceId,
    /// As the server calls the giver; empty where it is this station.
    pub from_name: String,
    pub at: UtcMillis,
    /// The entry of this station that says so.
    pub entry: EntryRef,
    /// What the server last said of it.
    pub told: Option<HandOverState>,
}

/// The row of a hand-over, the lease it brought, and the units and blanks that left with it.
pub fn project_hand_over(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    if let Some(out) = HandOut::of(fact) {
        insert(tx, entry, Way::Given, &out, entry.station)?;
        mark_blanks(tx, &out, (0, 3))?;
        return bring_back(tx, out.hand_over_id);
    }
    if let Fact::HandOverTaken { given, .. } = fact {
        let (from, out) = inside(given)?;
        insert(tx, entry, Way::Taken, &out, from)?;
        let id = LeaseId(out.hand_over_id.0);
        return super::insert_lease(tx, entry, (id, out.quota_id, out.event_id), out.units.count());
    }
    if let Fact::HandOverDeclined { given, .. } = fact {
        let (from, out) = inside(given)?;
        return insert(tx, entry, Way::Declined, &out, from);
    }
    Ok(())
}

fn unreadable() -> Fault {
    Fault::Data("a hand-over cannot be read".into())
}

/// What the giver wrote, out of the receiver's entry.
fn inside(given: &str) -> Result<(DeviceId, HandOut), Fault> {
    let entry: Entry = serde_json::from_str(given)?;
    let out = entry.fact().as_ref().and_then(HandOut::of).ok_or_else(unreadable)?;
    Ok((entry.station, out))
}

fn insert(tx: &Transaction<'_>, entry: &Entry, way: Way, out: &HandOut, from: DeviceId) -> Result<(), Fault> {
    let sql =
        "INSERT INTO hand_over (hand_over_id, way, station, incarnation, seq, lease_id, quota_id, event_id, first,
            until, blanks, from_device, to_device, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    tx.prepare_cached(sql)?.execute(params![
        out.hand_over_id.0.as_bytes().as_slice(),
        way.word(),
        entry.station.0,
        entry.incarnation,
        i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))?,
        out.lease_id.0.as_bytes().as_slice(),
        out.quota_id.0,
        out.event_id.0,
        out.units.from,
        out.units.until,
        serde_json::to_string(&out.blanks)?,
        from.0,
        out.to.0,
        entry.at.wall.0.saturating_add(entry.at.offset_ms),
    ])?;
    Ok(())
}

/// Moves blanks of the giver's lease from one state to another.
fn mark_blanks(tx: &Transaction<'_>, out: &HandOut, (was, now): (i64, i64)) -> Result<(), Fault> {
    let sql = "UPDATE blank SET used = ?3 WHERE position_id = ?1 AND lease_id = ?2 AND used = ?4";
    let mut update = tx.prepare_cached(sql)?;
    let lease = out.lease_id.0.as_bytes().as_slice();
    for range in &out.blanks {
        for n in Units::from(range.numbers()).iter() {
            update.execute(params![blank::position(range.base, n).0.as_bytes().as_slice(), lease, now, was])?;
        }
    }
    Ok(())
}

/// Blanks of a hand-over that was declined are this station's again, once.
fn bring_back(tx: &Transaction<'_>, id: HandOverId) -> Result<(), Fault> {
    let sql = "UPDATE hand_over_word SET back = 1 WHERE hand_over_id = ?1 AND state = 'declined' AND back = 0
        AND EXISTS (SELECT 1 FROM hand_over h WHERE h.hand_over_id = hand_over_word.hand_over_id AND way = 'given')";
    if tx.prepare_cached(sql)?.execute([id.0.as_bytes().as_slice()])? == 0 {
        return Ok(());
    }
    match of_id(tx, id)?.into_iter().find(|one| one.way == Way::Given) {
        Some(one) => mark_blanks(tx, &one.out, (3, 0)),
        None => Ok(()),
    }
}

/// What the server says of a hand-over this station gave. An older word never follows a newer, and nothing follows
/// *declined*. Answers whether it was news.
pub fn put_hand_over_word(tx: &Transaction<'_>, row: &HandOverRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO hand_over_word (hand_over_id, state, epoch, version) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (hand_over_id) DO UPDATE SET state = excluded.state, epoch = excluded.epoch,
            version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (hand_over_word.epoch, hand_over_word.version)
            AND hand_over_word.state <> 'declined'";
    let id = row.hand_over_id.0.as_bytes().as_slice();
    let news = tx.prepare_cached(sql)?.execute(params![id, word(&row.state), epoch, row.version])? > 0;
    if news {
        bring_back(tx, row.hand_over_id)?;
    }
    Ok(news)
}

const KNOWN: &str = "SELECT h.hand_over_id, way, station, incarnation, seq, lease_id, quota_id, event_id, first, until,
        blanks, from_device, to_device, at, coalesce(from_name, ''), state
    FROM hand_over h LEFT JOIN hand_over_word USING (hand_over_id) LEFT JOIN hand_over_beside USING (hand_over_id)";

fn read(row: &Row<'_>) -> Result<KnownHandOver, Fault> {
    let id = |column| -> Result<uuid::Uuid, Fault> { uuid_of(&row.get::<_, Vec<u8>>(column)?) };
    let way = Way::of_word(&row.get::<_, String>(1)?)?;
    let told: Option<String> = row.get(15)?;
    Ok(KnownHandOver {
        way,
        out: HandOut {
            hand_over_id: HandOverId(id(0)?),
            lease_id: LeaseId(id(5)?),
            quota_id: QuotaId(row.get(6)?),
            event_id: EventId(row.get(7)?),
            units: UnitRange { from: row.get(8)?, until: row.get(9)? },
            blanks: serde_json::from_str(&row.get::<_, String>(10)?)?,
            to: DeviceId(row.get(12)?),
        },
        from: DeviceId(row.get(11)?),
        from_name: row.get(14)?,
        at: UtcMillis(row.get(13)?),
        entry: EntryRef {
            station: DeviceId(row.get(2)?),
            incarnation: row.get(3)?,
            seq: row.get::<_, i64>(4)?.unsigned_abs(),
        },
        told: match way {
            Way::Given => told.as_deref().map(enumerate).transpose()?,
            Way::Taken | Way::Declined => None,
        },
    })
}

fn select(tx: &Transaction<'_>, tail: &str, of: impl rusqlite::Params) -> Result<Vec<KnownHandOver>, Fault> {
    let mut statement = tx.prepare_cached(&format!("{KNOWN} {tail}"))?;
    let mut rows = statement.query(of)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

/// Hand-overs of this station, newest first.
pub fn hand_overs(tx: &Transaction<'_>, station: DeviceId, most: u32) -> Result<Vec<KnownHandOver>, Fault> {
    select(tx, "WHERE station = ?1 ORDER BY at DESC, incarnation DESC, seq DESC LIMIT ?2", params![station.0, most])
}

/// What this station has written of a hand-over.
pub fn of_id(tx: &Transaction<'_>, id: HandOverId) -> Result<Vec<KnownHandOver>, Fault> {
    select(tx, "WHERE h.hand_over_id = ?1", [id.0.as_bytes().as_slice()])
}

/// Units that left with hand-overs and did not come back, by lease.
pub(super) fn away(tx: &Transaction<'_>) -> Result<BTreeMap<LeaseId, Units>, Fault> {
    let sql = "SELECT lease_id, first, until FROM hand_over LEFT JOIN hand_over_word USING (hand_over_id)
        WHERE way = 'given' AND coalesce(state, 'in_flight') <> 'declined'";
    ranges(tx, sql)
}

/// Units on their way of which nothing has been heard.
pub(super) fn in_flight(tx: &Transaction<'_>) -> Result<BTreeMap<LeaseId, Units>, Fault> {
    let sql = "SELECT lease_id, first, until FROM hand_over LEFT JOIN hand_over_word USING (hand_over_id)
        WHERE way = 'given' AND coalesce(state, 'in_flight') = 'in_flight'";
    ranges(tx, sql)
}

/// Ranges of units by lease, from a statement that answers lease, first and until.
pub(super) fn ranges(tx: &Transaction<'_>, sql: &str) -> Result<BTreeMap<LeaseId, Units>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([])?;
    let mut out: BTreeMap<LeaseId, Units> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let lease = LeaseId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?);
        out.entry(lease).or_default().add(&UnitRange { from: row.get(1)?, until: row.get(2)? }.into());
    }
    Ok(out)
}

/// Keeps what stands beside a hand-over that was taken in.
pub fn put_beside(tx: &Transaction<'_>, id: HandOverId, from_name: &str, proof: &Proof) -> Result<(), Fault> {
    let sql =
        "INSERT INTO hand_over_beside (hand_over_id, from_name, proof) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    let proof = serde_json::to_string(proof)?;
    tx.prepare_cached(sql)?.execute(params![id.0.as_bytes().as_slice(), from_name, proof])?;
    Ok(())
}

/// The proof that lets units that were taken in be handed on.
pub fn proof(tx: &Transaction<'_>, id: HandOverId) -> Result<Option<Proof>, Fault> {
    let sql = "SELECT proof FROM hand_over_beside WHERE hand_over_id = ?1";
    let text: Option<String> =
        tx.prepare_cached(sql)?.query_row([id.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}

/// The entry by which a lease came, where it was lent by the server.
pub fn accepted_by(tx: &Transaction<'_>, lease: LeaseId) -> Result<Option<EntryRef>, Fault> {
    let sql = "SELECT station, incarnation, accepted_seq FROM lease WHERE lease_id = ?1";
    let read = |row: &Row<'_>| -> rusqlite::Result<EntryRef> {
        let seq = row.get::<_, i64>(2)?.unsigned_abs();
        Ok(EntryRef { station: DeviceId(row.get(0)?), incarnation: row.get(1)?, seq })
    };
    Ok(tx.prepare_cached(sql)?.query_row([lease.0.as_bytes().as_slice()], read).optional()?)
}

/// The codes that leave with a hand-over, a range each.
pub fn codes_of_hand_over(tx: &Transaction<'_>, out: &HandOut) -> Result<Vec<BlankCodes>, Fault> {
    let lost = || {
        let detail = "The tickets of these units were lost with a damaged file. Give the units up in the office.";
        Fault::refused(willcall_domain::problem::Code::Conflict, detail)
    };
    let mut all = Vec::new();
    for range in &out.blanks {
        let mut codes = Vec::new();
        for n in Units::from(range.numbers()).iter() {
            codes.push(super::code_of(tx, blank::position(range.base, n))?.ok_or_else(lost)?);
        }
        all.push(BlankCodes { article: range.article, codes });
    }
    Ok(all)
}

/// Lets go of hand-overs whose entries up to `upto` are dropped.
pub(super) fn drop_hand_overs(
    tx: &Transaction<'_>,
    station: DeviceId,
    incarnation: u32,
    upto: i64,
) -> Result<(), Fault> {
    let of = params![station.0, incarnation, upto];
    let those = "SELECT hand_over_id FROM hand_over WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3";
    for table in ["hand_over_word", "hand_over_beside"] {
        tx.execute(&format!("DELETE FROM {table} WHERE hand_over_id IN ({those})"), of)?;
    }
    tx.execute("DELETE FROM hand_over WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3", of)?;
    Ok(())
}
