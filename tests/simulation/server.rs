//! The server as a plain value: journals, the ledger, orders and scans, cases, the change feed. Each decision about
//! entries and units is the domain's; here they are only kept.

use super::{
    apply::Arrival,
    bugs::Bug,
    dice::Dice,
    network::{Answer, Question, Row},
    rights::Rights,
    station::{BOX_QUOTA, EVENT, HALL_QUOTA},
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use willcall_domain::{
    checkin::merge::Use,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{
        CaseId, DeviceId, HandOverId, HistoryId, LeaseId, OrderId, PaymentId, PositionId, QuotaId, RequestId, ScanId,
        VoucherId,
    },
    leases::{
        BlankCodes, BlankRange, Grant, GrantBody, LeaseRow, LeaseState, UnitRef,
        ledger::{GivenUp, HandOverState, LeaseAccount, Ledger, QuotaAccount},
        sign_grant,
    },
    sync::{
        CaseKind, Entry, Outcome,
        intake::{Judgement, Known, Limit, Link, Standing},
        journal::bytes32,
        recognise::{Recognised, Remembered, Told, recognise},
    },
    ticketing::blank,
};

/// Most units one station is lent of a quota.
pub const CAP: u32 = 8;
/// So many incarnations of one device that were doubted, and it is suspended until a person has looked.
const MANY_DOUBTS: usize = 3;
/// How long a writer may take before its rows are committed.
const LATE_COMMIT_MS: u64 = 3_000;

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    pub kind: CaseKind,
    pub device: Option<DeviceId>,
    pub position: Option<PositionId>,
    pub quota: Option<QuotaId>,
}

/// A ticket of a till, as far as the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub order: OrderId,
    pub units: Vec<UnitRef>,
    pub quotas: Vec<QuotaId>,
    pub voucher: Option<VoucherId>,
    pub voided: bool,
}

/// A device.
#[derive(Debug, Clone)]
pub struct Device {
    pub key: VerifyingKey,
    pub sells: bool,
    pub standing: BTreeMap<u32, Standing>,
    pub revoked: bool,
    pub suspended: bool,
    remembered: BTreeMap<u32, Remembered>,
    newest: u32,
    pub last_heard: i64,
    /// Units of each quota held back until it is heard of again.
    pub unheard: BTreeMap<QuotaId, i64>,
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

/// All of it; a backup is a clone.
#[derive(Debug, Clone)]
pub struct Server {
    pub key: Arc<SigningKey>,
    pub history: HistoryId,
    pub ledger: Ledger,
    pub rights: Rights,
    pub devices: BTreeMap<DeviceId, Device>,
    pub journals: BTreeMap<(DeviceId, u32), Journal>,
    pub tickets: BTreeMap<PositionId, Ticket>,
    pub web: BTreeMap<QuotaId, i64>,
    pub paid: BTreeMap<PaymentId, i64>,
    pub parked_orders: BTreeSet<OrderId>,
    /// Voids that came before their sale, or whose sale is parked.
    grants: BTreeMap<LeaseId, GrantBody>,
    requests: BTreeMap<RequestId, LeaseId>,
    pub scans: BTreeMap<ScanId, (PositionId, Use)>,
    /// Scans that count no more, here or not yet.
    pub undone: BTreeSet<ScanId>,
    pub cases: Vec<Case>,
    /// Numbered rows, and those whose writer has not committed: `(instant, number given too early, row)`.
    pub feed: Vec<Row>,
    pub uncommitted: Vec<(i64, Option<usize>, Row)>,
    pub items: BTreeMap<i64, (i64, Option<i64>)>,
    versions: i64,
    pub sequencer_runs: bool,
}

impl Server {
    pub fn new(key: SigningKey, hall: i64, boxes: i64, seed: &mut Dice) -> Self {
        let mut ledger = Ledger::default();
        ledger.quotas.insert(HALL_QUOTA, QuotaAccount::new(Some(hall)));
        ledger.quotas.insert(BOX_QUOTA, QuotaAccount::new(Some(boxes)));
        Self {
            key: Arc::new(key),
            history: HistoryId::born(UtcMillis(0), &SeededEntropy::new(seed.throw())),
            ledger,
            rights: Rights::default(),
            devices: BTreeMap::new(),
            journals: BTreeMap::new(),
            tickets: BTreeMap::new(),
            web: BTreeMap::new(),
            paid: BTreeMap::new(),
            parked_orders: BTreeSet::new(),
            grants: BTreeMap::new(),
            requests: BTreeMap::new(),
            scans: BTreeMap::new(),
            undone: BTreeSet::new(),
            cases: Vec::new(),
            feed: Vec::new(),
            uncommitted: Vec::new(),
            items: BTreeMap::new(),
            versions: 1,
            sequencer_runs: true,
        }
    }

    pub fn enrol(&mut self, device: DeviceId, key: VerifyingKey, sells: bool) {
        let row = Device {
            key,
            sells,
            standing: BTreeMap::new(),
            revoked: false,
            suspended: false,
            remembered: BTreeMap::new(),
            newest: 0,
            last_heard: 0,
            unheard: BTreeMap::new(),
        };
        self.devices.insert(device, row);
    }

    pub fn versions(&self) -> i64 {
        self.versions
    }

    pub fn version(&mut self) -> i64 {
        self.versions += 1;
        self.versions
    }

    /// A writer adds a row to the feed; some commit late.
    pub fn note(&mut self, now: i64, row: Row, dice: &mut Dice, bug: Option<Bug>) {
        let late = if dice.chance(20) { i64::try_from(dice.throw() % LATE_COMMIT_MS).unwrap_or(0) } else { 0 };
        let too_early = (bug == Some(Bug::CursorThatSkips)).then(|| {
            self.feed.push(Row::Item { item: -1, version: 0, price: None });
            self.feed.len() - 1
        });
        self.uncommitted.push((now + late, too_early, row));
    }

    /// Numbers what is committed, unless it was killed; nothing is lost by that.
    pub fn sequence(&mut self, now: i64) {
        if !self.sequencer_runs {
            return;
        }
        let (committed, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.uncommitted).into_iter().partition(|(at, _, _)| *at <= now);
        self.uncommitted = rest;
        for (_, number, row) in committed {
            match number {
                Some(number) => self.feed[number] = row,
                None => self.feed.push(row),
            }
        }
    }

    /// The feed after a cursor, or all rows as they are where the cursor is of another history.
    pub fn pull(&self, device: DeviceId, cursor: Option<(HistoryId, i64)>) -> (Vec<Row>, i64) {
        let mine = |row: &Row| match row {
            Row::Lease(lease) => lease.device_id == device,
            Row::Right(right) => right.device_id == device,
            Row::Declined { to, .. } => *to == device,
            Row::Item { .. } | Row::Scan { .. } => true,
        };
        let head = i64::try_from(self.feed.len()).unwrap_or(i64::MAX);
        match cursor {
            Some((history, at)) if history == self.history && at <= head => {
                let from = usize::try_from(at).unwrap_or(0);
                let page: Vec<Row> = self.feed.iter().skip(from).take(40).cloned().collect();
                let next = at + i64::try_from(page.len()).unwrap_or(0);
                (page.into_iter().filter(mine).collect(), next)
            }
            Some(_) | None => (self.snapshot(device), head),
        }
    }

    fn snapshot(&self, device: DeviceId) -> Vec<Row> {
        let items = self.items.iter().map(|(item, (version, price))| Row::Item {
            item: *item,
            version: *version,
            price: *price,
        });
        let scans = self.scans.values().map(|(position, of)| Row::Scan { position: *position, of: of.clone() });
        let leases = self.ledger.leases.values().filter(|l| l.holder == device).map(|l| Row::Lease(self.lease_row(l)));
        let declined =
            self.ledger.hand_overs.values().filter(|h| h.state == HandOverState::Declined && h.from == device);
        let declined = declined.map(|h| Row::Declined { hand_over: h.hand_over_id, to: h.from });
        items.chain(scans).chain(leases).chain(self.right_rows(device)).chain(declined).collect()
    }

    fn lease_row(&self, lease: &LeaseAccount) -> LeaseRow {
        LeaseRow {
            lease_id: lease.lease_id,
            quota_id: lease.quota_id,
            event_id: EVENT,
            device_id: lease.holder,
            state: lease.state,
            keep: lease.keep,
            version: self.versions,
        }
    }

    pub fn tell_holder(&mut self, lease: LeaseId, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        self.version();
        if let Some(row) = self.ledger.leases.get(&lease).map(|l| self.lease_row(l)) {
            self.note(now, Row::Lease(row), dice, bug);
        }
    }

    pub fn open_case(
        &mut self,
        kind: CaseKind,
        device: Option<DeviceId>,
        position: Option<PositionId>,
        quota: Option<QuotaId>,
    ) {
        self.cases.push(Case { kind, device, position, quota });
    }

    /// Recognises who speaks, and answers.
    pub fn contact(
        &mut self,
        device: DeviceId,
        ask: &Question,
        now: i64,
        dice: &mut Dice,
        bug: Option<Bug>,
    ) -> Option<Answer> {
        let history = self.history;
        let acked = self.journals.get(&(device, ask.incarnation)).map_or(0, |j| j.known.run());
        let hashes: Vec<[u8; 32]> = self
            .journals
            .get(&(device, ask.incarnation))
            .map(|j| j.entries.keys().filter(|(seq, _)| *seq == ask.length).map(|(_, hash)| *hash).collect())
            .unwrap_or_default();
        let row = self.devices.get_mut(&device).filter(|d| !d.revoked)?;
        row.last_heard = now;
        let newest = row.newest;
        let known = row.remembered.entry(ask.incarnation).or_default();
        (known.newest_incarnation, known.hashes) = (newest, hashes);
        let told = Told {
            incarnation: ask.incarnation,
            length: ask.length,
            tail: ask.tail,
            token: ask.token.map(|t| Sha256::digest(t).into()),
            keeps_tokens: true,
            machine: &ask.machine,
            suspect: ask.suspect,
            clock: Some(ask.wall),
        };
        let recognised = if bug == Some(Bug::CopiedStation) || bug == Some(Bug::RestoreWithoutIncarnation) {
            Recognised::Late
        } else {
            recognise(&told, known)
        };
        row.newest = newest.max(ask.incarnation);
        let mut token = None;
        let suspect = match recognised {
            Recognised::Known => {
                let mut fresh = [0; 32];
                fresh[..8].copy_from_slice(&dice.throw().to_be_bytes());
                known.tokens = [Some(Sha256::digest(fresh).into()), told.token];
                known.machine.clone_from(&ask.machine);
                known.longest = known.longest.max(ask.length);
                known.clock = known.clock.max(Some(ask.wall));
                token = Some(fresh);
                false
            }
            Recognised::Late => false,
            Recognised::Doubted(_) => {
                known.doubted = true;
                // Two that both go on as one device would take each other for the copy without end.
                row.suspended |= row.remembered.values().filter(|r| r.doubted).count() >= MANY_DOUBTS;
                true
            }
        };
        let suspect = suspect || row.suspended;
        if ask.suspect {
            self.open_case(CaseKind::SuspectStation, Some(device), None, None);
        }
        let grants = if suspect { Vec::new() } else { self.open_grants(device) };
        let rights = if suspect { Vec::new() } else { self.open_rights(device) };
        Some(Answer { history, acked, token, suspect, newest: newest.max(ask.incarnation), grants, rights })
    }

    fn open_grants(&self, device: DeviceId) -> Vec<Grant> {
        let open = |lease: &LeaseId| {
            self.ledger
                .leases
                .get(lease)
                .is_some_and(|l| l.holder == device && !l.accepted && l.state == LeaseState::Open)
        };
        self.grants.iter().filter(|(id, _)| open(id)).map(|(_, body)| self.seal(body)).collect()
    }

    fn seal(&self, body: &GrantBody) -> Grant {
        let codes =
            body.blanks.iter().map(|b| BlankCodes { item_id: b.item_id, codes: vec![String::new(); b.count as usize] });
        sign_grant(body, codes.collect(), &self.key).expect("a grant can be written")
    }

    /// Lends; the same request again answers the same grant.
    pub fn lend(
        &mut self,
        device: DeviceId,
        quota: QuotaId,
        request: RequestId,
        wanted: u32,
        now: i64,
        dice: &mut Dice,
    ) -> Option<Grant> {
        let row = self.devices.get(&device).filter(|d| !d.revoked && !d.suspended && d.sells)?;
        if row.unheard.values().any(|n| *n > 0) {
            return None;
        }
        if let Some(body) = self.requests.get(&request).and_then(|lease| self.grants.get(lease)) {
            return Some(self.seal(body));
        }
        let held: u32 = self
            .ledger
            .leases
            .values()
            .filter(|l| l.holder == device && l.quota_id == quota)
            .map(|l| l.outstanding().count())
            .sum();
        let free = u32::try_from(self.ledger.quotas.get(&quota)?.free()?).unwrap_or(0);
        let units = wanted.min(CAP.saturating_sub(held)).min(free);
        if units == 0 {
            return None;
        }
        let entropy = SeededEntropy::new(dice.throw());
        let lease_id = LeaseId::born(UtcMillis(now), &entropy);
        self.ledger.grant(quota, lease_id, device, units).ok()?.ok()?;
        let items = super::station::quotas().into_iter().find(|q| q.quota_id == quota)?.items;
        let range = |item_id| BlankRange {
            item_id,
            base: blank::base(PositionId::born(UtcMillis(now), &entropy)),
            count: blank::count_for(units),
        };
        let body = GrantBody {
            lease_id,
            request_id: request,
            organizer_id: willcall_domain::id::OrganizerId(1),
            event_id: EVENT,
            quota_id: quota,
            station: device,
            units,
            blanks: items.into_iter().map(range).collect(),
            granted_at: UtcMillis(now),
        };
        let grant = self.seal(&body);
        self.requests.insert(request, lease_id);
        self.grants.insert(lease_id, body);
        Some(grant)
    }

    /// A page of one incarnation, from whoever carries it.
    pub fn push(
        &mut self,
        entries: &[Entry],
        now: i64,
        dice: &mut Dice,
        bug: Option<Bug>,
    ) -> Option<(u32, Vec<(u64, Outcome)>)> {
        let first = entries.first()?;
        let name = (first.station, first.incarnation);
        let device = self.devices.get(&first.station)?;
        let (key, standing) = (device.key, device.standing.get(&first.incarnation).copied());
        let standing = standing.unwrap_or(if device.revoked { Standing::Revoked } else { Standing::InUse });
        let links: Vec<Link> = entries.iter().filter_map(link_of).collect();
        if standing != Standing::InUse {
            self.journals.entry(name).or_default().known.revoke(standing, links);
        }
        let mut outcomes = Vec::new();
        for entry in entries.iter().filter(|e| (e.station, e.incarnation) == name) {
            let Some(link) = link_of(entry) else { continue };
            let journal = self.journals.entry(name).or_default();
            let judged = journal.known.judge(&link);
            // The mistake: what has its number is taken for the same.
            let careless = bug == Some(Bug::CopiedStation) && link.seq <= journal.known.run();
            if judged == Judgement::Same || careless {
                outcomes.push((
                    entry.seq,
                    journal.entries.get(&(link.seq, link.hash)).map_or(Outcome::Applied, |(_, o)| *o),
                ));
                continue;
            }
            if entry.verify(&key).is_err() {
                continue;
            }
            // Kept before it is applied: the first entry of a branch is what tells that there are two.
            journal.entries.insert((link.seq, link.hash), (entry.clone(), Outcome::Applied));
            let outcome = match judged {
                Judgement::AfterRevocation | Judgement::AfterClosed => {
                    let kind = if judged == Judgement::AfterClosed {
                        CaseKind::AfterClosed
                    } else {
                        CaseKind::AfterRevocation
                    };
                    self.open_case(kind, Some(name.0), None, None);
                    Outcome::Parked { case_id: case_id(dice) }
                }
                Judgement::Fork { .. } => {
                    if let Some(device) = self.devices.get_mut(&name.0).filter(|d| !d.suspended) {
                        device.suspended = true;
                        self.open_case(CaseKind::Fork, Some(name.0), None, None);
                    }
                    self.apply(entry, &mut Arrival { by: entry.station, now, dice: &mut *dice, bug })
                }
                Judgement::New | Judgement::Same | Judgement::Gap { .. } => {
                    self.apply(entry, &mut Arrival { by: entry.station, now, dice: &mut *dice, bug })
                }
            };
            let journal = self.journals.entry(name).or_default();
            if judged != Judgement::AfterRevocation {
                journal.known.learn(link);
            }
            journal.entries.insert((link.seq, link.hash), (entry.clone(), outcome));
            outcomes.push((entry.seq, outcome));
        }
        Some((name.1, outcomes))
    }

    /// A person gives up what a station holds.
    pub fn write_off(&mut self, device: DeviceId, how: GivenUp, now: i64, dice: &mut Dice, bug: Option<Bug>) -> i64 {
        self.write_off_rights(device, how, now, dice, bug);
        let mut units = 0;
        let ids: Vec<LeaseId> =
            self.ledger.leases.values().filter(|l| l.holder == device).map(|l| l.lease_id).collect();
        for id in ids {
            if let Ok((quota, lease)) = self.ledger.lease(device, id) {
                units += lease.write_off(quota, how).total();
            }
            self.tell_holder(id, now, dice, bug);
        }
        let flying: Vec<HandOverId> =
            self.ledger.hand_overs.values().filter(|h| h.from == device).map(|h| h.hand_over_id).collect();
        for id in flying {
            if let Some(hand_over) = self.ledger.hand_overs.get_mut(&id)
                && let Some(quota) = self.ledger.quotas.get_mut(&hand_over.quota_id)
            {
                units += i64::from(hand_over.write_off(quota, how));
            }
        }
        units
    }

    /// A device is switched off: what is known of its journal now is the last that counts.
    pub fn revoke(&mut self, device: DeviceId) {
        let limits: Vec<(u32, Standing)> = self
            .journals
            .iter()
            .filter(|((station, _), _)| *station == device)
            .map(|((_, incarnation), journal)| {
                let last = journal.entries.keys().next_back();
                (
                    *incarnation,
                    last.map_or(Standing::Revoked, |(seq, hash)| Standing::RevokedAt(Limit { seq: *seq, hash: *hash })),
                )
            })
            .collect();
        if let Some(row) = self.devices.get_mut(&device) {
            row.revoked = true;
            row.standing.extend(limits);
        }
    }

    /// A quota is to be smaller; what is out is asked back.
    pub fn resize(&mut self, quota: QuotaId, wanted: i64, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        let Some(account) = self.ledger.quotas.get_mut(&quota) else { return };
        if bug == Some(Bug::QuotaCutUnderLeases) {
            account.leased = account.leased.min((wanted - account.sold).max(0));
            account.size = Some(wanted.max(account.sold));
            return;
        }
        if account.resize(Some(wanted)).is_err() {
            return;
        }
        let back = account.to_come_back();
        if back == 0 {
            return;
        }
        for (lease, keep) in self.ledger.keeps(quota, back) {
            let Some(account) = self.ledger.leases.get_mut(&lease) else { continue };
            if account.recall(Some(keep)) {
                self.tell_holder(lease, now, dice, bug);
            }
        }
    }

    /// Put back to an earlier instant: a new history, and each station's cap is held back until it is heard of.
    pub fn recovered(mut self, dice: &mut Dice, bug: Option<Bug>) -> Self {
        if bug == Some(Bug::ServerPutBack) {
            return self;
        }
        self.history = HistoryId::born(UtcMillis(0), &SeededEntropy::new(dice.throw()));
        self.versions += 1_000_000;
        for row in self.devices.values_mut().filter(|d| d.sells && !d.revoked) {
            for (id, quota) in &mut self.ledger.quotas {
                *row.unheard.entry(*id).or_default() += quota.hold_back(i64::from(CAP));
            }
        }
        // What the stations said before is forgotten with the rest: they come with tokens nobody remembers.
        for row in self.devices.values_mut() {
            for known in row.remembered.values_mut() {
                known.tokens = [None, None];
            }
        }
        self
    }

    /// A station has sent all it has since the server was put back.
    pub fn heard(&mut self, device: DeviceId) {
        let Some(row) = self.devices.get_mut(&device) else { return };
        for (id, held) in std::mem::take(&mut row.unheard) {
            if let Some(quota) = self.ledger.quotas.get_mut(&id) {
                quota.let_go(held);
            }
        }
    }

    /// The mistake of [`Bug::ExpiringLease`].
    pub fn expire(&mut self, now: i64) {
        for lease in self.ledger.leases.values_mut() {
            let silent = self.devices.get(&lease.holder).is_some_and(|d| now - d.last_heard > 60_000);
            if silent && let Some(quota) = self.ledger.quotas.get_mut(&lease.quota_id) {
                lease.close(quota);
            }
        }
    }

    pub fn has_case(&self, kinds: &[CaseKind], position: Option<PositionId>, quota: Option<QuotaId>) -> bool {
        self.cases.iter().any(|c| {
            kinds.contains(&c.kind)
                && (position.is_none() || c.position == position)
                && (quota.is_none() || c.quota.is_none() || c.quota == quota)
        })
    }

    /// Price of a catalogue row, or its end.
    pub fn edit(&mut self, item: i64, price: Option<i64>, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        let version = self.version();
        self.items.insert(item, (version, price));
        self.note(now, Row::Item { item, version, price }, dice, bug);
    }
}

pub fn case_id(dice: &mut Dice) -> CaseId {
    CaseId::born(UtcMillis(0), &SeededEntropy::new(dice.throw()))
}

fn link_of(entry: &Entry) -> Option<Link> {
    Some(Link { seq: entry.seq, hash: bytes32(&entry.hash)?, prev: bytes32(&entry.prev_hash)? })
}
