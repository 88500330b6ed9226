//! SQL of journals: entries as they came, and what became of each.

use crate::app::Tx;
use sqlx::{Row as _, postgres::PgRow, types::Json};
use uuid::Uuid;
use willcall_domain::{
    id::{CaseId, DeviceId, EntryId, OrderId},
    sync::{At, Entry, EntryRef, Outcome, Private, intake::Link},
};

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

fn hash(row: &PgRow, column: &str) -> sqlx::Result<[u8; 32]> {
    row.try_get::<Vec<u8>, _>(column)?.try_into().map_err(|_| sqlx::Error::Decode("a hash is 32 bytes".into()))
}

/// What is stored under one name of the journal.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) struct Stored {
    pub link: Link,
    pub outcome: Outcome,
}

fn outcome(row: &PgRow) -> sqlx::Result<Outcome> {
    let case_id = CaseId(row.try_get::<Option<Uuid>, _>("case_id")?.unwrap_or_default());
    Ok(match row.try_get::<&str, _>("outcome")? {
        "applied" => Outcome::Applied,
        "applied_with_case" => Outcome::AppliedWithCase { case_id },
        _ => Outcome::Parked { case_id },
    })
}

fn stored(rows: &[PgRow]) -> sqlx::Result<Vec<Stored>> {
    rows.iter()
        .map(|r| {
            let seq = r.try_get::<i64, _>("seq")?.unsigned_abs();
            let link = Link { seq, hash: hash(r, "hash")?, prev: hash(r, "prev_hash")? };
            Ok(Stored { link, outcome: outcome(r)? })
        })
        .collect()
}

/// What is stored under these numbers.
pub(in crate::sync) async fn stored_of(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    seqs: &[i64],
) -> sqlx::Result<Vec<Stored>> {
    let (Some(least), Some(most)) = (seqs.iter().min(), seqs.iter().max()) else { return Ok(Vec::new()) };
    // The limits are for the index: without them each entry of a long journal may be held against each of the numbers.
    let rows = sqlx::query(
        "SELECT seq, hash, prev_hash, outcome, case_id FROM journal_entry
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq BETWEEN $5 AND $6 AND seq = ANY($4)",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(seqs)
    .bind(least)
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    stored(&rows)
}

/// All that is stored above `after`: for where there is a hole, or a limit to lead to.
pub(in crate::sync) async fn stored_above(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    after: u64,
) -> sqlx::Result<Vec<Stored>> {
    let rows = sqlx::query(
        "SELECT seq, hash, prev_hash, outcome, case_id FROM journal_entry
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq > $4",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(after.cast_signed())
    .fetch_all(tx.conn())
    .await?;
    stored(&rows)
}

/// The first number that waits in an incarnation.
pub(in crate::sync) async fn first_waiting(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
) -> sqlx::Result<Option<u64>> {
    let seq: Option<i64> = sqlx::query_scalar(
        "SELECT min(seq) FROM journal_entry
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND outcome = 'parked'",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .fetch_one(tx.conn())
    .await?;
    Ok(seq.map(i64::unsigned_abs))
}

/// The hashes stored under one number.
pub(in crate::sync) async fn hashes(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    seq: u64,
) -> sqlx::Result<Vec<[u8; 32]>> {
    Ok(stored_of(tx, device, incarnation, &[seq.cast_signed()]).await?.iter().map(|s| s.link.hash).collect())
}

/// Which of these orders have a parked entry of this device: what refers to them parks with it.
pub(in crate::sync) async fn parked_orders(
    tx: &mut Tx,
    device: DeviceId,
    orders: &[Uuid],
) -> sqlx::Result<Vec<OrderId>> {
    // Entries of the first version do not say beside their body what they are about.
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT o.id FROM unnest($3::uuid[]) AS o (id)
         JOIN journal_entry j ON j.organizer_id = $1 AND j.device_id = $2 AND j.outcome = 'parked'
              AND coalesce(j.about::text, j.body::jsonb ->> 'order_id') = o.id::text",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(orders)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(OrderId).collect())
}

/// One entry as it will be stored.
#[derive(Debug)]
pub(in crate::sync) struct NewEntry<'a> {
    pub entry: &'a Entry,
    pub about: Option<OrderId>,
    pub outcome: Outcome,
}

fn words(outcome: Outcome) -> (&'static str, Option<Uuid>) {
    match outcome {
        Outcome::Applied => ("applied", None),
        Outcome::AppliedWithCase { case_id } => ("applied_with_case", Some(case_id.0)),
        Outcome::Parked { case_id } => ("parked", Some(case_id.0)),
    }
}

/// Entries of one incarnation, in one statement.
pub(in crate::sync) async fn insert_entries(tx: &mut Tx, entries: &[NewEntry<'_>]) -> sqlx::Result<()> {
    let Some(first) = entries.first().map(|e| e.entry) else { return Ok(()) };
    let now = tx.now();
    let hex = |text: &str| hex::decode(text).map_err(|e| sqlx::Error::Encode(e.into()));
    let all = || entries.iter().map(|e| e.entry);
    let header = |e: &Entry| Json(serde_json::json!({ "at": e.at, "saw": e.saw, "private_hash": e.private_hash }));
    let private = |e: &Entry| e.private.as_ref().map(serde_json::to_string).transpose();
    sqlx::query(
        "INSERT INTO journal_entry (organizer_id, device_id, incarnation, seq, entry_id, kind, at, body, private, header,
             prev_hash, hash, signature, received_at, outcome, case_id, about)
         SELECT $1, $2, $3, e.seq, e.entry_id, e.kind, e.at, e.body, e.private, e.header, e.prev_hash, e.hash, e.signature,
             $4, e.outcome, e.case_id, e.about
         FROM unnest($5::bigint[], $6::uuid[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::jsonb[],
             $12::bytea[], $13::bytea[], $14::bytea[], $15::text[], $16::uuid[], $17::uuid[])
             AS e (seq, entry_id, kind, at, body, private, header, prev_hash, hash, signature, outcome, case_id, about)",
    )
    .bind(tx.organizer.0)
    .bind(first.station.0)
    .bind(i64::from(first.incarnation))
    .bind(now.0)
    .bind(all().map(|e| e.seq.cast_signed()).collect::<Vec<_>>())
    .bind(all().map(|e| e.id.0).collect::<Vec<_>>())
    .bind(all().map(|e| e.kind.as_str()).collect::<Vec<_>>())
    .bind(all().map(|e| e.at.wall.0).collect::<Vec<_>>())
    .bind(all().map(|e| e.body.as_str()).collect::<Vec<_>>())
    .bind(all().map(private).collect::<Result<Vec<_>, _>>().map_err(|e| sqlx::Error::Encode(e.into()))?)
    .bind(all().map(header).collect::<Vec<_>>())
    .bind(all().map(|e| hex(&e.prev_hash)).collect::<sqlx::Result<Vec<_>>>()?)
    .bind(all().map(|e| hex(&e.hash)).collect::<sqlx::Result<Vec<_>>>()?)
    .bind(all().map(|e| hex(&e.signature)).collect::<sqlx::Result<Vec<_>>>()?)
    .bind(entries.iter().map(|e| words(e.outcome).0).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| words(e.outcome).1).collect::<Vec<_>>())
    .bind(entries.iter().map(|e| e.about.map(|o| o.0)).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An entry that waits: as it came, and the case it waits with.
#[derive(Debug, Clone)]
pub(in crate::sync) struct Waiting {
    pub entry: Entry,
    pub case_id: CaseId,
}

/// Which waiting entries.
#[derive(Debug, Clone, Copy)]
pub(in crate::sync) enum Which {
    /// All of a case.
    OfCase(CaseId),
    /// What waits for an order of a device: another entry about it is parked, or nobody had heard of it.
    ForOrder(DeviceId, OrderId),
    /// What could not be applied behind a hole of an incarnation, from above this number on. What waits because the
    /// device was switched off or had closed is not among it.
    Behind(DeviceId, u32, u64),
}

/// Entries that are parked, in the order they were written.
pub(in crate::sync) async fn waiting(tx: &mut Tx, which: Which) -> sqlx::Result<Vec<Waiting>> {
    const COLUMNS: &str = "SELECT j.device_id, j.incarnation, j.seq, j.entry_id, j.kind, j.body, j.private, j.header,
             j.prev_hash, j.hash, j.signature, j.case_id FROM journal_entry j";
    let query = match which {
        Which::OfCase(_) => format!(
            "{COLUMNS} WHERE j.organizer_id = $1 AND j.case_id = $2 AND j.outcome = 'parked'
             ORDER BY j.device_id, j.incarnation, j.seq LIMIT 10000"
        ),
        Which::ForOrder(..) => format!(
            "{COLUMNS} JOIN station_case c ON c.organizer_id = j.organizer_id AND c.case_id = j.case_id
             WHERE j.organizer_id = $1 AND j.device_id = $2 AND j.outcome = 'parked' AND c.closed_at IS NULL
                 AND c.kind IN ('refers_to_parked', 'unknown_order')
                 AND coalesce(j.about::text, j.body::jsonb ->> 'order_id') = $3::text
             ORDER BY j.incarnation, j.seq"
        ),
        Which::Behind(..) => format!(
            "{COLUMNS} JOIN station_case c ON c.organizer_id = j.organizer_id AND c.case_id = j.case_id
             WHERE j.organizer_id = $1 AND j.device_id = $2 AND j.incarnation = $3 AND j.seq > $4
                 AND j.outcome = 'parked' AND c.closed_at IS NULL
                 AND c.kind NOT IN ('after_revocation', 'after_closed')
             ORDER BY j.seq LIMIT 10000"
        ),
    };
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(tx.organizer.0);
    let query = match which {
        Which::OfCase(case) => query.bind(case.0),
        Which::ForOrder(device, order) => query.bind(device.0).bind(order.0.to_string()),
        Which::Behind(device, incarnation, after) => {
            query.bind(device.0).bind(i64::from(incarnation)).bind(after.cast_signed())
        }
    };
    let rows = query.fetch_all(tx.conn()).await?;
    rows.iter().map(|r| Ok(Waiting { entry: entry(r)?, case_id: CaseId(r.try_get("case_id")?) })).collect()
}

/// Entries of a journal as they came, after this number. Of a fork both are there, the one that came first before the
/// other.
pub(in crate::sync) async fn entries_after(
    tx: &mut Tx,
    device: DeviceId,
    incarnation: u32,
    after: u64,
    most: i64,
) -> sqlx::Result<Vec<Entry>> {
    let rows = sqlx::query(
        "SELECT device_id, incarnation, seq, entry_id, kind, body, private, header, prev_hash, hash, signature
         FROM journal_entry WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq > $4
         ORDER BY seq, received_at LIMIT $5",
    )
    .bind(tx.organizer.0)
    .bind(device.0)
    .bind(i64::from(incarnation))
    .bind(after.cast_signed())
    .bind(most)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(entry).collect()
}

/// What stands beside an entry in the database.
#[derive(serde::Deserialize)]
struct Header {
    at: At,
    saw: Vec<EntryRef>,
    private_hash: String,
}

fn entry(r: &PgRow) -> sqlx::Result<Entry> {
    let Json(header): Json<Header> = r.try_get("header")?;
    let private: Option<String> = r.try_get("private")?;
    let signature: Vec<u8> = r.try_get("signature")?;
    Ok(Entry {
        station: DeviceId(r.try_get("device_id")?),
        incarnation: u32::try_from(r.try_get::<i64, _>("incarnation")?).map_err(decode)?,
        seq: r.try_get::<i64, _>("seq")?.unsigned_abs(),
        id: EntryId(r.try_get("entry_id")?),
        kind: r.try_get("kind")?,
        at: header.at,
        saw: header.saw,
        body: r.try_get("body")?,
        private_hash: header.private_hash,
        prev_hash: hex::encode(hash(r, "prev_hash")?),
        hash: hex::encode(hash(r, "hash")?),
        signature: hex::encode(signature),
        private: private.map(|text| serde_json::from_str::<Private>(&text)).transpose().map_err(decode)?,
    })
}

pub(in crate::sync) async fn set_outcome(tx: &mut Tx, entry: &Entry, outcome: Outcome) -> sqlx::Result<()> {
    let (word, case) = words(outcome);
    sqlx::query(
        "UPDATE journal_entry SET outcome = $6, case_id = coalesce($7, case_id)
         WHERE organizer_id = $1 AND device_id = $2 AND incarnation = $3 AND seq = $4 AND hash = decode($5, 'hex')",
    )
    .bind(tx.organizer.0)
    .bind(entry.station.0)
    .bind(i64::from(entry.incarnation))
    .bind(entry.seq.cast_signed())
    .bind(&entry.hash)
    .bind(word)
    .bind(case)
    .execute(tx.conn())
    .await?;
    Ok(())
}
