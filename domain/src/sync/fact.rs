//! What a journal entry says. A kind that is not listed here is kept by the server and parked, so new kinds may be
//! added; a field may be added with a default; nothing is ever renamed or given another meaning.

use crate::{
    checkin::wire::{Class, Direction, Reason},
    clock::UtcMillis,
    id::{EventId, ItemId, LeaseId, ListId, OrderId, PaymentId, PositionId, QuotaId, RequestId},
    leases::UnitRef,
    money::Money,
};
use serde::{Deserialize, Serialize};

/// One position of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleLine {
    pub position_id: PositionId,
    pub item_id: ItemId,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub tax: Money,
    /// One unit of every quota the item counts in.
    pub units: Vec<UnitRef>,
    /// The lease whose blank is the ticket; its id is `position_id`. `None` where the item admits nobody.
    pub blank: Option<LeaseId>,
    /// Version of the item's row the station sold by.
    pub item_version: i64,
}

/// A fact of a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// An incarnation begins; always its first entry.
    Opened { software: String },
    /// Units were taken in: from now on the station may sell them. The signed grant travels along, so that it can be
    /// proven from the journal alone.
    LeaseAccepted {
        lease_id: LeaseId,
        quota_id: QuotaId,
        event_id: EventId,
        units: u32,
        grant: String,
        grant_signature: String,
    },
    Sale {
        order_id: OrderId,
        order_code: String,
        event_id: EventId,
        request_id: RequestId,
        lines: Vec<SaleLine>,
        total: Money,
    },
    /// Cash came in for an order.
    Payment { payment_id: PaymentId, order_id: OrderId, amount: Money, given: Money, change: Money },
    /// A receipt was issued; numbers have no gap within an incarnation.
    Receipt { number: u64, order_id: OrderId, total: Money },
    Scan {
        event_id: EventId,
        list_id: ListId,
        position_id: Option<PositionId>,
        /// SHA-256 of the signed payload, hex, where the code was a signed one.
        payload_hash: Option<String>,
        direction: Direction,
        class: Class,
        reason: Option<Reason>,
        /// Set when the time was given by hand.
        #[serde(default)]
        time_by_hand: Option<UtcMillis>,
    },
    /// Paper left the printer.
    Print { order_id: OrderId, what: Printed, copy: u32 },
}

/// What was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Printed {
    Tickets,
    Receipt,
}

impl Fact {
    /// The tag, as it stands in the body.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::LeaseAccepted { .. } => "lease_accepted",
            Self::Sale { .. } => "sale",
            Self::Payment { .. } => "payment",
            Self::Receipt { .. } => "receipt",
            Self::Scan { .. } => "scan",
            Self::Print { .. } => "print",
        }
    }

    /// The order this fact refers to: it parks when that is parked.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Sale { order_id, .. }
            | Self::Payment { order_id, .. }
            | Self::Receipt { order_id, .. }
            | Self::Print { order_id, .. } => Some(*order_id),
            Self::Opened { .. } | Self::LeaseAccepted { .. } | Self::Scan { .. } => None,
        }
    }
}
