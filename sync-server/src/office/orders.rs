//! The list of orders: search, filter, page.

use super::{
    desk::Desk,
    format,
    page::{self, Frame},
    store::{self, Filter, OrderLine, PAGE},
    words::{Words, fill},
};
use crate::{catalog::edit, http::Failure};
use askama::Template;
use axum::{extract::Query, response::Response};
use serde::Deserialize;
use willcall_domain::{clock::UtcMillis, id::EventId, money::Money, orders::OrderStatus};

/// The longest text that is searched for.
const MAX_TEXT: usize = 100;

#[derive(Template)]
#[template(path = "office/orders.html")]
struct Page {
    f: Frame,
    found: String,
    q: String,
    statuses: Vec<Choice>,
    events: Vec<Choice>,
    orders: Vec<Line>,
    csv: String,
    newer: Option<String>,
    older: Option<String>,
    shown: String,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

struct Line {
    code: String,
    href: String,
    name: String,
    email: String,
    event: String,
    placed: String,
    channel: &'static str,
    tickets: i64,
    total: String,
    status: &'static str,
    tone: &'static str,
}

/// What the address may say. All text, so that a field left empty is no error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    q: String,
    status: String,
    event: String,
    page: String,
}

impl Asked {
    /// What is wanted; nonsense is no wish.
    #[must_use]
    pub fn filter(&self) -> Filter {
        Filter {
            text: self.q.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect(),
            status: self.status.parse().ok(),
            event: self.event.parse().ok().map(EventId),
        }
    }
}

/// `GET /office/{organizer}/orders`.
///
/// # Errors
/// When the database is away.
pub async fn show(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let filter = asked.filter();
    let mut tx = desk.app.begin_snapshot(desk.caller.organizer).await?;
    let wanted = asked.page.parse().unwrap_or(1_i64).saturating_sub(1).max(0);
    let (all, orders) = store::page(&mut tx, &filter, wanted).await?;
    let last = (all - 1).max(0) / PAGE;
    let nth = wanted.min(last);
    let events = edit::list_events(&mut tx).await?;
    let query = query(&filter);
    let to = |nth: i64| desk.url(format_args!("/orders?{query}page={}", nth + 1));
    let count = |n| format::count(n, desk.language);
    let shown_until = nth * PAGE + i64::try_from(orders.len()).unwrap_or(PAGE);
    let page = Page {
        f: desk.frame("orders"),
        found: if all == 1 { desk.words.found_one.clone() } else { fill(&desk.words.found_many, &[&count(all)]) },
        statuses: statuses(&desk, filter.status),
        events: event_choices(&desk, events, filter.event),
        csv: desk.url(format_args!("/orders.csv?{}", query.trim_end_matches('&'))),
        newer: (nth > 0).then(|| to(nth - 1)),
        older: (nth < last).then(|| to(nth + 1)),
        shown: fill(&desk.words.shown, &[&count(nth * PAGE + 1), &count(shown_until), &count(all)]),
        orders: orders.iter().map(|order| line(&desk, order)).collect(),
        q: filter.text,
    };
    page::show(&page)
}

/// The filter as it stands in an address, each pair with its `&` behind.
fn query(filter: &Filter) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !filter.text.is_empty() {
        query.append_pair("q", &filter.text);
    }
    if let Some(status) = filter.status {
        query.append_pair("status", status.as_str());
    }
    if let Some(event) = filter.event {
        query.append_pair("event", &event.to_string());
    }
    let query = query.finish();
    if query.is_empty() { query } else { query + "&" }
}

fn statuses(desk: &Desk, chosen: Option<OrderStatus>) -> Vec<Choice> {
    let any = Choice { value: String::new(), name: desk.words.any_status.clone(), chosen: chosen.is_none() };
    let each = OrderStatus::ALL.into_iter().map(|status| Choice {
        value: status.as_str().to_owned(),
        name: status_word(desk.words, status).0.to_owned(),
        chosen: chosen == Some(status),
    });
    std::iter::once(any).chain(each).collect()
}

fn event_choices(desk: &Desk, events: Vec<edit::EventFull>, chosen: Option<EventId>) -> Vec<Choice> {
    let any = Choice { value: String::new(), name: desk.words.any_event.clone(), chosen: chosen.is_none() };
    let each = events.into_iter().map(|event| Choice {
        value: event.event_id.to_string(),
        name: event.draft.name,
        chosen: chosen == Some(event.event_id),
    });
    std::iter::once(any).chain(each).collect()
}

fn line(desk: &Desk, order: &OrderLine) -> Line {
    let (status, tone) = order.status.parse().map_or(("?", ""), |status| status_word(desk.words, status));
    let total = order.currency.parse().map(|currency| desk.language.money(Money::new(order.total_minor, currency)));
    Line {
        href: desk.url(format_args!("/orders/{}", order.code)),
        code: order.code.clone(),
        name: order.name.clone(),
        email: order.email.clone(),
        event: order.event.clone(),
        placed: format::moment(UtcMillis(order.placed_at), &order.zone, desk.language),
        channel: channel_word(desk.words, &order.channel),
        tickets: order.positions,
        total: total.unwrap_or_default(),
        status,
        tone,
    }
}

/// A status in words, and its tone.
#[must_use]
pub fn status_word(words: &'static Words, status: OrderStatus) -> (&'static str, &'static str) {
    match status {
        OrderStatus::Pending => (&words.pending, "warn"),
        OrderStatus::Paid => (&words.paid, "good"),
        OrderStatus::Expired => (&words.expired, ""),
        OrderStatus::Canceled => (&words.canceled, "bad"),
    }
}

/// Where an order came from, in words.
#[must_use]
pub fn channel_word(words: &'static Words, channel: &str) -> &'static str {
    match channel {
        "till" => &words.till,
        "office" => &words.office,
        _ => &words.web,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_from_an_address_and_nonsense_is_no_wish() {
        let asked = Asked { q: " Müller\n& Co ".into(), status: "paid".into(), event: "7".into(), page: "x".into() };
        let filter = asked.filter();
        assert_eq!(
            filter,
            Filter { text: "Müller& Co".into(), status: Some(OrderStatus::Paid), event: Some(EventId(7)) }
        );
        assert_eq!(query(&filter), "q=M%C3%BCller%26+Co&status=paid&event=7&");
        let nonsense = Asked { status: "lost".into(), event: "all".into(), ..Asked::default() };
        assert_eq!(nonsense.filter(), Filter::default());
        assert_eq!(query(&Filter::default()), "");
    }
}
