//! The first exchange of each contact: is this the pinned server, what time is it there, what waits for us. Also the
//! station's reading of time and of the age of its data. Validity uses server time carried on by the monotonic clock;
//! after a restart the wall clock and the last known difference, but never an instant earlier than one already known.

use super::{store, transport::Refusal};
use crate::{
    change_feed::Topic,
    journal, leases,
    station::{Host, Station},
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    devices::wire::LinkView,
    entropy,
    problem::Code,
    sync::{At, Contact, ContactBody, PROTOCOL, contact::check_contact},
};

/// Clocks drift: a millisecond in twenty seconds, at worst, of what we carry on by ourselves.
const DRIFT: i64 = 20_000;
/// What a difference from before a restart is worth.
const AFTER_RESTART_MS: i64 = 5_000;
/// How far a clock nobody has compared may be wrong, for limits of validity.
const NEVER_COMPARED_MS: i64 = 60_000;

/// The link and the clocks, in memory.
#[derive(Debug)]
pub struct Link {
    boot: Uuid,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connected: bool,
    detail: String,
    last_contact_at: Option<UtcMillis>,
    /// Server time at an instant of the monotonic clock of this run.
    anchor: Option<Anchor>,
    /// Difference and uncertainty from before this run.
    remembered: Option<(i64, i64)>,
    /// No validity is decided for an instant before this.
    floor: Option<UtcMillis>,
    caught_up: Option<CaughtUp>,
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
        Self { boot, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the screen.
    #[must_use]
    pub fn view(&self) -> LinkView {
        let state = self.state();
        LinkView { connected: state.connected, last_contact_at: state.last_contact_at, detail: state.detail.clone() }
    }

    /// Notes that there is no link, and why; answers whether that is news.
    pub fn lost(&self, detail: &str) -> bool {
        let mut state = self.state();
        let news = state.connected || state.detail != detail;
        state.connected = false;
        detail.clone_into(&mut state.detail);
        news
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
        if let (None, Some(floor)) = (state.anchor, state.floor) {
            now = now.max(floor);
        }
        let at = At { wall, offset_ms, uncertainty_ms, boot: self.boot, monotonic_ms };
        Reading { at, now, uncertainty_ms: known.map_or(NEVER_COMPARED_MS, |(_, uncertainty)| uncertainty) }
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
    state.remembered.map(|(offset, uncertainty)| (offset, uncertainty.max(AFTER_RESTART_MS)))
}

/// Makes contact: proves the server, compares clocks, takes in grants whose answer was lost, and notices when the
/// server has less of our journal than it had.
///
/// # Errors
/// When there is no link or the server switched this device off; the link's view says so from then on.
pub async fn contact(station: &Station) -> Result<ContactBody, Refusal> {
    let made = make(station).await;
    if let Err(refusal) = &made {
        let detail = match refusal {
            Refusal::NoLink(detail) => detail.clone(),
            Refusal::Problem { problem, .. } => problem.detail.clone(),
            Refusal::Here(fault) => fault.to_string(),
        };
        if station.link().lost(&detail) {
            tracing::warn!(%refusal, "no contact");
            station.feed().announce(&[Topic::Status]);
        }
        if refusal.is_revoked() {
            station.note_revoked().await?;
        }
    }
    made
}

async fn make(station: &Station) -> Result<ContactBody, Refusal> {
    let identity = station.enrolled()?;
    let (device, incarnation) = (identity.device_id, identity.incarnation);
    let counts = move |tx: &rusqlite::Transaction<'_>| {
        let acked = journal::acked(tx, device, incarnation)?;
        Ok((journal::length(tx, device, incarnation)?, journal::waiting(tx)?, acked))
    };
    let (length, waiting, acked) = station.db().read(counts).await?;
    let nonce = hex::encode(entropy::bytes::<16>(&*station.host().entropy));
    let question = Contact {
        nonce: nonce.clone(),
        protocol: PROTOCOL,
        software: station.software().to_owned(),
        incarnation,
        length,
        waiting,
    };
    let clock = &station.host().clock;
    let asked = clock.monotonic_ms();
    let answer = station.transport().contact(&station.server(&identity)?, &question).await?;
    let (answered, wall) = (clock.monotonic_ms(), clock.now());
    let body = check_contact(&answer, &nonce, &identity.server_key).map_err(|error| {
        tracing::warn!(%error, "an answer that is not the server's");
        Refusal::NoLink("Whoever answered is not the server this station was enrolled at.".into())
    })?;
    let half = i64::try_from(answered.saturating_sub(asked) / 2).unwrap_or(i64::MAX);
    let server = UtcMillis(body.time.0.saturating_add(half));
    let before = station.link().view().connected;
    station.link().connected(wall, Anchor { server, monotonic_ms: answered, uncertainty_ms: half.max(1) });
    let (told, offset) = (body.clone(), server.since(wall));
    let resent = station.db().write(move |tx| {
        store::remember_contact(tx, wall, offset, half.max(1))?;
        let known = store::newest_history(tx)?;
        store::meet_history(tx, told.history)?;
        if known.is_some_and(|known| known != told.history) {
            return journal::forget_all_acknowledged(tx, device);
        }
        // Compared with what was confirmed before asking: a page may have been confirmed meanwhile.
        if told.acked < acked { journal::forget_acknowledged(tx, device, incarnation, told.acked) } else { Ok(0) }
    });
    let resent = resent.await?;
    if resent > 0 {
        tracing::warn!(resent, "the server lacks entries it had confirmed; they are sent again");
    }
    if !before {
        tracing::info!(offset_ms = offset, uncertainty_ms = half.max(1), "in contact");
        station.feed().announce(&[Topic::Status]);
    }
    for grant in answer.open_grants {
        if let Err(problem) = leases::accept::accept(station, grant).await {
            tracing::error!(%problem, "a grant that was offered again could not be taken in");
            if problem.code == Code::NotRecorded {
                return Err(Refusal::from(problem));
            }
        }
    }
    Ok(body)
}

/// The link has failed elsewhere than in a contact.
pub(super) fn note_failure(station: &Station, refusal: &Refusal) {
    if let Refusal::NoLink(detail) = refusal
        && station.link().lost(detail)
    {
        tracing::warn!(%refusal, "the link is lost");
        station.feed().announce(&[Topic::Status]);
    }
}
