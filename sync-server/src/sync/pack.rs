//! Packed bytes that are written once and read by several, also while they are being written: on the disk, in a file
//! without a name, so that a slow line holds neither memory nor a transaction.

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::{Stream, stream};
use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// Bytes read for one piece of an answer.
const PIECE: usize = 64 << 10;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    SoFar(u64),
    Whole(u64),
}

/// What is read.
#[derive(Debug)]
pub(super) struct Pack {
    file: Named,
    written: watch::Receiver<Written>,
}

/// A file whose name goes with it, where it could not go before.
#[derive(Debug)]
struct Named {
    file: File,
    path: Option<PathBuf>,
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // A name that stays is overwritten by the next file of it.
            _ = std::fs::remove_file(path);
        }
    }
}

/// What is being written. Dropped before [`Packing::finish`], its readers are told that it broke off.
#[derive(Debug)]
pub(super) struct Packing {
    encoder: GzEncoder<Out>,
    /// Lines for the encoder, which takes long over each piece however small it is.
    lines: Vec<u8>,
    written: watch::Sender<Written>,
}

#[derive(Debug)]
struct Out {
    file: File,
    bytes: u64,
}

impl Write for Out {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let n = self.file.write(buffer)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A new one in `folder`; `name` tells it from others of this moment.
///
/// # Errors
/// When the folder does not take a file.
pub(super) fn begin(folder: &Path, name: &str) -> io::Result<(Packing, Arc<Pack>)> {
    let path = folder.join(format!("pack-{name}"));
    let out = Out { file: File::create(&path)?, bytes: 0 };
    let file = File::open(&path)?;
    // An open file needs no name, but for systems that do not let go of it.
    let path = match std::fs::remove_file(&path) {
        Ok(()) if cfg!(unix) => None,
        Ok(()) | Err(_) => Some(path),
    };
    let (sender, written) = watch::channel(Written::SoFar(0));
    let encoder = GzEncoder::new(out, Compression::fast());
    let packing = Packing { encoder, lines: Vec::with_capacity(PIECE + PIECE / 4), written: sender };
    Ok((packing, Arc::new(Pack { file: Named { file, path }, written })))
}

impl Packing {
    /// Adds a line of JSON.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn line(&mut self, value: &impl serde::Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, value)?;
        self.lines.push(b'\n');
        if self.lines.len() >= PIECE { self.pass_on() } else { Ok(()) }
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.encoder.write_all(&self.lines)?;
        self.lines.clear();
        let bytes = self.encoder.get_ref().bytes;
        self.written.send_if_modified(|written| {
            let more = matches!(written, Written::SoFar(before) if bytes > *before);
            if more {
                *written = Written::SoFar(bytes);
            }
            more
        });
        Ok(())
    }

    /// Nothing more comes. Answers how many bytes there are.
    ///
    /// # Errors
    /// When the disk does not take the rest.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.pass_on()?;
        let Self { encoder, written, .. } = self;
        let bytes = encoder.finish()?.bytes;
        written.send_replace(Written::Whole(bytes));
        Ok(bytes)
    }
}

/// Somebody who reads a pack.
struct Reading {
    pack: Arc<Pack>,
    written: watch::Receiver<Written>,
    at: u64,
    over: bool,
}

impl Pack {
    /// All of it from its beginning, as it comes.
    pub(super) fn read(self: Arc<Self>) -> impl Stream<Item = io::Result<Bytes>> + Send {
        let written = self.written.clone();
        stream::unfold(Reading { pack: self, written, at: 0, over: false }, Reading::next)
    }

    fn piece(&self, at: u64, length: usize) -> io::Result<Bytes> {
        let mut piece = vec![0; length];
        #[cfg(unix)]
        std::os::unix::fs::FileExt::read_exact_at(&self.file.file, &mut piece, at)?;
        #[cfg(windows)]
        {
            let read = std::os::windows::fs::FileExt::seek_read(&self.file.file, &mut piece, at)?;
            piece.truncate(read);
        }
        Ok(piece.into())
    }
}

impl Reading {
    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.over {
            return None;
        }
        let here = loop {
            let now = *self.written.borrow_and_update();
            match now {
                Written::SoFar(bytes) | Written::Whole(bytes) if bytes > self.at => break bytes,
                Written::Whole(_) => return None,
                Written::SoFar(_) if self.written.changed().await.is_ok() => {}
                Written::SoFar(_) => {
                    self.over = true;
                    return Some((Err(io::Error::other("it broke off while it was being packed")), self));
                }
            }
        };
        let length = usize::try_from(here - self.at).unwrap_or(PIECE).min(PIECE);
        let (pack, at) = (Arc::clone(&self.pack), self.at);
        let read = tokio::task::spawn_blocking(move || pack.piece(at, length)).await;
        let piece = read.map_err(io::Error::other).and_then(|piece| piece);
        match &piece {
            Ok(piece) => self.at += piece.len() as u64,
            Err(_) => self.over = true,
        }
        Some((piece, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::MultiGzDecoder;
    use futures_util::StreamExt as _;
    use std::io::Read as _;

    async fn all(pack: Arc<Pack>) -> io::Result<String> {
        let mut packed = Vec::new();
        let mut pieces = Box::pin(pack.read());
        while let Some(piece) = pieces.next().await {
            packed.extend_from_slice(&piece?);
        }
        let mut text = String::new();
        MultiGzDecoder::new(&packed[..]).read_to_string(&mut text)?;
        Ok(text)
    }

    #[tokio::test]
    async fn who_reads_while_it_is_written_gets_all_of_it_and_no_name_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (mut packing, pack) = begin(folder.path(), "1").unwrap();
        let early = tokio::spawn(all(Arc::clone(&pack)));
        let lines: Vec<String> = (0..20_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_string()).collect();
        for line in &lines {
            packing.line(line).unwrap();
            if line.ends_with('7') {
                tokio::task::yield_now().await;
            }
        }
        packing.finish().unwrap();
        let expected: String = lines.iter().map(|line| format!("\"{line}\"\n")).collect();
        assert_eq!(early.await.unwrap().unwrap(), expected);
        assert_eq!(all(pack).await.unwrap(), expected, "and once more afterwards");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_pack_that_breaks_off_says_so_instead_of_ending() {
        let folder = tempfile::tempdir().unwrap();
        let (mut packing, pack) = begin(folder.path(), "1").unwrap();
        packing.line(&"first").unwrap();
        drop(packing);
        assert!(all(pack).await.is_err());
    }
}
