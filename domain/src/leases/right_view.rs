//! Rights of a till as its screens show them, and what they ask.

use super::wire::{CounterLine, RightKind, VoucherTerms};
use crate::{
    clock::UtcMillis,
    id::{EventId, OrderId, PositionId, RequestId, RightId},
    money::Money,
    orders::OrderStatus,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A web order whose right is here, as this till has left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CounterOrder {
    pub order_id: OrderId,
    pub status: OrderStatus,
    pub total: Money,
    pub paid: Money,
    /// What is still to be paid; nothing where the order has ended.
    pub owed: Money,
    pub lines: Vec<CounterLine>,
}

/// A right this till holds and may use now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RightView {
    pub right_id: RightId,
    pub event_id: EventId,
    pub event_name: String,
    /// The voucher's code, or the order's.
    pub code: String,
    pub what: RightKind,
    /// The organizer named this till for it; it stays until it is spent.
    pub home: bool,
    /// The server wants it back; it goes at the next contact.
    pub recalled: bool,
    pub taken_at: UtcMillis,
    pub voucher: Option<VoucherTerms>,
    pub order: Option<CounterOrder>,
}

/// What a till may do once and nobody else now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RightsView {
    /// Newest first.
    pub rights: Vec<RightView>,
}

/// Asks for the right of a voucher or web order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TakeRightRequest {
    /// As typed.
    pub code: String,
    /// `None` is whichever there is, orders first.
    pub what: Option<RightKind>,
}

/// Takes cash for a web order. The same `request_id` again is the same payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PayOrderRequest {
    pub request_id: RequestId,
    pub code: String,
    /// Cash handed over, in minor units of the order's currency.
    #[ts(type = "number")]
    pub given_minor: i64,
}

/// Cancels a web order, or some of its positions, and gives back what came in for it. The same `request_id` again is the
/// same refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RefundOrderRequest {
    pub request_id: RequestId,
    pub code: String,
    /// Why, in the words of who did it; kept beside the journal's chain.
    pub reason: String,
    /// Which positions; none is the order as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub positions: Option<Vec<PositionId>>,
}
