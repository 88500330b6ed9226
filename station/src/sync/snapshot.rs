//! A snapshot: read as it comes and put aside, and only once it is whole merged in one transaction under own facts. One
//! that was cut off, or is not the server's, changes nothing. What is here already is sorted out before the writer is
//! asked, so that nobody at the door waits for it.

use super::{
    pull::{self, Applied, Merge},
    scope::{self, Needed},
    spool::{Spool, Spooled},
    store,
    transport::{Download, Refusal, Standing},
};
use crate::{catalog, checkin, error::Fault, orders, station::Station};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use rusqlite::Transaction;
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Cursor, Read},
};
use tokio::sync::mpsc;
use willcall_domain::{
    id::{DeviceId, PositionId},
    sync::{
        Row,
        change::{SnapshotEnd, SnapshotStart},
    },
};

/// Pieces of the download between the line and who reads them.
const AHEAD: usize = 16;
/// A line longer than this is not the server's.
const LONGEST_LINE: u64 = 4 << 20;

/// Takes a snapshot if one is needed: before the first, where the server refused to be followed from `refused`, and for
/// events that came into the scope. Answers what it brought; `None` where none was needed.
///
/// # Errors
/// When the link fails, it was cut off or is not the server's, or it could not be stored; nothing has changed then.
pub async fn fill(station: &Station, refused: Option<Standing>) -> Result<Option<Applied>, Refusal> {
    // A person and the loop may ask at once; who comes second finds that it is there.
    let _one = station.link().downloading().lock().await;
    let identity = station.enrolled()?;
    let spoken = station.link().spoken();
    let asked = station.db().read(move |tx| Ok((scope::needed(tx, spoken, refused)?, store::standing(tx, spoken)?)));
    let (needed, standing) = asked.await?;
    let events = match needed {
        None => return Ok(None),
        Some(Needed::Whole) => Vec::new(),
        Some(Needed::Events(events)) => events,
    };
    if !station.db().disk().reading().takes_downloads() {
        return Err(Fault::NoRoom.into());
    }
    // Older than what was read of the feed already it would be of no use.
    let least = if refused.is_some() { None } else { standing.map(|here| here.after) };
    let download = station.transport().snapshot(&station.server(&identity)?, &events, least).await?;
    let spool = Spool::create(station.folder(), &*station.host().entropy)?;
    let whole = receive(download, spool).await?;
    let (rows, position) = (whole.spooled.lines, whole.start.position);
    let sifted = station.db().read(move |tx| sift(tx, whole)).await?;
    let from = From { me: identity.device_id, spoken, refused };
    let swapped = station.db().write(move |tx| swap(tx, sifted, &from)).await?;
    let applied = swapped.map_err(Refusal::NoLink)?;
    tracing::info!(rows, news = applied.news, position, events = events.len(), "took a snapshot");
    pull::settle(station, Applied { door: true, till: true, reload: true, ..applied }, false).await?;
    Ok(Some(applied))
}

/// A download that has arrived to its end.
struct Whole {
    start: SnapshotStart,
    spooled: Spooled,
}

fn cut_off() -> Refusal {
    Refusal::Unusable("The snapshot was cut off.".into())
}

/// Reads a download to its end: unpacks it, sees that it is whole, and puts its rows aside.
async fn receive(mut download: Download, spool: Spool) -> Result<Whole, Refusal> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || read(Chunks { receiver, chunk: Cursor::default() }, spool));
    let mut broken = None;
    while let Some(chunk) = download.next().await {
        match chunk {
            Ok(chunk) => {
                if sender.send(chunk).await.is_err() {
                    // Who reads has given up, and says why below.
                    break;
                }
            }
            Err(refusal) => {
                broken = Some(refusal);
                break;
            }
        }
    }
    drop(sender);
    let read = reading.await.map_err(|_| Fault::Closing)?;
    broken.map_or(read, Err)
}

/// The download as something to read from.
struct Chunks {
    receiver: mpsc::Receiver<Vec<u8>>,
    chunk: Cursor<Vec<u8>>,
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.chunk.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = Cursor::new(chunk),
                None => return Ok(0),
            }
        }
    }
}

fn read(chunks: Chunks, mut spool: Spool) -> Result<Whole, Refusal> {
    let mut packed = BufReader::with_capacity(1 << 16, chunks);
    let is_packed = packed.fill_buf().map_err(|_| cut_off())?.starts_with(&[0x1f]);
    let mut lines: Box<dyn BufRead> = if is_packed {
        Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(packed)))
    } else {
        Box::new(packed)
    };
    let (mut first, mut last, mut line) = (None, Vec::new(), Vec::new());
    loop {
        line.clear();
        let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|_| cut_off())?;
        if read == 0 {
            break;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if first.is_none() {
            first = Some(beginning(text)?);
            continue;
        }
        // The last line is no row, and only the end shows which is the last.
        if !last.is_empty() {
            spool.line(&last)?;
        }
        last.clear();
        last.extend_from_slice(text);
    }
    let end: SnapshotEnd = serde_json::from_slice(&last).map_err(|_| cut_off())?;
    let (Some(start), spooled) = (first, spool.finish()?) else { return Err(cut_off()) };
    // A row that cannot be read as JSON at all is no row of the server's.
    if spooled.lines == end.rows { Ok(Whole { start, spooled }) } else { Err(cut_off()) }
}

fn beginning(line: &[u8]) -> Result<SnapshotStart, Refusal> {
    let no_snapshot = "Something answered that is not the server, perhaps the sign-in page of a network.";
    serde_json::from_slice(line).map_err(|_| Refusal::Unusable(no_snapshot.into()))
}

/// A whole download, and what of it is news here.
struct Sifted {
    whole: Whole,
    /// For each line whether it has to be merged; empty where all have.
    news: Vec<bool>,
    seen: Seen,
    /// Positions that are here and not in the snapshot.
    unseen: Vec<PositionId>,
}

/// Looks each row up beside the writer. On a station that knows no event yet all is news.
fn sift(tx: &Transaction<'_>, mut whole: Whole) -> Result<Sifted, Fault> {
    let epoch = store::epoch(tx, whole.start.history)?;
    let (Some(epoch), true) = (epoch, !catalog::events(tx)?.is_empty()) else {
        return Ok(Sifted { whole, news: Vec::new(), seen: Seen::default(), unseen: Vec::new() });
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
            | Row::Quota(_)
            | Row::List(_)
            | Row::Key(_)
            | Row::VoidBlanks(_)
            | Row::Device(_)
            | Row::Organizer(_)
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
    Ok(Sifted { whole, news, seen, unseen })
}

/// Who takes a snapshot, and why.
struct From {
    me: DeviceId,
    spoken: u32,
    refused: Option<Standing>,
}

/// Merges a whole download, all or nothing. A sentence where the server that answered is behind what is known here.
fn swap(tx: &Transaction<'_>, sifted: Sifted, from: &From) -> Result<Result<Applied, String>, Fault> {
    let Sifted { mut whole, news, seen, unseen } = sifted;
    let start = whole.start;
    let newest = store::newest_history(tx)?;
    let met = store::epoch(tx, start.history)?;
    if met.is_some() && newest != Some(start.history) {
        return Ok(Err("A server answered that has been replaced by another since; nothing of it was taken.".into()));
    }
    let same = store::standing(tx, from.spoken)?.filter(|here| here.after.history == start.history);
    if same.is_some() && same == from.refused && same.is_some_and(|here| here.after.position > start.position) {
        let behind = "The server knows less than it did: it was put back without `willcall-server recover`.";
        return Ok(Err(behind.into()));
    }
    if start.protocol.max(1) < from.spoken {
        return Ok(Err("The server is being updated; its snapshot is still of the earlier version.".into()));
    }
    let epoch = store::meet_history(tx, start.history)?;
    let mut merge = Merge::begin(tx, epoch, from.me)?;
    let mut at = 0;
    while let Some(line) = whole.spooled.line()? {
        if news.get(at).copied().unwrap_or(true) {
            merge.row(&serde_json::from_slice(line)?)?;
        }
        at += 1;
    }
    let mut applied = merge.applied;
    // What the feed brought since is newer than the snapshot, and its absence from it says nothing.
    let newest_here = same.is_none_or(|here| here.urgent <= start.position);
    if !start.partial && newest_here && !news.is_empty() {
        applied.news += merge.drop_unseen(&unseen)?;
        seen.drop_others(tx, epoch)?;
    }
    if !start.partial {
        let position = same.map_or(start.position, |here| here.after.position.max(start.position));
        store::stand(tx, epoch, (position, same.map_or(position, |here| here.urgent)), start.protocol)?;
    }
    note_scope(tx, &start)?;
    Ok(Ok(applied))
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
    quotas: Vec<i64>,
    lists: Vec<i64>,
    positions: HashSet<PositionId>,
}

impl Seen {
    fn note(&mut self, row: &Row) {
        match row {
            Row::Event(row) => self.events.push(row.event_id.0),
            Row::Item(row) => self.items.push(row.item_id.0),
            Row::Quota(row) => self.quotas.push(row.quota_id.0),
            Row::List(row) => self.lists.push(row.list_id.0),
            Row::Position(row) => _ = self.positions.insert(row.position_id),
            Row::Key(_)
            | Row::Scan(_)
            | Row::VoidBlanks(_)
            | Row::Device(_)
            | Row::Organizer(_)
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
        let tables = [("event", &self.events), ("item", &self.items), ("quota", &self.quotas), ("list", &self.lists)];
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
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use futures_util::stream;
    use std::io::Write as _;
    use willcall_domain::entropy::SeededEntropy;

    const START: &str = r#"{"history":"00000000-0000-0000-0000-000000000001","position":7,"events":[3]}"#;

    async fn taken(bytes: &[u8], piece: usize) -> Result<u64, Refusal> {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap();
        let chunks: Vec<Result<Vec<u8>, Refusal>> = bytes.chunks(piece).map(|chunk| Ok(chunk.to_vec())).collect();
        receive(Box::pin(stream::iter(chunks)), spool).await.map(|whole| whole.spooled.lines)
    }

    fn text(rows: usize, end: usize) -> String {
        let row = r#"{"row":"gone","data":{"kind":"item","id":"1","version":1}}"#;
        format!("{START}\n{}{{\"rows\":{end}}}\n", format!("{row}\n").repeat(rows))
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn a_whole_snapshot_is_taken_packed_or_not_and_however_it_is_cut_into_pieces() {
        for piece in [1, 13, 4096] {
            assert_eq!(taken(text(3, 3).as_bytes(), piece).await.unwrap(), 3);
            assert_eq!(taken(&packed(&text(3, 3)), piece).await.unwrap(), 3);
        }
        let members = [packed(&format!("{START}\n")), packed("{\"rows\":0}\n")].concat();
        assert_eq!(taken(&members, 5).await.unwrap(), 0, "packed in several parts");
    }

    #[tokio::test]
    async fn one_that_is_cut_anywhere_is_refused() {
        let (plain, packed) = (text(3, 3).into_bytes(), packed(&text(3, 3)));
        for end in 0..plain.len() - 2 {
            assert!(matches!(taken(&plain[..end], 64).await, Err(Refusal::Unusable(_))), "cut at {end}");
        }
        for end in 0..packed.len() {
            assert!(matches!(taken(&packed[..end], 64).await, Err(Refusal::Unusable(_))), "packed, cut at {end}");
        }
    }

    #[tokio::test]
    async fn what_is_no_snapshot_or_does_not_add_up_is_refused() {
        let page = b"<!doctype html><title>Welcome</title>\n<h1>Please accept our terms</h1>\n";
        let noise: Vec<u8> = (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect();
        for bytes in [&page[..], &noise, b"", b"\n\n", b"{}\n", text(3, 4).as_bytes(), text(3, 2).as_bytes()] {
            assert!(matches!(taken(bytes, 100).await, Err(Refusal::Unusable(_))), "{:?}", bytes.get(..20));
        }
    }

    #[tokio::test]
    async fn a_line_that_breaks_off_says_so_rather_than_what_it_left() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap();
        let chunks = vec![Ok(START.as_bytes().to_vec()), Err(Refusal::NoLink("The server fell silent.".into()))];
        let broken = receive(Box::pin(stream::iter(chunks)), spool).await;
        assert!(matches!(broken, Err(Refusal::NoLink(_))));
    }
}
