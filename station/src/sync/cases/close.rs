//! Closing a case: a fact like any other, so that it is known who closed it where, with and without a link.

use super::store;
use crate::{
    change_feed::Topic,
    error::Fault,
    journal::{self, Pen},
    station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    problem::{Code, Problem},
    sync::{
        Fact, Resolution,
        case_view::{CasesView, CloseCaseRequest, choices_here},
    },
};

/// Closes a case; the same again changes nothing.
///
/// # Errors
/// When there is no such case here, it was closed otherwise, or it cannot be closed this way at a station.
pub async fn close(station: &Station, request: CloseCaseRequest) -> Result<CasesView, Problem> {
    let identity = station.enrolled()?;
    let pen = station.pen(&identity, station.reading().at)?;
    let news = station.db().write(move |tx| record(tx, &pen, &request)).await?;
    if news {
        station.feed().announce_fact(&[Topic::Status]);
    }
    super::list::cases(station).await
}

fn record(tx: &Transaction<'_>, pen: &Pen, request: &CloseCaseRequest) -> Result<bool, Fault> {
    let CloseCaseRequest { case_id, resolution } = *request;
    let unknown = || Fault::refused(Code::NotFound, format!("There is no case {case_id} here."));
    let case = store::case(tx, case_id)?.ok_or_else(unknown)?;
    let here = store::done_here(tx, case_id)?.filter(|done| done.closes()).map(|done| done.how);
    let before = here.or(case.closed_at.and(case.resolution));
    match before {
        Some(how) if how == resolution.word() => return Ok(false),
        Some(how) => return Err(Fault::refused(Code::Conflict, format!("This case was closed before: {how}."))),
        None => {}
    }
    let choices = choices_here(&case.kind, case.waits);
    if !choices.contains(&resolution) {
        let ways = choices.into_iter().map(Resolution::word).collect::<Vec<_>>().join(", ");
        let detail = match ways.as_str() {
            "" => "This case is closed in the office.".to_owned(),
            ways => format!("Here this case is closed by: {ways}."),
        };
        return Err(Fault::refused(Code::Conflict, detail));
    }
    let fact = Fact::CaseClosed { case_id, resolution: resolution.word().to_owned() };
    journal::append(tx, pen, &fact, None, Vec::new())?;
    Ok(true)
}
