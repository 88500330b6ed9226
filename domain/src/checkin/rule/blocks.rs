//! A rule as people build it: blocks of conditions, all or any of which must hold. Not every rule of the language can be
//! shown so; one that cannot is edited as it is written. Owns the two directions, which are each other's inverse; not what
//! a rule means.

use serde_json::{Map, Value, json};

/// The most blocks of a rule, and the most conditions of a block.
pub const MOST: usize = 20;

/// A rule in blocks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocks {
    /// How the blocks are joined.
    pub join: Join,
    pub blocks: Vec<Block>,
}

/// Conditions that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    pub join: Join,
    pub conditions: Vec<Condition>,
}

/// Whether all parts must hold or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Join {
    #[default]
    All,
    Any,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Something of the ticket or the station is one of these, each by number and name.
    OneOf { what: Thing, of: Vec<(i64, String)> },
    /// The scan is before or after an instant, give or take minutes.
    Time { after: bool, when: When, tolerance_min: i64 },
    /// A number against another.
    Number { what: Counted, order: Order, number: i64 },
    /// The ticket is inside, or it is not.
    Inside(bool),
}

/// What a list of numbers can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Thing {
    Product,
    Variation,
    Gate,
}

/// An instant of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// As RFC 3339.
    At(String),
    /// Each day: `18:30`.
    TimeOfDay(String),
    DateFrom,
    DateTo,
    DateAdmission,
}

/// What a number can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// 1 (Monday) to 7.
    Weekday,
    Entries,
    EntriesToday,
    Days,
    MinutesSinceLast,
    MinutesSinceFirst,
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    More,
}

impl Join {
    /// The operator.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "and",
            Self::Any => "or",
        }
    }

    /// The join of an operator; anything else is *all*.
    #[must_use]
    pub fn of_word(word: &str) -> Self {
        if word == "or" { Self::Any } else { Self::All }
    }
}

impl Thing {
    pub const ALL: [Self; 3] = [Self::Product, Self::Variation, Self::Gate];

    /// The variable, which is also the model of its numbers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Variation => "variation",
            Self::Gate => "gate",
        }
    }
}

impl Counted {
    pub const ALL: [Self; 6] =
        [Self::Weekday, Self::Entries, Self::EntriesToday, Self::Days, Self::MinutesSinceLast, Self::MinutesSinceFirst];

    /// The variable.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Weekday => "now_isoweekday",
            Self::Entries => "entries_number",
            Self::EntriesToday => "entries_today",
            Self::Days => "entries_days",
            Self::MinutesSinceLast => "minutes_since_last_entry",
            Self::MinutesSinceFirst => "minutes_since_first_entry",
        }
    }
}

impl Order {
    pub const ALL: [Self; 6] = [Self::Less, Self::AtMost, Self::Equal, Self::NotEqual, Self::AtLeast, Self::More];

    /// The operator.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::AtLeast => ">=",
            Self::More => ">",
        }
    }
}

impl When {
    /// The kind as the language writes it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::At(_) => "custom",
            Self::TimeOfDay(_) => "customtime",
            Self::DateFrom => "date_from",
            Self::DateTo => "date_to",
            Self::DateAdmission => "date_admission",
        }
    }

    /// An instant of its kind and, where the kind has one, its value.
    #[must_use]
    pub fn of(kind: &str, value: &str) -> Option<Self> {
        Some(match kind {
            "custom" => Self::At(value.to_owned()),
            "customtime" => Self::TimeOfDay(value.to_owned()),
            "date_from" => Self::DateFrom,
            "date_to" => Self::DateTo,
            "date_admission" => Self::DateAdmission,
            _ => return None,
        })
    }
}

impl Blocks {
    /// Whether nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.conditions.is_empty())
    }

    /// The rule as it is kept; `None` where nothing is asked. Empty blocks say nothing.
    #[must_use]
    pub fn to_json(&self) -> Option<Value> {
        let blocks: Vec<Value> =
            self.blocks.iter().filter(|block| !block.conditions.is_empty()).map(Block::to_json).collect();
        (!blocks.is_empty()).then(|| operation(self.join.word(), Value::Array(blocks)))
    }

    /// A rule in blocks; `None` where blocks cannot show it.
    #[must_use]
    pub fn of_json(json: &Value) -> Option<Self> {
        if json.is_null() || json.as_object().is_some_and(Map::is_empty) {
            return Some(Self::default());
        }
        let Some((join, parts)) = joined(json) else {
            return Some(Self { join: Join::All, blocks: vec![Block::of_json(json)?] });
        };
        // Conditions right under the top are one block; blocks among them stand alone.
        if parts.iter().all(|part| joined(part).is_none()) {
            return Some(Self { join: Join::All, blocks: vec![Block::of_json(json)?] });
        }
        let blocks = parts.iter().map(Block::of_json).collect::<Option<Vec<_>>>()?;
        (blocks.len() <= MOST).then_some(Self { join, blocks })
    }
}

impl Block {
    fn to_json(&self) -> Value {
        operation(self.join.word(), self.conditions.iter().map(Condition::to_json).collect())
    }

    fn of_json(json: &Value) -> Option<Self> {
        let (join, parts) = match joined(json) {
            Some((join, parts)) => (join, parts),
            None => (Join::All, std::slice::from_ref(json)),
        };
        let conditions = parts.iter().map(Condition::of_json).collect::<Option<Vec<_>>>()?;
        (conditions.len() <= MOST).then_some(Self { join, conditions })
    }
}

impl Condition {
    fn to_json(&self) -> Value {
        match self {
            Self::OneOf { what, of } => {
                let lookup = |(id, name): &(i64, String)| json!({ "lookup": [what.word(), id.to_string(), name] });
                let list: Vec<Value> = of.iter().map(lookup).collect();
                json!({ "inList": [{ "var": what.word() }, { "objectList": list }] })
            }
            Self::Time { after, when, tolerance_min } => {
                let time = match when {
                    When::At(value) | When::TimeOfDay(value) => json!({ "buildTime": [when.word(), value] }),
                    When::DateFrom | When::DateTo | When::DateAdmission => json!({ "buildTime": [when.word()] }),
                };
                let tolerance = if *tolerance_min == 0 { Value::Null } else { json!(tolerance_min) };
                let operands = json!([{ "var": "now" }, time, tolerance]);
                operation(if *after { "isAfter" } else { "isBefore" }, operands)
            }
            Self::Number { what, order, number } => operation(order.word(), json!([{ "var": what.word() }, number])),
            Self::Inside(inside) => {
                json!({ "==": [{ "var": "entry_status" }, if *inside { "present" } else { "absent" }] })
            }
        }
    }

    fn of_json(json: &Value) -> Option<Self> {
        let (operator, operands) = single(json)?;
        let operands = operands.as_array()?;
        match (operator, operands.as_slice()) {
            ("inList", [what, list]) => {
                let what = Thing::ALL.into_iter().find(|thing| variable(what) == Some(thing.word()))?;
                let (operator, entries) = single(list)?;
                let of = entries.as_array()?.iter().map(|entry| lookup(what, entry)).collect::<Option<Vec<_>>>()?;
                (operator == "objectList" && !of.is_empty()).then_some(Self::OneOf { what, of })
            }
            ("isAfter" | "isBefore", [now, time, rest @ ..]) if variable(now) == Some("now") => {
                let tolerance_min = match rest {
                    [] | [Value::Null] => 0,
                    [minutes] => minutes.as_i64()?,
                    _ => return None,
                };
                Some(Self::Time { after: operator == "isAfter", when: when(time)?, tolerance_min })
            }
            ("==", [status, Value::String(word)]) if variable(status) == Some("entry_status") => match word.as_str() {
                "present" => Some(Self::Inside(true)),
                "absent" => Some(Self::Inside(false)),
                _ => None,
            },
            (operator, [what, number]) => Some(Self::Number {
                what: Counted::ALL.into_iter().find(|counted| variable(what) == Some(counted.word()))?,
                order: Order::ALL.into_iter().find(|order| order.word() == operator)?,
                number: number.as_i64()?,
            }),
            _ => None,
        }
    }
}

fn operation(operator: &str, operands: Value) -> Value {
    Value::Object(Map::from_iter([(operator.to_owned(), operands)]))
}

fn single(json: &Value) -> Option<(&str, &Value)> {
    let mut all = json.as_object()?.iter();
    match (all.next(), all.next()) {
        (Some((operator, operands)), None) => Some((operator, operands)),
        _ => None,
    }
}

fn joined(json: &Value) -> Option<(Join, &[Value])> {
    let (operator, operands) = single(json)?;
    let join = [Join::All, Join::Any].into_iter().find(|join| join.word() == operator)?;
    Some((join, operands.as_array()?))
}

fn variable(json: &Value) -> Option<&str> {
    match single(json)? {
        ("var", Value::String(name)) => Some(name),
        ("var", Value::Array(names)) => names.first()?.as_str(),
        _ => None,
    }
}

fn lookup(what: Thing, json: &Value) -> Option<(i64, String)> {
    let ("lookup", operands) = single(json)? else { return None };
    let operands = operands.as_array()?;
    let id = operands.get(1)?;
    let id = id.as_i64().or_else(|| id.as_str()?.parse().ok())?;
    let name = operands.get(2).and_then(Value::as_str).unwrap_or_default().to_owned();
    (operands.first()?.as_str() == Some(what.word())).then_some((id, name))
}

fn when(json: &Value) -> Option<When> {
    let ("buildTime", operands) = single(json)? else { return None };
    let operands = operands.as_array()?;
    When::of(operands.first()?.as_str()?, operands.get(1).and_then(Value::as_str).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{super::Rule, *};
    use proptest::prelude::*;

    fn conditions() -> impl Strategy<Value = Condition> {
        let things = prop::sample::select(Thing::ALL.to_vec());
        let counted = prop::sample::select(Counted::ALL.to_vec());
        let order = prop::sample::select(Order::ALL.to_vec());
        let when = prop_oneof![
            Just(When::At("2026-06-10T10:00:00Z".into())),
            Just(When::TimeOfDay("18:30".into())),
            Just(When::DateFrom),
            Just(When::DateTo),
            Just(When::DateAdmission),
        ];
        prop_oneof![
            (things, prop::collection::vec((1_i64..99, "[a-z]{0,5}"), 1..4))
                .prop_map(|(what, of)| Condition::OneOf { what, of }),
            (any::<bool>(), when, 0_i64..600).prop_map(|(after, when, tolerance_min)| Condition::Time {
                after,
                when,
                tolerance_min
            }),
            (counted, order, -5_i64..500).prop_map(|(what, order, number)| Condition::Number { what, order, number }),
            any::<bool>().prop_map(Condition::Inside),
        ]
    }

    fn join() -> impl Strategy<Value = Join> {
        any::<bool>().prop_map(|all| if all { Join::All } else { Join::Any })
    }

    proptest! {
        #[test]
        fn whatever_is_built_in_blocks_is_a_rule_and_comes_back_as_it_was(
            outer in join(),
            blocks in prop::collection::vec(
                (join(), prop::collection::vec(conditions(), 1..5)), 2..5),
        ) {
            let blocks = blocks.into_iter().map(|(join, conditions)| Block { join, conditions }).collect();
            let built = Blocks { join: outer, blocks };
            let json = built.to_json().unwrap();
            prop_assert!(Rule::parse(&json).is_ok(), "{json}");
            prop_assert_eq!(Blocks::of_json(&json), Some(built));
        }
    }

    #[test]
    fn nothing_asked_is_no_rule() {
        assert_eq!(Blocks::default().to_json(), None);
        assert_eq!(Blocks { blocks: vec![Block::default()], ..Blocks::default() }.to_json(), None);
        assert_eq!(Blocks::of_json(&json!({})), Some(Blocks::default()));
    }

    #[test]
    fn a_rule_of_another_editor_is_shown_in_blocks_where_it_can_be() {
        let one = json!({ ">": [{ "var": "entries_number" }, 3] });
        let flat =
            json!({ "or": [one, { "isAfter": [{ "var": ["now"] }, { "buildTime": ["date_admission"] }, null] }] });
        let blocks = Blocks::of_json(&flat).unwrap();
        assert_eq!((blocks.join, blocks.blocks.len()), (Join::All, 1));
        assert_eq!((blocks.blocks[0].join, blocks.blocks[0].conditions.len()), (Join::Any, 2));
        assert_eq!(Blocks::of_json(&one).unwrap().blocks[0].conditions.len(), 1);
        for other in [
            json!({ "and": [{ "or": [{ "and": [one] }] }] }),
            json!({ "<": [1, { "var": "entries_number" }, 5] }),
            json!({ ">=": [{ "entries_since": [{ "buildTime": ["date_from"] }] }, 1] }),
            json!("nonsense"),
        ] {
            assert_eq!(Blocks::of_json(&other), None, "{other}");
        }
    }
}
