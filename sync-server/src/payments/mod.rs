//! Money owed and received for orders. Free and bank transfer need no outside party: an order is opened with what is
//! owed, and a person confirms what has arrived.

pub mod since;
mod store;

use crate::tx::Tx;
use willcall_domain::{
    id::{OrderId, PaymentId},
    money::Money,
    payments::{PaymentState, Provider},
};

/// Writes what is owed for an order and how it will be paid. What costs nothing is received at once.
///
/// # Errors
/// When the database does not take it.
pub async fn open(tx: &mut Tx, order: OrderId, provider: Provider, amount: Money) -> sqlx::Result<PaymentId> {
    let now = tx.now();
    let id = PaymentId::born(now, tx.entropy());
    let state = match provider {
        Provider::Free => PaymentState::Confirmed,
        Provider::BankTransfer | Provider::Cash => PaymentState::Created,
    };
    store::insert(tx, id, order, provider, amount, state).await?;
    Ok(id)
}

/// The money owed for an order has come. Where nothing was opened, a transfer is written down as received.
///
/// # Errors
/// When the database does not take it.
pub async fn confirm(tx: &mut Tx, order: OrderId, amount: Money) -> sqlx::Result<()> {
    if store::confirm_open(tx, order).await? == 0 {
        let id = PaymentId::born(tx.now(), tx.entropy());
        store::insert(tx, id, order, Provider::BankTransfer, amount, PaymentState::Confirmed).await?;
    }
    Ok(())
}

/// What has come in for an order and was not given back, in minor units.
///
/// # Errors
/// When the database is away.
pub async fn received(tx: &mut Tx, order: OrderId) -> sqlx::Result<i64> {
    store::received(tx, order).await
}

/// Nobody waits for this money any more. What was received stays received.
///
/// # Errors
/// When the database does not take it.
pub async fn close_open(tx: &mut Tx, order: OrderId) -> sqlx::Result<()> {
    store::cancel_open(tx, order).await
}
