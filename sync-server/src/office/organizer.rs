//! What the organizer says of itself: on receipts, tickets, mails and in the shop. For owners, since the bank account
//! that buyers are told is among it.

use super::{
    desk::Desk,
    form::{Errors, Typed},
    page::{self, Frame},
};
use crate::{
    access::organizer,
    app::Tx,
    catalog::edit::Refused,
    http::{Failure, StaffRole},
};
use askama::Template;
use axum::response::Response;
use willcall_domain::{access::draft::OrganizerTyped, catalog::draft::Wrong};

#[derive(Template)]
#[template(path = "office/organizer.html")]
struct Page {
    f: Frame,
    typed: Typed,
    errors: Errors,
}

async fn begin(desk: &Desk) -> Result<Tx, Failure> {
    desk.caller.require(StaffRole::Owner)?;
    desk.begin().await
}

fn form(desk: &Desk, typed: Typed, wrong: &[Wrong]) -> Page {
    Page { f: desk.frame("organizer"), typed, errors: Errors::new(wrong, desk.words, desk.language) }
}

/// `GET /office/{organizer}/organizer`.
///
/// # Errors
/// When this person is no owner, or the database is away.
pub async fn show(desk: Desk) -> Result<Response, Failure> {
    let mut tx = begin(&desk).await?;
    let found = organizer::find(&mut tx).await?;
    let typed = Typed::of([
        ("name", found.name),
        ("legal_name", found.legal_name),
        ("address", found.address),
        ("tax_number", found.tax_number),
        ("bank_details", found.bank_details),
        ("accent", found.accent),
    ]);
    page::show(&form(&desk, typed, &[]))
}

/// `POST …/organizer`.
///
/// # Errors
/// When this person is no owner, or the database is away.
pub async fn update(desk: Desk, typed: Typed) -> Result<Response, Failure> {
    let mut tx = begin(&desk).await?;
    let read = OrganizerTyped {
        name: typed.text("name"),
        legal_name: typed.text("legal_name"),
        address: typed.text("address"),
        tax_number: typed.text("tax_number"),
        bank_details: typed.text("bank_details"),
        accent: typed.text("accent"),
    }
    .read();
    let changed = match read {
        Ok(draft) => organizer::change(&mut tx, &draft).await,
        Err(wrong) => Err(Refused::Fields(wrong)),
    };
    match changed {
        Ok(()) => {
            tx.commit().await?;
            Ok(page::go(&desk.url("/organizer?done=saved")))
        }
        Err(Refused::Fields(wrong)) => page::show_refused(&form(&desk, typed, &wrong)),
        Err(Refused::Failed(failure)) => Err(failure),
    }
}
