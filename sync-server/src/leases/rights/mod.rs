//! Rights: what may happen once has one holder. A right is granted as units are, and repeated until the station's
//! journal takes it. What acting on one comes to is decided in [`willcall_domain::leases::rights`]; here rows are
//! loaded, and saved. The thing itself (voucher, order) is always held before its rights.

mod ask;
mod record;
mod take_back;

pub use ask::{ask, open_rights};
pub use record::{lock_subjects, released, taken, undo_vouchers, use_order, use_voucher};
pub(super) use take_back::{closed, write_off};
pub use take_back::{holder_of_order, recall_order, recall_voucher, rights_of_device};

use super::store::rights as store;
use crate::{
    app::Tx,
    catalog::voucher::{self, Voucher},
    http::{Failure, caller::DeviceCaller},
    sync::{Subject, note},
};
use uuid::Uuid;
use willcall_domain::{
    id::{EventId, RightId},
    leases::{Guarded, RightAccount, RightRow, RightSubject},
};

/// The account of a thing, with what it is saved to.
struct Account {
    guarded: Guarded,
    voucher: Option<Voucher>,
}

/// Holds the thing and loads its account; `None` where there is none.
async fn load(tx: &mut Tx, subject: RightSubject) -> Result<Option<Account>, Failure> {
    let voucher = match subject {
        RightSubject::Voucher { voucher_id } => match voucher::lock(tx, voucher_id).await? {
            Some(voucher) => Some(voucher),
            None => return Ok(None),
        },
        RightSubject::Order { order_id } => {
            if !crate::orders::hold(tx, order_id).await? {
                return Ok(None);
            }
            None
        }
    };
    let holder = store::in_force(tx, subject).await?.map(|right| right.account.right_id);
    let (uses, excess) = voucher.as_ref().map_or((0, 0), |v| (v.uses, v.excess));
    Ok(Some(Account { guarded: Guarded { uses, excess, holder }, voucher }))
}

/// Saves what an act changed: the counts, and the right itself.
async fn save(tx: &mut Tx, account: &mut Account, right: Option<(&RightAccount, EventId)>) -> Result<(), Failure> {
    if let Some(voucher) = &mut account.voucher
        && (voucher.uses, voucher.excess) != (account.guarded.uses, account.guarded.excess)
    {
        (voucher.uses, voucher.excess) = (account.guarded.uses, account.guarded.excess);
        voucher::save_uses(tx, voucher).await?;
    }
    if let Some((right, event)) = right {
        store::save(tx, right).await?;
        tell(tx, right.right_id, event).await?;
    }
    Ok(())
}

async fn tell(tx: &mut Tx, right: RightId, event: EventId) -> Result<(), Failure> {
    note(tx, Subject::Right(right, event)).await
}

/// Rights of a device as it is told of them, for the feed; `only` names some.
///
/// # Errors
/// When the database is away.
pub async fn rows(tx: &mut Tx, caller: &DeviceCaller, only: Option<Vec<Uuid>>) -> sqlx::Result<Vec<RightRow>> {
    store::rows(tx, caller.device, only).await
}
