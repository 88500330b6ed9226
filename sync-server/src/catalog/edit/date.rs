//! Making and changing the dates of an event, one or a whole series, and the quotas that count them.

use super::{QuotaFull, Refused, store};
use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::Failure,
    sync::{Subject, note, note_all, note_gone},
};
use willcall_domain::{
    catalog::draft::{DateDraft, QuotaDraft},
    id::{DateId, EventId, ItemId},
    problem::{Code, Problem},
};

/// A date with all an organizer sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFull {
    pub date_id: DateId,
    pub event_id: EventId,
    pub draft: DateDraft,
    /// Positions of orders that hold their places.
    pub sold: i64,
    /// The sizes of the quotas of this date alone, together; `None` where there is none, or one is unlimited.
    pub places: Option<i64>,
    /// Whether any quota counts it: else nothing is sold for it.
    pub counted: bool,
}

/// How many places each new date has.
#[derive(Debug, Clone, Copy)]
pub struct PlacesEach<'a> {
    pub quota: &'a QuotaDraft,
    pub items: &'a [ItemId],
}

/// Makes dates; with `places`, each gets a quota of its own.
///
/// # Errors
/// When the event is not there, a product is not of it, or the database is away.
pub async fn create(
    tx: &mut Tx,
    event: EventId,
    drafts: &[DateDraft],
    places: Option<PlacesEach<'_>>,
) -> Result<Vec<DateId>, Refused> {
    let of = store::lock_event(tx, event).await?.ok_or_else(super::no_such_event)?;
    let mut made = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let date = store::insert_date(tx, event, draft).await?;
        if let Some(PlacesEach { quota, items }) = places {
            super::create_quota(tx, event, &QuotaDraft { date_id: Some(date), ..quota.clone() }, items).await?;
        }
        made.push(date);
    }
    let subjects: Vec<_> = made.iter().map(|date| Subject::Date(*date, event)).collect();
    note_all(tx, &subjects).await?;
    span(tx, event).await?;
    let changes = Changes::none().fact("dates", made.len());
    audit::record(tx, Record::new(Deed::DateMade, Some(event), &of.draft.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, dates = made.len(), "dates made");
    Ok(made)
}

/// Changes a date.
///
/// # Errors
/// When it is not there, or the database is away.
pub async fn update(tx: &mut Tx, event: EventId, date: DateId, draft: &DateDraft) -> Result<(), Refused> {
    let of = store::lock_event(tx, event).await?.ok_or_else(super::no_such_event)?;
    let before = find(tx, event, date).await?.draft;
    if before == *draft {
        return Ok(());
    }
    store::update_date(tx, date, draft).await?;
    note(tx, Subject::Date(date, event)).await?;
    span(tx, event).await?;
    let changes = Changes::none()
        .field("name", &before.name, &draft.name)
        .field("starts_at", &before.starts_at, &draft.starts_at)
        .field("ends_at", &before.ends_at, &draft.ends_at)
        .field("admission_at", &before.admission_at, &draft.admission_at)
        .field("active", &before.active, &draft.active);
    audit::record(tx, Record::new(Deed::DateChanged, Some(event), &of.draft.name, changes)).await?;
    tracing::info!(organizer = tx.organizer.0, date = date.0, active = draft.active, "date changed");
    Ok(())
}

/// Removes a date for which nothing was ever sold or lent, with its own quotas.
///
/// # Errors
/// `conflict` when it was used: then it can be switched off; also when it is not there, or the database is away.
pub async fn remove(tx: &mut Tx, event: EventId, date: DateId) -> Result<(), Failure> {
    let of = store::lock_event(tx, event).await?.ok_or_else(super::no_such_event)?;
    find(tx, event, date).await?;
    if store::date_is_used(tx, event, date).await? {
        let detail = "Tickets were sold or units lent for this date, or a check-in list is bound to it. Switch it off.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    for quota in store::delete_date(tx, event, date).await? {
        note_gone(tx, Subject::Quota(quota, event)).await?;
    }
    note_gone(tx, Subject::Date(date, event)).await?;
    span(tx, event).await?;
    audit::record(tx, Record::new(Deed::DateRemoved, Some(event), &of.draft.name, Changes::none())).await?;
    tracing::info!(organizer = tx.organizer.0, date = date.0, "date removed");
    Ok(())
}

/// The event lasts as long as its dates.
async fn span(tx: &mut Tx, event: EventId) -> Result<(), Failure> {
    if store::span_dates(tx, event).await? {
        note(tx, Subject::Event(event)).await?;
    }
    Ok(())
}

/// Whether the event's own times are those of its dates, and keeps them so.
///
/// # Errors
/// When the database is away.
pub(super) async fn keep_span(tx: &mut Tx, event: EventId) -> Result<(), Failure> {
    span(tx, event).await
}

/// One date of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, date: DateId) -> Result<DateFull, Failure> {
    let found = store::dates(tx, event, Some(date)).await?.pop();
    found.ok_or_else(|| super::not_found("There is no such date of this event."))
}

/// The dates of an event, the earliest first; none where it takes place once.
///
/// # Errors
/// When the database is away.
pub async fn list(tx: &mut Tx, event: EventId) -> Result<Vec<DateFull>, Failure> {
    Ok(store::dates(tx, event, None).await?)
}

/// The date a quota is bound to, among these.
#[must_use]
pub fn of_quota<'d>(dates: &'d [DateFull], quota: &QuotaFull) -> Option<&'d DateFull> {
    dates.iter().find(|d| Some(d.date_id) == quota.date_id)
}
