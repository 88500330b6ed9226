//! Upload: pages of the journal from the first entry the server has not confirmed, oldest incarnation first. Sending
//! again is harmless: the server answers what it answered before.

use super::transport::{Refusal, Server};
use crate::{change_feed::Topic, journal, station::Station};
use willcall_domain::{
    id::DeviceId,
    problem::{Code, Problem},
    sync::{Entry, Outcome, PushRequest},
};

/// Entries of one page.
const PAGE: u32 = 500;

/// What came of uploading.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Entries the server confirmed.
    pub confirmed: u64,
    /// Why older incarnations could not be sent to their end.
    pub problems: Vec<Problem>,
}

/// Sends until nothing waits that can be sent. An older incarnation the server refuses, because entries between were
/// lost with a damaged file, is added to `stranded` and left alone while it is there: its entries stay here and are
/// counted as waiting, and what is newer goes on.
///
/// # Errors
/// When the link fails or the server refuses a page of this incarnation; what was confirmed before stays confirmed.
pub async fn push_all(station: &Station, stranded: &mut Vec<u32>) -> Result<Pushed, Refusal> {
    let identity = station.enrolled()?;
    let (device, current) = (identity.device_id, identity.incarnation);
    let server = station.server(&identity)?;
    let mut pushed = Pushed::default();
    let incarnations = station.db().read(move |tx| journal::incarnations_waiting(tx, device)).await?;
    for incarnation in incarnations.into_iter().filter(|i| !stranded.contains(i)).collect::<Vec<_>>() {
        match push_incarnation(station, &server, device, incarnation, &mut pushed.confirmed).await {
            Err(Refusal::Problem { problem, .. }) if incarnation != current && problem.code == Code::Conflict => {
                tracing::error!(incarnation, %problem, "the rest of an older incarnation is not taken");
                stranded.push(incarnation);
                pushed.problems.push(*problem);
            }
            other => other?,
        }
    }
    Ok(pushed)
}

async fn push_incarnation(
    station: &Station,
    server: &Server,
    device: DeviceId,
    incarnation: u32,
    confirmed: &mut u64,
) -> Result<(), Refusal> {
    loop {
        let entries = station.db().read(move |tx| journal::unacknowledged(tx, device, incarnation, PAGE)).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let page = PushRequest { entries };
        let answer = station.transport().push(server, &page).await?;
        let news = note(station, &page.entries, answer.outcomes).await?;
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

async fn note(station: &Station, sent: &[Entry], outcomes: Vec<(u64, Outcome)>) -> Result<u64, Refusal> {
    let Some(first) = sent.first() else { return Ok(0) };
    let (device, incarnation) = (first.station, first.incarnation);
    let sent: std::collections::HashSet<u64> = sent.iter().map(|e| e.seq).collect();
    let noted = station.db().write(move |tx| {
        let (mut news, mut cases) = (0, 0);
        for (seq, outcome) in outcomes.into_iter().filter(|(seq, _)| sent.contains(seq)) {
            news += u64::from(journal::acknowledge(tx, device, incarnation, seq, outcome)?);
            cases += u64::from(outcome != Outcome::Applied);
        }
        Ok((news, cases))
    });
    let (news, cases) = noted.await?;
    if news > 0 {
        tracing::info!(entries = news, with_case = cases, "the server confirmed entries");
        station.feed().announce(&[Topic::Status, Topic::Door, Topic::Till]);
    }
    Ok(news)
}
