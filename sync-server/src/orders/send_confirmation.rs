//! The mail about an order: what it says follows from where the order stands when it is sent.

use super::{FullOrder, dates_of, find, links, lock};
use crate::{
    app::App,
    catalog::{self, Seller, ShopEvent},
    http::Failure,
    jobs::{self, Class, Job, registry::Hopeless},
    mail::Letter,
    shop::{
        accent,
        view::{Line, lines_of, names_of, text_lines},
        words::{Words, fill, tag, words},
    },
    tx::Tx,
};
use anyhow::Context;
use askama::Template;
use serde::{Deserialize, Serialize};
use willcall_domain::{
    id::{OrderId, OrganizerId},
    orders::OrderStatus,
};

/// What happened that the buyer must hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Placed,
    Paid,
    Canceled,
    Expired,
    /// Nothing new: somebody asked for the mail again.
    Again,
}

impl About {
    /// Whether this is still the news, or another mail about what came after it is on its way.
    fn is_news(self, status: OrderStatus) -> bool {
        match self {
            Self::Placed => status == OrderStatus::Pending,
            Self::Paid => status == OrderStatus::Paid,
            Self::Canceled => status == OrderStatus::Canceled,
            Self::Expired => status == OrderStatus::Expired,
            Self::Again => true,
        }
    }
}

/// One mail about one order. It carries no address: that is read when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendConfirmation {
    pub order_id: OrderId,
    pub about: About,
}

impl Job for SendConfirmation {
    const KIND: &'static str = "orders.send_confirmation";
    const CLASS: Class = Class::Mail;
}

/// Sends the mail that fits the order's present state once more.
///
/// # Errors
/// When there is no such order, it has no address, or the database is away.
pub async fn resend(tx: &mut Tx, id: OrderId) -> Result<(), Failure> {
    lock(tx, id).await?;
    jobs::enqueue(tx, &SendConfirmation { order_id: id, about: About::Again }).await?;
    tracing::info!(organizer = tx.organizer.0, order = %id, "mail asked for again");
    Ok(())
}

/// # Errors
/// When the mail cannot be written or handed over; the job is tried again, unless that cannot help.
pub async fn run(app: App, organizer: OrganizerId, job: SendConfirmation) -> anyhow::Result<()> {
    let mut tx = app.begin(organizer).await?;
    let order = find(&mut tx, job.order_id).await?.context("the order is gone")?;
    // Sold at a till to nobody in particular, or overtaken by what happened since.
    if order.email.is_empty() || !job.about.is_news(order.status) {
        return Ok(());
    }
    let mut event = catalog::event_by_id(&mut tx, order.event_id).await?.context("the event is gone")?;
    let dates = dates_of(&mut tx, &order).await?;
    event.row = event.row.on(dates.first());
    let seller = catalog::seller(&mut tx).await?;
    tx.rollback().await?;
    let names = names_of(order.language, &event.row.zone, &order, &dates);
    let letter = letter(&app, (&seller, &event), (&order, &names))?;
    match app.mailer.send(letter, &*app.clock, &*app.entropy).await {
        Ok(()) => {
            app.metrics.mail_sent();
            Ok(())
        }
        Err(error) if error.is_final() => Err(Hopeless(error.to_string()).into()),
        Err(error) => Err(error.into()),
    }
}

/// What both forms of the mail say.
struct Content<'a> {
    words: &'static Words,
    tag: &'static str,
    subject: String,
    greeting: String,
    text: String,
    event_name: &'a str,
    event_date: String,
    event_time: String,
    event_location: &'a str,
    lines: Vec<Line>,
    total: String,
    pending: bool,
    alive: bool,
    bank_details: Vec<String>,
    code: &'a str,
    open: &'static str,
    url: String,
    sender: String,
    address: Vec<String>,
    accent: String,
    on_accent: String,
}

#[derive(Template)]
#[template(path = "mail/order.txt", escape = "none")]
struct Plain<'a> {
    c: &'a Content<'a>,
}

#[derive(Template)]
#[template(path = "mail/order.html")]
struct Html<'a> {
    c: &'a Content<'a>,
}

fn letter(
    app: &App,
    (seller, event): (&Seller, &ShopEvent),
    (order, names): (&FullOrder, &[String]),
) -> anyhow::Result<Letter> {
    let content = content(app, (seller, event), (order, names));
    Ok(Letter {
        to: ascii_domain(&order.email),
        to_name: order.name.clone(),
        from_name: seller.name.clone(),
        text: Plain { c: &content }.render()?,
        html: Some(Html { c: &content }.render()?),
        subject: content.subject,
        ..Letter::default()
    })
}

/// `names`: what each position is called.
fn content<'a>(
    app: &App,
    (seller, event): (&Seller, &'a ShopEvent),
    (order, names): (&'a FullOrder, &[String]),
) -> Content<'a> {
    let (language, words) = (order.language, words(order.language));
    let mail = &words.mail;
    let when = language.when(event.row.starts_at, event.row.ends_at, event.row.admission_at, &event.row.zone);
    let until = order.expires_at.map(|at| language.when(at, None, None, &event.row.zone));
    let until = until.map(|w| format!("{}, {}", w.date, w.time)).unwrap_or_default();
    let (subject, text) = match order.status {
        OrderStatus::Pending => (&mail.pending_subject, &mail.pending_text),
        OrderStatus::Paid => (&mail.paid_subject, &mail.paid_text),
        OrderStatus::Canceled => (&mail.canceled_subject, &mail.canceled_text),
        OrderStatus::Expired => (&mail.expired_subject, &mail.expired_text),
    };
    let values = [("code", order.code.as_str()), ("event", &event.row.name), ("until", &until)];
    let colours = accent::Colours::of(&seller.accent);
    let mut address = text_lines(&seller.address);
    address.insert(0, seller.contract_name().to_owned());
    let lines = order.positions.iter().zip(names).map(|(p, name)| (p.article(), name.as_str(), p.price));
    Content {
        words,
        tag: tag(language),
        subject: fill(subject, &values),
        greeting: fill(&mail.greeting, &[("name", &order.name)]),
        text: fill(text, &values),
        event_name: &event.row.name,
        event_date: when.date,
        event_time: when.time,
        event_location: &event.row.location,
        lines: lines_of(language, words, lines),
        total: language.money(order.total),
        pending: order.status == OrderStatus::Pending,
        alive: order.status.holds_places(),
        bank_details: text_lines(&seller.bank_details),
        code: &order.code,
        open: if order.status == OrderStatus::Paid { &mail.open_tickets } else { &mail.open_order },
        url: links::url(app, &seller.slug, &event.slug, &order.code, order.order_id),
        sender: fill(&mail.sender, &[("organizer", &seller.name)]),
        address,
        accent: colours.light.accent.hex(),
        on_accent: colours.light.on_accent.hex(),
    }
}

/// Mail servers want the domain in ASCII; what cannot be written so is left for them to refuse.
fn ascii_domain(email: &str) -> String {
    let Some((local, domain)) = email.rsplit_once('@') else { return email.to_owned() };
    match url::Host::parse(domain) {
        Ok(host) => format!("{local}@{host}"),
        Err(_) => email.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_that_was_overtaken_by_events_is_not_sent() {
        assert!(About::Placed.is_news(OrderStatus::Pending));
        assert!(!About::Placed.is_news(OrderStatus::Paid), "the mail with the tickets is on its way");
        assert!(!About::Paid.is_news(OrderStatus::Canceled));
        assert!(OrderStatus::ALL.into_iter().all(|status| About::Again.is_news(status)));
    }

    #[test]
    fn a_domain_with_umlauts_is_written_so_that_mail_servers_take_it() {
        assert_eq!(ascii_domain("a@bühne.de"), "a@xn--bhne-0ra.de");
        assert_eq!(ascii_domain("a@example.org"), "a@example.org");
    }
}
