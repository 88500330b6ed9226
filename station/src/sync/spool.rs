//! Lines put aside on the disk while a download is not yet whole. Sealed under a key that is never written anywhere, in a
//! file without a name where the system has such: nothing of it can be read afterwards, however this program ends.

use crate::error::Fault;
use chacha20poly1305::{
    ChaCha20Poly1305, Key, Nonce,
    aead::{Aead, KeyInit},
};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use willcall_domain::entropy::{self, Entropy};

const NAME: &str = "download.spool";
/// Plain bytes sealed as one.
const PIECE: usize = 128 << 10;

/// Being written.
pub struct Spool {
    file: Named,
    cipher: ChaCha20Poly1305,
    pieces: u64,
    buffer: Vec<u8>,
    lines: u64,
}

/// Written, to be read once.
pub struct Spooled {
    file: BufReader<Named>,
    cipher: ChaCha20Poly1305,
    pieces: u64,
    read: u64,
    buffer: Vec<u8>,
    at: usize,
    /// How many lines there are.
    pub lines: u64,
}

/// A file whose name goes with it, where it could not go before.
struct Named {
    file: File,
    path: Option<PathBuf>,
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Some(path) = &self.path
            && let Err(error) = std::fs::remove_file(path)
        {
            tracing::warn!(%error, "a spool could not be removed; it cannot be read by anybody");
        }
    }
}

impl Read for Named {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.file.read(buffer)
    }
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("lines", &self.lines).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spooled").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// Takes away what a program that was killed left behind; nobody can read it.
///
/// # Errors
/// When the folder does not allow it.
pub fn sweep(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Spool {
    /// An empty one in this folder, in place of any other.
    ///
    /// # Errors
    /// When the folder does not take a file.
    pub fn create(folder: &Path, entropy: &dyn Entropy) -> Result<Self, Fault> {
        sweep(folder)?;
        let path = folder.join(NAME);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        // An open file needs no name, but for systems that do not let go of it.
        let path = match std::fs::remove_file(&path) {
            Ok(()) if cfg!(unix) => None,
            Ok(()) | Err(_) => Some(path),
        };
        let key = entropy::bytes::<32>(entropy);
        let cipher = ChaCha20Poly1305::new(&Key::from(key));
        Ok(Self { file: Named { file, path }, cipher, pieces: 0, buffer: Vec::with_capacity(PIECE * 2), lines: 0 })
    }

    /// Adds one line, which holds no line end.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        self.buffer.extend_from_slice(line);
        self.buffer.push(b'\n');
        self.lines += 1;
        if self.buffer.len() >= PIECE { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), Fault> {
        // Encryption fails only for messages of 256 GiB.
        let sealed = self.cipher.encrypt(&nonce(self.pieces), &self.buffer[..]).unwrap_or_default();
        let length = u32::try_from(sealed.len()).map_err(|_| Fault::Data("a line is too long".into()))?;
        self.file.file.write_all(&length.to_be_bytes())?;
        self.file.file.write_all(&sealed)?;
        self.pieces += 1;
        self.buffer.clear();
        Ok(())
    }

    /// Nothing more comes: it can be read from its beginning.
    ///
    /// # Errors
    /// When the disk does not take the rest.
    pub fn finish(mut self) -> Result<Spooled, Fault> {
        self.seal()?;
        let Self { mut file, cipher, pieces, lines, .. } = self;
        file.file.seek(SeekFrom::Start(0))?;
        let file = BufReader::with_capacity(PIECE, file);
        Ok(Spooled { file, cipher, pieces, read: 0, buffer: Vec::new(), at: 0, lines })
    }
}

impl Spooled {
    /// Back to the first line.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn again(&mut self) -> Result<(), Fault> {
        // The reader's own buffer is of no use any more, and the position is that of the file.
        let read = self.file.get_mut().file.seek(SeekFrom::Start(0));
        read?;
        self.file.consume(self.file.buffer().len());
        (self.read, self.at) = (0, 0);
        self.buffer.clear();
        Ok(())
    }

    /// The next line; `None` after the last.
    ///
    /// # Errors
    /// When the file is not what was written.
    pub fn line(&mut self) -> Result<Option<&[u8]>, Fault> {
        while self.at >= self.buffer.len() {
            if self.read == self.pieces {
                return Ok(None);
            }
            let mut length = [0; 4];
            self.file.read_exact(&mut length)?;
            let mut sealed = vec![0; u32::from_be_bytes(length) as usize];
            self.file.read_exact(&mut sealed)?;
            let opened = self.cipher.decrypt(&nonce(self.read), &sealed[..]);
            self.buffer = opened.map_err(|_| Fault::Data("the spool is not what was written".into()))?;
            self.read += 1;
            self.at = 0;
        }
        let rest = &self.buffer[self.at..];
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        self.at += end + 1;
        Ok(Some(&rest[..end]))
    }
}

/// Each key seals one spool, so the number of the piece is enough.
fn nonce(piece: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&piece.to_be_bytes());
    Nonce::from(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::entropy::SeededEntropy;

    #[test]
    fn lines_come_back_as_they_were_put_aside_and_nothing_is_left_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap();
        let lines: Vec<String> = (0..5_000).map(|n| format!("line {n} {}", "x".repeat(n % 300))).collect();
        for line in &lines {
            spool.line(line.as_bytes()).unwrap();
        }
        let mut spooled = spool.finish().unwrap();
        assert_eq!(spooled.lines, 5_000);
        for line in &lines {
            assert_eq!(spooled.line().unwrap(), Some(line.as_bytes()));
        }
        assert_eq!(spooled.line().unwrap(), None);
        assert_eq!(spooled.line().unwrap(), None, "and it stays so");
        spooled.again().unwrap();
        for line in &lines {
            assert_eq!(spooled.line().unwrap(), Some(line.as_bytes()), "a second time");
        }
        drop(spooled);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_empty_spool_has_no_lines() {
        let folder = tempfile::tempdir().unwrap();
        let mut spooled = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap().finish().unwrap();
        assert_eq!((spooled.lines, spooled.line().unwrap()), (0, None));
    }

    #[test]
    fn what_is_on_the_disk_can_be_read_by_nobody_and_a_changed_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::create(folder.path(), &SeededEntropy::new(1)).unwrap();
        spool.line(b"Ada Lovelace").unwrap();
        let mut spooled = spool.finish().unwrap();
        let mut raw = Vec::new();
        let file = &mut spooled.file.get_mut().file;
        file.read_to_end(&mut raw).unwrap();
        assert!(raw.len() > 12 && !raw.windows(3).any(|w| w == b"Ada"));
        file.seek(SeekFrom::Start(10)).unwrap();
        file.write_all(&[raw[10] ^ 1]).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        assert!(matches!(spooled.line(), Err(Fault::Data(_))));
    }
}
