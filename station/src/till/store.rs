//! SQL of sales, payments, receipts and prints; of what was undone in a file of its own.

mod voids;

pub use voids::project_void;
pub(super) use voids::{name_void, order_of_void_request, voided, voids};

use crate::{
    db::{uuid_of, word},
    error::Fault,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use willcall_domain::{
    catalog::QuotaRow,
    clock::UtcMillis,
    id::{DateId, DeviceId, EventId, ItemId, LeaseId, OrderId, PositionId, RequestId, VariationId},
    leases::UnitRef,
    money::{Currency, Money},
    sync::{Entry, Fact, fact::Printed},
};

/// A sale as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub order_id: OrderId,
    pub order_code: String,
    pub event_id: EventId,
    pub event_name: String,
    pub station: DeviceId,
    pub incarnation: u32,
    pub seq: i64,
    pub total: Money,
    pub at: UtcMillis,
}

/// A line of a sale as it is stored.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub position_id: PositionId,
    pub item_id: ItemId,
    pub variation_id: Option<VariationId>,
    pub date_id: Option<DateId>,
    pub addon_to: Option<PositionId>,
    pub name: String,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub blank: Option<LeaseId>,
    pub units: Vec<UnitRef>,
}

fn seq_of(entry: &Entry) -> Result<i64, Fault> {
    i64::try_from(entry.seq).map_err(|_| Fault::Data("a seq is too large".into()))
}

/// The rows of a sale.
pub fn project_sale(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Sale { order_id, order_code, event_id, request_id, lines, total } = fact else { return Ok(()) };
    let order = order_id.0.as_bytes().as_slice();
    let sql = "INSERT INTO sale (order_id, order_code, event_id, request_id, station, incarnation, seq, total_minor,
            currency, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    tx.prepare_cached(sql)?.execute(params![
        order,
        order_code,
        event_id.0,
        request_id.0.as_bytes().as_slice(),
        entry.station.0,
        entry.incarnation,
        seq_of(entry)?,
        total.minor,
        total.currency.code(),
        entry.at.wall.0.saturating_add(entry.at.offset_ms),
    ])?;
    let sql = "INSERT INTO sale_line (order_id, line, position_id, item_id, price_minor, tax_rate_bp, tax_minor, blank,
            units, item_version, variation_id, date_id, addon_to)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    let mut insert = tx.prepare_cached(sql)?;
    for (number, line) in (1_i64..).zip(lines) {
        insert.execute(params![
            order,
            number,
            line.position_id.0.as_bytes().as_slice(),
            line.item_id.0,
            line.price.minor,
            line.tax_rate_bp,
            line.tax.minor,
            line.blank.map(|l| l.0.as_bytes().to_vec()),
            serde_json::to_string(&line.units)?,
            line.item_version,
            line.variation_id.map(|v| v.0),
            line.date_id.map(|d| d.0),
            line.addon_to.map(|p| p.0.as_bytes().to_vec()),
        ])?;
    }
    Ok(())
}

/// The row of a payment, receipt or print.
pub fn project_money(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    match fact {
        Fact::Payment { payment_id, order_id, amount, given, change } => {
            let sql = "INSERT INTO payment (payment_id, order_id, amount_minor, given_minor, change_minor)
                VALUES (?1, ?2, ?3, ?4, ?5)";
            let (payment, order) = (payment_id.0.as_bytes().as_slice(), order_id.0.as_bytes().as_slice());
            tx.prepare_cached(sql)?.execute(params![payment, order, amount.minor, given.minor, change.minor])?;
        }
        Fact::Receipt { number, order_id, total } => {
            let sql = "INSERT INTO receipt (station, incarnation, number, order_id, total_minor)
                VALUES (?1, ?2, ?3, ?4, ?5)";
            let number = i64::try_from(*number).map_err(|_| Fault::Data("a receipt number is too large".into()))?;
            let order = order_id.0.as_bytes().as_slice();
            tx.prepare_cached(sql)?.execute(params![entry.station.0, entry.incarnation, number, order, total.minor])?;
            if total.minor < 0 {
                voids::project_void_receipt(tx, entry, *order_id, number)?;
            }
        }
        Fact::Print { order_id, what, copy, receipt } => {
            let sql = "INSERT INTO print (entry_id, order_id, what, copy, receipt) VALUES (?1, ?2, ?3, ?4, ?5)";
            let (id, order) = (entry.id.0.as_bytes().as_slice(), order_id.0.as_bytes().as_slice());
            tx.prepare_cached(sql)?.execute(params![id, order, word(what), copy, numbered(*receipt)?])?;
        }
        Fact::Refund { .. } => voids::project_refund(tx, fact)?,
        Fact::Opened { .. }
        | Fact::LeaseAccepted { .. }
        | Fact::Sale { .. }
        | Fact::Scan { .. }
        | Fact::LeaseReturned { .. }
        | Fact::HandOverGiven { .. }
        | Fact::HandOverTaken { .. }
        | Fact::HandOverDeclined { .. }
        | Fact::RightTaken { .. }
        | Fact::RightReleased { .. }
        | Fact::Void { .. }
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

fn numbered(receipt: Option<u64>) -> Result<Option<i64>, Fault> {
    let number = receipt.map(i64::try_from).transpose();
    number.map_err(|_| Fault::Data("a receipt number is too large".into()))
}

/// Writes beside a sale what it was called when it was sold.
pub(super) fn name_sale(tx: &Transaction<'_>, order: OrderId, event: &str, lines: &[String]) -> Result<(), Fault> {
    let id = order.0.as_bytes().as_slice();
    tx.prepare_cached("UPDATE sale SET event_name = ?2 WHERE order_id = ?1")?.execute(params![id, event])?;
    let mut update = tx.prepare_cached("UPDATE sale_line SET name = ?3 WHERE order_id = ?1 AND line = ?2")?;
    for (number, name) in (1_i64..).zip(lines) {
        update.execute(params![id, number, name])?;
    }
    Ok(())
}

/// The order of a request that was answered before.
pub(super) fn order_of_request(tx: &Transaction<'_>, request: RequestId) -> Result<Option<OrderId>, Fault> {
    let sql = "SELECT order_id FROM sale WHERE request_id = ?1";
    let found: Option<Vec<u8>> =
        tx.prepare_cached(sql)?.query_row([request.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    found.map(|id| Ok(OrderId(uuid_of(&id)?))).transpose()
}

/// The order of this code, in whichever case it was typed.
pub(super) fn order_of_code(tx: &Transaction<'_>, code: &str) -> Result<Option<OrderId>, Fault> {
    let sql = "SELECT order_id FROM sale WHERE order_code = upper(?1)";
    let found: Option<Vec<u8>> = tx.prepare_cached(sql)?.query_row([code], |row| row.get(0)).optional()?;
    found.map(|id| Ok(OrderId(uuid_of(&id)?))).transpose()
}

/// How many sales an incarnation has made.
pub(super) fn sales_of(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM sale WHERE station = ?1 AND incarnation = ?2";
    Ok(tx.prepare_cached(sql)?.query_row(params![station.0, incarnation], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// The last receipt number of an incarnation; 0 before the first.
pub(super) fn last_receipt(tx: &Transaction<'_>, station: DeviceId, incarnation: u32) -> Result<u64, Fault> {
    let sql = "SELECT coalesce(max(number), 0) FROM receipt WHERE station = ?1 AND incarnation = ?2";
    Ok(tx.prepare_cached(sql)?.query_row(params![station.0, incarnation], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// How many units of a quota were sold here since an instant.
pub fn sold_since(tx: &Transaction<'_>, quota: &QuotaRow, since: UtcMillis) -> Result<u32, Fault> {
    let sql = "SELECT count(*) FROM sale JOIN sale_line USING (order_id)
        WHERE sale.at >= ?1 AND item_id IN (SELECT value FROM json_each(?2)) AND (?3 IS NULL OR date_id = ?3)";
    let values = params![since.0, serde_json::to_string(&quota.items)?, quota.date_id.map(|d| d.0)];
    Ok(tx.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}

fn currency_of(text: &str) -> Result<Currency, Fault> {
    text.parse().map_err(|_| Fault::Data(format!("{text:?} is no currency")))
}

const SALE: &str = "order_id, order_code, event_id, event_name, station, incarnation, seq, total_minor, currency, at";

fn read_sale(row: &Row<'_>) -> Result<Sale, Fault> {
    Ok(Sale {
        order_id: OrderId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?),
        order_code: row.get(1)?,
        event_id: EventId(row.get(2)?),
        event_name: row.get(3)?,
        station: DeviceId(row.get(4)?),
        incarnation: row.get(5)?,
        seq: row.get(6)?,
        total: Money::new(row.get(7)?, currency_of(&row.get::<_, String>(8)?)?),
        at: UtcMillis(row.get(9)?),
    })
}

/// One sale.
pub(super) fn sale(tx: &Transaction<'_>, order: OrderId) -> Result<Option<Sale>, Fault> {
    let sql = format!("SELECT {SALE} FROM sale WHERE order_id = ?1");
    let id = order.0.as_bytes().as_slice();
    tx.prepare_cached(&sql)?.query_row([id], |row| Ok(read_sale(row))).optional()?.transpose()
}

/// The newest sales, newest first.
pub(super) fn newest_sales(tx: &Transaction<'_>, most: u32) -> Result<Vec<Sale>, Fault> {
    let sql = format!("SELECT {SALE} FROM sale ORDER BY at DESC, seq DESC LIMIT ?1");
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query([most])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read_sale(row)?);
    }
    Ok(out)
}

/// The lines of a sale, in order.
pub(super) fn lines(tx: &Transaction<'_>, sale: &Sale) -> Result<Vec<Line>, Fault> {
    let sql =
        "SELECT position_id, item_id, name, price_minor, tax_rate_bp, blank, units, variation_id, date_id, addon_to
        FROM sale_line WHERE order_id = ?1 ORDER BY line";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([sale.order_id.0.as_bytes().as_slice()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let (blank, addon_to): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(5)?, row.get(9)?);
        out.push(Line {
            position_id: PositionId(uuid_of(&row.get::<_, Vec<u8>>(0)?)?),
            item_id: ItemId(row.get(1)?),
            variation_id: row.get::<_, Option<i64>>(7)?.map(VariationId),
            date_id: row.get::<_, Option<i64>>(8)?.map(DateId),
            addon_to: addon_to.map(|id| uuid_of(&id).map(PositionId)).transpose()?,
            name: row.get(2)?,
            price: Money::new(row.get(3)?, sale.total.currency),
            tax_rate_bp: row.get(4)?,
            blank: blank.map(|id| uuid_of(&id).map(LeaseId)).transpose()?,
            units: serde_json::from_str(&row.get::<_, String>(6)?)?,
        });
    }
    Ok(out)
}

/// Cash given and change of a sale; zero where nothing was owed.
pub(super) fn paid(tx: &Transaction<'_>, sale: &Sale) -> Result<(Money, Money), Fault> {
    let sql = "SELECT given_minor, change_minor FROM payment WHERE order_id = ?1";
    let id = sale.order_id.0.as_bytes().as_slice();
    let found: Option<(i64, i64)> =
        tx.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (given, change) = found.unwrap_or((0, 0));
    Ok((Money::new(given, sale.total.currency), Money::new(change, sale.total.currency)))
}

/// Cash given for an order and change, over all payments, in minor units.
pub(super) fn paid_for(tx: &Transaction<'_>, order: OrderId) -> Result<(i64, i64), Fault> {
    let sql = "SELECT coalesce(sum(given_minor), 0), coalesce(sum(change_minor), 0) FROM payment WHERE order_id = ?1";
    let id = order.0.as_bytes().as_slice();
    Ok(tx.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Whether this is a sale of this machine.
pub fn is_own(tx: &Transaction<'_>, order: OrderId) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sale WHERE order_id = ?1)";
    Ok(tx.prepare_cached(sql)?.query_row([order.0.as_bytes().as_slice()], |row| row.get(0))?)
}

/// The receipt of a sale, `<till>-<incarnation>-<number>`; `None` where its entry was lost.
pub(super) fn receipt_number(tx: &Transaction<'_>, order: OrderId) -> Result<Option<String>, Fault> {
    let sql =
        "SELECT station || '-' || incarnation || '-' || number FROM receipt WHERE order_id = ?1 AND total_minor >= 0
        ORDER BY incarnation, number LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([order.0.as_bytes().as_slice()], |row| row.get(0)).optional()?)
}

/// How often a paper of a sale left the printer; `receipt` names one over money that went back.
pub(super) fn copies(tx: &Transaction<'_>, order: OrderId, what: Printed, receipt: Option<u64>) -> Result<u32, Fault> {
    let sql = "SELECT count(*) FROM print WHERE order_id = ?1 AND what = ?2 AND receipt IS ?3";
    let of = params![order.0.as_bytes().as_slice(), word(&what), numbered(receipt)?];
    Ok(tx.prepare_cached(sql)?.query_row(of, |row| row.get(0))?)
}

/// Lets go of sales whose entries up to `upto` are dropped, with all that belongs to them.
pub fn drop_until(tx: &Transaction<'_>, station: DeviceId, incarnation: u32, upto: u64) -> Result<(), Fault> {
    let upto = i64::try_from(upto).map_err(|_| Fault::Data("a seq is too large".into()))?;
    let those = "SELECT order_id FROM sale WHERE station = ?1 AND incarnation = ?2 AND seq <= ?3";
    for table in ["sale_line", "payment", "receipt", "print", "void", "refund", "sale"] {
        tx.execute(&format!("DELETE FROM {table} WHERE order_id IN ({those})"), params![station.0, incarnation, upto])?;
    }
    Ok(())
}
