//! SQL of blanks: the ranges that went with leases, and what of them is void. Never a code.

use crate::app::Tx;
use uuid::Uuid;
use willcall_domain::{
    catalog::Article,
    id::{DateId, DeviceId, EventId, ItemId, LeaseId, PositionId, VariationId},
    leases::{BlankRange, UnitRange, Units},
    sync::change::{VoidBlanks, VoidWhy},
    ticketing::{CodeFormat, blank},
};

/// A range as it is stored.
#[derive(sqlx::FromRow)]
struct Named {
    item_id: i64,
    variation_id: Option<i64>,
    date_id: Option<i64>,
    base: Uuid,
    count: i64,
}

impl Named {
    fn range(&self) -> sqlx::Result<BlankRange> {
        let article = Article {
            item_id: ItemId(self.item_id),
            variation_id: self.variation_id.map(VariationId),
            date_id: self.date_id.map(DateId),
        };
        Ok(BlankRange { article, base: PositionId(self.base), count: super::count(self.count)? })
    }
}

/// A range and what signs its codes.
#[derive(sqlx::FromRow)]
struct Keyed {
    #[sqlx(flatten)]
    named: Named,
    key_number: i16,
    format: String,
}

/// A range and the lease it went with.
#[derive(sqlx::FromRow)]
struct OfLease {
    lease_id: Uuid,
    #[sqlx(flatten)]
    named: Named,
}

pub(in crate::leases) async fn insert_blank_ranges(
    tx: &mut Tx,
    lease: LeaseId,
    ranges: &[BlankRange],
    key: u8,
    format: CodeFormat,
) -> sqlx::Result<()> {
    for range in ranges {
        sqlx::query(
            "INSERT INTO blank_range (organizer_id, lease_id, item_id, base, count, key_number, format, variation_id, date_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(tx.organizer.0)
        .bind(lease.0)
        .bind(range.article.item_id.0)
        .bind(range.base.0)
        .bind(i64::from(range.count))
        .bind(i16::from(key))
        .bind(format.as_str())
        .bind(range.article.variation_id.map(|v| v.0))
        .bind(range.article.date_id.map(|d| d.0))
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// The ranges of a lease as it came, with the key that signs them and their format.
pub(in crate::leases) async fn blank_ranges(
    tx: &mut Tx,
    lease: LeaseId,
) -> sqlx::Result<Vec<(BlankRange, u8, CodeFormat)>> {
    let rows: Vec<Keyed> = sqlx::query_as(
        "SELECT item_id, variation_id, date_id, base, count, key_number, format FROM blank_range
         WHERE organizer_id = $1 AND lease_id = $2 ORDER BY item_id, variation_id, date_id, base",
    )
    .bind(tx.organizer.0)
    .bind(lease.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|row| {
            let (range, key, format) = (row.named.range()?, row.key_number, row.format);
            let key = u8::try_from(key).map_err(|_| super::unreadable("a key number"))?;
            Ok((range, key, format.parse().map_err(|_| super::unreadable("a code format"))?))
        })
        .collect()
}

/// The numbers of a range's blanks that became tickets, as far as is known here.
pub(in crate::leases) async fn sold_blanks(tx: &mut Tx, range: BlankRange) -> sqlx::Result<Units> {
    let last = blank::position(range.base, range.numbers().until.saturating_sub(1));
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT position_id FROM order_position WHERE organizer_id = $1 AND position_id BETWEEN $2 AND $3",
    )
    .bind(tx.organizer.0)
    .bind(range.base.0)
    .bind(last.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().filter_map(|id| blank::index(range.base, PositionId(id))).collect())
}

/// The numbers of a range's blanks that are void already.
pub(in crate::leases) async fn void_ranges(tx: &mut Tx, base: PositionId) -> sqlx::Result<Units> {
    let rows: Vec<(i64, i64)> =
        sqlx::query_as("SELECT from_n, until_n FROM void_blanks WHERE organizer_id = $1 AND base = $2")
            .bind(tx.organizer.0)
            .bind(blank::base(base).0)
            .fetch_all(tx.conn())
            .await?;
    rows.into_iter()
        .map(|(from, until)| Ok(UnitRange { from: super::count(from)?, until: super::count(until)? }))
        .collect()
}

/// Voids a part of a range; the same again changes nothing, but that what was lost may turn out to be stolen, or unsold.
pub(in crate::leases) async fn void(
    tx: &mut Tx,
    (event, lease): (EventId, LeaseId),
    part: BlankRange,
    why: VoidWhy,
) -> sqlx::Result<()> {
    let now = tx.now();
    let numbers = part.numbers();
    sqlx::query(
        "INSERT INTO void_blanks (organizer_id, event_id, lease_id, item_id, base, from_n, until_n, why, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (organizer_id, base, from_n) DO UPDATE
             SET until_n = greatest(void_blanks.until_n, excluded.until_n), version = void_blanks.version + 1,
                 why = CASE WHEN void_blanks.why = 'lost' AND excluded.until_n >= void_blanks.until_n
                     THEN excluded.why ELSE void_blanks.why END",
    )
    .bind(tx.organizer.0)
    .bind(event.0)
    .bind(lease.0)
    .bind(part.article.item_id.0)
    .bind(blank::base(part.base).0)
    .bind(i64::from(numbers.from))
    .bind(i64::from(numbers.until))
    .bind(why.as_str())
    .bind(now.0)
    .execute(tx.conn())
    .await
    .map(drop)
}

/// Void blanks of these events, by lease; `only` names leases.
pub(in crate::leases) async fn void_blanks(
    tx: &mut Tx,
    events: &[EventId],
    only: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<VoidBlanks>> {
    type Row = (Uuid, i64, i64, Uuid, i64, i64, String);
    let events: Vec<i64> = events.iter().map(|e| e.0).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT lease_id, event_id, item_id, base, from_n, until_n, why FROM void_blanks
         WHERE organizer_id = $1 AND event_id = ANY($2) AND ($3::uuid[] IS NULL OR lease_id = ANY($3))
         ORDER BY base, from_n",
    )
    .bind(tx.organizer.0)
    .bind(events)
    .bind(only)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter()
        .map(|(lease, event, item, base, from, until, why)| {
            Ok(VoidBlanks {
                lease_id: LeaseId(lease),
                event_id: EventId(event),
                item_id: ItemId(item),
                base: PositionId(base),
                from: super::count(from)?,
                until: super::count(until)?,
                why: VoidWhy::of_word(&why),
            })
        })
        .collect()
}

/// Every range of blanks that went to a till, with its lease.
pub(in crate::leases) async fn ranges_of(tx: &mut Tx, till: DeviceId) -> sqlx::Result<Vec<(LeaseId, BlankRange)>> {
    let rows: Vec<OfLease> = sqlx::query_as(
        "SELECT b.lease_id, b.item_id, b.variation_id, b.date_id, b.base, b.count FROM lease l
         JOIN blank_range b ON b.organizer_id = l.organizer_id AND b.lease_id = l.lease_id
         WHERE l.organizer_id = $1 AND l.device_id = $2 ORDER BY b.base, b.item_id",
    )
    .bind(tx.organizer.0)
    .bind(till.0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok((LeaseId(row.lease_id), row.named.range()?))).collect()
}
