//! The papers of a sale as PDF, and the record of what left the printer. Printing itself is the window's business.

use super::{store, view};
use crate::{access, catalog, change_feed::Topic, devices::Identity, error::Fault, journal, orders, station::Station};
use rusqlite::Transaction;
use willcall_domain::{
    access::OrganizerRow,
    catalog::EventRow,
    id::OrderId,
    paper::{Accent, Fonts, Language, PaperError, ReceiptLine, ReceiptPaper, TicketPaper, receipt_pdf, ticket_pdf},
    problem::{Code, Problem},
    sync::{Fact, fact::Printed},
    till::wire::{SaleView, SoldPosition},
};

/// What both papers of a sale carry besides the sale itself.
struct Sheet {
    sale: SaleView,
    event: EventRow,
    organizer: OrganizerRow,
    till: String,
    test: bool,
    /// Which print this will be, from 1.
    copy: u32,
}

/// The paper of a sale. Drawing takes a while and is done away from the threads that answer.
///
/// # Errors
/// When there is no such sale here, it has no ticket, or the PDF cannot be written.
pub async fn paper(station: &Station, order: OrderId, what: Printed, language: Language) -> Result<Vec<u8>, Problem> {
    let identity = station.enrolled()?;
    let sheet = station.db().read(move |tx| gather(tx, &identity, order, what)).await?;
    let draw = move || match what {
        Printed::Tickets => {
            let tickets: Vec<TicketPaper> = sheet
                .sale
                .positions
                .iter()
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

fn gather(tx: &Transaction<'_>, identity: &Identity, order: OrderId, what: Printed) -> Result<Sheet, Fault> {
    let sale = view::sale_view(tx, order)?;
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
    let copy = store::copies(tx, order, what)?.saturating_add(1);
    Ok(Sheet { sale, event, organizer, till: identity.place().to_owned(), test, copy })
}

fn paper_problem(error: &PaperError) -> Problem {
    tracing::error!(%error, "no paper");
    let code = if matches!(error, PaperError::Nothing) { Code::NotFound } else { Code::Internal };
    Problem::new(code, format!("The paper could not be made: {error}."))
}

fn ticket(sheet: &Sheet, position: &SoldPosition, code: String) -> TicketPaper {
    let Sheet { sale, event, organizer, .. } = sheet;
    TicketPaper {
        organizer_name: organizer.name.clone(),
        accent: Accent::parse(&organizer.accent).unwrap_or(Accent::HOUSE),
        event_name: sale.event_name.clone(),
        zone: event.zone.clone(),
        starts_at: event.starts_at,
        ends_at: event.ends_at,
        admission_at: event.admission_at,
        location: event.location.clone(),
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
    let Sheet { sale, event, organizer, .. } = sheet;
    let mut lines: Vec<ReceiptLine> = Vec::new();
    for position in &sale.positions {
        let same = |l: &&mut ReceiptLine| {
            l.name == position.name && l.price == position.price && l.tax_rate_bp == position.tax_rate_bp
        };
        match lines.iter_mut().find(same) {
            Some(line) => line.quantity += 1,
            None => lines.push(ReceiptLine {
                name: position.name.clone(),
                quantity: 1,
                price: position.price,
                tax_rate_bp: position.tax_rate_bp,
            }),
        }
    }
    ReceiptPaper {
        seller_name: organizer.contract_name().to_owned(),
        seller_address: organizer.address.clone(),
        seller_tax_number: Some(organizer.tax_number.clone()).filter(|number| !number.is_empty()),
        receipt_number: sale.receipt_number.clone(),
        at: sale.at,
        zone: event.zone.clone(),
        till: sheet.till.clone(),
        cashier: None,
        event_name: sale.event_name.clone(),
        order_code: sale.order_code.clone(),
        lines,
        given: sale.given,
        copy: sheet.copy,
        test: sheet.test,
    }
}

/// Records that a paper left the printer; answers which copy it was, from 1.
///
/// # Errors
/// When there is no such sale here or it could not be recorded.
pub async fn record_print(station: &Station, order_id: OrderId, what: Printed) -> Result<u32, Problem> {
    let identity = station.enrolled()?;
    let pen = station.pen(&identity, station.reading().at)?;
    let recorded = station.db().write(move |tx| {
        view::sale_view(tx, order_id)?;
        let copy = store::copies(tx, order_id, what)? + 1;
        journal::append(tx, &pen, &Fact::Print { order_id, what, copy }, None, Vec::new())?;
        Ok(copy)
    });
    let copy = recorded.await?;
    tracing::info!(order = %order_id, ?what, copy, "printed");
    station.feed().announce_fact(&[Topic::Status]);
    Ok(copy)
}
