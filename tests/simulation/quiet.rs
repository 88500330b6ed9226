//! Everything is healed, and everybody talks until nothing changes any more.

use super::{
    network::Ask,
    promises::{Broken, Promise},
    station::Line,
    world::World,
};

impl World {
    pub(super) fn heal(&mut self) {
        self.tell("everything is healed");
        self.server_up = true;
        self.server.sequencer_runs = true;
        (self.network.loss, self.network.doubled) = (0, 0);
        for slot in 0..self.machines.len() {
            let station = &mut self.machines[slot];
            (station.line, station.disk_full) = (Line::GOOD, false);
            if !station.up && !station.lost {
                station.open(self.now, &mut self.dice, self.bug);
            }
            let known = self.server.devices.contains_key(&self.machines[slot].device());
            if !known && !self.machines[slot].lost {
                // Its enrolment was lost with the server's last hours.
                self.enrol_anew(slot);
            }
        }
    }

    /// Talks until nothing changes any more.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) fn become_quiet(&mut self) -> Result<(), Vec<Broken>> {
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
        Err(vec![Broken { promise: Promise::Rest, what: "it never becomes quiet".into() }])
    }

    /// One whole conversation over a perfect link.
    fn converse(&mut self, slot: usize) {
        if !self.machines[slot].lives() {
            return;
        }
        let question = self.question(slot);
        self.exchange(slot, Ask::Contact(question));
        while let Some(entries) = self.page(slot) {
            let before = self.machines[slot].disk.waiting().count();
            self.exchange(slot, Ask::Push(entries));
            if self.machines[slot].disk.waiting().count() >= before {
                break;
            }
        }
        loop {
            let before = (self.machines[slot].disk.cursor, self.machines[slot].missing(self.bug));
            self.exchange(slot, self.pull(slot));
            if let Some(ask) = self.missing(slot) {
                self.exchange(slot, ask);
            }
            if (self.machines[slot].disk.cursor, self.machines[slot].missing(self.bug)) == before {
                break;
            }
        }
        if let Some(offer) = self.offer(slot) {
            self.exchange(slot, offer);
        }
    }

    fn exchange(&mut self, slot: usize, ask: Ask) {
        let device = self.machines[slot].device();
        if let Some(reply) = self.at_server(slot, device, ask) {
            self.at_station(slot, reply);
        }
    }

    fn fingerprint(&self) -> [usize; 6] {
        let entries = self.machines.iter().map(|m| m.disk.journal.len()).sum();
        let waiting = self.machines.iter().filter(|m| m.lives()).map(|m| m.disk.waiting().count()).sum();
        let rows = self.machines.iter().map(|m| m.disk.uses.len() + m.disk.rows.len()).sum();
        let read: i64 = self.machines.iter().filter_map(|m| m.disk.cursor).map(|(_, at)| at).sum();
        let server = &self.server;
        let lost = server.lost.values().map(|lost| lost.rows.len()).sum();
        [entries, waiting, rows, usize::try_from(read).unwrap_or(0), server.feed.len() + server.scans.len(), lost]
    }
}
