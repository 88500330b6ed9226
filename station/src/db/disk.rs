//! The disk of the data folder: how much of it is free, and the **ballast**, a file of reserved room that is thrown off
//! when the disk is full, so that scans go on. What there is room for is decided in [`willcall_domain::devices::disk`].

use super::open;
use fs4::FileExt;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use willcall_domain::devices::disk::{BALLAST_BYTES, DiskReading, SALE_BYTES};

/// Name of the ballast in the data folder. It is no data: backups leave it out.
pub const BALLAST: &str = "ballast";
/// What is written in one piece where the file system cannot reserve room without writing.
const PIECE: usize = 1 << 20;

/// The disk of one data folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    /// Whether the ballast is there, whole.
    ballast: Mutex<bool>,
    refused: AtomicBool,
    spare: OnceLock<Spare>,
}

/// Removes what can be done without, such as all backups but the newest; answers whether there was any.
struct Spare(Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Spare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Spare(…)")
    }
}

impl Disk {
    /// Looks at the disk of a folder that is there; files that an earlier run left half made are removed.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let ballast = is_whole(&folder.join(BALLAST));
        let disk = Self {
            folder: folder.to_owned(),
            ballast: Mutex::new(ballast),
            refused: AtomicBool::new(false),
            spare: OnceLock::new(),
        };
        disk.remove_halves();
        disk
    }

    /// Says what on this disk can be done without: it is removed before anything is refused for want of room.
    pub fn can_do_without(&self, remove: impl Fn() -> bool + Send + Sync + 'static) {
        if self.spare.set(Spare(Box::new(remove))).is_err() {
            tracing::error!("it was said before what on this disk can be done without");
        }
    }

    /// Bytes this program may still take; `None` where the system does not say.
    #[must_use]
    pub fn free_bytes(&self) -> Option<u64> {
        fs4::available_space(&self.folder).ok()
    }

    /// Bytes of the database file.
    #[must_use]
    pub fn database_bytes(&self) -> u64 {
        size(&open::path(&self.folder))
    }

    /// Bytes of the database's log of writes.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        size(&open::log_path(&self.folder))
    }

    /// How it stands. `not_recorded` is counted where scans are.
    #[must_use]
    pub fn reading(&self) -> DiskReading {
        DiskReading {
            free_bytes: self.free_bytes(),
            ballast_bytes: if *self.held() { BALLAST_BYTES } else { 0 },
            refused: self.refused.load(Ordering::Relaxed),
            not_recorded: 0,
        }
    }

    /// The disk refused something that was no scan.
    pub(super) fn note_refused(&self) {
        if !self.refused.swap(true, Ordering::Relaxed) {
            tracing::error!(free_bytes = self.free_bytes(), "the disk did not take what was to be written");
        }
    }

    /// Makes room for a scan: what is half made or can be done without goes first, then the ballast. Answers whether there
    /// is more room now.
    pub(super) fn make_room(&self) -> bool {
        self.remove_halves() || self.remove_spare() || self.throw_off()
    }

    fn remove_spare(&self) -> bool {
        let removed = self.spare.get().is_some_and(|spare| spare.0());
        if removed {
            tracing::warn!("the disk is full; what can be done without was removed");
        }
        removed
    }

    /// Throws the ballast off; answers whether there was any.
    pub(super) fn throw_off(&self) -> bool {
        let mut held = self.held();
        if !*held {
            return false;
        }
        match fs::remove_file(self.folder.join(BALLAST)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::error!(%error, "the ballast cannot be thrown off");
                false
            }
            Ok(()) | Err(_) => {
                *held = false;
                tracing::warn!(bytes = BALLAST_BYTES, "the disk is full; the ballast was thrown off");
                true
            }
        }
    }

    /// Removes what can be done without where there is too little room for a sale, takes the ballast on where there is
    /// room for it, and finds out whether a disk that refused takes something again. Answers whether anything changed.
    pub fn tend(&self) -> bool {
        if self.reading().short_of_a_sale_by() > 0 && self.remove_spare() {
            return true;
        }
        let reading = self.reading();
        if reading.takes_ballast() {
            let mut held = self.held();
            match reserve(&self.folder.join(BALLAST), BALLAST_BYTES) {
                Ok(()) => {
                    *held = true;
                    self.refused.store(false, Ordering::Relaxed);
                    tracing::info!(bytes = BALLAST_BYTES, "took ballast on");
                    return true;
                }
                Err(error) => tracing::warn!(%error, "the ballast cannot be taken on"),
            }
        } else if reading.refused && reading.short_of_a_sale_by() == 0 {
            let probe = self.folder.join("probe");
            let took = reserve(&probe, SALE_BYTES).and_then(|()| fs::remove_file(&probe));
            if took.is_ok() {
                self.refused.store(false, Ordering::Relaxed);
                tracing::info!("the disk takes something again");
                return true;
            }
        }
        false
    }

    /// Removes what an interrupted copy or reservation left. Answers whether there was any.
    fn remove_halves(&self) -> bool {
        let Ok(entries) = fs::read_dir(&self.folder) else { return false };
        let halves = entries.flatten().filter(|entry| is_half(&entry.file_name().to_string_lossy()));
        halves.map(|entry| fs::remove_file(entry.path()).is_ok()).fold(false, |any, removed| any | removed)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, bool> {
        self.ballast.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names of files that are made whole under this name and only then renamed.
pub(super) fn half_of(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.half", path.display()))
}

pub(super) fn is_half(name: &str) -> bool {
    name.ends_with(".half") || name.ends_with(".half-journal")
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// Whether the file is there and its room really taken.
fn is_whole(path: &Path) -> bool {
    let taken = || -> io::Result<bool> {
        let file = File::open(path)?;
        Ok(file.metadata()?.len() >= BALLAST_BYTES && FileExt::allocated_size(&file)? >= BALLAST_BYTES)
    };
    taken().unwrap_or(false)
}

/// A file of `bytes` whose room is really taken, or none.
fn reserve(path: &Path, bytes: u64) -> io::Result<()> {
    let half = half_of(path);
    let made = (|| {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options.open(&half)?;
        match FileExt::allocate(&file, bytes) {
            Ok(()) if FileExt::allocated_size(&file)? >= bytes => {}
            Ok(()) => fill(file, bytes)?,
            Err(error) if error.kind() == ErrorKind::Unsupported => fill(file, bytes)?,
            Err(error) => return Err(error),
        }
        fs::rename(&half, path)
    })();
    if made.is_err() {
        // It may not even have been made; what is left of it is removed before the next try.
        let _gone_or_later = fs::remove_file(&half);
    }
    made
}

/// Writes what no file system can make smaller.
fn fill(mut file: File, bytes: u64) -> io::Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut piece = Vec::with_capacity(PIECE);
    while piece.len() < PIECE {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.extend_from_slice(&state.to_le_bytes());
    }
    let mut left = bytes;
    while left > 0 {
        let now = left.min(PIECE as u64);
        file.write_all(&piece[..usize::try_from(now).unwrap_or(PIECE)])?;
        left -= now;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::devices::disk::Room;

    #[test]
    fn ballast_takes_its_room_is_thrown_off_once_and_taken_on_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path());
        assert_eq!(disk.reading().ballast_bytes, 0, "a new folder has none");
        assert!(disk.tend(), "this machine has room");
        assert_eq!(disk.reading().ballast_bytes, BALLAST_BYTES);
        assert!(is_whole(&folder.path().join(BALLAST)), "its blocks are really taken");
        assert!(!disk.tend(), "once is enough");
        assert_eq!(Disk::of(folder.path()).reading().ballast_bytes, BALLAST_BYTES, "the next run finds it");
        assert!(disk.make_room() && !disk.make_room(), "it can be thrown off once");
        assert!(!folder.path().join(BALLAST).exists());
        assert!(disk.tend() && folder.path().join(BALLAST).exists());
    }

    #[test]
    fn a_file_that_only_claims_the_room_is_no_ballast() {
        let folder = tempfile::tempdir().unwrap();
        let sparse = File::create(folder.path().join(BALLAST)).unwrap();
        sparse.set_len(BALLAST_BYTES).unwrap();
        assert_eq!(Disk::of(folder.path()).reading().ballast_bytes, 0);
    }

    #[test]
    fn what_was_left_half_made_is_removed_and_counts_as_room() {
        let folder = tempfile::tempdir().unwrap();
        let half = half_of(&folder.path().join(BALLAST));
        fs::write(&half, "some").unwrap();
        let disk = Disk::of(folder.path());
        assert!(!half.exists(), "at the start");
        fs::write(&half, "some").unwrap();
        assert!(disk.make_room() && !half.exists(), "and when the disk is full");
    }

    #[test]
    fn what_can_be_done_without_goes_before_the_ballast() {
        let folder = tempfile::tempdir().unwrap();
        let spare = folder.path().join("old");
        fs::write(&spare, "an old backup").unwrap();
        let (disk, path) = (Disk::of(folder.path()), spare.clone());
        disk.can_do_without(move || fs::remove_file(&path).is_ok());
        assert!(disk.tend() && spare.exists(), "there is room: everything stays");
        assert!(disk.make_room() && !spare.exists());
        assert_eq!(disk.reading().ballast_bytes, BALLAST_BYTES);
        assert!(disk.make_room());
        assert_eq!(disk.reading().ballast_bytes, 0);
        assert!(!disk.make_room(), "that was all");
    }

    #[test]
    fn a_disk_that_refused_sells_nothing_until_it_takes_something_again() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::of(folder.path());
        assert!(disk.tend());
        disk.note_refused();
        assert_eq!(disk.reading().room(), Room::ScansOnly);
        assert!(disk.tend(), "it takes a file of the size of a sale");
        assert_eq!(disk.reading().room(), Room::Enough);
    }

    #[test]
    fn what_cannot_be_reserved_is_written_and_leaves_nothing_when_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("written");
        fill(File::create(&path).unwrap(), 3 * PIECE as u64 + 5).unwrap();
        assert_eq!(size(&path), 3 * PIECE as u64 + 5);
        assert!(reserve(&folder.path().join("no/such/folder"), 10).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
