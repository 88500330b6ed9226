//! The simulated world: machines, a server, the network between them, and one clock. One step is one act of somebody, or
//! of chance.

use super::{
    bugs::Bug,
    dice::Dice,
    faults,
    network::Network,
    promises::{self, Broken, Watch},
    server::{Desk, Server},
    station::Station,
    town,
    truth::Truth,
};
use ed25519_dalek::SigningKey;
use std::collections::{BTreeSet, VecDeque};
use willcall_domain::id::{DeviceId, EventId};

/// Machines at the start; copies come on top.
pub const STATIONS: usize = 8;
/// Of these, the first sell.
const TILLS: usize = 6;
/// Acts of one run before it becomes quiet.
const STEPS: usize = 320;
/// Lines that are kept for who reads a failure.
const TOLD: usize = 400;

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
    pub watch: Watch,
    /// Whether people do in this world by what more may be sold than there is.
    pub acts: bool,
    pub log: VecDeque<String>,
    pub server_key: SigningKey,
    /// The last number a device was given.
    pub devices: i64,
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>) -> Self {
        let mut dice = Dice::new(seed);
        let server_key = dice.key();
        let sizes = [16, 14, 8, 8].map(|least| least + i64::try_from(dice.below(12)).unwrap_or(0));
        let now = 1_000_000;
        let server = Server::new(server_key.clone(), sizes, &mut Desk { now, dice: &mut dice, bug });
        let network = Network::lossy(dice.throw() % 30, dice.throw() % 20);
        let mut world = Self {
            now,
            dice,
            bug,
            server,
            server_up: true,
            backups: Vec::new(),
            machines: Vec::new(),
            network,
            truth: Truth::default(),
            watch: Watch::default(),
            acts: !seed.is_multiple_of(3),
            log: VecDeque::new(),
            server_key,
            devices: 0,
        };
        for n in 0..STATIONS {
            world.enrol_first(n < TILLS);
        }
        for id in 1..=3 {
            world.office(|server, at| server.edit(id, Some(1_000), at));
        }
        world
    }

    fn enrol_first(&mut self, sells: bool) {
        let hours = i64::try_from(self.dice.throw() % 7_200_000).unwrap_or(0) - 3_600_000;
        let skew = if self.dice.chance(20) { hours } else { 0 };
        let events = self.some_events();
        let (device, key) = self.new_device(sells, &events);
        let mut station = Station::new(device, key, sells, skew, events);
        station.open(self.now, &mut self.dice, self.bug);
        station.begin(self.now, &mut self.dice);
        self.machines.push(station);
    }

    /// Most see both events.
    pub fn some_events(&mut self) -> BTreeSet<EventId> {
        match self.dice.below(5) {
            0 => [town::STAGE].into(),
            1 => [town::HALL].into(),
            _ => town::EVENTS.into(),
        }
    }

    /// A device is made known to the server.
    pub fn new_device(&mut self, sells: bool, events: &BTreeSet<EventId>) -> (DeviceId, SigningKey) {
        self.devices += 1;
        let (device, key) = (DeviceId(self.devices), self.dice.key());
        let (public, events) = (key.verifying_key(), events.clone());
        self.office(|server, at| server.enrol(device, public, sells, events, at));
        (device, key)
    }

    /// A machine becomes another device; its journal so far ends.
    pub fn enrol_anew(&mut self, slot: usize) {
        let (sells, before) = (self.machines[slot].sells, self.machines[slot].device());
        let events = self.some_events();
        let (device, key) = self.new_device(sells, &events);
        self.machines[slot].enrol(device, key, events, self.now, &mut self.dice);
        self.network.forget(slot);
        self.watch.forget(slot);
        self.tell(format!("machine {slot}, which was device {before}, is enrolled as device {device}"));
    }

    /// Something is done at the server, now.
    pub fn office<T>(&mut self, act: impl FnOnce(&mut Server, &mut Desk<'_>) -> T) -> T {
        act(&mut self.server, &mut Desk { now: self.now, dice: &mut self.dice, bug: self.bug })
    }

    /// Remembers what happened, for who reads a failure.
    pub fn tell(&mut self, line: impl std::fmt::Display) {
        if self.log.len() >= TOLD {
            self.log.pop_front();
        }
        self.log.push_back(format!("{:>9} {line}", self.now));
    }

    /// Runs until quiet, and once more after people have looked at every case; the first broken promises end it.
    ///
    /// # Errors
    /// What does not hold.
    pub fn run(&mut self) -> Result<(), Vec<Broken>> {
        for step in 0..STEPS {
            self.step();
            promises::at_every_step(self, step)?;
        }
        self.heal();
        self.become_quiet()?;
        promises::after_quiet(self)?;
        if self.people_look() {
            self.become_quiet()?;
            promises::after_quiet(self)?;
        }
        Ok(())
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
            0..=23 => self.sell(slot),
            24..=37 => self.scan(slot),
            38..=63 => {
                self.talk(slot);
                self.talk(slot);
            }
            64..=68 => self.shop(),
            69..=72 => self.use_right(slot),
            73..=75 => self.void(slot),
            76..=80 => self.hand_over(slot),
            81..=82 => self.idle(slot),
            83..=85 => faults::edit_catalogue(self),
            86 => self.close_a_case(slot),
            _ => faults::one(self, slot),
        }
    }
}
