//! One round of syncing, and the loop that does it by itself. Upload and download are independent: one failing does not
//! stop the other. When the link itself is in doubt all of them wait for one probe, the contact, which is tried less and
//! less often; so a server that has trouble is left alone, and a network that comes back is noticed.

use super::{
    contact, offer,
    pace::{Again, Backoff, Breaker, Load, Ration, part_of},
    pull,
    push::{self, Uploading},
    snapshot,
    transport::{Following, Heard, Refusal, Standing},
};
use crate::{change_feed::Topic, error::Fault, journal, leases, station::Station};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;
use willcall_domain::{id::QuotaId, problem::Problem};

/// Between contacts while all is well.
const CONTACT_EVERY: Duration = Duration::from_secs(30);
/// A contact that was refused for good is not repeated before this; somebody may have set it right on the server.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// A server that gives a later turn than this has something wrong.
const LONGEST_TURN: Duration = Duration::from_secs(600);
/// After something failed, the first probe comes within this: what broke for one, broke for many.
const FIRST_PROBE_WITHIN: Duration = Duration::from_millis(500);
/// Facts written close together travel together.
const GATHER: Duration = Duration::from_millis(20);
/// So many uploads at once, then one each so often: a gate stays below sixty requests a minute.
const UPLOADS: (u32, Duration) = (10, Duration::from_millis(1_200));
/// Pages of the change feed: how many changes at first, at least, at most.
const PAGES: (u32, u32, u32) = (200, 50, 2_000);
/// How long a quota that was sold out is not asked for again.
const REST: Duration = Duration::from_secs(60);

/// What one round of syncing did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct SyncReport {
    pub connected: bool,
    /// Entries the server confirmed.
    #[ts(type = "number")]
    pub pushed: u64,
    /// Facts that still exist only here.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Rows that were news.
    #[ts(type = "number")]
    pub rows: u64,
    pub snapshot: bool,
    /// Read up to the server's newest change.
    pub caught_up: bool,
    /// Leases taken in.
    pub leases: u32,
    /// What did not go well though there was a link.
    pub problems: Vec<Problem>,
}

/// One round: contact, upload until empty, download until caught up, units.
///
/// # Errors
/// When there is no link, the station is not enrolled or was switched off. What fails after the contact is in the
/// report.
pub async fn once(station: &Station) -> Result<SyncReport, Problem> {
    contact::contact(station).await?;
    let mut report = SyncReport { connected: true, ..SyncReport::default() };
    let mut uploading = Uploading::default();
    upload_once(station, &mut report, &mut uploading).await?;
    if let Err(refusal) = catch_up(station, &mut report).await {
        failed(station, &mut report, refusal).await?;
    }
    match leases::request::request(station, &mut Vec::new()).await {
        Ok(asked) => {
            report.leases = asked.taken_in;
            report.problems.extend(asked.problems);
            if asked.taken_in > 0 || asked.given_back > 0 {
                upload_once(station, &mut report, &mut uploading).await?;
            }
        }
        Err(refusal) => failed(station, &mut report, refusal).await?,
    }
    report.waiting = station.db().read(journal::waiting).await.map_err(Problem::from)?;
    Ok(report)
}

async fn upload_once(station: &Station, report: &mut SyncReport, uploading: &mut Uploading) -> Result<(), Problem> {
    match push::push_all(station, uploading).await {
        Ok(pushed) => {
            report.pushed += pushed.confirmed;
            report.problems.extend(pushed.problems);
            Ok(())
        }
        Err(refusal) => failed(station, report, refusal).await,
    }
}

async fn failed(station: &Station, report: &mut SyncReport, refusal: Refusal) -> Result<(), Problem> {
    contact::note_failure(station, &refusal);
    if refusal.is_revoked() {
        station.note_revoked().await?;
        return Err(refusal.into());
    }
    report.problems.push(refusal.into());
    Ok(())
}

/// Downloads until the head: snapshots where they are needed, and changes.
async fn catch_up(station: &Station, report: &mut SyncReport) -> Result<(), Refusal> {
    let mut refused = None;
    loop {
        if let Some(applied) = snapshot::fill(station, refused.take()).await? {
            report.rows += applied.news;
            report.snapshot = true;
            offer::lost_if_linked(station).await;
        }
        let Some(standing) = pull::standing(station).await? else { continue };
        let pulled = pull::pull(station, standing, PAGES.2).await?;
        report.rows += pulled.applied.news;
        if pulled.snapshot_needed {
            if report.snapshot {
                return Err(Refusal::NoLink("The server's changes do not follow its snapshot.".into()));
            }
            refused = Some(standing);
        } else if pulled.caught_up && !pulled.scope_changed {
            report.caught_up = true;
            return Ok(());
        }
    }
}

/// Keeps in touch until cancelled. Does nothing before enrolment and after this device was switched off.
pub async fn run(station: Station, cancel: CancellationToken) {
    let signals = Signals::default();
    let loops = async {
        tokio::join!(
            keep_contact(&station, &signals),
            upload(&station, &signals),
            download(&station, &signals),
            fill(&station, &signals),
            units(&station, &signals)
        )
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        _ = loops => {}
    }
    tracing::info!("the sync loop has ended");
}

/// What the loops tell each other.
#[derive(Default)]
struct Signals {
    breaker: Breaker,
    /// A contact after at least one that failed: who pauses tries at once.
    upload: Notify,
    download: Notify,
    units: Notify,
    fill: Notify,
    /// Something failed: the contact loop looks now.
    doubt: Notify,
    /// The server goes away on purpose; who comes back does so within so many milliseconds.
    farewell: Mutex<Option<Duration>>,
    /// A snapshot may be needed.
    wanted: Notify,
    /// Where the server refused to be followed from.
    refused: Mutex<Option<Standing>>,
    /// There is nothing left to be filled in.
    filled: Notify,
}

impl Signals {
    fn link_is_back(&self) {
        for loop_ in [&self.upload, &self.download, &self.units, &self.fill] {
            loop_.notify_one();
        }
    }

    fn leave_for(&self, within: Duration) {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner) = Some(within);
        self.breaker.open();
        self.doubt.notify_one();
    }

    fn take_farewell(&self) -> Option<Duration> {
        self.farewell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn snapshot_wanted(&self, refused: Option<Standing>) {
        if refused.is_some() {
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        }
        self.wanted.notify_one();
    }

    fn take_refused(&self) -> Option<Standing> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Waits until there is a station to speak for; answers when it is enrolled and not switched off.
async fn ready(station: &Station) {
    let mut changed = station.watch();
    while station.enrolled().is_err() {
        if changed.recv().await == Err(tokio::sync::broadcast::error::RecvError::Closed) {
            return std::future::pending().await;
        }
    }
}

/// The same, and the link is proven.
async fn linked(station: &Station, signals: &Signals) {
    ready(station).await;
    signals.breaker.closed().await;
}

async fn keep_contact(station: &Station, signals: &Signals) {
    let mut backoff = Backoff::default();
    let mut outage = false;
    loop {
        ready(station).await;
        let wait = match contact::contact(station).await {
            Ok(body) => {
                backoff.reset();
                // Those that were cut off together take their turns, which the server gives.
                tokio::time::sleep(Duration::from_millis(body.sync_in_ms).min(LONGEST_TURN)).await;
                signals.breaker.close();
                if std::mem::take(&mut outage) {
                    signals.link_is_back();
                }
                CONTACT_EVERY
            }
            Err(refusal) => {
                outage = true;
                signals.breaker.open();
                match backoff.after(station.host(), &refusal) {
                    Again::In(pause) => pause,
                    Again::WhenAsked => LOOK_AGAIN,
                }
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = signals.doubt.notified(), if !outage => {
                let within = signals.take_farewell().unwrap_or(FIRST_PROBE_WITHIN);
                tokio::time::sleep(part_of(within, station.host())).await;
            }
        }
    }
}

async fn upload(station: &Station, signals: &Signals) {
    let mut backoff = Backoff::default();
    let mut uploading = Uploading::default();
    let mut ration = Ration::new(UPLOADS.0, UPLOADS.1);
    loop {
        linked(station, signals).await;
        match push::push_all(station, &mut uploading).await {
            Ok(_) => {
                backoff.reset();
                station.link().serves("upload");
                tokio::select! {
                    () = station.feed().local_fact.notified() => {
                        let wait = ration.take(station.host().clock.monotonic_ms());
                        tokio::time::sleep(wait.max(GATHER)).await;
                    }
                    () = signals.upload.notified() => uploading.stranded.clear(),
                }
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, ("upload", &signals.upload)).await,
        }
    }
}

async fn download(station: &Station, signals: &Signals) {
    let mut backoff = Backoff::default();
    let mut load = Load::new(PAGES.0, PAGES.1, PAGES.2);
    loop {
        linked(station, signals).await;
        match next_changes(station, signals, &mut load).await {
            Ok(()) => {
                backoff.reset();
                station.link().serves("download");
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, ("download", &signals.download)).await,
        }
    }
}

/// One page, while there are more; then the feed as it goes on.
async fn next_changes(station: &Station, signals: &Signals, load: &mut Load) -> Result<(), Refusal> {
    let Some(from) = pull::standing(station).await? else {
        signals.snapshot_wanted(None);
        signals.filled.notified().await;
        return Ok(());
    };
    let asked = station.host().clock.monotonic_ms();
    let pulled = pull::pull(station, from, load.now()).await;
    let pulled = pulled.inspect_err(|refusal| {
        if matches!(refusal, Refusal::NoLink(_) | Refusal::Unreached(_)) {
            load.failed();
        }
    })?;
    if pulled.snapshot_needed {
        signals.snapshot_wanted(Some(from));
        signals.filled.notified().await;
        return Ok(());
    }
    if pulled.scope_changed {
        signals.snapshot_wanted(None);
    }
    if !pulled.caught_up {
        load.took(station.host().clock.monotonic_ms().saturating_sub(asked));
        return Ok(());
    }
    let Some(from) = pull::standing(station).await? else { return Ok(()) };
    let server = station.server(&station.enrolled()?)?;
    let following = station.transport().follow(&server, from).await?;
    listen(station, signals, following, from).await
}

/// Takes in what is heard until the server ends it, or there is more than it tells at once.
async fn listen(
    station: &Station,
    signals: &Signals,
    mut following: Following,
    mut from: Standing,
) -> Result<(), Refusal> {
    while let Some(heard) = following.next().await {
        let answer = match heard? {
            Heard::Pulse => {
                pull::still_caught_up(station).await?;
                continue;
            }
            Heard::Changes(answer) => *answer,
        };
        if let Some(within) = answer.again_within_ms {
            station.link().lost("The server is being restarted.");
            station.feed().announce(&[Topic::Status]);
            signals.leave_for(Duration::from_millis(within));
            return Ok(());
        }
        let pulled = pull::take(station, answer, from).await?;
        if pulled.scope_changed {
            signals.snapshot_wanted(None);
        }
        let now = pull::standing(station).await?;
        match now {
            // Somebody else has read on meanwhile, or there is more: from where it stands now.
            Some(now) if pulled.caught_up && !pulled.snapshot_needed && now != from => from = now,
            Some(_) | None => return Ok(()),
        }
    }
    Ok(())
}

async fn fill(station: &Station, signals: &Signals) {
    let mut backoff = Backoff::default();
    let mut refused = None;
    // With each start once, in case the last one ended between a snapshot and its offer.
    let mut offered = false;
    loop {
        linked(station, signals).await;
        refused = signals.take_refused().or(refused);
        match snapshot::fill(station, refused).await {
            Ok(applied) => {
                if applied.is_some() || !offered {
                    offer::lost_if_linked(station).await;
                    offered = true;
                }
                backoff.reset();
                station.link().serves("snapshot");
                refused = None;
                signals.filled.notify_one();
                signals.wanted.notified().await;
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, ("snapshot", &signals.fill)).await,
        }
    }
}

async fn units(station: &Station, signals: &Signals) {
    let mut backoff = Backoff::default();
    let mut resting: Vec<QuotaId> = Vec::new();
    let mut changed = station.watch();
    loop {
        linked(station, signals).await;
        match leases::request::request(station, &mut resting).await {
            Ok(_) => {
                backoff.reset();
                station.link().serves("units");
                tokio::select! {
                    () = till_changed(&mut changed) => {}
                    () = signals.units.notified() => resting.clear(),
                    () = tokio::time::sleep(REST) => resting.clear(),
                }
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, ("units", &signals.units)).await,
        }
    }
}

/// Waits for news of the till: a sale took units, or the catalogue came.
async fn till_changed(changed: &mut tokio::sync::broadcast::Receiver<crate::change_feed::Changed>) {
    use tokio::sync::broadcast::error::RecvError;
    loop {
        match changed.recv().await {
            Ok(change) if change.topics.contains(&Topic::Till) => return,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// Pauses after a failure, or until the link is back after it was gone.
async fn rest(
    station: &Station,
    signals: &Signals,
    backoff: &mut Backoff,
    refusal: Refusal,
    (what, back): (&'static str, &Notify),
) {
    contact::note_failure(station, &refusal);
    if refusal.is_revoked() {
        if let Err(fault) = station.note_revoked().await {
            tracing::error!(%fault, "could not note that this device was switched off");
        }
        return;
    }
    if matches!(refusal, Refusal::Here(Fault::Closing)) {
        return std::future::pending().await;
    }
    if refusal.doubts_the_link() {
        signals.breaker.open();
        signals.doubt.notify_one();
    }
    match backoff.after(station.host(), &refusal) {
        Again::In(pause) => {
            let wait_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(what, %refusal, wait_ms, "will try again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = back.notified() => {}
            }
        }
        Again::WhenAsked => {
            tracing::error!(what, %refusal, "refused for good; not tried again before something has changed");
            station.link().refuses(what, &refusal.detail());
            station.feed().announce(&[Topic::Status]);
            back.notified().await;
        }
    }
}
