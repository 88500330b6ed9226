//! The first exchange of each contact: is this the pinned server, what time is it there, what waits for us. Also the
//! station's reading of time and of the age of its data. Validity uses server time carried on by the monotonic clock;
//! after a restart the wall clock and the last known difference, but never an instant earlier than one already known.

use super::{
    store,
    transport::{Refusal, Server},
};
use crate::{
    change_feed::Topic,
    copies::{
        self,
        standing::{Heard, Told},
    },
    devices::{self, Identity},
    journal, leases,
    station::{Host, Station},
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    devices::check_certificate,
    devices::wire::LinkView,
    entropy,
    id::HistoryId,
    leases::{Grant, RightGrant},
    problem::Code,
    sync::{At, Contact, ContactAnswer, ContactBody, PROTOCOL, contact::check_contact, protocol, sealing::SealingKey},
};

/// Clocks drift: a millisecond in twenty seconds, at worst, of what we carry on by ourselves.
const DRIFT: i64 = 20_000;
/// What a difference from before a restart is worth.
pub(crate) const AFTER_RESTART_MS: i64 = 5_000;
/// How far a clock nobody has compared may be wrong, for limits of validity.
const NEVER_COMPARED_MS: i64 = 60_000;
/// How far this clock may be off before a person should set it.
const FAR_OFF_MS: i64 = 300_000;

/// The link and the clocks, in memory.
#[derive(Debug)]
pub struct Link {
    boot: Uuid,
    state: Mutex<State>,
    /// One snapshot at a time.
    downloading: tokio::sync::Mutex<()>,
    /// A contact and an upload do not cross: the server would take the station for one that lost entries.
    speaking: tokio::sync::Mutex<()>,
}

/// A contact is not held up for longer than this by an upload that does not end.
const CROSSING: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
struct State {
    connected: bool,
    detail: String,
    /// What the server refuses for good, and why.
    refuses: BTreeMap<&'static str, String>,
    /// What came since the start that was not the server's, cut off, or nonsense.
    unusable: u64,
    /// The newest protocol the server speaks, as it last said.
    protocol: Option<u32>,
    last_contact_at: Option<UtcMillis>,
    /// Server time at an instant of the monotonic clock of this run.
    anchor: Option<Anchor>,
    /// Difference and uncertainty from before this run.
    remembered: Option<(i64, i64)>,
    /// No validity is decided for an instant before this.
    floor: Option<UtcMillis>,
    caught_up: Option<CaughtUp>,
    /// When `caught_up` was last written down, by the monotonic clock.
    remembered_at_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    server: UtcMillis,
    monotonic_ms: u64,
    uncertainty_ms: i64,
}

#[derive(Debug, Clone, Copy)]
enum CaughtUp {
    /// In this run, by the monotonic clock.
    Here(u64),
    /// In an earlier run, by the wall clock.
    Earlier(UtcMillis),
}

/// How old the station's data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    pub seconds: u64,
    /// A lower bound: measured by a wall clock across a restart.
    pub at_least: bool,
}

/// An instant as the station's clocks say it.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// For the journal.
    pub at: At,
    /// For decisions: server time as well as it is known.
    pub now: UtcMillis,
    /// How far `now` may be wrong.
    pub uncertainty_ms: i64,
}

impl Reading {
    /// The same with a time given by hand, which is exact and compared with no clock.
    #[must_use]
    pub fn by_hand(self, given: Option<UtcMillis>) -> Self {
        let Some(now) = given else { return self };
        Self { at: At { wall: now, offset_ms: 0, uncertainty_ms: 0, ..self.at }, now, uncertainty_ms: 0 }
    }
}

impl Link {
    /// The link as it is remembered. `floor` is the newest instant this station knows of.
    #[must_use]
    pub fn new(boot: Uuid, remembered: store::Remembered, floor: Option<UtcMillis>) -> Self {
        let state = State {
            last_contact_at: remembered.last_at,
            remembered: remembered.offset_ms.zip(remembered.uncertainty_ms),
            floor,
            caught_up: remembered.caught_up_at.map(CaughtUp::Earlier),
            ..State::default()
        };
        Self {
            boot,
            state: Mutex::new(state),
            downloading: tokio::sync::Mutex::default(),
            speaking: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for its turn to tell the server how far the journal is, or to make it longer there.
    pub(super) async fn speaking(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        tokio::time::timeout(CROSSING, self.speaking.lock()).await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the screen.
    #[must_use]
    pub fn view(&self) -> LinkView {
        let state = self.state();
        LinkView {
            connected: state.connected,
            last_contact_at: state.last_contact_at,
            detail: if state.connected {
                state.refuses.values().map(String::as_str).collect::<Vec<_>>().join(" ")
            } else {
                state.detail.clone()
            },
            refused: state.unusable,
        }
    }

    /// Notes that there is no link, and why; answers whether that is news.
    pub fn lost(&self, detail: &str) -> bool {
        let mut state = self.state();
        let news = state.connected || state.detail != detail;
        state.connected = false;
        detail.clone_into(&mut state.detail);
        news
    }

    /// The server refuses something for good: shown until it serves it again.
    pub(super) fn refuses(&self, what: &'static str, why: &str) {
        self.state().refuses.insert(what, why.to_owned());
    }

    /// The server does what it may have refused before.
    pub(super) fn serves(&self, what: &'static str) {
        self.state().refuses.remove(what);
    }

    /// Counts an answer that was not used.
    pub(super) fn unusable(&self) {
        self.state().unusable += 1;
    }

    /// The newest protocol the server speaks, as far as is known.
    #[must_use]
    pub fn protocol(&self) -> u32 {
        self.state().protocol.unwrap_or(1)
    }

    /// The version of the protocol that is spoken with the server.
    #[must_use]
    pub fn spoken(&self) -> u32 {
        self.protocol().min(PROTOCOL)
    }

    fn speaks(&self, protocol: u32) {
        self.state().protocol = Some(protocol);
    }

    /// Whose turn it is to take a snapshot.
    pub(super) fn downloading(&self) -> &tokio::sync::Mutex<()> {
        &self.downloading
    }

    /// Server clock minus this clock, and how far that may be wrong; `None` when never compared.
    #[must_use]
    pub fn measured(&self, host: &Host) -> Option<(i64, i64)> {
        let state = self.state();
        measured(&state, host.clock.now(), host.clock.monotonic_ms())
    }

    /// What time it is.
    #[must_use]
    pub fn reading(&self, host: &Host) -> Reading {
        let state = self.state();
        let (wall, monotonic_ms) = (host.clock.now(), host.clock.monotonic_ms());
        let known = measured(&state, wall, monotonic_ms);
        let (offset_ms, uncertainty_ms) = known.unwrap_or((0, -1));
        let mut now = UtcMillis(wall.0.saturating_add(offset_ms));
        let mut at = At { wall, offset_ms, uncertainty_ms, boot: self.boot, monotonic_ms };
        let mut wide = known.map_or(NEVER_COMPARED_MS, |(_, uncertainty)| uncertainty);
        if let (None, Some(floor)) = (state.anchor, state.floor)
            && floor > now
        {
            // This clock was set back while the program was off: by at least so much, and nobody knows how much more.
            let back = floor.since(now);
            (now, wide) = (floor, wide.saturating_add(back));
            at.uncertainty_ms = if uncertainty_ms < 0 { uncertainty_ms } else { uncertainty_ms.saturating_add(back) };
        }
        Reading { at, now, uncertainty_ms: wide }
    }

    /// Whether this clock is so far off that a person should set it.
    #[must_use]
    pub fn is_far_off(&self, host: &Host) -> bool {
        self.measured(host).is_some_and(|(offset, wide)| offset.saturating_abs().saturating_sub(wide) > FAR_OFF_MS)
    }

    /// How old the data is; `None` when this station never was caught up.
    #[must_use]
    pub fn age(&self, host: &Host) -> Option<Age> {
        let state = self.state();
        Some(match state.caught_up? {
            CaughtUp::Here(at) => Age { seconds: host.clock.monotonic_ms().saturating_sub(at) / 1000, at_least: false },
            CaughtUp::Earlier(at) => {
                let passed = host.clock.now().since(at).max(0);
                Age { seconds: u64::try_from(passed / 1000).unwrap_or(0), at_least: true }
            }
        })
    }

    /// Caught up to the head just now.
    pub(super) fn caught_up(&self, host: &Host) {
        self.state().caught_up = Some(CaughtUp::Here(host.clock.monotonic_ms()));
    }

    /// Whether it is time to write down that the data is as new as it can be.
    pub(super) fn remember_caught_up(&self, now_ms: u64, every_ms: u64) -> bool {
        let mut state = self.state();
        let due = now_ms >= state.remembered_at_ms.saturating_add(every_ms);
        if due {
            state.remembered_at_ms = now_ms;
        }
        due
    }

    fn connected(&self, at: UtcMillis, anchor: Anchor) {
        let mut state = self.state();
        state.connected = true;
        state.detail.clear();
        state.last_contact_at = Some(at);
        state.anchor = Some(anchor);
    }
}

fn measured(state: &State, wall: UtcMillis, monotonic_ms: u64) -> Option<(i64, i64)> {
    if let Some(anchor) = state.anchor {
        let passed = i64::try_from(monotonic_ms.saturating_sub(anchor.monotonic_ms)).unwrap_or(i64::MAX);
        let server = anchor.server.0.saturating_add(passed);
        return Some((server.saturating_sub(wall.0), anchor.uncertainty_ms.saturating_add(passed / DRIFT)));
    }
    // By this clock: how long ago that was, and how far it may have drifted since.
    let passed = state.last_contact_at.map_or(0, |at| wall.since(at).saturating_abs());
    let wide = |uncertainty: i64| uncertainty.max(AFTER_RESTART_MS).saturating_add(passed / DRIFT);
    state.remembered.map(|(offset, uncertainty)| (offset, wide(uncertainty)))
}

/// Makes contact: proves the server, compares clocks, takes in grants whose answer was lost, and notices when the
/// server has less of our journal than it had.
///
/// # Errors
/// When there is no link or the server switched this device off; the link's view says so from then on.
pub async fn contact(station: &Station) -> Result<ContactBody, Refusal> {
    let made = make(station).await;
    if let Err(refusal) = &made {
        count(station, refusal);
        if station.link().lost(&refusal.detail()) {
            tracing::warn!(%refusal, "no contact");
            station.feed().announce(&[Topic::Status]);
        }
        if refusal.is_revoked() {
            station.note_revoked().await?;
        }
    }
    made
}

/// A station that doubts itself speaks twice: of what it was, so that the server knows, and of what it is now.
async fn make(station: &Station) -> Result<ContactBody, Refusal> {
    for first in [true, false] {
        let speaking = station.link().speaking().await;
        let identity = station.enrolled()?;
        let who = identity.clone();
        let of_doubt = station.db().read(move |tx| copies::standing::told_of_doubt(tx, &who)).await?;
        if let Some(told) = of_doubt {
            exchange(station, &identity, told).await?;
        }
        let who = identity.clone();
        let told = station.db().read(move |tx| copies::standing::told(tx, &who)).await?;
        let (body, heard) = exchange(station, &identity, told).await?;
        drop(speaking);
        match heard {
            Heard::Doubt(kind) if first => copies::standing::begin(station, kind, body.newest_incarnation).await?,
            Heard::Settled => {
                copies::standing::go_on(station, &station.server(&identity)?, true).await?;
                return Ok(body);
            }
            Heard::MayTurnUp => {
                copies::standing::go_on(station, &station.server(&identity)?, false).await?;
                return Ok(body);
            }
            Heard::Itself | Heard::InDoubt | Heard::Doubt(_) => return Ok(body),
        }
    }
    Err(Refusal::Unusable("The server takes this station for a copy again and again.".into()))
}

/// What a station says of itself, under a fresh nonce.
fn question(station: &Station, told: &Told) -> Contact {
    Contact {
        nonce: hex::encode(entropy::bytes::<16>(&*station.host().entropy)),
        protocol: PROTOCOL,
        software: station.software().to_owned(),
        incarnation: told.incarnation,
        length: told.length,
        waiting: 0,
        tail_hash: told.tail_hash.clone(),
        resume: told.resume.clone(),
        machine: station.host().machine.clone(),
        suspect: told.suspect,
        clock: Some(station.host().clock.now()),
        history: None,
        read: None,
        erased: told.erased.clone(),
    }
}

/// One question and its answer, and what the answer means for this station.
async fn exchange(station: &Station, identity: &Identity, told: Told) -> Result<(ContactBody, Heard), Refusal> {
    let (device, incarnation) = (identity.device_id, told.incarnation);
    let counts = move |tx: &rusqlite::Transaction<'_>| {
        let read = store::standing(tx, 1)?.map(|here| here.after);
        Ok((journal::waiting(tx)?, journal::acked(tx, device, incarnation)?, store::newest_history(tx)?, read))
    };
    let (waiting, acked, history, read) = station.db().read(counts).await?;
    let question = Contact { waiting, history, read, ..question(station, &told) };
    let nonce = question.nonce.clone();
    let clock = &station.host().clock;
    let asked = clock.monotonic_ms();
    let answer = ask(station, &station.server(identity)?, question).await?;
    let (answered, wall) = (clock.monotonic_ms(), clock.now());
    let body = check_contact(&answer, &nonce, &identity.server_key).map_err(|error| {
        tracing::warn!(%error, "an answer that is not the server's");
        Refusal::Unusable("Whoever answered is not the server this station was enrolled at.".into())
    })?;
    accept_history(station, body.history).await?;
    station.link().speaks(body.protocol.max(1));
    let half = i64::try_from(answered.saturating_sub(asked) / 2).unwrap_or(i64::MAX);
    let server = UtcMillis(body.time.0.saturating_add(half));
    let before = station.link().view().connected;
    station.link().connected(wall, Anchor { server, monotonic_ms: answered, uncertainty_ms: half.max(1) });
    let (said, offset, who) = (body.clone(), server.since(wall), identity.clone());
    // A key that is none seals nothing; the copies of the journal stay this station's own then.
    let sealing = body.sealing_key.as_deref().and_then(|text| SealingKey::from_hex(text).ok());
    // One that is not this server's own would be refused by every till it is shown to.
    let certificate = answer.certificate.clone().filter(|c| check_certificate(c, &identity.server_key).is_ok());
    let marked = station.keeper().marked().is_some_and(|mark| mark.station == device);
    let taken_in = station.db().write_small(move |tx| {
        store::remember_contact(tx, wall, offset, half.max(1))?;
        store::meet_history(tx, said.history)?;
        if let Some(key) = sealing {
            devices::keep_sealing_key(tx, device, &key)?;
        }
        if let Some(certificate) = certificate {
            devices::put_certificate(tx, device, &certificate)?;
        }
        let heard = copies::standing::heard(tx, &who, &told, &said, marked)?;
        // Compared with what was confirmed before asking: a page may have been confirmed meanwhile.
        let less = said.acked < acked;
        let resent = if less { journal::forget_acknowledged(tx, device, incarnation, said.acked)? } else { 0 };
        Ok((resent, heard))
    });
    let (resent, heard) = taken_in.await?;
    if resent > 0 {
        tracing::warn!(resent, "the server lacks entries it had confirmed; they are sent again");
    }
    if !before {
        tracing::info!(offset_ms = offset, uncertainty_ms = half.max(1), "in contact");
        station.feed().announce(&[Topic::Status]);
    }
    if matches!(heard, Heard::Itself | Heard::MayTurnUp) {
        take_grants(station, answer.open_grants).await?;
        take_rights(station, answer.open_rights).await?;
    }
    // What is missing is asked for when the link is new, not at each contact.
    let heard = if before && heard == Heard::MayTurnUp { Heard::Itself } else { heard };
    Ok((body, heard))
}

/// Grants whose answer was lost. A station that doubts itself takes none in; they are offered again.
async fn take_grants(station: &Station, grants: Vec<Grant>) -> Result<(), Refusal> {
    for grant in grants {
        if let Err(problem) = leases::accept::accept(station, grant).await {
            tracing::error!(%problem, "a grant that was offered again could not be taken in");
            if problem.code == Code::NotRecorded {
                return Err(Refusal::from(problem));
            }
        }
    }
    Ok(())
}

/// Rights this till is given unasked, and those whose answer was lost.
async fn take_rights(station: &Station, grants: Vec<RightGrant>) -> Result<(), Refusal> {
    for grant in grants {
        if let Err(problem) = leases::rights::ask::accept(station, grant).await {
            tracing::error!(%problem, "a right that was offered could not be taken");
            if problem.code == Code::NotRecorded {
                return Err(Refusal::from(problem));
            }
        }
    }
    Ok(())
}

/// Asks in the newest version both speak. A server of an earlier one refuses who names a later, so the station steps
/// back.
async fn ask(station: &Station, server: &Server, mut question: Contact) -> Result<ContactAnswer, Refusal> {
    loop {
        match station.transport().contact(server, &question).await {
            Err(Refusal::Problem { problem, .. })
                if problem.code == Code::Protocol && question.protocol > protocol::oldest(PROTOCOL) =>
            {
                question.protocol -= 1;
            }
            answered => return answered,
        }
    }
}

/// A server of a life that ended (a machine that was replaced and came back) is none to follow.
async fn accept_history(station: &Station, history: HistoryId) -> Result<(), Refusal> {
    let ended = move |tx: &rusqlite::Transaction<'_>| {
        Ok(store::epoch(tx, history)?.is_some() && store::newest_history(tx)? != Some(history))
    };
    if station.db().read(ended).await? {
        return Err(Refusal::NoLink("A server answered that has been replaced by another since.".into()));
    }
    Ok(())
}

/// Something has failed elsewhere than in a contact.
pub(super) fn note_failure(station: &Station, refusal: &Refusal) {
    count(station, refusal);
    let no_answer = matches!(refusal, Refusal::NoLink(_) | Refusal::Unreached(_) | Refusal::Unusable(_));
    if no_answer && station.link().lost(&refusal.detail()) {
        tracing::warn!(%refusal, "the link is lost");
        station.feed().announce(&[Topic::Status]);
    }
}

fn count(station: &Station, refusal: &Refusal) {
    if matches!(refusal, Refusal::Unusable(_)) {
        station.link().unusable();
    }
}
