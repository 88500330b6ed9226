//! Download: rows of the change feed, merged under what this station knows. An older row never replaces a newer, and no
//! row removes an own fact.

use super::{store, transport::Refusal};
use crate::{
    catalog::{self, Stamp},
    change_feed::Topic,
    checkin, devices,
    error::Fault,
    orders,
    station::Station,
    ticketing,
};
use rusqlite::Transaction;
use std::collections::HashMap;
use willcall_domain::{
    id::DeviceId,
    sync::{ChangesAnswer, Cursor, Row, change::Gone},
};

/// What applying rows changed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Applied {
    /// Rows that were news.
    pub news: u64,
    pub door: bool,
    pub till: bool,
    /// This device's own row or a key changed: what is kept in memory is read anew.
    pub reload: bool,
}

/// Merges rows into one transaction.
pub(super) struct Merge<'a, 'c> {
    tx: &'a Transaction<'c>,
    epoch: i64,
    me: DeviceId,
    tombstones: HashMap<(String, String), Stamp>,
    pub applied: Applied,
}

impl<'a, 'c> Merge<'a, 'c> {
    pub(super) fn begin(tx: &'a Transaction<'c>, epoch: i64, me: DeviceId) -> Result<Self, Fault> {
        Ok(Self { tx, epoch, me, tombstones: store::tombstones(tx)?, applied: Applied::default() })
    }

    /// Whether a row of this name and version was deleted by one at least as new.
    fn is_gone(&self, kind: &str, id: &dyn std::fmt::Display, version: i64) -> bool {
        if self.tombstones.is_empty() {
            return false;
        }
        let found = self.tombstones.get(&(kind.to_owned(), id.to_string()));
        found.is_some_and(|at| *at >= Stamp { epoch: self.epoch, version })
    }

    /// Merges one row. One that cannot be kept as it is must not hold up all that come after it.
    pub(super) fn row(&mut self, row: &Row) -> Result<(), Fault> {
        match self.put(row) {
            Err(Fault::Data(what)) => {
                tracing::error!(what, "a row of the server cannot be kept; it is passed over");
                Ok(())
            }
            done => done,
        }
    }

    fn put(&mut self, row: &Row) -> Result<(), Fault> {
        let (tx, epoch) = (self.tx, self.epoch);
        let (news, door, till) = match row {
            Row::Event(row) if self.is_gone("event", &row.event_id, row.version) => (false, false, false),
            Row::Event(row) => (catalog::put_event(tx, row, epoch)?, true, true),
            Row::Item(row) if self.is_gone("item", &row.item_id, row.version) => (false, false, false),
            Row::Item(row) => (catalog::put_item(tx, row, epoch)?, true, true),
            Row::Quota(row) if self.is_gone("quota", &row.quota_id, row.version) => (false, false, false),
            Row::Quota(row) => (catalog::put_quota(tx, row, epoch)?, false, true),
            Row::List(row) if self.is_gone("list", &row.list_id, row.version) => (false, false, false),
            Row::List(row) => (checkin::put_list(tx, row, epoch)?, true, false),
            Row::Position(row) if self.is_gone("position", &row.position_id, row.version) => (false, false, false),
            Row::Position(row) => (orders::put_position(tx, row, epoch)?, true, false),
            Row::Scan(row) => (checkin::put_scan(tx, row)?, true, false),
            Row::VoidBlanks(row) => (ticketing::put_void_blanks(tx, row)?, false, false),
            Row::Key(row) => {
                let news = ticketing::put_key(tx, row, epoch)?;
                self.applied.reload |= news;
                (news, true, false)
            }
            Row::Device(row) => {
                let news = row.device_id == self.me && devices::apply_row(tx, row)?;
                self.applied.reload |= news;
                (news, true, true)
            }
            Row::Gone(gone) => (self.gone(gone)?, true, true),
            Row::Unknown => (false, false, false),
        };
        self.applied.news += u64::from(news);
        self.applied.door |= news && door;
        self.applied.till |= news && till;
        Ok(())
    }

    fn gone(&mut self, gone: &Gone) -> Result<bool, Fault> {
        let at = Stamp { epoch: self.epoch, version: gone.version };
        store::put_tombstone(self.tx, &gone.kind, &gone.id, at)?;
        self.tombstones.insert((gone.kind.clone(), gone.id.clone()), at);
        match gone.kind.as_str() {
            "list" => checkin::gone(self.tx, &gone.id, at),
            "position" => orders::gone(self.tx, &gone.id, at),
            _ => catalog::gone(self.tx, &gone.kind, &gone.id, at),
        }
    }
}

/// What one request for changes came to.
#[derive(Debug, Clone, Copy)]
pub struct Pulled {
    pub applied: Applied,
    pub caught_up: bool,
    pub snapshot_needed: bool,
}

/// Where the next request for changes starts; `None` before the first snapshot.
///
/// # Errors
/// When the database cannot be read.
pub async fn cursor(station: &Station) -> Result<Option<Cursor>, Refusal> {
    Ok(station.db().read(store::cursor).await?)
}

/// Asks for changes once and merges them.
///
/// # Errors
/// When the link fails or the page could not be stored; the cursor stays then.
pub async fn pull(station: &Station, after: Cursor, wait_s: u32) -> Result<Pulled, Refusal> {
    let identity = station.enrolled()?;
    let answer = station.transport().changes(&station.server(&identity)?, after, wait_s).await?;
    if answer.snapshot_needed || answer.history != after.history {
        return Ok(Pulled { applied: Applied::default(), caught_up: false, snapshot_needed: true });
    }
    let caught_up = answer.next >= answer.head;
    let me = identity.device_id;
    let now = station.host().clock.now();
    let applied = station.db().write(move |tx| take_in(tx, &answer, after, me, now)).await?;
    settle(station, applied, caught_up).await?;
    Ok(Pulled { applied, caught_up, snapshot_needed: false })
}

fn take_in(
    tx: &Transaction<'_>,
    answer: &ChangesAnswer,
    after: Cursor,
    me: DeviceId,
    now: willcall_domain::clock::UtcMillis,
) -> Result<Applied, Fault> {
    // Two may ask at once, a person and the loop: only who stands where it asked from moves on.
    if store::cursor(tx)? != Some(after) {
        return Ok(Applied::default());
    }
    let epoch = store::meet_history(tx, answer.history)?;
    let mut merge = Merge::begin(tx, epoch, me)?;
    for change in &answer.changes {
        merge.row(&change.row)?;
    }
    let last = answer.changes.iter().map(|c| c.position).max().unwrap_or(after.position);
    let next = answer.next.max(last);
    if next != after.position {
        store::set_cursor(tx, epoch, next)?;
    }
    if answer.next >= answer.head {
        store::remember_caught_up(tx, now)?;
    }
    Ok(merge.applied)
}

/// After rows were stored: what is kept in memory, and who listens.
pub(super) async fn settle(station: &Station, applied: Applied, caught_up: bool) -> Result<(), Refusal> {
    if caught_up {
        station.link().caught_up(station.host());
    }
    if applied.reload {
        station.reload().await?;
    }
    if applied.news > 0 {
        tracing::info!(rows = applied.news, "took rows in");
    }
    let topics = [(true, Topic::Status), (applied.door, Topic::Door), (applied.till, Topic::Till)];
    let topics: Vec<Topic> = topics.into_iter().filter_map(|(on, topic)| on.then_some(topic)).collect();
    station.feed().announce(&topics);
    Ok(())
}
