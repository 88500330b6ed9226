//! Stations and the server speak: what is asked, what is answered, and what the receiver makes of it.

use super::{
    network::{Ask, Message, Question, Reply},
    station::Heard,
    town::QUOTAS,
    world::World,
};
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{DeviceId, RequestId},
    sync::{Entry, journal::bytes32, standing::Resume},
};

/// What a till wants to hold of each quota.
const WANTED: u32 = 4;

impl World {
    pub(super) fn send_up(&mut self, slot: usize, ask: Ask) {
        let station = &self.machines[slot];
        let (device, slow) = (station.device(), station.line.slow);
        self.network.send(self.now, Message::Up { slot, device, ask }, slow, &mut self.dice);
    }

    /// A station speaks to the server: contact, journal, changes, units, what the server may have lost.
    pub(super) fn talk(&mut self, slot: usize) {
        let station = &self.machines[slot];
        if !station.lives() || !station.line.up {
            return;
        }
        let ask = match self.dice.below(9) {
            0 | 1 => station.may_ask(self.now).then(|| Ask::Contact(self.question(slot))),
            2 | 3 => self.page(slot).map(Ask::Push),
            4 => Some(self.pull(slot)),
            5 => self.missing(slot).or_else(|| Some(self.pull(slot))),
            6 => self.offer(slot),
            _ => self.ask_units(slot),
        };
        if let Some(ask) = ask {
            self.send_up(slot, ask);
        }
    }

    pub(super) fn question(&mut self, slot: usize) -> Question {
        let station = &mut self.machines[slot];
        let nth = station.asks(self.now);
        let incarnation = station.disk.life.incarnation;
        let tail = station.disk.tail(incarnation);
        Question {
            nth,
            incarnation,
            length: tail.map_or(0, |e| e.seq),
            tail: tail.and_then(|e| bytes32(&e.hash)),
            token: station.disk.resume.as_ref().and_then(|r| bytes32(&r.token)),
            machine: station.machine.clone(),
            suspect: false,
            wall: UtcMillis(station.wall(self.now)),
            history: station.disk.histories.last().copied(),
            waiting: station.disk.waiting().count(),
        }
    }

    /// The next page of the oldest journal and life with something to send.
    pub(super) fn page(&self, slot: usize) -> Option<Vec<Entry>> {
        let mut waiting = self.machines[slot].disk.waiting().peekable();
        let first = waiting.peek()?;
        let name = (first.station, first.incarnation);
        Some(waiting.take_while(|e| (e.station, e.incarnation) == name).take(30).cloned().collect())
    }

    /// What came since.
    pub(super) fn pull(&self, slot: usize) -> Ask {
        Ask::Pull { cursor: self.machines[slot].disk.cursor, asked: self.now }
    }

    /// What is not here of events it may see.
    pub(super) fn missing(&self, slot: usize) -> Option<Ask> {
        let events = self.machines[slot].missing(self.bug);
        (!events.is_empty()).then_some(Ask::Snapshot { events })
    }

    pub(super) fn offer(&self, slot: usize) -> Option<Ask> {
        let disk = &self.machines[slot].disk;
        let rows = self.machines[slot].left_behind();
        let history = disk.cursor.map(|(history, _)| history).filter(|history| disk.is_newest(*history))?;
        (!rows.is_empty()).then_some(Ask::Offer { history, rows })
    }

    fn ask_units(&mut self, slot: usize) -> Option<Ask> {
        let quota = QUOTAS[self.dice.below(QUOTAS.len())];
        let station = &mut self.machines[slot];
        let held = u32::try_from(station.sellable(quota, self.bug)).unwrap_or(0);
        let of_mine = station.disk.events.contains(&super::town::event_of_quota(quota));
        if !station.sells || held >= WANTED || station.doubts() || !of_mine {
            return None;
        }
        let fresh = RequestId::born(UtcMillis(self.now), &SeededEntropy::new(self.dice.throw()));
        let request = *station.disk.asked.entry(quota).or_insert(fresh);
        Some(Ask::Units { quota, request, wanted: WANTED - held })
    }

    /// A message arrives, where its receiver can hear.
    pub(super) fn deliver(&mut self, message: Message) {
        match message {
            Message::Up { slot, device, ask } => {
                if self.server_up
                    && let Some(reply) = self.at_server(slot, device, ask)
                {
                    let slow = self.machines.get(slot).is_some_and(|station| station.line.slow);
                    self.network.send(self.now, Message::Down { slot, reply }, slow, &mut self.dice);
                }
            }
            Message::Down { slot, reply } => {
                let hears = self.machines.get(slot).is_some_and(|station| station.lives() && station.line.down);
                if hears {
                    self.at_station(slot, reply);
                }
            }
            Message::HandOver { slot, proof, yes } => {
                let (now, bug, key) = (self.now, self.bug, self.server_key.clone());
                if self.machines[slot].lives() {
                    let took = self.machines[slot].receive(&proof, yes, &key, now, &mut self.dice, bug);
                    self.tell(format!(
                        "a hand-over reaches machine {slot}: {}",
                        if took { "answered" } else { "left" }
                    ));
                }
            }
        }
    }

    pub(super) fn at_server(&mut self, _slot: usize, device: DeviceId, ask: Ask) -> Option<Reply> {
        let history = self.server.history;
        match ask {
            Ask::Contact(question) => {
                let answer = self.office(|server, at| server.contact(device, &question, at))?;
                Some(Reply::Contact { nth: question.nth, asked: question.incarnation, answer: Box::new(answer) })
            }
            Ask::Push(entries) => {
                self.server.devices.get(&device)?;
                let taken = self.office(|server, at| server.push(&entries, at))?;
                let (device, incarnation, outcomes) = (taken.device, taken.incarnation, taken.outcomes);
                Some(Reply::Push { history, device, incarnation, outcomes })
            }
            Ask::Pull { cursor, asked } => {
                let page = self.server.pull(device, cursor)?;
                let (lines, next, head, whole) = (page.lines, page.next, page.head, page.whole);
                Some(Reply::Rows { history, lines, next, head, whole, asked })
            }
            Ask::Snapshot { events } => {
                let row = self.server.devices.get(&device).filter(|d| !d.revoked)?;
                let events = events.intersection(&row.events).copied().collect();
                let lines = self.server.snapshot(device, &events, false);
                Some(Reply::Snapshot { history, events, lines })
            }
            Ask::Units { quota, request, wanted } => {
                self.office(|server, at| server.lend(device, quota, request, wanted, at)).map(Reply::Units)
            }
            Ask::Right { subject, request } => {
                self.office(|server, at| server.give_right(device, subject, request, at)).map(Reply::Right)
            }
            Ask::Offer { history, rows } => {
                self.office(|server, at| server.offered(device, history, rows, at));
                None
            }
        }
    }

    pub(super) fn at_station(&mut self, slot: usize, reply: Reply) {
        let (now, bug, key) = (self.now, self.bug, self.server_key.clone());
        let Self { machines, dice, watch, truth, .. } = self;
        let Some(station) = machines.get_mut(slot) else { return };
        match reply {
            Reply::Contact { nth, asked, answer } => {
                if station.disk.life.incarnation != asked || !station.waits_for(nth) {
                    return;
                }
                station.disk.meet(answer.history);
                station.compared(answer.now, now);
                // The server lacks what it had confirmed: sent again, which is harmless when the answer was only late.
                let me = station.device();
                let lacked = |name: &super::truth::Name| (name.0, name.1) == (me, asked) && name.2 > answer.acked;
                station.disk.outcomes.retain(|name, _| !lacked(name));
                if answer.suspect {
                    station.taken_for_copy(answer.newest, now, dice);
                    return;
                }
                if let Some(token) = answer.token {
                    let n = station.disk.resume.as_ref().map_or(1, |r| r.n + 1);
                    station.disk.resume = Some(Resume { n, token: hex::encode(token) });
                }
                station.disk.certificate = answer.certificate.or(station.disk.certificate.take());
                station.disk.life.server_has_heard();
                for grant in &answer.grants {
                    station.granted(grant, &key, now, dice, bug);
                }
                for grant in &answer.rights {
                    station.right_granted(grant, &key, now, dice);
                }
            }
            // What the server confirmed in another life says nothing about this one.
            Reply::Push { history, device, incarnation, outcomes } => {
                let replaced = station.disk.histories.contains(&history) && !station.disk.is_newest(history);
                if !replaced {
                    station.disk.meet(history);
                    station.answered(device, incarnation, &outcomes, bug);
                }
            }
            Reply::Rows { history, lines, next, head, whole, asked } => {
                watch.before(slot, station);
                station.hear(Heard { history, lines, next: Some(next), whole }, bug);
                let at_head = station.disk.cursor.is_some_and(|cursor| cursor == (history, next)) && next >= head;
                if at_head && station.missing(bug).is_empty() {
                    station.caught_up(asked);
                }
                truth.seen_wrong.extend(watch.after(slot, station));
                station.give_back_what_is_due(now, dice, bug);
                station.give_rights_back(now, now, dice);
            }
            Reply::Snapshot { history, events, lines } => {
                watch.before(slot, station);
                station.hear(Heard { history, lines, next: None, whole: Some(events) }, bug);
                truth.seen_wrong.extend(watch.after(slot, station));
            }
            Reply::Units(grant) => station.granted(&grant, &key, now, dice, bug),
            Reply::Right(grant) => station.right_granted(&grant, &key, now, dice),
        }
    }
}
