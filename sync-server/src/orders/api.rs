//! The shop as an API: what there is, and placing an order. Public, like the shop's pages.

use super::{
    Buyer, Channel, Wish, find, links, place,
    wire::{EventView, OrderRequest, OrderView},
};
use crate::{
    app::App,
    catalog::{self, ShopEvent},
    http::{Client, Failure, Limit, idempotency},
    tx::Tx,
};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use willcall_domain::{
    orders::{Cart, OrderError, buyer, place::MAX_POSITIONS},
    payments::Provider,
    problem::{Code, FieldProblem, Problem},
};

/// One event, its products, and how many of each can be had.
///
/// # Errors
/// When there is no such live event, or the database is away.
pub async fn show_event(
    State(app): State<App>,
    Path((organizer, event)): Path<(String, String)>,
) -> Result<Json<EventView>, Failure> {
    let (mut tx, found) = open(&app, &organizer, &event).await?;
    let items = catalog::items(&mut tx, found.row.event_id).await?;
    let quotas = catalog::quotas(&mut tx, found.row.event_id).await?;
    let dates = catalog::dates(&mut tx, found.row.event_id).await?;
    let url = format!("{}/{organizer}/{event}", app.public_url());
    Ok(Json(EventView::of(found, items, (dates, &quotas), url)))
}

/// Places an order; with an `Idempotency-Key` the same request again gets the same answer.
///
/// # Errors
/// When a field is wrong, something is sold out, or the database is away.
pub async fn create(
    State(app): State<App>,
    client: Client,
    Path((organizer, event)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    app.limits.check(Limit::Orders, &client.to_string(), app.clock.monotonic_ms())?;
    let key = idempotency::Key::read(
        &headers,
        "shop",
        &[organizer.as_bytes(), b"/", event.as_bytes(), b"\n", &body].concat(),
    )?;
    let request: OrderRequest = serde_json::from_slice(&body)
        .map_err(|e| Problem::new(Code::Invalid, format!("The body is no order: {e}. Nothing was ordered.")))?;
    let (mut tx, found) = open(&app, &organizer, &event).await?;
    if let Some(key) = &key
        && let Some(answer) = idempotency::recall(&mut tx, key).await?
    {
        return Ok(answer.into_response());
    }
    let placed = place(&mut tx, &app, &wish(&found, &request)?).await?;
    let order =
        find(&mut tx, placed.order_id).await?.ok_or_else(|| Failure::internal("the order just placed is gone"))?;
    let url = links::url(&app, &organizer, &event, &order.code, order.order_id);
    let answer = idempotency::Answer {
        status: StatusCode::CREATED.as_u16(),
        content_type: "application/json".to_owned(),
        body: serde_json::to_vec(&OrderView::of(&order, url)).map_err(Failure::internal)?,
    };
    if let Some(key) = &key {
        idempotency::remember(&mut tx, key, &answer).await?;
    }
    tx.commit().await?;
    Ok(answer.into_response())
}

async fn open(app: &App, organizer: &str, event: &str) -> Result<(Tx, ShopEvent), Failure> {
    let unknown = || Problem::new(Code::NotFound, "There is no such event.");
    let id = app.organizer_by_slug(organizer).await?.ok_or_else(unknown)?;
    let mut tx = app.begin(id).await?;
    let event = catalog::event_by_slug(&mut tx, event).await?.filter(|e| e.live).ok_or_else(unknown)?;
    Ok((tx, event))
}

fn wish(event: &ShopEvent, request: &OrderRequest) -> Result<Wish, Problem> {
    let units = request.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity));
    if units > MAX_POSITIONS || request.lines.len() > MAX_POSITIONS as usize {
        return Err(super::problem_of(&OrderError::TooMany(MAX_POSITIONS)));
    }
    let mut wrong = Vec::new();
    let mut take = |field: String, taken: Result<String, buyer::BuyerError>| {
        taken.unwrap_or_else(|e| {
            wrong.push(FieldProblem { field, detail: sentence(e) });
            String::new()
        })
    };
    let name = take("name".into(), buyer::name(&request.name));
    let email = take("email".into(), buyer::email(&request.email));
    let mut attendee_names = Vec::new();
    for (nth, line) in request.lines.iter().enumerate() {
        for unit in 0..line.quantity as usize {
            let typed = line.attendee_names.get(unit).map_or("", String::as_str);
            attendee_names.push(take(format!("lines[{nth}].attendee_names[{unit}]"), buyer::optional_name(typed)));
        }
    }
    if !wrong.is_empty() {
        return Err(Problem::fields(wrong));
    }
    let lines = request.lines.iter().map(|l| l.choice()).collect();
    Ok(Wish {
        event_id: event.row.event_id,
        cart: Cart { lines },
        buyer: Buyer { name, email, language: request.language },
        attendee_names,
        provider: request.payment.unwrap_or(Provider::BankTransfer),
        channel: Channel::Web,
        request_id: None,
    })
}

fn sentence(error: buyer::BuyerError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>() + ".")
}
