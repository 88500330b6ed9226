//! The papers of a sale as PDF, and the record of what left the printer. Printing itself is the window's business.

use super::{store, view};
use crate::{catalog, change_feed::Topic, error::Fault, journal, orders, station::Station};
use willcall_domain::{
    catalog::EventRow,
    id::OrderId,
    paper::{Accent, Fonts, Language, PaperError, ReceiptLine, ReceiptPaper, TicketPaper, receipt_pdf, ticket_pdf},
    problem::{Code, Problem},
    sync::{Fact, fact::Printed},
    till::wire::{SaleView, SoldPosition},
};

/// The paper of a sale. Drawing takes a while and is done away from the threads that answer.
///
/// # Errors
/// When there is no such sale here, it has no ticket, or the PDF cannot be written.
pub async fn paper(station: &Station, order: OrderId, what: Printed, language: Language) -> Result<Vec<u8>, Problem> {
    let identity = station.enrolled()?;
    let gathered = station.db().read(move |tx| {
        let sale = view::sale_view(tx, order)?;
        let event = catalog::event(tx, sale.event_id)?;
        let event = event.ok_or_else(|| Fault::refused(Code::NotFound, "The event of this sale is not known here."))?;
        let mut test = false;
        for position in &sale.positions {
            test |= orders::by_id(tx, position.position_id)?.is_some_and(|p| p.test);
        }
        Ok((sale, event, test, store::copies(tx, order, what)? > 0))
    });
    let (sale, event, test, reprint) = gathered.await?;
    let seller = identity.organizer_name.clone();
    let draw = move || match what {
        Printed::Tickets => {
            let tickets: Vec<TicketPaper> = sale
                .positions
                .iter()
                .filter_map(|p| p.code.clone().map(|code| ticket(&sale, &event, p, code, (&seller, test))))
                .collect();
            ticket_pdf(Fonts::shipped(), &tickets, language)
        }
        Printed::Receipt => {
            let till = identity.place().to_owned();
            receipt_pdf(Fonts::shipped(), &receipt(&sale, &event, seller, till, (reprint, test)), language)
        }
    };
    let drawn = tokio::task::spawn_blocking(draw).await;
    let drawn = drawn.map_err(|_| Problem::new(Code::Internal, "The paper could not be drawn."))?;
    drawn.map_err(|error| paper_problem(&error))
}

fn paper_problem(error: &PaperError) -> Problem {
    tracing::error!(%error, "no paper");
    let code = if matches!(error, PaperError::Nothing) { Code::NotFound } else { Code::Internal };
    Problem::new(code, format!("The paper could not be made: {error}."))
}

fn ticket(
    sale: &SaleView,
    event: &EventRow,
    position: &SoldPosition,
    code: String,
    (seller, test): (&str, bool),
) -> TicketPaper {
    TicketPaper {
        organizer_name: seller.to_owned(),
        accent: Accent::HOUSE,
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
        test,
        seller: seller.to_owned(),
        issued_at: sale.at,
    }
}

fn receipt(
    sale: &SaleView,
    event: &EventRow,
    seller: String,
    till: String,
    (reprint, test): (bool, bool),
) -> ReceiptPaper {
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
        seller_name: seller,
        seller_address: String::new(),
        seller_tax_number: None,
        receipt_number: sale.receipt_number.clone(),
        at: sale.at,
        zone: event.zone.clone(),
        till,
        cashier: None,
        event_name: sale.event_name.clone(),
        order_code: sale.order_code.clone(),
        lines,
        given: sale.given,
        reprint,
        test,
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
