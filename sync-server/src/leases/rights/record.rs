//! What journals say of rights: taken, released, and acted on.

use super::{Account, load, save, store, tell};
use crate::{
    app::{App, Tx},
    catalog::voucher,
    http::{Failure, caller::DeviceCaller},
    sync::Applied,
};
use serde_json::json;
use std::collections::BTreeSet;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, OrderId, PositionId, RightId, VoucherId},
    leases::{RightGrant, RightState, RightSubject, check_right, rights::Use},
    sync::{CaseKind, Entry, Fact},
};

fn unknown(right: RightId) -> Applied {
    Applied::Parked { kind: CaseKind::UnknownLease, event: None, detail: json!({ "right_id": right }) }
}

/// The station took a right. One that was lost with the server's last hours is taken back into the books by its own
/// signature; one that is over is told again.
///
/// # Errors
/// When the database is away.
pub async fn taken(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    fact: &Fact,
) -> Result<Applied, Failure> {
    let Fact::RightTaken { right_id, subject, grant, grant_signature, .. } = fact else { return Ok(Applied::Done) };
    let Some(mut account) = load(tx, *subject).await? else { return Ok(unknown(*right_id)) };
    let kept = match store::by_id(tx, *right_id).await? {
        Some(kept) => kept,
        None => {
            let grant = RightGrant { body: grant.clone(), signature: grant_signature.clone() };
            if !restore(app, tx, caller, (*right_id, *subject), &grant, &mut account).await? {
                return Ok(unknown(*right_id));
            }
            let Some(kept) = store::by_id(tx, *right_id).await? else { return Ok(unknown(*right_id)) };
            kept
        }
    };
    let mut right = kept.account;
    if right.holder != caller.device || right.subject != *subject {
        return Ok(unknown(*right_id));
    }
    let before = right.state;
    right.take();
    store::note_taken(tx, *right_id, entry.incarnation).await?;
    if before == RightState::Granted {
        store::save(tx, &right).await?;
    }
    if !right.state.in_force() || right.recalled {
        tell(tx, *right_id, kept.event).await?;
    }
    Ok(Applied::Done)
}

/// `false` when the grant is not ours.
async fn restore(
    app: &App,
    tx: &mut Tx,
    caller: &DeviceCaller,
    (right_id, subject): (RightId, RightSubject),
    grant: &RightGrant,
    account: &mut Account,
) -> Result<bool, Failure> {
    let server = app.secrets.identity().verifying_key();
    let Ok(body) = check_right(grant, &server, caller.device) else { return Ok(false) };
    if body.right_id != right_id || body.subject != subject || body.organizer_id != tx.organizer {
        return Ok(false);
    }
    let restored = account.guarded.restore(right_id, caller.device, subject);
    tracing::warn!(device = caller.device.0, right = %right_id, state = restored.state.word(), "a lost right is proven");
    store::insert(tx, &body, &restored).await?;
    Ok(true)
}

/// The station gave a right back. One it has no more stays where it is.
///
/// # Errors
/// When the database is away.
pub async fn released(tx: &mut Tx, caller: &DeviceCaller, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::RightReleased { right_id, subject, .. } = fact else { return Ok(Applied::Done) };
    let Some(mut account) = load(tx, *subject).await? else { return Ok(unknown(*right_id)) };
    let kept = store::by_id(tx, *right_id).await?.filter(|kept| kept.account.holder == caller.device);
    let Some(kept) = kept else { return Ok(unknown(*right_id)) };
    let mut right = kept.account;
    if right.release(&mut account.guarded) {
        save(tx, &mut account, Some((&right, kept.event))).await?;
        tracing::info!(device = caller.device.0, right = %right_id, "right given back");
    }
    Ok(Applied::Done)
}

/// Holds the web orders and vouchers these facts are about, each kind ascending, before any quota is held: two tills
/// never wait for each other in a circle.
///
/// # Errors
/// When the database is away.
pub async fn lock_subjects<'a>(tx: &mut Tx, facts: impl Iterator<Item = &'a Fact>) -> Result<(), Failure> {
    let (mut orders, mut vouchers, mut own) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for fact in facts {
        match fact {
            Fact::Sale { order_id, lines, .. } => {
                own.insert(order_id.0);
                vouchers.extend(lines.iter().filter_map(|line| line.voucher).map(|voucher| voucher.0));
            }
            Fact::Payment { order_id, .. } | Fact::Void { order_id, .. } | Fact::Refund { order_id, .. } => {
                orders.insert(order_id.0);
            }
            Fact::RightTaken { subject, .. } | Fact::RightReleased { subject, .. } => match subject {
                RightSubject::Order { order_id } => _ = orders.insert(order_id.0),
                RightSubject::Voucher { voucher_id } => _ = vouchers.insert(voucher_id.0),
            },
            Fact::Opened { .. }
            | Fact::LeaseAccepted { .. }
            | Fact::Receipt { .. }
            | Fact::Scan { .. }
            | Fact::Print { .. }
            | Fact::LeaseReturned { .. }
            | Fact::HandOverGiven { .. }
            | Fact::HandOverTaken { .. }
            | Fact::HandOverDeclined { .. }
            | Fact::ScanUndone { .. }
            | Fact::CaseClosed { .. }
            | Fact::OperatorIn { .. }
            | Fact::OperatorOut { .. }
            | Fact::Badge { .. }
            | Fact::Answers { .. }
            | Fact::Exchanged { .. }
            | Fact::KeyChanged { .. }
            | Fact::Checkpoint { .. }
            | Fact::Closed { .. } => {}
        }
    }
    // What is sold in this very page nobody else knows of.
    let orders: Vec<uuid::Uuid> = orders.difference(&own).copied().collect();
    if !orders.is_empty() || !vouchers.is_empty() {
        store::lock_subjects(tx, &orders, &vouchers.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// A station acted on a thing: by a right it has, had, or never had.
async fn act(
    tx: &mut Tx,
    device: DeviceId,
    subject: RightSubject,
    account: &mut Account,
) -> Result<Option<Use>, Failure> {
    let Some(kept) = store::best_of(tx, device, subject).await? else { return Ok(None) };
    let mut right = kept.account;
    let came = right.use_it(&mut account.guarded);
    save(tx, account, Some((&right, kept.event))).await?;
    if came != Use::Rightly
        && let Some(other) = store::in_force(tx, subject).await?
    {
        // Somebody else holds it now, and must hear of it.
        super::take_back::recall(tx, other.account, other.event).await?;
    }
    Ok(Some(came))
}

/// A till sold a position with a voucher; `None` where there is no such voucher.
///
/// # Errors
/// When the database is away.
pub async fn use_voucher(
    tx: &mut Tx,
    caller: &DeviceCaller,
    voucher_id: VoucherId,
    position: PositionId,
    at: UtcMillis,
) -> Result<Option<(Use, voucher::Voucher)>, Failure> {
    let subject = RightSubject::Voucher { voucher_id };
    let Some(mut account) = load(tx, subject).await? else { return Ok(None) };
    let came = match act(tx, caller.device, subject, &mut account).await? {
        Some(came) => came,
        None => {
            let came = account.guarded.use_without(subject);
            save(tx, &mut account, None).await?;
            came
        }
    };
    voucher::note_use(tx, voucher_id, position, caller.device, at).await?;
    Ok(account.voucher.map(|voucher| (came, voucher)))
}

/// A till took money for a web order or gave it back; `None` where it never had its right.
///
/// # Errors
/// When the database is away.
pub async fn use_order(tx: &mut Tx, caller: &DeviceCaller, order_id: OrderId) -> Result<Option<Use>, Failure> {
    let subject = RightSubject::Order { order_id };
    let Some(mut account) = load(tx, subject).await? else { return Ok(None) };
    act(tx, caller.device, subject, &mut account).await
}

/// Positions are undone: the vouchers they were sold with may be spent again.
///
/// # Errors
/// When the database is away.
pub async fn undo_vouchers(tx: &mut Tx, positions: &[PositionId]) -> Result<(), Failure> {
    for voucher_id in voucher::undo_uses(tx, positions).await? {
        let Some(mut account) = load(tx, RightSubject::Voucher { voucher_id }).await? else { continue };
        account.guarded.undo();
        save(tx, &mut account, None).await?;
    }
    Ok(())
}
