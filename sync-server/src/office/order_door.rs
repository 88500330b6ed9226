//! What staff decide about an order for the door: approving it, a note, blocking a ticket.

use super::{
    desk::Desk,
    form::Typed,
    order::{answer, found},
    page,
};
use crate::{http::Failure, orders::door};
use axum::{extract::Path, response::Response};
use willcall_domain::{
    id::PositionId,
    problem::{Code, Problem},
};

/// `POST …/orders/{code}/approve`.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn approve(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let done = door::approve(&mut tx, order.order_id).await;
    answer(&desk, tx, &code, "saved", done).await
}

/// `POST …/orders/{code}/note`: what the door shall look at.
///
/// # Errors
/// When there is no such order, the note is too long, this person may only look, or the database is away.
pub async fn note(desk: Desk, Path((_, code)): Path<(String, String)>, typed: Typed) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let (attention, pending) = (typed.is("attention"), typed.is("valid_if_pending"));
    match door::set_note(&mut tx, order.order_id, typed.text("checkin_text"), attention, pending).await? {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url(format_args!("/orders/{code}?done=saved"))))
        }
        Err(error) => Err(Problem::field("checkin_text", desk.words.error(&error, desk.language)).into()),
    }
}

/// `POST …/orders/{code}/tickets/{position}/block`, and `…/unblock`.
///
/// # Errors
/// When there is no such ticket, this person may only look, or the database is away.
pub async fn block(
    desk: Desk,
    Path((_, code, position, what)): Path<(String, String, uuid::Uuid, String)>,
) -> Result<Response, Failure> {
    let blocked = match what.as_str() {
        "block" => true,
        "unblock" => false,
        _ => return Err(Problem::new(Code::NotFound, "There is no such page.").into()),
    };
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    let done = door::set_blocked(&mut tx, order.order_id, PositionId(position), blocked).await;
    answer(&desk, tx, &code, "saved", done).await
}
