//! The list of orders as a file for a spreadsheet: UTF-8 with its mark, commas, quotes where needed, in pieces of short
//! transactions.

use super::{
    desk::Desk,
    orders::Asked,
    store::{self, Filter, OrderLine},
};
use crate::http::Failure;
use axum::{
    body::Body,
    extract::Query,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use uuid::Uuid;
use willcall_domain::{clock::UtcMillis, money::Money};

const PIECE: i64 = 1000;
const HEAD: &str = "\u{feff}order,status,name,email,event,channel,placed_at,positions,total,currency\r\n";

/// `GET /office/{organizer}/orders.csv`, with the filter of the list.
///
/// # Errors
/// When nobody is signed in. A database that goes away in the middle breaks the file off.
pub async fn export(desk: Desk, Query(asked): Query<Asked>) -> Result<Response, Failure> {
    let name = format!("attachment; filename=\"orders-{}.csv\"", desk.slug);
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    tracing::info!(organizer = desk.caller.organizer.0, staff = desk.caller.staff.0, "orders exported");
    let body = stream::iter([Ok(Bytes::from_static(HEAD.as_bytes()))]);
    let body = body.chain(pieces(desk, asked.filter()).fuse());
    Ok((headers, Body::from_stream(body)).into_response())
}

fn pieces(desk: Desk, filter: Filter) -> impl Stream<Item = Result<Bytes, Failure>> {
    stream::unfold(Some((desk, filter, None)), |state| async {
        let (desk, filter, after) = state?;
        match piece(&desk, &filter, after).await {
            Ok((_, None)) => None,
            Ok((text, last)) => Some((Ok(Bytes::from(text)), Some((desk, filter, last)))),
            Err(failure) => {
                tracing::error!(%failure, "an export broke off");
                Some((Err(failure), None))
            }
        }
    })
}

type Last = Option<(i64, Uuid)>;

async fn piece(desk: &Desk, filter: &Filter, after: Last) -> Result<(String, Last), Failure> {
    let mut tx = desk.begin().await?;
    let lines = store::export(&mut tx, filter, after, PIECE).await?;
    tx.rollback().await?;
    let last = lines.last().map(|line| (line.placed_at, line.order_id));
    Ok((lines.iter().map(row).collect(), last))
}

fn row(order: &OrderLine) -> String {
    let placed = UtcMillis(order.placed_at).in_zone(&order.zone).strftime("%Y-%m-%d %H:%M:%S%:z").to_string();
    let total = order.currency.parse().map(|currency| Money::new(order.total_minor, currency).amount());
    let cells = [
        order.code.as_str(),
        &order.status,
        &order.name,
        &order.email,
        &order.event,
        &order.channel,
        &placed,
        &order.positions.to_string(),
        &total.unwrap_or_default(),
        &order.currency,
    ];
    cells.map(cell).join(",") + "\r\n"
}

/// A cell as RFC 4180 writes it. What a spreadsheet would take for a formula is made text: buyers type these.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_where_needed_and_never_a_formula() {
        assert_eq!(cell("Mira Kern"), "Mira Kern");
        assert_eq!(cell("Kern, \"Mira\""), "\"Kern, \"\"Mira\"\"\"");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell("+49 30"), "'+49 30");
        assert_eq!(cell(""), "");
    }
}
