//! One order: what was sold, paid and scanned, and what can be done with it.

use super::{
    case_words::{self, OrderWords},
    desk::Desk,
    door_words::{self, DoorWords},
    format, order_erase,
    orders::{channel_word, status_word},
    page::{self, Frame},
    store::{self, CaseRow, PaymentRow, ScanOfOrder},
    words::fill,
};
use crate::{
    app::Tx,
    catalog::edit::{self, EventFull},
    http::Failure,
    leases,
    orders::{
        self, FullOrder, FullPosition,
        door::{self, OrderDoor},
    },
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    clock::UtcMillis,
    id::PositionId,
    money::{Currency, Money},
    orders::OrderStatus,
    problem::{Code, Problem},
};

/// How many cases are shown with an order.
const CASES: i64 = 20;

#[derive(Template)]
#[template(path = "office/order.html")]
struct Page {
    f: Frame,
    d: &'static DoorWords,
    door: OrderDoor,
    may_approve: bool,
    code: String,
    here: String,
    status: &'static str,
    tone: &'static str,
    lead: String,
    /// Why what was asked for was not done.
    problem: Option<String>,
    may_mark_paid: bool,
    mark_paid: String,
    may_resend: bool,
    may_cancel: bool,
    positions: Vec<PositionLine>,
    total: String,
    scans: Vec<ScanLine>,
    name: String,
    email: String,
    event: String,
    event_href: String,
    channel: String,
    expires: String,
    canceled: String,
    link: String,
    payments: Vec<PaymentLine>,
    o: &'static OrderWords,
    may_erase: bool,
    /// Machines that were told to erase who bought it.
    machines: Vec<String>,
    cases: Vec<CaseLine>,
}

struct CaseLine {
    title: &'static str,
    /// How it was closed; that it is open.
    ending: String,
}

struct PositionLine {
    id: PositionId,
    ticket: bool,
    blocked: bool,
    product: String,
    name: String,
    price: String,
    door: String,
    off: bool,
}

struct ScanLine {
    at: String,
    product: String,
    gate: String,
    list: String,
    verdict: String,
    tone: &'static str,
    undone: bool,
}

struct PaymentLine {
    provider: &'static str,
    when: String,
    amount: String,
    state: &'static str,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "office/confirm.html")]
struct Confirm {
    f: Frame,
    title: String,
    back: String,
    back_name: String,
    lines: Vec<String>,
    act: &'static str,
}

/// `GET /office/{organizer}/orders/{code}`.
///
/// # Errors
/// When there is no such order here, or the database is away.
pub async fn show(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    page::show(&load(&desk, &code).await?)
}

pub(super) async fn found(tx: &mut Tx, code: &str) -> Result<FullOrder, Failure> {
    let order = orders::find_by_code(tx, code).await?;
    order.ok_or_else(|| Problem::new(Code::NotFound, "There is no such order.").into())
}

async fn load(desk: &Desk, code: &str) -> Result<Page, Failure> {
    let mut tx = desk.app.begin_snapshot(desk.caller.organizer).await?;
    let order = found(&mut tx, code).await?;
    let event = edit::find_event(&mut tx, order.event_id).await?;
    let facts = store::facts(&mut tx, order.order_id).await?;
    let door = door::of(&mut tx, order.order_id).await?;
    let payments = store::payments(&mut tx, order.order_id).await?;
    let scans = store::scans(&mut tx, order.order_id).await?;
    let machines = order_erase::machines(desk, &mut tx, order.order_id, &event.draft.zone).await?;
    let about = store::CaseFilter { order: Some(order.order_id), ..store::CaseFilter::default() };
    let cases = store::cases(&mut tx, about, CASES).await?;
    let (words, zone, language) = (desk.words, event.draft.zone.as_str(), desk.language);
    let moment = |at| format::moment(at, zone, language);
    let (status, tone) = status_word(words, order.status);
    let alive = order.status.holds_places();
    let mut channel = channel_word(words, &facts.channel).to_owned();
    if let Some(device) = facts.device {
        channel = format!("{channel} · {device}");
    }
    Ok(Page {
        f: desk.frame("orders"),
        d: door_words::of(desk.language),
        may_approve: door.needs_approval && alive,
        here: desk.url(format_args!("/orders/{}", order.code)),
        status,
        tone,
        lead: fill(&words.placed_lead, &[&moment(order.placed_at), &event.draft.name]),
        problem: None,
        may_mark_paid: order.status == OrderStatus::Pending,
        mark_paid: fill(&words.mark_paid, &[&language.money(order.total)]),
        may_resend: !order.email.is_empty(),
        may_cancel: alive,
        positions: order.positions.iter().map(|p| position_line(desk, p, alive, &door, &scans, zone)).collect(),
        door,
        total: language.money(order.total),
        scans: scans.iter().map(|scan| scan_line(desk, scan, zone)).collect(),
        event_href: desk.url(format_args!("/events/{}", event.event_id)),
        channel,
        expires: order.expires_at.filter(|_| order.status == OrderStatus::Pending).map(moment).unwrap_or_default(),
        canceled: facts.canceled_at.map(UtcMillis).map(moment).unwrap_or_default(),
        link: link(desk, &event, &order),
        payments: payments.iter().map(|p| payment_line(desk, p, order.total.currency, zone)).collect(),
        o: &case_words::of(desk.language).order,
        may_erase: order.status != OrderStatus::Pending && !(order.name.is_empty() && order.email.is_empty()),
        machines,
        cases: cases.iter().map(|case| case_line(desk, case)).collect(),
        code: order.code,
        name: order.name,
        email: order.email,
        event: event.draft.name,
    })
}

fn case_line(desk: &Desk, case: &CaseRow) -> CaseLine {
    let words = case_words::of(desk.language);
    let ending = match case.closed_at {
        Some(_) => words.ending(case.resolution.as_deref(), &case.person, &case.note),
        None => words.order.open.clone(),
    };
    CaseLine { title: words.kind(&case.kind).title, ending }
}

fn link(desk: &Desk, event: &EventFull, order: &FullOrder) -> String {
    orders::links::path(&desk.app, &desk.slug, &event.draft.slug, &order.code, order.order_id)
}

fn position_line(
    desk: &Desk,
    position: &FullPosition,
    alive: bool,
    of_door: &OrderDoor,
    scans: &[ScanOfOrder],
    zone: &str,
) -> PositionLine {
    let words = desk.words;
    let counted = |s: &&ScanOfOrder| {
        s.position_id == position.position_id.0 && !s.undone && matches!(s.class.as_str(), "admitted" | "look")
    };
    let door = match scans.iter().rfind(counted) {
        _ if !position.admission => words.no_ticket.clone(),
        None => words.not_in.clone(),
        Some(scan) => {
            let since = if scan.direction == "exit" { &words.out_since } else { &words.inside_since };
            fill(since, &[&format::clock(UtcMillis(scan.at), zone)])
        }
    };
    PositionLine {
        id: position.position_id,
        ticket: position.admission && alive && !position.canceled,
        blocked: of_door.blocked.contains(&position.position_id),
        product: position.item_name.clone(),
        name: position.attendee_name.clone(),
        price: desk.language.money(position.price),
        door,
        off: position.canceled || !alive,
    }
}

fn scan_line(desk: &Desk, scan: &ScanOfOrder, zone: &str) -> ScanLine {
    let words = desk.words;
    let (verdict, tone) = match (scan.class.as_str(), scan.direction.as_str()) {
        ("admitted" | "look", "exit") => (&words.class_exit, "way-out"),
        ("admitted", _) => (&words.class_admitted, "good"),
        ("look", _) => (&words.class_look, "look"),
        ("used", _) => (&words.class_used, "warn"),
        _ => (&words.class_refused, "bad"),
    };
    let undone = if scan.undone { format!(" ({})", words.undone) } else { String::new() };
    ScanLine {
        at: format::moment(UtcMillis(scan.at), zone, desk.language),
        product: scan.product.clone(),
        gate: scan.gate.clone(),
        list: scan.list.clone(),
        verdict: format!("{verdict}{undone}"),
        tone,
        undone: scan.undone,
    }
}

fn payment_line(desk: &Desk, payment: &PaymentRow, currency: Currency, zone: &str) -> PaymentLine {
    let words = desk.words;
    let (state, tone) = match payment.state.as_str() {
        "confirmed" => (&words.payment_confirmed, "good"),
        "created" => (&words.payment_created, "warn"),
        _ => (&words.payment_canceled, ""),
    };
    let at = UtcMillis(payment.confirmed_at.unwrap_or(payment.created_at));
    let when = format::moment(at, zone, desk.language);
    PaymentLine {
        provider: match payment.provider.as_str() {
            "free" => &words.provider_free,
            "cash" => &words.provider_cash,
            _ => &words.provider_bank_transfer,
        },
        when: payment.device.as_ref().map_or(when.clone(), |device| format!("{when} · {device}")),
        amount: desk.language.money(Money::new(payment.amount_minor, currency)),
        state,
        tone,
    }
}

/// `POST …/orders/{code}/mark-paid`.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn mark_paid(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let done = orders::mark_paid(&mut tx, order.order_id).await.map(|_| ());
    answer(&desk, tx, &code, "paid", done).await
}

/// `POST …/orders/{code}/resend`.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn resend(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let done = orders::resend(&mut tx, order.order_id).await;
    answer(&desk, tx, &code, "resent", done).await
}

/// `GET …/orders/{code}/cancel`: what it would mean.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn ask_cancel(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let payments = store::payments(&mut tx, order.order_id).await?;
    let scans = store::scans(&mut tx, order.order_id).await?;
    let words = desk.words;
    let count = |n: usize| format::count(i64::try_from(n).unwrap_or(i64::MAX), desk.language);
    let received = payments.iter().filter(|p| p.state == "confirmed").map(|p| p.amount_minor).sum();
    let entered =
        |id| scans.iter().any(|s| s.position_id == id && !s.undone && matches!(s.class.as_str(), "admitted" | "look"));
    let used = order.positions.iter().filter(|p| entered(p.position_id.0)).count();
    let mut lines = vec![fill(&words.cancel_lines, &[&count(order.positions.len())]), words.cancel_free.clone()];
    if received > 0 {
        let money = desk.language.money(Money::new(received, order.total.currency));
        lines.push(fill(&words.cancel_money, &[&money]));
    }
    if used > 0 {
        lines.push(fill(&words.cancel_used, &[&count(used)]));
    }
    page::show(&Confirm {
        f: desk.frame("orders"),
        title: fill(&words.cancel_title, &[&order.code]),
        back: desk.url(format_args!("/orders/{}", order.code)),
        back_name: order.code,
        lines,
        act: &words.cancel_act,
    })
}

/// `POST …/orders/{code}/cancel`.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn cancel(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    if let Some(till) = leases::recall_order(&mut tx, order.order_id).await? {
        // The wish that it be given back is kept; the order stays as it is.
        tx.commit().await?;
        let mut page = load(&desk, &code).await?;
        page.problem = Some(fill(&desk.words.order_held, &[&till]));
        return page::show_as(axum::http::StatusCode::CONFLICT, &page);
    }
    let done = orders::cancel(&mut tx, order.order_id).await.map(|_| ());
    answer(&desk, tx, &code, "canceled", done).await
}

/// Back to the order; what its state did not allow (somebody was faster) is said there.
pub(super) async fn answer(
    desk: &Desk,
    tx: Tx,
    code: &str,
    what: &str,
    done: Result<(), Failure>,
) -> Result<Response, Failure> {
    match done {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/orders/{code}?done={what}"))))
        }
        Err(failure) if failure.problem().code == Code::Conflict => {
            tx.rollback().await?;
            let mut page = load(desk, code).await?;
            page.problem = Some(fill(&desk.words.order_is, &[&page.status]));
            page::show_as(axum::http::StatusCode::CONFLICT, &page)
        }
        Err(failure) => Err(failure),
    }
}
