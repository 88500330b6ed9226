//! What a product asks of the door besides its name.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull, ItemFull, door},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::draft::{FieldError, Wrong},
    checkin::{medium::MediumUse, wire::ItemDoor},
    devices::draft::minutes,
    id::{EventId, ItemId},
};

#[derive(Template)]
#[template(path = "office/item_door.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    event: String,
    event_href: String,
    item: String,
    back: String,
    typed: Typed,
    errors: Errors,
    uses: [&'static str; 3],
}

fn form(desk: &Desk, event: &EventFull, item: &ItemFull, typed: Typed, wrong: &[Wrong]) -> Page {
    let event_href = desk.url(format_args!("/events/{}", event.event_id));
    Page {
        f: desk.frame("events"),
        d: door_words::of(desk.language),
        event: event.draft.name.clone(),
        back: format!("{event_href}/products/{}", item.item_id),
        event_href,
        item: item.draft.name.clone(),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        uses: MediumUse::ALL.map(MediumUse::as_str),
    }
}

fn stored(door: &ItemDoor) -> Typed {
    Typed::of([
        ("medium", door.medium.as_str().to_owned()),
        ("max_data_age", door.max_data_age_min.map(|minutes| minutes.to_string()).unwrap_or_default()),
    ])
    .on("attention", door.attention)
    .on("needs_approval", door.needs_approval)
    .on("look_if_unseen", door.look_if_unseen)
}

fn read(typed: &Typed) -> Result<ItemDoor, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let medium = MediumUse::of_word(typed.text("medium"));
    if medium.is_none() {
        wrong.push(("medium", FieldError::Choice));
    }
    let age = minutes(typed.text("max_data_age")).map_err(|error| wrong.push(("max_data_age", error)));
    match (medium, age) {
        (Some(medium), Ok(max_data_age_min)) => Ok(ItemDoor {
            attention: typed.is("attention"),
            needs_approval: typed.is("needs_approval"),
            medium,
            max_data_age_min,
            look_if_unseen: typed.is("look_if_unseen"),
        }),
        _ => Err(wrong),
    }
}

async fn found(tx: &mut Tx, event: i64, item: i64) -> Result<(EventFull, ItemFull), Failure> {
    let event = edit::find_event(tx, EventId(event)).await?;
    let item = edit::find_item(tx, event.event_id, ItemId(item)).await?;
    Ok((event, item))
}

/// `GET …/products/{item}/door`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, item)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = found(&mut tx, event, item).await?;
    let typed = stored(&door::of(&mut tx, event.event_id, item.item_id).await?);
    page::show(&form(&desk, &event, &item, typed, &[]))
}

/// `POST …/products/{item}/door`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, item)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = found(&mut tx, event, item).await?;
    match read(&typed) {
        Ok(wanted) => {
            door::set(&mut tx, event.event_id, item.item_id, &wanted).await?;
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(wrong) => page::show_refused(&form(&desk, &event, &item, typed, &wrong)),
    }
}
