//! Rights that come back: recalled, ended with their station, or given up by a person.

use super::{load, save, store, tell};
use crate::{app::Tx, http::Failure, leases::Person};
use willcall_domain::{
    id::{DeviceId, EventId, OrderId, VoucherId},
    leases::{RightAccount, RightSubject, ledger::GivenUp},
};

/// Asks the holder to give it back.
pub(super) async fn recall(tx: &mut Tx, mut right: RightAccount, event: EventId) -> Result<(), Failure> {
    if right.recall() {
        store::save(tx, &right).await?;
        tell(tx, right.right_id, event).await?;
    }
    Ok(())
}

async fn recall_of(tx: &mut Tx, subject: RightSubject) -> Result<Option<String>, Failure> {
    let Some(held) = store::in_force(tx, subject).await? else { return Ok(None) };
    let name = store::holder_name(tx, held.account.right_id).await?;
    recall(tx, held.account, held.event).await?;
    Ok(name)
}

/// Asks who holds a voucher to give it back; answers who that is.
///
/// # Errors
/// When the database is away.
pub async fn recall_voucher(tx: &mut Tx, voucher_id: VoucherId) -> Result<Option<String>, Failure> {
    recall_of(tx, RightSubject::Voucher { voucher_id }).await
}

/// Asks who holds a web order to give it back; answers who that is.
///
/// # Errors
/// When the database is away.
pub async fn recall_order(tx: &mut Tx, order_id: OrderId) -> Result<Option<String>, Failure> {
    recall_of(tx, RightSubject::Order { order_id }).await
}

/// The till that may take the money of a web order now, or give it back.
///
/// # Errors
/// When the database is away.
pub async fn holder_of_order(tx: &mut Tx, order_id: OrderId) -> Result<Option<String>, Failure> {
    let Some(held) = store::in_force(tx, RightSubject::Order { order_id }).await? else { return Ok(None) };
    Ok(store::holder_name(tx, held.account.right_id).await?)
}

/// A journal has ended: the rights it had taken, and those nobody took, are the server's again.
pub(in crate::leases) async fn closed(tx: &mut Tx, device: DeviceId, incarnation: u32) -> Result<(), Failure> {
    for subject in store::subjects_of(tx, device, Some(incarnation)).await? {
        let Some(mut account) = load(tx, subject).await? else { continue };
        let Some(kept) = store::in_force(tx, subject).await?.filter(|kept| kept.account.holder == device) else {
            continue;
        };
        let mut right = kept.account;
        right.release(&mut account.guarded);
        save(tx, &mut account, Some((&right, kept.event))).await?;
    }
    Ok(())
}

/// A person gives up what a station holds; answers how many.
pub(in crate::leases) async fn write_off(
    tx: &mut Tx,
    device: DeviceId,
    how: GivenUp,
    by: Person<'_>,
) -> Result<u32, Failure> {
    let mut given_up = 0;
    for subject in store::subjects_of(tx, device, None).await? {
        let Some(mut account) = load(tx, subject).await? else { continue };
        let Some(kept) = store::in_force(tx, subject).await?.filter(|kept| kept.account.holder == device) else {
            continue;
        };
        let mut right = kept.account;
        if right.write_off(&mut account.guarded, how) {
            store::insert_write_off(tx, &right, by).await?;
            save(tx, &mut account, Some((&right, kept.event))).await?;
            given_up += 1;
        }
    }
    Ok(given_up)
}

/// How many rights a station holds.
///
/// # Errors
/// When the database is away.
pub async fn rights_of_device(tx: &mut Tx, device: DeviceId) -> Result<i64, Failure> {
    Ok(store::count_of(tx, device).await?)
}
