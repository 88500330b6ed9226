//! What crosses a border about check-in: lists, scans, and the verdict as a screen shows it.

use super::{
    medium::MediumKind,
    question::{AnswerGiven, QuestionRow},
    rule::Term,
};
use crate::{
    clock::UtcMillis,
    id::{DateId, DeviceId, EventId, GateId, ItemId, ListId, MediumId, PositionId, QuestionId, ScanId},
    money::Money,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A check-in list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListRow {
    pub list_id: ListId,
    pub event_id: EventId,
    pub name: String,
    /// The items admitted; `None` is all.
    pub items: Option<Vec<ItemId>>,
    /// The date whose tickets are admitted; `None` is any.
    #[serde(default)]
    pub date_id: Option<DateId>,
    /// Whether tickets of unpaid orders may be admitted by right.
    pub include_pending: bool,
    pub allow_multiple_entries: bool,
    pub allow_entry_after_exit: bool,
    /// When and where entry is allowed, in the rule language (docs/API.md); `None` is no rule.
    #[ts(type = "unknown")]
    pub rules: Option<serde_json::Value>,
    /// Whether a ticket also stands for its add-ons: where one of these is on the list, it is the one that enters.
    #[serde(default)]
    pub addon_match: bool,
    /// The gates at which it is offered; empty is every gate. Who may enter where is for `rules` to say.
    #[serde(default)]
    pub gates: Vec<GateId>,
    /// From when and until when the door chooses it by itself.
    #[serde(default)]
    pub shown_from: Option<UtcMillis>,
    #[serde(default)]
    pub shown_until: Option<UtcMillis>,
    #[ts(type = "number")]
    pub version: i64,
}

/// A place where people are let in or out, of all events of the organizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GateRow {
    pub gate_id: GateId,
    pub name: String,
    #[ts(type = "number")]
    pub version: i64,
}

/// What a product asks of the door besides its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ItemDoor {
    /// Look at whoever brings such a ticket.
    #[serde(default)]
    pub attention: bool,
    /// Orders of it wait for the organizer's approval.
    #[serde(default)]
    pub needs_approval: bool,
    /// Whether a wristband or the like takes the ticket's place.
    #[serde(default)]
    pub medium: super::medium::MediumUse,
    /// Refuse entry where the station's data is older than so many minutes; `None` is any age.
    #[serde(default)]
    pub max_data_age_min: Option<u32>,
    /// Look, where the signature is all that is known of a ticket.
    #[serde(default)]
    pub look_if_unseen: bool,
}

/// What the door must know of a position and its order besides being paid or not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PositionDoor {
    /// The order waits for the organizer's approval.
    #[serde(default)]
    pub needs_approval: bool,
    /// Admitted although the order is not paid.
    #[serde(default)]
    pub valid_if_pending: bool,
    /// Look at whoever brings a ticket of this order.
    #[serde(default)]
    pub attention: bool,
    /// A sentence of the organizer for this order; empty for none, and where names are not told.
    #[serde(default)]
    pub checkin_text: String,
    /// Questions that were answered, or put and left open.
    #[serde(default)]
    pub answered: Vec<QuestionId>,
    /// What is owed on the whole order while it is not paid.
    #[serde(default)]
    pub due: Option<Money>,
}

impl PositionDoor {
    /// Whether nothing of it says anything.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Into the house or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Entry,
    Exit,
}

/// How a verdict looks and sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Green: come in (or go out).
    Admitted,
    /// Blue/purple: admitted, but look first (ID, note, sale not seen).
    Look,
    /// Amber: already used.
    Used,
    /// Red: refused, with a reason.
    Refused,
}

/// Why not, or why to look. The field's reason codes where there is one (see `docs/API.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No code of ours, or forged.
    Invalid,
    /// Signed by a key this station does not have yet.
    UnknownKey,
    Canceled,
    Blocked,
    Revoked,
    Unapproved,
    InvalidTime,
    /// The product is not on this list.
    Product,
    /// A ticket of another event than the list's.
    WrongEvent,
    /// A ticket for another date than the list's.
    WrongDate,
    Unpaid,
    Rules,
    Ambiguous,
    AlreadyRedeemed,
    /// The blank of a returned unit or voided sale.
    Void,
    /// Sold at a till whose journal has not come here.
    SoldElsewhere,
    /// The rule or the data behind it cannot be evaluated.
    Error,
    /// Something must be asked first; nothing is recorded until it is answered.
    AnswersRequired,
    /// This ticket enters only with a wristband or the like, and has none yet.
    ExchangeRequired,
    /// This ticket was exchanged for a wristband or the like: that is what enters.
    AlreadyExchanged,
    /// A wristband or the like that was switched off or has run out.
    MediumInvalid,
    /// The station's data is too old for this product.
    StaleData,
}

impl Reason {
    /// The first version of the protocol that knows this word.
    #[must_use]
    pub fn since(self) -> u32 {
        match self {
            Self::Invalid
            | Self::UnknownKey
            | Self::Canceled
            | Self::Blocked
            | Self::Revoked
            | Self::Unapproved
            | Self::InvalidTime
            | Self::Product
            | Self::WrongEvent
            | Self::WrongDate
            | Self::Unpaid
            | Self::Rules
            | Self::Ambiguous
            | Self::AlreadyRedeemed
            | Self::Void
            | Self::SoldElsewhere
            | Self::Error => 1,
            Self::AnswersRequired
            | Self::ExchangeRequired
            | Self::AlreadyExchanged
            | Self::MediumInvalid
            | Self::StaleData => 3,
        }
    }
}

/// What staff must know although the ticket is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The signature is good; the order has not been seen here.
    SignatureOnly,
    /// Sold offline; the sale has not been seen here.
    SaleNotSeen,
    /// Of a till that was given up as lost, and the sale has not been seen here: only with the receipt.
    AskForReceipt,
    /// A test ticket.
    Test,
    LookAtId,
    /// The order is not paid; admitted by right.
    Unpaid,
    /// The clock is too uncertain to say on which side of a limit this is.
    TimeUncertain,
    /// The station doubts that its data is the newest: the ticket may have been used by what it has lost.
    StationInDoubt,
    /// The product or the order asks to look at whoever brings it.
    Attention,
    /// The station's data is older than a quarter of an hour.
    OldData,
}

/// One scan as stations and server exchange and list it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScanRow {
    pub scan_id: ScanId,
    pub event_id: EventId,
    pub list_id: ListId,
    /// The position, where the code told it.
    pub position_id: Option<PositionId>,
    /// SHA-256 of the signed payload, hex, where the position is not told by the code.
    pub payload_hash: Option<String>,
    pub station: DeviceId,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub seq: u64,
    /// Name of gate or station, for people.
    pub gate: String,
    pub direction: Direction,
    pub class: Class,
    pub reason: Option<Reason>,
    /// Ticket time, as well as the station knew it.
    pub at: UtcMillis,
    /// How far `at` may be wrong, in milliseconds; -1 where the station's clock was never compared, or where a version
    /// that did not say so wrote it.
    #[serde(default = "never_measured")]
    #[ts(type = "number")]
    pub uncertainty_ms: i64,
    pub undone: bool,
    /// The last use of this ticket the station knew of each station when it decided.
    pub saw: Vec<SawRef>,
}

fn never_measured() -> i64 {
    -1
}

/// Names one journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
pub struct SawRef {
    pub station: DeviceId,
    pub incarnation: u32,
    #[ts(type = "number")]
    pub seq: u64,
}

/// An earlier use, as shown beside *already used*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UseView {
    pub at: UtcMillis,
    pub gate: String,
    pub direction: Direction,
}

/// Where a fact is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Recorded here; the server has not confirmed it.
    Here,
    /// The server has it.
    Sent,
    /// The server has it and opened a case or refused it.
    Refused,
    /// Nowhere: the disk did not take it. Kept in memory and recorded as soon as there is room; gone if the program ends
    /// before.
    NotRecorded,
    /// There is nothing to record yet: answers are asked for first.
    Asked,
}

/// A question put to the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScanRequest {
    /// As read; never trimmed.
    pub code: String,
    pub list_id: ListId,
    pub direction: Direction,
    /// A time given by hand; needs the right to.
    #[serde(default)]
    pub at: Option<UtcMillis>,
    /// Lists of other events scanned at the same time: a ticket is scanned on the list of its event.
    #[serde(default)]
    pub more_lists: Vec<ListId>,
    /// Answers to what was asked; kept only if the scan lets somebody in.
    #[serde(default)]
    pub answers: Vec<AnswerGiven>,
    /// Let in although the order is not paid; needs the right to.
    #[serde(default)]
    pub admit_unpaid: bool,
    /// Whether somebody is there to ask the holder. Where nobody is, a missing answer refuses.
    #[serde(default = "somebody_asks")]
    pub ask: bool,
    /// The same request again within so many milliseconds of the last is the same presentation of the ticket: it is
    /// answered with the first verdict and not recorded. Without it each is a scan of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub again_within_ms: Option<u32>,
}

fn somebody_asks() -> bool {
    true
}

impl ScanRequest {
    /// A scan of one list, now, with nothing else said.
    #[must_use]
    pub fn new(code: impl Into<String>, list_id: ListId, direction: Direction) -> Self {
        Self {
            code: code.into(),
            list_id,
            direction,
            at: None,
            more_lists: Vec::new(),
            answers: Vec::new(),
            admit_unpaid: false,
            ask: true,
            again_within_ms: None,
        }
    }
}

/// A ticket is exchanged for a wristband or the like, which stands for it from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExchangeRequest {
    /// The ticket, as read.
    pub code: String,
    /// The medium, as read.
    pub identifier: String,
    pub kind: MediumKind,
    pub list_id: ListId,
    /// In place of the medium it has already, which is switched off.
    #[serde(default)]
    pub replace: bool,
}

/// What an exchange came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExchangeView {
    pub medium_id: MediumId,
    pub position_id: PositionId,
    pub order_code: String,
    pub product: Option<String>,
    pub name: Option<String>,
    /// Media that were switched off for it.
    pub replaced: Vec<MediumId>,
    pub delivery: Delivery,
}

/// A date as the door names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DateView {
    /// Empty where it has none but its time.
    pub name: String,
    pub starts_at: UtcMillis,
}

/// Whose text or flag it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    Product,
    Variation,
    Order,
}

/// A sentence of the organizer for the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorText {
    pub of: Of,
    pub text: String,
}

/// What was bought together with a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AddonView {
    pub position_id: PositionId,
    pub product: String,
    pub variation: Option<String>,
    /// Whether it was used on this list.
    pub used: bool,
}

/// Why a list's rule cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RuleTroubleKind {
    /// It is not of the rule language.
    Unreadable,
    /// It names a product, variation or gate that is not there.
    UnknownProduct,
    UnknownVariation,
    UnknownGate,
    /// It compares what cannot be compared.
    CannotCompare,
}

/// What is wrong with a list's rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RuleTrouble {
    pub kind: RuleTroubleKind,
    /// The part that is meant: a name or number of the rule, or the reader's sentence.
    pub part: String,
}

/// Whether a ticket takes part in exchanging for a wristband or the like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    #[default]
    None,
    /// It may be exchanged, and was not.
    May,
    /// It enters only once exchanged.
    Must,
    /// It was exchanged.
    Done,
}

/// A scan is to be as if it never was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UndoRequest {
    pub scan_id: ScanId,
    /// Why, for whoever asks later; kept beside the journal.
    pub reason: String,
}

/// A verdict as the door shows it; the words are the screen's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct VerdictView {
    pub scan_id: ScanId,
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    pub direction: Direction,
    pub event_id: EventId,
    pub list_id: ListId,
    pub product: Option<String>,
    pub name: Option<String>,
    pub order_code: Option<String>,
    pub position_id: Option<PositionId>,
    /// A sentence of the organizer for this product; empty for none.
    pub checkin_text: String,
    /// The first use, where the reason is *already redeemed*.
    pub first_use: Option<UseView>,
    /// The instant from which or until which it would have been valid.
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// The name of the event the ticket is for, where it is another one.
    pub other_event: Option<String>,
    pub at: UtcMillis,
    pub gate: String,
    pub delivery: Delivery,
    pub undone: bool,
    /// Whether this station may undo this scan.
    #[serde(default)]
    pub may_undo: bool,
    /// How far the station's time may be wrong here, in milliseconds, where that decided something.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub uncertainty_ms: Option<i64>,
    /// Age of the station's data at this verdict in seconds; `None` when never synced.
    #[ts(type = "number | null")]
    pub data_age_s: Option<u64>,
    /// The list it was scanned on.
    #[serde(default)]
    pub list_name: String,
    /// The form of the product.
    #[serde(default)]
    pub variation: Option<String>,
    /// The date the ticket is for, where the event has several.
    #[serde(default)]
    pub date: Option<DateView>,
    /// What was bought together with it.
    #[serde(default)]
    pub addons: Vec<AddonView>,
    /// Sentences of the organizer: of the product, the variation, the order.
    #[serde(default)]
    pub texts: Vec<DoorText>,
    /// Who asks to look, where [`Mark::Attention`] is set.
    #[serde(default)]
    pub attention: Vec<Of>,
    /// The nearest way in, where the reason is *rules*: all of these would have to be otherwise.
    #[serde(default)]
    pub explanation: Vec<Term>,
    /// Where the reason is *rules* because the rule itself cannot be used.
    #[serde(default)]
    pub rule_trouble: Option<RuleTrouble>,
    /// What is to be asked now, where the reason is *answers required*.
    #[serde(default)]
    pub questions: Vec<QuestionRow>,
    /// Which of the answers that came along cannot be taken.
    #[serde(default)]
    pub wrong_answers: Vec<super::question::AnswerWrong>,
    /// Whether this station may let in by right, where the reason is *unpaid*.
    #[serde(default)]
    pub may_admit_unpaid: bool,
    /// What is owed on the order.
    #[serde(default)]
    pub due: Option<Money>,
    /// Whether a wristband or the like takes its place.
    #[serde(default)]
    pub exchange: Exchange,
    /// The kind of medium that was scanned in place of the ticket.
    #[serde(default)]
    pub medium: Option<MediumKind>,
    /// How old the data may be for this product, in minutes, where the reason is *stale data*.
    #[serde(default)]
    pub max_data_age_min: Option<u32>,
    /// The same code again within the moment in which one presentation of a ticket is read several times: this is the
    /// verdict of the first, and nothing more was recorded.
    #[serde(default)]
    pub repeated: bool,
}

/// The counters of one list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListView {
    pub list_id: ListId,
    pub name: String,
    #[ts(type = "number")]
    pub inside: i64,
    #[ts(type = "number")]
    pub admitted: i64,
    /// Tickets this list could admit.
    #[ts(type = "number")]
    pub expected: i64,
    /// From when and until when the door chooses it by itself.
    #[serde(default)]
    pub shown_from: Option<UtcMillis>,
    #[serde(default)]
    pub shown_until: Option<UtcMillis>,
    /// Whether it is the time to choose it by itself; `None` where no time was set.
    #[serde(default)]
    pub on_now: Option<bool>,
}

/// One event at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorEvent {
    pub event_id: EventId,
    pub name: String,
    pub zone: String,
    pub starts_at: UtcMillis,
    pub lists: Vec<ListView>,
}

/// All the door screen shows besides the verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorView {
    pub events: Vec<DoorEvent>,
    /// Newest first.
    pub recent: Vec<VerdictView>,
}

/// A ticket found by name or order code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct FoundTicket {
    pub position_id: PositionId,
    pub order_code: String,
    pub name: Option<String>,
    pub product: String,
    pub event_name: String,
    /// Whether the last counted scan is an entry.
    pub inside: bool,
    /// The canonical code, to be scanned in place of the paper.
    pub code: String,
}
