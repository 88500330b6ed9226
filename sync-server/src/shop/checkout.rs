//! A buyer's details, and placing the order. The page carries the request's key: however often its form is sent, there is
//! one order.

use super::{
    form::{Fields, cart_fields, cart_query, name_field},
    page::{Keep, Trouble, Visit, from_here, page},
    shelf::{Shelf, shelf},
    view::{Chrome, Line, Tax, Tongue, lines_of, taxes_of},
    words::{Words, fill},
};
use crate::{
    app::App,
    catalog::ShopItem,
    http::{Client, Failure, Limit},
    orders::{self, Buyer, Channel, PlaceError, Placed, Wish, links},
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use std::collections::BTreeMap;
use willcall_domain::{
    catalog::Article,
    id::{OrganizerId, RequestId},
    money::Money,
    orders::{Cart, OrderError, buyer},
    payments::Provider,
};

/// A text field as it was sent, and what is wrong with it.
#[derive(Default)]
struct Typed {
    value: String,
    error: Option<String>,
}

struct Ticket {
    field: String,
    label: String,
    value: String,
    error: Option<String>,
}

struct Hidden {
    name: String,
    value: String,
}

/// A line of the box above the form: what is wrong, and where to mend it.
struct Wrong {
    href: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "shop/checkout.html")]
struct CheckoutPage {
    chrome: Chrome,
    event_name: String,
    event_date: String,
    event_time: String,
    back: String,
    action: String,
    hidden: Vec<Hidden>,
    name: Typed,
    email: Typed,
    tickets: Vec<Ticket>,
    transfer_chosen: bool,
    payment_error: Option<String>,
    errors: Vec<Wrong>,
    free: bool,
    payable: bool,
    no_payment_text: String,
    contract: String,
    lines: Vec<Line>,
    total: String,
    taxes: Vec<Tax>,
}

/// What the form says, checked.
struct Checked {
    buyer: Buyer,
    /// For each unit of the cart in order.
    names: Vec<String>,
    provider: Provider,
}

/// `GET /{organizer}/{event}/checkout?i4=2&key=…`.
pub async fn show(
    State(app): State<App>,
    visit: Visit,
    Path((organizer, event)): Path<(String, String)>,
) -> Result<Response, Trouble> {
    let tongue = visit.tongue;
    let shelf = shelf(&app, tongue, &organizer, &event).await?;
    let fields = Fields::of(visit.query.clone());
    let cart = fields.cart();
    let known = cart.lines.iter().all(|l| shelf.items.iter().any(|i| i.row.item_id == l.article.item_id));
    if cart.lines.is_empty() || !known {
        return Ok(Redirect::to(&tongue.link(&shelf.path())).into_response());
    }
    if fields.key().is_none() {
        // Somebody wrote the address by hand: the page must keep its key when it is loaded again.
        let key = RequestId::born(app.now(), &*app.entropy);
        let to = format!("{}/checkout?{}&key={key}", shelf.path(), cart_query(&cart));
        return Ok(Redirect::to(&tongue.link(&to)).into_response());
    }
    let mut wrong = Mistakes::default();
    if let Err(error) = shelf.try_cart(&app, &cart) {
        wrong.refused = Some(shelf.sentence(tongue.words(), &error));
    }
    shown(tongue, &shelf, &fields, &cart, wrong, StatusCode::OK)
}

/// `GET /{organizer}/{event}/order`: somebody came back to the address of a form that was refused.
pub async fn back(visit: Visit) -> Response {
    let event = visit.path.strip_suffix("/order").unwrap_or("/");
    Redirect::to(&visit.tongue.link(event)).into_response()
}

/// `POST /{organizer}/{event}/order`.
pub async fn place(
    State(app): State<App>,
    client: Client,
    visit: Visit,
    Path((organizer, event)): Path<(String, String)>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Response, Trouble> {
    let tongue = visit.tongue;
    from_here(tongue, &headers, &app)?;
    app.limits.check(Limit::Orders, &client.to_string(), app.clock.monotonic_ms()).map_err(Trouble::of(tongue))?;
    let shelf = shelf(&app, tongue, &organizer, &event).await?;
    let fields = Fields::of(pairs);
    let cart = fields.cart();
    let checked = match check(tongue, &fields, &shelf, &cart) {
        Ok(checked) => checked,
        Err(wrong) => return shown(tongue, &shelf, &fields, &cart, wrong, StatusCode::UNPROCESSABLE_ENTITY),
    };
    let wish = Wish {
        event_id: shelf.event.row.event_id,
        cart: shelf.attached(&cart),
        buyer: checked.buyer,
        attendee_names: checked.names,
        provider: checked.provider,
        channel: Channel::Web,
        request_id: fields.key(),
    };
    match placed(&app, shelf.organizer, &wish).await {
        Ok(placed) => {
            let to = links::path(&app, &shelf.seller.slug, &shelf.event.slug, &placed.code, placed.order_id);
            Ok(Redirect::to(&tongue.link(&to)).into_response())
        }
        Err(PlaceError::Refused(error)) => {
            let refused = Some(shelf.sentence(tongue.words(), &error));
            let late = matches!(error, OrderError::SoldOut { .. } | OrderError::Closed);
            let status = if late { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
            shown(tongue, &shelf, &fields, &cart, Mistakes { refused, ..Mistakes::default() }, status)
        }
        Err(PlaceError::Payment) => {
            let wrong =
                Mistakes { payment: Some(tongue.words().errors.payment_missing.clone()), ..Mistakes::default() };
            shown(tongue, &shelf, &fields, &cart, wrong, StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(PlaceError::NoEvent) => Err(Trouble::NotFound(tongue)),
        Err(error @ (PlaceError::AnotherRequest | PlaceError::Failed(_))) => Err(Trouble::Failed(tongue, error.into())),
    }
}

async fn placed(app: &App, organizer: OrganizerId, wish: &Wish) -> Result<Placed, PlaceError> {
    let mut tx = app.begin(organizer).await?;
    let placed = orders::place(&mut tx, app, wish).await?;
    tx.commit().await.map_err(Failure::from)?;
    Ok(placed)
}

/// What is wrong with a form, field by field.
#[derive(Default)]
struct Mistakes {
    /// What the rules say of the cart.
    refused: Option<String>,
    name: Option<String>,
    email: Option<String>,
    payment: Option<String>,
    /// By the name of the field.
    tickets: Vec<(String, String)>,
}

impl Mistakes {
    fn none(&self) -> bool {
        self.refused.is_none()
            && self.name.is_none()
            && self.email.is_none()
            && self.payment.is_none()
            && self.tickets.is_empty()
    }

    /// For the box above the form, in the order of the fields.
    fn listed(&self, change: &str) -> Vec<Wrong> {
        let line =
            |href: &str, detail: &Option<String>| detail.clone().map(|detail| Wrong { href: href.to_owned(), detail });
        let tickets =
            self.tickets.iter().map(|(field, detail)| Wrong { href: format!("#{field}"), detail: detail.clone() });
        line(change, &self.refused)
            .into_iter()
            .chain(line("#name", &self.name))
            .chain(line("#email", &self.email))
            .chain(tickets)
            .chain(line("#payment", &self.payment))
            .collect()
    }
}

fn sentence(words: &Words, error: buyer::BuyerError) -> String {
    let errors = &words.errors;
    match error {
        buyer::BuyerError::NameMissing => errors.name_missing.clone(),
        buyer::BuyerError::NameTooLong(most) => fill(&errors.name_long, &[("n", &most.to_string())]),
        buyer::BuyerError::EmailMissing => errors.email_missing.clone(),
        buyer::BuyerError::EmailWrong => errors.email_wrong.clone(),
    }
}

fn check(tongue: Tongue, fields: &Fields, shelf: &Shelf, cart: &Cart) -> Result<Checked, Mistakes> {
    let words = tongue.words();
    let mut wrong = Mistakes::default();
    let name = buyer::name(fields.text("name")).map_err(|e| wrong.name = Some(sentence(words, e)));
    let email = buyer::email(fields.text("email")).map_err(|e| wrong.email = Some(sentence(words, e)));
    let mut names = Vec::new();
    for (field, _) in named(&shelf.units(cart)) {
        match buyer::optional_name(fields.text(&field)) {
            Ok(name) => names.push(name),
            Err(error) => wrong.tickets.push((field, sentence(words, error))),
        }
    }
    let free = total(shelf, cart).is_none_or(|t| t.minor == 0);
    let provider = if free { Ok(Provider::Free) } else { fields.text("payment").parse() };
    let provider = provider.map_err(|_| wrong.payment = Some(words.errors.payment_missing.clone()));
    match (name, email, provider) {
        (Ok(name), Ok(email), Ok(provider)) if wrong.none() => {
            Ok(Checked { buyer: Buyer { name, email, language: tongue.language }, names, provider })
        }
        _ => Err(wrong),
    }
}

/// What the cart costs; `None` when it holds something that is not there.
fn total(shelf: &Shelf, cart: &Cart) -> Option<Money> {
    cart.lines.iter().try_fold(Money::zero(shelf.event.row.currency), |sum, line| {
        let item = shelf.items.iter().find(|i| i.row.item_id == line.article.item_id)?;
        let price = item.row.price_in(line.article.variation_id);
        sum.plus(price.times(i64::from(line.quantity)).ok()?).ok()
    })
}

/// The field for the name of each unit, counted by article, and its product.
fn named<'a>(units: &[(Article, &'a ShopItem)]) -> Vec<(String, &'a ShopItem)> {
    let mut counted: BTreeMap<Article, u32> = BTreeMap::new();
    let field = |(article, item): &(Article, &'a ShopItem)| {
        let nth = counted.entry(*article).or_default();
        *nth += 1;
        (name_field(*article, *nth), *item)
    };
    units.iter().map(field).collect()
}

fn tickets(words: &Words, fields: &Fields, shelf: &Shelf, cart: &Cart, wrong: &Mistakes) -> Vec<Ticket> {
    let units = shelf.units(cart);
    let mut tickets: Vec<Ticket> = Vec::new();
    for ((article, item), (field, _)) in units.iter().zip(named(&units)) {
        if !item.row.admission {
            continue;
        }
        let (n, product) = ((tickets.len() + 1).to_string(), item.row.name_in(article.variation_id));
        tickets.push(Ticket {
            label: fill(&words.checkout.ticket_name, &[("n", &n), ("product", &product)]),
            value: fields.text(&field).to_owned(),
            error: wrong.tickets.iter().find(|(of, _)| *of == field).map(|(_, detail)| detail.clone()),
            field,
        });
    }
    tickets
}

fn shown(
    tongue: Tongue,
    shelf: &Shelf,
    fields: &Fields,
    cart: &Cart,
    wrong: Mistakes,
    status: StatusCode,
) -> Result<Response, Trouble> {
    let (language, words) = (tongue.language, tongue.words());
    let date = cart.lines.iter().find_map(|l| l.article.date_id);
    let row = &shelf.event.row.clone().on(shelf.date(date));
    let units = shelf.units(cart);
    let names: Vec<String> = units.iter().map(|(article, item)| item.row.name_in(article.variation_id)).collect();
    let price = |(article, item): &(Article, &ShopItem)| item.row.price_in(article.variation_id);
    let zero = Money::zero(row.currency);
    let sum = total(shelf, cart).unwrap_or(zero);
    let free = sum.minor == 0;
    let when = language.when(row.starts_at, row.ends_at, row.admission_at, &row.zone);
    let back = tongue.link(&format!("{}?{}#tickets", shelf.path(), cart_query(cart)));
    let here = format!("{}/checkout?{}&key={}", shelf.path(), cart_query(cart), fields.text("key"));
    let hidden = cart_fields(cart).into_iter().map(|(name, value)| Hidden { name, value });
    let key = Hidden { name: "key".into(), value: fields.text("key").to_owned() };
    let whole = CheckoutPage {
        chrome: Chrome::new(tongue, &words.checkout.title, &here, Some(&shelf.seller)),
        event_name: row.name.clone(),
        event_date: when.date,
        event_time: when.until.map_or(when.time.clone(), |until| format!("{}, {until}", when.time)),
        action: tongue.link(&format!("{}/order", shelf.path())),
        hidden: hidden.chain([key]).collect(),
        errors: wrong.listed(&back),
        tickets: tickets(words, fields, shelf, cart, &wrong),
        name: Typed { value: fields.text("name").to_owned(), error: wrong.name },
        email: Typed { value: fields.text("email").to_owned(), error: wrong.email },
        // There is one way to pay: it is chosen before anybody asks.
        transfer_chosen: shelf.event.takes_bank_transfer,
        payment_error: wrong.payment,
        free,
        payable: free || shelf.event.takes_bank_transfer,
        no_payment_text: fill(&words.checkout.no_payment_text, &[("organizer", &shelf.seller.name)]),
        contract: fill(&words.checkout.contract, &[("organizer", shelf.seller.contract_name())]),
        lines: lines_of(language, words, units.iter().zip(&names).map(|(u, name)| (u.0, name.as_str(), price(u)))),
        total: language.money(sum),
        taxes: taxes_of(language, words, units.iter().map(|u| (price(u), u.1.row.tax_rate_bp)), zero),
        back,
    };
    page(status, Keep::Nobody, &whole).map_err(Trouble::of(tongue))
}
