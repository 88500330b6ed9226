//! An event, its dates, what can be bought, and choosing from it.

use super::{
    dates::{Dates, dates},
    form::{Fields, cart_query, quantity_field},
    page::{Keep, Trouble, Visit, from_here, page},
    shelf::{Shelf, shelf},
    view::{Chrome, Tongue, price_text},
    words::fill,
};
use crate::{
    app::App,
    catalog::{self, ShopItem},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use willcall_domain::{
    catalog::{Article, DateRow},
    clock::UtcMillis,
    id::{DateId, RequestId},
    orders::{Cart, place::MAX_POSITIONS},
};

/// The most of one product that can be chosen in one field.
const MOST_AT_ONCE: i64 = 10;
/// From here on it is said how many are left.
const FEW: i64 = 10;

/// One number in a field.
struct Number {
    value: i64,
    chosen: bool,
}

struct Product {
    id: i64,
    name: String,
    description: String,
    /// What it is sold together with.
    with: Option<String>,
    /// How many are left, where that is few.
    left: Option<String>,
    sold_out: bool,
    /// Itself, or each of its variations.
    picks: Vec<Pick>,
}

/// Something of which so many can be chosen.
struct Pick {
    field: String,
    /// The variation; empty where there is none.
    name: String,
    price: String,
    tax: String,
    choose: String,
    choices: Vec<Number>,
}

struct Group {
    name: String,
    products: Vec<Product>,
}

struct About {
    name: String,
    date: String,
    time: String,
    until: Option<String>,
    location: String,
    paragraphs: Vec<String>,
}

/// Why nothing, or not everything, can be bought.
struct Sign<'a> {
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "shop/event.html")]
struct EventPage<'a> {
    chrome: Chrome,
    event: About,
    /// Where it takes place several times and no date is chosen: choosing one; else the way back to that.
    dates: Option<Dates>,
    date_id: Option<i64>,
    groups: Vec<Group>,
    notice: Option<Sign<'a>>,
    error: Option<String>,
    action: String,
    buyable: bool,
    closed: bool,
}

/// `GET /{organizer}/{event}`; `?date=3&i4=2` has two of product 4 chosen already, for date 3.
pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path((organizer, event)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let shelf = shelf(&app, visit.tongue, &organizer, &event).await?;
    let fields = Fields::of(visit.query.clone());
    shown(&app, &visit, &shelf, (fields.date(), &fields.cart()), None)
}

/// `POST /{organizer}/{event}/checkout`: what was chosen; on to the details, or back with the reason.
pub async fn choose(
    State(app): State<App>,
    visit: Visit,
    Path((organizer, event)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    from_here(visit.tongue, &headers, &app)?;
    let shelf = shelf(&app, visit.tongue, &organizer, &event).await?;
    let fields = Fields::of(pairs);
    let cart = fields.cart();
    match shelf.try_cart(&app, &cart) {
        Ok(()) => {
            let key = RequestId::born(app.now(), &*app.entropy);
            let to = format!("{}/checkout?{}&key={key}", shelf.path(), cart_query(&cart));
            Ok(Redirect::to(&visit.tongue.link(&to)).into_response())
        }
        Err(error) => {
            let sentence = shelf.sentence(visit.tongue.words(), &error);
            shown(&app, &visit, &shelf, (fields.date(), &cart), Some(sentence))
        }
    }
}

/// The date that is shown: the chosen one while it is sold, else the only one there is.
fn date_shown(shelf: &Shelf, chosen: Option<DateId>, now: UtcMillis) -> Option<&DateRow> {
    let on_sale = shelf.dates_on_sale(now);
    let only = if let [only] = on_sale[..] { Some(only) } else { None };
    on_sale.iter().copied().find(|d| Some(d.date_id) == chosen).or(only)
}

fn shown(
    app: &App,
    visit: &Visit,
    shelf: &Shelf,
    (date, chosen): (Option<DateId>, &Cart),
    error: Option<String>,
) -> Result<Response, Trouble> {
    let (tongue, words, now) = (visit.tongue, visit.tongue.words(), app.now());
    let date = date_shown(shelf, date, now);
    let choosing = !shelf.dates.is_empty() && date.is_none();
    let row = shelf.event.row.clone().on(date);
    let over = !shelf.dates.is_empty() && shelf.dates.iter().all(|d| d.is_over(now));
    let closed = over || shelf.event.row.ends_at.is_some_and(|end| end <= now);
    let groups = if choosing { Vec::new() } else { groups(tongue, shelf, (date.map(|d| d.date_id), chosen)) };
    let dates = dates(tongue, shelf, date, now);
    let anything = groups.iter().flat_map(|g| &g.products).any(|p| !p.sold_out)
        || choosing && dates.as_ref().is_some_and(Dates::any_left);
    let event = &words.event;
    let notice = match (closed, groups.is_empty() && !choosing, anything) {
        (true, ..) => Some(Sign { title: &event.over_title, text: &event.over_text }),
        (false, true, _) => Some(Sign { title: &event.no_products_title, text: &event.no_products_text }),
        (false, false, false) => Some(Sign { title: &event.all_sold_out_title, text: &event.all_sold_out_text }),
        (false, false, true) => None,
    };
    let when = tongue.language.when(row.starts_at, row.ends_at, row.admission_at, &row.zone);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let here = date.map_or_else(|| shelf.path(), |d| format!("{}?date={}", shelf.path(), d.date_id));
    let whole = EventPage {
        chrome: Chrome::new(tongue, &row.name, &here, Some(&shelf.seller)),
        event: About {
            date: if choosing { words.event.several_dates.clone() } else { when.date },
            time: if choosing { String::new() } else { when.time },
            until: if choosing { None } else { when.until },
            location: row.location,
            paragraphs: paragraphs(&shelf.event.description),
            name: row.name,
        },
        dates,
        date_id: date.map(|d| d.date_id.0),
        buyable: anything && !closed && !choosing,
        groups,
        notice,
        error,
        action: tongue.link(&format!("{}/checkout", shelf.path())),
        closed,
    };
    page(status, Keep::Revalidate, &whole).map_err(Trouble::of(tongue))
}

/// Products under their headings, in the order of screens; a heading comes where its first product stands.
fn groups(tongue: Tongue, shelf: &Shelf, (date, chosen): (Option<DateId>, &Cart)) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let of_date = |item: &&ShopItem| is_sold(item) && (date.is_none() || shelf.is_counted(item.row.item_id, date));
    for item in shelf.items.iter().filter(of_date) {
        let product = product(tongue, shelf, item, (date, chosen));
        match groups.iter_mut().find(|g| g.name == item.row.category) {
            Some(group) => group.products.push(product),
            None => groups.push(Group { name: item.row.category.clone(), products: vec![product] }),
        }
    }
    // A first heading that only repeats the title of the sheet says nothing.
    if let Some(first) = groups.first_mut().filter(|g| g.name.eq_ignore_ascii_case(&tongue.words().event.tickets)) {
        first.name.clear();
    }
    groups
}

/// A product whose variations are all switched off is not sold.
fn is_sold(item: &ShopItem) -> bool {
    item.row.active && (item.row.variations.is_empty() || !item.row.variations_on_sale().is_empty())
}

fn product(tongue: Tongue, shelf: &Shelf, item: &ShopItem, (date_id, chosen): (Option<DateId>, &Cart)) -> Product {
    let words = tongue.words();
    let plain = Article { date_id, ..item.row.item_id.into() };
    let free = catalog::free_of(plain, &shelf.quotas);
    let most = free.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE).min(i64::from(MAX_POSITIONS));
    let left = free.filter(|free| (1..=FEW).contains(free));
    let variations = item.row.variations_on_sale().into_iter().map(|v| Some(v.variation_id));
    let articles = if item.row.variations.is_empty() { vec![None] } else { variations.collect() };
    let with = shelf.together_with(item.row.item_id);
    Product {
        id: item.row.item_id.0,
        description: item.description.clone(),
        with: (!with.is_empty()).then(|| fill(&words.event.together_with, &[("with", &with.join(", "))])),
        left: left.map(|free| fill(&words.event.few_left, &[("n", &free.to_string())])),
        sold_out: free == Some(0),
        picks: articles
            .into_iter()
            .map(|v| pick(tongue, item, Article { variation_id: v, ..plain }, (most, chosen)))
            .collect(),
        name: item.row.name.clone(),
    }
}

fn pick(tongue: Tongue, item: &ShopItem, article: Article, (most, chosen): (i64, &Cart)) -> Pick {
    let (language, words) = (tongue.language, tongue.words());
    let price = item.row.price_in(article.variation_id);
    let tax = match (price.minor, item.row.tax_rate_bp) {
        (0, _) => String::new(),
        (_, 0) => words.no_vat.clone(),
        (_, rate) => fill(&words.incl_vat, &[("rate", &language.rate(rate))]),
    };
    let wanted = chosen.lines.iter().find(|l| l.article == article).map_or(0, |l| i64::from(l.quantity));
    let variation = article.variation_id.and_then(|id| item.row.variation(id));
    Pick {
        field: quantity_field(article),
        name: variation.map(|v| v.name.clone()).unwrap_or_default(),
        price: price_text(language, words, price),
        tax,
        choose: fill(&words.event.quantity, &[("product", &item.row.name_in(article.variation_id))]),
        choices: (0..=most).map(|value| Number { value, chosen: value == wanted.min(most) }).collect(),
    }
}

/// Paragraphs of a plain text: parted by empty lines.
fn paragraphs(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n");
    text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_parted_where_a_line_is_empty() {
        assert_eq!(paragraphs("One\nline.\r\n\r\nTwo.\n\n\n\n"), ["One\nline.", "Two."]);
        assert!(paragraphs("  \n").is_empty());
    }
}
