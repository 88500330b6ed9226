//! `POST /api/station/v1/offers`: rows a station has and this server, put back to an earlier instant, has no longer. Each
//! order is a case; a person adopts it or leaves it out. None is adopted silently.

use super::{
    Subject,
    cases::{self, NewCase},
    note,
    store::offers as store,
};
use crate::{
    app::{App, Tx},
    http::{Failure, caller::DeviceCaller},
    orders,
};
use axum::{Json, extract::State};
use serde_json::json;
use std::collections::BTreeMap;
use willcall_domain::{
    id::{CaseId, DeviceId, OrderId},
    orders::PositionRow,
    problem::{Code, Problem},
    sync::{CaseKind, Offer, OfferAnswer, Row, offer::OFFER_MAX},
};

/// What is kept of an offer, by kind.
const ORDER: &str = "order";

/// Takes an offer.
///
/// # Errors
/// `conflict` under another history than the present one; `too-large`; else when the database is away.
pub async fn offer(
    caller: DeviceCaller,
    State(app): State<App>,
    Json(offer): Json<Offer>,
) -> Result<Json<OfferAnswer>, Failure> {
    if offer.history != app.history {
        return Err(Problem::new(Code::Conflict, "The server is of another history.").into());
    }
    if offer.rows.len() > OFFER_MAX {
        return Err(Problem::new(Code::TooLarge, format!("At most {OFFER_MAX} rows at once.")).into());
    }
    let mut tx = app.begin(caller.organizer).await?;
    let mut answer = OfferAnswer { known: 0, cases: 0 };
    // Tickets are what somebody has in his hand; the rest an organizer makes anew.
    let positions: Vec<PositionRow> = offer
        .rows
        .into_iter()
        .filter_map(|row| if let Row::Position(position) = row { Some(position) } else { None })
        .filter(|position| caller.may_see(position.event_id))
        .collect();
    let ids: Vec<uuid::Uuid> = positions.iter().map(|p| p.position_id.0).collect();
    let known = store::positions_known(&mut tx, &ids).await?;
    let mut lost: BTreeMap<OrderId, Vec<PositionRow>> = BTreeMap::new();
    for position in positions {
        if known.contains(&position.position_id.0) {
            answer.known += 1;
        } else {
            lost.entry(position.order_id).or_default().push(position);
        }
    }
    for (order, positions) in lost {
        answer.cases += u32::try_from(positions.len()).unwrap_or(u32::MAX);
        keep(&mut tx, &caller, order, positions).await?;
    }
    tx.commit().await?;
    Ok(Json(answer))
}

/// One case an order, however many stations offer it and however often.
async fn keep(tx: &mut Tx, caller: &DeviceCaller, order: OrderId, positions: Vec<PositionRow>) -> Result<(), Failure> {
    let subject = order.to_string();
    let Some(first) = positions.first() else { return Ok(()) };
    let mut all = match store::offered(tx, ORDER, &subject).await? {
        // Decided before: it is not asked again.
        Some((_, None)) => return Ok(()),
        Some((case, Some(before))) => {
            let mut all: Vec<PositionRow> = serde_json::from_value(before).map_err(Failure::internal)?;
            let known: Vec<_> = all.iter().map(|p| p.position_id).collect();
            all.extend(positions.into_iter().filter(|p| !known.contains(&p.position_id)));
            let row = serde_json::to_value(&all).map_err(Failure::internal)?;
            store::set_row(tx, case, Some(&row)).await?;
            return Ok(());
        }
        None => Vec::new(),
    };
    let detail = json!({
        "order_id": order, "order_code": first.order_code, "status": first.order_status,
        "positions": positions.iter().map(|p| p.position_id).collect::<Vec<_>>(),
    });
    let event = store::event_known(tx, first.event_id).await?.then_some(first.event_id);
    let new = NewCase { device: caller.device, event, kind: CaseKind::LostRow, detail };
    let (case, _) = cases::open_once(tx, &subject, &new).await?;
    all.extend(positions);
    let row = serde_json::to_value(&all).map_err(Failure::internal)?;
    store::insert(tx, store::Lost { kind: ORDER, subject: &subject, device: caller.device, row: &row, case }).await?;
    Ok(())
}

/// Takes the rows of a case in again, as `device` offered them. Where there was no room for them, that is a case.
pub(super) async fn adopt(tx: &mut Tx, case: CaseId, device: DeviceId) -> Result<(), Failure> {
    for row in store::of_case(tx, case).await? {
        let positions: Vec<PositionRow> = serde_json::from_value(row).map_err(Failure::internal)?;
        let adopted = orders::adopt(tx, &positions).await?;
        for position in adopted.positions {
            note(tx, Subject::Position(position, adopted.event)).await?;
        }
        for quota in adopted.quotas {
            note(tx, Subject::Quota(quota, adopted.event)).await?;
        }
        if !adopted.excess.is_empty() {
            let detail = json!({ "order_id": adopted.order, "quotas": adopted.excess });
            let kind = CaseKind::Excess;
            cases::open(tx, &NewCase { device, event: Some(adopted.event), kind, detail }).await?;
        }
    }
    store::set_row(tx, case, None).await?;
    Ok(())
}

/// The rows of a case are left out, and with them what they say of people.
pub(super) async fn forget(tx: &mut Tx, case: CaseId) -> Result<(), Failure> {
    store::set_row(tx, case, None).await?;
    Ok(())
}
