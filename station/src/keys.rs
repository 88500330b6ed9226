//! The station's secrets: the key of its database and its device key. Kept in the system's keychain where one answers
//! within two seconds, else in a file only its owner may read. Beside them a copy of the enrolment, so that a station
//! whose database is damaged beyond reading still knows who it is. Not here: what the keys are used for.

use ed25519_dalek::SigningKey;
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
    problem::{Code, Problem},
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
#[derive(Clone, Serialize, Deserialize)]
pub struct KeptEnrolment {
    pub url: String,
    pub answer: EnrolAnswer,
    /// The last incarnation that was opened.
    pub incarnation: u32,
}

/// All secrets of a station.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Key of the database, 32 bytes, hex.
    database: String,
    /// Private half of the device key, 32 bytes, hex.
    device: String,
    pub enrolment: Option<KeptEnrolment>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    fn born(entropy: &dyn Entropy) -> Self {
        let device = hex::encode(entropy::bytes::<32>(entropy));
        Self { database: hex::encode(entropy::bytes::<32>(entropy)), device, enrolment: None }
    }

    /// The same database under a new device key: a station enrolled again is a new station.
    #[must_use]
    pub fn with_new_device_key(&self, entropy: &dyn Entropy) -> Self {
        Self { device: hex::encode(entropy::bytes::<32>(entropy)), ..self.clone() }
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
#[derive(Debug)]
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
    fn a_database_whose_key_has_gone_gets_no_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let open = |exists| Keys::open(folder.path(), KeyStoreChoice::File, exists, &SeededEntropy::new(1));
        assert_eq!(open(true).unwrap_err().code, Code::Corrupt, "no marker, yet data");
        open(false).unwrap();
        fs::remove_file(folder.path().join("station.key")).unwrap();
        assert_eq!(open(true).unwrap_err().code, Code::Corrupt, "a marker, no key");
    }
}
