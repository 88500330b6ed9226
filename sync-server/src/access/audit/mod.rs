//! Who changed what, and what it was before: one row beside each change that somebody makes in the back office, in the
//! same transaction. Owns the words that are stored; their sentences are the office's. Holds no personal data of guests:
//! tickets and orders are named by their codes and ids.

mod store;

pub use store::{AuditRow, Filter};

use crate::app::Tx;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Display;
use willcall_domain::id::EventId;

macro_rules! deeds {
    ($($name:ident = $word:literal),+ $(,)?) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Deed {
            $($name),+
        }

        impl Deed {
            /// Every deed there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word that is stored.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word),+
                }
            }
        }
    };
}

// Each has its sentence in `assets/office/words/door/*.toml`, under `deeds`.
deeds! {
    EventMade = "event_made",
    EventChanged = "event_changed",
    LendingChanged = "lending_changed",
    ItemMade = "item_made",
    ItemChanged = "item_changed",
    DateMade = "date_made",
    DateChanged = "date_changed",
    DateRemoved = "date_removed",
    VariationMade = "variation_made",
    VariationChanged = "variation_changed",
    QuotaMade = "quota_made",
    QuotaChanged = "quota_changed",
    ListMade = "list_made",
    ListChanged = "list_changed",
    RuleChanged = "rule_changed",
    GateMade = "gate_made",
    GateChanged = "gate_changed",
    GateRemoved = "gate_removed",
    QuestionMade = "question_made",
    QuestionChanged = "question_changed",
    BadgeMade = "badge_made",
    BadgeChanged = "badge_changed",
    MediumMade = "medium_made",
    MediumChanged = "medium_changed",
    DeviceMade = "device_made",
    DeviceChanged = "device_changed",
    DeviceRevoked = "device_revoked",
    OperatorMade = "operator_made",
    OperatorChanged = "operator_changed",
    OrderPaid = "order_paid",
    OrderCanceled = "order_canceled",
    OrderApproved = "order_approved",
    OrderNoted = "order_noted",
    TicketBlocked = "ticket_blocked",
    TicketUnblocked = "ticket_unblocked",
    DoorListTaken = "door_list_taken",
    AnswersRead = "answers_read",
}

/// What was done to what.
#[derive(Debug)]
pub struct Record {
    pub deed: Deed,
    pub event: Option<EventId>,
    /// A name or number by which a person finds it again; never a guest's name.
    pub subject: String,
    pub changes: Changes,
}

impl Record {
    #[must_use]
    pub fn new(deed: Deed, event: Option<EventId>, subject: impl Display, changes: Changes) -> Self {
        Self { deed, event, subject: subject.to_string(), changes }
    }
}

/// Fields that are otherwise now, each with what it was.
#[derive(Debug, Default)]
pub struct Changes(Map<String, Value>);

impl Changes {
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a field, if it is otherwise now. What cannot be written as JSON is told as changed without its values.
    #[must_use]
    pub fn field<T: Serialize + PartialEq>(mut self, name: &str, before: &T, after: &T) -> Self {
        if before != after {
            let value = |value: &T| serde_json::to_value(value).unwrap_or(Value::Null);
            self.0.insert(name.to_owned(), json!([value(before), value(after)]));
        }
        self
    }

    /// Adds what has no value before.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Whether nothing is otherwise.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Writes it down, with whoever acts in this transaction.
///
/// # Errors
/// When the database is away.
pub async fn record(tx: &mut Tx, record: Record) -> sqlx::Result<()> {
    store::insert(tx, &record).await
}

/// What was done, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn rows(tx: &mut Tx, filter: &Filter, limit: i64) -> sqlx::Result<Vec<AuditRow>> {
    store::rows(tx, filter, limit).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_otherwise_is_kept_with_what_it_was() {
        let changes = Changes::none().field("name", &"a", &"b").field("rank", &1, &1).fact("count", 3);
        assert_eq!(Value::Object(changes.0), json!({ "name": ["a", "b"], "count": 3 }));
        assert!(Changes::none().field("same", &1, &1).is_empty());
    }

    #[test]
    fn no_two_deeds_have_one_word() {
        let words: std::collections::BTreeSet<&str> = Deed::ALL.iter().map(|deed| deed.word()).collect();
        assert_eq!(words.len(), Deed::ALL.len());
    }
}
