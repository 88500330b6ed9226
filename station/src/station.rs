//! A station, open: its database, keys, link and listeners, and the use cases by name. Each use case stands in a file
//! of its slice; here is only what they share.

pub use crate::sync::contact::Reading;
use crate::{
    catalog,
    change_feed::{ChangeFeed, Changed, Topic},
    checkin::{self, found::FoundSeal},
    db::{self, Database},
    devices::{self, Identity},
    error::Fault,
    journal::{self, JournalReport, Pen},
    keys::{KeyStoreChoice, Keys, Secrets},
    sync::{self, Age, HttpTransport, Link, Server, SyncReport, Transport},
    ticketing, till,
};
use ed25519_dalek::SigningKey;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use willcall_domain::{
    catalog::{EventRow, ItemRow},
    checkin::{
        ListRow, VerdictView,
        wire::{DoorView, FoundTicket, ScanRequest},
    },
    clock::{Clock, SystemClock, UtcMillis},
    devices::wire::{KeyStore, StatusView},
    entropy::{Entropy, OsEntropy, uuid_v7},
    id::{EventId, ListId, OrderId, OrganizerId, RequestId},
    paper::Language,
    problem::{Code, Problem},
    sync::{At, Fact, fact::Printed},
    ticketing::EventKey,
    till::wire::{SaleView, SellRequest, TillView},
};

/// Where a station lives and what it calls itself.
#[derive(Debug, Clone)]
pub struct StationConfig {
    /// The data folder; made where it is missing.
    pub data: PathBuf,
    pub key_store: KeyStoreChoice,
    /// `willcall-station 0.1.0 linux`.
    pub software: String,
}

/// What the station takes from the machine it runs on.
#[derive(Debug, Clone)]
pub struct Host {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Host {
    /// The machine's own clock and generator.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(OsEntropy) }
    }
}

/// An open station. Clones share it; the folder is free again when the last is dropped.
#[derive(Debug, Clone)]
pub struct Station {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: StationConfig,
    host: Host,
    keys: Keys,
    secrets: Mutex<Secrets>,
    db: Database,
    identity: RwLock<Option<Identity>>,
    event_keys: RwLock<Arc<Vec<EventKey>>>,
    link: Link,
    feed: ChangeFeed,
    found: FoundSeal,
    transport: Arc<dyn Transport>,
}

/// What is read of the database when it is opened.
struct Loaded {
    identity: Option<Identity>,
    event_keys: Vec<EventKey>,
    remembered: sync::Remembered,
    floor: Option<UtcMillis>,
}

impl Station {
    /// Opens the station of a data folder, over HTTP.
    ///
    /// # Errors
    /// `busy` when another process has the folder; a sentence when the key, the disk or the program's version do not
    /// allow it. A damaged database is no error: it is set aside and what can be read of its journal is recovered.
    pub fn open(config: StationConfig, host: Host) -> Result<Self, Problem> {
        Self::open_with(config, host, Arc::new(HttpTransport::new()?))
    }

    /// The same over another transport.
    ///
    /// # Errors
    /// As [`Station::open`].
    pub fn open_with(config: StationConfig, host: Host, transport: Arc<dyn Transport>) -> Result<Self, Problem> {
        let lock = db::open::lock(&config.data)?;
        let exists = db::open::path(&config.data).exists();
        let (keys, mut secrets) = Keys::open(&config.data, config.key_store, exists, &*host.entropy)?;
        let boot = uuid_v7(host.clock.now(), &*host.entropy);
        let opening = Opening { config: &config, host: &host, keys: &keys, boot };
        let (db, loaded) = opening.open(lock, &mut secrets)?;
        let link = Link::new(boot, loaded.remembered, loaded.floor);
        let inner = Inner {
            found: FoundSeal::born(&*host.entropy),
            identity: RwLock::new(loaded.identity),
            event_keys: RwLock::new(Arc::new(loaded.event_keys)),
            link,
            feed: ChangeFeed::default(),
            secrets: Mutex::new(secrets),
            config,
            host,
            keys,
            db,
            transport,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Enrols this station at a server.
    ///
    /// # Errors
    /// See [`devices::enrol::enrol`].
    pub async fn enrol(&self, url: &str, token: &str) -> Result<StatusView, Problem> {
        devices::enrol::enrol(self, url, token).await
    }

    /// What this station is and how it stands.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn status(&self) -> Result<StatusView, Problem> {
        devices::status::status(self).await
    }

    /// One round of syncing, now.
    ///
    /// # Errors
    /// See [`sync::engine::once`].
    pub async fn sync_once(&self) -> Result<SyncReport, Problem> {
        self.enrolled()?;
        sync::engine::once(self).await
    }

    /// Keeps in touch with the server until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        sync::engine::run(self.clone(), cancel).await;
    }

    /// What the door's screen shows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn door(&self) -> Result<DoorView, Problem> {
        checkin::door::door(self).await
    }

    /// Decides and records a scan.
    ///
    /// # Errors
    /// See [`checkin::scan::scan`].
    pub async fn scan(&self, request: ScanRequest) -> Result<VerdictView, Problem> {
        checkin::scan::scan(self, request).await
    }

    /// Finds tickets by name or order code.
    ///
    /// # Errors
    /// See [`checkin::search::search`].
    pub async fn search(&self, list: ListId, text: &str) -> Result<Vec<FoundTicket>, Problem> {
        checkin::search::search(self, list, text).await
    }

    /// What the till's screen shows.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn till(&self) -> Result<TillView, Problem> {
        till::view::till(self).await
    }

    /// Sells.
    ///
    /// # Errors
    /// See [`till::sell::sell`].
    pub async fn sell(&self, request: SellRequest) -> Result<SaleView, Problem> {
        till::sell::sell(self, request).await
    }

    /// The paper of a sale, as PDF.
    ///
    /// # Errors
    /// See [`till::print::paper`].
    pub async fn paper(&self, order: OrderId, what: Printed, language: Language) -> Result<Vec<u8>, Problem> {
        till::print::paper(self, order, what, language).await
    }

    /// Records that a paper left the printer; answers which copy it was, from 1.
    ///
    /// # Errors
    /// See [`till::print::record_print`].
    pub async fn record_print(&self, order: OrderId, what: Printed) -> Result<u32, Problem> {
        till::print::record_print(self, order, what).await
    }

    /// Checks the whole journal and everything derived from it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify_journal(&self) -> Result<JournalReport, Problem> {
        let verify = |tx: &rusqlite::Transaction<'_>| journal::verify::verify(tx, &devices::public_keys(tx)?);
        Ok(self.inner.db.read(verify).await?)
    }

    /// Announcements of what changed, from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Changed> {
        self.inner.feed.watch()
    }

    /// Where the secrets of this station are.
    #[must_use]
    pub fn key_store(&self) -> KeyStore {
        self.inner.keys.store()
    }

    pub(crate) fn db(&self) -> &Database {
        &self.inner.db
    }

    pub(crate) fn host(&self) -> &Host {
        &self.inner.host
    }

    pub(crate) fn software(&self) -> &str {
        &self.inner.config.software
    }

    pub(crate) fn link(&self) -> &Link {
        &self.inner.link
    }

    pub(crate) fn feed(&self) -> &ChangeFeed {
        &self.inner.feed
    }

    pub(crate) fn found_seal(&self) -> &FoundSeal {
        &self.inner.found
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        &*self.inner.transport
    }

    pub(crate) fn reading(&self) -> Reading {
        self.inner.link.reading(&self.inner.host)
    }

    pub(crate) fn data_age(&self) -> Option<Age> {
        self.inner.link.age(&self.inner.host)
    }

    pub(crate) fn event_keys(&self) -> Arc<Vec<EventKey>> {
        self.inner.event_keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who this station is, also when it was switched off.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.inner.identity.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who this station is, where it may act.
    pub(crate) fn enrolled(&self) -> Result<Identity, Problem> {
        let none = || Problem::new(Code::NotEnrolled, "Enrol this station first: the organizer shows how.");
        let identity = self.identity().ok_or_else(none)?;
        if identity.revoked {
            let detail =
                "The organizer switched this device off. What it recorded stays here; enrol it again to go on.";
            return Err(Problem::new(Code::Revoked, detail));
        }
        Ok(identity)
    }

    pub(crate) fn server(&self, identity: &Identity) -> Result<Server, Problem> {
        let base = Url::parse(&identity.url).map_err(|e| {
            Problem::new(Code::Corrupt, format!("The server's address {} is not right: {e}.", identity.url))
        })?;
        Ok(Server { base, token: identity.token.clone() })
    }

    pub(crate) fn pen(&self, identity: &Identity, at: At) -> Result<Pen, Problem> {
        Ok(Pen {
            station: identity.device_id,
            incarnation: identity.incarnation,
            key: self.device_key()?,
            entropy: self.inner.host.entropy.clone(),
            at,
            gate: identity.place().to_owned(),
        })
    }

    pub(crate) fn secrets(&self) -> Secrets {
        self.inner.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn device_key(&self) -> Result<Arc<SigningKey>, Problem> {
        self.secrets().device_key().map(Arc::new)
    }

    pub(crate) fn replace_secrets(&self, secrets: Secrets) -> Result<(), Problem> {
        self.inner.keys.save(&secrets)?;
        *self.inner.secrets.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
        Ok(())
    }

    /// Reads anew what is kept in memory of the database.
    pub(crate) async fn reload(&self) -> Result<(), Fault> {
        let read = |tx: &rusqlite::Transaction<'_>| Ok((devices::current(tx)?, ticketing::event_keys(tx)?));
        let (identity, event_keys) = self.inner.db.read(read).await?;
        *self.inner.identity.write().unwrap_or_else(PoisonError::into_inner) = identity;
        *self.inner.event_keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(event_keys);
        self.inner.feed.announce(&[Topic::Status, Topic::Door, Topic::Till]);
        Ok(())
    }

    /// The server switched this device off: from now on it neither scans nor sells.
    pub(crate) async fn note_revoked(&self) -> Result<(), Fault> {
        let Some(identity) = self.identity().filter(|i| !i.revoked) else { return Ok(()) };
        tracing::warn!(device = identity.device_id.0, "this device was switched off");
        self.inner.db.write(move |tx| devices::set_revoked(tx, identity.device_id)).await?;
        self.reload().await
    }

    /// Every check-in list known here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn lists(&self) -> Result<Vec<ListRow>, Problem> {
        Ok(self.inner.db.read(checkin::lists).await?)
    }

    /// Every event and product known here.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn catalog(&self) -> Result<(Vec<EventRow>, Vec<ItemRow>), Problem> {
        let read = |tx: &rusqlite::Transaction<'_>| Ok((catalog::events(tx)?, catalog::items_of_events(tx)?));
        Ok(self.inner.db.read(read).await?)
    }

    /// A new id for a request of this machine.
    #[must_use]
    pub fn new_request_id(&self) -> RequestId {
        RequestId::born(self.inner.host.clock.now(), &*self.inner.host.entropy)
    }

    /// The organizer and event of keys with these bytes, for looking into a code.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn events_of_key(&self, public: String) -> Result<Vec<(OrganizerId, EventId)>, Problem> {
        Ok(self.inner.db.read(move |tx| ticketing::key_events(tx, &public)).await?)
    }
}

/// Opening a data folder, where the database may turn out to be damaged.
struct Opening<'a> {
    config: &'a StationConfig,
    host: &'a Host,
    keys: &'a Keys,
    boot: Uuid,
}

impl Opening<'_> {
    fn open(&self, lock: std::fs::File, secrets: &mut Secrets) -> Result<(Database, Loaded), Problem> {
        let key = secrets.database_key()?;
        match self.attempt(&key, lock) {
            Ok(opened) => Ok(opened),
            Err((fault, lock)) if fault.is_damage() => self.start_over(&fault, lock, secrets),
            Err((fault, _)) => Err(fault.into()),
        }
    }

    fn attempt(&self, key: &[u8; 32], lock: std::fs::File) -> Result<(Database, Loaded), (Fault, std::fs::File)> {
        let mut loaded = None;
        let db = db::open::open(&self.config.data, key, lock, self.host.clock.now(), |connection| {
            loaded = Some(load(connection)?);
            Ok(())
        })?;
        let nothing =
            Loaded { identity: None, event_keys: Vec::new(), remembered: sync::Remembered::default(), floor: None };
        Ok((db, loaded.unwrap_or(nothing)))
    }

    /// Sets the damaged file aside, recovers the journal, and goes on in a new incarnation.
    fn start_over(
        &self,
        fault: &Fault,
        lock: std::fs::File,
        secrets: &mut Secrets,
    ) -> Result<(Database, Loaded), Problem> {
        tracing::error!(cause = %fault, "the database is damaged; it is set aside");
        let (key, now) = (secrets.database_key()?, self.host.clock.now());
        let aside = db::open::set_aside(&self.config.data, now).map_err(|e| Problem::from(Fault::from(e)))?;
        let device_key = secrets.device_key()?;
        let mut known =
            secrets.enrolment.iter().map(|e| (e.answer.device_id, device_key.verifying_key())).collect::<Vec<_>>();
        let damaged = || db::open::salvage(&aside, &key);
        let others = damaged().map_err(Fault::from).and_then(|c| devices::public_keys(&c)).unwrap_or_default();
        known.extend(others.into_iter().filter(|(id, _)| !known.iter().any(|(k, _)| k == id)).collect::<Vec<_>>());
        let salvaged = journal::recover::read(&damaged, &known);
        let last = salvaged.entries.iter().map(|e| e.incarnation).max().unwrap_or(0);
        if let Some(kept) = &mut secrets.enrolment {
            kept.incarnation = kept.incarnation.max(last) + 1;
            self.keys.save(secrets)?;
        }
        let report = report(&aside, &salvaged, secrets.enrolment.is_some());
        tracing::warn!(report, "went on after damage");
        let (enrolment, software) = (secrets.enrolment.clone(), self.config.software.clone());
        let (entropy, boot) = (self.host.entropy.clone(), self.boot);
        let monotonic_ms = self.host.clock.monotonic_ms();
        let fill = |connection: &mut rusqlite::Connection| -> Result<(), Fault> {
            let tx = connection.transaction()?;
            if let Some(kept) = &enrolment {
                devices::keep(&tx, &kept.answer, &kept.url, &device_key.verifying_key(), kept.incarnation, now)?;
                sync::meet_history(&tx, kept.answer.history)?;
                journal::recover::restore(&tx, &salvaged.entries)?;
                let at = At { wall: now, offset_ms: 0, uncertainty_ms: -1, boot, monotonic_ms };
                let pen = Pen {
                    station: kept.answer.device_id,
                    incarnation: kept.incarnation,
                    key: Arc::new(device_key.clone()),
                    entropy: entropy.clone(),
                    at,
                    gate: kept.answer.gate.clone(),
                };
                journal::append(&tx, &pen, &Fact::Opened { software: software.clone() }, None, Vec::new())?;
            }
            devices::note_recovery(&tx, now, &report)?;
            tx.commit()?;
            Ok(())
        };
        let lock =
            db::open::create(&self.config.data, &key, lock, now, fill).map_err(|(fault, _)| Problem::from(fault))?;
        self.attempt(&key, lock).map_err(|(fault, _)| fault.into())
    }
}

fn report(aside: &std::path::Path, salvaged: &journal::recover::Salvaged, enrolled: bool) -> String {
    let name = aside.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let rejected = match salvaged.rejected {
        0 => String::new(),
        n => format!(" {n} more could be read but were not what was signed."),
    };
    let next = if enrolled {
        "They will be sent to the server again; tickets and products come back with the next sync, and units for sale \
         are asked for anew."
    } else {
        "Enrol this station again."
    };
    format!(
        "The database was damaged and set aside as {name}. {} journal entries were recovered from it.{rejected} {next}",
        salvaged.entries.len()
    )
}

fn load(connection: &rusqlite::Connection) -> Result<Loaded, Fault> {
    let tx = connection.unchecked_transaction()?;
    let identity = devices::current(&tx)?;
    let remembered = sync::remembered(&tx)?;
    let mut floor =
        remembered.last_at.zip(remembered.offset_ms).map(|(at, offset)| UtcMillis(at.0.saturating_add(offset)));
    if let Some(who) = &identity {
        journal::verify::verify_tail(&tx, who.device_id, who.incarnation, &who.public_key)?;
        let newest = journal::newest(&tx, who.device_id, who.incarnation, 20)?;
        let by_clock = newest.iter().find(|e| !matches!(e.fact(), Some(Fact::Scan { time_by_hand: Some(_), .. })));
        floor = floor.max(by_clock.map(|e| UtcMillis(e.at.wall.0.saturating_add(e.at.offset_ms))));
    }
    Ok(Loaded { identity, event_keys: ticketing::event_keys(&tx)?, remembered, floor })
}
