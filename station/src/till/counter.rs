//! Web orders at the counter: taking the cash for one, or ending one and giving its money back. By its right alone, so
//! that nobody else does the same this moment; link or not, in one transaction.

use super::{sell, store, view, void};
use crate::{
    catalog,
    change_feed::Topic,
    copies,
    devices::disk,
    error::Fault,
    journal::{self, Pen},
    leases::rights::{self, Act, Acted, ask},
    station::Station,
};
use rusqlite::Transaction;
use serde_json::json;
use willcall_domain::{
    catalog::voucher::fold_code,
    id::{EntryId, OrderId, PaymentId, PositionId, RequestId},
    leases::{
        CounterLine, HeldRight, RightKind, RightSubject,
        right_view::{CounterOrder, PayOrderRequest, RefundOrderRequest},
    },
    money::Money,
    orders::OrderStatus,
    problem::{Code, Problem},
    sync::{Fact, fact::Paper},
    till::wire::{SaleView, SoldPosition, VoidView},
};

/// Longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// Takes cash for a web order. The same request again is the same payment.
///
/// # Errors
/// `needs-link` where its right is not here and the server cannot be reached, `conflict` where nothing is owed,
/// `underpaid`, or it could not be recorded: then it did not happen.
pub async fn pay_order(station: &Station, request: PayOrderRequest) -> Result<SaleView, Problem> {
    if let Some(done) = done_before(station, request.request_id).await? {
        return Ok(done);
    }
    let pen = ready(station, &request.code).await?;
    let paid = station.db().write(move |tx| pay(tx, &pen, &request)).await?;
    tracing::info!(order = %paid.order_id, receipt = paid.receipt_number, "a web order was paid here");
    station.feed().announce_fact(&[Topic::Till, Topic::Status]);
    Ok(paid)
}

/// Ends a web order, or some positions of a paid one, and gives the money back. The same request again is the same.
///
/// # Errors
/// As [`pay_order`]; `conflict` where the order has ended.
pub async fn refund_order(station: &Station, request: RefundOrderRequest) -> Result<SaleView, Problem> {
    let reason = request.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > LONGEST_REASON {
        return Err(Problem::field("reason", format!("Say why, in 1 to {LONGEST_REASON} characters.")));
    }
    if let Some(done) = done_before(station, request.request_id).await? {
        return Ok(done);
    }
    let pen = ready(station, &request.code).await?;
    let ended = station.db().write(move |tx| refund(tx, &pen, &request, &reason)).await?;
    tracing::info!(order = %ended.order_id, "a web order was ended here");
    station.feed().announce_fact(&[Topic::Till, Topic::Status, Topic::Door]);
    Ok(ended)
}

/// A request is its act's entry: it is recorded once.
async fn done_before(station: &Station, request: RequestId) -> Result<Option<SaleView>, Problem> {
    let read = move |tx: &Transaction<'_>| {
        rights::by_entry(tx, EntryId(request.0))?.map(|order| view::sale_view(tx, order)).transpose()
    };
    Ok(station.db().read(read).await?)
}

/// Sees that this till may act on the order, and is able to record it.
async fn ready(station: &Station, code: &str) -> Result<Pen, Problem> {
    disk::room_for_a_sale(station)?;
    ask::ensure(station, code, Some(RightKind::Order)).await?;
    station.pen(&station.enrolled()?, station.reading().at)
}

/// The right to an order, with the order as it stands.
fn held(tx: &Transaction<'_>, pen: &Pen, code: &str) -> Result<(HeldRight, CounterOrder), Fault> {
    copies::standing::refuse_doubt(tx, pen.station, pen.incarnation)?;
    let code = fold_code(code);
    let gone = || Fault::refused(Code::NeedsLink, format!("{code} is not this till's to use now. Nothing was done."));
    let rights = rights::held(tx, pen.station, pen.incarnation)?;
    let right = rights.into_iter().rev().find(|r| r.code == code && r.order.is_some()).ok_or_else(gone)?;
    let RightSubject::Order { order_id } = right.subject else { return Err(gone()) };
    let order = counter_order(tx, order_id)?.ok_or_else(gone)?;
    Ok((right, order))
}

fn pay(tx: &Transaction<'_>, pen: &Pen, request: &PayOrderRequest) -> Result<SaleView, Fault> {
    let (_, order) = held(tx, pen, &request.code)?;
    if order.owed.minor <= 0 {
        let detail = match order.status {
            OrderStatus::Pending | OrderStatus::Paid => "This order is paid. Take no money for it.",
            OrderStatus::Expired | OrderStatus::Canceled => "This order has ended. Take no money for it.",
        };
        return Err(Fault::refused(Code::Conflict, detail));
    }
    let given = Money::new(request.given_minor, order.owed.currency);
    if given.minor < order.owed.minor {
        let detail = format!("{given} were given, {} are owed. Nothing was recorded.", order.owed);
        return Err(Fault::refused(Code::Underpaid, detail));
    }
    let change = given.minus(order.owed).map_err(|e| sell::money_problem(&e))?;
    let (order_id, total) = (order.order_id, order.owed);
    let payment_id = PaymentId(request.request_id.0);
    let payment = Fact::Payment { payment_id, order_id, amount: total, given, change };
    journal::append_as(tx, pen, EntryId(request.request_id.0), &payment, None, Vec::new())?;
    let number = sell::next_receipt(tx, pen)?;
    journal::append(tx, pen, &Fact::Receipt { number, order_id, total }, None, Vec::new())?;
    view::sale_view(tx, order_id)
}

fn refund(tx: &Transaction<'_>, pen: &Pen, request: &RefundOrderRequest, reason: &str) -> Result<SaleView, Fault> {
    let (right, order) = held(tx, pen, &request.code)?;
    if !order.status.holds_places() {
        let detail = "This order has ended before. Give no money back a second time.";
        return Err(Fault::refused(Code::Conflict, detail));
    }
    let (positions, money) = chosen(&order, request.positions.as_deref().unwrap_or_default())?;
    let fact = Fact::Void {
        order_id: order.order_id,
        event_id: right.event_id,
        positions,
        // The places were never this till's; the server frees them.
        back: Vec::new(),
        freed: Vec::new(),
        paper: Paper::Out,
    };
    let beside = json!({ "reason": reason }).to_string();
    journal::append_as(tx, pen, EntryId(request.request_id.0), &fact, Some(beside), Vec::new())?;
    if money.minor > 0 {
        void::give_money_back(tx, pen, order.order_id, money)?;
    }
    view::sale_view(tx, order.order_id)
}

/// Which positions end, and what is given back: all that came in where nothing is left of the order.
fn chosen(order: &CounterOrder, wanted: &[PositionId]) -> Result<(Vec<PositionId>, Money), Fault> {
    let all: Vec<PositionId> = order.lines.iter().map(|line| line.position_id).collect();
    if wanted.is_empty() || all.iter().all(|position| wanted.contains(position)) {
        return Ok((all, order.paid));
    }
    if wanted.iter().any(|position| !all.contains(position)) {
        let detail = "One of these is not in this order, or was cancelled before. Nothing was done.";
        return Err(Fault::refused(Code::Conflict, detail));
    }
    if order.status != OrderStatus::Paid {
        let detail = "This order is not paid yet: it can be ended as a whole. Nothing was done.";
        return Err(Fault::refused(Code::Conflict, detail));
    }
    let lines = order.lines.iter().filter(|line| wanted.contains(&line.position_id));
    let price: i64 = lines.map(|line| line.price.minor).sum();
    let positions = all.into_iter().filter(|position| wanted.contains(position)).collect();
    Ok((positions, Money::new(price.min(order.paid.minor), order.paid.currency)))
}

/// A web order whose right is or was here: as the server described it, and what was done here since.
///
/// # Errors
/// When the database cannot be read.
pub fn counter_order(tx: &Transaction<'_>, order_id: OrderId) -> Result<Option<CounterOrder>, Fault> {
    let Some((right, since)) = rights::held_of_order(tx, order_id)? else { return Ok(None) };
    let Some(terms) = right.order else { return Ok(None) };
    let (mut status, mut paid) = (terms.status, terms.paid.minor);
    let voided = store::voided(tx, order_id)?;
    let lines: Vec<_> = terms.lines.into_iter().filter(|line| !voided.contains(&line.position_id)).collect();
    for act in rights::acts(tx, order_id, since)? {
        match act.what {
            Act::Paid => {
                paid = paid.saturating_add(act.amount_minor);
                if status == OrderStatus::Pending && paid >= terms.total.minor {
                    status = OrderStatus::Paid;
                }
            }
            // Of some positions only, where others are left.
            Act::Ended if lines.is_empty() => status = OrderStatus::Canceled,
            Act::Ended => {}
            Act::Refunded => paid = paid.saturating_sub(act.amount_minor),
        }
    }
    let owed = if status == OrderStatus::Pending { terms.total.minor.saturating_sub(paid).max(0) } else { 0 };
    let currency = terms.total.currency;
    Ok(Some(CounterOrder {
        order_id,
        status,
        total: terms.total,
        paid: Money::new(paid, currency),
        owed: Money::new(owed, currency),
        lines,
    }))
}

/// What was done to a web order here, as a sale is shown: for its receipt.
pub(super) fn shown(tx: &Transaction<'_>, order_id: OrderId) -> Result<Option<SaleView>, Fault> {
    let Some((right, _)) = rights::held_of_order(tx, order_id)? else { return Ok(None) };
    let Some(order) = counter_order(tx, order_id)? else { return Ok(None) };
    let acts = rights::acts(tx, order_id, (0, 0))?;
    let Some(last) = acts.last() else { return Ok(None) };
    let currency = order.total.currency;
    let ended = !order.status.holds_places();
    let voided = store::voided(tx, order_id)?;
    let lines = right.order.map(|terms| terms.lines).unwrap_or_default();
    let positions = lines.iter().map(|line| SoldPosition {
        position_id: line.position_id,
        item_id: line.item_id,
        variation_id: None,
        date_id: None,
        addon_to: None,
        name: line.name.clone(),
        price: line.price,
        tax_rate_bp: line.tax_rate_bp,
        code: None,
        voided: ended || voided.contains(&line.position_id),
    });
    let positions = positions.collect();
    let (given, change) = store::paid_for(tx, order_id)?;
    let event = catalog::event(tx, right.event_id)?;
    Ok(Some(SaleView {
        order_id,
        order_code: right.code,
        receipt_number: store::receipt_number(tx, order_id)?.unwrap_or_default(),
        event_id: right.event_id,
        event_name: event.map_or_else(|| format!("event {}", right.event_id), |event| event.name),
        positions,
        total: order.total,
        given: Money::new(given, currency),
        change: Money::new(change, currency),
        at: last.at,
        delivery: journal::delivery(tx, last.station.0, last.incarnation, last.seq)?,
        printed: 0,
        voids: voids(tx, &order, (&acts, &lines))?,
    }))
}

fn voids(
    tx: &Transaction<'_>,
    order: &CounterOrder,
    (acts, lines): (&[Acted], &[CounterLine]),
) -> Result<Vec<VoidView>, Fault> {
    let all: i64 = acts.iter().filter(|act| act.what == Act::Refunded).map(|act| act.amount_minor).sum();
    let voids = store::voids(tx, order.order_id)?;
    let (mut out, mut left, count) = (Vec::new(), all, voids.len());
    for (nth, void) in voids.into_iter().enumerate() {
        // What was given back with each is what its positions cost; with the last, all that was left.
        let price: i64 = lines.iter().filter(|l| void.positions.contains(&l.position_id)).map(|l| l.price.minor).sum();
        let back = if nth + 1 == count { left } else { price.min(left) };
        left -= back;
        let number = |number: u64| format!("{}-{}-{number}", void.station, void.incarnation);
        out.push(VoidView {
            positions: void.positions,
            total: Money::new(if void.receipt.is_some() { -back } else { 0 }, order.total.currency),
            receipt_number: void.receipt.map(number).unwrap_or_default(),
            receipt: void.receipt,
            paper: void.paper,
            at: void.at,
            delivery: journal::delivery(tx, void.station.0, void.incarnation, void.seq)?,
        });
    }
    Ok(out)
}
