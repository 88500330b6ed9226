//! Upload: pages of the journal from the first entry the server has not confirmed, oldest incarnation first. Sending
//! again is harmless: the server answers what it answered before.

use super::{
    pace::Load,
    store,
    transport::{Refusal, Server},
};
use crate::{
    change_feed::Topic,
    devices::{self, Identity},
    journal,
    station::Station,
};
use willcall_domain::{
    id::DeviceId,
    problem::{Code, Problem},
    sync::{Entry, Outcome, PushAnswer, PushRequest},
};

/// Entries of one page: at first, at least, at most.
const PAGES: (u32, u32, u32) = (200, 1, 500);

/// What is kept between one upload and the next.
#[derive(Debug)]
pub struct Uploading {
    /// Incarnations that are left alone.
    pub stranded: Vec<(DeviceId, u32)>,
    load: Load,
}

impl Default for Uploading {
    fn default() -> Self {
        Self { stranded: Vec::new(), load: Load::new(PAGES.0, PAGES.1, PAGES.2) }
    }
}

/// What came of uploading.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Entries the server confirmed.
    pub confirmed: u64,
    /// Why older incarnations could not be sent to their end.
    pub problems: Vec<Problem>,
}

/// Sends until nothing waits that can be sent. An older incarnation the server refuses, because entries between were
/// lost with a damaged file, is noted as stranded and left alone while it is there: its entries stay here and are
/// counted as waiting, and what is newer goes on.
///
/// # Errors
/// When the link fails or the server refuses a page of this incarnation; what was confirmed before stays confirmed.
pub async fn push_all(station: &Station, uploading: &mut Uploading) -> Result<Pushed, Refusal> {
    let mut pushed = Pushed::default();
    let current = station.identity().map(|who| who.device_id);
    for who in station.db().read(|tx| devices::with_entries_waiting(tx)).await? {
        let sent = push_enrolment(station, &who, uploading, &mut pushed).await;
        match sent {
            // An enrolment that has ended goes up by its own way, perhaps to another server; what is here now goes on.
            Err(Refusal::Here(fault)) => return Err(Refusal::Here(fault)),
            Err(refusal) if current != Some(who.device_id) => {
                tracing::warn!(%refusal, device = who.device_id.0, "the journal of an earlier enrolment stays here");
                pushed.problems.push(refusal.into());
            }
            other => other?,
        }
    }
    Ok(pushed)
}

async fn push_enrolment(
    station: &Station,
    who: &Identity,
    uploading: &mut Uploading,
    pushed: &mut Pushed,
) -> Result<(), Refusal> {
    let (device, current) = (who.device_id, who.incarnation);
    let server = station.server(who)?;
    let incarnations = station.db().read(move |tx| journal::incarnations_waiting(tx, device)).await?;
    for incarnation in incarnations {
        if uploading.stranded.contains(&(device, incarnation)) {
            continue;
        }
        let page = Page { server: &server, device, incarnation };
        match push_incarnation(station, &page, &mut uploading.load, &mut pushed.confirmed).await {
            Err(Refusal::Problem { problem, .. }) if incarnation != current && problem.code == Code::Conflict => {
                tracing::error!(incarnation, %problem, "the rest of an older incarnation is not taken");
                uploading.stranded.push((device, incarnation));
                pushed.problems.push(*problem);
            }
            other => other?,
        }
    }
    Ok(())
}

/// Where the pages of one incarnation go.
struct Page<'a> {
    server: &'a Server,
    device: DeviceId,
    incarnation: u32,
}

async fn push_incarnation(
    station: &Station,
    &Page { server, device, incarnation }: &Page<'_>,
    load: &mut Load,
    confirmed: &mut u64,
) -> Result<(), Refusal> {
    let clock = &station.host().clock;
    loop {
        let most = load.now();
        let entries = station.db().read(move |tx| journal::unacknowledged(tx, device, incarnation, most)).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let (page, asked) = (PushRequest { entries }, clock.monotonic_ms());
        let speaking = station.link().speaking().await;
        let answer = match station.transport().push(server, &page).await {
            // A page the server finds too large goes up in smaller ones, and what was too slow for the line as well.
            Err(Refusal::Problem { problem, .. }) if problem.code == Code::TooLarge && page.entries.len() > 1 => {
                load.failed();
                continue;
            }
            Err(refusal) => {
                if matches!(refusal, Refusal::NoLink(_)) {
                    load.failed();
                }
                return Err(refusal);
            }
            Ok(answer) => answer,
        };
        if page.entries.len() >= most as usize {
            load.took(clock.monotonic_ms().saturating_sub(asked));
        }
        let news = note(station, &page.entries, answer).await?;
        drop(speaking);
        *confirmed += news;
        if news == 0 {
            return Err(unanswered(&page.entries));
        }
    }
}

fn unanswered(entries: &[Entry]) -> Refusal {
    let first = entries.first().map_or(0, |e| e.seq);
    let detail = format!("The server answered without saying what became of entry {first}.");
    Refusal::Problem { problem: Box::new(Problem::new(Code::Protocol, detail)), retry_after_s: None }
}

/// Notes what the server said of a page. What one said that was put back to an earlier instant since is no longer so.
async fn note(station: &Station, sent: &[Entry], answer: PushAnswer) -> Result<u64, Refusal> {
    let Some(first) = sent.first() else { return Ok(0) };
    let PushAnswer { outcomes, history, .. } = answer;
    let (device, incarnation) = (first.station, first.incarnation);
    let sent: std::collections::HashSet<u64> = sent.iter().map(|e| e.seq).collect();
    let noted = station.db().write_small(move |tx| {
        if let Some(history) = history {
            if store::epoch(tx, history)?.is_some() && store::newest_history(tx)? != Some(history) {
                return Ok(None);
            }
            store::meet_history(tx, history)?;
        }
        let (mut news, mut cases) = (0, 0);
        for (seq, outcome) in outcomes.into_iter().filter(|(seq, _)| sent.contains(seq)) {
            news += u64::from(journal::acknowledge(tx, device, incarnation, seq, outcome)?);
            cases += u64::from(outcome != Outcome::Applied);
        }
        Ok(Some((news, cases)))
    });
    let Some((news, cases)) = noted.await? else {
        let detail = "A server answered that has been replaced by another since; what it confirmed is sent again.";
        return Err(Refusal::NoLink(detail.into()));
    };
    if news > 0 {
        tracing::info!(entries = news, with_case = cases, "the server confirmed entries");
        station.feed().announce(&[Topic::Status, Topic::Door, Topic::Till]);
    }
    Ok(news)
}
