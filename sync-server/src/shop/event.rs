//! An event, what can be bought, and choosing from it.

use super::{
    form::{Fields, cart_query},
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
    id::RequestId,
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
    price: String,
    tax: String,
    /// How many are left, where that is few.
    left: Option<String>,
    sold_out: bool,
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
    groups: Vec<Group>,
    notice: Option<Sign<'a>>,
    error: Option<String>,
    action: String,
    buyable: bool,
    closed: bool,
}

/// `GET /{organizer}/{event}`; `?i4=2` has two of product 4 chosen already.
pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path((organizer, event)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let shelf = shelf(&app, visit.tongue, &organizer, &event).await?;
    let chosen = Fields::of(visit.query.clone()).cart();
    shown(&app, &visit, &shelf, &chosen, None)
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
    let cart = Fields::of(pairs).cart();
    match shelf.try_cart(&app, &cart) {
        Ok(()) => {
            let key = RequestId::born(app.now(), &*app.entropy);
            let to = format!("{}/checkout?{}&key={key}", shelf.path(), cart_query(&cart));
            Ok(Redirect::to(&visit.tongue.link(&to)).into_response())
        }
        Err(error) => {
            let sentence = shelf.sentence(visit.tongue.words(), &error);
            shown(&app, &visit, &shelf, &cart, Some(sentence))
        }
    }
}

fn shown(app: &App, visit: &Visit, shelf: &Shelf, chosen: &Cart, error: Option<String>) -> Result<Response, Trouble> {
    let (tongue, words) = (visit.tongue, visit.tongue.words());
    let row = &shelf.event.row;
    let closed = row.ends_at.is_some_and(|end| end <= app.now());
    let groups = groups(tongue, shelf, chosen);
    let anything = groups.iter().flat_map(|g| &g.products).any(|p| !p.sold_out);
    let event = &words.event;
    let notice = match (closed, groups.is_empty(), anything) {
        (true, ..) => Some(Sign { title: &event.over_title, text: &event.over_text }),
        (false, true, _) => Some(Sign { title: &event.no_products_title, text: &event.no_products_text }),
        (false, false, false) => Some(Sign { title: &event.all_sold_out_title, text: &event.all_sold_out_text }),
        (false, false, true) => None,
    };
    let when = tongue.language.when(row.starts_at, row.ends_at, row.admission_at, &row.zone);
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let whole = EventPage {
        chrome: Chrome::new(tongue, &row.name, &shelf.path(), Some(&shelf.seller)),
        event: About {
            name: row.name.clone(),
            date: when.date,
            time: when.time,
            until: when.until,
            location: row.location.clone(),
            paragraphs: paragraphs(&shelf.event.description),
        },
        groups,
        notice,
        error,
        action: tongue.link(&format!("{}/checkout", shelf.path())),
        buyable: anything && !closed,
        closed,
    };
    page(status, Keep::Revalidate, &whole).map_err(Trouble::of(tongue))
}

/// Products under their headings, in the order of screens; a heading comes where its first product stands.
fn groups(tongue: Tongue, shelf: &Shelf, chosen: &Cart) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for item in shelf.items.iter().filter(|i| i.row.active) {
        let product = product(tongue, shelf, item, chosen);
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

fn product(tongue: Tongue, shelf: &Shelf, item: &ShopItem, chosen: &Cart) -> Product {
    let (language, words) = (tongue.language, tongue.words());
    let free = catalog::free_of(item.row.item_id, &shelf.quotas);
    let most = free.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE).min(i64::from(MAX_POSITIONS));
    let wanted = chosen.lines.iter().find(|l| l.item_id == item.row.item_id).map_or(0, |l| i64::from(l.quantity));
    let left = free.filter(|free| (1..=FEW).contains(free));
    let tax = match (item.row.price.minor, item.row.tax_rate_bp) {
        (0, _) => String::new(),
        (_, 0) => words.no_vat.clone(),
        (_, rate) => fill(&words.incl_vat, &[("rate", &language.rate(rate))]),
    };
    Product {
        id: item.row.item_id.0,
        description: item.description.clone(),
        price: price_text(language, words, item.row.price),
        tax,
        left: left.map(|free| fill(&words.event.few_left, &[("n", &free.to_string())])),
        sold_out: free == Some(0),
        choose: fill(&words.event.quantity, &[("product", &item.row.name)]),
        choices: (0..=most).map(|value| Number { value, chosen: value == wanted.min(most) }).collect(),
        name: item.row.name.clone(),
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
