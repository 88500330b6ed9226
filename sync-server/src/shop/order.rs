//! The page of one order, behind its secret link: where it stands, what to do, the tickets.

use super::{
    calendar,
    page::{Keep, Notice, Trouble, Visit, house, page},
    view::{Chrome, Line, Tax, Tongue, lines_of, moment, names_of, price_text, taxes_of, text_lines},
    words::fill,
};
use crate::{
    app::App,
    catalog::{self, Seller, ShopEvent},
    orders::{self, FullOrder, FullPosition, links},
    ticketing::{self, Tickets},
};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use willcall_domain::{
    catalog::{DateRow, EventRow},
    money::Money,
    orders::OrderStatus,
};

struct Stub {
    product: String,
    date: Option<String>,
    name: String,
    price: String,
    off: bool,
}

/// Tickets, or what else was bought.
struct Part {
    title: &'static str,
    stubs: Vec<Stub>,
}

#[derive(Template)]
#[template(path = "shop/order.html")]
struct OrderPage {
    chrome: Chrome,
    state: &'static str,
    order_title: String,
    headline: String,
    text: String,
    code: String,
    event_name: String,
    event_href: String,
    event_date: String,
    event_time: String,
    event_location: String,
    pdf_href: String,
    calendar_href: String,
    download: &'static str,
    has_tickets: bool,
    bank_details: Vec<String>,
    until: Option<String>,
    parts: Vec<Part>,
    lines: Vec<Line>,
    total: String,
    taxes: Vec<Tax>,
    buyer: String,
    placed_at: String,
}

/// Organizer, event, code and secret of an order's address.
type Address = (String, String, String, String);

/// An order whose secret was right, and what belongs to it.
struct Opened {
    seller: Seller,
    event: ShopEvent,
    /// The dates of its positions, the earliest first.
    dates: Vec<DateRow>,
    order: FullOrder,
}

impl Opened {
    /// A wrong secret, a wrong code and a wrong event look the same from outside.
    async fn at(app: &App, tongue: Tongue, (organizer, event, code, secret): &Address) -> Result<Self, Trouble> {
        let (mut tx, seller) = house(app, tongue, organizer).await?;
        let found = orders::find_by_code(&mut tx, code).await.map_err(Trouble::sql(tongue))?;
        let order = found.filter(|o| app.secrets.is_order_link(o.order_id, secret)).ok_or(Trouble::NotFound(tongue))?;
        let of = catalog::event_by_id(&mut tx, order.event_id).await.map_err(Trouble::sql(tongue))?;
        let event = of.filter(|e| e.slug == *event).ok_or(Trouble::NotFound(tongue))?;
        let dates = orders::dates_of(&mut tx, &order).await.map_err(Trouble::sql(tongue))?;
        Ok(Self { seller, event, dates, order })
    }

    /// The event as it is on the first of the order's dates.
    fn first(&self) -> EventRow {
        self.event.row.clone().on(self.dates.first())
    }

    /// The language the buyer ordered in, unless another is chosen here.
    fn tongue(&self, asked: Tongue) -> Tongue {
        if asked.chosen { asked } else { Tongue { language: self.order.language, chosen: false } }
    }

    fn path(&self, app: &App) -> String {
        links::path(app, &self.seller.slug, &self.event.slug, &self.order.code, self.order.order_id)
    }
}

/// `GET /{organizer}/{event}/order/{code}/{secret}`.
pub async fn show(State(app): State<App>, visit: Visit, Path(address): Path<Address>) -> Result<Response, Trouble> {
    let opened = Opened::at(&app, visit.tongue, &address).await?;
    let tongue = opened.tongue(visit.tongue);
    let whole = whole(&app, tongue, &opened);
    page(StatusCode::OK, Keep::Nobody, &whole).map_err(Trouble::of(tongue))
}

fn whole(app: &App, tongue: Tongue, opened: &Opened) -> OrderPage {
    let Opened { seller, event, dates, order } = opened;
    let (language, words, row) = (tongue.language, tongue.words(), &opened.first());
    let until = order.expires_at.map(|at| moment(language, at, &row.zone));
    let total = language.money(order.total);
    let values = [
        ("code", order.code.as_str()),
        ("total", &total),
        ("email", &order.email),
        ("until", until.as_deref().unwrap_or_default()),
    ];
    let w = &words.order;
    let (headline, text) = match order.status {
        OrderStatus::Pending => (&w.pending_title, &w.pending_text),
        OrderStatus::Paid => (&w.paid_title, &w.paid_text),
        OrderStatus::Expired => (&w.expired_title, &w.expired_text),
        OrderStatus::Canceled => (&w.canceled_title, &w.canceled_text),
    };
    let when = language.when(row.starts_at, row.ends_at, row.admission_at, &row.zone);
    let path = opened.path(app);
    let stub = |p: &FullPosition| Stub {
        product: p.item_name.clone(),
        // Said once above, where all are of one.
        date: dates.iter().find(|d| Some(d.date_id) == p.date_id && dates.len() > 1).map(|d| {
            let at = moment(language, d.starts_at, &row.zone);
            if d.name.is_empty() { at } else { format!("{}, {at}", d.name) }
        }),
        // A ticket without a name says so; a programme has none to say.
        name: if p.admission && p.attendee_name.is_empty() { w.no_name.clone() } else { p.attendee_name.clone() },
        price: price_text(language, words, p.price),
        off: p.canceled || !order.status.holds_places(),
    };
    let tickets = order.positions.iter().filter(|p| p.admission && !p.canceled).count();
    let stubs = |admission| order.positions.iter().filter(|p| p.admission == admission).map(stub).collect();
    let names = names_of(language, &row.zone, order, dates);
    let lines = order.positions.iter().zip(&names).map(|(p, name)| (p.article(), name.as_str(), p.price));
    let parts = [Part { title: &w.tickets, stubs: stubs(true) }, Part { title: &w.other, stubs: stubs(false) }];
    let order_title = fill(&w.title, &values);
    OrderPage {
        chrome: Chrome::new(tongue, &order_title, &path, Some(seller)),
        state: order.status.as_str(),
        headline: fill(headline, &values),
        text: fill(text, &values),
        code: order.code.clone(),
        event_name: row.name.clone(),
        event_href: tongue.link(&format!("/{}/{}", seller.slug, event.slug)),
        event_date: when.date,
        event_time: when.until.map_or(when.time.clone(), |until| format!("{}, {until}", when.time)),
        event_location: row.location.clone(),
        pdf_href: tongue.link(&format!("{path}/tickets.pdf")),
        calendar_href: tongue.link(&format!("{path}/event.ics")),
        download: if tickets == 1 { &w.download_one } else { &w.download },
        has_tickets: tickets > 0,
        bank_details: text_lines(&seller.bank_details),
        parts: parts.into_iter().filter(|part| !part.stubs.is_empty()).collect(),
        lines: lines_of(language, words, lines),
        taxes: taxes_of(
            language,
            words,
            order.positions.iter().map(|p| (p.price, p.tax_rate_bp)),
            Money::zero(order.total.currency),
        ),
        total,
        until,
        buyer: order.name.clone(),
        placed_at: moment(language, order.placed_at, &row.zone),
        order_title,
    }
}

/// `GET …/tickets.pdf`. Before an order is paid there is nothing to load: the page says why.
pub async fn tickets(State(app): State<App>, visit: Visit, Path(address): Path<Address>) -> Result<Response, Trouble> {
    let opened = Opened::at(&app, visit.tongue, &address).await?;
    let tongue = opened.tongue(visit.tongue);
    let order = &opened.order;
    if order.status != OrderStatus::Paid || !order.positions.iter().any(|p| p.admission && !p.canceled) {
        return Ok(Redirect::to(&tongue.link(&opened.path(&app))).into_response());
    }
    let organizer = app.organizer_by_slug(&opened.seller.slug).await.map_err(Trouble::sql(tongue))?;
    let organizer = organizer.ok_or(Trouble::NotFound(tongue))?;
    match ticketing::tickets(&app, organizer, order.order_id, tongue.language).await.map_err(Trouble::of(tongue))? {
        Tickets::Ready(pdf) => Ok(file(pdf, "application/pdf", &format!("tickets-{}.pdf", order.code))),
        Tickets::InTheMaking => waiting(tongue, &opened, &tongue.link(&format!("{}/tickets.pdf", opened.path(&app)))),
    }
}

fn waiting(tongue: Tongue, opened: &Opened, href: &str) -> Result<Response, Trouble> {
    let words = &tongue.words().waiting;
    let notice = Notice {
        chrome: Chrome::new(tongue, &words.title, href, Some(&opened.seller)),
        title: &words.title,
        text: &words.text,
        reference: None,
        link: &words.retry,
        href: href.to_owned(),
        refresh: Some(3),
    };
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, Keep::Nobody, &notice).map_err(Trouble::of(tongue))?;
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("3"));
    Ok(response)
}

/// `GET …/event.ics`.
pub async fn calendar(State(app): State<App>, visit: Visit, Path(address): Path<Address>) -> Result<Response, Trouble> {
    let opened = Opened::at(&app, visit.tongue, &address).await?;
    let row = &opened.first();
    let entry = calendar::Entry {
        uid: format!("{}@willcall", opened.order.order_id),
        stamp: opened.order.placed_at,
        starts_at: row.starts_at,
        ends_at: row.ends_at,
        summary: &row.name,
        location: &row.location,
        url: &(app.public_url() + &opened.path(&app)),
    };
    Ok(file(calendar::file(&entry).into_bytes(), "text/calendar; charset=utf-8", &format!("{}.ics", opened.event.slug)))
}

/// A file to keep; `name` is made of codes and slugs, so it needs no quoting.
fn file(bytes: Vec<u8>, kind: &'static str, name: &str) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    let mut response = (headers, bytes).into_response();
    if let Ok(value) = HeaderValue::try_from(disposition) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
