//! The change feed: who writes names what changed, a sequencer numbers what is committed, and a station reads rows as they
//! are when it asks.

use super::{Desk, Server};
use crate::{
    bugs::Bug,
    network::Cursor,
    rows::{Key, Line, Row, Value},
    town,
};
use std::collections::BTreeSet;
use willcall_domain::{
    id::{DeviceId, EventId, LeaseId, ScanId},
    leases::{LeaseRow, ledger::LeaseAccount},
};

/// How long a writer may take before its lines are committed.
const LATE_COMMIT_MS: u64 = 3_000;
/// Lines of a page.
const PAGE: usize = 40;

/// Names what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    Row(Key),
    Scan(ScanId),
}

/// A part of the feed.
pub struct Page {
    pub lines: Vec<Line>,
    pub next: i64,
    pub head: i64,
    /// All rows as they are, of these events.
    pub whole: Option<BTreeSet<EventId>>,
}

impl Server {
    /// A writer changes a row and tells it; some commit late.
    pub fn note(&mut self, key: Key, at: &mut Desk<'_>) {
        self.version += 1;
        self.versions.insert(key, self.version);
        self.write_line(Reference::Row(key), at);
    }

    pub(super) fn note_scan(&mut self, scan: ScanId, at: &mut Desk<'_>) {
        self.write_line(Reference::Scan(scan), at);
    }

    fn write_line(&mut self, line: Reference, at: &mut Desk<'_>) {
        let late = if at.dice.chance(20) { i64::try_from(at.dice.throw() % LATE_COMMIT_MS).unwrap_or(0) } else { 0 };
        let too_early = (at.bug == Some(Bug::CursorThatSkips)).then(|| {
            self.feed.push((at.now, None));
            self.feed.len() - 1
        });
        self.uncommitted.push((at.now + late, too_early, line));
    }

    /// Numbers what is committed, unless it was killed; nothing is lost by that.
    pub fn sequence(&mut self, now: i64) {
        if !self.sequencer_runs || self.uncommitted.is_empty() {
            return;
        }
        let (committed, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.uncommitted).into_iter().partition(|(at, _, _)| *at <= now);
        self.uncommitted = rest;
        for (_, number, line) in committed {
            match number {
                Some(number) => self.feed[number] = (now, Some(line)),
                None => self.feed.push((now, Some(line))),
            }
        }
    }

    /// How many lines had been numbered by then.
    pub fn numbered_by(&self, instant: i64) -> i64 {
        let numbered = self.feed.partition_point(|(at, _)| *at <= instant);
        i64::try_from(numbered).unwrap_or(i64::MAX)
    }

    pub fn head(&self) -> i64 {
        i64::try_from(self.feed.len()).unwrap_or(i64::MAX)
    }

    /// The feed after a cursor, or all rows as they are where the cursor is of another history; nothing for a device that
    /// was switched off.
    pub fn pull(&self, device: DeviceId, cursor: Option<Cursor>) -> Option<Page> {
        let row = self.devices.get(&device).filter(|d| !d.revoked)?;
        let head = self.head();
        let Some((_, from)) = cursor.filter(|(history, at)| *history == self.history && *at <= head) else {
            let lines = self.snapshot(device, &row.events, true);
            return Some(Page { lines, next: head, head, whole: Some(row.events.clone()) });
        };
        let page = self.feed.iter().skip(usize::try_from(from).unwrap_or(0)).take(PAGE);
        let named: Vec<Option<Reference>> = page.map(|(_, line)| *line).collect();
        let next = from + i64::try_from(named.len()).unwrap_or(0);
        let lines = named.into_iter().flatten().filter_map(|reference| self.line(reference));
        let lines = lines.filter(|line| visible(line, device, &row.events)).collect();
        Some(Page { lines, next, head, whole: None })
    }

    /// All there is of these events; `whole` with what is of no event.
    pub fn snapshot(&self, device: DeviceId, events: &BTreeSet<EventId>, whole: bool) -> Vec<Line> {
        let rows = self.versions.keys().filter_map(|key| self.line(Reference::Row(*key)));
        let there = |line: &Line| match line {
            Line::Row(row) => row.value.is_some() && (whole || row.event.is_some()),
            Line::Scan(_) => true,
        };
        let scans = self.scans.values().cloned().map(Line::Scan);
        rows.chain(scans).filter(|line| there(line) && visible(line, device, events)).collect()
    }

    fn line(&self, reference: Reference) -> Option<Line> {
        match reference {
            Reference::Row(key) => Some(Line::Row(self.row(key))),
            Reference::Scan(id) => self.scans.get(&id).cloned().map(Line::Scan),
        }
    }

    /// A row as it is now.
    pub fn row(&self, key: Key) -> Row {
        let version = self.versions.get(&key).copied().unwrap_or(0);
        let (event, to, value) = match key {
            Key::Device(device) => {
                let value = self.devices.get(&device).map(|d| Value::Device { events: d.events.clone() });
                (None, Some(device), value)
            }
            Key::Catalogue(id) => {
                let value = self.catalogue.get(&id).copied().flatten().map(|price| Value::Catalogue { price });
                (Some(if id % 3 == 0 { town::STAGE } else { town::HALL }), None, value)
            }
            Key::Quota(id) => {
                let told = |q: &willcall_domain::leases::ledger::QuotaAccount| Value::Quota {
                    size: q.size,
                    free: q.free(),
                    leased: q.leased,
                };
                (Some(town::event_of_quota(id)), None, self.ledger.quotas.get(&id).map(told))
            }
            Key::Position(id) => {
                let ticket = self.tickets.get(&id);
                let told = ticket.and_then(|ticket| {
                    let status = self.orders.get(&ticket.order)?.status;
                    let (order, article, canceled) = (ticket.order, ticket.article, ticket.canceled);
                    Some(Value::Position { order, article, canceled, status })
                });
                (ticket.map(|ticket| town::event_of(ticket.article)), None, told)
            }
            // What is one station's own it hears of, whichever events it sees: else a refused hand-over would reach a till that
            // was moved never.
            Key::Lease(id) => {
                let lease = self.ledger.leases.get(&id);
                (None, lease.map(|l| l.holder), lease.map(|l| Value::Lease(lease_row(l, version))))
            }
            Key::HandOver(id) => {
                let one = self.ledger.hand_overs.get(&id);
                (None, one.map(|h| h.from), one.map(|h| Value::HandOver { state: h.state }))
            }
            Key::Right(id) => {
                let right = self.rights.all.get(&id);
                let event = right.and_then(|r| self.rights.event_of(r.right_id));
                let value = right.zip(event).map(|(r, event)| Value::Right(rights_row(r, event, version)));
                (None, right.map(|r| r.holder), value)
            }
            Key::Case(id) => {
                let case = self.cases.get(&id);
                let event = case.and_then(|case| case.about.quota).map(town::event_of_quota);
                let told = case.map(|case| Value::Case { kind: case.kind, device: case.device, closed: case.closed });
                (event, None, told)
            }
            Key::VoidBlanks(lease, item, date) => {
                let found = self.blanks.iter().find(|((id, article), blanks)| {
                    *id == lease
                        && Key::void(*id, *article) == Key::VoidBlanks(lease, item, date)
                        && !blanks.void.is_empty()
                });
                let event = found.map(|((_, article), _)| town::event_of(*article));
                let value = found.map(|(_, b)| Value::VoidBlanks { base: b.base, numbers: b.void.clone() });
                (event, None, value)
            }
        };
        Row { key, event, to, version, value }
    }

    /// What its holder and everybody is told of a lease.
    pub fn tell_lease(&mut self, lease: LeaseId, at: &mut Desk<'_>) {
        if let Some(quota) = self.ledger.leases.get(&lease).map(|l| l.quota_id) {
            self.note(Key::Lease(lease), at);
            self.note(Key::Quota(quota), at);
        }
    }
}

fn visible(line: &Line, device: DeviceId, events: &BTreeSet<EventId>) -> bool {
    let to = match line {
        Line::Row(row) => row.to,
        Line::Scan(_) => None,
    };
    to.is_none_or(|to| to == device) && line.event().is_none_or(|event| events.contains(&event))
}

fn lease_row(lease: &LeaseAccount, version: i64) -> LeaseRow {
    LeaseRow {
        lease_id: lease.lease_id,
        quota_id: lease.quota_id,
        event_id: town::event_of_quota(lease.quota_id),
        device_id: lease.holder,
        state: lease.state,
        keep: lease.keep,
        version,
    }
}

fn rights_row(
    right: &willcall_domain::leases::RightAccount,
    event_id: EventId,
    version: i64,
) -> willcall_domain::leases::RightRow {
    willcall_domain::leases::RightRow {
        right_id: right.right_id,
        event_id,
        device_id: right.holder,
        subject: right.subject,
        state: right.state.told(),
        recalled: right.recalled,
        version,
    }
}
