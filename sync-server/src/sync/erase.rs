//! Erasing a person everywhere: here, in the journals kept here, and by a signed order on every machine that may have a
//! copy. Machines that have not confirmed are listed, and after some days each is a case.

use super::{
    Subject,
    cases::{self, Moot, NewCase},
    note,
    store::{contact, erase as store},
};
use crate::{
    app::{App, Tx},
    http::Failure,
    orders,
};
use serde_json::json;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, OrderId, RequestId, StaffId},
    sync::{CaseKind, change::EraseBody, erase::sign_erase},
};

/// Erases what an order says of people, and has every machine do the same.
///
/// # Errors
/// When there is no such order, it waits to be paid, or the database is away.
pub async fn erase(app: &App, tx: &mut Tx, order: OrderId, by: StaffId) -> Result<(), Failure> {
    let erased = orders::erase(tx, order).await?;
    let entries = store::forget_private(tx, order, erased.device).await?;
    let erase_id = RequestId::born(tx.now(), tx.entropy());
    let body = EraseBody { organizer_id: tx.organizer, entries, positions: erased.positions, at: tx.now() };
    let row = sign_erase(erase_id, &body, app.secrets.identity()).map_err(Failure::internal)?;
    store::insert(tx, store::Erasure { row: &row, order, event: erased.event, by }).await?;
    note(tx, Subject::Erase(erase_id, erased.event)).await
}

/// A machine that may have a copy of an order's personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub name: String,
    pub erased_at: UtcMillis,
    pub confirmed_at: Option<UtcMillis>,
    pub last_contact_at: Option<UtcMillis>,
}

/// The machines that were told to erase this order's personal data, those that have not confirmed first.
///
/// # Errors
/// When the database is away.
pub async fn machines(tx: &mut Tx, order: OrderId) -> Result<Vec<Machine>, Failure> {
    Ok(store::machines(tx, order).await?)
}

/// A machine says what it has erased.
pub(super) async fn confirmed(tx: &mut Tx, device: DeviceId, erased: &[RequestId]) -> Result<(), Failure> {
    contact::confirm_erased(tx, device, erased).await?;
    if store::unconfirmed(tx, device).await? == 0 {
        cases::close_by_itself(tx, CaseKind::NotErased, &device.to_string(), Moot::Confirmed).await?;
    }
    Ok(())
}

/// How long a machine may take to confirm before a person should look.
const PATIENCE_MS: i64 = 7 * 24 * 3_600_000;

/// Opens a case for each machine, of whichever organizer, that was told a week ago and has not confirmed.
///
/// # Errors
/// When the database is away.
pub async fn remind(app: &App) -> Result<(), Failure> {
    let since = UtcMillis(app.now().0 - PATIENCE_MS);
    for organizer in store::unerased(app.untenanted(), since).await? {
        let mut tx = app.begin(organizer).await?;
        for (device, erasures) in store::silent(&mut tx, since).await? {
            let detail = json!({ "erasures": erasures });
            let case = NewCase { device, event: None, kind: CaseKind::NotErased, detail };
            cases::open_once(&mut tx, &device.to_string(), &case).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
