//! The simulated world: machines, a server, the network between them, and one clock. One step is one act of somebody, or
//! of chance.

use super::{
    bugs::Bug,
    dice::Dice,
    faults,
    network::{Message, Network, Question},
    server::Server,
    station::{BOX, BOX_QUOTA, HALL_QUOTA, SEAT, Station},
    truth::Truth,
};
use ed25519_dalek::SigningKey;
use std::collections::VecDeque;
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, PositionId, RequestId},
    sync::{fact::Paper, journal::bytes32, standing::Resume},
};

/// Machines at the start; copies come on top.
pub const STATIONS: usize = 8;
/// Of these, the first sell.
const TILLS: usize = 6;
/// Acts of one run before it becomes quiet.
const STEPS: usize = 320;
/// What a till wants to hold of each quota.
const WANTED: u32 = 5;

/// Everything there is.
#[derive(Debug)]
pub struct World {
    pub now: i64,
    pub dice: Dice,
    pub bug: Option<Bug>,
    pub server: Server,
    pub server_up: bool,
    pub backups: Vec<Server>,
    pub machines: Vec<Station>,
    pub network: Network,
    pub truth: Truth,
    /// Whether people do in this world by what more may be sold than there is.
    pub acts: bool,
    pub log: VecDeque<String>,
    server_key: SigningKey,
}

fn key(dice: &mut Dice) -> SigningKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&dice.throw().to_be_bytes());
    SigningKey::from_bytes(&bytes)
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut dice = Dice::new(seed);
        let server_key = key(&mut dice);
        let mut server =
            Server::new(server_key.clone(), 24 + dice.below(20) as i64, 6 + dice.below(6) as i64, &mut dice);
        let mut machines = Vec::new();
        for n in 0..STATIONS {
            let device = DeviceId(n as i64 + 1);
            let own = key(&mut dice);
            server.enrol(device, own.verifying_key(), n < TILLS);
            let skew =
                if dice.chance(20) { i64::try_from(dice.throw() % 7_200_000).unwrap_or(0) - 3_600_000 } else { 0 };
            machines.push(Station::new(device, own, n < TILLS, skew));
        }
        let network = Network::lossy(dice.throw() % 30, dice.throw() % 20);
        let mut world = Self {
            now: 1_000_000,
            dice,
            bug,
            server,
            server_up: true,
            backups: Vec::new(),
            machines,
            network,
            truth: Truth::default(),
            acts: !seed.is_multiple_of(3),
            log: VecDeque::new(),
            server_key,
        };
        for item in 1..=3 {
            world.server.edit(item, Some(1_000), world.now, &mut world.dice, bug);
        }
        for slot in 0..world.machines.len() {
            world.append_opened(slot);
        }
        world
    }

    fn append_opened(&mut self, slot: usize) {
        let now = UtcMillis(self.now);
        let opened = willcall_domain::sync::Fact::Opened { software: "simulation".into() };
        self.machines[slot].append(opened, Vec::new(), now, &mut self.dice);
    }

    /// Remembers what happened, for who reads a failure.
    pub fn tell(&mut self, line: impl std::fmt::Display) {
        if self.log.len() >= 400 {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>9} {line}", self.now));
    }

    /// Runs until quiet; the first broken promise ends it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn run(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            self.step();
            super::invariants::at_every_step(self)?;
        }
        self.become_quiet()?;
        super::invariants::after_quiet(self)
    }

    fn step(&mut self) {
        self.now += 100 + i64::try_from(self.dice.throw() % 2_000).unwrap_or(0);
        self.server.sequence(self.now);
        if self.bug == Some(Bug::ExpiringLease) && self.server_up {
            self.server.expire(self.now);
        }
        for message in self.network.arrived(self.now) {
            self.deliver(message);
        }
        let slot = self.dice.below(self.machines.len());
        match self.dice.below(100) {
            0..=24 => self.sell(slot),
            25..=39 => self.scan(slot),
            40..=66 => {
                self.talk(slot);
                self.talk(slot);
            }
            67..=70 => self.web(),
            71..=72 => self.voucher(slot),
            73..=75 => self.void(slot),
            76..=80 => self.hand_over(slot),
            81..=83 => self.idle(slot),
            84..=86 => faults::edit_catalogue(self),
            _ => faults::one(self, slot),
        }
    }

    fn sell(&mut self, slot: usize) {
        if self.dice.chance(15) {
            return self.voucher(slot);
        }
        let item = if self.dice.chance(30) { BOX } else { SEAT };
        let now = UtcMillis(self.now);
        let station = &mut self.machines[slot];
        if station.lives() && station.sell(item, now, &mut self.dice, self.bug, &mut self.truth).is_some() {
            self.tell(format!("machine {slot} sells one of product {item}"));
        }
    }

    fn void(&mut self, slot: usize) {
        let paper = if self.dice.chance(50) { Paper::NotPrinted } else { Paper::Out };
        let at = self.dice.below(50);
        if self.machines[slot].lives() {
            self.tell(format!("machine {slot} undoes a sale, paper {paper:?}"));
            self.machines[slot].void(at, paper, UtcMillis(self.now), &mut self.dice, &mut self.truth);
        }
    }

    fn scan(&mut self, slot: usize) {
        let tickets: Vec<PositionId> = self.truth.sales.iter().filter(|s| !s.voided).map(|s| s.position).collect();
        if tickets.is_empty() || !self.machines[slot].lives() {
            return;
        }
        if self.dice.chance(5) {
            let at = self.dice.below(50);
            self.tell(format!("machine {slot} undoes a scan"));
            self.machines[slot].undo(at, UtcMillis(self.now), &mut self.dice);
            return;
        }
        // A few tickets come again and again, so that gates meet.
        let at =
            if self.dice.chance(40) { self.dice.below(tickets.len().min(3)) } else { self.dice.below(tickets.len()) };
        self.tell(format!("machine {slot} scans {}", tickets[at]));
        self.machines[slot].scan(tickets[at], UtcMillis(self.now), &mut self.dice, &mut self.truth);
    }

    fn idle(&mut self, slot: usize) {
        let now = UtcMillis(self.now);
        let station = &mut self.machines[slot];
        if !station.lives() || station.disk.life.doubt.is_some() {
            return;
        }
        let quota = if self.dice.chance(50) { HALL_QUOTA } else { BOX_QUOTA };
        let in_force = station.disk.life.in_force();
        let held: Vec<_> = station
            .disk
            .holdings
            .iter()
            .filter(|h| in_force.contains(&h.incarnation))
            .map(|h| h.lease.clone())
            .collect();
        let back = willcall_domain::leases::holding::surplus(&held, quota, 1);
        station.give_back(back, now, &mut self.dice);
    }

    fn web(&mut self) {
        if !self.server_up {
            return;
        }
        let quota = if self.dice.chance(70) { HALL_QUOTA } else { BOX_QUOTA };
        let Some(account) = self.server.ledger.quotas.get_mut(&quota) else { return };
        if self.dice.chance(80) {
            if account.sell(1).is_ok() {
                *self.truth.web.entry(quota).or_default() += 1;
                *self.server.web.entry(quota).or_default() += 1;
                self.tell(format!("the web sells one of quota {quota}"));
            }
        } else if self.server.web.get(&quota).is_some_and(|n| *n > 0) {
            account.unsell(1);
            *self.truth.web.entry(quota).or_default() -= 1;
            *self.server.web.entry(quota).or_default() -= 1;
            self.tell(format!("a web order of quota {quota} is cancelled"));
        }
    }

    fn hand_over(&mut self, slot: usize) {
        let other = self.dice.below(self.machines.len());
        let to = self.machines[other].device();
        if !self.machines[slot].lives() || other == slot || !self.machines[other].sells {
            return;
        }
        let now = UtcMillis(self.now);
        if let Some(given) = self.machines[slot].give(to, now, &mut self.dice, self.bug) {
            let yes = self.dice.chance(75);
            self.tell(format!(
                "machine {slot} hands units over to machine {other} ({})",
                if yes { "taken" } else { "declined" }
            ));
            self.network.send(self.now, Message::HandOver { slot: other, given, yes }, &mut self.dice);
        }
    }

    /// A station speaks to the server: contact, journal, changes, units.
    pub fn talk(&mut self, slot: usize) {
        if !self.machines[slot].lives() || !self.machines[slot].link {
            return;
        }
        let message = match self.dice.below(4) {
            0 => Message::Contact { slot, device: self.machines[slot].device(), ask: self.question(slot) },
            1 => match self.page(slot) {
                Some(entries) => Message::Push { slot, entries },
                None => return,
            },
            2 => {
                let station = &self.machines[slot];
                Message::Pull { slot, device: station.device(), cursor: station.disk.cursor }
            }
            _ => match self.ask(slot) {
                Some(message) => message,
                None => return,
            },
        };
        self.network.send(self.now, message, &mut self.dice);
    }

    pub fn question(&self, slot: usize) -> Question {
        let station = &self.machines[slot];
        let incarnation = station.disk.life.incarnation;
        let tail = station.disk.tail(incarnation);
        Question {
            incarnation,
            length: tail.map_or(0, |e| e.seq),
            tail: tail.and_then(|e| bytes32(&e.hash)),
            token: station.disk.resume.as_ref().and_then(|r| bytes32(&r.token)),
            machine: station.machine.clone(),
            suspect: false,
            wall: UtcMillis(self.now + station.skew_ms),
        }
    }

    /// The next page of the oldest incarnation with something to send.
    pub fn page(&self, slot: usize) -> Option<Vec<willcall_domain::sync::Entry>> {
        let waiting = self.machines[slot].disk.waiting();
        let incarnation = waiting.first()?.incarnation;
        Some(waiting.into_iter().filter(|e| e.incarnation == incarnation).take(30).cloned().collect())
    }

    fn ask(&mut self, slot: usize) -> Option<Message> {
        let quota = if self.dice.chance(60) { HALL_QUOTA } else { BOX_QUOTA };
        let station = &mut self.machines[slot];
        let held = u32::try_from(station.sellable(quota, self.bug)).unwrap_or(0);
        if !station.sells || held >= WANTED || station.disk.life.doubt.is_some() {
            return None;
        }
        let fresh = RequestId::born(UtcMillis(self.now), &SeededEntropy::new(self.dice.throw()));
        let request = *station.disk.asked.entry(quota).or_insert(fresh);
        Some(Message::Ask { slot, device: station.device(), quota, request, wanted: WANTED - held })
    }

    /// A message arrives, where its receiver can hear.
    pub fn deliver(&mut self, message: Message) {
        match message {
            Message::Contact { .. }
            | Message::Push { .. }
            | Message::Pull { .. }
            | Message::Ask { .. }
            | Message::AskRight { .. } => {
                if self.server_up
                    && let Some(answer) = self.at_server(message)
                {
                    self.network.send(self.now, answer, &mut self.dice);
                }
            }
            Message::ContactAnswer { .. }
            | Message::PushAnswer { .. }
            | Message::Rows { .. }
            | Message::Granted { .. }
            | Message::RightGranted { .. }
            | Message::HandOver { .. } => {
                self.at_station(message);
            }
        }
    }

    pub fn at_server(&mut self, message: Message) -> Option<Message> {
        let (now, bug) = (self.now, self.bug);
        match message {
            Message::Contact { slot, device, ask } => {
                let answer = self.server.contact(device, &ask, now, &mut self.dice, bug)?;
                Some(Message::ContactAnswer { slot, asked: ask.incarnation, answer })
            }
            Message::Push { slot, entries } => {
                let (incarnation, outcomes) = self.server.push(&entries, now, &mut self.dice, bug)?;
                Some(Message::PushAnswer { slot, history: self.server.history, incarnation, outcomes })
            }
            Message::Pull { slot, device, cursor } => {
                let (rows, next) = self.server.pull(device, cursor);
                Some(Message::Rows { slot, history: self.server.history, rows, next })
            }
            Message::Ask { slot, device, quota, request, wanted } => {
                let grant = self.server.lend(device, quota, request, wanted, now, &mut self.dice)?;
                Some(Message::Granted { slot, grant })
            }
            Message::AskRight { slot, device, voucher, request } => {
                let grant = self.server.give_right(device, voucher, request, now, &mut self.dice, bug)?;
                Some(Message::RightGranted { slot, grant })
            }
            Message::ContactAnswer { .. }
            | Message::PushAnswer { .. }
            | Message::Rows { .. }
            | Message::Granted { .. }
            | Message::RightGranted { .. }
            | Message::HandOver { .. } => None,
        }
    }

    pub fn at_station(&mut self, message: Message) {
        let (now, bug) = (UtcMillis(self.now), self.bug);
        let server_key = self.server_key.clone();
        let slot = match &message {
            Message::ContactAnswer { slot, .. }
            | Message::PushAnswer { slot, .. }
            | Message::Rows { slot, .. }
            | Message::Granted { slot, .. }
            | Message::HandOver { slot, .. }
            | Message::RightGranted { slot, .. }
            | Message::AskRight { slot, .. }
            | Message::Contact { slot, .. }
            | Message::Push { slot, .. }
            | Message::Pull { slot, .. }
            | Message::Ask { slot, .. } => *slot,
        };
        let by_hand = matches!(message, Message::HandOver { .. });
        let dice = &mut self.dice;
        let Some(station) = self.machines.get_mut(slot) else { return };
        if !station.lives() || (!station.link && !by_hand) {
            return;
        }
        match message {
            Message::ContactAnswer { asked, answer, .. } => {
                if station.disk.life.incarnation != asked {
                    return;
                }
                station.disk.meet(answer.history);
                // The server lacks what it had confirmed: sent again, which is harmless when the answer was only late.
                station.disk.outcomes.retain(|(incarnation, seq), _| *incarnation != asked || *seq <= answer.acked);
                if answer.suspect {
                    station.taken_for_copy(answer.newest, now, dice);
                    return;
                }
                if let Some(token) = answer.token {
                    let n = station.disk.resume.as_ref().map_or(1, |r| r.n + 1);
                    station.disk.resume = Some(Resume { n, token: hex::encode(token) });
                }
                station.disk.life.server_has_heard();
                for grant in &answer.grants {
                    station.granted(grant, &server_key, now, dice, bug);
                }
                for grant in &answer.rights {
                    station.right_granted(grant, &server_key, now, dice);
                }
            }
            // What the server confirmed in another life says nothing about this one.
            Message::PushAnswer { history, incarnation, outcomes, .. } => {
                if station.disk.histories.last().is_none_or(|newest| *newest == history) {
                    station.answered(incarnation, &outcomes);
                }
            }
            Message::Rows { history, rows, next, .. } => station.hear(history, &rows, next, now, dice, bug),
            Message::Granted { grant, .. } => station.granted(&grant, &server_key, now, dice, bug),
            Message::RightGranted { grant, .. } => station.right_granted(&grant, &server_key, now, dice),
            Message::HandOver { given, yes, .. } => station.receive(&given, yes, now, dice, bug),
            Message::Contact { .. }
            | Message::Push { .. }
            | Message::Pull { .. }
            | Message::Ask { .. }
            | Message::AskRight { .. } => {}
        }
    }

    /// Everything is healed and talks until nothing changes any more.
    fn become_quiet(&mut self) -> Result<(), String> {
        self.tell("everything is healed");
        self.server_up = true;
        self.server.sequencer_runs = true;
        (self.network.loss, self.network.doubled) = (0, 0);
        for slot in 0..self.machines.len() {
            let now = UtcMillis(self.now);
            let station = &mut self.machines[slot];
            (station.link, station.disk_full) = (true, false);
            if !station.up && !station.lost {
                station.open(now, &mut self.dice, self.bug);
            }
        }
        for _ in 0..200 {
            self.now += 70_000;
            self.server.sequence(self.now);
            for message in self.network.arrived(self.now) {
                self.deliver(message);
            }
            let before = self.fingerprint();
            for slot in 0..self.machines.len() {
                self.converse(slot);
            }
            self.server.sequence(self.now + 10_000);
            if self.fingerprint() == before && self.network.is_quiet() && self.server.uncommitted.is_empty() {
                return Ok(());
            }
        }
        Err("it never becomes quiet".into())
    }

    /// One whole conversation over a perfect link.
    fn converse(&mut self, slot: usize) {
        if !self.machines[slot].lives() {
            return;
        }
        let device = self.machines[slot].device();
        let contact = Message::Contact { slot, device, ask: self.question(slot) };
        self.exchange(contact);
        while let Some(entries) = self.page(slot) {
            let before = self.machines[slot].disk.waiting().len();
            self.exchange(Message::Push { slot, entries });
            if self.machines[slot].disk.waiting().len() >= before {
                break;
            }
        }
        if self.machines[slot].disk.waiting().is_empty()
            && self.machines[slot].disk.histories.last() == Some(&self.server.history)
        {
            self.server.heard(device);
        }
        loop {
            let cursor = self.machines[slot].disk.cursor;
            self.exchange(Message::Pull { slot, device, cursor });
            if self.machines[slot].disk.cursor == cursor {
                break;
            }
        }
    }

    fn exchange(&mut self, message: Message) {
        if let Some(answer) = self.at_server(message) {
            self.at_station(answer);
        }
    }

    fn fingerprint(&self) -> (usize, usize, usize, usize) {
        let entries = self.machines.iter().map(|m| m.disk.journal.len()).sum();
        let waiting = self.machines.iter().filter(|m| m.lives()).map(|m| m.disk.waiting().len()).sum();
        let uses = self.machines.iter().map(|m| m.disk.uses.len() + m.disk.rows.len()).sum();
        (entries, waiting, uses, self.server.feed.len() + self.server.scans.len())
    }
}
