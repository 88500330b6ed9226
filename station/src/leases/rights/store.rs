//! SQL of rights, of what was done by them, and of open requests.

use crate::{
    copies,
    db::{enumerate, uuid_of, word},
    error::Fault,
    till,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EntryId, OrderId, RequestId, RightId},
    leases::{HeldRight, LeaseState, RightBody, RightKind, RightRow, RightSubject},
    money::Money,
    sync::{Entry, Fact, change::VoucherRow},
};

fn seq_of(entry: &Entry) -> Result<i64, Fault> {
    i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))
}

fn at_of(entry: &Entry) -> i64 {
    entry.at.wall.0.saturating_add(entry.at.offset_ms)
}

/// The rows of rights that follow from an entry.
pub fn project(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    match fact {
        Fact::RightTaken { right_id, grant, .. } => {
            let body: RightBody = serde_json::from_str(grant)?;
            let sql = "INSERT INTO held_right (right_id, station, incarnation, seq, code, body, at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let id = right_id.0.as_bytes().as_slice();
            let values =
                params![id, entry.station.0, entry.incarnation, seq_of(entry)?, body.code, grant, at_of(entry)];
            tx.prepare_cached(sql)?.execute(values)?;
        }
        Fact::RightReleased { right_id, .. } => {
            let sql = "INSERT INTO right_released (right_id, station, incarnation, seq) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO NOTHING";
            let id = right_id.0.as_bytes().as_slice();
            tx.prepare_cached(sql)?.execute(params![id, entry.station.0, entry.incarnation, seq_of(entry)?])?;
        }
        Fact::Sale { lines, .. } => {
            let sql = "INSERT INTO voucher_spent (position_id, voucher_id, station, incarnation, seq)
                VALUES (?1, ?2, ?3, ?4, ?5)";
            for (line, voucher) in lines.iter().filter_map(|line| Some((line, line.voucher?))) {
                let id = line.position_id.0.as_bytes().as_slice();
                let values = params![id, voucher.0, entry.station.0, entry.incarnation, seq_of(entry)?];
                tx.prepare_cached(sql)?.execute(values)?;
            }
        }
        Fact::Payment { order_id, amount, .. } => act(tx, entry, *order_id, "paid", amount.minor)?,
        Fact::Void { order_id, .. } => act(tx, entry, *order_id, "ended", 0)?,
        Fact::Refund { order_id, amount, .. } => act(tx, entry, *order_id, "refunded", amount.minor)?,
        Fact::Opened { .. }
        | Fact::LeaseAccepted { .. }
        | Fact::Receipt { .. }
        | Fact::Scan { .. }
        | Fact::Print { .. }
        | Fact::LeaseReturned { .. }
        | Fact::HandOverGiven { .. }
        | Fact::HandOverTaken { .. }
        | Fact::HandOverDeclined { .. }
        | Fact::ScanUndone { .. }
        | Fact::CaseClosed { .. }
        | Fact::OperatorIn { .. }
        | Fact::OperatorOut { .. }
        | Fact::Badge { .. }
        | Fact::Answers { .. }
        | Fact::Exchanged { .. }
        | Fact::KeyChanged { .. }
        | Fact::Checkpoint { .. }
        | Fact::Closed { .. } => {}
    }
    Ok(())
}

/// An act on a web order; what is done to an own sale stands with the sale.
fn act(tx: &Transaction<'_>, entry: &Entry, order: OrderId, what: &str, amount: i64) -> Result<(), Fault> {
    if till::is_own(tx, order)? {
        return Ok(());
    }
    let sql = "INSERT INTO counter_act (entry_id, order_id, station, incarnation, seq, what, amount_minor, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (id, order) = (entry.id.0.as_bytes().as_slice(), order.0.as_bytes().as_slice());
    let values = params![id, order, entry.station.0, entry.incarnation, seq_of(entry)?, what, amount, at_of(entry)];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// What was done to a web order here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Paid,
    Ended,
    Refunded,
}

/// One act, with the entry that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acted {
    pub what: Act,
    pub amount_minor: i64,
    pub at: UtcMillis,
    pub station: DeviceId,
    pub incarnation: u32,
    pub seq: i64,
}

fn read_act(row: &Row<'_>) -> Result<Acted, Fault> {
    let what = match row.get::<_, String>(0)?.as_str() {
        "paid" => Act::Paid,
        "ended" => Act::Ended,
        "refunded" => Act::Refunded,
        other => return Err(Fault::Data(format!("{other:?} is nothing that is done to an order"))),
    };
    Ok(Acted {
        what,
        amount_minor: row.get(1)?,
        at: UtcMillis(row.get(2)?),
        station: DeviceId(row.get(3)?),
        incarnation: row.get(4)?,
        seq: row.get(5)?,
    })
}

const ACT: &str = "what, amount_minor, at, station, incarnation, seq";

/// What was done to an order here since `since` (incarnation and number), in order.
pub fn acts(tx: &Transaction<'_>, order: OrderId, since: (u32, i64)) -> Result<Vec<Acted>, Fault> {
    let sql = format!(
        "SELECT {ACT} FROM counter_act WHERE order_id = ?1 AND (incarnation, seq) > (?2, ?3) ORDER BY incarnation, seq"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![order.0.as_bytes().as_slice(), since.0, since.1])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read_act(row)?);
    }
    Ok(out)
}

/// The order of an act that an entry of this id recorded.
pub fn by_entry(tx: &Transaction<'_>, entry: EntryId) -> Result<Option<OrderId>, Fault> {
    let sql = "SELECT order_id FROM counter_act WHERE entry_id = ?1";
    let found: Option<Vec<u8>> =
        tx.prepare_cached(sql)?.query_row([entry.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    found.map(|id| Ok(OrderId(uuid_of(&id)?))).transpose()
}

/// A right, with the incarnation and number of the entry that took it.
pub type TakenRight = (HeldRight, (u32, i64));

fn read(row: &Row<'_>) -> Result<TakenRight, Fault> {
    let body: RightBody = serde_json::from_str(&row.get::<_, String>(0)?)?;
    let mut held = HeldRight::granted(&body, UtcMillis(row.get(1)?));
    held.over = row.get(2)?;
    held.state = row.get::<_, Option<String>>(3)?.map_or(Ok(LeaseState::Open), |state| enumerate(&state))?;
    held.recalled = row.get::<_, Option<bool>>(4)?.unwrap_or(false);
    Ok((held, (row.get(5)?, row.get(6)?)))
}

/// Over is what was given back, and a voucher that was spent here after the right was taken, by whichever right.
const RIGHT: &str = "SELECT r.body, r.at,
        EXISTS (SELECT 1 FROM right_released b WHERE b.right_id = r.right_id)
            OR EXISTS (SELECT 1 FROM voucher_spent s WHERE s.station = r.station
                AND s.voucher_id = json_extract(r.body, '$.subject.voucher_id')
                AND (s.incarnation, s.seq) > (r.incarnation, r.seq)),
        w.state, w.recalled, r.incarnation, r.seq
    FROM held_right r LEFT JOIN right_word w USING (right_id)";

/// The rights in force, in the order they were taken; none while this station doubts itself.
pub fn held(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<Vec<HeldRight>, Fault> {
    let in_force = serde_json::to_string(&copies::sells_from(tx, station, incarnation)?)?;
    let sql = format!(
        "{RIGHT} WHERE r.station = ?1 AND r.incarnation IN (SELECT value FROM json_each(?2)) ORDER BY r.incarnation, r.seq"
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query(params![station.0, in_force])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (held, _) = read(row)?;
        if held.may_use().is_ok() {
            out.push(held);
        }
    }
    Ok(out)
}

/// The last right this station had to an order, over or not, with where it was taken.
pub fn held_of_order(tx: &Transaction<'_>, order: OrderId) -> Result<Option<TakenRight>, Fault> {
    let sql = format!(
        "{RIGHT} WHERE json_extract(r.body, '$.subject.order_id') = ?1 ORDER BY r.incarnation DESC, r.seq DESC LIMIT 1"
    );
    tx.prepare_cached(&sql)?.query_row([order.to_string()], |row| Ok(read(row))).optional()?.transpose()
}

/// Whether this right was taken before, in any incarnation.
pub(super) fn known(tx: &Transaction<'_>, right: RightId) -> Result<bool, Fault> {
    let sql = "SELECT 1 FROM held_right WHERE right_id = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([right.0.as_bytes().as_slice()], |_| Ok(())).optional()?.is_some())
}

/// Rights that are held still, in force or frozen.
pub fn open_ids(tx: &Transaction<'_>) -> Result<Vec<Uuid>, Fault> {
    let mut statement = tx.prepare_cached(RIGHT)?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (held, _) = read(row)?;
        if !held.over {
            out.push(held.right_id.0);
        }
    }
    Ok(out)
}

/// Keeps what the server said of a right; answers whether it was news.
pub fn put_word(tx: &Transaction<'_>, row: &RightRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO right_word (right_id, state, recalled, epoch, version) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (right_id) DO UPDATE SET state = excluded.state, recalled = excluded.recalled,
            epoch = excluded.epoch, version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (right_word.epoch, right_word.version)";
    let id = row.right_id.0.as_bytes().as_slice();
    Ok(tx.prepare_cached(sql)?.execute(params![id, word(&row.state), row.recalled, epoch, row.version])? > 0)
}

/// Keeps a voucher whose home this till is, or was; answers whether it was news.
pub fn put_voucher(tx: &Transaction<'_>, row: &VoucherRow, epoch: i64) -> Result<bool, Fault> {
    let sql = "INSERT INTO voucher (voucher_id, event_id, code, spent, active, home, epoch, version)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (voucher_id) DO UPDATE SET event_id = excluded.event_id, code = excluded.code,
            spent = excluded.spent, active = excluded.active, home = excluded.home, epoch = excluded.epoch,
            version = excluded.version
        WHERE (excluded.epoch, excluded.version) > (voucher.epoch, voucher.version)";
    let home = row.home.map(|device| device.0);
    let values = params![row.voucher_id.0, row.event_id.0, row.code, row.spent, row.active, home, epoch, row.version];
    Ok(tx.prepare_cached(sql)?.execute(values)? > 0)
}

/// What the server last said of a voucher of this code: whether it is spent, and whether it is switched on.
pub fn voucher_word(tx: &Transaction<'_>, code: &str) -> Result<Option<(bool, bool)>, Fault> {
    let sql = "SELECT spent, active FROM voucher WHERE code = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([code], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The request for this code that was not answered yet, or a new one of this id.
pub(super) fn request(tx: &Transaction<'_>, code: &str, what: &str, new: RequestId) -> Result<RequestId, Fault> {
    let sql = "INSERT INTO right_request (code, what, request_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    tx.prepare_cached(sql)?.execute(params![code, what, new.0.as_bytes().as_slice()])?;
    let sql = "SELECT request_id FROM right_request WHERE code = ?1 AND what = ?2";
    let id: Vec<u8> = tx.prepare_cached(sql)?.query_row([code, what], |row| row.get(0))?;
    Ok(RequestId(uuid_of(&id)?))
}

/// The request was answered.
pub(super) fn answered(tx: &Transaction<'_>, request: RequestId) -> Result<(), Fault> {
    let sql = "DELETE FROM right_request WHERE request_id = ?1";
    tx.prepare_cached(sql)?.execute([request.0.as_bytes().as_slice()])?;
    Ok(())
}

/// Lets go of what entries up to `upto` said, which are dropped. That a voucher was spent is kept while a right to it
/// is.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let of = params![station.0, incarnation, upto];
    let those = "SELECT right_id FROM held_right WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3";
    for table in ["right_released", "right_word"] {
        tx.execute(&format!("DELETE FROM {table} WHERE right_id IN ({those})"), of)?;
    }
    for table in ["held_right", "counter_act"] {
        tx.execute(&format!("DELETE FROM {table} WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3"), of)?;
    }
    let spent = "DELETE FROM voucher_spent WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3
        AND NOT EXISTS (SELECT 1 FROM held_right r
            WHERE json_extract(r.body, '$.subject.voucher_id') = voucher_spent.voucher_id)";
    tx.execute(spent, of)?;
    Ok(())
}

impl Acted {
    /// In the order's currency.
    #[must_use]
    pub fn amount(&self, of: Money) -> Money {
        Money::new(self.amount_minor, of.currency)
    }
}

/// What is asked for, as a word.
pub(super) fn what_word(of: Option<RightKind>) -> &'static str {
    match of {
        None => "",
        Some(RightKind::Voucher) => "voucher",
        Some(RightKind::Order) => "order",
    }
}

/// Whether anything was done by a right to an order after it was taken, and when last.
pub(super) fn last_used(tx: &Transaction<'_>, subject: RightSubject) -> Result<Option<UtcMillis>, Fault> {
    let RightSubject::Order { order_id } = subject else { return Ok(None) };
    let sql = "SELECT max(at) FROM counter_act WHERE order_id = ?1";
    let at: Option<i64> = tx.prepare_cached(sql)?.query_row([order_id.0.as_bytes().as_slice()], |row| row.get(0))?;
    Ok(at.map(UtcMillis))
}
