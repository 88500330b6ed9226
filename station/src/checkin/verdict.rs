//! A verdict as the screen shows it.

use super::{
    find::{Found, Ticket},
    scan::{Ask, Decided},
    undo,
};
use crate::{catalog, copies, error::Fault};
use rusqlite::Transaction;
use willcall_domain::{
    catalog::ItemRow,
    checkin::{
        Mark, Verdict, VerdictView,
        question::QuestionRow,
        wire::{AddonView, DateView, Delivery, DoorText, Of, UseView},
    },
    devices::Right,
    id::{EventId, ScanId},
    orders::PositionRow,
};

/// The name of an event, or its number where it is not here.
pub(super) fn event_name(tx: &Transaction<'_>, id: EventId) -> Result<String, Fault> {
    Ok(catalog::event(tx, id)?.map_or_else(|| format!("event {id}"), |event| event.name))
}

/// What a verdict is marked with because of the station, not of the ticket.
pub(super) fn mark_doubt(tx: &Transaction<'_>, ask: &Ask, verdict: &mut Verdict) -> Result<(), Fault> {
    if copies::standing::doubts(tx, &ask.who)?.is_some() {
        verdict.marks.push(Mark::StationInDoubt);
    }
    Ok(())
}

/// The whole of it.
pub(super) fn view(ask: &Ask, decided: &Decided, delivery: Delivery) -> VerdictView {
    let Decided { found, verdict, questions, .. } = decided;
    let known = found.known(verdict.chosen);
    let position = verdict.chosen.map(|at| &found.tickets[at].position);
    let item = known.item.as_ref();
    let delivery = if verdict.asks { Delivery::Asked } else { delivery };
    let recorded = !matches!(delivery, Delivery::NotRecorded | Delivery::Asked);
    let variation =
        variation_of(found, position).and_then(|id| item?.variation(id)).map(|variation| variation.name.clone());
    VerdictView {
        scan_id: ScanId(ask.id.0),
        class: verdict.class,
        reason: verdict.reason,
        marks: verdict.marks.clone(),
        direction: ask.request.direction,
        event_id: found.list.event_id,
        list_id: found.list.list_id,
        product: item.map(|i| i.name.clone()),
        name: position.and_then(|p| p.name.clone()).filter(|_| !ask.who.setup.hide_names),
        order_code: position.map(|p| p.order_code.clone()),
        position_id: found.name(verdict.chosen).0,
        checkin_text: item.map(|i| i.checkin_text.clone()).unwrap_or_default(),
        first_use: verdict.first_use.as_ref().map(|u| UseView {
            at: u.scan.at,
            gate: u.gate.clone(),
            direction: u.scan.direction,
        }),
        valid_from: verdict.valid_from,
        valid_until: verdict.valid_until,
        other_event: decided.other_event.clone(),
        at: ask.pen.at.ticket_time(),
        gate: ask.pen.gate.clone(),
        delivery,
        undone: false,
        may_undo: recorded && ask.rights.contains(&Right::Undo) && undo::lets_through(verdict.class),
        uncertainty_ms: verdict.marks.contains(&Mark::TimeUncertain).then_some(ask.reading.uncertainty_ms),
        data_age_s: ask.data_age_s,
        list_name: found.list.name.clone(),
        variation,
        date: known.date.as_ref().map(|date| DateView { name: date.name.clone(), starts_at: date.starts_at }),
        addons: addons(found, verdict.chosen),
        texts: texts(found, item, position),
        attention: verdict.attention.clone(),
        explanation: verdict.explanation.clone(),
        rule_trouble: verdict.rule_trouble.clone(),
        questions: asked(verdict, questions),
        wrong_answers: verdict.wrong_answers.clone(),
        may_admit_unpaid: verdict.may_admit_unpaid,
        due: position.and_then(|p| p.door.due),
        exchange: verdict.exchange,
        medium: found.medium().map(|medium| medium.kind),
        max_data_age_min: verdict.max_data_age_min,
        repeated: false,
    }
}

fn variation_of(found: &Found, position: Option<&PositionRow>) -> Option<willcall_domain::id::VariationId> {
    match position {
        Some(position) => position.variation_id,
        None => found.signed.as_ref().and_then(|signed| signed.variation_id),
    }
}

/// The questions to put, in the order they are asked.
fn asked(verdict: &Verdict, questions: &[QuestionRow]) -> Vec<QuestionRow> {
    questions.iter().filter(|question| verdict.questions.contains(&question.question_id)).cloned().collect()
}

/// What was bought together with the ticket, or with the one it was bought with; itself left out.
fn addons(found: &Found, chosen: Option<usize>) -> Vec<AddonView> {
    let live = |at: &usize| Some(*at) != chosen && !found.tickets[*at].named && !found.tickets[*at].position.canceled;
    (0..found.tickets.len())
        .filter(live)
        .map(|at| {
            let Ticket { position, known, .. } = &found.tickets[at];
            let item = known.item.as_ref();
            let variation = position.variation_id.and_then(|id| item?.variation(id));
            AddonView {
                position_id: position.position_id,
                product: item.map_or_else(|| format!("product {}", position.item_id), |i| i.name.clone()),
                variation: variation.map(|variation| variation.name.clone()),
                used: known.is_used(),
            }
        })
        .collect()
}

fn texts(found: &Found, item: Option<&ItemRow>, position: Option<&PositionRow>) -> Vec<DoorText> {
    let variation = variation_of(found, position).and_then(|id| item?.variation(id));
    let of = [
        (Of::Product, item.map(|i| i.checkin_text.as_str())),
        (Of::Variation, variation.map(|v| v.checkin_text.as_str())),
        (Of::Order, position.map(|p| p.door.checkin_text.as_str())),
    ];
    let said = |(of, text): (Of, Option<&str>)| Some(DoorText { of, text: text.filter(|t| !t.is_empty())?.to_owned() });
    of.into_iter().filter_map(said).collect()
}
