//! Questions an organizer asks of holders of tickets. One that was asked is never deleted, only switched off, and so are its
//! options: answers name them.

mod store;

pub use store::QuestionFull;

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    catalog::edit::Refused,
    http::Failure,
    sync::{Subject, note},
};
use willcall_domain::{
    checkin::question::QuestionDraft,
    id::{EventId, QuestionId},
    problem::{Code, Problem},
};

/// The questions of an event in their order.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx, event: EventId) -> Result<Vec<QuestionFull>, Failure> {
    Ok(store::questions(tx, event, None).await?)
}

/// One question of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, question: QuestionId) -> Result<QuestionFull, Failure> {
    let found = store::questions(tx, event, Some(question)).await?.pop();
    found.ok_or_else(|| Problem::new(Code::NotFound, "There is no such question in this event.").into())
}

/// Makes a question.
///
/// # Errors
/// When a product is not of this event, or the database is away.
pub async fn create(tx: &mut Tx, event: EventId, draft: &QuestionDraft) -> Result<QuestionId, Refused> {
    super::own_items(tx, event, &draft.items).await?;
    let question = store::insert(tx, event, draft).await?;
    store::set_items(tx, question, &draft.items).await?;
    store::set_options(tx, question, &draft.options).await?;
    note(tx, Subject::Question(question, event)).await?;
    audit::record(tx, Record::new(Deed::QuestionMade, Some(event), &draft.text, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, question = question.0, "question made");
    Ok(question)
}

/// Changes a question. What was answered stays answered.
///
/// # Errors
/// When it is not there, a product is not of this event, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, question: QuestionId, draft: &QuestionDraft) -> Result<(), Refused> {
    super::own_items(tx, event, &draft.items).await?;
    let before = find(tx, event, question).await?.draft;
    if before == *draft {
        return Ok(());
    }
    store::update(tx, question, draft).await?;
    store::set_items(tx, question, &draft.items).await?;
    store::set_options(tx, question, &draft.options).await?;
    note(tx, Subject::Question(question, event)).await?;
    let changes = Changes::none()
        .field("text", &before.text, &draft.text)
        .field("help", &before.help, &draft.help)
        .field("kind", &before.kind, &draft.kind)
        .field("required", &before.required, &draft.required)
        .field("ask_at_checkin", &before.ask_at_checkin, &draft.ask_at_checkin)
        .field("items", &before.items, &draft.items)
        .field("options", &before.options, &draft.options)
        .field("rank", &before.rank, &draft.rank)
        .field("active", &before.active, &draft.active);
    audit::record(tx, Record::new(Deed::QuestionChanged, Some(event), &draft.text, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, question = question.0, "question changed");
    Ok(())
}
