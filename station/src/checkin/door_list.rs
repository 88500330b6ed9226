//! The list of last resort: everybody of a check-in list on paper or as a table, with what is known here of who is in.

use super::store;
use crate::{catalog, error::Fault, orders, station::Station};
use rusqlite::Transaction;
use serde::Serialize;
use std::{collections::HashMap, fs::OpenOptions, io::Write as _, path::PathBuf};
use willcall_domain::{
    catalog::{DateRow, ItemRow},
    checkin::ListRow,
    clock::UtcMillis,
    id::{DateId, ItemId, ListId},
    orders::{OrderStatus, PositionRow},
    paper::{DoorList, DoorListRow, DoorListState, Fonts, Language, PaperError, door_list_csv, door_list_pdf},
    problem::{Code, Problem},
};

/// As what it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorListForm {
    Pdf,
    Csv,
}

/// A list that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeList {
    pub bytes: Vec<u8>,
    /// Tickets on it.
    pub tickets: u64,
    /// How many of them are in already.
    pub entered: u64,
}

/// A list that was written into a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenList {
    pub file: PathBuf,
    pub tickets: u64,
    pub entered: u64,
    pub bytes: u64,
}

impl Station {
    /// Everybody who may come in by a list, from what is here: tickets that are cancelled or expired are not on it. Needs
    /// no link. Drawing takes a while for many and is done away from the threads that answer.
    ///
    /// # Errors
    /// When there is no such list, nobody is on it, or the PDF cannot be written.
    pub async fn door_list(&self, list: ListId, form: DoorListForm, language: Language) -> Result<MadeList, Problem> {
        let who = self.enrolled()?;
        let now = self.reading().now;
        let age_ms = self.data_age().and_then(|age| i64::try_from(age.seconds.saturating_mul(1000)).ok());
        let printing = Printing {
            printed_at: now,
            data_from: age_ms.map(|age| UtcMillis(now.0.saturating_sub(age))),
            made_by: who.place().to_owned(),
            names: !who.setup.hide_names,
        };
        let gathered = self.db().read(move |tx| gather(tx, list, printing)).await?;
        let draw = move || {
            let entered = gathered.rows.iter().filter(|row| matches!(row.state, DoorListState::Entered { .. })).count();
            let bytes = match form {
                DoorListForm::Csv if gathered.rows.is_empty() => return Err(PaperError::Nothing),
                DoorListForm::Csv => door_list_csv(&gathered, language).into_bytes(),
                DoorListForm::Pdf => door_list_pdf(Fonts::shipped(), &gathered, language)?,
            };
            Ok(MadeList { bytes, tickets: gathered.rows.len() as u64, entered: entered as u64 })
        };
        let drawn = tokio::task::spawn_blocking(draw).await;
        let drawn = drawn.map_err(|_| Problem::new(Code::Internal, "The door list could not be drawn."))?;
        let made = drawn.map_err(|error| {
            if matches!(error, PaperError::Nothing) {
                Problem::new(Code::NotFound, "No ticket of this check-in list is known here.")
            } else {
                Problem::new(Code::Internal, format!("The door list could not be made: {error}."))
            }
        })?;
        tracing::info!(list = list.0, tickets = made.tickets, ?form, "made a door list");
        Ok(made)
    }

    /// The same into a file that is not there yet: PDF or CSV by what its name ends in.
    ///
    /// # Errors
    /// As [`Station::door_list`]; when the name ends in neither, or the file is there already or cannot be written.
    pub async fn write_door_list(
        &self,
        list: ListId,
        language: Language,
        file: PathBuf,
    ) -> Result<WrittenList, Problem> {
        let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        let form = match ending.as_deref() {
            Some("pdf") => DoorListForm::Pdf,
            Some("csv") => DoorListForm::Csv,
            _ => return Err(Problem::field("file", "The file's name ends in .pdf or .csv.")),
        };
        let made = self.door_list(list, form, language).await?;
        let (to, bytes) = (file.clone(), made.bytes);
        let size = bytes.len() as u64;
        // It holds names: whoever else uses this machine shall not find an older one in its place.
        let write = move || OpenOptions::new().write(true).create_new(true).open(&to)?.write_all(&bytes);
        let written =
            tokio::task::spawn_blocking(write).await.map_err(|e| Problem::new(Code::Internal, e.to_string()))?;
        written
            .map_err(|error| Problem::field("file", format!("{} could not be written: {error}.", file.display())))?;
        Ok(WrittenList { file, tickets: made.tickets, entered: made.entered, bytes: size })
    }
}

/// Who prints, and when.
struct Printing {
    printed_at: UtcMillis,
    data_from: Option<UtcMillis>,
    made_by: String,
    /// Whether names may stand on it.
    names: bool,
}

fn gather(tx: &Transaction<'_>, list: ListId, of: Printing) -> Result<DoorList, Fault> {
    let no_list = || Fault::refused(Code::NotFound, format!("There is no check-in list {list} here."));
    let list = store::list(tx, list)?.ok_or_else(no_list)?;
    let event = catalog::event(tx, list.event_id)?.ok_or_else(no_list)?;
    let items: HashMap<ItemId, ItemRow> =
        catalog::items_of_event(tx, list.event_id)?.into_iter().map(|item| (item.item_id, item)).collect();
    let dates = catalog::dates_of_event(tx, list.event_id)?;
    let date_of = |id: Option<DateId>| id.and_then(|id| dates.iter().find(|date| date.date_id == id));
    let entered = store::entered(tx, list.list_id)?;
    let mut rows = Vec::new();
    for position in orders::of_event(tx, list.event_id)? {
        if !belongs(&list, &position) {
            continue;
        }
        let state = match entered.get(&position.position_id) {
            _ if position.blocked => DoorListState::Blocked,
            Some((at, inside)) => DoorListState::Entered { at: *at, inside: *inside },
            None if position.order_status == OrderStatus::Pending && !position.door.valid_if_pending => {
                DoorListState::Unpaid
            }
            None => DoorListState::Open,
        };
        let product = items.get(&position.item_id).map(|item| item.name_in(position.variation_id)).unwrap_or_default();
        // A list of one date says it at its head.
        let date = date_of(position.date_id).filter(|_| list.date_id.is_none());
        rows.push(DoorListRow {
            name: position.name.filter(|_| of.names),
            product: date.map_or(product.clone(), |date| format!("{product} · {}", day(date, &event.zone))),
            order_code: position.order_code,
            state,
            test: position.test,
        });
    }
    let event = event.on(date_of(list.date_id));
    Ok(DoorList {
        event_name: event.name,
        list_name: list.name,
        zone: event.zone,
        starts_at: event.starts_at,
        printed_at: of.printed_at,
        data_from: of.data_from,
        made_by: of.made_by,
        rows,
    })
}

/// A date as it is told apart from the others of its event.
fn day(date: &DateRow, zone: &str) -> String {
    let day = date.starts_at.in_zone(zone).strftime("%Y-%m-%d %H:%M").to_string();
    if date.name.is_empty() { day } else { format!("{} {day}", date.name) }
}

/// Whether whoever stands at this door may be asked for this ticket.
fn belongs(list: &ListRow, position: &PositionRow) -> bool {
    let alive = matches!(position.order_status, OrderStatus::Paid | OrderStatus::Pending) && !position.canceled;
    alive
        && list.items.as_ref().is_none_or(|items| items.contains(&position.item_id))
        && (list.date_id.is_none() || list.date_id == position.date_id)
}
