//! An organizer: founding one, and what it is called and owes the law to say.

use super::store;
use crate::{
    app::{App, Tx},
    catalog::edit::Refused,
    router::RESERVED,
    sync::{Subject, note},
};
use willcall_domain::{
    access::{OrganizerRow, draft::OrganizerDraft},
    catalog::draft::{FieldError, valid_slug},
    id::OrganizerId,
};

/// Founds an organizer under an address of its own, which it keeps.
///
/// # Errors
/// When the address is none, the server's own or taken, or the database is away.
pub async fn found(app: &App, slug: &str, draft: &OrganizerDraft) -> Result<OrganizerId, Refused> {
    let slug = valid_slug(slug.to_owned()).map_err(|error| Refused::field("slug", error))?;
    if RESERVED.contains(&slug.as_str()) {
        return Err(Refused::field("slug", FieldError::Reserved));
    }
    if app.organizer_by_slug(&slug).await?.is_some() {
        return Err(Refused::field("slug", FieldError::Taken));
    }
    let organizer = store::found(app.untenanted(), &slug, draft, app.now()).await?;
    tracing::info!(organizer = organizer.0, "organizer founded");
    Ok(organizer)
}

/// Changes what the organizer of this transaction is called and says of itself; stations hear of it.
///
/// # Errors
/// When the database is away.
pub async fn change(tx: &mut Tx, draft: &OrganizerDraft) -> Result<(), Refused> {
    store::change(tx, draft).await?;
    note(tx, Subject::Organizer(tx.organizer)).await?;
    tracing::info!(organizer = tx.organizer.0, "organizer changed");
    Ok(())
}

/// The organizer of this transaction with all that can be changed of it.
///
/// # Errors
/// When the database is away.
pub async fn find(tx: &mut Tx) -> sqlx::Result<OrganizerDraft> {
    Ok(store::organizer(tx).await?.0)
}

/// The organizer of this transaction as stations are told of it.
///
/// # Errors
/// When the database is away.
pub async fn row(tx: &mut Tx) -> sqlx::Result<OrganizerRow> {
    let (draft, version) = store::organizer(tx).await?;
    Ok(OrganizerRow {
        organizer_id: tx.organizer,
        name: draft.name,
        legal_name: draft.legal_name,
        address: draft.address,
        tax_number: draft.tax_number,
        accent: draft.accent,
        version,
    })
}
