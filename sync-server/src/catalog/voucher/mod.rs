//! Single-use vouchers: made by an organizer, spent at a till. Owns the voucher, what it was spent on, and who changed
//! it; who may spend it now is a right (see [`crate::leases`]).

mod store;

use super::edit::Refused;
use crate::{
    app::Tx,
    http::Failure,
    leases::{self, Person},
    sync::{Subject, note},
};
use willcall_domain::{
    catalog::{
        VoucherEffect,
        draft::{FieldError, VoucherDraft},
    },
    clock::UtcMillis,
    id::{DeviceId, EventId, ItemId, PositionId, VoucherId},
    problem::{Code, Problem},
    sync::change::VoucherRow,
};

/// A voucher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    pub voucher_id: VoucherId,
    pub event_id: EventId,
    pub code: String,
    pub effect: VoucherEffect,
    pub item_id: Option<ItemId>,
    /// The till that may spend it without asking.
    pub home: Option<DeviceId>,
    pub active: bool,
    /// How often it was spent, and how many of those were too many.
    pub uses: u32,
    pub excess: u32,
}

/// A line of an organizer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub voucher: Voucher,
    pub item_name: Option<String>,
    pub home_name: Option<String>,
    /// The station that holds its right now.
    pub holder: Option<String>,
    /// Orders it was spent in.
    pub orders: Vec<String>,
}

/// What was done to a voucher, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub what: String,
    pub device: Option<String>,
    pub at: UtcMillis,
    pub person: String,
}

fn no_such() -> Failure {
    Problem::new(Code::NotFound, "There is no such voucher.").into()
}

/// The voucher, held until the transaction ends.
///
/// # Errors
/// When the database is away.
pub async fn lock(tx: &mut Tx, id: VoucherId) -> Result<Option<Voucher>, Failure> {
    Ok(store::lock(tx, id).await?)
}

/// The voucher of this code, folded; not held.
///
/// # Errors
/// When the database is away.
pub async fn id_of_code(tx: &mut Tx, code: &str) -> Result<Option<VoucherId>, Failure> {
    Ok(store::id_of_code(tx, code).await?)
}

/// Writes how often it was spent.
///
/// # Errors
/// When the database does not take it.
pub async fn save_uses(tx: &mut Tx, voucher: &Voucher) -> Result<(), Failure> {
    store::save_uses(tx, voucher).await?;
    note(tx, Subject::Voucher(voucher.voucher_id, voucher.event_id)).await
}

/// Writes down which position it was spent on.
///
/// # Errors
/// When the database does not take it.
pub async fn note_use(
    tx: &mut Tx,
    id: VoucherId,
    position: PositionId,
    device: DeviceId,
    at: UtcMillis,
) -> Result<(), Failure> {
    Ok(store::insert_use(tx, id, position, device, at).await?)
}

/// These positions are undone; answers the vouchers they had been sold with.
///
/// # Errors
/// When the database is away.
pub async fn undo_uses(tx: &mut Tx, positions: &[PositionId]) -> Result<Vec<VoucherId>, Failure> {
    Ok(store::undo_uses(tx, positions).await?)
}

/// Vouchers whose home is this till and that nobody holds or has spent.
///
/// # Errors
/// When the database is away.
pub async fn waiting_for(tx: &mut Tx, home: DeviceId, most: i64) -> Result<Vec<VoucherId>, Failure> {
    Ok(store::waiting_for(tx, home, most).await?)
}

/// Vouchers as their home till is told of them; `only` names some.
///
/// # Errors
/// When the database is away.
pub async fn rows(
    tx: &mut Tx,
    home: DeviceId,
    events: &[EventId],
    only: Option<Vec<i64>>,
) -> sqlx::Result<Vec<VoucherRow>> {
    store::rows(tx, home, events, only).await
}

/// The vouchers of an event, newest first.
///
/// # Errors
/// When the database is away.
pub async fn list(tx: &mut Tx, event: EventId) -> Result<Vec<Listed>, Failure> {
    Ok(store::list(tx, event, None).await?)
}

/// One voucher of an event.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn find(tx: &mut Tx, event: EventId, id: VoucherId) -> Result<Listed, Failure> {
    store::list(tx, event, Some(id)).await?.pop().ok_or_else(no_such)
}

/// What was done to a voucher, oldest first.
///
/// # Errors
/// When the database is away.
pub async fn log(tx: &mut Tx, id: VoucherId) -> Result<Vec<Logged>, Failure> {
    Ok(store::log(tx, id).await?)
}

/// Makes vouchers of these codes, all alike.
///
/// # Errors
/// When a code is taken, the product or till is not there, or the database is away.
pub async fn make(tx: &mut Tx, event: EventId, draft: &VoucherDraft, by: Person<'_>) -> Result<u32, Refused> {
    if let Some(item) = draft.item_id {
        super::edit::find_item(tx, event, item).await?;
    }
    must_be_till(tx, draft.home, event).await?;
    for code in &draft.codes {
        let Some(id) = store::insert(tx, event, code, draft).await? else {
            return Err(Refused::field("codes", FieldError::Taken));
        };
        store::insert_log(tx, id, "made", None, by).await?;
        if draft.home.is_some() {
            store::insert_log(tx, id, "home", draft.home, by).await?;
        }
        note(tx, Subject::Voucher(id, event)).await?;
    }
    tracing::info!(organizer = tx.organizer.0, event = event.0, vouchers = draft.codes.len(), "vouchers made");
    Ok(u32::try_from(draft.codes.len()).unwrap_or(u32::MAX))
}

/// Names the till that may spend it without asking, or none. Another that holds it is asked to give it back, and the
/// new one gets it when it has.
///
/// # Errors
/// When there is no such voucher or till, or the database is away.
pub async fn set_home(
    tx: &mut Tx,
    event: EventId,
    id: VoucherId,
    home: Option<DeviceId>,
    by: Person<'_>,
) -> Result<(), Refused> {
    let voucher = of_event(tx, event, id).await?;
    if voucher.home == home {
        return Ok(());
    }
    must_be_till(tx, home, event).await?;
    store::set_home(tx, id, home).await?;
    store::insert_log(tx, id, "home", home, by).await?;
    leases::recall_voucher(tx, id).await?;
    note(tx, Subject::Voucher(id, event)).await?;
    tracing::info!(organizer = tx.organizer.0, voucher = id.0, home = home.map(|d| d.0), "home of a voucher named");
    Ok(())
}

/// Switches it on or off. Off, nobody is given it any more, and who holds it is asked to give it back; what was sold
/// with it until then is good.
///
/// # Errors
/// When there is no such voucher, or the database is away.
pub async fn set_active(
    tx: &mut Tx,
    event: EventId,
    id: VoucherId,
    active: bool,
    by: Person<'_>,
) -> Result<(), Refused> {
    let voucher = of_event(tx, event, id).await?;
    if voucher.active == active {
        return Ok(());
    }
    store::set_active(tx, id, active).await?;
    store::insert_log(tx, id, if active { "on" } else { "off" }, None, by).await?;
    if !active {
        leases::recall_voucher(tx, id).await?;
    }
    note(tx, Subject::Voucher(id, event)).await?;
    tracing::info!(organizer = tx.organizer.0, voucher = id.0, active, "voucher switched");
    Ok(())
}

async fn of_event(tx: &mut Tx, event: EventId, id: VoucherId) -> Result<Voucher, Failure> {
    lock(tx, id).await?.filter(|v| v.event_id == event).ok_or_else(no_such)
}

async fn must_be_till(tx: &mut Tx, home: Option<DeviceId>, event: EventId) -> Result<(), Refused> {
    let Some(device) = home else { return Ok(()) };
    if store::sells(tx, device, event).await? { Ok(()) } else { Err(Refused::field("home", FieldError::Choice)) }
}
