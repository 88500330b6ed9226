//! What is printed: tickets (A6, good on A4 too), receipts (80 mm roll) and door lists (A4), as PDF.
//!
//! Pure: data and font bytes in, bytes out. The same input gives the same bytes, on every machine: nothing here reads
//! a clock or draws a random number, dates in the file come from the input, its ids from its content. Not here: which
//! ticket or sale is printed, where the bytes go, and whether anybody is let in.
//!
//! `fonts` measures and wraps text with the real metrics of the shipped typeface, `page` turns drawn
//! marks into a PDF, `qr` makes the modules of a code, `words` holds the sentences and how dates and money are
//! written, [`ticket_pdf`], [`receipt_pdf`] and [`door_list_pdf`] lay out the papers.

mod badge;
mod door_list;
mod fonts;
mod page;
mod qr;
mod receipt;
mod svg;
mod ticket;
mod words;

pub use badge::{BadgeData, badge_pdf, badge_svg};
pub use door_list::{DoorList, DoorListRow, DoorListState, door_list_csv, door_list_pdf};
pub use fonts::Fonts;
pub use receipt::{ReceiptLine, ReceiptPaper, receipt_pdf};
pub use ticket::{Accent, TicketPaper, ticket_pdf};
pub use words::{Language, When};

use crate::money::MoneyError;

/// Why a paper could not be made. Nothing is half printed: there is a whole file or this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// There is nothing to print: no ticket, a receipt without lines, or a door list with nobody on it.
    #[error("there is nothing to print")]
    Nothing,
    /// The code of a ticket is empty.
    #[error("order {0}: the ticket has no code")]
    NoCode(String),
    /// The code does not fit a QR code whose modules a camera can tell apart at the printed size.
    #[error("order {order}: a code of {length} bytes is too long to be printed")]
    CodeTooLong { order: String, length: usize },
    /// Amounts that cannot be added up.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Less was handed over than is owed.
    #[error("receipt {number}: {given} were handed over, {total} are owed")]
    GivenTooLittle { number: String, given: crate::money::Money, total: crate::money::Money },
    /// The bytes given as a font are none, or lack what is needed to embed it.
    #[error("the font cannot be read: {0}")]
    Font(String),
    /// The PDF could not be written as intended, so it was not handed out.
    #[error("the PDF could not be written: {0}")]
    Pdf(String),
}
