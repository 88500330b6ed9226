//! A small server in memory behind the station's transport: rows, journal pages, grants, and links that can be cut. It
//! checks what a server must (chains, signatures, tokens) and decides nothing.

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use futures_util::stream;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::watch;
use url::Url;
use uuid::Uuid;
use willcall_domain::{
    access::OrganizerRow,
    catalog::{EventRow, ItemRow, QuotaRow, VoucherEffect},
    checkin::{Direction, ListRow, VerdictView, wire::ScanRequest},
    clock::{ManualClock, UtcMillis},
    devices::{
        certificate::{CertificateBody, DeviceCertificate, certified_keys, sign_certificate},
        wire::{EnrolAnswer, EnrolRequest, Right, Role},
    },
    entropy::SeededEntropy,
    id::*,
    leases::{
        BlankCodes, BlankRange, Grant, GrantBody, RightBody, RightGrant, RightRequest, RightSubject, VoucherTerms,
        sign_grant, sign_right, wire::LeaseRequest,
    },
    money::{Currency, Money},
    orders::{OrderStatus, PositionRow},
    problem::{Code, Problem},
    sync::{
        Change, ChangesAnswer, Contact, ContactAnswer, ContactBody, Cursor, Entry, Fact, KeyHistory, Outcome,
        PushAnswer, PushRequest, Row,
        contact::sign_contact,
        journal::{FIRST, bytes32},
        recognise::{Doubt, Recognised, Remembered, Told, recognise},
        standing::machine_digest,
    },
    ticketing::{Claims, CodeFormat, Flags, KeyRow, KeyStatus, blank, key::public_key, sig1, wc1},
    till::wire::{SellLine, SellRequest, Tender},
};
use willcall_station::{
    Host, KeyStoreChoice, Station, StationConfig,
    sync::{
        Refusal, Server, Transport,
        transport::{Download, Following, Heard, Standing, whole},
    },
};

pub const ORGANIZER: OrganizerId = OrganizerId(3);
pub const EVENT: EventId = EventId(7);
pub const LIST: ListId = ListId(11);
pub const ADULT: ItemId = ItemId(21);
pub const MUG: ItemId = ItemId(22);
/// The machine stations are opened on, as `WILLCALL_MACHINE_ID` says it to programs.
pub const MACHINE: &str = "m1";
pub const DOORS: UtcMillis = UtcMillis(1_798_000_000_000);

#[derive(Debug)]
pub struct State {
    pub online: bool,
    pub head: Vec<Row>,
    pub history: HistoryId,
    pub journal: BTreeMap<(DeviceId, u32), Vec<Entry>>,
    pub keys: BTreeMap<DeviceId, String>,
    pub grants: BTreeMap<RequestId, Grant>,
    pub units_left: u32,
    /// Leases that were lent elsewhere: the next one has the number after.
    pub lent_before: u128,
    /// The answer to the next lease request is lost on its way.
    pub lose_next_grant: bool,
    /// Rights by the code they were asked for.
    pub held_rights: BTreeMap<String, RightBody>,
    /// The answer to the next request for a right is lost on its way.
    pub lose_next_right: bool,
    pub cut_snapshot: bool,
    pub revoked: bool,
    pub pushes: u32,
    pub server_ahead_ms: i64,
    pub format: CodeFormat,
    /// What the device may do when it enrols.
    pub rights: Vec<Right>,
    /// Who sells; `None` is what a server of the first version says.
    pub organizer: Option<OrganizerRow>,
    /// The machine the next station is opened on.
    pub machine: String,
    /// What is remembered of each station's contacts, by incarnation.
    pub remembered: BTreeMap<(DeviceId, u32), Remembered>,
    /// Every contact as it was asked.
    pub contacts: Vec<Contact>,
    /// Who was suspended is told to doubt, whatever it says.
    pub suspended: bool,
    /// What a station that was switched off still has is taken.
    pub takes_from_revoked: bool,
    /// Up to where a finished backup has a journal.
    pub safe: Option<u64>,
    /// Gives no entries back, like a server of the first version.
    pub gives_nothing_back: bool,
    /// Pages of a journal are answered by what is left of another life of the server.
    pub pushed_to: Option<HistoryId>,
}

/// The state while it is looked at. Once let go of, whoever follows is told if it was changed.
pub struct Reached<'a> {
    state: MutexGuard<'a, State>,
    touched: bool,
    changes: &'a watch::Sender<u64>,
}

impl Deref for Reached<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Reached<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.touched = true;
        &mut self.state
    }
}

impl Drop for Reached<'_> {
    fn drop(&mut self) {
        if self.touched {
            self.changes.send_modify(|changes| *changes += 1);
        }
    }
}

impl State {
    /// Rights that no journal says were taken.
    fn open_rights(&self) -> Vec<RightBody> {
        let taken = |right: RightId| {
            let of = |e: &Entry| matches!(e.fact(), Some(Fact::RightTaken { right_id, .. }) if right_id == right);
            self.journal.values().flatten().any(of)
        };
        self.held_rights.values().filter(|body| !taken(body.right_id)).cloned().collect()
    }

    /// Whether the one who speaks is doubted, its next token, and its newest incarnation; as the server does it.
    fn recognise(&mut self, station: DeviceId, contact: &Contact) -> (bool, Option<String>, u32) {
        let hash = |text: &str| -> [u8; 32] { Sha256::digest(text.as_bytes()).into() };
        let journal = self.journal.get(&(station, contact.incarnation)).map_or(&[][..], Vec::as_slice);
        let at = usize::try_from(contact.length).unwrap().checked_sub(1).and_then(|at| journal.get(at));
        let newest = self.remembered.keys().filter(|(of, _)| *of == station).map(|(_, n)| *n).max().unwrap_or(0);
        let known = self.remembered.entry((station, contact.incarnation)).or_default();
        known.newest_incarnation = newest;
        known.longest = journal.len() as u64;
        known.hashes = at.map(|entry| bytes32(&entry.hash).unwrap()).into_iter().collect();
        let told = Told {
            incarnation: contact.incarnation,
            length: contact.length,
            tail: bytes32(&contact.tail_hash),
            token: contact.resume.as_deref().map(hash),
            keeps_tokens: contact.protocol >= 2,
            machine: &contact.machine,
            suspect: contact.suspect,
            clock: None,
        };
        let newest = newest.max(contact.incarnation);
        let recognised = recognise(&told, known);
        if let Recognised::Doubted(doubt) = recognised {
            known.doubted |= doubt != Doubt::OlderIncarnation;
        }
        if self.suspended || recognised != Recognised::Known {
            return (true, None, newest);
        }
        let token = format!("token {} of {}/{}", self.contacts.len(), station, contact.incarnation);
        known.tokens = [Some(hash(&token)), known.tokens[0]];
        known.machine.clone_from(&contact.machine);
        (false, Some(token), newest)
    }
}

#[derive(Debug)]
pub struct FakeServer {
    state: Mutex<State>,
    /// How often the state was changed.
    changes: watch::Sender<u64>,
    /// That number when changes were last asked for.
    told_at: Mutex<u64>,
    pub clock: ManualClock,
    pub server_key: SigningKey,
    pub event_key: SigningKey,
    pub role: Role,
    next_device: Mutex<i64>,
}

impl FakeServer {
    pub fn new(role: Role) -> Arc<Self> {
        let event_key = SigningKey::from_bytes(&[9; 32]);
        let state = State {
            online: true,
            head: vec![
                Row::Event(event(CodeFormat::Wc1)),
                Row::Item(item(ADULT, "Adult", 2400, true)),
                Row::Item(item(MUG, "Mug", 850, false)),
                Row::Quota(quota(1, &[ADULT], 100)),
                Row::Quota(quota(2, &[MUG], 100)),
                Row::List(list(LIST, 1)),
                Row::Key(KeyRow {
                    organizer_id: ORGANIZER,
                    event_id: EVENT,
                    number: 1,
                    public: hex::encode(event_key.verifying_key().as_bytes()),
                    status: KeyStatus::Active,
                    version: 1,
                }),
            ],
            history: HistoryId(Uuid::from_u128(1)),
            journal: BTreeMap::new(),
            keys: BTreeMap::new(),
            grants: BTreeMap::new(),
            units_left: 1000,
            lent_before: 0,
            lose_next_grant: false,
            held_rights: BTreeMap::new(),
            lose_next_right: false,
            cut_snapshot: false,
            revoked: false,
            pushes: 0,
            server_ahead_ms: 0,
            format: CodeFormat::Wc1,
            rights: Vec::new(),
            organizer: None,
            machine: machine_digest(MACHINE),
            remembered: BTreeMap::new(),
            contacts: Vec::new(),
            suspended: false,
            takes_from_revoked: false,
            safe: None,
            gives_nothing_back: false,
            pushed_to: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            told_at: Mutex::default(),
            clock: ManualClock::at(DOORS),
            server_key: SigningKey::from_bytes(&[8; 32]),
            event_key,
            role,
            next_device: Mutex::new(41),
        })
    }

    /// One whose first device has the number after this.
    pub fn numbering(role: Role, from: i64) -> Arc<Self> {
        let server = Self::new(role);
        *server.next_device.lock().unwrap() = from;
        server
    }

    fn certificate(&self, state: &State, station: DeviceId) -> DeviceCertificate {
        let mut keys = KeyHistory::of(public_key(&state.keys[&station]).unwrap());
        for known in state.journal.iter().filter(|((of, _), _)| *of == station).flat_map(|(_, all)| all) {
            keys.change(known).unwrap();
        }
        let body = CertificateBody {
            organizer_id: ORGANIZER,
            device_id: station,
            name: format!("Till {station}"),
            role: self.role,
            keys: certified_keys(&keys),
        };
        sign_certificate(&body, &self.server_key).unwrap()
    }

    pub fn state(&self) -> Reached<'_> {
        Reached { state: self.state.lock().unwrap(), touched: false, changes: &self.changes }
    }

    /// A `wc1` code of a position.
    pub fn code(&self, position: PositionId, issue: u8) -> String {
        self.sign(position, issue, Flags::default())
    }

    pub fn sign(&self, position_id: PositionId, issue: u8, flags: Flags) -> String {
        let claims = Claims {
            key_number: 1,
            position_id,
            issue,
            flags,
            item_id: ADULT,
            variation: 0,
            date: 0,
            valid_from: None,
            valid_until: None,
        };
        wc1::sign(&claims, ORGANIZER, EVENT, &self.event_key).unwrap()
    }

    pub fn sig1_code(&self, position: PositionId) -> String {
        let claims = sig1::Sig1Claims {
            seed: sig1::seed(position, blank::ISSUE),
            item_id: ADULT,
            variation: 0,
            date: 0,
            valid_from: None,
            valid_until: None,
        };
        sig1::sign(&claims, &self.event_key)
    }

    fn online(&self, server: Option<&Server>) -> Result<Reached<'_>, Refusal> {
        let state = self.state();
        if !state.online {
            return Err(Refusal::NoLink("The cable is pulled.".into()));
        }
        if state.revoked {
            return Err(refused(Code::Revoked));
        }
        if let Some(server) = server {
            assert_eq!(server.token, "device-token", "every request carries the device's token");
        }
        Ok(state)
    }

    fn grant(&self, state: &State, request: &LeaseRequest, station: DeviceId) -> Grant {
        let units = request.wanted.min(state.units_left);
        let lease = LeaseId(Uuid::from_u128(0x9000 + state.lent_before + state.grants.len() as u128));
        let item_id = if request.quota_id == QuotaId(1) { ADULT } else { MUG };
        let base = blank::base(PositionId(Uuid::from_u128(
            (0x7000_u128 + state.lent_before + state.grants.len() as u128) << 40,
        )));
        let count = blank::count_for(units);
        let codes = (0..count).map(|n| {
            let position = blank::position(base, n);
            match state.format {
                CodeFormat::Wc1 => self.sign(position, blank::ISSUE, Flags { blank: true, ..Flags::default() }),
                CodeFormat::Sig1 => self.sig1_code(position),
            }
        });
        let blanks = if item_id == ADULT { vec![BlankRange { article: item_id.into(), base, count }] } else { vec![] };
        let codes = if item_id == ADULT {
            vec![BlankCodes { article: item_id.into(), codes: codes.collect() }]
        } else {
            vec![]
        };
        let body = GrantBody {
            lease_id: lease,
            request_id: request.request_id,
            organizer_id: ORGANIZER,
            event_id: EVENT,
            quota_id: request.quota_id,
            station,
            units,
            blanks,
            granted_at: DOORS,
        };
        sign_grant(&body, codes, &self.server_key).unwrap()
    }
}

fn refused(code: Code) -> Refusal {
    Refusal::Problem { problem: Box::new(Problem::new(code, "said the server")), retry_after_s: None }
}

#[async_trait]
impl Transport for FakeServer {
    async fn enrol(&self, _base: &Url, request: &EnrolRequest) -> Result<EnrolAnswer, Refusal> {
        if request.token != "good" {
            return Err(refused(Code::Unauthenticated));
        }
        let device_id = {
            let mut next = self.next_device.lock().unwrap();
            *next += 1;
            DeviceId(*next)
        };
        let mut state = self.state();
        state.revoked = false;
        state.keys.insert(device_id, request.public_key.clone());
        Ok(EnrolAnswer {
            organizer_id: ORGANIZER,
            organizer_name: "Kulturhaus".into(),
            device_id,
            name: "Till 1".into(),
            gate: "North".into(),
            role: self.role,
            events: vec![EVENT],
            rights: state.rights.clone(),
            organizer: state.organizer.clone(),
            device_token: "device-token".into(),
            server_key: hex::encode(self.server_key.verifying_key().as_bytes()),
            history: state.history,
        })
    }

    async fn contact(&self, server: &Server, contact: &Contact) -> Result<ContactAnswer, Refusal> {
        let mut state = self.online(Some(server))?;
        let station = *state.keys.keys().next_back().unwrap();
        let acked = state.journal.get(&(station, contact.incarnation)).map_or(0, Vec::len) as u64;
        state.contacts.push(contact.clone());
        let (suspect, resume, newest_incarnation) = state.recognise(station, contact);
        let body = ContactBody {
            nonce: contact.nonce.clone(),
            time: UtcMillis(willcall_domain::clock::Clock::now(&self.clock).0 + state.server_ahead_ms),
            history: state.history,
            head: state.head.len() as i64,
            acked,
            safe: state.safe.unwrap_or(acked),
            resume,
            suspect,
            newest_incarnation,
            protocol: 2,
            sync_in_ms: 0,
            sealing_key: None,
        };
        let accepted: Vec<LeaseId> = state
            .journal
            .values()
            .flatten()
            .filter_map(|e| match e.fact() {
                Some(Fact::LeaseAccepted { lease_id, .. }) => Some(lease_id),
                _ => None,
            })
            .collect();
        let open = state.grants.values().filter(|g| {
            let body: GrantBody = serde_json::from_str(&g.body).unwrap();
            !accepted.contains(&body.lease_id)
        });
        let certificate = (!suspect).then(|| self.certificate(&state, station));
        let answer = sign_contact(&body, open.cloned().collect(), &self.server_key).unwrap();
        let open = if suspect { Vec::new() } else { state.open_rights() };
        let open_rights = open.iter().map(|body| sign_right(body, &self.server_key).unwrap()).collect();
        Ok(ContactAnswer { certificate, open_rights, ..answer })
    }

    async fn right(&self, server: &Server, request: &RightRequest) -> Result<RightGrant, Refusal> {
        let mut state = self.online(Some(server))?;
        let station = *state.keys.keys().next_back().unwrap();
        let n = state.held_rights.len() as u128;
        let effect = VoucherEffect::PercentOff { percent_bp: 5000 };
        let fresh = || RightBody {
            right_id: RightId(Uuid::from_u128(7_000 + n)),
            request_id: request.request_id,
            organizer_id: ORGANIZER,
            event_id: EVENT,
            station,
            subject: RightSubject::Voucher { voucher_id: VoucherId(1 + n as i64) },
            code: request.code.clone(),
            voucher: Some(VoucherTerms { item_id: None, effect, home: false }),
            order: None,
            granted_at: UtcMillis(0),
        };
        let body = state.held_rights.entry(request.code.clone()).or_insert_with(fresh).clone();
        if body.request_id != request.request_id {
            return Err(refused(Code::Conflict));
        }
        if std::mem::take(&mut state.lose_next_right) {
            return Err(Refusal::NoLink("The answer was cut off.".into()));
        }
        Ok(sign_right(&body, &self.server_key).unwrap())
    }

    async fn push(&self, server: &Server, page: &PushRequest) -> Result<PushAnswer, Refusal> {
        let mut state = match self.online(Some(server)) {
            Err(refusal) if refusal.is_revoked() && self.state().takes_from_revoked => self.state(),
            online => online?,
        };
        state.pushes += 1;
        let mut outcomes = Vec::new();
        let mut acked = 0;
        for entry in &page.entries {
            let first = willcall_domain::ticketing::key::public_key(&state.keys[&entry.station]).unwrap();
            let mut keys = KeyHistory::of(first);
            for known in state.journal.iter().filter(|((of, _), _)| *of == entry.station).flat_map(|(_, all)| all) {
                keys.change(known).expect("a change of keys that counts");
            }
            entry.verify(keys.at(entry.incarnation, entry.seq)).expect("an entry as it was signed");
            let journal = state.journal.entry((entry.station, entry.incarnation)).or_default();
            if entry.seq as usize > journal.len() {
                let (seq, hash) = journal.last().map_or((0, FIRST), |e| (e.seq, bytes32(&e.hash).unwrap()));
                if entry.follows(seq, &hash).is_err() {
                    break;
                }
                journal.push(entry.clone());
            } else {
                let bare = |entry: &Entry| Entry { private: None, ..entry.clone() };
                // What stood beside it may have been erased since.
                assert_eq!(bare(&journal[entry.seq as usize - 1]), bare(entry), "sent again, it is the same");
            }
            acked = journal.len() as u64;
            outcomes.push((entry.seq, Outcome::Applied));
        }
        let history = Some(state.pushed_to.unwrap_or(state.history));
        if outcomes.is_empty() {
            return Err(refused(Code::Conflict));
        }
        Ok(PushAnswer { outcomes, acked, safe: 0, history })
    }

    async fn changes(&self, server: &Server, from: Standing, _most: u32) -> Result<ChangesAnswer, Refusal> {
        let state = self.online(Some(server))?;
        *self.told_at.lock().unwrap() = *self.changes.borrow();
        let after = from.after;
        let from = usize::try_from(after.position).unwrap();
        let snapshot_needed = after.history != state.history || from > state.head.len();
        let rows = state.head.iter().enumerate().skip(from).take(3);
        let changes: Vec<Change> = rows.map(|(n, row)| Change { position: n as i64 + 1, row: row.clone() }).collect();
        let next = changes.last().map_or(after.position, |c| c.position);
        Ok(ChangesAnswer {
            history: state.history,
            changes,
            next,
            head: state.head.len() as i64,
            snapshot_needed,
            urgent: None,
            again_within_ms: None,
        })
    }

    async fn follow(&self, server: &Server, from: Standing) -> Result<Following, Refusal> {
        // Nothing is heard before something has changed since changes were last asked for.
        let told_at = *self.told_at.lock().unwrap();
        self.changes.subscribe().wait_for(|changes| *changes != told_at).await.unwrap();
        let heard = Heard::Changes(Box::new(self.changes(server, from, 3).await?));
        Ok(Box::pin(stream::iter([Ok(heard)])))
    }

    async fn snapshot(
        &self,
        server: &Server,
        _events: &[EventId],
        _least: Option<Cursor>,
    ) -> Result<Download, Refusal> {
        let state = self.online(Some(server))?;
        let mut text =
            format!("{{\"history\":\"{}\",\"position\":{},\"protocol\":2}}\n", state.history, state.head.len());
        for row in &state.head {
            text += &serde_json::to_string(row).unwrap();
            text.push('\n');
        }
        if !state.cut_snapshot {
            text += &format!("{{\"rows\":{}}}\n", state.head.len());
        }
        Ok(whole(text.into_bytes()))
    }

    async fn give_back(&self, server: &Server, incarnation: u32, after: u64) -> Result<Vec<Entry>, Refusal> {
        let state = self.online(Some(server))?;
        if state.gives_nothing_back {
            return Err(refused(Code::NotFound));
        }
        let station = *state.keys.keys().next_back().unwrap();
        let all = state.journal.get(&(station, incarnation)).map_or(&[][..], Vec::as_slice);
        Ok(all.iter().filter(|e| e.seq > after).take(3).cloned().collect())
    }

    async fn lease(&self, server: &Server, request: &LeaseRequest) -> Result<Grant, Refusal> {
        let mut state = self.online(Some(server))?;
        let station = *state.keys.keys().next_back().unwrap();
        if let Some(grant) = state.grants.get(&request.request_id) {
            return Ok(grant.clone());
        }
        if state.units_left == 0 {
            return Err(refused(Code::SoldOut));
        }
        let grant = self.grant(&state, request, station);
        state.units_left -= request.wanted.min(state.units_left);
        state.grants.insert(request.request_id, grant.clone());
        if std::mem::take(&mut state.lose_next_grant) {
            return Err(Refusal::NoLink("The answer was lost.".into()));
        }
        Ok(grant)
    }
}

pub fn event(code_format: CodeFormat) -> EventRow {
    EventRow {
        event_id: EVENT,
        name: "Concert".into(),
        location: "Hall".into(),
        zone: "Europe/Berlin".into(),
        currency: Currency::EUR,
        starts_at: DOORS,
        ends_at: None,
        admission_at: None,
        code_format,
        planned_outage_min: 60,
        till_sales: true,
        version: 1,
    }
}

pub fn item(item_id: ItemId, name: &str, price: i64, admission: bool) -> ItemRow {
    ItemRow {
        item_id,
        event_id: EVENT,
        name: name.into(),
        category: String::new(),
        price: Money::new(price, Currency::EUR),
        tax_rate_bp: 700,
        rank: 0,
        active: true,
        admission,
        look_at_id: false,
        checkin_text: String::new(),
        variations: Vec::new(),
        addon_to: Vec::new(),
        door: Default::default(),
        version: 1,
    }
}

pub fn quota(id: i64, items: &[ItemId], free: i64) -> QuotaRow {
    QuotaRow {
        quota_id: QuotaId(id),
        event_id: EVENT,
        name: "Hall".into(),
        size: Some(free),
        items: items.to_vec(),
        date_id: None,
        free: Some(free),
        outstanding: 0,
        version: 1,
    }
}

pub fn list(list_id: ListId, version: i64) -> ListRow {
    ListRow {
        list_id,
        event_id: EVENT,
        name: "Main door".into(),
        items: None,
        include_pending: false,
        allow_multiple_entries: false,
        allow_entry_after_exit: true,
        rules: None,
        date_id: None,
        addon_match: false,
        gates: Vec::new(),
        shown_from: None,
        shown_until: None,
        version,
    }
}

pub fn position(n: u128, version: i64) -> PositionRow {
    PositionRow {
        position_id: PositionId(Uuid::from_u128(n)),
        order_id: OrderId(Uuid::from_u128(n + 1000)),
        order_code: format!("AB{n}"),
        event_id: EVENT,
        item_id: ADULT,
        order_status: OrderStatus::Paid,
        canceled: false,
        blocked: false,
        issue: 0,
        name: Some("Zoë Müller".into()),
        plain: None,
        valid_from: None,
        valid_until: None,
        test: false,
        variation_id: None,
        date_id: None,
        addon_to: None,
        door: Default::default(),
        sold_at: None,
        version,
    }
}

pub fn open(folder: &Path, server: &Arc<FakeServer>) -> Station {
    try_open(folder, server).unwrap()
}

pub fn try_open(folder: &Path, server: &Arc<FakeServer>) -> Result<Station, Problem> {
    Station::open_with(config(folder), host(folder, server), server.clone())
}

pub fn config(folder: &Path) -> StationConfig {
    StationConfig { data: folder.to_owned(), key_store: KeyStoreChoice::File, software: "willcall-station test".into() }
}

/// The machine a station is opened on; each time with another seed.
pub fn host(folder: &Path, server: &Arc<FakeServer>) -> Host {
    let seed = folder.as_os_str().len() as u64 + willcall_domain::clock::Clock::now(&server.clock).0.unsigned_abs();
    server.clock.advance(Duration::from_millis(7));
    let machine = server.state().machine.clone();
    Host { clock: Arc::new(server.clock.clone()), entropy: Arc::new(SeededEntropy::new(seed)), machine }
}

/// Writes to the database behind the station's back, as only who has its key can.
pub fn tamper(folder: &Path, sql: &str) {
    let keys = std::fs::read_to_string(folder.join("station.key")).unwrap();
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let connection = rusqlite::Connection::open(folder.join("willcall.db")).unwrap();
    let key = keys["database"].as_str().unwrap();
    connection.execute_batch(&format!("PRAGMA key = \"x'{key}'\"; PRAGMA busy_timeout = 5000")).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}

/// Enrolled and synced.
pub async fn ready(folder: &Path, server: &Arc<FakeServer>) -> Station {
    let station = open(folder, server);
    station.enrol("https://tickets.example", "good").await.unwrap();
    let report = station.sync_once().await.unwrap();
    assert_eq!(report.problems, vec![], "a clean first sync");
    assert!(report.caught_up);
    station
}

pub fn ask(code: &str) -> ScanRequest {
    ScanRequest::new(code, LIST, Direction::Entry)
}

pub async fn scan(station: &Station, code: &str) -> VerdictView {
    station.scan(ask(code)).await.unwrap()
}

pub fn cart(request: u128, lines: &[(ItemId, u32)], given_minor: i64) -> SellRequest {
    SellRequest {
        vouchers: Vec::new(),
        request_id: RequestId(Uuid::from_u128(request)),
        event_id: EVENT,
        lines: lines.iter().map(|(item_id, quantity)| SellLine::of(*item_id, *quantity)).collect(),
        tender: Tender::Cash { given_minor },
    }
}
