//! Erasing who bought an order and who comes with it; and which machines have not confirmed that they did the same.

use super::{
    case_words::{self, OrderWords},
    desk::Desk,
    format,
    page::{self, Frame},
    words::fill,
};
use crate::{
    app::Tx,
    http::Failure,
    orders,
    sync::erase::{self, Machine},
};
use askama::Template;
use axum::{extract::Path, response::Response};
use willcall_domain::{
    id::OrderId,
    problem::{Code, Problem},
};

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

/// What an order's page says of machines that were told to erase.
///
/// # Errors
/// When the database is away.
pub(super) async fn machines(desk: &Desk, tx: &mut Tx, order: OrderId, zone: &str) -> Result<Vec<String>, Failure> {
    let words = &case_words::of(desk.language).order;
    let machines = erase::machines(tx, order).await?;
    Ok(machines.iter().map(|machine| line(desk, words, machine, zone)).collect())
}

fn line(desk: &Desk, words: &OrderWords, machine: &Machine, zone: &str) -> String {
    let moment = |at| format::moment(at, zone, desk.language);
    if let Some(at) = machine.confirmed_at {
        return fill(&words.confirmed, &[&machine.name, &moment(at)]);
    }
    let told = fill(&words.waiting, &[&machine.name, &moment(machine.erased_at)]);
    let heard = machine.last_contact_at.map_or_else(|| words.never.clone(), |at| fill(&words.last, &[&moment(at)]));
    format!("{told} · {heard}")
}

async fn found(tx: &mut Tx, code: &str) -> Result<OrderId, Failure> {
    let order = orders::find_by_code(tx, code).await?;
    let order = order.ok_or_else(|| Problem::new(Code::NotFound, "There is no such order."))?;
    Ok(order.order_id)
}

/// `GET …/orders/{code}/erase`: what it would mean.
///
/// # Errors
/// When there is no such order, this person may only look, or the database is away.
pub async fn ask(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    found(&mut tx, &code).await?;
    let words = &case_words::of(desk.language).order;
    page::show(&Confirm {
        f: desk.frame("orders"),
        title: fill(&words.title, &[&code]),
        back: desk.url(format_args!("/orders/{code}")),
        back_name: code,
        lines: vec![words.line_gone.clone(), words.line_stays.clone(), words.line_machines.clone()],
        act: &words.act,
    })
}

/// `POST …/orders/{code}/erase`.
///
/// # Errors
/// When there is no such order, it waits to be paid, this person may only look, or the database is away.
pub async fn erase(desk: Desk, Path((_, code)): Path<(String, String)>) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let order = found(&mut tx, &code).await?;
    erase::erase(&desk.app, &mut tx, order, desk.caller.staff).await?;
    tx.commit().await?;
    Ok(page::go(&desk.url(format_args!("/orders/{code}?done=saved"))))
}
