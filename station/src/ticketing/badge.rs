//! Badges: which one a ticket gets, whether it is printed with an admission, its paper, and the record of what left the
//! printer. Printing itself is the window's business.

use super::store;
use crate::{
    access, catalog, change_feed::Topic, checkin, devices::Identity, error::Fault, journal, orders, station::Station,
};
use rusqlite::Transaction;
use willcall_domain::{
    checkin::{Class, Direction, VerdictView, question::AnswerGiven},
    clock::UtcMillis,
    devices::BadgePrint,
    id::{PositionId, QuestionId},
    paper::{Accent, BadgeData, Fonts, badge_pdf},
    problem::{Code, Problem},
    sync::{Fact, fact::BadgeWhy},
    ticketing::{BadgeLayout, Verification, badge_of, read, verify},
};

/// A badge to be printed.
#[derive(Debug, Clone)]
pub struct BadgePaper {
    pub position_id: PositionId,
    pub order_code: String,
    /// PDF.
    pub bytes: Vec<u8>,
}

/// What a badge is drawn from.
struct Card {
    order_code: String,
    layout: BadgeLayout,
    data: BadgeData,
}

impl Station {
    /// The badge that is printed with this admission; `None` where none is.
    ///
    /// # Errors
    /// See [`with_admission`].
    pub async fn badge_with(
        &self,
        verdict: &VerdictView,
        code: &str,
        answers: &[AnswerGiven],
    ) -> Result<Option<BadgePaper>, Problem> {
        with_admission(self, verdict, code, answers).await
    }

    /// The badge of a ticket, because a person asks for it.
    ///
    /// # Errors
    /// See [`by_hand`].
    pub async fn badge(&self, position: PositionId) -> Result<BadgePaper, Problem> {
        by_hand(self, position).await
    }

    /// Records that a badge left the printer; answers which copy it was, from 1.
    ///
    /// # Errors
    /// See [`record`].
    pub async fn record_badge(&self, position: PositionId, why: BadgeWhy) -> Result<u32, Problem> {
        record(self, position, why).await
    }
}

/// The badge that is printed with this admission; `None` where none is. `code` is what was read, `answers` what was
/// answered with it.
///
/// # Errors
/// When the database cannot be read, or the badge cannot be drawn.
pub async fn with_admission(
    station: &Station,
    verdict: &VerdictView,
    code: &str,
    answers: &[AnswerGiven],
) -> Result<Option<BadgePaper>, Problem> {
    let identity = station.enrolled()?;
    let let_in = matches!(verdict.class, Class::Admitted | Class::Look) && verdict.direction == Direction::Entry;
    let (Some(position), true) = (verdict.position_id, let_in && !verdict.repeated) else { return Ok(None) };
    let way = identity.setup.badge_print;
    if way == BadgePrint::Never {
        return Ok(None);
    }
    let now = station.reading().now;
    let genuine = matches!(verify(read(code), &station.event_keys()), Verification::Good(_));
    let code = genuine.then(|| code.to_owned());
    let answers: Vec<_> = answers.iter().map(|one| (one.question_id, one.value.clone())).collect();
    let look = move |tx: &Transaction<'_>| {
        let again = store::badges_printed(tx, position)? > 0 || checkin::admissions(tx, position)? > 1;
        if way == BadgePrint::Once && again {
            return Ok(None);
        }
        card(tx, &identity, position, code, answers, now)
    };
    drawn(station.db().read(look).await?, position).await
}

/// The badge of a ticket, because a person asks for it.
///
/// # Errors
/// When no such ticket is known here, no badge is laid out for it, or it cannot be drawn.
pub async fn by_hand(station: &Station, position: PositionId) -> Result<BadgePaper, Problem> {
    let identity = station.enrolled()?;
    access::sign_in::awake(station, &identity)?;
    let now = station.reading().now;
    let look = move |tx: &Transaction<'_>| card(tx, &identity, position, None, Vec::new(), now);
    let paper = drawn(station.db().read(look).await?, position).await?;
    paper.ok_or_else(|| Problem::new(Code::NotFound, "No badge is laid out for this ticket."))
}

/// Records that a badge left the printer; answers which copy it was, from 1.
///
/// # Errors
/// When the disk does not take it.
pub async fn record(station: &Station, position: PositionId, why: BadgeWhy) -> Result<u32, Problem> {
    let identity = station.enrolled()?;
    let pen = station.pen(&identity, station.reading().at)?;
    let write = move |tx: &Transaction<'_>| {
        let no_ticket = || Fault::refused(Code::NotFound, "This ticket is not known here.");
        let event_id = orders::by_id(tx, position)?.ok_or_else(no_ticket)?.event_id;
        let copy = store::badges_printed(tx, position)?.saturating_add(1);
        let fact = Fact::Badge { position_id: position, event_id, copy, why };
        journal::append(tx, &pen, &fact, None, Vec::new())?;
        Ok(copy)
    };
    let copy = station.db().write_small(write).await?;
    station.feed().announce_fact(&[Topic::Status]);
    Ok(copy)
}

fn card(
    tx: &Transaction<'_>,
    identity: &Identity,
    id: PositionId,
    code: Option<String>,
    answers: Vec<(QuestionId, String)>,
    now: UtcMillis,
) -> Result<Option<Card>, Fault> {
    let Some(position) = orders::by_id(tx, id)? else { return Ok(None) };
    let badges = store::badges(tx, position.event_id)?;
    let Some(badge) = badge_of(&badges, position.item_id) else { return Ok(None) };
    let item = catalog::item(tx, position.item_id)?;
    let variation = item.as_ref().and_then(|item| {
        item.variations.iter().find(|variation| Some(variation.variation_id) == position.variation_id)
    });
    let event = catalog::event(tx, position.event_id)?;
    let date = position.date_id.map(|date| catalog::date(tx, date)).transpose()?.flatten();
    let organizer = access::organizer(tx, identity.organizer_id)?;
    let starts = date.as_ref().map(|date| date.starts_at).or(event.as_ref().map(|event| event.starts_at));
    let zone = event.as_ref().map_or("UTC", |event| event.zone.as_str());
    Ok(Some(Card {
        order_code: position.order_code.clone(),
        layout: badge.layout.clone(),
        data: BadgeData {
            name: position.name.clone().unwrap_or_default(),
            product: item.as_ref().map(|item| item.name.clone()).unwrap_or_default(),
            variation: variation.map(|variation| variation.name.clone()).unwrap_or_default(),
            event: event.as_ref().map(|event| event.name.clone()).unwrap_or_default(),
            date: starts.map(|at| day(at, zone)).unwrap_or_default(),
            organizer: organizer.as_ref().map_or_else(|| identity.organizer_name.clone(), |row| row.name.clone()),
            accent: organizer.as_ref().and_then(|row| Accent::parse(&row.accent)).unwrap_or(Accent::HOUSE),
            order_code: position.order_code,
            code: code.or(position.plain).unwrap_or_default(),
            answers,
            printed_at: now,
        },
    }))
}

/// A day as everybody reads it: 2026-11-21.
fn day(at: UtcMillis, zone: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    instant.in_tz(zone).map_or_else(|_| String::new(), |zoned| zoned.date().to_string())
}

/// Drawing takes a while and is done away from the threads that answer.
async fn drawn(card: Option<Card>, position_id: PositionId) -> Result<Option<BadgePaper>, Problem> {
    let Some(Card { order_code, layout, data }) = card else { return Ok(None) };
    let drawn = tokio::task::spawn_blocking(move || badge_pdf(Fonts::shipped(), &layout, &data)).await;
    let drawn = drawn.map_err(|_| Problem::new(Code::Internal, "The badge could not be drawn."))?;
    let bytes = drawn.map_err(|error| {
        tracing::error!(%error, "no badge");
        Problem::new(Code::Internal, format!("The badge could not be made: {error}."))
    })?;
    Ok(Some(BadgePaper { position_id, order_code, bytes }))
}
