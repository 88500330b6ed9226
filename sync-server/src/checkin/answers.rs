//! What was answered at the door, out of journals. An answer is a fact: it is kept whoever asked; the newest of a question
//! counts, and no question that was put once is put again.

use super::store::setup::{self, NewAnswer};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    sync::{Applied, Subject, note},
};
use serde::Deserialize;
use willcall_domain::{
    checkin::question::AnswerGiven,
    sync::{Entry, Fact},
};

/// What stands beside the entry.
#[derive(Deserialize, Default)]
struct Said {
    #[serde(default)]
    answers: Vec<AnswerGiven>,
}

/// Keeps answers. What stood beside the entry may be missing, where it was carried by another or erased: then it is known
/// that the questions were put, and not what was said.
///
/// # Errors
/// When the database is away, or refuses what the entry says.
pub async fn record_answers(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    fact: &Fact,
) -> Result<Applied, Failure> {
    let Fact::Answers { scan_id, event_id, position_id, payload_hash, questions } = fact else {
        return Ok(Applied::Done);
    };
    let said: Said = match entry.private.as_ref().map(|private| serde_json::from_str(&private.data)) {
        Some(Ok(said)) => said,
        Some(Err(_)) | None => Said::default(),
    };
    let values: Vec<Option<&str>> = questions
        .iter()
        .map(|id| said.answers.iter().find(|answer| answer.question_id == *id).map(|answer| answer.value.as_str()))
        .collect();
    let new = NewAnswer {
        entry: entry.id,
        scan: *scan_id,
        event: *event_id,
        position: *position_id,
        payload_hash: payload_hash.as_deref(),
        device: caller.device,
        at: entry.at.ticket_time(),
        questions,
        values: &values,
    };
    setup::insert_answers(tx, &new).await?;
    if let Some(position) = position_id {
        note(tx, Subject::Position(*position, *event_id)).await?;
    }
    Ok(Applied::Done)
}
