//! A whole snapshot: read to its end first, then merged in one transaction under own facts. One that was cut off, or
//! whose rows cannot be read, changes nothing.

use super::{
    pull::{self, Applied, Merge},
    store,
    transport::Refusal,
};
use crate::{error::Fault, station::Station};
use flate2::read::MultiGzDecoder;
use rusqlite::Transaction;
use std::io::{BufRead, BufReader, Read};
use willcall_domain::{
    id::DeviceId,
    sync::{
        Row,
        change::{SnapshotEnd, SnapshotStart},
    },
};

/// Takes a snapshot.
///
/// # Errors
/// When the link fails, it was cut off, or it could not be stored; nothing has changed then.
pub async fn take(station: &Station) -> Result<Applied, Refusal> {
    let identity = station.enrolled()?;
    let bytes = station.transport().snapshot(&station.server(&identity)?).await?;
    let size = bytes.len();
    let me = identity.device_id;
    // Counted on its own first, so that the writer is never kept waiting for something that turns out to be half.
    let checked = tokio::task::spawn_blocking(move || check(&bytes).map(|rows| (bytes, rows)));
    let (bytes, rows) = checked.await.map_err(|_| Fault::Closing)??;
    let applied = station.db().write(move |tx| load(tx, &bytes, me)).await?;
    tracing::info!(rows, news = applied.news, compressed_bytes = size, "took a snapshot");
    pull::settle(station, Applied { door: true, till: true, reload: true, ..applied }, false).await?;
    Ok(applied)
}

fn lines(bytes: &[u8]) -> Box<dyn BufRead + '_> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(bytes)))
    } else {
        Box::new(BufReader::new(bytes))
    }
}

fn cut_off() -> Refusal {
    Refusal::NoLink("The snapshot was cut off.".into())
}

/// The number of rows, when it is whole: its last line says how many there are.
fn check(bytes: &[u8]) -> Result<u64, Refusal> {
    let mut reader = lines(bytes);
    let (mut count, mut last, mut line) = (0_u64, Vec::new(), Vec::new());
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(|_| cut_off())? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            count += 1;
            std::mem::swap(&mut last, &mut line);
        }
    }
    let end: SnapshotEnd = serde_json::from_slice(&last).map_err(|_| cut_off())?;
    // All lines but the first and the last are rows.
    if count.checked_sub(2) == Some(end.rows) { Ok(end.rows) } else { Err(cut_off()) }
}

fn load(tx: &Transaction<'_>, bytes: &[u8], me: DeviceId) -> Result<Applied, Fault> {
    let mut reader = lines(bytes);
    let mut line = String::new();
    let mut next = |line: &mut String| -> Result<bool, Fault> {
        line.clear();
        Ok(Read::by_ref(&mut reader).read_line(line)? > 0)
    };
    next(&mut line)?;
    let start: SnapshotStart = serde_json::from_str(&line)?;
    let before = store::cursor(tx)?;
    if before.is_some_and(|c| c.history == start.history && c.position > start.position) {
        // Another pull was faster; this is older than what is here.
        return Ok(Applied::default());
    }
    let epoch = store::meet_history(tx, start.history)?;
    let mut merge = Merge::begin(tx, epoch, me)?;
    let mut kept = Kept::default();
    while next(&mut line)? {
        let text = line.trim();
        match serde_json::from_str::<Row>(text) {
            Ok(row) => {
                kept.note(&row);
                merge.row(&row)?;
            }
            Err(_) if text.is_empty() || serde_json::from_str::<SnapshotEnd>(text).is_ok() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let applied = merge.applied;
    if before.is_some_and(|c| c.history == start.history) {
        kept.drop_others(tx)?;
    }
    store::set_cursor(tx, epoch, start.position)?;
    Ok(applied)
}

/// Catalogue rows a snapshot has.
#[derive(Default)]
struct Kept {
    events: Vec<i64>,
    items: Vec<i64>,
    quotas: Vec<i64>,
    lists: Vec<i64>,
}

impl Kept {
    fn note(&mut self, row: &Row) {
        match row {
            Row::Event(row) => self.events.push(row.event_id.0),
            Row::Item(row) => self.items.push(row.item_id.0),
            Row::Quota(row) => self.quotas.push(row.quota_id.0),
            Row::List(row) => self.lists.push(row.list_id.0),
            Row::Key(_)
            | Row::Position(_)
            | Row::Scan(_)
            | Row::VoidBlanks(_)
            | Row::Device(_)
            | Row::Gone(_)
            | Row::Unknown => {}
        }
    }

    fn drop_others(&self, tx: &Transaction<'_>) -> Result<(), Fault> {
        let tables = [("event", &self.events), ("item", &self.items), ("quota", &self.quotas), ("list", &self.lists)];
        for (table, kept) in tables {
            let dropped = store::drop_missing(tx, table, kept)?;
            if dropped > 0 {
                tracing::info!(table, dropped, "rows that the snapshot no longer has");
            }
        }
        Ok(())
    }
}
