//! Making and changing a product.

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
        draft::{ItemDraft, ItemTyped, Wrong, rate_typed},
    },
    id::{EventId, ItemId},
    money::Currency,
    paper::Language,
};

#[derive(Template)]
#[template(path = "office/item.html")]
struct Page {
    f: Frame,
    title: &'static str,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    price_label: String,
    /// Headings of this event, to choose from.
    categories: Vec<String>,
    d: &'static DoorWords,
    /// Of a product that is there.
    variations: Option<Variations>,
    /// What it may be sold together with.
    others: Vec<Other>,
}

struct Variations {
    /// Where what it asks of the door is set.
    door: String,
    new: String,
    lines: Vec<VariationLine>,
}

struct VariationLine {
    name: String,
    price: String,
    active: bool,
    href: String,
}

struct Other {
    id: i64,
    name: String,
}

fn variations(desk: &Desk, item: &ItemFull) -> Variations {
    let here = desk.url(format_args!("/events/{}/products/{}/variations", item.event_id, item.item_id));
    let line = |v: &VariationRow| VariationLine {
        name: v.name.clone(),
        price: desk.language.money(v.price_of(item.draft.price)),
        active: v.active,
        href: format!("{here}/{}", v.variation_id),
    };
    let door = desk.url(format_args!("/events/{}/products/{}/door", item.event_id, item.item_id));
    Variations { door, new: format!("{here}/new"), lines: item.variations.iter().map(line).collect() }
}

async fn form(
    desk: &Desk,
    tx: &mut Tx,
    event: &EventFull,
    item: Option<&ItemFull>,
    typed: Typed,
    wrong: &[Wrong],
) -> Result<Page, Failure> {
    let all = edit::list_items(tx, event.event_id).await?;
    let can_have = |i: &&ItemFull| i.draft.addon_to.is_empty() && item.is_none_or(|item| item.item_id != i.item_id);
    let others = all.iter().filter(can_have).map(|i| Other { id: i.item_id.0, name: i.draft.name.clone() }).collect();
    let mut categories: Vec<String> = all.into_iter().map(|i| i.draft.category).collect();
    categories.retain(|category| !category.is_empty());
    categories.sort();
    categories.dedup();
    Ok(Page {
        f: desk.frame("events"),
        title: if item.is_some() { &desk.words.edit_product } else { &desk.words.new_product },
        event: event.draft.name.clone(),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        typed,
        errors: Errors::new(wrong, desk.words, desk.language),
        price_label: fill(&desk.words.price_in, &[&event.draft.currency]),
        categories,
        d: door_words::of(desk.language),
        variations: item.map(|item| variations(desk, item)),
        others,
    })
}

fn read(typed: &Typed, currency: Currency) -> Result<ItemDraft, Vec<Wrong>> {
    ItemTyped {
        name: typed.text("name"),
        category: typed.text("category"),
        description: typed.text("description"),
        price: typed.text("price"),
        tax_rate: typed.text("tax_rate"),
        rank: typed.text("rank"),
        active: typed.is("active"),
        admission: typed.is("admission"),
        look_at_id: typed.is("look_at_id"),
        checkin_text: typed.text("checkin_text"),
        addon_to: &typed.numbers("addon_to").into_iter().map(ItemId).collect::<Vec<_>>(),
    }
    .read(currency)
}

fn stored(desk: &Desk, item: &ItemFull) -> Typed {
    let (draft, comma) = (&item.draft, desk.language == Language::De);
    let price = draft.price.amount();
    Typed::of([
        ("name", draft.name.clone()),
        ("category", draft.category.clone()),
        ("description", draft.description.clone()),
        ("price", if comma { price.replace('.', ",") } else { price }),
        ("tax_rate", rate_typed(draft.tax_rate_bp, comma)),
        ("rank", draft.rank.to_string()),
        ("checkin_text", draft.checkin_text.clone()),
    ])
    .on("active", draft.active)
    .on("admission", draft.admission)
    .on("look_at_id", draft.look_at_id)
    .with("addon_to", &draft.addon_to)
}

/// `GET …/products/new`: the tax of the last product, behind it.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let last = edit::list_items(&mut tx, event.event_id).await?.pop();
    let comma = desk.language == Language::De;
    let typed = Typed::of([
        ("tax_rate", last.as_ref().map(|i| rate_typed(i.draft.tax_rate_bp, comma)).unwrap_or_default()),
        ("category", last.as_ref().map(|i| i.draft.category.clone()).unwrap_or_default()),
        ("rank", last.map_or(10, |i| i.draft.rank.saturating_add(10)).to_string()),
    ])
    .on("active", true)
    .on("admission", true);
    page::show(&form(&desk, &mut tx, &event, None, typed, &[]).await?)
}

/// `POST …/products/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let made = match read(&typed, event.draft.currency) {
        Ok(draft) => edit::create_item(&mut tx, event.event_id, &draft).await.map(|_| ()),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, None, typed, made).await
}

/// `GET …/products/{item}`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, item)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let item = edit::find_item(&mut tx, event.event_id, ItemId(item)).await?;
    let typed = stored(&desk, &item);
    page::show(&form(&desk, &mut tx, &event, Some(&item), typed, &[]).await?)
}

/// `POST …/products/{item}`.
///
/// # Errors
/// When there is no such product, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, item)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let item = edit::find_item(&mut tx, event.event_id, ItemId(item)).await?;
    let changed = match read(&typed, event.draft.currency) {
        Ok(draft) => edit::update_item(&mut tx, event.event_id, item.item_id, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    answer(&desk, tx, &event, Some(&item), typed, changed).await
}

async fn answer(
    desk: &Desk,
    mut tx: Tx,
    event: &EventFull,
    item: Option<&ItemFull>,
    typed: Typed,
    done: Result<(), Refused>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(desk, &mut tx, event, item, typed, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
