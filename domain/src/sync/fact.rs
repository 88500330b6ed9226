//! What a journal entry says. A kind that is not listed here is kept by the server and parked, so new kinds may be
//! added; a field may be added with a default; nothing is ever renamed or given another meaning.

use crate::{
    catalog::Article,
    checkin::{
        medium::MediumKind,
        wire::{Class, Direction, Reason},
    },
    clock::UtcMillis,
    id::{
        CaseId, DateId, EventId, HandOverId, ItemId, LeaseId, ListId, MediumId, OperatorId, OrderId, PaymentId,
        PositionId, QuestionId, QuotaId, RequestId, RightId, ScanId, VariationId, VoucherId,
    },
    leases::{BlankRange, RightSubject, UnitRef},
    money::Money,
};
use serde::{Deserialize, Serialize};

/// One position of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleLine {
    pub position_id: PositionId,
    pub item_id: ItemId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variation_id: Option<VariationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_id: Option<DateId>,
    /// The position of the same sale it was sold together with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addon_to: Option<PositionId>,
    pub price: Money,
    pub tax_rate_bp: u32,
    pub tax: Money,
    /// One unit of every quota the item counts in.
    pub units: Vec<UnitRef>,
    /// The lease whose blank is the ticket; its id is `position_id`. `None` where the item admits nobody.
    pub blank: Option<LeaseId>,
    /// Version of the item's row the station sold by.
    pub item_version: i64,
    /// The single-use voucher that gave the price; the station held its right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voucher: Option<VoucherId>,
}

impl SaleLine {
    /// What it is of.
    #[must_use]
    pub fn article(&self) -> Article {
        Article { item_id: self.item_id, variation_id: self.variation_id, date_id: self.date_id }
    }
}

/// What became of the codes of a voided sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Paper {
    /// Nothing was printed or shown: no code left the house.
    NotPrinted,
    /// A named person took the paper back; the name is beside the entry.
    TakenBack,
    /// The codes are out there: their units are freed by the server, never by the till.
    Out,
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
    Print {
        order_id: OrderId,
        what: Printed,
        copy: u32,
        /// The receipt's number, where it is not the sale's own: of money given back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        receipt: Option<u64>,
    },
    /// Idle units go back to the server: `units` of the lease from number `from` on. They can never be sold here again,
    /// nor can `blanks`. Blanks may go back alone, with 0 units.
    LeaseReturned {
        lease_id: LeaseId,
        quota_id: QuotaId,
        event_id: EventId,
        from: u32,
        units: u32,
        /// Blanks given up with them, as ranges of position ids; the base of a range is the id of its first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        blanks: Vec<BlankRange>,
    },
    /// Units and their blanks leave for another till; this station cannot use or take them back by itself.
    HandOverGiven {
        hand_over_id: HandOverId,
        lease_id: LeaseId,
        quota_id: QuotaId,
        event_id: EventId,
        from: u32,
        units: u32,
        /// Blanks that go along, as ranges of position ids, never codes; the base of a range is the id of its first.
        blanks: Vec<BlankRange>,
        to: crate::id::DeviceId,
    },
    /// Units of another till were taken in, as a lease of the hand-over's id, numbered from 0. The giver's signed entry
    /// travels inside, so that this entry alone proves the move.
    HandOverTaken {
        hand_over_id: HandOverId,
        quota_id: QuotaId,
        event_id: EventId,
        units: u32,
        /// JSON of the giver's [`super::Entry`], without its private part.
        given: String,
    },
    /// Units offered by another till are not taken, finally: they are the giver's again.
    HandOverDeclined { hand_over_id: HandOverId, given: String },
    /// This station became the one holder of a right. The signed grant travels along.
    RightTaken { right_id: RightId, event_id: EventId, subject: RightSubject, grant: String, grant_signature: String },
    /// The right went back to the server.
    RightReleased { right_id: RightId, event_id: EventId, subject: RightSubject },
    /// Positions of an own sale are undone.
    Void {
        order_id: OrderId,
        event_id: EventId,
        positions: Vec<PositionId>,
        /// Units of these positions that can be sold here again: only where no code left the house.
        back: Vec<UnitRef>,
        /// Units of these positions that the server frees.
        freed: Vec<UnitRef>,
        paper: Paper,
    },
    /// Money went back.
    Refund { refund_id: PaymentId, order_id: OrderId, amount: Money },
    /// A scan is as if it never was. May arrive before the scan it names; cannot be undone itself.
    ScanUndone { scan_id: ScanId, event_id: EventId, list_id: ListId },
    /// A person closed a case at this station. `resolution` is one of the kind's (see [`super::case`]).
    CaseClosed { case_id: CaseId, resolution: String },
    /// The device has a new key: signed by the old one as an entry, and by the new one over
    /// `"willcall key 1\0"` ‖ station 8 ‖ incarnation 4 ‖ seq 8 ‖ new key 32. Later entries are signed by the new key.
    KeyChanged { new_key: String, signature: String },
    /// What was before entry `upto` may be dropped here: a digest of the state that followed from it.
    Checkpoint {
        upto: u64,
        state_hash: String,
        entries: u64,
        /// Sales made in this incarnation until then: order codes go on counting.
        #[serde(default)]
        sales: u64,
        /// The last receipt's number in this incarnation.
        receipts: u64,
        /// Units held unsold in leases taken in until then; 0.
        open_units: u32,
    },
    /// A person signed in by PIN. Who it is stands at the server; no name is in the chain.
    OperatorIn { operator_id: OperatorId },
    /// The person who was signed in is not any more.
    OperatorOut { operator_id: OperatorId, why: LeftBecause },
    /// A badge left the printer.
    Badge { position_id: PositionId, event_id: EventId, copy: u32, why: BadgeWhy },
    /// Questions were answered, or put and left open, when this scan let somebody in. What was said is beside the entry.
    Answers {
        scan_id: ScanId,
        event_id: EventId,
        position_id: Option<PositionId>,
        /// SHA-256 of the signed payload, hex, where the code was a signed one.
        payload_hash: Option<String>,
        questions: Vec<QuestionId>,
    },
    /// A ticket was exchanged for a wristband or the like. What is printed on it is beside the entry.
    Exchanged {
        medium_id: MediumId,
        event_id: EventId,
        list_id: ListId,
        position_id: PositionId,
        medium: MediumKind,
        /// See [`crate::checkin::medium::hash`].
        identifier_hash: String,
        /// Media of this ticket that stand for it no more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replaces: Vec<MediumId>,
    },
    /// This incarnation ends for good; its leases go back.
    Closed { reason: ClosedReason },
}

/// Why nobody is signed in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum LeftBecause {
    /// By themselves.
    Left,
    /// Somebody else signed in.
    Other,
    /// Nothing was done for so long that the station locked itself, or it was started anew.
    Idle,
}

/// Why a badge was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum BadgeWhy {
    /// Its ticket was admitted.
    Scan,
    /// A person asked for it.
    ByHand,
}

/// Why an incarnation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// The station was enrolled anew.
    Reenrolled,
    /// A person wiped the station.
    Wiped,
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
            Self::LeaseReturned { .. } => "lease_returned",
            Self::HandOverGiven { .. } => "hand_over_given",
            Self::HandOverTaken { .. } => "hand_over_taken",
            Self::HandOverDeclined { .. } => "hand_over_declined",
            Self::RightTaken { .. } => "right_taken",
            Self::RightReleased { .. } => "right_released",
            Self::Void { .. } => "void",
            Self::Refund { .. } => "refund",
            Self::ScanUndone { .. } => "scan_undone",
            Self::CaseClosed { .. } => "case_closed",
            Self::KeyChanged { .. } => "key_changed",
            Self::Checkpoint { .. } => "checkpoint",
            Self::OperatorIn { .. } => "operator_in",
            Self::OperatorOut { .. } => "operator_out",
            Self::Badge { .. } => "badge",
            Self::Answers { .. } => "answers",
            Self::Exchanged { .. } => "exchanged",
            Self::Closed { .. } => "closed",
        }
    }

    /// The order this fact refers to: it parks when that is parked.
    #[must_use]
    pub fn order(&self) -> Option<OrderId> {
        match self {
            Self::Sale { order_id, .. }
            | Self::Payment { order_id, .. }
            | Self::Receipt { order_id, .. }
            | Self::Print { order_id, .. }
            | Self::Void { order_id, .. }
            | Self::Refund { order_id, .. } => Some(*order_id),
            Self::Opened { .. }
            | Self::LeaseAccepted { .. }
            | Self::Scan { .. }
            | Self::LeaseReturned { .. }
            | Self::HandOverGiven { .. }
            | Self::HandOverTaken { .. }
            | Self::HandOverDeclined { .. }
            | Self::RightTaken { .. }
            | Self::RightReleased { .. }
            | Self::ScanUndone { .. }
            | Self::CaseClosed { .. }
            | Self::KeyChanged { .. }
            | Self::Checkpoint { .. }
            | Self::OperatorIn { .. }
            | Self::OperatorOut { .. }
            | Self::Badge { .. }
            | Self::Answers { .. }
            | Self::Exchanged { .. }
            | Self::Closed { .. } => None,
        }
    }
}
