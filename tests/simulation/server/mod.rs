//! The server as a plain value: journals, the ledger, orders and scans, cases, the change feed. Each decision about
//! entries and units is the domain's; here they are only kept.

mod apply;
mod contact;
mod feed;
mod history;
mod intake;
mod lend;
mod office;
mod passed;
mod rights;
mod shop;

pub use apply::Arrival;
pub use feed::Reference;
pub use rights::Rights;

use super::{
    bugs::Bug,
    dice::Dice,
    rows::{Key, Row, Scan},
    town,
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use willcall_domain::{
    catalog::Article,
    clock::UtcMillis,
    devices::certificate::DeviceCertificate,
    entropy::SeededEntropy,
    id::{
        CaseId, DeviceId, EventId, HistoryId, LeaseId, OrderId, PaymentId, PositionId, QuotaId, RequestId, ScanId,
        VoucherId,
    },
    leases::{
        GrantBody, UnitRef,
        ledger::{Ledger, QuotaAccount},
        units::Units,
    },
    orders::OrderStatus,
    sync::{
        CaseKind, Entry, KeyHistory, Outcome,
        change::VoidWhy,
        intake::{Known, Standing},
        recognise::Remembered,
    },
};

/// Most units one station is lent of a quota.
pub const CAP: u32 = 8;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    pub kind: CaseKind,
    pub device: Option<DeviceId>,
    pub about: About,
    pub closed: bool,
}

/// What a case is about, as far as it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct About {
    pub position: Option<PositionId>,
    pub quota: Option<QuotaId>,
    pub order: Option<OrderId>,
}

impl From<PositionId> for About {
    fn from(position: PositionId) -> Self {
        Self { position: Some(position), ..Self::default() }
    }
}

impl From<OrderId> for About {
    fn from(order: OrderId) -> Self {
        Self { order: Some(order), ..Self::default() }
    }
}

/// An order, of the shop or of a till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub event: EventId,
    /// The till it is of.
    pub by: Option<DeviceId>,
    pub article: Article,
    pub positions: Vec<PositionId>,
    pub status: OrderStatus,
    pub total: i64,
}

/// A ticket, as far as the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub order: OrderId,
    pub article: Article,
    pub units: Vec<UnitRef>,
    pub blank: Option<LeaseId>,
    pub voucher: Option<VoucherId>,
    pub canceled: bool,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device {
    pub keys: KeyHistory,
    pub sells: bool,
    pub events: BTreeSet<EventId>,
    pub standing: BTreeMap<u32, Standing>,
    pub revoked: bool,
    pub suspended: bool,
    remembered: BTreeMap<u32, Remembered>,
    newest: u32,
    pub last_heard: i64,
    certificate: Option<(usize, DeviceCertificate)>,
    /// Not heard of since the server was put back; units of each quota held back until then.
    pub unheard: Option<BTreeMap<QuotaId, i64>>,
}

/// One incarnation of a journal.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    pub known: Known,
    pub entries: BTreeMap<(u64, [u8; 32]), (Entry, Outcome)>,
}

impl Journal {
    /// The first number under which there are two entries.
    pub fn split(&self) -> Option<u64> {
        let mut numbers = self.entries.keys().map(|(seq, _)| *seq);
        let mut last = numbers.next()?;
        numbers.find(|seq| std::mem::replace(&mut last, *seq) == *seq)
    }
}

/// Blanks of one lease for one article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blanks {
    pub base: PositionId,
    pub left: Units,
    pub void: BTreeMap<VoidWhy, Units>,
}

/// An order the server has lost and stations have not.
#[derive(Debug, Clone)]
pub struct Lost {
    pub case: CaseId,
    pub rows: Vec<Row>,
    pub decided: bool,
}

/// All of it; a backup is a clone.
#[derive(Debug, Clone)]
pub struct Server {
    pub key: Arc<SigningKey>,
    pub history: HistoryId,
    pub ledger: Ledger,
    pub rights: Rights,
    pub devices: BTreeMap<DeviceId, Device>,
    pub journals: BTreeMap<(DeviceId, u32), Journal>,
    /// What is no entry of the station it names, with its case.
    pub aside: BTreeMap<String, (Entry, CaseId)>,
    pub orders: BTreeMap<OrderId, Order>,
    pub tickets: BTreeMap<PositionId, Ticket>,
    pub payments: BTreeMap<PaymentId, (OrderId, i64)>,
    pub parked_orders: BTreeSet<OrderId>,
    pub blanks: BTreeMap<(LeaseId, Article), Blanks>,
    grants: BTreeMap<LeaseId, GrantBody>,
    requests: BTreeMap<RequestId, LeaseId>,
    /// The life of its holder that took a lease in.
    taken_in: BTreeMap<LeaseId, u32>,
    pub scans: BTreeMap<ScanId, Scan>,
    /// Scans that count no more, here or not yet.
    pub undone: BTreeSet<ScanId>,
    pub cases: BTreeMap<CaseId, Case>,
    pub lost: BTreeMap<OrderId, Lost>,
    /// Of the catalogue; without a price it is no longer.
    pub catalogue: BTreeMap<i64, Option<i64>>,
    pub versions: BTreeMap<Key, i64>,
    version: i64,
    /// Numbered lines with the instant of it, and those whose writer has not committed: `(instant, number given too early,
    /// line)`.
    pub feed: Vec<(i64, Option<Reference>)>,
    pub uncommitted: Vec<(i64, Option<usize>, Reference)>,
    pub sequencer_runs: bool,
}

/// What a mutation of the server draws from.
pub struct Desk<'a> {
    pub now: i64,
    pub dice: &'a mut Dice,
    pub bug: Option<Bug>,
}

impl Server {
    pub fn new(key: SigningKey, sizes: [i64; 4], at: &mut Desk<'_>) -> Self {
        let mut ledger = Ledger::default();
        for (quota, size) in town::QUOTAS.into_iter().zip(sizes) {
            ledger.quotas.insert(quota, QuotaAccount::new(Some(size)));
        }
        let mut server = Self {
            key: Arc::new(key),
            history: HistoryId::born(UtcMillis(0), &SeededEntropy::new(at.dice.throw())),
            ledger,
            rights: Rights::default(),
            devices: BTreeMap::new(),
            journals: BTreeMap::new(),
            aside: BTreeMap::new(),
            orders: BTreeMap::new(),
            tickets: BTreeMap::new(),
            payments: BTreeMap::new(),
            parked_orders: BTreeSet::new(),
            blanks: BTreeMap::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            taken_in: BTreeMap::new(),
            scans: BTreeMap::new(),
            undone: BTreeSet::new(),
            cases: BTreeMap::new(),
            lost: BTreeMap::new(),
            catalogue: BTreeMap::new(),
            versions: BTreeMap::new(),
            version: 1,
            feed: Vec::new(),
            uncommitted: Vec::new(),
            sequencer_runs: true,
        };
        for quota in town::QUOTAS {
            server.note(Key::Quota(quota), at);
        }
        server
    }

    pub fn enrol(
        &mut self,
        device: DeviceId,
        key: VerifyingKey,
        sells: bool,
        events: BTreeSet<EventId>,
        at: &mut Desk<'_>,
    ) {
        let row = Device {
            keys: KeyHistory::of(key),
            sells,
            events,
            standing: BTreeMap::new(),
            revoked: false,
            suspended: false,
            remembered: BTreeMap::new(),
            newest: 0,
            last_heard: at.now,
            certificate: None,
            unheard: None,
        };
        self.devices.insert(device, row);
        self.note(Key::Device(device), at);
    }

    /// Opens a case.
    pub fn open_case(
        &mut self,
        kind: CaseKind,
        device: Option<DeviceId>,
        about: impl Into<About>,
        at: &mut Desk<'_>,
    ) -> CaseId {
        let id = CaseId::born(UtcMillis(0), &SeededEntropy::new(at.dice.throw()));
        self.cases.insert(id, Case { kind, device, about: about.into(), closed: false });
        self.note(Key::Case(id), at);
        id
    }

    /// The same where one about this device and order is open already.
    pub fn open_once(
        &mut self,
        kind: CaseKind,
        device: Option<DeviceId>,
        about: impl Into<About>,
        at: &mut Desk<'_>,
    ) -> CaseId {
        let about = about.into();
        let same = |case: &Case| case.kind == kind && case.device == device && case.about == about && !case.closed;
        match self.cases.iter().find(|(_, case)| same(case)).map(|(id, _)| *id) {
            Some(id) => id,
            None => self.open_case(kind, device, about, at),
        }
    }

    pub fn close_case(&mut self, id: CaseId, at: &mut Desk<'_>) {
        if let Some(case) = self.cases.get_mut(&id).filter(|case| !case.closed) {
            case.closed = true;
            self.note(Key::Case(id), at);
        }
    }

    pub fn has_case(&self, kinds: &[CaseKind], position: Option<PositionId>, quota: Option<QuotaId>) -> bool {
        self.cases.values().any(|c| {
            kinds.contains(&c.kind)
                && (position.is_none() || c.about.position == position)
                && (quota.is_none() || c.about.quota.is_none() || c.about.quota == quota)
        })
    }

    /// What has come in for an order.
    pub fn paid_for(&self, order: OrderId) -> i64 {
        self.payments.values().filter(|(of, _)| *of == order).map(|(_, minor)| minor).sum()
    }

    /// Whether a ticket counts in its quotas.
    pub fn counts(&self, ticket: &Ticket) -> bool {
        !ticket.canceled && self.orders.get(&ticket.order).is_some_and(|order| order.status.holds_places())
    }
}
