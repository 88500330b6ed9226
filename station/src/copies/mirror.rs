//! The mirror: an append-only copy of the journal in files, best on another medium. Whoever finds one can read nothing of
//! it; this station can, and the server, to whom any station may carry it ([`crate::sync::carry`]). The form of a file is
//! [`willcall_domain::sync::mirror`]'s. A record that was cut off ends its file; the next start begins a new one. Files
//! are removed once the server has confirmed all in them and every backup that is kept has them too.

use crate::error::Fault;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    path::{Path, PathBuf},
};
pub use willcall_domain::sync::mirror::MirrorKey;
use willcall_domain::{
    clock::UtcMillis,
    entropy::Entropy,
    id::DeviceId,
    sync::{
        Entry, EntryRef,
        mirror::{self, MirrorError},
        sealing::SealingKey,
    },
};

impl From<MirrorError> for Fault {
    fn from(error: MirrorError) -> Self {
        Self::Data(error.to_string())
    }
}

/// The files of a mirror, the oldest first.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let is_one = |path: &PathBuf| {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        name.starts_with("journal-") && name.ends_with(".mirror")
    };
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}

/// When a file of a mirror, or a backup, was begun, as its name says it.
#[must_use]
pub fn begun(path: &Path) -> Option<UtcMillis> {
    let name = path.file_stem()?.to_str()?;
    let stamp = name.split('-').nth(1)?;
    let (date, time) = stamp.strip_suffix('Z')?.split_once('T')?;
    let part = |text: &str, from: usize| text.get(from..from + 2).map(str::to_owned);
    let (year, month, day) = (date.get(..4)?, part(date, 4)?, part(date, 6)?);
    let (hour, minute, second) = (part(time, 0)?, part(time, 2)?, part(time, 4)?);
    UtcMillis::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z")).ok()
}

/// `20261121T140000Z`, as names of backups and mirrors say when they were begun.
#[must_use]
pub fn stamp(at: UtcMillis) -> String {
    at.in_zone("UTC").strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A path in the folder that is free; the number behind the stamp tells apart what is begun in one second.
pub(super) fn free_path(folder: &Path, name: &str, at: UtcMillis, ending: &str) -> PathBuf {
    let path = |n: u32| folder.join(format!("{name}-{}-{n:04}.{ending}", stamp(at)));
    (0..10_000).map(path).find(|path| !path.exists()).unwrap_or_else(|| path(10_000))
}

/// Every entry that can be read of one file; what was cut off or is not this station's is passed over.
///
/// # Errors
/// When the file itself cannot be read.
pub fn read_file(path: &Path, key: &MirrorKey) -> io::Result<Vec<Entry>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(key.read(&bytes))
}

/// Every entry that can be read of a mirror.
#[must_use]
pub fn read(folder: &Path, key: &MirrorKey) -> Vec<Entry> {
    let read_one = |path: PathBuf| {
        read_file(&path, key)
            .inspect_err(|error| tracing::warn!(%error, file = %path.display(), "a copy of the journal cannot be read"))
            .unwrap_or_default()
    };
    files(folder).into_iter().flat_map(read_one).collect()
}

/// A mirror that is written.
#[derive(Debug)]
pub struct Mirror {
    folder: PathBuf,
    key: MirrorKey,
    /// The file that is written in, and what it is sealed to.
    file: Option<(File, Option<SealingKey>)>,
    /// The highest number that is in it, by incarnation.
    held: BTreeMap<(DeviceId, u32), u64>,
}

impl Mirror {
    /// The mirror of a folder, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn of(folder: &Path, key: &MirrorKey) -> io::Result<Self> {
        private_folder(folder)?;
        let mut held = BTreeMap::new();
        for entry in read(folder, key) {
            let highest = held.entry((entry.station, entry.incarnation)).or_insert(0);
            *highest = entry.seq.max(*highest);
        }
        Ok(Self { folder: folder.to_owned(), key: key.clone(), file: None, held })
    }

    /// Whether an entry is to be added: it is newer than all of its incarnation that are here, or nothing of that
    /// incarnation is here and it exists nowhere else.
    #[must_use]
    pub fn lacks(&self, of: EntryRef, waiting: bool) -> bool {
        match self.held.get(&(of.station, of.incarnation)) {
            Some(highest) => of.seq > *highest,
            None => waiting,
        }
    }

    /// Appends entries of one station, in a file sealed `to` its organizer's server, and writes them through to the
    /// medium.
    ///
    /// # Errors
    /// When the medium does not take them; the file is then left as it is, and the next entries begin a new one.
    pub fn append(
        &mut self,
        entries: &[Entry],
        to: Option<&SealingKey>,
        now: UtcMillis,
        entropy: &dyn Entropy,
    ) -> Result<(), Fault> {
        if entries.is_empty() {
            return Ok(());
        }
        let key = self.key.file(to);
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend(key.seal(entry, entropy)?);
        }
        let mut file = match self.file.take() {
            Some((file, sealed_to)) if sealed_to.as_ref() == to => file,
            Some(_) | None => begin(&free_path(&self.folder, "journal", now, "mirror"), &key.head(to, entropy)?)?,
        };
        file.write_all(&bytes)?;
        file.sync_data()?;
        self.file = Some((file, to.cloned()));
        for entry in entries {
            let highest = self.held.entry((entry.station, entry.incarnation)).or_insert(0);
            *highest = entry.seq.max(*highest);
        }
        Ok(())
    }

    /// The next entries begin a new file.
    pub fn rotate(&mut self) {
        self.file = None;
    }

    /// Removes files that ended before `covered`, the time of the oldest backup that is kept, and in which nothing
    /// `waits`. Answers how many.
    pub fn prune(&mut self, covered: UtcMillis, waits: impl Fn(EntryRef) -> bool) -> usize {
        let all = files(&self.folder);
        let mut removed = 0;
        for pair in all.windows(2) {
            // A file ends where the next begins.
            if begun(&pair[1]).is_none_or(|ended| ended > covered) {
                break;
            }
            let Ok(entries) = read_file(&pair[0], &self.key) else { continue };
            if !entries.iter().any(|entry| waits(entry.reference())) {
                removed += usize::from(fs::remove_file(&pair[0]).is_ok());
            }
        }
        removed
    }

    /// Writes every file anew that has one of these entries, without what stands beside them.
    ///
    /// # Errors
    /// When the medium does not take it; what was not written anew is as it was.
    pub fn erase(&mut self, gone: &[EntryRef], now: UtcMillis, entropy: &dyn Entropy) -> Result<(), Fault> {
        self.file = None;
        for path in files(&self.folder) {
            let bytes = fs::read(&path)?;
            let Ok(parts) = mirror::split(&bytes) else { continue };
            let key = self.key.file(parts.sealed_to().as_ref());
            let mut entries = key.read(&parts);
            let has_one = |entry: &Entry| entry.private.is_some() && gone.contains(&entry.reference());
            if !entries.iter().any(has_one) {
                continue;
            }
            let mut anew = parts.head.to_vec();
            for entry in &mut entries {
                if has_one(entry) {
                    entry.private = None;
                }
                anew.extend(key.seal(entry, entropy)?);
            }
            let half = PathBuf::from(format!("{}.half", path.display()));
            write_private_bytes(&half, &anew)?;
            fs::rename(&half, &path)?;
            tracing::info!(file = %path.display(), at = %now, "erased personal data in a copy of the journal");
        }
        Ok(())
    }
}

/// A new file that only its owner may read, with its beginning.
fn begin(path: &Path, head: &[u8]) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create_new(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(head)?;
    Ok(file)
}

/// Writes entries of one station that another may carry to the server, whole or not at all.
///
/// # Errors
/// When the file is there already or the medium does not take it.
pub fn write_file(
    path: &Path,
    entries: &[Entry],
    key: &MirrorKey,
    to: &SealingKey,
    entropy: &dyn Entropy,
) -> Result<(), Fault> {
    let key = key.file(Some(to));
    let mut bytes = key.head(Some(to), entropy)?;
    for entry in entries {
        bytes.extend(key.seal(entry, entropy)?);
    }
    if path.exists() {
        return Err(io::Error::from(ErrorKind::AlreadyExists).into());
    }
    let half = PathBuf::from(format!("{}.half", path.display()));
    write_private_bytes(&half, &bytes)?;
    Ok(fs::rename(&half, path)?)
}

/// Makes a folder only its owner may look into; one that is there stays as it is.
pub(super) fn private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn write_private_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use uuid::Uuid;
    use willcall_domain::{
        entropy::SeededEntropy,
        id::EntryId,
        sync::{At, Draft, Fact, Private, journal::FIRST, sealing::SealingSecret},
    };

    fn to() -> SealingKey {
        SealingSecret::of(&[3; 32]).public()
    }

    fn entry(seq: u64) -> Entry {
        let entropy = SeededEntropy::new(seq);
        Draft {
            station: DeviceId(7),
            incarnation: 1,
            seq,
            id: EntryId::born(UtcMillis(1), &entropy),
            at: At { wall: UtcMillis(1), offset_ms: 0, uncertainty_ms: 0, boot: Uuid::nil(), monotonic_ms: 0 },
            saw: vec![],
            fact: Fact::Opened { software: "test".into() },
            private: Some(Private::new(format!("Zoë Müller {seq}"), &entropy)),
        }
        .seal(&FIRST, &SigningKey::from_bytes(&[1; 32]))
        .unwrap()
    }

    fn of(seq: u64) -> EntryRef {
        EntryRef { station: DeviceId(7), incarnation: 1, seq }
    }

    const NOW: UtcMillis = UtcMillis(1_798_000_000_000);

    #[test]
    fn what_was_appended_comes_back_with_the_key_and_not_without() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), SeededEntropy::new(9));
        let key = MirrorKey::of(&[1; 32]);
        let mut mirror = Mirror::of(folder.path(), &key).unwrap();
        assert!(mirror.lacks(of(1), true) && !mirror.lacks(of(1), false), "what the server has is no matter at first");
        mirror.append(&[entry(1), entry(2)], Some(&to()), NOW, &entropy).unwrap();
        mirror.append(&[entry(3)], Some(&to()), NOW, &entropy).unwrap();
        assert!(!mirror.lacks(of(3), true) && mirror.lacks(of(4), false));
        assert_eq!(read(folder.path(), &key), [entry(1), entry(2), entry(3)]);
        assert_eq!(read(folder.path(), &MirrorKey::of(&[2; 32])), []);
        let bytes = fs::read(&files(folder.path())[0]).unwrap();
        assert!(!bytes.windows(4).any(|w| w == b"Zo\xc3\xab"), "nothing is readable");
    }

    #[test]
    fn a_file_that_was_cut_off_or_scratched_gives_the_rest_and_the_next_start_goes_on_in_a_new_one() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), SeededEntropy::new(9));
        let key = MirrorKey::of(&[1; 32]);
        let mut mirror = Mirror::of(folder.path(), &key).unwrap();
        mirror.append(&[entry(1), entry(2), entry(3)], None, NOW, &entropy).unwrap();
        let path = files(folder.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(bytes.len() - 5);
        let second = mirror::FIRST.len() + (bytes.len() - mirror::FIRST.len()) / 2;
        bytes[second] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read(folder.path(), &key), [entry(1)]);
        let mut mirror = Mirror::of(folder.path(), &key).unwrap();
        mirror.append(&[entry(2), entry(3)], Some(&to()), NOW, &entropy).unwrap();
        assert_eq!(read(folder.path(), &key), [entry(1), entry(2), entry(3)]);
        assert_eq!(files(folder.path()).len(), 2);
    }

    #[test]
    fn files_go_once_backups_have_them_and_nothing_in_them_waits() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), SeededEntropy::new(9));
        let key = MirrorKey::of(&[1; 32]);
        let mut mirror = Mirror::of(folder.path(), &key).unwrap();
        let later = |minutes: i64| UtcMillis(NOW.0 + minutes * 60_000);
        for n in 0..4 {
            mirror.append(&[entry(n + 1)], None, later(n.cast_signed()), &entropy).unwrap();
            mirror.rotate();
        }
        let left = |mirror: &mut Mirror, covered, waits: u64| {
            mirror.prune(covered, |of| of.seq == waits);
            read(folder.path(), &key).iter().map(|e| e.seq).collect::<Vec<_>>()
        };
        assert_eq!(left(&mut mirror, NOW, 0), [1, 2, 3, 4], "no backup is that old");
        assert_eq!(left(&mut mirror, later(2), 2), [2, 3, 4], "the second waits");
        assert_eq!(left(&mut mirror, later(60), 0), [4], "the newest is written in");
    }

    #[test]
    fn what_is_erased_is_gone_from_the_file_and_the_entry_still_verifies() {
        let (folder, entropy) = (tempfile::tempdir().unwrap(), SeededEntropy::new(9));
        let key = MirrorKey::of(&[1; 32]);
        let mut mirror = Mirror::of(folder.path(), &key).unwrap();
        mirror.append(&[entry(1), entry(2)], Some(&to()), NOW, &entropy).unwrap();
        mirror.erase(&[of(2)], NOW, &entropy).unwrap();
        let back = read(folder.path(), &key);
        assert_eq!((back[0].private.is_some(), back[1].private.is_some()), (true, false));
        assert!(back[1].verify(&SigningKey::from_bytes(&[1; 32]).verifying_key()).is_ok());
        mirror.append(&[entry(3)], Some(&to()), NOW, &entropy).unwrap();
        assert_eq!(read(folder.path(), &key).len(), 3);
    }

    #[test]
    fn a_name_says_when_its_file_was_begun() {
        let path = free_path(Path::new("/x"), "journal", NOW, "mirror");
        assert_eq!(begun(&path), Some(NOW));
        assert_eq!(
            begun(Path::new("/x/journal-20261223T042640Z-0001.mirror")),
            UtcMillis::parse("2026-12-23T04:26:40Z").ok()
        );
        assert_eq!(begun(Path::new("/x/journal-soon.mirror")), None);
    }
}
