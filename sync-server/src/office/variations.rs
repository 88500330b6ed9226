//! Making and changing a variation of a product.

use super::{
    desk::Desk,
    door_words::{self, DoorWords},
    form::{Errors, Typed},
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull, ItemFull, Refused},
    http::Failure,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::{
        VariationRow,
        draft::{VariationDraft, VariationTyped, Wrong},
    },
    id::{EventId, ItemId, VariationId},
    money::Currency,
    paper::Language,
};

#[derive(Template)]
#[template(path = "office/variation.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    title: &'static str,
    event: String,
    event_href: String,
    product: String,
    back: String,
    typed: Typed,
    errors: Errors,
    price_label: String,
    price_hint: String,
}

fn form(desk: &Desk, (event, item): (&EventFull, &ItemFull), is_new: bool, (typed, wrong): (Typed, &[Wrong])) -> Page {
    let d = door_words::of(desk.language);
    let event_href = desk.url(format_args!("/events/{}", event.event_id));
    Page {
        f: desk.frame("events"),
        d,
        title: if is_new { d.t("new_variation") } else { d.t("edit_variation") },
        event: event.draft.name.clone(),
        product: item.draft.name.clone(),
        back: format!("{event_href}/products/{}", item.item_id),
        event_href,
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        price_label: fill(&desk.words.price_in, &[&event.draft.currency]),
        price_hint: fill(d.t("variation_price_hint"), &[&desk.language.money(item.draft.price)]),
    }
}

fn read(typed: &Typed, currency: Currency) -> Result<VariationDraft, Vec<Wrong>> {
    VariationTyped {
        name: typed.text("name"),
        price: typed.text("price"),
        rank: typed.text("rank"),
        active: typed.is("active"),
        checkin_text: typed.text("checkin_text"),
    }
    .read(currency)
}

fn stored(desk: &Desk, variation: &VariationRow) -> Typed {
    let price = variation.price.map(|price| price.amount()).unwrap_or_default();
    Typed::of([
        ("name", variation.name.clone()),
        ("price", if desk.language == Language::De { price.replace('.', ",") } else { price }),
        ("rank", variation.rank.to_string()),
        ("checkin_text", variation.checkin_text.clone()),
    ])
    .on("active", variation.active)
}

async fn product(tx: &mut Tx, (event, item): (i64, i64)) -> Result<(EventFull, ItemFull), Failure> {
    let event = edit::find_event(tx, EventId(event)).await?;
    let item = edit::find_item(tx, event.event_id, ItemId(item)).await?;
    Ok((event, item))
}

/// `GET …/products/{item}/variations/new`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event, item)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = product(&mut tx, (event, item)).await?;
    let rank = item.variations.iter().map(|v| v.rank).max().map_or(10, |last| last.saturating_add(10));
    let typed = Typed::of([("rank", rank.to_string())]).on("active", true);
    page::show(&form(&desk, (&event, &item), true, (typed, &[])))
}

/// `POST …/products/{item}/variations/new`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn create(
    desk: Desk,
    Path((_, event, item)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = product(&mut tx, (event, item)).await?;
    let made = match read(&typed, event.draft.currency) {
        Ok(draft) => edit::create_variation(&mut tx, event.event_id, item.item_id, &draft).await.map(drop),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, (&event, &item), true, typed, made).await
}

/// `GET …/products/{item}/variations/{variation}`.
///
/// # Errors
/// When there is no such variation, this person may only look, or the database is away.
pub async fn edit(
    desk: Desk,
    Path((_, event, item, variation)): Path<(String, i64, i64, i64)>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = product(&mut tx, (event, item)).await?;
    let found = edit::find_variation(&mut tx, event.event_id, item.item_id, VariationId(variation)).await?;
    let typed = stored(&desk, &found);
    page::show(&form(&desk, (&event, &item), false, (typed, &[])))
}

/// `POST …/products/{item}/variations/{variation}`.
///
/// # Errors
/// When there is no such variation, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, item, variation)): Path<(String, i64, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let (event, item) = product(&mut tx, (event, item)).await?;
    let which = (item.item_id, VariationId(variation));
    let changed = match read(&typed, event.draft.currency) {
        Ok(draft) => edit::update_variation(&mut tx, event.event_id, which, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, (&event, &item), false, typed, changed).await
}

async fn answer(
    desk: &Desk,
    tx: Tx,
    (event, item): (&EventFull, &ItemFull),
    is_new: bool,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            let to = format_args!("/events/{}/products/{}?done=saved", event.event_id, item.item_id);
            Ok(page::go(&desk.url(to)))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, (event, item), is_new, (typed, &wrong))),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
