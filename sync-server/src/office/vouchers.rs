//! Vouchers of an event: making them, naming the till each is spent at, switching one off. What was done to one, and by
//! whom, is shown with it.

use super::{
    desk::Desk,
    form::{Errors, Typed},
    format,
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::{
        edit::{self, EventFull, Refused},
        voucher::{self, Listed, Logged},
    },
    devices::edit as devices,
    http::Failure,
    leases::Person,
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    catalog::{
        VoucherEffect,
        draft::{self, VoucherDraft, VoucherTyped, Wrong},
    },
    devices::Role,
    id::{EventId, VoucherId},
};

#[derive(Template)]
#[template(path = "office/vouchers.html")]
struct Page {
    f: Frame,
    event: String,
    back: String,
    here: String,
    vouchers: Vec<Line>,
}

struct Line {
    code: String,
    effect: String,
    product: String,
    home: String,
    state: String,
    tone: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "office/voucher_new.html")]
struct NewPage {
    f: Frame,
    event: String,
    back: String,
    typed: Typed,
    errors: Errors,
    kinds: Vec<Choice>,
    items: Vec<Choice>,
    homes: Vec<Choice>,
}

#[derive(Template)]
#[template(path = "office/voucher.html")]
struct OnePage {
    f: Frame,
    event: String,
    back: String,
    line: Line,
    log: Vec<String>,
    errors: Errors,
    homes: Vec<Choice>,
    active: bool,
}

struct Choice {
    value: String,
    name: String,
    chosen: bool,
}

/// `GET …/vouchers`.
///
/// # Errors
/// When there is no such event, or the database is away.
pub async fn show(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let here = desk.url(format_args!("/events/{}/vouchers", event.event_id));
    let vouchers = voucher::list(&mut tx, event.event_id).await?;
    page::show(&Page {
        f: desk.frame("events"),
        back: desk.url(format_args!("/events/{}", event.event_id)),
        event: event.draft.name,
        vouchers: vouchers.iter().map(|one| line(&desk, one, &here)).collect(),
        here,
    })
}

fn line(desk: &Desk, one: &Listed, here: &str) -> Line {
    let (words, of) = (desk.words, &one.voucher);
    let orders = one.orders.join(", ");
    let (state, tone) = match (&one.holder, of.active) {
        _ if of.uses > 1 => (fill(&words.voucher_spent_twice, &[&orders]), "bad"),
        _ if of.uses > 0 => (fill(&words.voucher_spent, &[&orders]), ""),
        (Some(till), _) => (fill(&words.voucher_with, &[till]), "good"),
        (None, false) => (words.is_off.clone(), "warn"),
        (None, true) => (words.voucher_free.clone(), "good"),
    };
    Line {
        code: of.code.clone(),
        effect: match of.effect {
            VoucherEffect::SetPrice { price } => fill(&words.voucher_sets, &[&desk.language.money(price)]),
            VoucherEffect::AmountOff { amount } => fill(&words.voucher_takes, &[&desk.language.money(amount)]),
            VoucherEffect::PercentOff { percent_bp } => fill(&words.voucher_takes, &[&desk.language.rate(percent_bp)]),
        },
        product: one.item_name.clone().unwrap_or_else(|| words.any_product.clone()),
        home: one.home_name.clone().unwrap_or_else(|| words.no_home_till.clone()),
        state,
        tone,
        href: format!("{here}/{}", of.voucher_id),
    }
}

/// The tills of an event, to choose from.
async fn homes(desk: &Desk, tx: &mut Tx, event: EventId, chosen: &str) -> Result<Vec<Choice>, Failure> {
    let all = devices::all(tx).await?.into_iter();
    let tills = all.filter(|d| d.role == Role::Till && d.revoked_at.is_none());
    let none = Choice { value: String::new(), name: desk.words.no_home_till.clone(), chosen: chosen.is_empty() };
    let each = tills.filter(|d| d.all_events || d.event_ids.contains(&event)).map(|d| {
        let value = d.device_id.to_string();
        Choice { chosen: value == chosen, value, name: d.name }
    });
    Ok(std::iter::once(none).chain(each).collect())
}

async fn form(desk: &Desk, tx: &mut Tx, event: &EventFull, typed: Typed, wrong: &[Wrong]) -> Result<NewPage, Failure> {
    let words = desk.words;
    let tills = homes(desk, tx, event.event_id, typed.text("home")).await?;
    let listed = edit::list_items(tx, event.event_id).await?;
    let kind = |value: &str, name: &str| Choice {
        value: value.to_owned(),
        name: name.to_owned(),
        chosen: typed.text("kind") == value,
    };
    let chosen = typed.text("item").to_owned();
    let any = Choice { value: String::new(), name: words.any_product.clone(), chosen: chosen.is_empty() };
    let items = listed.into_iter().map(|item| {
        let value = item.item_id.to_string();
        Choice { chosen: value == chosen, value, name: item.draft.name }
    });
    Ok(NewPage {
        f: desk.frame("events"),
        event: event.draft.name.clone(),
        back: desk.url(format_args!("/events/{}/vouchers", event.event_id)),
        kinds: vec![
            kind("percent_off", &words.percent_off),
            kind("amount_off", &words.amount_off),
            kind("set_price", &words.set_price),
        ],
        items: std::iter::once(any).chain(items).collect(),
        homes: tills,
        errors: Errors::new(wrong, words, desk.language),
        typed,
    })
}

/// `GET …/vouchers/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn new(desk: Desk, Path((_, event)): Path<(String, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let typed = Typed::of([("count", "10".to_owned()), ("kind", "percent_off".to_owned())]);
    page::show(&form(&desk, &mut tx, &event, typed, &[]).await?)
}

fn read(desk: &Desk, event: &EventFull, typed: &Typed) -> Result<VoucherDraft, Vec<Wrong>> {
    let typed = VoucherTyped {
        codes: typed.text("codes"),
        count: typed.text("count"),
        kind: typed.text("kind"),
        value: typed.text("value"),
        item: typed.text("item"),
        home: typed.text("home"),
    };
    typed.read(event.draft.currency, desk.app.entropy.as_ref())
}

/// `POST …/vouchers/new`.
///
/// # Errors
/// When there is no such event, this person may only look, or the database is away.
pub async fn create(desk: Desk, Path((_, event)): Path<(String, i64)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let by = Person { id: desk.caller.staff, name: &desk.caller.name };
    let made = match read(&desk, &event, &typed) {
        Ok(draft) => voucher::make(&mut tx, event.event_id, &draft, by).await.map(drop),
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    match made {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/vouchers?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => {
            // What was made of the codes before the one that is taken goes with the old transaction.
            tx.rollback().await?;
            let mut tx = desk.begin_change().await?;
            page::show_refused(&form(&desk, &mut tx, &event, typed, &wrong).await?)
        }
        Err(Refused::Failed(failure)) => Err(failure),
    }
}

async fn one(desk: &Desk, tx: &mut Tx, event: &EventFull, id: VoucherId, wrong: &[Wrong]) -> Result<OnePage, Failure> {
    let found = voucher::find(tx, event.event_id, id).await?;
    let log = voucher::log(tx, id).await?;
    let back = desk.url(format_args!("/events/{}/vouchers", event.event_id));
    let home = found.voucher.home.map(|device| device.to_string()).unwrap_or_default();
    Ok(OnePage {
        f: desk.frame("events"),
        event: event.draft.name.clone(),
        line: line(desk, &found, &back),
        back,
        log: log.iter().map(|logged| says(desk, logged, &event.draft.zone)).collect(),
        errors: Errors::new(wrong, desk.words, desk.language),
        homes: homes(desk, tx, event.event_id, &home).await?,
        active: found.voucher.active,
    })
}

fn says(desk: &Desk, logged: &Logged, zone: &str) -> String {
    let words = desk.words;
    let what = match (logged.what.as_str(), &logged.device) {
        ("made", _) => words.voucher_made.clone(),
        ("home", Some(till)) => fill(&words.voucher_home_named, &[till]),
        ("home", None) => words.voucher_home_none.clone(),
        ("on", _) => words.voucher_on.clone(),
        (_, _) => words.voucher_off.clone(),
    };
    format!("{} · {} · {what}", format::moment(logged.at, zone, desk.language), logged.person)
}

/// `GET …/vouchers/{voucher}`.
///
/// # Errors
/// When there is no such voucher, or the database is away.
pub async fn edit(desk: Desk, Path((_, event, id)): Path<(String, i64, i64)>) -> Result<Response, Failure> {
    let mut tx = desk.begin().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    page::show(&one(&desk, &mut tx, &event, VoucherId(id), &[]).await?)
}

/// `POST …/vouchers/{voucher}`: its home till, and whether it is on.
///
/// # Errors
/// When there is no such voucher, this person may only look, or the database is away.
pub async fn update(
    desk: Desk,
    Path((_, event, id)): Path<(String, i64, i64)>,
    typed: Typed,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = edit::find_event(&mut tx, EventId(event)).await?;
    let by = Person { id: desk.caller.staff, name: &desk.caller.name };
    let id = VoucherId(id);
    let changed = match draft::home(typed.text("home")) {
        Ok(home) => match voucher::set_home(&mut tx, event.event_id, id, home, by).await {
            Ok(()) => voucher::set_active(&mut tx, event.event_id, id, typed.is("active"), by).await,
            refused => refused,
        },
        Err(error) => Err(Refused::field("home", error)),
    };
    match changed {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/events/{}/vouchers/{id}?done=saved", event.event_id))))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&one(&desk, &mut tx, &event, id, &wrong).await?),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
