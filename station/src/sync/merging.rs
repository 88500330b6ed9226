//! A whole download into the tables, under own facts. Where somebody may be scanning it goes in slices, so that nobody
//! waits for more than one of them; the cursor moves with the last. A program that is killed in between leaves newer rows
//! under an old cursor, and no row is replaced by an older one when the next download comes.

use super::{
    pull::{self, Applied, Merge},
    scope,
    snapshot::Whole,
    spool::Spooled,
    store,
    transport::{Refusal, Standing},
};
use crate::{catalog, checkin, error::Fault, orders, station::Station};
use rusqlite::Transaction;
use std::{collections::HashSet, sync::Arc};
use tokio::sync::mpsc;
use willcall_domain::{
    id::{DeviceId, PositionId},
    sync::{Row, change::SnapshotStart},
};

/// Slices that are read ahead of the writer.
const AHEAD: usize = 4;

/// A whole download, and what of it is news here.
pub(super) struct Sifted {
    whole: Whole,
    /// For each line whether it has to be merged; empty where all have.
    news: Vec<bool>,
    seen: Seen,
    /// Positions that are here and not in the snapshot.
    unseen: Vec<PositionId>,
    /// Nobody can scan or sell here yet.
    empty: bool,
}

/// Looks each row up beside the writer. On a station that knows no event yet all is news.
pub(super) fn sift(tx: &Transaction<'_>, mut whole: Whole) -> Result<Sifted, Fault> {
    let epoch = store::epoch(tx, whole.start.history)?;
    let empty = catalog::events(tx)?.is_empty();
    let (Some(epoch), false) = (epoch, empty) else {
        return Ok(Sifted { whole, news: Vec::new(), seen: Seen::default(), unseen: Vec::new(), empty });
    };
    let mut news = Vec::with_capacity(usize::try_from(whole.spooled.lines).unwrap_or(0));
    let mut seen = Seen::default();
    while let Some(line) = whole.spooled.line()? {
        let row: Row = serde_json::from_slice(line)?;
        seen.note(&row);
        news.push(match &row {
            Row::Position(row) => orders::is_news(tx, row, epoch)?,
            Row::Scan(row) => checkin::is_news(tx, row)?,
            Row::Event(_)
            | Row::Item(_)
            | Row::Date(_)
            | Row::Quota(_)
            | Row::List(_)
            | Row::Key(_)
            | Row::VoidBlanks(_)
            | Row::Device(_)
            | Row::Organizer(_)
            | Row::Operator(_)
            | Row::Gate(_)
            | Row::Question(_)
            | Row::Medium(_)
            | Row::Badge(_)
            | Row::Lease(_)
            | Row::HandOver(_)
            | Row::Right(_)
            | Row::Voucher(_)
            | Row::Case(_)
            | Row::Erase(_)
            | Row::Gone(_)
            | Row::Unknown => true,
        });
    }
    whole.spooled.again()?;
    let unseen = match &whole.start.events {
        Some(events) if !whole.start.partial => orders::unseen(tx, events, epoch, &seen.positions)?,
        Some(_) | None => Vec::new(),
    };
    Ok(Sifted { whole, news, seen, unseen, empty })
}

/// Who takes a snapshot, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct From {
    pub me: DeviceId,
    pub spoken: u32,
    pub refused: Option<Standing>,
}

/// Merges a whole download; answers what it changed.
///
/// # Errors
/// When the server that answered is behind what is known here, or a part could not be stored. What went in before stays,
/// and the cursor stands where it stood.
pub(super) async fn merge(station: &Station, sifted: Sifted, from: From) -> Result<Applied, Refusal> {
    let mut total = Applied::default();
    let merged = merge_all(station, sifted, from, &mut total).await;
    if merged.is_err() {
        // What is kept in memory follows also what went in of a download that did not go in whole.
        pull::settle(station, total, false).await?;
    }
    merged.map(|()| total)
}

async fn merge_all(station: &Station, sifted: Sifted, from: From, total: &mut Applied) -> Result<(), Refusal> {
    let Sifted { whole, news, seen, unseen, empty } = sifted;
    let start = whole.start;
    let compares = !start.partial && !news.is_empty();
    let seen = compares.then_some(seen);
    let (sender, mut slices) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read_slices(whole.spooled, &news, &sender));
    if empty {
        let write = move |tx: &Transaction<'_>| all_at_once(tx, &start, from, slices);
        total.add(station.db().write(write).await?.map_err(Refusal::NoLink)?);
        return Ok(());
    }
    let start = Arc::new(start);
    let last = loop {
        let slice = slices.recv().await.ok_or(Fault::Closing)??;
        if slice.last {
            break slice;
        }
        let start = Arc::clone(&start);
        let write = move |tx: &Transaction<'_>| merge_slice(tx, &start, from, &slice.rows);
        total.add(station.db().write(write).await?.map_err(Refusal::NoLink)?);
    };
    for slice in unseen.chunks(pull::SLICE).filter(|_| compares) {
        let (start, slice) = (Arc::clone(&start), slice.to_vec());
        let write = move |tx: &Transaction<'_>| drop_slice(tx, &start, from, &slice);
        total.add(station.db().write(write).await?.map_err(Refusal::NoLink)?);
    }
    let write = move |tx: &Transaction<'_>| end(tx, &start, from, &last.rows, seen.as_ref());
    total.add(station.db().write(write).await?.map_err(Refusal::NoLink)?);
    Ok(())
}

/// Rows for one transaction.
struct Slice {
    rows: Vec<Row>,
    /// Nothing comes after it.
    last: bool,
}

/// Reads what is news beside the writer. Events and lists come in the last slice: by then all is here that somebody may
/// scan for with them.
fn read_slices(mut spooled: Spooled, news: &[bool], slices: &mpsc::Sender<Result<Slice, Fault>>) {
    let mut read = || -> Result<(), Fault> {
        let (mut rows, mut held_back, mut at) = (Vec::with_capacity(pull::SLICE), Vec::new(), 0);
        while let Some(line) = spooled.line()? {
            let is_news = news.get(at).copied().unwrap_or(true);
            at += 1;
            if !is_news {
                continue;
            }
            let row: Row = serde_json::from_slice(line)?;
            if matches!(row, Row::Event(_) | Row::List(_)) {
                held_back.push(row);
                continue;
            }
            rows.push(row);
            if rows.len() == pull::SLICE {
                let rows = std::mem::replace(&mut rows, Vec::with_capacity(pull::SLICE));
                if slices.blocking_send(Ok(Slice { rows, last: false })).is_err() {
                    // Who merges has given up, and says why.
                    return Ok(());
                }
            }
        }
        for slice in [Slice { rows, last: false }, Slice { rows: held_back, last: true }] {
            if slices.blocking_send(Ok(slice)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    };
    if let Err(fault) = read() {
        // Nobody waits for it any more where this cannot be sent.
        drop(slices.blocking_send(Err(fault)));
    }
}

/// Where this station stands in the history of a download; a sentence where the server that answered is behind what is
/// known here.
fn standing(
    tx: &Transaction<'_>,
    start: &SnapshotStart,
    from: From,
) -> Result<Result<Option<Standing>, String>, Fault> {
    let newest = store::newest_history(tx)?;
    if store::epoch(tx, start.history)?.is_some() && newest != Some(start.history) {
        return Ok(Err("A server answered that has been replaced by another since; its snapshot was left.".into()));
    }
    let same = store::standing(tx, from.spoken)?.filter(|here| here.after.history == start.history);
    if same.is_some() && same == from.refused && same.is_some_and(|here| here.after.position > start.position) {
        let behind = "The server knows less than it did: it was put back without `willcall-server recover`.";
        return Ok(Err(behind.into()));
    }
    if start.protocol.max(1) < from.spoken {
        return Ok(Err("The server is being updated; its snapshot is still of the earlier version.".into()));
    }
    Ok(Ok(same))
}

/// What a part came to; a sentence where nothing of it may be taken.
type Part = Result<Result<Applied, String>, Fault>;

fn merge_slice(tx: &Transaction<'_>, start: &SnapshotStart, from: From, rows: &[Row]) -> Part {
    if let Err(why) = standing(tx, start, from)? {
        return Ok(Err(why));
    }
    let epoch = store::meet_history(tx, start.history)?;
    let mut merge = Merge::begin(tx, epoch, from.me)?;
    merge.rows(rows)?;
    Ok(Ok(merge.applied))
}

/// Whether the feed has not been read beyond the snapshot: what it brought since is newer, and its absence from the
/// snapshot says nothing.
fn is_newest(same: Option<Standing>, start: &SnapshotStart) -> bool {
    same.is_none_or(|here| here.urgent <= start.position)
}

/// Takes away positions of this history that the snapshot no longer has.
fn drop_slice(tx: &Transaction<'_>, start: &SnapshotStart, from: From, unseen: &[PositionId]) -> Part {
    let same = match standing(tx, start, from)? {
        Err(why) => return Ok(Err(why)),
        Ok(same) => same,
    };
    let mut applied = Applied::default();
    if is_newest(same, start) {
        let epoch = store::meet_history(tx, start.history)?;
        applied.news = Merge::begin(tx, epoch, from.me)?.drop_unseen(unseen)?;
    }
    Ok(Ok(applied))
}

/// The last part: from here on the feed is followed from where the snapshot ends.
fn end(tx: &Transaction<'_>, start: &SnapshotStart, from: From, rows: &[Row], seen: Option<&Seen>) -> Part {
    let same = match standing(tx, start, from)? {
        Err(why) => return Ok(Err(why)),
        Ok(same) => same,
    };
    let epoch = store::meet_history(tx, start.history)?;
    let mut merge = Merge::begin(tx, epoch, from.me)?;
    merge.rows(rows)?;
    if let Some(seen) = seen.filter(|_| is_newest(same, start)) {
        seen.drop_others(tx, epoch)?;
    }
    if !start.partial {
        let position = same.map_or(start.position, |here| here.after.position.max(start.position));
        store::stand(tx, epoch, (position, same.map_or(position, |here| here.urgent)), start.protocol)?;
    }
    note_scope(tx, start)?;
    Ok(Ok(merge.applied))
}

/// Where nobody can scan or sell yet: all in one transaction, whole or not at all, and the indexes are built once at its
/// end.
fn all_at_once(
    tx: &Transaction<'_>,
    start: &SnapshotStart,
    from: From,
    mut slices: mpsc::Receiver<Result<Slice, Fault>>,
) -> Part {
    if let Err(why) = standing(tx, start, from)? {
        return Ok(Err(why));
    }
    let epoch = store::meet_history(tx, start.history)?;
    let mut merge = Merge::begin(tx, epoch, from.me)?;
    let last = loop {
        let slice = slices.blocking_recv().ok_or(Fault::Closing)??;
        if slice.last {
            break slice;
        }
        merge.rows(&slice.rows)?;
    };
    let mut applied = merge.applied;
    Ok(end(tx, start, from, &last.rows, None)?.map(|at_end| {
        applied.add(at_end);
        applied
    }))
}

/// A server of the first version does not say which events it sent: all that this station may see.
fn note_scope(tx: &Transaction<'_>, start: &SnapshotStart) -> Result<(), Fault> {
    let all = match &start.events {
        Some(events) => events.clone(),
        None => crate::devices::current(tx)?.map_or_else(Vec::new, |me| me.events),
    };
    scope::widen(tx, &all, start.names)?;
    scope::narrow(tx)
}

/// What a snapshot has.
#[derive(Default)]
struct Seen {
    events: Vec<i64>,
    items: Vec<i64>,
    dates: Vec<i64>,
    quotas: Vec<i64>,
    lists: Vec<i64>,
    positions: HashSet<PositionId>,
}

impl Seen {
    fn note(&mut self, row: &Row) {
        match row {
            Row::Event(row) => self.events.push(row.event_id.0),
            Row::Item(row) => self.items.push(row.item_id.0),
            Row::Date(row) => self.dates.push(row.date_id.0),
            Row::Quota(row) => self.quotas.push(row.quota_id.0),
            Row::List(row) => self.lists.push(row.list_id.0),
            Row::Position(row) => _ = self.positions.insert(row.position_id),
            Row::Key(_)
            | Row::Scan(_)
            | Row::VoidBlanks(_)
            | Row::Device(_)
            | Row::Organizer(_)
            | Row::Operator(_)
            | Row::Gate(_)
            | Row::Question(_)
            | Row::Medium(_)
            | Row::Badge(_)
            | Row::Lease(_)
            | Row::HandOver(_)
            | Row::Right(_)
            | Row::Voucher(_)
            | Row::Case(_)
            | Row::Erase(_)
            | Row::Gone(_)
            | Row::Unknown => {}
        }
    }

    /// Lets go of rows of this very history that it no longer has. What an earlier one had is nobody's to delete.
    fn drop_others(&self, tx: &Transaction<'_>, epoch: i64) -> Result<(), Fault> {
        let tables = [
            ("event", &self.events),
            ("item", &self.items),
            ("event_date", &self.dates),
            ("quota", &self.quotas),
            ("list", &self.lists),
        ];
        for (table, kept) in tables {
            let dropped = store::drop_missing(tx, table, kept, epoch)?;
            if dropped > 0 {
                tracing::info!(table, dropped, "rows that the snapshot no longer has");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
