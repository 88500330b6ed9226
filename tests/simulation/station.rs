//! A station as a plain value: what is on its disk, what is kept outside it, and what it does by itself. Every decision is
//! the domain's.

use super::{
    bugs::Bug,
    dice::Dice,
    network::Row,
    truth::{Admission, Truth},
};
use ed25519_dalek::SigningKey;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use uuid::Uuid;
use willcall_domain::{
    catalog::QuotaRow,
    checkin::{
        merge::{Allowed, Splits, Use, state},
        wire::{Class, Direction},
    },
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{
        DeviceId, EntryId, EventId, HandOverId, HistoryId, ItemId, LeaseId, ListId, OrderId, PaymentId, PositionId,
        QuotaId, RequestId, ScanId, VoucherId,
    },
    leases::{
        Grant, GrantBody, LeaseRow, Taken, check_grant,
        holding::{GiveBack, HandOut, HeldLease},
        take,
    },
    money::Money,
    sync::{
        At, Draft, Entry, EntryRef, Fact, Outcome,
        fact::{Paper, SaleLine},
        journal::{FIRST, bytes32},
        standing::{Doubt, DoubtKind, Frozen, Here, Life, Mark, Opening, Point, Resume, at_open},
    },
};

pub const EVENT: EventId = EventId(1);
pub const LIST: ListId = ListId(1);
pub const LIST_ALLOWS: Allowed = Allowed { multiple_entries: false, entry_after_exit: false };
/// Counts in the hall only.
pub const SEAT: ItemId = ItemId(1);
/// Counts in the hall and in the box.
pub const BOX: ItemId = ItemId(2);
pub const HALL_QUOTA: QuotaId = QuotaId(1);
pub const BOX_QUOTA: QuotaId = QuotaId(2);
pub const PRICE: i64 = 1_000;

pub fn quotas() -> [QuotaRow; 2] {
    let row = |quota_id, items: &[ItemId]| QuotaRow {
        quota_id,
        event_id: EVENT,
        name: String::new(),
        size: None,
        items: items.to_vec(),
        free: None,
        outstanding: 0,
        version: 1,
    };
    [row(HALL_QUOTA, &[SEAT, BOX]), row(BOX_QUOTA, &[BOX])]
}

/// One use of a ticket as a station knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub position: PositionId,
    pub of: Use,
}

/// A lease with the incarnation that took it in.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    pub incarnation: u32,
    /// The entry that took it over from another till.
    pub taken: Option<(u32, u64)>,
    pub lease: HeldLease,
    /// Version of the newest word of the server about it.
    pub told: (usize, i64),
}

/// What lies on the disk: copied, put back, or lost as a whole.
#[derive(Debug, Clone)]
pub struct Disk {
    pub device: DeviceId,
    pub life: Life,
    pub journal: BTreeMap<(u32, u64), Entry>,
    pub outcomes: BTreeMap<(u32, u64), Outcome>,
    pub holdings: Vec<Holding>,
    pub asked: BTreeMap<QuotaId, RequestId>,
    pub rights: Vec<super::rights::Holding>,
    pub rights_asked: BTreeMap<VoucherId, RequestId>,
    /// Hand-overs of this station by id, as they left.
    pub given: BTreeMap<HandOverId, HandOut>,
    pub uses: BTreeMap<ScanId, Seen>,
    /// Catalogue rows with `(epoch, version)`; `None` is a tombstone.
    pub rows: BTreeMap<i64, ((usize, i64), Option<i64>)>,
    pub histories: Vec<HistoryId>,
    pub cursor: Option<(HistoryId, i64)>,
    pub resume: Option<Resume>,
    pub was_marked: bool,
}

impl Disk {
    pub fn waiting(&self) -> Vec<&Entry> {
        self.journal.iter().filter(|(name, _)| !self.outcomes.contains_key(*name)).map(|(_, entry)| entry).collect()
    }

    pub fn tail(&self, incarnation: u32) -> Option<&Entry> {
        self.journal.range((incarnation, 0)..(incarnation, u64::MAX)).next_back().map(|(_, entry)| entry)
    }

    fn here(&self, point: &Point) -> Here {
        match self.journal.get(&(point.incarnation, point.seq)) {
            None => Here::Lacking,
            Some(entry) if entry.hash == point.hash => Here::Reached,
            Some(_) => Here::Other,
        }
    }

    /// The number of a history; what a server confirmed in another one is sent again.
    pub fn meet(&mut self, history: HistoryId) -> usize {
        self.histories.iter().position(|h| *h == history).unwrap_or_else(|| {
            self.outcomes.clear();
            self.histories.push(history);
            self.histories.len() - 1
        })
    }
}

/// One station.
#[derive(Debug, Clone)]
pub struct Station {
    pub disk: Disk,
    pub key: Arc<SigningKey>,
    /// Outside the database; a machine that is cloned whole takes it along.
    pub mark: Option<Mark>,
    pub machine: String,
    pub backups: Vec<Disk>,
    pub sells: bool,
    pub up: bool,
    /// For ever, with its disk.
    pub lost: bool,
    pub disk_full: bool,
    pub link: bool,
    pub skew_ms: i64,
    boot: Uuid,
}

impl Station {
    pub fn new(device: DeviceId, key: SigningKey, sells: bool, skew_ms: i64) -> Self {
        let disk = Disk {
            device,
            life: Life::new(1),
            journal: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            holdings: Vec::new(),
            asked: BTreeMap::new(),
            rights: Vec::new(),
            rights_asked: BTreeMap::new(),
            given: BTreeMap::new(),
            uses: BTreeMap::new(),
            rows: BTreeMap::new(),
            histories: Vec::new(),
            cursor: None,
            resume: None,
            was_marked: false,
        };
        Self {
            disk,
            key: Arc::new(key),
            mark: None,
            machine: format!("machine {device}"),
            backups: Vec::new(),
            sells,
            up: true,
            lost: false,
            disk_full: false,
            link: true,
            skew_ms,
            boot: Uuid::nil(),
        }
    }

    pub fn device(&self) -> DeviceId {
        self.disk.device
    }

    /// Whether it does anything at all.
    pub fn lives(&self) -> bool {
        self.up && !self.lost
    }

    /// The program starts: is this disk the newest?
    pub fn open(&mut self, now: UtcMillis, seed: &mut Dice, bug: Option<Bug>) {
        self.up = true;
        let marks: Vec<Mark> = self.mark.iter().cloned().collect();
        let opening = Opening {
            station: self.disk.device,
            machine: &self.machine,
            was_marked: self.disk.was_marked,
            marks: &marks,
        };
        let trusting = bug == Some(Bug::CopiedStation) || bug == Some(Bug::RestoreWithoutIncarnation);
        if let Some(doubt) = at_open(&opening, |point| self.disk.here(point)).filter(|_| !trusting) {
            let past = marks.iter().map(|m| m.at.incarnation).max().unwrap_or(0);
            let frozen: Vec<Frozen> = marks.into_iter().flat_map(|m| m.frozen).collect();
            self.doubt(doubt, past + 1, &frozen, now, seed);
        }
    }

    /// Doubts itself from now on; what it must record goes into a new incarnation.
    fn doubt(&mut self, doubt: Doubt, next: u32, frozen: &[Frozen], now: UtcMillis, seed: &mut Dice) {
        self.disk.life.doubt(doubt, next, frozen);
        self.disk.resume = None;
        self.append(Fact::Opened { software: "simulation".into() }, Vec::new(), now, seed);
    }

    /// The server takes it for a copy.
    pub fn taken_for_copy(&mut self, newest: u32, now: UtcMillis, seed: &mut Dice) {
        if self.disk.life.doubt.is_none() {
            let next = newest.max(self.disk.life.incarnation) + 1;
            self.doubt(Doubt::of(DoubtKind::TakenForCopy), next, &[], now, seed);
        }
    }

    /// Writes one fact: on the disk when this returns, and marked outside it.
    pub fn append(&mut self, fact: Fact, saw: Vec<EntryRef>, now: UtcMillis, seed: &mut Dice) -> EntryRef {
        let incarnation = self.disk.life.incarnation;
        let (last, prev) =
            self.disk.tail(incarnation).map_or((0, FIRST), |entry| (entry.seq, bytes32(&entry.hash).unwrap_or(FIRST)));
        let wall = UtcMillis(now.0 + self.skew_ms);
        let entropy = SeededEntropy::new(seed.throw());
        let draft = Draft {
            station: self.disk.device,
            incarnation,
            seq: last + 1,
            id: EntryId::born(wall, &entropy),
            at: At { wall, offset_ms: -self.skew_ms, uncertainty_ms: 50, boot: self.boot, monotonic_ms: 0 },
            saw,
            fact,
            private: None,
        };
        let entry = draft.seal(&prev, &self.key).expect("a fact can be written");
        let reference = entry.reference();
        let at = Point { incarnation, seq: entry.seq, hash: entry.hash.clone() };
        let earlier = self.mark.take().filter(|m| m.station == self.disk.device).map_or(Vec::new(), |m| {
            let mut earlier = m.earlier;
            if m.at.incarnation != incarnation && self.disk.life.proven.contains(&m.at.incarnation) {
                earlier.push(m.at);
            }
            earlier
        });
        self.disk.journal.insert((incarnation, entry.seq), entry);
        self.mark = Some(Mark {
            station: self.disk.device,
            machine: self.machine.clone(),
            at,
            earlier,
            frozen: self.disk.life.frozen.clone(),
            resume: self.disk.resume.clone(),
        });
        self.disk.was_marked = true;
        reference
    }

    fn in_force(&self, holding: &Holding, bug: Option<Bug>) -> bool {
        bug == Some(Bug::CopiedStation) || self.disk.life.in_force().contains(&holding.incarnation)
    }

    /// Units of a quota it would sell.
    pub fn sellable(&self, quota: QuotaId, bug: Option<Bug>) -> i64 {
        let mine = self.disk.holdings.iter().filter(|h| h.lease.quota_id == quota && self.in_force(h, bug));
        mine.map(|h| h.lease.sellable().total()).sum()
    }

    /// Sells one for cash; answers the ticket.
    pub fn sell(
        &mut self,
        item: ItemId,
        now: UtcMillis,
        seed: &mut Dice,
        bug: Option<Bug>,
        truth: &mut Truth,
    ) -> Option<PositionId> {
        self.sell_with(item, None, now, seed, bug, truth)
    }

    /// The same with a voucher, which the caller has looked for.
    pub fn sell_with(
        &mut self,
        item: ItemId,
        voucher: Option<VoucherId>,
        now: UtcMillis,
        seed: &mut Dice,
        bug: Option<Bug>,
        truth: &mut Truth,
    ) -> Option<PositionId> {
        if !self.sells || self.disk_full {
            return None;
        }
        let mut held: Vec<_> =
            self.disk.holdings.iter().filter(|h| self.in_force(h, bug)).map(|h| h.lease.held()).collect();
        let taken = match take(&[(item, true, 1)], &quotas(), &mut held) {
            Ok(mut taken) => taken.pop()?,
            Err(_) if bug == Some(Bug::ForceUpload) && !self.link => {
                Taken { item_id: item, units: Vec::new(), blank: None }
            }
            Err(_) => return None,
        };
        let blank = taken.blank;
        let forced = PositionId::born(now, &SeededEntropy::new(seed.throw()));
        let mut position = blank.is_none().then_some(forced);
        for holding in &mut self.disk.holdings {
            let id = holding.lease.lease_id;
            for unit in taken.units.iter().filter(|u| u.lease_id == id) {
                holding.lease.sell(unit.unit);
            }
            if Some(holding.lease.lease_id) == blank {
                position = holding.lease.use_blank(item);
            }
        }
        let position_id = position?;
        let entropy = SeededEntropy::new(seed.throw());
        let order_id = OrderId::born(now, &entropy);
        let price = Money::new(PRICE, "EUR".parse().expect("a currency"));
        let line = SaleLine {
            position_id,
            item_id: item,
            price,
            tax_rate_bp: 0,
            tax: Money::new(0, price.currency),
            units: taken.units.clone(),
            blank,
            item_version: 1,
            voucher,
        };
        if voucher.is_some_and(|voucher| !self.spend(voucher, bug)) {
            return None;
        }
        truth.sold(self.disk.device, order_id, &line);
        let sale = Fact::Sale {
            order_id,
            order_code: order_id.to_string(),
            event_id: EVENT,
            request_id: RequestId(order_id.0),
            lines: vec![line],
            total: price,
        };
        self.append(sale, Vec::new(), now, seed);
        let paid = Fact::Payment {
            payment_id: PaymentId::born(now, &entropy),
            order_id,
            amount: price,
            given: price,
            change: Money::new(0, price.currency),
        };
        self.append(paid, Vec::new(), now, seed);
        Some(position_id)
    }

    /// Undoes one of its own sales, where no code left the house or where it did.
    pub fn void(&mut self, at: usize, paper: Paper, now: UtcMillis, seed: &mut Dice, truth: &mut Truth) {
        let mine = truth.own_sales(self.disk.device);
        let Some(sale) = mine.get(at % mine.len().max(1)).cloned() else { return };
        // Only who has the sale on its disk can undo it.
        let known = self.disk.journal.values().any(|e| e.kind == "sale" && e.body.contains(&sale.order.to_string()));
        if !known || self.disk_full {
            return;
        }
        let house = paper != Paper::Out;
        for unit in &sale.units {
            for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == unit.lease_id) {
                holding.lease.undo_sale(unit.unit, house);
            }
        }
        let (back, freed) = if house { (sale.units.clone(), Vec::new()) } else { (Vec::new(), sale.units.clone()) };
        let positions = vec![sale.position];
        self.append(
            Fact::Void { order_id: sale.order, event_id: EVENT, positions, back, freed, paper },
            vec![],
            now,
            seed,
        );
        let amount = Money::new(PRICE, "EUR".parse().expect("a currency"));
        let refund_id = PaymentId::born(now, &SeededEntropy::new(seed.throw()));
        self.append(Fact::Refund { refund_id, order_id: sale.order, amount }, Vec::new(), now, seed);
        truth.voided(self.disk.device, sale.position, sale.order);
    }

    /// A ticket at the gate: admitted unless a use of it is known here. A full disk admits nobody on the record.
    pub fn scan(&mut self, position: PositionId, now: UtcMillis, seed: &mut Dice, truth: &mut Truth) {
        if self.disk_full {
            return;
        }
        let known: Vec<Use> =
            self.disk.uses.values().filter(|seen| seen.position == position).map(|seen| seen.of.clone()).collect();
        let admits = state(&known, &Splits::new()).admits(LIST_ALLOWS);
        let class = if admits { Class::Admitted } else { Class::Used };
        let saw = newest_of_each(&known.iter().map(|of| of.entry).collect::<Vec<_>>());
        let fact = Fact::Scan {
            event_id: EVENT,
            list_id: LIST,
            position_id: Some(position),
            payload_hash: None,
            direction: Direction::Entry,
            class,
            reason: None,
            time_by_hand: None,
        };
        let by = self.append(fact, saw.clone(), now, seed);
        if class == Class::Admitted {
            let entry = &self.disk.journal[&(by.incarnation, by.seq)];
            let scan = ScanId(entry.id.0);
            let of = Use {
                scan_id: scan,
                entry: by,
                saw,
                direction: Direction::Entry,
                at: entry.at.ticket_time(),
                uncertainty_ms: entry.at.uncertainty_ms,
                undone: false,
            };
            self.disk.uses.insert(scan, Seen { position, of });
            let knew = known.into_iter().map(|of| of.scan_id).collect();
            truth.admitted(position, Admission { by: self.disk.device, scan, knew });
        }
    }

    /// Undoes one of the scans it knows, of whichever station.
    pub fn undo(&mut self, at: usize, now: UtcMillis, seed: &mut Dice) {
        let counted: Vec<ScanId> = self.disk.uses.iter().filter(|(_, s)| !s.of.undone).map(|(id, _)| *id).collect();
        let Some(scan) = counted.get(at % counted.len().max(1)).copied().filter(|_| !self.disk_full) else { return };
        self.append(Fact::ScanUndone { scan_id: scan, event_id: EVENT, list_id: LIST }, Vec::new(), now, seed);
        if let Some(seen) = self.disk.uses.get_mut(&scan) {
            seen.of.undone = true;
        }
    }

    /// A grant arrives, for the first time or again.
    pub fn granted(&mut self, grant: &Grant, server: &SigningKey, now: UtcMillis, seed: &mut Dice, bug: Option<Bug>) {
        let Ok(body) = check_grant(grant, &server.verifying_key(), self.disk.device) else { return };
        self.disk.asked.remove(&body.quota_id);
        let known = self.disk.holdings.iter().any(|h| h.lease.lease_id == body.lease_id);
        let again = bug == Some(Bug::GrantAppliedTwice);
        if (known && !again) || self.disk.life.doubt.is_some() {
            return;
        }
        let body = if known {
            GrantBody { lease_id: LeaseId(Uuid::from_u128(u128::from(seed.throw()))), ..body }
        } else {
            body
        };
        let fact = Fact::LeaseAccepted {
            lease_id: body.lease_id,
            quota_id: body.quota_id,
            event_id: body.event_id,
            units: body.units,
            grant: grant.body.clone(),
            grant_signature: grant.signature.clone(),
        };
        self.append(fact, Vec::new(), now, seed);
        let incarnation = self.disk.life.incarnation;
        self.disk.holdings.push(Holding { incarnation, taken: None, lease: HeldLease::granted(&body), told: (0, 0) });
    }

    /// The server's word on a lease: recall, write-off.
    pub fn told(&mut self, row: &LeaseRow, epoch: usize, now: UtcMillis, seed: &mut Dice) {
        let mut back: Vec<GiveBack> = Vec::new();
        let in_force = self.disk.life.in_force();
        for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == row.lease_id) {
            if (epoch, row.version) > holding.told {
                holding.told = (epoch, row.version);
                holding.lease.told(row);
            }
            if in_force.contains(&holding.incarnation) {
                back.extend(holding.lease.recalled());
            }
        }
        self.give_back(back, now, seed);
    }

    /// Idle units go back, newest lease first.
    pub fn give_back(&mut self, back: Vec<GiveBack>, now: UtcMillis, seed: &mut Dice) {
        if self.disk_full {
            return;
        }
        for gone in back {
            for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == gone.lease_id) {
                holding.lease.give_back(&gone);
            }
            let fact = Fact::LeaseReturned {
                lease_id: gone.lease_id,
                quota_id: gone.quota_id,
                event_id: gone.event_id,
                from: gone.units.from,
                units: gone.units.count(),
                blanks: gone.blanks.clone(),
            };
            self.append(fact, Vec::new(), now, seed);
        }
    }

    /// Offers units to another till; answers the signed entry.
    pub fn give(&mut self, to: DeviceId, now: UtcMillis, seed: &mut Dice, bug: Option<Bug>) -> Option<Entry> {
        if self.disk_full || !self.sells {
            return None;
        }
        let id = HandOverId::born(now, &SeededEntropy::new(seed.throw()));
        let me = self.disk.device;
        let in_force = self.disk.life.in_force();
        let outcomes = &self.disk.outcomes;
        let mut ours: Vec<_> = self.disk.holdings.iter_mut().filter(|h| in_force.contains(&h.incarnation)).collect();
        // Units taken over are handed on once the server knows whose they are: else a chain of tills would arrive link by
        // link in any order, and nobody could say which link is real.
        for h in &mut ours {
            h.lease.confirmed = false;
            if h.taken.is_none_or(|entry| outcomes.contains_key(&entry)) {
                h.lease.confirm();
            }
        }
        let holding = ours.into_iter().max_by_key(|h| h.lease.can_give())?;
        let units = holding.lease.can_give().min(2);
        let out = holding.lease.offer(me, to, id, units).ok()?;
        if bug != Some(Bug::HandOverDoubles) {
            holding.lease.hand_out(&out);
        }
        let fact = Fact::HandOverGiven {
            hand_over_id: out.hand_over_id,
            lease_id: out.lease_id,
            quota_id: out.quota_id,
            event_id: out.event_id,
            from: out.units.from,
            units: out.units.count(),
            blanks: out.blanks.clone(),
            to,
        };
        self.disk.given.insert(id, out);
        let by = self.append(fact, Vec::new(), now, seed);
        self.disk.journal.get(&(by.incarnation, by.seq)).cloned()
    }

    /// Takes what another till gave, or says no for good.
    pub fn receive(&mut self, given: &Entry, yes: bool, now: UtcMillis, seed: &mut Dice, bug: Option<Bug>) {
        let Some(Fact::HandOverGiven { hand_over_id, lease_id, quota_id, event_id, from, units, blanks, to }) =
            given.fact()
        else {
            return;
        };
        let answered = self.disk.journal.values().any(|e| {
            (e.kind == "hand_over_taken" || e.kind == "hand_over_declined")
                && e.body.contains(&hand_over_id.to_string())
        });
        if to != self.disk.device || answered || self.disk_full || self.disk.life.doubt.is_some() {
            return;
        }
        let text = serde_json::to_string(given).expect("an entry can be written");
        if !yes {
            self.append(Fact::HandOverDeclined { hand_over_id, given: text }, Vec::new(), now, seed);
            return;
        }
        let units_range = willcall_domain::leases::units::UnitRange::of(from, units);
        let out = HandOut { hand_over_id, lease_id, quota_id, event_id, units: units_range, blanks, to };
        let by = self.append(
            Fact::HandOverTaken { hand_over_id, quota_id, event_id, units, given: text },
            Vec::new(),
            now,
            seed,
        );
        let (incarnation, taken) = (by.incarnation, Some((by.incarnation, by.seq)));
        if bug != Some(Bug::HandOverLoses) {
            self.disk.holdings.push(Holding { incarnation, taken, lease: HeldLease::taken(&out), told: (0, 0) });
        }
    }

    /// The receiver said no, the server tells.
    pub fn declined(&mut self, id: HandOverId) {
        let Some(out) = self.disk.given.remove(&id) else { return };
        for holding in self.disk.holdings.iter_mut().filter(|h| h.lease.lease_id == out.lease_id) {
            holding.lease.declined(&out);
        }
    }

    /// Rows of the feed or of a snapshot, merged under what is here.
    pub fn hear(
        &mut self,
        history: HistoryId,
        rows: &[Row],
        next: i64,
        now: UtcMillis,
        seed: &mut Dice,
        bug: Option<Bug>,
    ) {
        let epoch = self.disk.meet(history);
        for row in rows {
            match row {
                Row::Item { item, version, price } => {
                    let here = self.disk.rows.get(item).copied();
                    let lost = bug == Some(Bug::LostDeletion) && matches!(here, Some((_, None)));
                    if here.is_none_or(|(at, _)| (epoch, *version) > at) || lost {
                        self.disk.rows.insert(*item, ((epoch, *version), *price));
                    }
                }
                Row::Lease(row) => self.told(row, epoch, now, seed),
                Row::Right(row) => self.right_told(row, epoch, now, seed),
                Row::Declined { hand_over, to } if *to == self.disk.device => self.declined(*hand_over),
                Row::Declined { .. } => {}
                Row::Scan { position, of } => {
                    let fresh = || Seen { position: *position, of: of.clone() };
                    self.disk.uses.entry(of.scan_id).or_insert_with(fresh).of.undone |= of.undone;
                }
            }
        }
        let newer = self.disk.cursor.is_none_or(|(h, at)| h != history || next > at);
        if newer {
            self.disk.cursor = Some((history, next));
        }
    }

    /// What the server answered to a page.
    pub fn answered(&mut self, incarnation: u32, outcomes: &[(u64, Outcome)]) {
        for (seq, outcome) in outcomes {
            if self.disk.journal.contains_key(&(incarnation, *seq)) {
                self.disk.outcomes.insert((incarnation, *seq), *outcome);
            }
        }
    }
}

fn newest_of_each(known: &[EntryRef]) -> Vec<EntryRef> {
    let names: BTreeSet<_> = known.iter().map(|r| (r.station, r.incarnation)).collect();
    names
        .into_iter()
        .filter_map(|name| known.iter().filter(|r| (r.station, r.incarnation) == name).max_by_key(|r| r.seq).copied())
        .collect()
}
