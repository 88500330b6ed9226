//! The rule language of check-in lists: a small subset of JsonLogic, read once into types, then evaluated or explained.
//!
//! Owns what may be written ([`Rule::parse`]), what it means ([`Rule::evaluate`]) and what a refused visitor is told
//! ([`Rule::explain`]). Does not own when a rule is asked (never for exits, see [`super::scan`]) nor any words on a
//! screen. Nothing here reads a clock, and no input makes it panic.
//!
//! | operator | meaning |
//! | --- | --- |
//! | `and`, `or` | of tests or of each other; without operands at the top: no rule |
//! | `<` `<=` `>` `>=` `==` `!=` | of two values (`<` and `<=` also of more, as a chain) |
//! | `inList` `[value, {"objectList": […]}]` | membership |
//! | `isBefore` `isAfter` `[time, time, tolerance]` | strict; tolerance in minutes, absent, null or 0 is none |
//! | `buildTime` `[kind, value]` | `custom` (RFC 3339), `customtime` (`HH:MM[:SS]` of the scan's local day), `date_from`, `date_to`, `date_admission`; the last two fall back to `date_from` |
//! | `lookup` `[model, id, label]` | the id as a number |
//! | `var` | `now` `now_isoweekday` `product` `variation` `gate` `entries_number` `entries_today` `entries_days` `minutes_since_last_entry` `minutes_since_first_entry` `entry_status` |
//! | `entries_since` `entries_before` `entries_days_since` `entries_days_before` `[time]` | counts up to or from a time |
//!
//! `and` and `or` evaluate all their operands: a rule with a part that cannot be evaluated refuses, whatever the others
//! say.

pub mod blocks;
mod evaluate;
mod explain;
mod names;
mod parse;

use super::wire::{Direction, GateRow};
use crate::{clock::UtcMillis, id::ItemId};

pub use explain::{Counted, Explanation, MAX_NAME_LEN, MAX_NAMES, MAX_TERMS, Presence, Term};

/// How deep a rule may be nested.
pub const MAX_DEPTH: usize = 32;
/// How many operators, operands and list entries a rule may have in all.
pub const MAX_NODES: usize = 10_000;

/// A rule that has been read and understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule(Logic);

/// All a rule may look at.
#[derive(Debug, Clone, Copy)]
pub struct RuleInput<'a> {
    /// The time of the scan.
    pub now: UtcMillis,
    /// IANA name of the event's zone.
    pub zone: &'a str,
    pub product: ItemId,
    pub variation: Option<i64>,
    /// The gate this station stands at, where one is set.
    pub gate: Option<i64>,
    /// The gates there are, by whose names a rule is explained; of others, the name they had when it was written.
    pub gates: &'a [GateRow],
    /// When the event, or the ticket's date in a series, begins.
    pub date_from: UtcMillis,
    /// `None` is read as `date_from`.
    pub date_to: Option<UtcMillis>,
    /// `None` is read as `date_from`.
    pub date_admission: Option<UtcMillis>,
    /// The admitted scans of this ticket on this list that still count, in any order; of two at the same instant, the
    /// later in the slice is the later one.
    pub entries: &'a [(UtcMillis, Direction)],
}

/// Why a rule cannot be used. A list whose rule cannot be used admits nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("a rule is one object with exactly one operator, not {0}")]
    Shape(String),
    #[error("the rule language has no operator \"{0}\"")]
    UnknownOperator(String),
    #[error("\"{operator}\" cannot stand here; {expected} can")]
    Misplaced { operator: String, expected: &'static str },
    #[error("the rule language has no variable {0}")]
    UnknownVariable(String),
    #[error("\"{operator}\" takes {expected}")]
    Operands { operator: String, expected: &'static str },
    #[error("{0} is no time this rule can use")]
    Time(String),
    #[error("{0} is no number of a product, variation or gate")]
    Id(String),
    #[error("the rule language looks up no {0}")]
    Model(String),
    #[error("{0} is no tolerance in minutes")]
    Tolerance(String),
    #[error("a rule may be nested {MAX_DEPTH} deep at most")]
    TooDeep,
    #[error("a rule may have {MAX_NODES} parts at most")]
    TooLarge,
    #[error("{left} and {right} have no order")]
    Incomparable { left: &'static str, right: &'static str },
}

/// Truth: tests joined by `and` and `or`.
#[derive(Debug, Clone, PartialEq)]
enum Logic {
    Always(bool),
    All(Vec<Logic>),
    Any(Vec<Logic>),
    Test(Test),
}

/// One question with the answer yes or no.
#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// Two operands, or more for `<` and `<=`.
    Compare {
        order: Order,
        operands: Vec<Operand>,
    },
    InList {
        what: Operand,
        list: Vec<Operand>,
    },
    /// `earlier - tolerance < later`: `isBefore` as written, `isAfter` turned round.
    Before {
        earlier: Moment,
        later: Moment,
        tolerance_ms: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, PartialEq)]
enum Operand {
    Literal(Scalar),
    /// An id, with the name it had when the rule was written.
    Lookup {
        model: Model,
        id: i64,
        label: Option<String>,
    },
    Variable(Variable),
    Moment(Moment),
}

/// What a rule may name by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    Product,
    Variation,
    Gate,
}

/// A product, variation or gate that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub model: Model,
    pub id: i64,
    /// What it was called when the rule was written.
    pub label: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Product,
    Variation,
    Gate,
    Weekday,
    EntryStatus,
    Count(Count),
}

/// Whole numbers that grow with the history of the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Count {
    Entries,
    EntriesToday,
    Days,
    Since(Moment),
    Before(Moment),
    DaysSince(Moment),
    DaysBefore(Moment),
    MinutesSinceLast,
    MinutesSinceFirst,
}

/// An instant, once the scan is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Now,
    At(UtcMillis),
    /// This wall-clock time on the local day of the scan.
    TimeOfDay(jiff::civil::Time),
    DateFrom,
    DateTo,
    DateAdmission,
}

/// A value as the operators see it.
#[derive(Debug, Clone, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Moment(UtcMillis),
}

#[cfg(test)]
mod sample {
    //! One scan for the tests of this folder: 10 June 2026, a Wednesday, 12:00 in Berlin, no history.

    use super::*;

    pub(super) fn at(text: &str) -> UtcMillis {
        UtcMillis::parse(text).unwrap()
    }

    pub(super) fn scan() -> RuleInput<'static> {
        RuleInput {
            now: at("2026-06-10T10:00:00Z"),
            zone: "Europe/Berlin",
            product: ItemId(7),
            variation: None,
            gate: None,
            gates: &[],
            date_from: at("2026-06-10T18:00:00Z"),
            date_to: None,
            date_admission: None,
            entries: &[],
        }
    }

    pub(super) fn entry(text: &str) -> (UtcMillis, Direction) {
        (at(text), Direction::Entry)
    }

    pub(super) fn exit(text: &str) -> (UtcMillis, Direction) {
        (at(text), Direction::Exit)
    }
}
