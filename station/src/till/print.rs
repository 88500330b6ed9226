//! The papers of a sale as PDF, and the record of what left the printer. Printing itself is the window's business.

use super::{store, view};
use crate::{access, catalog, change_feed::Topic, devices::Identity, error::Fault, journal, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    access::OrganizerRow,
    catalog::{DateRow, EventRow},
    id::OrderId,
    money::Money,
    paper::{Accent, Fonts, Language, PaperError, ReceiptLine, ReceiptPaper, TicketPaper, receipt_pdf, ticket_pdf},
    problem::{Code, Problem},
    sync::{Fact, fact::Printed},
    till::wire::{SaleView, SoldPosition, VoidView},
};

/// What both papers of a sale carry besides the sale itself.
struct Sheet {
    sale: SaleView,
    event: EventRow,
    /// The dates of the event, where it has some.
    dates: Vec<DateRow>,
    organizer: OrganizerRow,
    till: String,
    test: bool,
    /// Which print this will be, from 1.
    copy: u32,
    /// The receipt over money that went back; `None` is the sale's own.
    back: Option<VoidView>,
}

/// The paper of a sale: its tickets, its receipt, or the receipt of this number over money that went back. Drawing takes a
/// while and is done away from the threads that answer.
///
/// # Errors
/// When there is no such sale or receipt here, it has no ticket that is good, or the PDF cannot be written.
pub async fn paper(
    station: &Station,
    order: OrderId,
    what: Printed,
    receipt_number: Option<u64>,
    language: Language,
) -> Result<Vec<u8>, Problem> {
    let identity = station.enrolled()?;
    let sheet = station.db().read(move |tx| gather(tx, &identity, order, (what, receipt_number))).await?;
    let draw = move || match what {
        Printed::Tickets => {
            let tickets: Vec<TicketPaper> = sheet
                .sale
                .positions
                .iter()
                .filter(|p| !p.voided)
                .filter_map(|p| p.code.clone().map(|code| ticket(&sheet, p, code)))
                .collect();
            ticket_pdf(Fonts::shipped(), &tickets, language)
        }
        Printed::Receipt => receipt_pdf(Fonts::shipped(), &receipt(&sheet), language),
    };
    let drawn = tokio::task::spawn_blocking(draw).await;
    let drawn = drawn.map_err(|_| Problem::new(Code::Internal, "The paper could not be drawn."))?;
    drawn.map_err(|error| paper_problem(&error))
}

fn gather(
    tx: &Transaction<'_>,
    identity: &Identity,
    order: OrderId,
    (what, number): (Printed, Option<u64>),
) -> Result<Sheet, Fault> {
    let sale = view::sale_view(tx, order)?;
    let back = number.map(|number| void_of(&sale, number)).transpose()?;
    let event = catalog::event(tx, sale.event_id)?;
    let event = event.ok_or_else(|| Fault::refused(Code::NotFound, "The event of this sale is not known here."))?;
    let mut test = false;
    for position in &sale.positions {
        test |= orders::by_id(tx, position.position_id)?.is_some_and(|p| p.test);
    }
    // A server of the first version tells the name and nothing else.
    let nameless = || OrganizerRow {
        organizer_id: identity.organizer_id,
        name: identity.organizer_name.clone(),
        legal_name: String::new(),
        address: String::new(),
        tax_number: String::new(),
        accent: String::new(),
        version: 0,
    };
    let organizer = access::organizer(tx, identity.organizer_id)?.unwrap_or_else(nameless);
    let copy = store::copies(tx, order, what, number)?.saturating_add(1);
    let dates = catalog::dates_of_event(tx, sale.event_id)?;
    Ok(Sheet { sale, event, dates, organizer, till: identity.place().to_owned(), test, copy, back })
}

/// The void whose receipt has this number.
fn void_of(sale: &SaleView, number: u64) -> Result<VoidView, Fault> {
    let found = sale.voids.iter().find(|void| void.receipt == Some(number));
    found.cloned().ok_or_else(|| Fault::refused(Code::NotFound, "This sale has no such receipt."))
}

fn paper_problem(error: &PaperError) -> Problem {
    tracing::error!(%error, "no paper");
    let code = if matches!(error, PaperError::Nothing) { Code::NotFound } else { Code::Internal };
    Problem::new(code, format!("The paper could not be made: {error}."))
}

fn ticket(sheet: &Sheet, position: &SoldPosition, code: String) -> TicketPaper {
    let Sheet { sale, organizer, dates, .. } = sheet;
    let named = EventRow { name: sale.event_name.clone(), ..sheet.event.clone() };
    let event = named.on(position.date_id.and_then(|id| dates.iter().find(|d| d.date_id == id)));
    TicketPaper {
        organizer_name: organizer.name.clone(),
        accent: Accent::parse(&organizer.accent).unwrap_or(Accent::HOUSE),
        event_name: event.name,
        zone: event.zone,
        starts_at: event.starts_at,
        ends_at: event.ends_at,
        admission_at: event.admission_at,
        location: event.location,
        product_name: position.name.clone(),
        attendee_name: None,
        seat: None,
        order_code: sale.order_code.clone(),
        price: position.price,
        tax_rate_bp: position.tax_rate_bp,
        code,
        test: sheet.test,
        copy: sheet.copy,
        seller: organizer.imprint(),
        issued_at: sale.at,
    }
}

fn receipt(sheet: &Sheet) -> ReceiptPaper {
    let Sheet { sale, event, organizer, back, .. } = sheet;
    let mut lines: Vec<ReceiptLine> = Vec::new();
    let on_it = |p: &&SoldPosition| back.as_ref().is_none_or(|void| void.positions.contains(&p.position_id));
    for position in sale.positions.iter().filter(on_it) {
        let price = if back.is_some() {
            Money::new(position.price.minor.saturating_neg(), position.price.currency)
        } else {
            position.price
        };
        let same =
            |l: &&mut ReceiptLine| l.name == position.name && l.price == price && l.tax_rate_bp == position.tax_rate_bp;
        match lines.iter_mut().find(same) {
            Some(line) => line.quantity += 1,
            None => lines.push(ReceiptLine {
                name: position.name.clone(),
                quantity: 1,
                price,
                tax_rate_bp: position.tax_rate_bp,
            }),
        }
    }
    ReceiptPaper {
        seller_name: organizer.contract_name().to_owned(),
        seller_address: organizer.address.clone(),
        seller_tax_number: Some(organizer.tax_number.clone()).filter(|number| !number.is_empty()),
        receipt_number: back.as_ref().map_or_else(|| sale.receipt_number.clone(), |void| void.receipt_number.clone()),
        // A web order that was paid elsewhere has no receipt of this till.
        reverses: back.as_ref().map(|_| sale.receipt_number.clone()).filter(|number| !number.is_empty()),
        at: back.as_ref().map_or(sale.at, |void| void.at),
        zone: event.zone.clone(),
        till: sheet.till.clone(),
        cashier: None,
        event_name: sale.event_name.clone(),
        order_code: sale.order_code.clone(),
        lines,
        given: back.as_ref().map_or(sale.given, |void| void.total),
        copy: sheet.copy,
        test: sheet.test,
    }
}

/// Records that a paper left the printer; answers which copy it was, from 1.
///
/// # Errors
/// When there is no such sale here or it could not be recorded.
pub async fn record_print(
    station: &Station,
    order_id: OrderId,
    what: Printed,
    receipt: Option<u64>,
) -> Result<u32, Problem> {
    let identity = station.enrolled()?;
    let pen = station.pen(&identity, station.reading().at)?;
    let recorded = station.db().write(move |tx| {
        let sale = view::sale_view(tx, order_id)?;
        if let Some(number) = receipt {
            void_of(&sale, number)?;
        }
        let copy = store::copies(tx, order_id, what, receipt)? + 1;
        journal::append(tx, &pen, &Fact::Print { order_id, what, copy, receipt }, None, Vec::new())?;
        Ok(copy)
    });
    let copy = recorded.await?;
    tracing::info!(order = %order_id, ?what, copy, "printed");
    station.feed().announce_fact(&[Topic::Status]);
    Ok(copy)
}
