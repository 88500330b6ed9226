//! The station's secrets: the key of its database and its device key. Kept in the system's keychain where one answers
//! within two seconds, else in a file only its owner may read. Beside them a copy of the enrolment, so that a station
//! whose database is damaged beyond reading still knows who it is. Not here: what the keys are used for.

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};
use willcall_domain::{
    devices::wire::{EnrolAnswer, KeyStore},
    entropy::{self, Entropy},
    id::DeviceId,
    problem::{Code, Problem},
    sync::key_history::HeldKey,
};
use zeroize::Zeroizing;

const SERVICE: &str = "willcall-station";
const PATIENCE: Duration = Duration::from_secs(2);

/// Where secrets may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStoreChoice {
    /// The keychain where one answers, else a file.
    Auto,
    /// A file, without asking for a keychain.
    File,
}

/// The enrolment as it is kept beside the keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptEnrolment {
    pub url: String,
    pub answer: EnrolAnswer,
    /// The last incarnation that was opened.
    pub incarnation: u32,
    /// Whether the journal of this enrolment was begun.
    #[serde(default)]
    pub begun: bool,
}

/// A public key of an enrolment of this machine, and after which entry it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptKey {
    pub station: DeviceId,
    pub incarnation: u32,
    pub seq: u64,
    /// Hex.
    pub public: String,
}

/// All secrets of a station.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Key of the database, 32 bytes, hex.
    database: String,
    /// Private half of the device key, 32 bytes, hex.
    device: String,
    pub enrolment: Option<KeptEnrolment>,
    /// A device key that takes over once the database says so, 32 bytes, hex.
    #[serde(default)]
    next: Option<String>,
    /// Every key of this machine's enrolments, so that a journal can be checked whose database is lost.
    #[serde(default)]
    pub keys: Vec<KeptKey>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    fn born(entropy: &dyn Entropy) -> Self {
        let device = hex::encode(entropy::bytes::<32>(entropy));
        let database = hex::encode(entropy::bytes::<32>(entropy));
        Self { database, device, enrolment: None, next: None, keys: Vec::new() }
    }

    /// The same with a device key that is to take over. One that was made before and did not come to it is kept: who was
    /// told of it may remember.
    #[must_use]
    pub fn with_next_device_key(&self, entropy: &dyn Entropy) -> Self {
        let next = self.next.clone().unwrap_or_else(|| hex::encode(entropy::bytes::<32>(entropy)));
        Self { next: Some(next), ..self.clone() }
    }

    /// The device key that is to take over, where there is one.
    ///
    /// # Errors
    /// When what is stored is no key.
    pub fn next_device_key(&self) -> Result<Option<SigningKey>, Problem> {
        self.next.as_deref().map(|text| Ok(SigningKey::from_bytes(&*read_key(text)?))).transpose()
    }

    /// The key that was to take over has done so.
    #[must_use]
    pub fn promoted(&self) -> Self {
        match self.next.clone() {
            Some(device) => Self { device, next: None, ..self.clone() },
            None => self.clone(),
        }
    }

    /// Remembers the public keys of every enrolment: the first of each, and its changes.
    pub fn remember_keys(&mut self, all: Vec<(DeviceId, VerifyingKey, Vec<HeldKey>)>) {
        for (station, first, changes) in all {
            for HeldKey { key, after } in std::iter::once(HeldKey { key: first, after: (0, 0) }).chain(changes) {
                let (incarnation, seq) = after;
                let kept = KeptKey { station, incarnation, seq, public: hex::encode(key.as_bytes()) };
                if !self.keys.contains(&kept) {
                    self.keys.push(kept);
                }
            }
        }
    }

    /// The key of the database.
    ///
    /// # Errors
    /// When what is stored is no key.
    pub fn database_key(&self) -> Result<Zeroizing<[u8; 32]>, Problem> {
        read_key(&self.database)
    }

    /// The device key.
    ///
    /// # Errors
    /// When what is stored is no key.
    pub fn device_key(&self) -> Result<SigningKey, Problem> {
        Ok(SigningKey::from_bytes(&*read_key(&self.device)?))
    }
}

fn read_key(text: &str) -> Result<Zeroizing<[u8; 32]>, Problem> {
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text, &mut *key)
        .map_err(|_| Problem::new(Code::Corrupt, "The station's key store holds no key. Put the right one back."))?;
    Ok(key)
}

/// Which store holds the secrets of this data folder; itself no secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Marker {
    store: KeyStore,
    /// Names the entry in the keychain.
    id: String,
}

/// The store of one data folder.
#[derive(Debug, Clone)]
pub struct Keys {
    folder: PathBuf,
    marker: Marker,
}

impl Keys {
    /// Opens the store, making one with new secrets where there is none. `database_exists` says whether data encrypted
    /// under a key is already there: then no new key is made.
    ///
    /// # Errors
    /// When the store that holds the key does not answer or the key is missing; nothing is changed then.
    pub fn open(
        folder: &Path,
        choice: KeyStoreChoice,
        database_exists: bool,
        entropy: &dyn Entropy,
    ) -> Result<(Self, Secrets), Problem> {
        if let Some(marker) = read_marker(folder)? {
            let keys = Self { folder: folder.to_owned(), marker };
            let secrets = keys.load()?;
            return Ok((keys, secrets));
        }
        if database_exists {
            return Err(Problem::new(
                Code::Corrupt,
                format!(
                    "There is a database in {} but the file key-store.json that says where its key is has gone. Put \
                     it back, or move the database away to start anew. Nothing was changed.",
                    folder.display()
                ),
            ));
        }
        let id = hex::encode(entropy::bytes::<16>(entropy));
        let secrets = Secrets::born(entropy);
        let in_keychain = choice == KeyStoreChoice::Auto && probe(&id, &secrets);
        let store = if in_keychain { KeyStore::Keychain } else { KeyStore::File };
        let keys = Self { folder: folder.to_owned(), marker: Marker { store, id } };
        keys.save(&secrets)?;
        write_private(&folder.join("key-store.json"), &to_json(&keys.marker)?)?;
        tracing::info!(store = ?keys.marker.store, "made the station's keys");
        Ok((keys, secrets))
    }

    /// Where the secrets are.
    #[must_use]
    pub fn store(&self) -> KeyStore {
        self.marker.store
    }

    /// Replaces what is stored.
    ///
    /// # Errors
    /// When the store does not take it; the old stays.
    pub fn save(&self, secrets: &Secrets) -> Result<(), Problem> {
        let text = Zeroizing::new(to_json(secrets)?);
        match self.marker.store {
            KeyStore::File => write_private(&self.folder.join("station.key"), &text),
            KeyStore::Keychain => {
                let id = self.marker.id.clone();
                ask(move || keyring::Entry::new(SERVICE, &id)?.set_password(&text)).ok_or_else(silent)
            }
        }
    }

    /// Keeps a mark beside the secrets, where that is not the data folder. Answers whether it was taken.
    #[must_use]
    pub fn put_mark(&self, text: &str) -> bool {
        let (id, text) = (self.mark_id(), text.to_owned());
        self.marks_outside() && ask(move || keyring::Entry::new(SERVICE, &id)?.set_password(&text)).is_some()
    }

    /// The mark that was kept last.
    #[must_use]
    pub fn mark(&self) -> Option<String> {
        let id = self.mark_id();
        self.marks_outside().then(|| ask(move || keyring::Entry::new(SERVICE, &id)?.get_password()))?
    }

    /// Whether marks can be kept outside the data folder.
    #[must_use]
    pub fn marks_outside(&self) -> bool {
        self.marker.store == KeyStore::Keychain
    }

    fn mark_id(&self) -> String {
        format!("{}-mark", self.marker.id)
    }

    /// Forgets the secrets for good: what was encrypted under them can never be read again.
    ///
    /// # Errors
    /// When the store does not let go of them.
    pub fn destroy(&self) -> Result<(), Problem> {
        let refused = |error: &std::io::Error| Problem::new(Code::NotRecorded, format!("The keys stay: {error}."));
        match self.marker.store {
            KeyStore::File => {
                let path = self.folder.join("station.key");
                let length = fs::metadata(&path).map_err(|e| refused(&e))?.len();
                fs::write(&path, vec![0; usize::try_from(length).unwrap_or(1 << 16)]).map_err(|e| refused(&e))?;
                fs::remove_file(&path).map_err(|e| refused(&e))
            }
            KeyStore::Keychain => {
                let (id, mark) = (self.marker.id.clone(), self.mark_id());
                ask(move || keyring::Entry::new(SERVICE, &id)?.delete_credential()).ok_or_else(silent)?;
                // It says where a journal had come to, which is no secret.
                let _may_never_have_been = ask(move || keyring::Entry::new(SERVICE, &mark)?.delete_credential());
                Ok(())
            }
        }
    }

    fn load(&self) -> Result<Secrets, Problem> {
        let text = match self.marker.store {
            KeyStore::File => {
                let path = self.folder.join("station.key");
                fs::read_to_string(&path).map_err(|error| {
                    let detail =
                        format!("The station's key {} cannot be read: {error}. Nothing was changed.", path.display());
                    Problem::new(Code::Corrupt, detail)
                })?
            }
            KeyStore::Keychain => {
                let id = self.marker.id.clone();
                ask(move || keyring::Entry::new(SERVICE, &id)?.get_password()).ok_or_else(silent)?
            }
        };
        serde_json::from_str(&Zeroizing::new(text))
            .map_err(|_| Problem::new(Code::Corrupt, "The station's key store cannot be read. Nothing was changed."))
    }
}

fn silent() -> Problem {
    Problem::new(
        Code::Unavailable,
        "The key of this station's database is in the system's keychain, which does not give it. Unlock the keychain \
         and start again. Nothing was changed.",
    )
}

/// Whether a keychain answers: what was put in must come out again.
fn probe(id: &str, secrets: &Secrets) -> bool {
    let (id, Ok(text)) = (id.to_owned(), to_json(secrets)) else { return false };
    let answered = ask(move || {
        let entry = keyring::Entry::new(SERVICE, &id)?;
        entry.set_password(&text)?;
        Ok(entry.get_password()? == text)
    });
    answered == Some(true)
}

/// Asks the keychain on a thread of its own: it may block for ever, and it must not be called from an async runtime.
fn ask<T: Send + 'static>(question: impl FnOnce() -> keyring::Result<T> + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let spawned = std::thread::Builder::new().name("keychain".into()).spawn(move || {
        let _nobody_waits_any_more = sender.send(question());
    });
    spawned.ok()?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(error)) => {
            tracing::info!(%error, "the keychain refused");
            None
        }
        Err(_) => {
            tracing::info!("no keychain answered within two seconds");
            None
        }
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|e| Problem::new(Code::Internal, e.to_string()))
}

fn read_marker(folder: &Path) -> Result<Option<Marker>, Problem> {
    let path = folder.join("key-store.json");
    match fs::read_to_string(&path) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|_| {
            Problem::new(Code::Corrupt, format!("{} cannot be read. Nothing was changed.", path.display()))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Problem::new(Code::Unavailable, format!("{} cannot be read: {error}.", path.display()))),
    }
}

/// Writes a file only its owner may read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Problem> {
    let written = || -> std::io::Result<()> {
        let new = path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut file = options.open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    written()
        .map_err(|error| Problem::new(Code::NotRecorded, format!("{} cannot be written: {error}.", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::entropy::SeededEntropy;

    #[test]
    fn secrets_in_a_file_come_back_and_only_the_owner_may_read_them() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, born) = Keys::open(folder.path(), KeyStoreChoice::File, false, &SeededEntropy::new(1)).unwrap();
        assert_eq!(keys.store(), KeyStore::File);
        let (_, again) = Keys::open(folder.path(), KeyStoreChoice::Auto, true, &SeededEntropy::new(2)).unwrap();
        assert_eq!(again.database_key().unwrap(), born.database_key().unwrap(), "the first choice stands");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("station.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_that_is_to_take_over_waits_until_it_has() {
        let (born, entropy) = (Secrets::born(&SeededEntropy::new(1)), SeededEntropy::new(2));
        assert!(born.next_device_key().unwrap().is_none());
        let waiting = born.with_next_device_key(&entropy);
        let next = waiting.next_device_key().unwrap().unwrap();
        assert_eq!(waiting.device_key().unwrap(), born.device_key().unwrap());
        assert_eq!(waiting.with_next_device_key(&entropy).next_device_key().unwrap(), Some(next.clone()), "made once");
        let promoted = waiting.promoted();
        assert_eq!(promoted.device_key().unwrap(), next);
        assert!(promoted.next_device_key().unwrap().is_none());
        assert_eq!(promoted.promoted().device_key().unwrap(), next, "nobody waits any more");
    }

    #[test]
    fn secrets_of_the_first_version_are_read() {
        let text = format!(r#"{{"database":"{0}","device":"{0}","enrolment":null}}"#, "ab".repeat(32));
        let read: Secrets = serde_json::from_str(&text).unwrap();
        assert_eq!(read.device_key().unwrap().to_bytes(), [0xab; 32]);
        assert!(read.keys.is_empty());
    }

    #[test]
    fn destroyed_secrets_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, _) = Keys::open(folder.path(), KeyStoreChoice::File, false, &SeededEntropy::new(1)).unwrap();
        keys.destroy().unwrap();
        assert!(!folder.path().join("station.key").exists());
        assert_eq!(keys.destroy().unwrap_err().code, Code::NotRecorded, "twice is once too often");
    }

    #[test]
    fn a_database_whose_key_has_gone_gets_no_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let open = |exists| Keys::open(folder.path(), KeyStoreChoice::File, exists, &SeededEntropy::new(1));
        assert_eq!(open(true).unwrap_err().code, Code::Corrupt, "no marker, yet data");
        open(false).unwrap();
        fs::remove_file(folder.path().join("station.key")).unwrap();
        assert_eq!(open(true).unwrap_err().code, Code::Corrupt, "a marker, no key");
    }
}
