//! Why a rule said no: the nearest way in, as typed terms; the words are the screen's.
//!
//! Each false test is weighed by how hard it is for the visitor to change (come at another time: easy; have another
//! ticket: hard) and by how far it is off. A way in is one choice at each `or`; it costs what its heaviest false test
//! costs. Of the cheapest ways the one with the fewest false tests is told.
//!
//! This is the cheapest conjunction of the rule's disjunctive normal form, but the form is never written out (it
//! doubles with each `or`): since *cheapest* and *heaviest* distribute over one another, one walk over the rule finds
//! the price and a second the way.

use super::{
    Count, Logic, Moment, Operand, Order, Rule, RuleInput, Scalar, Test, Variable,
    evaluate::{Scene, holds},
};
use crate::clock::UtcMillis;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// No explanation names more than this many obstacles.
pub const MAX_TERMS: usize = 8;
/// No obstacle names more than this many gates.
pub const MAX_NAMES: usize = 8;
/// Names are cut to this many characters.
pub const MAX_NAME_LEN: usize = 80;

/// What to tell a visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// The rule admits this scan.
    Admitted,
    /// The nearest way in: all of these would have to be otherwise. The heaviest first, at most [`MAX_TERMS`].
    Missing(Vec<Term>),
    /// There is no way in that words could describe, or the rule cannot be evaluated.
    Unknown,
}

/// One obstacle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Term {
    /// Only allowed after this instant.
    NotBefore(UtcMillis),
    /// Only allowed before this instant.
    NotAfter(UtcMillis),
    /// Only allowed on these days of the week, 1 (Monday) to 7; empty for none.
    Weekday(Vec<u8>),
    /// Only allowed at these gates.
    AtGate(Vec<String>),
    /// Not allowed at these gates.
    NotAtGate(Vec<String>),
    /// This kind of ticket is not allowed.
    Product,
    /// At most `limit` of these, and there are more.
    EntriesExceeded {
        counted: Counted,
        #[ts(type = "number")]
        limit: i64,
    },
    /// At least `minimum` of these, and there are fewer.
    EntriesMissing {
        counted: Counted,
        #[ts(type = "number")]
        minimum: i64,
    },
    /// Exactly this many of these (`is` true), or any number but this one.
    Entries {
        counted: Counted,
        is: bool,
        #[ts(type = "number")]
        number: i64,
    },
    /// Only for those who are inside, or who are not.
    Status(Presence),
}

/// What a number in a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Counted {
    Entries,
    EntriesToday,
    EntriesSince(UtcMillis),
    EntriesBefore(UtcMillis),
    Days,
    DaysSince(UtcMillis),
    DaysBefore(UtcMillis),
    MinutesSinceLastEntry,
    MinutesSinceFirstEntry,
}

/// Where the last scan left the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Present,
    Absent,
}

impl Rule {
    /// The nearest way in for a scan that was refused.
    #[must_use]
    pub fn explain(&self, input: &RuleInput<'_>) -> Explanation {
        match self.evaluate(input) {
            Ok(true) => return Explanation::Admitted,
            Ok(false) => {}
            Err(_) => return Explanation::Unknown,
        }
        let tree = Tree::of(&self.0, &Scene::of(input));
        let limit = tree.price();
        if limit >= NO_WAY {
            return Explanation::Unknown;
        }
        let Some(mut way) = tree.way(limit) else { return Explanation::Unknown };
        way.sort_by_key(|b| std::cmp::Reverse(b.0));
        let mut terms: Vec<Term> = Vec::new();
        for (_, term) in way {
            if terms.len() < MAX_TERMS && !terms.contains(&term) {
                terms.push(term);
            }
        }
        Explanation::Missing(terms)
    }
}

/// How rigid an obstacle is, and how far off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight(u32, u64);

const NOTHING: Weight = Weight(0, 0);
const STATUS: u32 = 20;
const TIME: u32 = 200;
const WEEKDAY: u32 = 210;
const GATE: u32 = 500;
const PRODUCT: u32 = 1000;
/// Added to comparisons with "never entered", which say nothing to a visitor.
const TECHNICAL: u32 = 1000;
const NO_WAY: Weight = Weight(100_000, 0);

/// A rule with each test replaced by its answer.
enum Tree {
    True,
    False(Weight, Option<Term>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

impl Tree {
    fn of(logic: &Logic, scene: &Scene<'_>) -> Self {
        match logic {
            Logic::Always(true) => Self::True,
            Logic::Always(false) => Self::False(NO_WAY, None),
            Logic::All(parts) => Self::All(parts.iter().map(|p| Self::of(p, scene)).collect()),
            Logic::Any(parts) => Self::Any(parts.iter().map(|p| Self::of(p, scene)).collect()),
            Logic::Test(test) if scene.answer(test) == Ok(true) => Self::True,
            Logic::Test(test) => match obstacle(test, scene) {
                Some((weight, term)) => Self::False(weight, Some(term)),
                None => Self::False(NO_WAY, None),
            },
        }
    }

    /// What the cheapest way in costs.
    fn price(&self) -> Weight {
        match self {
            Self::True => NOTHING,
            Self::False(weight, _) => *weight,
            Self::All(parts) => parts.iter().map(Self::price).max().unwrap_or(NOTHING),
            Self::Any(parts) => parts.iter().map(Self::price).min().unwrap_or(NO_WAY),
        }
    }

    /// The shortest way in none of whose obstacles weighs more than `limit`.
    fn way(&self, limit: Weight) -> Option<Vec<(Weight, Term)>> {
        match self {
            Self::True => Some(Vec::new()),
            Self::False(weight, term) => {
                term.as_ref().filter(|_| *weight <= limit).map(|term| vec![(*weight, term.clone())])
            }
            Self::All(parts) => {
                let ways = parts.iter().map(|p| p.way(limit)).collect::<Option<Vec<_>>>()?;
                Some(ways.into_iter().flatten().collect())
            }
            Self::Any(parts) => parts.iter().filter_map(|p| p.way(limit)).min_by_key(Vec::len),
        }
    }
}

fn obstacle(test: &Test, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    match test {
        Test::Before { earlier, later, tolerance_ms } => before(*earlier, *later, *tolerance_ms, scene),
        Test::InList { what: Operand::Variable(variable), list } => in_list(*variable, list, scene),
        Test::InList { .. } => None,
        Test::Compare { order, operands } => {
            // In a chain, the first link that does not hold is the obstacle.
            let broken = operands
                .windows(2)
                .find(|pair| holds(*order, &scene.value(&pair[0]), &scene.value(&pair[1])) == Ok(false))?;
            compare(*order, &broken[0], &broken[1], scene)
        }
    }
}

fn before(earlier: Moment, later: Moment, tolerance_ms: i64, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    match (earlier, later) {
        (Moment::Now, Moment::Now) => None,
        (Moment::Now, limit) => Some(closed(UtcMillis(scene.moment(limit).0.saturating_add(tolerance_ms)), scene)),
        (limit, Moment::Now) => Some(opens(UtcMillis(scene.moment(limit).0.saturating_sub(tolerance_ms)), scene)),
        _ => None,
    }
}

fn opens(at: UtcMillis, scene: &Scene<'_>) -> (Weight, Term) {
    (Weight(TIME, scene.input.now.0.abs_diff(at.0)), Term::NotBefore(at))
}

fn closed(at: UtcMillis, scene: &Scene<'_>) -> (Weight, Term) {
    (Weight(TIME, scene.input.now.0.abs_diff(at.0)), Term::NotAfter(at))
}

fn in_list(variable: Variable, list: &[Operand], scene: &Scene<'_>) -> Option<(Weight, Term)> {
    match variable {
        Variable::Product | Variable::Variation => Some((Weight(PRODUCT, 0), Term::Product)),
        Variable::Gate => Some((Weight(GATE, 0), Term::AtGate(names(list, scene)))),
        Variable::Weekday => {
            let allowed =
                |day: u8| list.iter().any(|e| holds(Order::Equal, &scene.value(e), &weekday(day)) == Ok(true));
            Some((Weight(WEEKDAY, 0), Term::Weekday((1..=7).filter(|d| allowed(*d)).collect())))
        }
        Variable::EntryStatus | Variable::Count(_) => None,
    }
}

fn compare(order: Order, left: &Operand, right: &Operand, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    match (left, right) {
        (Operand::Moment(Moment::Now), Operand::Moment(limit)) if *limit != Moment::Now => time(order, *limit, scene),
        (Operand::Moment(limit), Operand::Moment(Moment::Now)) if *limit != Moment::Now => {
            time(turned(order), *limit, scene)
        }
        (Operand::Variable(_), Operand::Variable(_)) => None,
        (Operand::Variable(variable), limit) => against(order, *variable, limit, scene),
        (limit, Operand::Variable(variable)) => against(turned(order), *variable, limit, scene),
        _ => None,
    }
}

fn time(order: Order, limit: Moment, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    let limit = scene.moment(limit);
    match order {
        Order::Less | Order::LessOrEqual => Some(closed(limit, scene)),
        Order::Greater | Order::GreaterOrEqual => Some(opens(limit, scene)),
        Order::Equal | Order::NotEqual => None,
    }
}

/// The same comparison with its sides exchanged.
fn turned(order: Order) -> Order {
    match order {
        Order::Less => Order::Greater,
        Order::LessOrEqual => Order::GreaterOrEqual,
        Order::Greater => Order::Less,
        Order::GreaterOrEqual => Order::LessOrEqual,
        Order::Equal => Order::Equal,
        Order::NotEqual => Order::NotEqual,
    }
}

fn against(order: Order, variable: Variable, limit: &Operand, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    match variable {
        Variable::Product | Variable::Variation => Some((Weight(PRODUCT, 0), Term::Product)),
        Variable::Gate => {
            let names = names(std::slice::from_ref(limit), scene);
            let term = match order {
                Order::Equal => Term::AtGate(names),
                Order::NotEqual => Term::NotAtGate(names),
                Order::Less | Order::LessOrEqual | Order::Greater | Order::GreaterOrEqual => return None,
            };
            Some((Weight(GATE, 0), term))
        }
        Variable::Weekday => {
            let limit = scene.value(limit);
            let allowed = (1..=7).filter(|d| holds(order, &weekday(*d), &limit) == Ok(true)).collect();
            Some((Weight(WEEKDAY, 0), Term::Weekday(allowed)))
        }
        Variable::EntryStatus => status(order, limit),
        Variable::Count(count) => counted(order, count, &scene.value(limit), scene),
    }
}

fn status(order: Order, limit: &Operand) -> Option<(Weight, Term)> {
    let Operand::Literal(Scalar::Text(limit)) = limit else { return None };
    let needed = match (order, limit.as_str()) {
        (Order::Equal, "present") | (Order::NotEqual, "absent") => Presence::Present,
        (Order::Equal, "absent") | (Order::NotEqual, "present") => Presence::Absent,
        _ => return None,
    };
    Some((Weight(STATUS, 0), Term::Status(needed)))
}

/// A count against a whole number. Limits are told as the number that is still allowed.
fn counted(order: Order, count: Count, limit: &Scalar, scene: &Scene<'_>) -> Option<(Weight, Term)> {
    let limit = match limit {
        Scalar::Int(n) => *n,
        Scalar::Text(text) => text.trim().parse().ok()?,
        Scalar::Null | Scalar::Bool(_) | Scalar::Float(_) | Scalar::Moment(_) => return None,
    };
    let (rigid, counted) = kind(count, scene);
    let (more, term) = match order {
        Order::Less => (1, Term::EntriesExceeded { counted, limit: limit.saturating_sub(1) }),
        Order::LessOrEqual => (1, Term::EntriesExceeded { counted, limit }),
        Order::Greater => (1, Term::EntriesMissing { counted, minimum: limit.saturating_add(1) }),
        Order::GreaterOrEqual => (1, Term::EntriesMissing { counted, minimum: limit }),
        Order::Equal => (2, Term::Entries { counted, is: true, number: limit }),
        Order::NotEqual => (3, Term::Entries { counted, is: false, number: limit }),
    };
    let minutes = matches!(count, Count::MinutesSinceLast | Count::MinutesSinceFirst);
    let never = match order {
        Order::Less | Order::Greater => limit <= 0,
        Order::LessOrEqual | Order::GreaterOrEqual => limit < 0,
        Order::Equal | Order::NotEqual => limit == -1,
    };
    let technical = if minutes && never { TECHNICAL } else { 0 };
    let Scalar::Int(value) = scene.value(&Operand::Variable(Variable::Count(count))) else { return None };
    Some((Weight(rigid + more + technical, limit.abs_diff(value)), term))
}

fn kind(count: Count, scene: &Scene<'_>) -> (u32, Counted) {
    match count {
        Count::MinutesSinceFirst => (80, Counted::MinutesSinceFirstEntry),
        Count::MinutesSinceLast => (90, Counted::MinutesSinceLastEntry),
        Count::Days => (100, Counted::Days),
        Count::DaysSince(moment) => (104, Counted::DaysSince(scene.moment(moment))),
        Count::DaysBefore(moment) => (108, Counted::DaysBefore(scene.moment(moment))),
        Count::Entries => (120, Counted::Entries),
        Count::Since(moment) => (124, Counted::EntriesSince(scene.moment(moment))),
        Count::Before(moment) => (128, Counted::EntriesBefore(scene.moment(moment))),
        Count::EntriesToday => (140, Counted::EntriesToday),
    }
}

fn weekday(day: u8) -> Scalar {
    Scalar::Int(i64::from(day))
}

/// What the gates of a rule are called: now, else when the rule was written; their number where they had no name.
fn names(list: &[Operand], scene: &Scene<'_>) -> Vec<String> {
    let now = |id: i64| scene.input.gates.iter().find(|gate| gate.gate_id.0 == id).map(|gate| gate.name.as_str());
    let cut = |name: &str| name.chars().take(MAX_NAME_LEN).collect::<String>();
    let name = |operand: &Operand| match operand {
        Operand::Lookup { id, label, .. } => Some(now(*id).or(label.as_deref()).map_or_else(|| id.to_string(), cut)),
        Operand::Literal(Scalar::Int(id)) => Some(now(*id).map_or_else(|| id.to_string(), cut)),
        Operand::Literal(Scalar::Text(text)) => Some(cut(text.trim().parse().ok().and_then(now).unwrap_or(text))),
        Operand::Literal(_) | Operand::Variable(_) | Operand::Moment(_) => None,
    };
    list.iter().filter_map(name).take(MAX_NAMES).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, entry, scan};
    use super::*;
    use crate::id::ItemId;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn explain(rule: &Value, input: &RuleInput<'_>) -> Explanation {
        Rule::parse(rule).unwrap_or_else(|e| panic!("{rule}: {e}")).explain(input)
    }

    fn after(time: &str) -> Value {
        json!({"isAfter": [{"var": "now"}, {"buildTime": ["customtime", time]}]})
    }

    fn until(time: &str) -> Value {
        json!({"isBefore": [{"var": "now"}, {"buildTime": ["customtime", time]}]})
    }

    fn product(id: i64) -> Value {
        json!({"inList": [{"var": "product"}, {"objectList": [{"lookup": ["product", id, "x"]}]}]})
    }

    #[test]
    fn a_scan_that_is_admitted_has_no_obstacle() {
        assert_eq!(explain(&after("11:00"), &scan()), Explanation::Admitted);
    }

    #[test]
    fn each_obstacle_is_told_in_its_own_term() {
        let history = [entry("2026-06-10T09:00:00Z"), entry("2026-06-10T09:30:00Z")];
        let here = RuleInput { entries: &history, gate: Some(4), ..scan() };
        let gates = json!({"objectList": [{"lookup": ["gate", "1", "North"]}, {"lookup": ["gate", "2"]}]});
        let table = [
            (after("12:30"), Term::NotBefore(at("2026-06-10T10:30:00Z"))),
            (until("11:30"), Term::NotAfter(at("2026-06-10T09:30:00Z"))),
            (
                json!({"isAfter": [{"var": "now"}, {"buildTime": ["date_admission"]}, 10]}),
                Term::NotBefore(at("2026-06-10T17:50:00Z")),
            ),
            (
                json!({"isBefore": [{"buildTime": ["date_from"]}, {"var": "now"}]}),
                Term::NotBefore(at("2026-06-10T18:00:00Z")),
            ),
            (json!({"<": [{"buildTime": ["date_from"]}, {"var": "now"}]}), Term::NotBefore(at("2026-06-10T18:00:00Z"))),
            (
                json!({"<": [{"var": "now"}, {"buildTime": ["custom", "2026-06-10T09:00:00Z"]}]}),
                Term::NotAfter(at("2026-06-10T09:00:00Z")),
            ),
            (product(8), Term::Product),
            (json!({"==": [{"var": "variation"}, 3]}), Term::Product),
            (json!({"inList": [{"var": "gate"}, gates]}), Term::AtGate(vec!["North".into(), "2".into()])),
            (json!({"==": [{"var": "gate"}, {"lookup": ["gate", "1", "North"]}]}), Term::AtGate(vec!["North".into()])),
            (
                json!({"!=": [{"var": "gate"}, {"lookup": ["gate", "4", "South"]}]}),
                Term::NotAtGate(vec!["South".into()]),
            ),
            (json!({"<": [{"var": "now_isoweekday"}, 3]}), Term::Weekday(vec![1, 2])),
            (json!({"inList": [{"var": "now_isoweekday"}, [6, 7]]}), Term::Weekday(vec![6, 7])),
            (
                json!({"<": [{"var": "entries_number"}, 2]}),
                Term::EntriesExceeded { counted: Counted::Entries, limit: 1 },
            ),
            (
                json!({"<=": [{"var": "entries_today"}, 1]}),
                Term::EntriesExceeded { counted: Counted::EntriesToday, limit: 1 },
            ),
            (json!({">": [1, {"var": "entries_days"}]}), Term::EntriesExceeded { counted: Counted::Days, limit: 0 }),
            (
                json!({">": [{"var": "minutes_since_last_entry"}, 60]}),
                Term::EntriesMissing { counted: Counted::MinutesSinceLastEntry, minimum: 61 },
            ),
            (
                json!({"==": [{"var": "entries_number"}, 0]}),
                Term::Entries { counted: Counted::Entries, is: true, number: 0 },
            ),
            (json!({"==": [{"var": "entry_status"}, "absent"]}), Term::Status(Presence::Absent)),
            (
                json!({"<": [{"entries_since": [{"buildTime": ["customtime", "06:00"]}]}, 2]}),
                Term::EntriesExceeded { counted: Counted::EntriesSince(at("2026-06-10T04:00:00Z")), limit: 1 },
            ),
        ];
        for (rule, term) in table {
            assert_eq!(explain(&rule, &here), Explanation::Missing(vec![term]), "{rule}");
        }
    }

    #[test]
    fn the_way_in_that_is_easiest_for_the_visitor_is_told() {
        // Adults from 9 to 11, VIPs (not ours) from 8 to 18, on the same day: at noon an adult hears "until 11".
        let adults = json!({"and": [product(7), after("09:00"), until("11:00")]});
        let vips = json!({"and": [product(8), after("08:00"), until("18:00")]});
        let tomorrow = json!({"and": [product(7), {"isAfter": [{"var": "now"}, {"buildTime": ["custom", "2026-06-11T07:00:00Z"]}]}]});
        let rule = json!({"or": [vips, adults, tomorrow]});
        assert_eq!(explain(&rule, &scan()), Explanation::Missing(vec![Term::NotAfter(at("2026-06-10T09:00:00Z"))]));
        // At night the nearer limit is tomorrow's opening.
        let night = RuleInput { now: at("2026-06-11T00:30:00Z"), ..scan() };
        let rule = json!({"or": [
            {"isBefore": [{"var": "now"}, {"buildTime": ["custom", "2026-06-10T15:00:00Z"]}]},
            {"isAfter": [{"var": "now"}, {"buildTime": ["custom", "2026-06-11T07:00:00Z"]}]},
        ]});
        assert_eq!(explain(&rule, &night), Explanation::Missing(vec![Term::NotBefore(at("2026-06-11T07:00:00Z"))]));
    }

    #[test]
    fn of_equally_near_ways_the_shorter_is_told() {
        let rule = json!({"or": [
            {"and": [product(8), after("13:00")]},
            product(9),
        ]});
        assert_eq!(explain(&rule, &scan()), Explanation::Missing(vec![Term::Product]));
    }

    #[test]
    fn all_obstacles_of_one_way_are_told_the_heaviest_first_and_none_twice() {
        let rule = json!({"and": [after("13:00"), product(8), {"inList": [{"var": "variation"}, [2]]}]});
        let expected = vec![Term::Product, Term::NotBefore(at("2026-06-10T11:00:00Z"))];
        assert_eq!(explain(&rule, &scan()), Explanation::Missing(expected));
    }

    #[test]
    fn a_comparison_with_never_entered_is_not_told_where_another_way_exists() {
        let history = [entry("2026-06-10T09:30:00Z")];
        let input = RuleInput { entries: &history, ..scan() };
        let rule = json!({"or": [
            {"==": [{"var": "minutes_since_last_entry"}, -1]},
            {">": [{"var": "minutes_since_last_entry"}, 45]},
        ]});
        let expected = Term::EntriesMissing { counted: Counted::MinutesSinceLastEntry, minimum: 46 };
        assert_eq!(explain(&rule, &input), Explanation::Missing(vec![expected]));
    }

    #[test]
    fn what_no_words_describe_is_unknown() {
        for rule in [json!(false), json!({"<": [2, 1]}), json!({"and": [{"or": []}]}), json!({"<": [null, "a"]})] {
            assert_eq!(explain(&rule, &scan()), Explanation::Unknown, "{rule}");
        }
    }

    #[test]
    fn a_rule_whose_normal_form_has_a_million_million_terms_is_explained_at_once_and_in_bounds() {
        let pair = |hour: usize| json!({"or": [after(&format!("{hour}:30")), product(8)]});
        let rule = json!({"and": (0..40).map(|i| pair(13 + i % 10)).collect::<Vec<_>>()});
        let Explanation::Missing(terms) = explain(&rule, &scan()) else { panic!("there is a way in") };
        assert_eq!(terms.len(), MAX_TERMS);
        assert_eq!(terms[0], Term::NotBefore(at("2026-06-10T20:30:00Z")), "the latest opening is the heaviest");
        let many: Vec<Value> = (0..100).map(|i| json!({"lookup": ["gate", i, "g".repeat(500)]})).collect();
        let rule = json!({"inList": [{"var": "gate"}, {"objectList": many}]});
        let Explanation::Missing(terms) = explain(&rule, &scan()) else { panic!("there is a way in") };
        let [Term::AtGate(names)] = &terms[..] else { panic!("{terms:?}") };
        assert_eq!((names.len(), names[0].chars().count()), (MAX_NAMES, MAX_NAME_LEN));
    }

    /// The normal form written out, to compare with: every way in as the list of its tests.
    fn written_out(logic: &Logic) -> Vec<Vec<&Test>> {
        match logic {
            Logic::Always(true) => vec![vec![]],
            Logic::Always(false) => vec![],
            Logic::Test(test) => vec![vec![test]],
            Logic::Any(parts) => parts.iter().flat_map(written_out).collect(),
            Logic::All(parts) => parts.iter().map(written_out).fold(vec![vec![]], |ways, part| {
                let joined =
                    |way: &Vec<_>| part.iter().map(|more| [way.clone(), more.clone()].concat()).collect::<Vec<_>>();
                ways.iter().flat_map(joined).collect()
            }),
        }
    }

    fn any_rule() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0_u8..24).prop_map(|h| after(&format!("{h}:00"))),
            (0_u8..24).prop_map(|h| until(&format!("{h}:00"))),
            (6_i64..9).prop_map(product),
            (1_i64..8).prop_map(|d| json!({"==": [{"var": "now_isoweekday"}, d]})),
            (0_i64..4).prop_map(|n| json!({"<": [{"var": "entries_number"}, n]})),
        ];
        leaf.prop_recursive(4, 12, 3, |inner| {
            let parts = prop::collection::vec(inner, 1..4);
            prop_oneof![parts.clone().prop_map(|p| json!({"and": p})), parts.prop_map(|p| json!({"or": p}))]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn the_two_walks_find_the_price_and_length_of_the_written_out_form(json in any_rule()) {
            let history = [entry("2026-06-10T09:00:00Z"), entry("2026-06-10T09:30:00Z")];
            let input = RuleInput { product: ItemId(7), entries: &history, ..scan() };
            let rule = Rule::parse(&json).unwrap();
            let scene = Scene::of(&input);
            let tree = Tree::of(&rule.0, &scene);
            let cost = |way: &Vec<&Test>| {
                let weights: Vec<Weight> = way
                    .iter()
                    .filter(|t| scene.answer(t) == Ok(false))
                    .map(|t| obstacle(t, &scene).map_or(NO_WAY, |(w, _)| w))
                    .collect();
                (weights.iter().max().copied().unwrap_or(NOTHING), weights.len())
            };
            let (price, length) = written_out(&rule.0).iter().map(cost).min().unwrap();
            prop_assert_eq!(tree.price(), price);
            prop_assert_eq!(tree.way(price).map(|w| w.len()), Some(length));
            prop_assert_eq!(rule.evaluate(&input), Ok(price == NOTHING));
        }
    }
}
