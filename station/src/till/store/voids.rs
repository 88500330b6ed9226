//! SQL of what was undone: positions, money that went back, and its receipts.

use crate::{
    db::{enumerate, uuid_of, word},
    error::Fault,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::collections::HashSet;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, OrderId, PositionId, RequestId},
    sync::{Entry, Fact, fact::Paper},
};

/// Positions undone together, as stored.
#[derive(Debug, Clone)]
pub(in crate::till) struct Void {
    pub station: DeviceId,
    pub incarnation: u32,
    pub seq: i64,
    pub positions: Vec<PositionId>,
    pub paper: Paper,
    pub at: UtcMillis,
    /// The number of its receipt; `None` where no money went back.
    pub receipt: Option<u64>,
}

fn number(value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::Data("a number is too large".into()))
}

/// The row of a void.
pub fn project_void(tx: &Transaction<'_>, entry: &Entry, fact: &Fact) -> Result<(), Fault> {
    let Fact::Void { order_id, positions, paper, .. } = fact else { return Ok(()) };
    let sql = "INSERT INTO void (station, incarnation, seq, order_id, positions, paper, at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.prepare_cached(sql)?.execute(params![
        entry.station.0,
        entry.incarnation,
        number(entry.seq)?,
        order_id.0.as_bytes().as_slice(),
        serde_json::to_string(positions)?,
        word(paper),
        entry.at.wall.0.saturating_add(entry.at.offset_ms),
    ])?;
    Ok(())
}

/// The row of money that went back.
pub(super) fn project_refund(tx: &Transaction<'_>, fact: &Fact) -> Result<(), Fault> {
    let Fact::Refund { refund_id, order_id, amount } = fact else { return Ok(()) };
    let sql = "INSERT INTO refund (refund_id, order_id, amount_minor) VALUES (?1, ?2, ?3)";
    let (refund, order) = (refund_id.0.as_bytes().as_slice(), order_id.0.as_bytes().as_slice());
    tx.prepare_cached(sql)?.execute(params![refund, order, amount.minor])?;
    Ok(())
}

/// A receipt over money that went back belongs to the void before it.
pub(super) fn project_void_receipt(
    tx: &Transaction<'_>,
    entry: &Entry,
    order: OrderId,
    receipt: i64,
) -> Result<(), Fault> {
    let sql =
        "UPDATE void SET receipt = ?5 WHERE order_id = ?1 AND station = ?2 AND incarnation = ?3 AND receipt IS NULL
        AND seq = (SELECT max(seq) FROM void v WHERE v.order_id = ?1 AND v.station = ?2 AND v.incarnation = ?3
            AND v.seq < ?4)";
    let of = params![order.0.as_bytes().as_slice(), entry.station.0, entry.incarnation, number(entry.seq)?, receipt];
    tx.prepare_cached(sql)?.execute(of)?;
    Ok(())
}

/// Notes by which request a void was asked for.
pub(in crate::till) fn name_void(tx: &Transaction<'_>, of: &Entry, request: RequestId) -> Result<(), Fault> {
    let sql = "UPDATE void SET request_id = ?4 WHERE station = ?1 AND incarnation = ?2 AND seq = ?3";
    let values = params![of.station.0, of.incarnation, number(of.seq)?, request.0.as_bytes().as_slice()];
    tx.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The order of a request to undo that was answered before.
pub(in crate::till) fn order_of_void_request(
    tx: &Transaction<'_>,
    request: RequestId,
) -> Result<Option<OrderId>, Fault> {
    let sql = "SELECT order_id FROM void WHERE request_id = ?1";
    let found: Option<Vec<u8>> =
        tx.prepare_cached(sql)?.query_row([request.0.as_bytes().as_slice()], |row| row.get(0)).optional()?;
    found.map(|id| Ok(OrderId(uuid_of(&id)?))).transpose()
}

/// What of an order was undone, oldest first.
pub(in crate::till) fn voids(tx: &Transaction<'_>, order: OrderId) -> Result<Vec<Void>, Fault> {
    let sql = "SELECT station, incarnation, seq, positions, paper, at, receipt FROM void WHERE order_id = ?1
        ORDER BY incarnation, seq";
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([order.0.as_bytes().as_slice()])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

fn read(row: &Row<'_>) -> Result<Void, Fault> {
    Ok(Void {
        station: DeviceId(row.get(0)?),
        incarnation: row.get(1)?,
        seq: row.get(2)?,
        positions: serde_json::from_str(&row.get::<_, String>(3)?)?,
        paper: enumerate(&row.get::<_, String>(4)?)?,
        at: UtcMillis(row.get(5)?),
        receipt: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
    })
}

/// Positions of an order that were undone.
pub(in crate::till) fn voided(tx: &Transaction<'_>, order: OrderId) -> Result<HashSet<PositionId>, Fault> {
    Ok(voids(tx, order)?.into_iter().flat_map(|void| void.positions).collect())
}
