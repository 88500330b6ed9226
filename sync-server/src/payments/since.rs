//! Payments that came in after the instant a database was put back to: the orders do not know of them, but who moved the
//! money does. Each provider that keeps books of its own is asked; those that keep none say so in words, for the person
//! who recovers the server.

use crate::{app::App, http::Failure, orders, tx::Tx};
use futures_util::future::BoxFuture;
use std::{fmt, sync::Arc};
use willcall_domain::{
    clock::UtcMillis,
    id::{OrderId, OrganizerId},
    money::Money,
    orders::OrderStatus,
    payments::Provider,
};

/// Money that came in, as its provider has it in its books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub order: OrderId,
    pub amount: Money,
    pub at: UtcMillis,
    /// By which the provider finds it again.
    pub reference: String,
}

/// What a provider answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// All that came in; nothing is all there was.
    Payments(Vec<Received>),
    /// It keeps no books that could be asked: a sentence about who does.
    CannotSay(&'static str),
}

/// Why a provider did not answer: a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// One who moves money.
pub trait Gateway: fmt::Debug + Send + Sync {
    fn provider(&self) -> Provider;

    /// Payments to an organizer that came in at this instant or later.
    ///
    /// # Errors
    /// When it cannot be reached or refuses to tell.
    fn since(&self, organizer: OrganizerId, from: UtcMillis) -> BoxFuture<'_, Result<Since, NoAnswer>>;
}

/// Ways to pay that nobody but the organizer keeps books of.
#[derive(Debug, Clone, Copy)]
struct Unbooked(Provider);

impl Gateway for Unbooked {
    fn provider(&self) -> Provider {
        self.0
    }

    fn since(&self, _: OrganizerId, _: UtcMillis) -> BoxFuture<'_, Result<Since, NoAnswer>> {
        let says = match self.0 {
            Provider::Free => {
                "Nothing is owed for what is free; orders without a price that were lost cannot be known."
            }
            Provider::BankTransfer => {
                "Look through the bank account from that day on, and mark orders as paid in the office."
            }
            Provider::Cash => "Tills send again what they took; cash taken in the office is in its cash book.",
        };
        Box::pin(std::future::ready(Ok(Since::CannotSay(says))))
    }
}

/// All that this server knows.
#[must_use]
pub fn gateways() -> Vec<Arc<dyn Gateway>> {
    [Provider::Free, Provider::BankTransfer, Provider::Cash].map(|p| Arc::new(Unbooked(p)) as Arc<dyn Gateway>).into()
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This order was pending, and is paid now.
    Paid { code: String },
    /// Money that a person must look at, and why.
    Unclear { reference: String, amount: Money, why: Unclear },
    /// A provider could not say, or did not answer: a sentence.
    Silent { provider: Provider, says: String },
}

/// Why money that came in does not pay an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unclear {
    /// The order was made after the backup: a station may know of it, else nobody does.
    NoOrder,
    /// The order has ended.
    Ended { code: String },
    /// It is not what the order costs.
    Amount { code: String, owed: Money },
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paid { code } => write!(f, "Order {code} had been paid since the backup: it is marked as paid."),
            Self::Unclear { reference, amount, why } => {
                write!(f, "Payment {reference} of {amount} came in since the backup: ")?;
                match why {
                    Unclear::NoOrder => f.write_str("its order is not here. Wait for the stations, else give it back."),
                    Unclear::Ended { code } => write!(f, "order {code} has ended. Give it back, or make a new order."),
                    Unclear::Amount { code, owed } => write!(f, "order {code} costs {owed}. Look at it in the office."),
                }
            }
            Self::Silent { provider, says } => write!(f, "Payments by {}: {says}", provider.as_str().replace('_', " ")),
        }
    }
}

/// Asks every provider what came in to an organizer since its newest data, and marks as paid what is.
///
/// # Errors
/// When the database is away.
pub async fn ask(app: &App, organizer: OrganizerId, gateways: &[Arc<dyn Gateway>]) -> Result<Vec<Found>, Failure> {
    let mut tx = app.begin(organizer).await?;
    let newest = super::store::newest(&mut tx).await?;
    tx.rollback().await?;
    let Some(from) = newest else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for gateway in gateways {
        let provider = gateway.provider();
        match gateway.since(organizer, from).await {
            Ok(Since::Payments(payments)) => {
                for payment in payments {
                    let mut tx = app.begin(organizer).await?;
                    found.extend(take(&mut tx, provider, payment).await?);
                    tx.commit().await?;
                }
            }
            Ok(Since::CannotSay(says)) => found.push(Found::Silent { provider, says: format!("{says} Since {from}.") }),
            Err(why) => {
                let says = format!("it did not answer ({why}). Run `recover` again, or ask it for all since {from}.");
                found.push(Found::Silent { provider, says });
            }
        }
    }
    Ok(found)
}

/// One payment; `None` where it is in the books already.
async fn take(tx: &mut Tx, provider: Provider, payment: Received) -> Result<Option<Found>, Failure> {
    let unclear = |why| Some(Found::Unclear { reference: payment.reference.clone(), amount: payment.amount, why });
    let Some(order) = orders::at_counter(tx, payment.order).await? else { return Ok(unclear(Unclear::NoOrder)) };
    let (code, owed) = (order.code, order.terms.total);
    match order.terms.status {
        OrderStatus::Paid => Ok(None),
        OrderStatus::Expired | OrderStatus::Canceled => Ok(unclear(Unclear::Ended { code })),
        OrderStatus::Pending if payment.amount != owed => Ok(unclear(Unclear::Amount { code, owed })),
        OrderStatus::Pending => {
            super::store::set_provider(tx, payment.order, provider).await?;
            orders::mark_paid(tx, payment.order).await?;
            tracing::warn!(organizer = tx.organizer.0, order = %payment.order, "an order was paid since the backup");
            Ok(Some(Found::Paid { code }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_keeps_no_books_says_who_does() {
        for gateway in gateways() {
            let said = gateway.since(OrganizerId(1), UtcMillis(0)).await.unwrap();
            let Since::CannotSay(says) = said else { panic!("{said:?}") };
            assert!(says.ends_with('.') && says.len() > 20, "{says}");
        }
    }
}
