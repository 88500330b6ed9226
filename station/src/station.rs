//! A station, open: its database, keys, link and listeners, and the use cases by name. Each use case stands in a file
//! of its slice; here is only what they share.

pub use crate::sync::contact::Reading;
use crate::{
    access::{self, signed_in::SignedIn},
    catalog,
    change_feed::{ChangeFeed, Changed, Topic},
    checkin::{self, again::Again, found::FoundSeal, undo::Undone, unrecorded::Unrecorded},
    copies::{
        self, Places,
        backup::BackupReport,
        checkpoint::CheckpointReport,
        keeper::{Keeper, Keeping},
        mark::Marks,
        mirror::MirrorKey,
        opening::{How, Opening},
        overview::CopiesView,
        places::PlacesChange,
    },
    db::{self, Database},
    devices::{self, Identity},
    error::Fault,
    journal::{self, JournalReport, Pen},
    keys::{KeyStoreChoice, Keys, Secrets},
    leases,
    sync::{self, Age, HttpTransport, Link, Server, SyncReport, Transport},
    ticketing, till,
};
use ed25519_dalek::SigningKey;
use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use url::Url;
use willcall_domain::{
    access::view::{PeopleView, SignInRequest},
    catalog::{DateRow, EventRow, ItemRow},
    checkin::{
        ListRow, VerdictView,
        wire::{DoorView, ExchangeRequest, ExchangeView, FoundTicket, ScanRequest, UndoRequest},
    },
    clock::{Clock, SystemClock},
    devices::{
        Right,
        wire::{KeyStore, StatusView},
    },
    entropy::{Entropy, OsEntropy, uuid_v7},
    id::{EventId, HandOverId, ListId, OrderId, OrganizerId, RequestId},
    leases::{
        right_view::{PayOrderRequest, RefundOrderRequest, RightView, RightsView, TakeRightRequest},
        view::{GiveRequest, GivenView, HandOverOffer, LeasesView, ReturnRequest, ReturnedView},
    },
    paper::Language,
    problem::{Code, Problem},
    sync::{
        At,
        case_view::{CasesView, CloseCaseRequest},
        fact::Printed,
    },
    ticketing::EventKey,
    till::wire::{SaleView, SellRequest, TillView, VoidRequest},
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
    /// Tells this machine from another; see [`copies::machine`].
    pub machine: String,
}

impl Host {
    /// The machine's own clock, generator and identity.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(OsEntropy), machine: copies::machine::digest() }
    }
}

/// An open station. Clones share it; the folder is free again when the last is dropped.
#[derive(Debug, Clone)]
pub struct Station {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Before the database: it reads it until it ends.
    keeper: Keeper,
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
    unrecorded: Arc<Unrecorded>,
    again: Arc<Again>,
    signed_in: SignedIn,
    transport: Arc<dyn Transport>,
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
        Self::open_as(config, host, transport, &How::AsItIs)
    }

    /// The same, putting a database in its place first.
    ///
    /// # Errors
    /// As [`Station::open`]; a sentence when the backup cannot be used. Nothing has changed then.
    pub(crate) fn open_as(
        config: StationConfig,
        host: Host,
        transport: Arc<dyn Transport>,
        how: &How,
    ) -> Result<Self, Problem> {
        let lock = db::open::lock(&config.data)?;
        copies::wipe::finish(&config.data)?;
        let places = Places::of(&config.data)?;
        let exists = db::open::path(&config.data).exists();
        let (keys, mut secrets) = Keys::open(&config.data, config.key_store, exists, &*host.entropy)?;
        if let How::From(file) = how {
            copies::opening::check_backup(file, &secrets)?;
        }
        let boot = uuid_v7(host.clock.now(), &*host.entropy);
        let opening = Opening { config: &config, host: &host, keys: &keys, places: &places, boot };
        let (db, loaded) = opening.open(lock, &mut secrets, how)?;
        let backups = places.backups(&config.data);
        // Elsewhere they may lie on another disk, where removing them would free nothing here.
        if backups.starts_with(&config.data) {
            db.disk().can_do_without(move || copies::backup::make_room(&backups));
        }
        let link = Link::new(boot, loaded.remembered, loaded.floor);
        let keeper = Keeper::start(Keeping {
            folder: config.data.clone(),
            marks: Marks::of(&config.data, &keys),
            key: MirrorKey::of(&*secrets.database_key()?),
            watch: db.watch(),
            host: host.clone(),
        });
        let inner = Inner {
            keeper,
            found: FoundSeal::born(&*host.entropy),
            unrecorded: Arc::default(),
            again: Arc::default(),
            signed_in: SignedIn::default(),
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
        if self.identity().is_some_and(|who| who.revoked) {
            sync::leftovers::offer_once(self).await;
        }
        self.enrolled()?;
        let report = sync::engine::once(self).await?;
        devices::disk::forget_copies(self).await;
        Ok(report)
    }

    /// Whether the last contact succeeded, and nothing has failed since that puts the link in doubt.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link().view().connected
    }

    /// Keeps in touch with the server, an eye on the disk, and backups, until cancelled.
    pub async fn run(&self, cancel: CancellationToken) {
        tokio::join!(
            sync::engine::run(self.clone(), cancel.clone()),
            devices::disk::watch(self, &cancel),
            copies::backup::keep(self, &cancel),
            copies::checkpoint::keep(self, &cancel),
            copies::wipe::keep(self, &cancel),
            sync::leftovers::offer(self, &cancel),
            sync::sweep::begin(self)
        );
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

    /// Undoes a scan.
    ///
    /// # Errors
    /// See [`checkin::undo::undo`].
    pub async fn undo(&self, request: UndoRequest) -> Result<Undone, Problem> {
        checkin::undo::undo(self, request).await
    }

    /// Who may sign in here, who is, and what may be done now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn people(&self) -> Result<PeopleView, Problem> {
        access::sign_in::people(self).await
    }

    /// Signs somebody in by PIN.
    ///
    /// # Errors
    /// See [`access::sign_in::sign_in`].
    pub async fn sign_in(&self, request: SignInRequest) -> Result<PeopleView, Problem> {
        access::sign_in::sign_in(self, request).await
    }

    /// Signs out whoever is signed in.
    ///
    /// # Errors
    /// See [`access::sign_in::sign_out`].
    pub async fn sign_out(&self) -> Result<PeopleView, Problem> {
        access::sign_in::sign_out(self).await
    }

    /// Does one thing in the name of somebody who says so by PIN; without one, as whoever is signed in.
    ///
    /// # Errors
    /// See [`access::sign_in::for_one_act`].
    pub async fn approved<T>(
        &self,
        approval: Option<SignInRequest>,
        act: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        access::sign_in::for_one_act(self, approval, act).await
    }

    /// What may be done here now, with whoever is signed in.
    #[must_use]
    pub fn rights_in_force(&self, identity: &Identity) -> Vec<Right> {
        access::sign_in::in_force(self, identity)
    }

    /// Exchanges a ticket for a wristband or the like.
    ///
    /// # Errors
    /// See [`checkin::exchange::exchange`].
    pub async fn exchange(&self, request: ExchangeRequest) -> Result<ExchangeView, Problem> {
        checkin::exchange::exchange(self, request).await
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

    /// What this till may do once and nobody else now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rights(&self) -> Result<RightsView, Problem> {
        leases::rights::list::rights(self).await
    }

    /// Takes the right of a voucher or a web order.
    ///
    /// # Errors
    /// See [`leases::rights::ask::take_right`].
    pub async fn take_right(&self, request: TakeRightRequest) -> Result<RightView, Problem> {
        leases::rights::ask::take_right(self, request).await
    }

    /// Gives the right of this code back.
    ///
    /// # Errors
    /// See [`leases::rights::give_back::release_right`].
    pub async fn release_right(&self, code: &str) -> Result<RightsView, Problem> {
        leases::rights::give_back::release_right(self, code).await
    }

    /// Takes cash for a web order.
    ///
    /// # Errors
    /// See [`till::counter::pay_order`].
    pub async fn pay_order(&self, request: PayOrderRequest) -> Result<SaleView, Problem> {
        till::counter::pay_order(self, request).await
    }

    /// Ends a web order and gives its money back.
    ///
    /// # Errors
    /// See [`till::counter::refund_order`].
    pub async fn refund_order(&self, request: RefundOrderRequest) -> Result<SaleView, Problem> {
        till::counter::refund_order(self, request).await
    }

    /// The paper of a sale, as PDF.
    ///
    /// # Errors
    /// See [`till::print::paper`].
    pub async fn paper(
        &self,
        order: OrderId,
        what: Printed,
        receipt: Option<u64>,
        language: Language,
    ) -> Result<Vec<u8>, Problem> {
        till::print::paper(self, order, what, receipt, language).await
    }

    /// Records that a paper left the printer; answers which copy it was, from 1.
    ///
    /// # Errors
    /// See [`till::print::record_print`].
    pub async fn record_print(&self, order: OrderId, what: Printed, receipt: Option<u64>) -> Result<u32, Problem> {
        till::print::record_print(self, order, what, receipt).await
    }

    /// Undoes a sale, or positions of it.
    ///
    /// # Errors
    /// See [`till::void::void`].
    pub async fn void(&self, request: VoidRequest) -> Result<SaleView, Problem> {
        till::void::void(self, request).await
    }

    /// A sale of this till, by order code or id.
    ///
    /// # Errors
    /// When there is none.
    pub async fn sale(&self, text: &str) -> Result<SaleView, Problem> {
        till::view::find(self, text).await
    }

    /// What this till holds, and what is on its way between tills.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn leases(&self) -> Result<LeasesView, Problem> {
        leases::list::leases(self).await
    }

    /// Hands units to another till, in a file.
    ///
    /// # Errors
    /// See [`leases::give::give`].
    pub async fn give_units(&self, request: GiveRequest, file: PathBuf) -> Result<GivenView, Problem> {
        leases::give::give(self, request, file).await
    }

    /// Writes the file of units that are on their way once more.
    ///
    /// # Errors
    /// See [`leases::give::write_again`].
    pub async fn write_hand_over(&self, ids: Vec<HandOverId>, file: PathBuf) -> Result<GivenView, Problem> {
        leases::give::write_again(self, ids, file).await
    }

    /// What a hand-over file holds and what can be done with it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn look_into(&self, file: PathBuf) -> Result<HandOverOffer, Problem> {
        leases::take::look_into(self, file).await
    }

    /// Takes in units of another till.
    ///
    /// # Errors
    /// See [`leases::take::take`].
    pub async fn take_units(&self, file: PathBuf) -> Result<LeasesView, Problem> {
        leases::take::take(self, file).await
    }

    /// Declines units of another till, finally.
    ///
    /// # Errors
    /// See [`leases::take::decline`].
    pub async fn decline_units(&self, file: PathBuf) -> Result<LeasesView, Problem> {
        leases::take::decline(self, file).await
    }

    /// Gives units back to the server.
    ///
    /// # Errors
    /// See [`leases::give_back::return_units`].
    pub async fn return_units(&self, request: ReturnRequest) -> Result<ReturnedView, Problem> {
        leases::give_back::return_units(self, request).await
    }

    /// Checks the whole journal and everything derived from it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn verify_journal(&self) -> Result<JournalReport, Problem> {
        let verify = |tx: &rusqlite::Transaction<'_>| journal::verify::verify(tx, &devices::key_histories(tx)?);
        Ok(self.inner.db.read(verify).await?)
    }

    /// Announcements of what changed, from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Changed> {
        self.inner.feed.watch()
    }

    /// Somebody started the window's program again: the one that runs comes forward.
    pub fn show(&self) {
        self.inner.feed.announce(&[Topic::Show]);
    }

    /// Where the secrets of this station are.
    #[must_use]
    pub fn key_store(&self) -> KeyStore {
        self.inner.keys.store()
    }

    /// Makes a backup: into `to`, or as one of those that take turns.
    ///
    /// # Errors
    /// See [`copies::backup::take`].
    pub async fn backup(&self, to: Option<PathBuf>) -> Result<BackupReport, Problem> {
        copies::backup::take(self, to).await
    }

    /// The backups that are there, and how the second medium is.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn copies(&self) -> Result<CopiesView, Problem> {
        copies::overview::copies(self)
    }

    /// Where backups and the mirror of the journal go.
    ///
    /// # Errors
    /// When the settings cannot be read.
    pub fn places(&self) -> Result<Places, Problem> {
        Places::of(&self.inner.config.data)
    }

    /// Changes where they go.
    ///
    /// # Errors
    /// See [`Places::change`].
    pub fn change_places(&self, change: PlacesChange) -> Result<Places, Problem> {
        self.places()?.change(&self.inner.config.data, change)
    }

    /// The cases of this station's events.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cases(&self) -> Result<CasesView, Problem> {
        sync::cases::list::cases(self).await
    }

    /// Closes a case.
    ///
    /// # Errors
    /// See [`sync::cases::close::close`].
    pub async fn close_case(&self, request: CloseCaseRequest) -> Result<CasesView, Problem> {
        sync::cases::close::close(self, request).await
    }

    /// Gives this device a new key.
    ///
    /// # Errors
    /// See [`devices::key_change::change`].
    pub async fn change_key(&self) -> Result<StatusView, Problem> {
        devices::key_change::change(self).await
    }

    /// Drops what the server has safely and the events are long over.
    ///
    /// # Errors
    /// See [`copies::checkpoint::write`].
    pub async fn checkpoint(&self) -> Result<CheckpointReport, Problem> {
        copies::checkpoint::write(self, 1).await
    }

    /// Brings the marks and the mirrors up to date at once.
    pub async fn settle(&self) {
        let station = self.clone();
        let settled = tokio::task::spawn_blocking(move || station.inner.keeper.settle());
        if let Err(error) = settled.await {
            tracing::error!(%error, "the marks could not be brought up to date");
        }
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.inner.keeper
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.inner.keys
    }

    /// Whether nobody else has this station open in this program.
    #[must_use]
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.inner) == 1
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

    pub(crate) fn unrecorded(&self) -> Arc<Unrecorded> {
        self.inner.unrecorded.clone()
    }

    pub(crate) fn again(&self) -> Arc<Again> {
        self.inner.again.clone()
    }

    pub(crate) fn signed_in(&self) -> &SignedIn {
        &self.inner.signed_in
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.inner.config.data
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
        Ok(Server { base, token: identity.token.clone(), protocol: self.link().protocol() })
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
        if let Some(identity) = self.identity() {
            access::sign_in::follow(self, &identity).await?;
        }
        self.inner.feed.announce(&[Topic::Status, Topic::Door, Topic::Till]);
        Ok(())
    }

    /// This machine has forgotten the station: nothing is scanned or sold any more.
    pub(crate) fn forget_identity(&self) {
        *self.inner.identity.write().unwrap_or_else(PoisonError::into_inner) = None;
        self.inner.feed.announce(&[Topic::Status, Topic::Door, Topic::Till]);
    }

    /// The server switched this device off: from now on it neither scans nor sells.
    pub(crate) async fn note_revoked(&self) -> Result<(), Fault> {
        let Some(identity) = self.identity().filter(|i| !i.revoked) else { return Ok(()) };
        tracing::warn!(device = identity.device_id.0, "this device was switched off");
        self.inner.db.write_small(move |tx| devices::set_revoked(tx, identity.device_id)).await?;
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

    /// The dates of an event, the earliest first; empty where it takes place once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dates(&self, event: EventId) -> Result<Vec<DateRow>, Problem> {
        Ok(self.inner.db.read(move |tx| catalog::dates_of_event(tx, event)).await?)
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
