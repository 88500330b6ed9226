//! `POST /api/station/v1/rights`: makes a till the one holder of a voucher or a web order.

use super::{Account, load, store, tell};
use crate::{
    app::{App, Tx},
    catalog::voucher,
    http::{Failure, caller::DeviceCaller},
    orders, sync,
};
use axum::{Json, extract::State};
use willcall_domain::{
    catalog::voucher::fold_code,
    id::{DeviceId, EventId, RequestId, RightId},
    leases::{
        OrderTerms, RightBody, RightGrant, RightKind, RightRequest, RightState, RightSubject, VoucherTerms,
        rights::NotGranted, sign_right,
    },
    orders::OrderStatus,
    problem::{Code, Problem},
};

/// The longest code that is looked up, in bytes.
const CODE_MAX: usize = 200;
/// Most rights handed out with one contact; the next contact has more.
const MOST: i64 = 200;

/// What a right would be about.
struct Wanted {
    subject: RightSubject,
    event: EventId,
    code: String,
    voucher: Option<VoucherTerms>,
    order: Option<OrderTerms>,
}

fn conflict(detail: impl Into<String>) -> Failure {
    Problem::new(Code::Conflict, detail).into()
}

/// Makes the caller the holder.
///
/// # Errors
/// `forbidden` for a device that does not sell, `not-found`, `conflict` with who holds it or why it cannot be held.
pub async fn ask(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(ask): Json<RightRequest>,
) -> Result<Json<RightGrant>, Failure> {
    if !caller.role.sells() {
        return Err(Problem::new(Code::Forbidden, "This device does not sell.").into());
    }
    if caller.suspended {
        return Err(Problem::new(Code::Forbidden, "This device is suspended: a person must look at it first.").into());
    }
    if ask.code.trim().is_empty() || ask.code.len() > CODE_MAX {
        return Err(Problem::field("code", "The code of a voucher or an order").into());
    }
    let mut tx = app.begin(caller.organizer).await?;
    let body = match store::by_request(&mut tx, caller.device, ask.request_id).await? {
        Some(body) => body,
        None => match give(&app, &mut tx, &caller, &ask).await? {
            Given::Granted(body) => *body,
            Given::Held(by) => {
                // The wish that it be given back is kept.
                tx.commit().await?;
                return Err(conflict(format!("{by} holds it; it was asked to give it back.")));
            }
        },
    };
    let grant = seal(&app, &body)?;
    tx.commit().await?;
    Ok(Json(grant))
}

enum Given {
    Granted(Box<RightBody>),
    /// A station of this name holds it.
    Held(String),
}

async fn give(app: &App, tx: &mut Tx, caller: &DeviceCaller, ask: &RightRequest) -> Result<Given, Failure> {
    let subject = find(tx, ask).await?;
    let mut account = load(tx, subject).await?.ok_or_else(no_such)?;
    let wanted = wanted(tx, caller, subject, &account).await?;
    if let Some(name) = sync::history::unheard_till(tx).await? {
        let detail = format!(
            "The server was put back, and {name} has not reported since: it may hold this. Try again when it has, or \
             release it in the office."
        );
        return Err(conflict(detail));
    }
    match grant(app, tx, caller.device, ask.request_id, &wanted, &mut account).await? {
        Ok(body) => Ok(Given::Granted(Box::new(body))),
        Err(NotGranted::Spent) => Err(conflict("This voucher has been spent.")),
        Err(NotGranted::Held(right)) => {
            let held = store::by_id(tx, right).await?.ok_or_else(no_such)?;
            if held.account.holder == caller.device {
                // An answer that was lost is given again. One its journal took is not: a till that was put back from a
                // backup may have used it in what it lost.
                return match held.account.state {
                    RightState::Granted => Ok(Given::Granted(Box::new(held.body))),
                    RightState::Taken
                    | RightState::Spent
                    | RightState::Released
                    | RightState::Lost
                    | RightState::Stolen => Err(conflict(
                        "This till took it before, in a part of its journal that is not in force here. Somebody in the \
                         office looks into it.",
                    )),
                };
            }
            super::take_back::recall(tx, held.account, held.event).await?;
            Ok(Given::Held(store::holder_name(tx, right).await?.unwrap_or_default()))
        }
    }
}

fn no_such() -> Failure {
    Problem::new(Code::NotFound, "There is no voucher and no web order of this code.").into()
}

/// What the code is of.
async fn find(tx: &mut Tx, ask: &RightRequest) -> Result<RightSubject, Failure> {
    let code = fold_code(&ask.code);
    if ask.of != Some(RightKind::Voucher)
        && let Some(order_id) = orders::id_of_code(tx, &code).await?
    {
        return Ok(RightSubject::Order { order_id });
    }
    if ask.of != Some(RightKind::Order)
        && let Some(voucher_id) = voucher::id_of_code(tx, &code).await?
    {
        return Ok(RightSubject::Voucher { voucher_id });
    }
    Err(no_such())
}

/// What this caller would hold, where it may.
async fn wanted(
    tx: &mut Tx,
    caller: &DeviceCaller,
    subject: RightSubject,
    account: &Account,
) -> Result<Wanted, Failure> {
    if let Some(voucher) = &account.voucher {
        if !caller.may_see(voucher.event_id) {
            return Err(no_such());
        }
        if !voucher.active {
            return Err(conflict("This voucher is switched off."));
        }
        if let Some(home) = voucher.home.filter(|home| *home != caller.device) {
            let name = store::device_name(tx, home).await?.unwrap_or_default();
            return Err(conflict(format!("This voucher is spent at {name}.")));
        }
        return Ok(of_voucher(voucher, subject));
    }
    let RightSubject::Order { order_id } = subject else { return Err(no_such()) };
    let order = orders::at_counter(tx, order_id).await?.filter(|order| caller.may_see(order.event_id));
    let order = order.ok_or_else(no_such)?;
    if order.sold_at_a_till {
        return Err(conflict("This order was sold at a till and is undone there."));
    }
    match order.terms.status {
        OrderStatus::Pending | OrderStatus::Paid => {}
        OrderStatus::Expired => return Err(conflict("This order was not paid in time.")),
        OrderStatus::Canceled => return Err(conflict("This order is cancelled.")),
    }
    Ok(Wanted { subject, event: order.event_id, code: order.code, voucher: None, order: Some(order.terms) })
}

fn of_voucher(voucher: &voucher::Voucher, subject: RightSubject) -> Wanted {
    let terms = VoucherTerms { item_id: voucher.item_id, effect: voucher.effect, home: voucher.home.is_some() };
    Wanted { subject, event: voucher.event_id, code: voucher.code.clone(), voucher: Some(terms), order: None }
}

async fn grant(
    app: &App,
    tx: &mut Tx,
    to: DeviceId,
    request_id: RequestId,
    wanted: &Wanted,
    account: &mut Account,
) -> Result<Result<RightBody, NotGranted>, Failure> {
    let now = app.clock.now();
    let right_id = RightId::born(now, app.entropy.as_ref());
    let granted = match account.guarded.grant(right_id, to, wanted.subject) {
        Ok(granted) => granted,
        Err(why) => return Ok(Err(why)),
    };
    let body = RightBody {
        right_id,
        request_id,
        organizer_id: tx.organizer,
        event_id: wanted.event,
        station: to,
        subject: wanted.subject,
        code: wanted.code.clone(),
        voucher: wanted.voucher,
        order: wanted.order.clone(),
        granted_at: now,
    };
    store::insert(tx, &body, &granted).await?;
    tell(tx, right_id, wanted.event).await?;
    tracing::info!(device = to.0, right = %right_id, kind = ?wanted.subject.kind(), "right granted");
    Ok(Ok(body))
}

fn seal(app: &App, body: &RightBody) -> Result<RightGrant, Failure> {
    Ok(sign_right(body, app.secrets.identity()).map_err(|e| Problem::new(Code::Internal, e.to_string()))?)
}

/// Rights of this device that its journal has not taken yet, each exactly as first given; among them those of vouchers
/// whose home it is, which it gets unasked.
///
/// # Errors
/// When the database is away.
pub async fn open_rights(app: &App, tx: &mut Tx, caller: &DeviceCaller) -> Result<Vec<RightGrant>, Failure> {
    if !caller.role.sells() || caller.suspended {
        return Ok(Vec::new());
    }
    if sync::history::unheard_till(tx).await?.is_none() {
        for voucher_id in voucher::waiting_for(tx, caller.device, MOST).await? {
            let subject = RightSubject::Voucher { voucher_id };
            let Some(mut account) = load(tx, subject).await? else { continue };
            // Held now, it may have changed since it was found.
            let Some(voucher) = account.voucher.clone() else { continue };
            if voucher.active && voucher.home == Some(caller.device) && caller.may_see(voucher.event_id) {
                let request = RequestId::born(app.clock.now(), app.entropy.as_ref());
                let granted =
                    grant(app, tx, caller.device, request, &of_voucher(&voucher, subject), &mut account).await?;
                if let Err(why) = granted {
                    tracing::debug!(voucher = voucher_id.0, %why, "a voucher stays where it is");
                }
            }
        }
    }
    let bodies = store::not_taken(tx, caller.device, MOST).await?;
    bodies.iter().map(|body| seal(app, body)).collect()
}
