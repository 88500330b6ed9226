//! Leases as they travel.

use super::{ledger::HandOverState, units::UnitRange};
use crate::{
    catalog::{Article, VoucherEffect},
    clock::UtcMillis,
    id::{
        DeviceId, EventId, HandOverId, ItemId, LeaseId, OrderId, OrganizerId, PositionId, QuotaId, RequestId, RightId,
        VoucherId,
    },
    money::Money,
    orders::OrderStatus,
    ticketing::blank,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// `POST /api/station/v1/leases`: asks for units. The same `request_id` again answers the same grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRequest {
    pub request_id: RequestId,
    pub quota_id: QuotaId,
    /// 1 to 10,000.
    pub wanted: u32,
}

/// The ids of some blanks that follow each other: `base` and the next `count - 1`. Of a grant the base counts from 0; of
/// a part of it, it is the id of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlankRange {
    /// What they are tickets of.
    #[serde(flatten)]
    pub article: Article,
    pub base: PositionId,
    pub count: u32,
}

impl BlankRange {
    /// Those of the range of `base` that have these numbers in it.
    #[must_use]
    pub fn part(article: impl Into<Article>, base: PositionId, numbers: UnitRange) -> Self {
        Self { article: article.into(), base: blank::position(base, numbers.from), count: numbers.count() }
    }

    /// The numbers its blanks have in the range they were granted in.
    #[must_use]
    pub fn numbers(self) -> UnitRange {
        UnitRange::of(blank::index(self.base, self.base).unwrap_or(0), self.count)
    }
}

/// What the server signs: names ranges of blanks, never their codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantBody {
    pub lease_id: LeaseId,
    pub request_id: RequestId,
    pub organizer_id: OrganizerId,
    pub event_id: EventId,
    pub quota_id: QuotaId,
    pub station: DeviceId,
    /// Units lent, numbered from 0.
    pub units: u32,
    pub blanks: Vec<BlankRange>,
    pub granted_at: UtcMillis,
}

/// The codes of one range, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlankCodes {
    #[serde(flatten)]
    pub article: Article,
    pub codes: Vec<String>,
}

/// A grant: the signed body exactly as signed, and beside it the codes, each signed by the event key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// JSON of a [`GrantBody`], the very bytes that are signed.
    pub body: String,
    /// Ed25519 by the server's key over `"willcall grant 1\0"` ‖ body, hex.
    pub signature: String,
    pub codes: Vec<BlankCodes>,
}

/// What the server says of a lease to the station that holds it. Follows the lease through recall and write-off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRow {
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    /// The station that holds it.
    pub device_id: DeviceId,
    pub state: LeaseState,
    /// Most units this station should still hold unsold of it; it returns the rest as soon as it hears of it. `None` is no
    /// recall. Sales made before it was heard are valid.
    pub keep: Option<u32>,
    pub version: i64,
}

/// Where a lease is in its life, as the server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    Open,
    /// Nothing is left of it.
    Closed,
    /// A person gave it up: the station is gone, its paper may be with honest buyers.
    Lost,
    /// A person gave it up: whoever has its blanks has no right to them.
    Stolen,
}

/// What the server says of a hand-over to the station that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverRow {
    pub hand_over_id: HandOverId,
    /// The giver's lease.
    pub lease_id: LeaseId,
    pub event_id: EventId,
    /// The giver.
    pub device_id: DeviceId,
    /// Declined: the units are the giver's again.
    pub state: HandOverState,
    pub version: i64,
}

/// What may happen once, and so is guarded by a right that one station holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum RightSubject {
    /// Spending a single-use voucher.
    Voucher { voucher_id: VoucherId },
    /// Taking the money of a web order, or giving it back.
    Order { order_id: OrderId },
}

/// Which kind of thing a right is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RightKind {
    Voucher,
    Order,
}

impl RightSubject {
    #[must_use]
    pub fn kind(self) -> RightKind {
        match self {
            Self::Voucher { .. } => RightKind::Voucher,
            Self::Order { .. } => RightKind::Order,
        }
    }

    /// Whether it may happen once in all: then using the right ends it.
    #[must_use]
    pub fn is_spent_by_use(self) -> bool {
        self.kind() == RightKind::Voucher
    }
}

/// `POST /api/station/v1/rights`: asks to become the holder. The same `request_id` again answers the same grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightRequest {
    pub request_id: RequestId,
    /// Of a voucher or a web order, as typed.
    pub code: String,
    /// Where an order and a voucher may be called the same; `None` is whichever there is, orders first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<RightKind>,
}

/// What a voucher gives, as it was when its right was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VoucherTerms {
    /// The product it is for; `None` is any of the event.
    pub item_id: Option<ItemId>,
    pub effect: VoucherEffect,
    /// The organizer named this till for it: it keeps the right until the voucher is spent.
    pub home: bool,
}

/// One position of a web order, without personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CounterLine {
    pub position_id: PositionId,
    pub item_id: ItemId,
    /// What the product was called.
    pub name: String,
    pub price: Money,
    pub tax_rate_bp: u32,
}

/// A web order, as it was when its right was granted: nobody else changes it while the right is held. Without personal
/// data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct OrderTerms {
    pub status: OrderStatus,
    pub total: Money,
    /// What has come in for it.
    pub paid: Money,
    /// Positions that are not cancelled.
    pub lines: Vec<CounterLine>,
}

/// What the server signs, over `"willcall right 1\0"` ‖ JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightBody {
    pub right_id: RightId,
    pub request_id: RequestId,
    pub organizer_id: OrganizerId,
    pub event_id: EventId,
    pub station: DeviceId,
    pub subject: RightSubject,
    /// The voucher's code, or the order's.
    pub code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<VoucherTerms>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderTerms>,
    pub granted_at: UtcMillis,
}

/// A right as it travels: the body exactly as signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightGrant {
    /// JSON of a [`RightBody`].
    pub body: String,
    /// Ed25519 by the server's key, hex.
    pub signature: String,
}

/// What the server says of a right to the station that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightRow {
    pub right_id: RightId,
    pub event_id: EventId,
    pub device_id: DeviceId,
    pub subject: RightSubject,
    pub state: LeaseState,
    /// The server wants it back.
    pub recalled: bool,
    pub version: i64,
}
