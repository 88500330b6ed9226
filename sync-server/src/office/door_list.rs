//! The list of last resort: who may come in, as a PDF or a table, for a door whose machines are gone.

use super::{desk::Desk, store};
use crate::{
    access::audit::{self, Changes, Deed, Record},
    catalog::edit as catalog,
    checkin::edit as lists,
    http::Failure,
};
use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};
use willcall_domain::{
    clock::UtcMillis,
    id::{EventId, ListId},
    paper::{DoorList, DoorListRow, DoorListState, Fonts, door_list_csv, door_list_pdf},
    problem::{Code, Problem},
};

/// `GET …/lists/{list}/door-list/{form}`; `form` is `pdf` or `csv`.
///
/// # Errors
/// When there is no such list, nobody is on it, this person may only look (names leave the house), or the database is away.
pub async fn download(
    desk: Desk,
    Path((_, event, list, form)): Path<(String, i64, i64, String)>,
) -> Result<Response, Failure> {
    let mut tx = desk.begin_change().await?;
    let event = catalog::find_event(&mut tx, EventId(event)).await?;
    let list = lists::find(&mut tx, event.event_id, ListId(list)).await?;
    let tickets = store::door_tickets(&mut tx, event.event_id, list.list_id).await?;
    let now = tx.now();
    let changes = Changes::none().fact("rows", tickets.len()).fact("form", form.as_str());
    let record = Record::new(Deed::DoorListTaken, Some(event.event_id), &list.draft.name, changes);
    audit::record(&mut tx, record).await?;
    tx.commit().await?;
    tracing::info!(organizer = desk.caller.organizer.0, list = list.list_id.0, rows = tickets.len(), "door list taken");
    let door_list = DoorList {
        event_name: event.draft.name,
        list_name: list.draft.name,
        zone: event.draft.zone,
        starts_at: event.draft.starts_at,
        printed_at: now,
        data_from: Some(now),
        made_by: desk.frame("events").organizer,
        rows: tickets.into_iter().map(row).collect(),
    };
    let language = desk.language;
    let (kind, name, body) = match form.as_str() {
        "csv" => ("text/csv; charset=utf-8", "door-list.csv", door_list_csv(&door_list, language).into_bytes()),
        "pdf" => {
            // Ten thousand lines take a second: beside the threads that serve.
            let made = tokio::task::spawn_blocking(move || door_list_pdf(Fonts::shipped(), &door_list, language));
            let pdf = made.await.map_err(Failure::internal)?.map_err(Failure::internal)?;
            ("application/pdf", "door-list.pdf", pdf)
        }
        _ => return Err(Problem::new(Code::NotFound, "There is no such form of a door list.").into()),
    };
    let name = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response())
}

fn row(ticket: store::DoorTicket) -> DoorListRow {
    let state = match ticket.entered_at {
        _ if ticket.blocked => DoorListState::Blocked,
        Some(at) => DoorListState::Entered { at: UtcMillis(at), inside: ticket.inside },
        None if ticket.status == "pending" => DoorListState::Unpaid,
        None => DoorListState::Open,
    };
    DoorListRow {
        name: Some(ticket.name).filter(|name| !name.is_empty()),
        product: match ticket.variation {
            Some(variation) => format!("{}, {variation}", ticket.product),
            None => ticket.product,
        },
        order_code: ticket.order_code,
        state,
        test: false,
    }
}
