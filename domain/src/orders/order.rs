//! An order and its states; transitions consume it.

use crate::{
    clock::UtcMillis,
    id::{EventId, OrderId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Waits for its money and holds its places.
    Pending,
    Paid,
    /// Not paid in time; its places are free again.
    Expired,
    Canceled,
}

impl OrderStatus {
    pub const ALL: [Self; 4] = [Self::Pending, Self::Paid, Self::Expired, Self::Canceled];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
        }
    }

    /// Whether its positions count in their quotas.
    #[must_use]
    pub fn holds_places(self) -> bool {
        matches!(self, Self::Pending | Self::Paid)
    }
}

impl std::str::FromStr for OrderStatus {
    type Err = OrderError;
    fn from_str(text: &str) -> Result<Self, OrderError> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| OrderError::Status(text.to_owned()))
    }
}

/// A contract with a buyer. Its positions are rows of their own; this is what decides about it as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub order_id: OrderId,
    pub event_id: EventId,
    pub code: String,
    pub status: OrderStatus,
    pub total: Money,
    pub placed_at: UtcMillis,
    /// When a pending order gives its places back.
    pub expires_at: Option<UtcMillis>,
    pub canceled_at: Option<UtcMillis>,
}

/// Why an order cannot be placed or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error("choose at least one product")]
    Empty,
    #[error("at most {0} tickets can be ordered at once")]
    TooMany(u32),
    #[error("product {0} is not for sale")]
    NotForSale(crate::id::ItemId),
    #[error(transparent)]
    Choice(crate::catalog::choose::NotChosen),
    #[error("not enough left of {name}: {free} left, {wanted} wanted")]
    SoldOut { item: crate::id::ItemId, name: String, wanted: i64, free: i64 },
    #[error("sales are closed")]
    Closed,
    #[error("this order is {}", .0.as_str())]
    Is(OrderStatus),
    #[error("the payment of {paid} does not match what is owed, {owed}")]
    Amount { paid: Money, owed: Money },
    #[error("there is no order status {0:?}")]
    Status(String),
    #[error(transparent)]
    Money(#[from] crate::money::MoneyError),
}

impl Order {
    /// The money has come.
    ///
    /// # Errors
    /// When it is not pending, or another amount came.
    pub fn pay(self, paid: Money) -> Result<Self, OrderError> {
        match self.status {
            OrderStatus::Pending if paid == self.total => {
                Ok(Self { status: OrderStatus::Paid, expires_at: None, ..self })
            }
            OrderStatus::Pending => Err(OrderError::Amount { paid, owed: self.total }),
            OrderStatus::Paid | OrderStatus::Expired | OrderStatus::Canceled => Err(OrderError::Is(self.status)),
        }
    }

    /// Ends it; its places are free and its codes revoked.
    ///
    /// # Errors
    /// When it has ended already.
    pub fn cancel(self, now: UtcMillis) -> Result<Self, OrderError> {
        match self.status {
            OrderStatus::Pending | OrderStatus::Paid => {
                Ok(Self { status: OrderStatus::Canceled, canceled_at: Some(now), expires_at: None, ..self })
            }
            OrderStatus::Expired | OrderStatus::Canceled => Err(OrderError::Is(self.status)),
        }
    }

    /// Not paid in time.
    ///
    /// # Errors
    /// When it is not pending or its time has not come.
    pub fn expire(self, now: UtcMillis) -> Result<Self, OrderError> {
        match (self.status, self.expires_at) {
            (OrderStatus::Pending, Some(at)) if at <= now => Ok(Self { status: OrderStatus::Expired, ..self }),
            _ => Err(OrderError::Is(self.status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use uuid::Uuid;

    fn order(status: OrderStatus) -> Order {
        Order {
            order_id: OrderId(Uuid::nil()),
            event_id: EventId(1),
            code: "ABC".into(),
            status,
            total: Money::new(2400, Currency::EUR),
            placed_at: UtcMillis(0),
            expires_at: Some(UtcMillis(1000)),
            canceled_at: None,
        }
    }

    #[test]
    fn only_a_pending_order_is_paid_and_only_with_its_total() {
        let (right, wrong) = (Money::new(2400, Currency::EUR), Money::new(2399, Currency::EUR));
        assert_eq!(order(OrderStatus::Pending).pay(right).unwrap().status, OrderStatus::Paid);
        assert!(matches!(order(OrderStatus::Pending).pay(wrong), Err(OrderError::Amount { .. })));
        for status in [OrderStatus::Paid, OrderStatus::Expired, OrderStatus::Canceled] {
            assert_eq!(order(status).pay(right), Err(OrderError::Is(status)));
        }
    }

    #[test]
    fn an_order_ends_once() {
        for status in [OrderStatus::Pending, OrderStatus::Paid] {
            let ended = order(status).cancel(UtcMillis(5)).unwrap();
            assert_eq!((ended.status, ended.canceled_at), (OrderStatus::Canceled, Some(UtcMillis(5))));
            assert!(ended.cancel(UtcMillis(6)).is_err());
        }
    }

    #[test]
    fn a_pending_order_expires_when_its_time_has_come_and_not_before() {
        assert!(order(OrderStatus::Pending).expire(UtcMillis(999)).is_err());
        assert_eq!(order(OrderStatus::Pending).expire(UtcMillis(1000)).unwrap().status, OrderStatus::Expired);
        assert!(order(OrderStatus::Paid).expire(UtcMillis(2000)).is_err());
    }
}
