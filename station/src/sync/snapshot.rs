//! A snapshot: read as it comes and put aside, and only once it is whole merged under own facts. One that was cut off, or
//! is not the server's, changes nothing. What is here already is sorted out before the writer is asked, so that nobody at
//! the door waits for it.

use super::{
    merging::{self, From},
    pull::{self, Applied},
    scope::{self, Needed},
    spool::{Spool, Spooled},
    store,
    transport::{Download, Refusal, Standing},
};
use crate::{error::Fault, station::Station};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use std::io::{BufRead, BufReader, Cursor, Read};
use tokio::sync::mpsc;
use willcall_domain::sync::change::{SnapshotEnd, SnapshotStart};

/// Pieces of the download between the line and who reads them.
const AHEAD: usize = 16;
/// A line longer than this is not the server's.
const LONGEST_LINE: u64 = 4 << 20;

/// Takes a snapshot if one is needed: before the first, where the server refused to be followed from `refused`, and for
/// events that came into the scope. Answers what it brought; `None` where none was needed.
///
/// # Errors
/// When the link fails, it was cut off or is not the server's: nothing has changed then. Or when it could not be stored: a
/// part of it may be there then, and the next one brings all of it.
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
    let sifted = station.db().read(move |tx| merging::sift(tx, whole)).await?;
    let applied = merging::merge(station, sifted, From { me: identity.device_id, spoken, refused }).await?;
    tracing::info!(rows, news = applied.news, position, events = events.len(), "took a snapshot");
    pull::settle(station, Applied { door: true, till: true, reload: true, ..applied }, false).await?;
    Ok(Some(applied))
}

/// A download that has arrived to its end.
pub(super) struct Whole {
    pub start: SnapshotStart,
    pub spooled: Spooled,
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
