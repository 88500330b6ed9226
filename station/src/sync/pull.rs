//! Download: rows of the change feed, merged under what this station knows. An older row never replaces a newer, and no
//! row removes an own fact.

use super::cases;
use super::{
    scope, store,
    transport::{Refusal, Standing},
};
use crate::{
    access,
    catalog::{self, Stamp},
    change_feed::Topic,
    checkin, copies, devices,
    error::Fault,
    leases, orders,
    station::Station,
    ticketing,
};
use rusqlite::Transaction;
use std::{collections::HashMap, ops::Range, sync::Arc};
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, PositionId},
    sync::{
        ChangesAnswer, Row,
        change::{EraseRow, Gone},
    },
};

/// Rows merged in one transaction. Who scans waits for at most one: about 5 ms.
pub(super) const SLICE: usize = 100;

/// What applying rows changed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Applied {
    /// Rows that were news.
    pub news: u64,
    pub door: bool,
    pub till: bool,
    /// This device's own row or a key changed: what is kept in memory is read anew.
    pub reload: bool,
    /// This device's own row changed: its scope may have.
    pub own_row: bool,
    /// Rows of a kind this version does not know.
    pub passed_over: u64,
    /// Personal data was erased: the copies of the journal follow.
    pub erased: bool,
}

impl Applied {
    /// What two transactions changed together.
    pub(super) fn add(&mut self, other: Self) {
        self.news += other.news;
        self.door |= other.door;
        self.till |= other.till;
        self.reload |= other.reload;
        self.own_row |= other.own_row;
        self.passed_over += other.passed_over;
        self.erased |= other.erased;
    }
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

    /// Merges rows. What this device may not see any more by its own row goes with it.
    pub(super) fn rows<'r>(&mut self, rows: impl IntoIterator<Item = &'r Row>) -> Result<(), Fault> {
        let before = std::mem::take(&mut self.applied.own_row);
        rows.into_iter().try_for_each(|row| self.row(row))?;
        if self.applied.own_row {
            scope::narrow(self.tx)?;
        }
        self.applied.own_row |= before;
        Ok(())
    }

    /// Merges one row. One that cannot be kept as it is must not hold up all that come after it.
    fn row(&mut self, row: &Row) -> Result<(), Fault> {
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
            Row::Date(row) if self.is_gone("date", &row.date_id, row.version) => (false, false, false),
            Row::Date(row) => (catalog::put_date(tx, row, epoch)?, true, true),
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
                let news = row.device_id == self.me && devices::apply_row(tx, row, epoch)?;
                self.applied.reload |= news;
                self.applied.own_row |= news;
                (news, true, true)
            }
            Row::Organizer(row) => {
                let news = access::put_organizer(tx, row, epoch)?;
                self.applied.reload |= news;
                (news, false, true)
            }
            Row::Operator(row) => {
                let news = access::put_operator(tx, row, epoch)?;
                self.applied.reload |= news;
                (news, false, false)
            }
            Row::Gate(row) if self.is_gone("gate", &row.gate_id, row.version) => (false, false, false),
            Row::Gate(row) => (checkin::put_gate(tx, row, epoch)?, true, false),
            Row::Question(row) if self.is_gone("question", &row.question_id, row.version) => (false, false, false),
            Row::Question(row) => (checkin::put_question(tx, row, epoch)?, true, false),
            Row::Medium(row) => (checkin::put_medium(tx, row, epoch)?, true, false),
            Row::Badge(row) if self.is_gone("badge", &row.badge_id, row.version) => (false, false, false),
            Row::Badge(row) => (ticketing::put_badge(tx, row, epoch)?, true, false),
            Row::Gone(gone) => (self.gone(gone)?, true, true),
            Row::Case(row) => (cases::put_case(tx, row, epoch)?, false, false),
            Row::Erase(row) => {
                let news = self.erase(row)?;
                (news, news, news)
            }
            Row::Lease(row) => (leases::put_word(tx, row, epoch)?, false, true),
            Row::HandOver(row) => (leases::put_hand_over_word(tx, row, epoch)?, false, true),
            Row::Right(row) => (leases::rights::put_word(tx, row, epoch)?, false, true),
            Row::Voucher(row) => (leases::rights::put_voucher(tx, row, epoch)?, false, true),
            Row::Unknown => (false, false, false),
        };
        self.applied.passed_over += u64::from(*row == Row::Unknown);
        self.applied.news += u64::from(news);
        self.applied.door |= news && door;
        self.applied.till |= news && till;
        Ok(())
    }

    /// Takes away positions of this history that a snapshot no longer has; answers how many.
    pub(super) fn drop_unseen(&mut self, unseen: &[PositionId]) -> Result<u64, Fault> {
        let at = Stamp { epoch: self.epoch, version: i64::MAX };
        let mut dropped = 0;
        for id in unseen {
            dropped += u64::from(orders::gone(self.tx, &id.to_string(), at)?);
        }
        Ok(dropped)
    }

    fn erase(&mut self, row: &EraseRow) -> Result<bool, Fault> {
        let Some(who) = devices::current(self.tx)? else { return Ok(false) };
        let news = copies::erase::carry_out(self.tx, row, &who.server_key)?;
        self.applied.erased |= news;
        Ok(news)
    }

    fn gone(&mut self, gone: &Gone) -> Result<bool, Fault> {
        let at = Stamp { epoch: self.epoch, version: gone.version };
        store::put_tombstone(self.tx, &gone.kind, &gone.id, at)?;
        self.tombstones.insert((gone.kind.clone(), gone.id.clone()), at);
        match gone.kind.as_str() {
            "operator" => access::operator_gone(self.tx, &gone.id, at),
            "list" => checkin::gone(self.tx, &gone.id, at),
            "gate" | "question" | "medium" => checkin::setup_gone(self.tx, &gone.kind, &gone.id, at),
            "badge" => ticketing::badge_gone(self.tx, &gone.id, at),
            "position" => orders::gone(self.tx, &gone.id, at),
            _ => catalog::gone(self.tx, &gone.kind, &gone.id, at),
        }
    }
}

/// What one answer came to.
#[derive(Debug, Clone, Copy)]
pub struct Pulled {
    pub applied: Applied,
    pub caught_up: bool,
    pub snapshot_needed: bool,
    /// The scope has changed: rows are to be fetched that the feed does not bring.
    pub scope_changed: bool,
}

/// Where the next request for changes starts; `None` before the first snapshot.
///
/// # Errors
/// When the database cannot be read.
pub async fn standing(station: &Station) -> Result<Option<Standing>, Refusal> {
    let spoken = station.link().spoken();
    Ok(station.db().read(move |tx| store::standing(tx, spoken)).await?)
}

/// Asks for one page and merges it.
///
/// # Errors
/// When the link fails or the page could not be stored; the cursor stays then.
pub async fn pull(station: &Station, from: Standing, most: u32) -> Result<Pulled, Refusal> {
    let identity = station.enrolled()?;
    let answer = station.transport().changes(&station.server(&identity)?, from, most).await?;
    take(station, answer, from).await
}

/// Merges what the server answered to who stood at `from`.
///
/// # Errors
/// When it could not be stored; the cursor stays then.
pub async fn take(station: &Station, answer: ChangesAnswer, from: Standing) -> Result<Pulled, Refusal> {
    if answer.snapshot_needed || answer.history != from.after.history {
        let applied = Applied::default();
        return Ok(Pulled { applied, caught_up: false, snapshot_needed: true, scope_changed: false });
    }
    let caught_up = answer.next >= answer.head;
    let of =
        Taking { me: station.enrolled()?.device_id, now: station.host().clock.now(), spoken: station.link().spoken() };
    let mut applied = Applied::default();
    let taken = take_slices(station, answer, from, of, &mut applied).await;
    // What is kept in memory follows also what went in of a page that did not go in whole.
    settle(station, applied, caught_up && taken.is_ok()).await?;
    taken?;
    let look = move |tx: &Transaction<'_>| Ok(scope::needed(tx, of.spoken, None)?.is_some());
    let scope_changed = applied.own_row && station.db().read(look).await?;
    Ok(Pulled { applied, caught_up, snapshot_needed: false, scope_changed })
}

/// Merges a page slice by slice, as long as this station stands where it asked from; the cursor moves with the last. A
/// program that is killed in between has newer rows under an old cursor, and will be told of them once more.
async fn take_slices(
    station: &Station,
    answer: ChangesAnswer,
    from: Standing,
    of: Taking,
    total: &mut Applied,
) -> Result<(), Refusal> {
    let answer = Arc::new(answer);
    let mut at = 0;
    loop {
        let part = at..answer.changes.len().min(at + SLICE);
        at = part.end;
        let last = at == answer.changes.len();
        let answer = Arc::clone(&answer);
        let write = move |tx: &Transaction<'_>| take_in(tx, &answer, part, from, of);
        let Some(applied) = station.db().write(write).await? else { return Ok(()) };
        total.add(applied);
        if last {
            return Ok(());
        }
    }
}

/// How often it is written down that the data is as new as it can be, for the age after a restart.
const REMEMBER_EVERY: u64 = 30_000;

/// The server has said that there is nothing new.
///
/// # Errors
/// When it could not be written down.
pub async fn still_caught_up(station: &Station) -> Result<(), Refusal> {
    let (link, host) = (station.link(), station.host());
    link.caught_up(host);
    if link.remember_caught_up(host.clock.monotonic_ms(), REMEMBER_EVERY) {
        let now = host.clock.now();
        station.db().write_small(move |tx| store::remember_caught_up(tx, now)).await?;
    }
    Ok(())
}

/// Who takes in, when, and in which version of the protocol.
#[derive(Clone, Copy)]
struct Taking {
    me: DeviceId,
    now: UtcMillis,
    spoken: u32,
}

/// Takes in a part of a page; `None` where this station does not stand any more where it asked from: two may ask at once,
/// a person and the loop, and only one moves on.
fn take_in(
    tx: &Transaction<'_>,
    answer: &ChangesAnswer,
    part: Range<usize>,
    from: Standing,
    of: Taking,
) -> Result<Option<Applied>, Fault> {
    if store::standing(tx, of.spoken)? != Some(from) {
        return Ok(None);
    }
    let last = part.end == answer.changes.len();
    let epoch = store::meet_history(tx, answer.history)?;
    let mut merge = Merge::begin(tx, epoch, of.me)?;
    merge.rows(answer.changes.get(part).unwrap_or_default().iter().map(|change| &change.row))?;
    if !last {
        return Ok(Some(merge.applied));
    }
    let next = answer.next.max(from.after.position);
    let urgent = answer.urgent.unwrap_or(next).max(from.urgent);
    if (next, urgent) != (from.after.position, from.urgent) {
        store::read_on(tx, epoch, next, urgent)?;
    }
    if answer.next >= answer.head {
        store::remember_caught_up(tx, of.now)?;
    }
    Ok(Some(merge.applied))
}

/// After rows were stored: what is kept in memory, and who listens.
pub(super) async fn settle(station: &Station, applied: Applied, caught_up: bool) -> Result<(), Refusal> {
    if caught_up {
        station.link().caught_up(station.host());
    }
    if applied.reload {
        station.reload().await?;
        super::sweep::sweep(station).await?;
    }
    if applied.news > 0 {
        tracing::info!(rows = applied.news, "took rows in");
    }
    if applied.erased {
        copies::erase::in_mirrors(station).await?;
    }
    if applied.passed_over > 0 {
        tracing::warn!(rows = applied.passed_over, "rows of kinds this version does not know were passed over");
    }
    let topics = [(true, Topic::Status), (applied.door, Topic::Door), (applied.till, Topic::Till)];
    let topics: Vec<Topic> = topics.into_iter().filter_map(|(on, topic)| on.then_some(topic)).collect();
    station.feed().announce(&topics);
    Ok(())
}
