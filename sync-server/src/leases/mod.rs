//! Units lent to stations, and where each of them is. A grant is asked with an id of the station's, answered the same
//! again, and repeated at each contact until the station's journal says it was taken in. What a movement does to the
//! accounts is decided in [`willcall_domain::leases::ledger`]; here rows are loaded, and saved.
//!
//! Quotas are held before leases, in ascending order: whoever applies many facts calls [`lock_page`] first.

mod accept;
mod blanks;
mod give_back;
mod grant;
mod hand_over;
mod recall;
mod rights;
mod store;
mod unheard;
mod units;
mod write_off;

pub use accept::accept;
pub use blanks::{blanks_of, is_left};
pub use give_back::{closed, give_back};
pub use grant::{grant, open_grants};
pub use hand_over::{declined, find_stuck, given, taken};
pub use recall::{find_dry, ran_dry, set_targets};
pub use rights::{
    ask as ask_right, holder_of_order, lock_subjects, open_rights, recall_order, recall_voucher,
    released as right_released, rights_of_device, rows as right_rows, taken as right_taken, undo_vouchers, use_order,
    use_voucher,
};
pub use store::{Flying, HeldBy};
pub use unheard::{hold_back, let_go};
pub use units::{
    Quit, UnitUse, free_units, lock, lock_page, quit, quota_of, sell_uncovered, units_of, unsell, use_unit,
};
pub use write_off::{
    Person, Silent, device as write_off_device, flying, hand_over_of as write_off_hand_over, held_by_device,
    held_of_event,
};

use crate::{
    access::audit::{self, Changes, Deed, Record},
    app::Tx,
    http::{Failure, caller::DeviceCaller},
    sync::{Subject, note},
};
use uuid::Uuid;
use willcall_domain::{
    catalog::draft::LendingDraft,
    id::EventId,
    leases::{HandOverRow, LeaseRow},
    sync::change::VoidBlanks,
};

/// How much of an event's quotas tills may hold.
///
/// # Errors
/// When the database is away.
pub async fn lending(tx: &mut Tx, event: EventId) -> Result<LendingDraft, Failure> {
    Ok(store::lending(tx, event).await?)
}

/// Changes it. What tills hold already stays with them, but where tills may not sell any more: then it is asked back.
///
/// # Errors
/// When the database is away.
pub async fn set_lending(tx: &mut Tx, event: EventId, draft: LendingDraft) -> Result<(), Failure> {
    let before = store::lending(tx, event).await?;
    if before == draft {
        return Ok(());
    }
    store::set_lending(tx, event, draft).await?;
    if before.till_sales != draft.till_sales {
        recall::switched(tx, event).await?;
    }
    let changes = Changes::none()
        .field("planned_outage_min", &before.planned_outage_min, &draft.planned_outage_min)
        .field("station_cap", &before.station_cap, &draft.station_cap)
        .field("stations_cap_percent", &before.stations_cap_percent, &draft.stations_cap_percent)
        .field("till_sales", &before.till_sales, &draft.till_sales);
    audit::record(tx, Record::new(Deed::LendingChanged, Some(event), "", changes)).await?;
    note(tx, Subject::Event(event)).await?;
    tracing::info!(organizer = tx.organizer.0, event = event.0, ?draft, "lending changed");
    Ok(())
}

/// Leases of a device as it is told of them, for the feed; `only` names some.
///
/// # Errors
/// When the database is away.
pub async fn rows(tx: &mut Tx, caller: &DeviceCaller, only: Option<Vec<Uuid>>) -> sqlx::Result<Vec<LeaseRow>> {
    store::lease_rows(tx, caller.device, only).await
}

/// Hand-overs a device gave, as it is told of them; `only` names some.
///
/// # Errors
/// When the database is away.
pub async fn hand_over_rows(
    tx: &mut Tx,
    caller: &DeviceCaller,
    only: Option<Vec<Uuid>>,
) -> sqlx::Result<Vec<HandOverRow>> {
    store::hand_over_rows(tx, caller.device, only).await
}

/// Void blanks of events, by lease; `only` names leases.
///
/// # Errors
/// When the database is away.
pub async fn void_blanks(tx: &mut Tx, events: &[EventId], only: Option<Vec<Uuid>>) -> sqlx::Result<Vec<VoidBlanks>> {
    store::void_blanks(tx, events, only).await
}
