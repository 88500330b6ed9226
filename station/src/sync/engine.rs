//! One round of syncing, and the loop that does it by itself. Upload and download are independent: one failing does not
//! stop the other. After a failure the next try comes at a random instant of a span that doubles from one second to five
//! minutes, so that stations do not come back all at once.

use super::{contact, pull, push, snapshot, transport::Refusal};
use crate::{
    change_feed::Topic,
    error::Fault,
    journal, leases,
    station::{Host, Station},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use ts_rs::TS;
use willcall_domain::{entropy, id::QuotaId, problem::Problem};

/// How long a request for changes waits at the server, in seconds.
const WAIT_S: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Between contacts while all is well.
const CONTACT_EVERY: Duration = Duration::from_secs(30);
/// Facts written close together travel together.
const GATHER: Duration = Duration::from_millis(20);
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
    let mut stranded = Vec::new();
    upload_once(station, &mut report, &mut stranded).await?;
    if let Err(refusal) = catch_up(station, &mut report).await {
        failed(station, &mut report, refusal).await?;
    }
    match leases::request::request(station, &mut Vec::new()).await {
        Ok(asked) => {
            report.leases = asked.taken_in;
            report.problems.extend(asked.problems);
            if asked.taken_in > 0 {
                upload_once(station, &mut report, &mut stranded).await?;
            }
        }
        Err(refusal) => failed(station, &mut report, refusal).await?,
    }
    report.waiting = station.db().read(journal::waiting).await.map_err(Problem::from)?;
    Ok(report)
}

async fn upload_once(station: &Station, report: &mut SyncReport, stranded: &mut Vec<u32>) -> Result<(), Problem> {
    match push::push_all(station, stranded).await {
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

/// Downloads until the head: a snapshot where one is needed, then changes.
async fn catch_up(station: &Station, report: &mut SyncReport) -> Result<(), Refusal> {
    loop {
        let Some(cursor) = pull::cursor(station).await? else {
            report.rows += snapshot::take(station).await?.news;
            report.snapshot = true;
            continue;
        };
        let pulled = pull::pull(station, cursor, 0).await?;
        report.rows += pulled.applied.news;
        if pulled.snapshot_needed {
            if report.snapshot {
                return Err(Refusal::NoLink("The server's changes do not follow its snapshot.".into()));
            }
            report.rows += snapshot::take(station).await?.news;
            report.snapshot = true;
        } else if pulled.caught_up {
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
    /// A contact after a time without: who pauses tries at once.
    upload: Notify,
    download: Notify,
    units: Notify,
    /// Something failed: the contact loop looks now.
    doubt: Notify,
}

impl Signals {
    fn link_is_back(&self) {
        self.upload.notify_one();
        self.download.notify_one();
        self.units.notify_one();
    }
}

/// Pauses between tries.
struct Backoff {
    failures: u32,
}

impl Backoff {
    fn next(&mut self, host: &Host, asked_s: Option<u64>) -> Duration {
        let span = LONGEST_PAUSE.min(FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        let part = u64::from(u32::from_be_bytes(entropy::bytes::<4>(&*host.entropy)));
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).saturating_mul(part) >> 32;
        let asked = Duration::from_secs(asked_s.unwrap_or(0)).min(Duration::from_secs(3600));
        Duration::from_millis(millis.max(50)).max(asked)
    }
}

/// How long to leave the server alone after this failure. What the server refused for good is not tried again by
/// itself before the longest pause.
fn pause(station: &Station, backoff: &mut Backoff, refusal: &Refusal) -> Duration {
    let asked = match refusal {
        Refusal::Problem { retry_after_s, .. } => *retry_after_s,
        Refusal::NoLink(_) | Refusal::Here(_) => None,
    };
    let pause = backoff.next(station.host(), asked);
    if refusal.passes() { pause } else { pause.max(LONGEST_PAUSE) }
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

async fn keep_contact(station: &Station, signals: &Signals) {
    let mut backoff = Backoff { failures: 0 };
    loop {
        ready(station).await;
        let before = station.link().view().connected;
        let wait = match contact::contact(station).await {
            Ok(_) => {
                backoff.failures = 0;
                if !before {
                    signals.link_is_back();
                }
                CONTACT_EVERY
            }
            Err(refusal) => pause(station, &mut backoff, &refusal),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = signals.doubt.notified(), if wait == CONTACT_EVERY => {}
        }
    }
}

async fn upload(station: &Station, signals: &Signals) {
    let mut backoff = Backoff { failures: 0 };
    let mut stranded = Vec::new();
    loop {
        ready(station).await;
        match push::push_all(station, &mut stranded).await {
            Ok(_) => {
                backoff.failures = 0;
                tokio::select! {
                    () = station.feed().local_fact.notified() => tokio::time::sleep(GATHER).await,
                    () = signals.upload.notified() => stranded.clear(),
                }
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, &signals.upload).await,
        }
    }
}

async fn download(station: &Station, signals: &Signals) {
    let mut backoff = Backoff { failures: 0 };
    loop {
        ready(station).await;
        match next_page(station).await {
            Ok(()) => backoff.failures = 0,
            Err(refusal) => rest(station, signals, &mut backoff, refusal, &signals.download).await,
        }
    }
}

async fn next_page(station: &Station) -> Result<(), Refusal> {
    let Some(cursor) = pull::cursor(station).await? else {
        snapshot::take(station).await?;
        return Ok(());
    };
    // The first request after a start answers at once, so that the age of the data is true soon.
    let wait = if station.data_age().is_some_and(|a| !a.at_least) { WAIT_S } else { 0 };
    let pulled = pull::pull(station, cursor, wait).await?;
    if pulled.snapshot_needed {
        snapshot::take(station).await?;
    }
    Ok(())
}

async fn units(station: &Station, signals: &Signals) {
    let mut backoff = Backoff { failures: 0 };
    let mut resting: Vec<QuotaId> = Vec::new();
    let mut changed = station.watch();
    loop {
        ready(station).await;
        match leases::request::request(station, &mut resting).await {
            Ok(_) => {
                backoff.failures = 0;
                tokio::select! {
                    () = till_changed(&mut changed) => {}
                    () = signals.units.notified() => resting.clear(),
                    () = tokio::time::sleep(REST) => resting.clear(),
                }
            }
            Err(refusal) => rest(station, signals, &mut backoff, refusal, &signals.units).await,
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

/// Pauses after a failure, or until the link is back.
async fn rest(station: &Station, signals: &Signals, backoff: &mut Backoff, refusal: Refusal, back: &Notify) {
    let wait = pause(station, backoff, &refusal);
    contact::note_failure(station, &refusal);
    tracing::info!(%refusal, wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX), "will try again");
    match &refusal {
        Refusal::NoLink(_) => signals.doubt.notify_one(),
        Refusal::Problem { .. } if refusal.is_revoked() => {
            if let Err(fault) = station.note_revoked().await {
                tracing::error!(%fault, "could not note that this device was switched off");
            }
        }
        Refusal::Here(Fault::Closing) => return std::future::pending().await,
        Refusal::Problem { .. } | Refusal::Here(_) => {}
    }
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = back.notified() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use willcall_domain::{
        clock::{ManualClock, UtcMillis},
        entropy::SeededEntropy,
    };

    #[test]
    fn pauses_grow_to_five_minutes_at_random_and_honour_what_the_server_asks() {
        let host = Host { clock: Arc::new(ManualClock::at(UtcMillis(0))), entropy: Arc::new(SeededEntropy::new(3)) };
        let mut backoff = Backoff { failures: 0 };
        let pauses: Vec<Duration> = (0..40).map(|_| backoff.next(&host, None)).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let span = Duration::from_secs(300).min(Duration::from_secs(1 << n.min(16)));
            assert!(*pause <= span, "try {n} pauses {pause:?} of at most {span:?}");
        }
        assert!(pauses.iter().any(|p| *p > Duration::from_secs(60)), "they do grow");
        let distinct: std::collections::HashSet<_> = pauses.iter().collect();
        assert!(distinct.len() > 30, "jitter");
        assert_eq!(backoff.next(&host, Some(600)), Duration::from_secs(600));
    }
}
