//! Rights in the simulated world: single-use vouchers that tills ask for, spend with nobody to ask, and give back. Who
//! may is the domain's decision; here it is kept at both ends.

use super::{
    apply::Arrival,
    bugs::Bug,
    dice::Dice,
    network::{Message, Row},
    server::{Server, case_id},
    station::{EVENT, SEAT, Station},
    world::World,
};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::VoucherEffect,
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, OrganizerId, RequestId, RightId, VoucherId},
    leases::{
        Guarded, HeldRight, RightAccount, RightBody, RightGrant, RightRow, RightState, RightSubject, VoucherTerms,
        check_right, ledger::GivenUp, rights::Use, sign_right,
    },
    sync::{CaseKind, Fact, Outcome},
};

/// Vouchers of this world.
pub const VOUCHERS: i64 = 6;

pub fn subject(voucher: VoucherId) -> RightSubject {
    RightSubject::Voucher { voucher_id: voucher }
}

/// The server's books of rights.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    pub guarded: BTreeMap<VoucherId, Guarded>,
    pub all: BTreeMap<RightId, RightAccount>,
    bodies: BTreeMap<RightId, RightBody>,
    requests: BTreeMap<RequestId, RightId>,
}

/// A right on a station's disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    pub incarnation: u32,
    pub right: HeldRight,
    /// Version of the newest word of the server about it.
    told: (usize, i64),
}

impl Server {
    /// Makes a till the one holder; the same request again is answered the same.
    pub fn give_right(
        &mut self,
        device: DeviceId,
        voucher: VoucherId,
        request: RequestId,
        now: i64,
        dice: &mut Dice,
        bug: Option<Bug>,
    ) -> Option<RightGrant> {
        self.devices.get(&device).filter(|d| !d.revoked && !d.suspended && d.sells)?;
        if let Some(body) = self.rights.requests.get(&request).and_then(|id| self.rights.bodies.get(id)) {
            return Some(self.seal_right(body));
        }
        // A till that has not reported since the server was put back may hold it.
        if self.devices.values().any(|d| d.sells && !d.unheard.is_empty()) {
            return None;
        }
        let guarded = self.rights.guarded.entry(voucher).or_default();
        if bug == Some(Bug::RightGrantedToTwo) {
            guarded.holder = None;
        }
        let right_id = RightId::born(UtcMillis(now), &SeededEntropy::new(dice.throw()));
        let Ok(granted) = guarded.grant(right_id, device, subject(voucher)) else {
            return self.held_already(device, voucher, now, dice, bug);
        };
        let effect = VoucherEffect::PercentOff { percent_bp: 5_000 };
        let body = RightBody {
            right_id,
            request_id: request,
            organizer_id: OrganizerId(1),
            event_id: EVENT,
            station: device,
            subject: subject(voucher),
            code: voucher.to_string(),
            voucher: Some(VoucherTerms { item_id: None, effect, home: false }),
            order: None,
            granted_at: UtcMillis(now),
        };
        self.rights.all.insert(right_id, granted);
        self.rights.requests.insert(request, right_id);
        let grant = self.seal_right(&body);
        self.rights.bodies.insert(right_id, body);
        Some(grant)
    }

    /// Who holds it is asked to give it back; its own lost answer is given again.
    fn held_already(
        &mut self,
        device: DeviceId,
        voucher: VoucherId,
        now: i64,
        dice: &mut Dice,
        bug: Option<Bug>,
    ) -> Option<RightGrant> {
        let held = self.rights.guarded.get(&voucher)?.holder?;
        let right = self.rights.all.get_mut(&held)?;
        if right.holder == device {
            let again = right.state == RightState::Granted;
            return self.rights.bodies.get(&held).filter(|_| again).map(|body| self.seal_right(body));
        }
        if right.recall() {
            self.tell_right(held, now, dice, bug);
        }
        None
    }

    fn seal_right(&self, body: &RightBody) -> RightGrant {
        sign_right(body, &self.key).expect("a right can be written")
    }

    pub fn open_rights(&self, device: DeviceId) -> Vec<RightGrant> {
        let open = self.rights.all.values().filter(|r| r.holder == device && r.state == RightState::Granted);
        open.filter_map(|r| self.rights.bodies.get(&r.right_id)).map(|body| self.seal_right(body)).collect()
    }

    fn right_row(&self, right: &RightAccount) -> RightRow {
        RightRow {
            right_id: right.right_id,
            event_id: EVENT,
            device_id: right.holder,
            subject: right.subject,
            state: right.state.told(),
            recalled: right.recalled,
            version: self.versions(),
        }
    }

    pub fn right_rows(&self, device: DeviceId) -> Vec<Row> {
        let mine = self.rights.all.values().filter(|r| r.holder == device);
        mine.map(|right| Row::Right(self.right_row(right))).collect()
    }

    fn tell_right(&mut self, right: RightId, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        self.version();
        if let Some(row) = self.rights.all.get(&right).map(|r| self.right_row(r)) {
            self.note(now, Row::Right(row), dice, bug);
        }
    }

    /// A person gives up what a station holds.
    pub fn write_off_rights(&mut self, device: DeviceId, how: GivenUp, now: i64, dice: &mut Dice, bug: Option<Bug>) {
        for id in self.rights_of(device) {
            if self.end(id, |right, guarded| right.write_off(guarded, how)) {
                self.tell_right(id, now, dice, bug);
            }
        }
    }

    fn rights_of(&self, device: DeviceId) -> Vec<RightId> {
        self.rights.all.values().filter(|r| r.holder == device).map(|r| r.right_id).collect()
    }

    fn end<T: Default>(&mut self, id: RightId, act: impl FnOnce(&mut RightAccount, &mut Guarded) -> T) -> T {
        let Some(right) = self.rights.all.get_mut(&id) else { return T::default() };
        let RightSubject::Voucher { voucher_id } = right.subject else { return T::default() };
        let Some(guarded) = self.rights.guarded.get_mut(&voucher_id) else { return T::default() };
        act(right, guarded)
    }

    /// The journal of a station has ended.
    pub fn close_rights(&mut self, device: DeviceId) {
        for id in self.rights_of(device) {
            self.end(id, RightAccount::release);
        }
    }

    /// What a journal says of a right.
    pub fn right_entry(&mut self, at: &mut Arrival<'_>, fact: &Fact) -> Outcome {
        let known = match fact {
            Fact::RightTaken { right_id, subject, grant, grant_signature, .. } => {
                let grant = RightGrant { body: grant.clone(), signature: grant_signature.clone() };
                self.right_taken(at, *right_id, *subject, &grant)
            }
            Fact::RightReleased { right_id, .. } => {
                let mine = self.rights.all.get(right_id).is_some_and(|r| r.holder == at.by);
                if mine {
                    self.end(*right_id, RightAccount::release);
                }
                mine
            }
            _ => true,
        };
        if known {
            return Outcome::Applied;
        }
        self.open_case(CaseKind::UnknownLease, Some(at.by), None, None);
        Outcome::Parked { case_id: case_id(at.dice) }
    }

    fn right_taken(&mut self, at: &mut Arrival<'_>, id: RightId, of: RightSubject, grant: &RightGrant) -> bool {
        let RightSubject::Voucher { voucher_id } = of else { return false };
        if !self.rights.all.contains_key(&id) {
            // Granted in a time the server has lost, and proven by its signature.
            let Ok(body) = check_right(grant, &self.key.verifying_key(), at.by) else { return false };
            if body.right_id != id || body.subject != of {
                return false;
            }
            let restored = self.rights.guarded.entry(voucher_id).or_default().restore(id, at.by, of);
            self.rights.bodies.insert(id, body);
            self.rights.all.insert(id, restored);
        }
        let Some(right) = self.rights.all.get_mut(&id).filter(|r| r.holder == at.by) else { return false };
        right.take();
        if !right.state.in_force() || right.recalled {
            self.tell_right(id, at.now, at.dice, at.bug);
        }
        true
    }

    /// A till sold with a voucher.
    pub fn spend(&mut self, at: &mut Arrival<'_>, voucher: VoucherId) -> Option<CaseKind> {
        let mine = self.rights.all.values().filter(|r| r.holder == at.by && r.subject == subject(voucher));
        let best = mine.max_by_key(|r| (r.state.in_force(), matches!(r.state, RightState::Lost | RightState::Stolen)));
        let came = match best.map(|right| right.right_id) {
            Some(id) => self.end(id, |right, guarded| Some(right.use_it(guarded))),
            None => Some(self.rights.guarded.entry(voucher).or_default().use_without(subject(voucher))),
        }?;
        // Somebody else holds it now, and is told.
        let other = self.rights.guarded.get(&voucher).and_then(|g| g.holder).filter(|_| came != Use::Rightly);
        if let Some(other) = other
            && self.end(other, |right, _| right.recall())
        {
            self.tell_right(other, at.now, at.dice, at.bug);
        }
        match came {
            Use::Rightly | Use::AfterWriteOff { first: false } => None,
            Use::AfterWriteOff { first: true } => Some(CaseKind::WriteOffWrong),
            Use::NotHeld | Use::Twice => Some(CaseKind::RightTwice),
        }
    }

    /// A sale with a voucher is undone.
    pub fn unspend(&mut self, voucher: VoucherId) {
        if let Some(guarded) = self.rights.guarded.get_mut(&voucher) {
            guarded.undo();
        }
    }
}

impl Station {
    fn rights_in_force(&self, bug: Option<Bug>) -> Vec<HeldRight> {
        let in_force = self.disk.life.in_force();
        let trusting = bug == Some(Bug::CopiedStation);
        let held = self.disk.rights.iter().filter(|h| trusting || in_force.contains(&h.incarnation));
        held.map(|h| h.right.clone()).collect()
    }

    /// Whether it may spend this voucher now; takes it as spent.
    pub fn spend(&mut self, voucher: VoucherId, bug: Option<Bug>) -> bool {
        if HeldRight::use_one(&mut self.rights_in_force(bug), subject(voucher)).is_err() {
            return false;
        }
        for holding in self.disk.rights.iter_mut().filter(|h| h.right.subject == subject(voucher)) {
            holding.right.over = true;
        }
        true
    }

    pub fn may_spend(&self, voucher: VoucherId, bug: Option<Bug>) -> bool {
        let held = self.rights_in_force(bug);
        held.iter().any(|right| right.subject == subject(voucher) && right.may_use().is_ok())
    }

    /// A right arrives, for the first time or again.
    pub fn right_granted(&mut self, grant: &RightGrant, server: &SigningKey, now: UtcMillis, seed: &mut Dice) {
        let Ok(body) = check_right(grant, &server.verifying_key(), self.disk.device) else { return };
        if let RightSubject::Voucher { voucher_id } = body.subject {
            self.disk.rights_asked.remove(&voucher_id);
        }
        let known = self.disk.rights.iter().any(|h| h.right.right_id == body.right_id);
        if known || self.disk.life.doubt.is_some() || self.disk_full {
            return;
        }
        let fact = Fact::RightTaken {
            right_id: body.right_id,
            event_id: body.event_id,
            subject: body.subject,
            grant: grant.body.clone(),
            grant_signature: grant.signature.clone(),
        };
        self.append(fact, Vec::new(), now, seed);
        let incarnation = self.disk.life.incarnation;
        self.disk.rights.push(Holding { incarnation, right: HeldRight::granted(&body, now), told: (0, 0) });
    }

    /// The server's word on a right: recall, write-off.
    pub fn right_told(&mut self, row: &RightRow, epoch: usize, now: UtcMillis, seed: &mut Dice) {
        for holding in self.disk.rights.iter_mut().filter(|h| h.right.right_id == row.right_id) {
            if (epoch, row.version) > holding.told {
                holding.told = (epoch, row.version);
                holding.right.told(row);
            }
        }
        self.give_rights_back(now, now, seed);
    }

    /// What is recalled, or has not been used since `idle_since`, goes back.
    pub fn give_rights_back(&mut self, idle_at: UtcMillis, now: UtcMillis, seed: &mut Dice) {
        if self.disk_full || self.disk.life.doubt.is_some() {
            return;
        }
        let in_force = self.disk.life.in_force();
        let due = |h: &&mut Holding| in_force.contains(&h.incarnation) && h.right.is_due_back(None, idle_at);
        let mut gone = Vec::new();
        for holding in self.disk.rights.iter_mut().filter(due) {
            holding.right.over = true;
            gone.push((holding.right.right_id, holding.right.subject));
        }
        for (right_id, subject) in gone {
            self.append(Fact::RightReleased { right_id, event_id: EVENT, subject }, Vec::new(), now, seed);
        }
    }
}

impl World {
    /// A till is shown a voucher: it spends it where it may, and asks for it where it may not.
    pub fn voucher(&mut self, slot: usize) {
        let voucher =
            VoucherId(1 + i64::try_from(self.dice.below(usize::try_from(VOUCHERS).unwrap_or(1))).unwrap_or(0));
        let (now, bug) = (UtcMillis(self.now), self.bug);
        let station = &mut self.machines[slot];
        if !station.lives() || !station.sells {
            return;
        }
        if self.dice.chance(10) {
            // Nobody comes for an hour.
            let idle = UtcMillis(now.0 + willcall_domain::leases::rights::IDLE_MS);
            station.give_rights_back(idle, now, &mut self.dice);
            return;
        }
        if station.may_spend(voucher, bug) {
            let sold = station.sell_with(SEAT, Some(voucher), now, &mut self.dice, bug, &mut self.truth);
            if sold.is_some() {
                self.tell(format!("machine {slot} spends voucher {voucher}"));
            }
        } else if station.link && station.disk.life.doubt.is_none() {
            let fresh = RequestId::born(now, &SeededEntropy::new(self.dice.throw()));
            let request = *station.disk.rights_asked.entry(voucher).or_insert(fresh);
            let message = Message::AskRight { slot, device: station.device(), voucher, request };
            self.network.send(self.now, message, &mut self.dice);
        }
    }
}

/// What may happen once has one holder, and happens once where nobody did anything.
///
/// # Errors
/// Names what does not hold.
pub fn held_once(world: &World) -> Result<(), String> {
    for n in 1..=VOUCHERS {
        let voucher = VoucherId(n);
        if let Some(guarded) = world.server.rights.guarded.get(&voucher) {
            let of = world.server.rights.all.values().filter(|r| r.subject == subject(voucher));
            let of: Vec<RightAccount> = of.cloned().collect();
            guarded.check(&of).map_err(|broken| format!("rights of voucher {n}: {broken}"))?;
        }
        let happened = world.truth.spent(voucher);
        let could = world.machines.iter().filter(|m| !m.lost && m.may_spend(voucher, world.bug)).count();
        if world.truth.acts.is_empty() && happened + could > 1 {
            return Err(format!(
                "S3: voucher {n} was spent {happened} times, {could} stations may spend it, and nobody did anything"
            ));
        }
    }
    Ok(())
}

/// The books say what the applied sales say, each use too many has its case, and what is held is with its holder.
///
/// # Errors
/// Names what does not hold.
pub fn counted(world: &World) -> Result<(), String> {
    for n in 1..=VOUCHERS {
        let voucher = VoucherId(n);
        let known = world.server.tickets.values().filter(|t| !t.voided && t.voucher == Some(voucher)).count();
        let guarded = world.server.rights.guarded.get(&voucher).cloned().unwrap_or_default();
        if guarded.uses as usize != known {
            return Err(format!("Σ: voucher {n} counts {} uses, and {known} are known", guarded.uses));
        }
        let told = world.server.has_case(&[CaseKind::RightTwice], None, None);
        if guarded.excess > 0 && (!told || world.truth.acts.is_empty()) {
            return Err(format!("S3: voucher {n} was spent {} times too often, told: {told}", guarded.excess));
        }
        let odd = !world.truth.acts.is_empty() || world.server.devices.values().any(|d| d.revoked);
        let Some(holder) = guarded.holder.and_then(|id| world.server.rights.all.get(&id)).filter(|_| !odd) else {
            continue;
        };
        // Also where the station doubts itself, or has: what is frozen or not taken a person decides about.
        let usable = |h: &Holding| h.right.subject == subject(voucher) && h.right.may_use().is_ok();
        let holds = world.machines.iter().filter(|m| m.device() == holder.holder);
        let holds =
            holds.into_iter().any(|m| m.lost || m.disk.life.doubt.is_some() || m.disk.rights.iter().any(usable));
        if !holds {
            return Err(format!("S5: voucher {n} is with station {} by the books, and is not", holder.holder));
        }
    }
    Ok(())
}
