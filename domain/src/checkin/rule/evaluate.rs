//! [`Rule`] + scan → yes or no. Owns the meaning of operators and variables; where the field's online and offline
//! engines disagree, the online one is followed.

use super::{Count, Direction, Logic, Moment, Operand, Order, Rule, RuleError, RuleInput, Scalar, Test, Variable};
use crate::clock::UtcMillis;
use jiff::{Zoned, civil::Date, tz::AmbiguousOffset};
use std::collections::BTreeSet;

impl Rule {
    /// Whether this scan may enter.
    ///
    /// # Errors
    /// When the rule compares what has no order; nobody is admitted then.
    pub fn evaluate(&self, input: &RuleInput<'_>) -> Result<bool, RuleError> {
        truth(&self.0, &Scene::of(input))
    }
}

/// A scan with its local time looked up once.
pub(super) struct Scene<'a> {
    pub(super) input: &'a RuleInput<'a>,
    local: Zoned,
}

fn truth(logic: &Logic, scene: &Scene<'_>) -> Result<bool, RuleError> {
    match logic {
        Logic::Always(fixed) => Ok(*fixed),
        Logic::All(parts) => parts.iter().try_fold(true, |all, p| Ok(truth(p, scene)? && all)),
        Logic::Any(parts) => parts.iter().try_fold(false, |any, p| Ok(truth(p, scene)? || any)),
        Logic::Test(test) => scene.answer(test),
    }
}

impl<'a> Scene<'a> {
    pub(super) fn of(input: &'a RuleInput<'a>) -> Self {
        Self { input, local: input.now.in_zone(input.zone) }
    }

    pub(super) fn answer(&self, test: &Test) -> Result<bool, RuleError> {
        match test {
            Test::Compare { order, operands } => {
                let values: Vec<Scalar> = operands.iter().map(|o| self.value(o)).collect();
                for pair in values.windows(2) {
                    if !holds(*order, &pair[0], &pair[1])? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Test::InList { what, list } => {
                let what = self.value(what);
                Ok(list.iter().any(|entry| same(&what, &self.value(entry))))
            }
            Test::Before { earlier, later, tolerance_ms } => {
                Ok(self.moment(*earlier).0.saturating_sub(*tolerance_ms) < self.moment(*later).0)
            }
        }
    }

    pub(super) fn value(&self, operand: &Operand) -> Scalar {
        let id = |id: Option<i64>| id.map_or(Scalar::Null, Scalar::Int);
        match operand {
            Operand::Literal(literal) => literal.clone(),
            Operand::Lookup { id, .. } => Scalar::Int(*id),
            Operand::Moment(moment) => Scalar::Moment(self.moment(*moment)),
            Operand::Variable(Variable::Product) => Scalar::Int(self.input.product.0),
            Operand::Variable(Variable::Variation) => id(self.input.variation),
            Operand::Variable(Variable::Gate) => id(self.input.gate),
            Operand::Variable(Variable::Weekday) => Scalar::Int(i64::from(self.local.weekday().to_monday_one_offset())),
            Operand::Variable(Variable::EntryStatus) => {
                Scalar::Text(if self.present() { "present" } else { "absent" }.to_owned())
            }
            Operand::Variable(Variable::Count(count)) => Scalar::Int(self.count(*count)),
        }
    }

    pub(super) fn moment(&self, moment: Moment) -> UtcMillis {
        match moment {
            Moment::Now => self.input.now,
            Moment::At(at) => at,
            Moment::TimeOfDay(time) => self.time_of_day(time),
            Moment::DateFrom => self.input.date_from,
            Moment::DateTo => self.input.date_to.unwrap_or(self.input.date_from),
            Moment::DateAdmission => self.input.date_admission.unwrap_or(self.input.date_from),
        }
    }

    /// A wall-clock time on the local day of the scan. One the clocks skip is moved on by as much as they skip; one
    /// they show twice is the first, unless the scan itself is in the second round.
    fn time_of_day(&self, time: jiff::civil::Time) -> UtcMillis {
        let zone = self.local.time_zone();
        let second_round = match zone.to_ambiguous_timestamp(self.local.datetime()).offset() {
            AmbiguousOffset::Fold { after, .. } => after == self.local.offset(),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
        };
        let ambiguous = zone.to_ambiguous_timestamp(self.local.date().to_datetime(time));
        let folded = matches!(ambiguous.offset(), AmbiguousOffset::Fold { .. });
        let found = if folded && second_round { ambiguous.later() } else { ambiguous.compatible() };
        // Only at the ends of time, nine thousand years away, is there no such instant on the day.
        UtcMillis(found.map_or(self.input.now.0, |t| t.as_millisecond()))
    }

    fn count(&self, count: Count) -> i64 {
        let entries = || self.input.entries.iter().filter(|(_, d)| *d == Direction::Entry).map(|(at, _)| *at);
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        match count {
            Count::Entries => number(entries().count()),
            Count::EntriesToday => {
                let midnight = self.midnight();
                number(entries().filter(|at| *at >= midnight).count())
            }
            Count::Days => number(self.days(entries())),
            Count::Since(moment) => {
                let since = self.moment(moment);
                number(entries().filter(|at| *at >= since).count())
            }
            Count::Before(moment) => {
                let before = self.moment(moment);
                number(entries().filter(|at| *at < before).count())
            }
            Count::DaysSince(moment) => {
                let since = self.moment(moment);
                number(self.days(entries().filter(|at| *at >= since)))
            }
            Count::DaysBefore(moment) => {
                let before = self.moment(moment);
                number(self.days(entries().filter(|at| *at < before)))
            }
            Count::MinutesSinceLast => self.minutes_since(entries().max()),
            Count::MinutesSinceFirst => self.minutes_since(entries().min()),
        }
    }

    fn midnight(&self) -> UtcMillis {
        self.local.start_of_day().map_or(self.input.now, |day| UtcMillis(day.timestamp().as_millisecond()))
    }

    fn days(&self, entries: impl Iterator<Item = UtcMillis>) -> usize {
        let zone = self.local.time_zone();
        entries.map(|at| zone.to_datetime(at.timestamp()).date()).collect::<BTreeSet<Date>>().len()
    }

    /// Whole minutes, rounded down; -1 where there was none.
    fn minutes_since(&self, entry: Option<UtcMillis>) -> i64 {
        entry.map_or(-1, |at| self.input.now.since(at).div_euclid(60_000))
    }

    fn present(&self) -> bool {
        self.input.entries.iter().max_by_key(|(at, _)| *at).is_some_and(|(_, d)| *d == Direction::Entry)
    }
}

/// One comparison. Text equals by its spelling and a truth value by truth; a number orders whatever can be read as one,
/// and nothing else.
pub(super) fn holds(order: Order, left: &Scalar, right: &Scalar) -> Result<bool, RuleError> {
    match order {
        Order::Less => less(left, right),
        Order::Greater => less(right, left),
        Order::LessOrEqual => Ok(less(left, right)? || equal(left, right)),
        Order::GreaterOrEqual => Ok(less(right, left)? || equal(left, right)),
        Order::Equal => Ok(equal(left, right)),
        Order::NotEqual => Ok(!equal(left, right)),
    }
}

fn less(left: &Scalar, right: &Scalar) -> Result<bool, RuleError> {
    let number = |s: &Scalar| matches!(s, Scalar::Int(_) | Scalar::Float(_));
    if let (Scalar::Int(a), Scalar::Int(b)) = (left, right) {
        return Ok(a < b);
    }
    if number(left) || number(right) {
        return Ok(matches!((as_number(left), as_number(right)), (Some(a), Some(b)) if a < b));
    }
    match (left, right) {
        (Scalar::Text(a), Scalar::Text(b)) => Ok(a < b),
        (Scalar::Bool(a), Scalar::Bool(b)) => Ok(!a & b),
        (Scalar::Moment(a), Scalar::Moment(b)) => Ok(a < b),
        _ => Err(RuleError::Incomparable { left: kind(left), right: kind(right) }),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the language compares unlike numbers as floating point")]
fn as_number(scalar: &Scalar) -> Option<f64> {
    match scalar {
        Scalar::Int(n) => Some(*n as f64),
        Scalar::Float(n) => Some(*n),
        Scalar::Bool(b) => Some(f64::from(u8::from(*b))),
        Scalar::Text(text) => text.trim().parse().ok(),
        Scalar::Null | Scalar::Moment(_) => None,
    }
}

fn equal(left: &Scalar, right: &Scalar) -> bool {
    match (left, right) {
        (Scalar::Text(a), b) | (b, Scalar::Text(a)) => spelling(b).is_some_and(|b| *a == b),
        (Scalar::Bool(a), b) | (b, Scalar::Bool(a)) => *a == truthy(b),
        _ => same(left, right),
    }
}

/// Equality without conversion, but for numbers and truth values, which are 0 and 1.
fn same(left: &Scalar, right: &Scalar) -> bool {
    match (left, right) {
        (Scalar::Null, Scalar::Null) => true,
        (Scalar::Text(a), Scalar::Text(b)) => a == b,
        (Scalar::Moment(a), Scalar::Moment(b)) => a == b,
        (Scalar::Int(a), Scalar::Int(b)) => a == b,
        (Scalar::Text(_), _) | (_, Scalar::Text(_)) => false,
        _ => matches!((as_number(left), as_number(right)), (Some(a), Some(b)) if a == b),
    }
}

fn spelling(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::Text(text) => Some(text.clone()),
        Scalar::Int(n) => Some(n.to_string()),
        Scalar::Float(n) => Some(format!("{n:?}")),
        Scalar::Bool(true) => Some("True".to_owned()),
        Scalar::Bool(false) => Some("False".to_owned()),
        Scalar::Null => Some("None".to_owned()),
        Scalar::Moment(_) => None,
    }
}

fn truthy(scalar: &Scalar) -> bool {
    match scalar {
        Scalar::Null => false,
        Scalar::Bool(b) => *b,
        Scalar::Int(n) => *n != 0,
        Scalar::Float(n) => *n != 0.0,
        Scalar::Text(text) => !text.is_empty(),
        Scalar::Moment(_) => true,
    }
}

fn kind(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "nothing",
        Scalar::Bool(_) => "a truth value",
        Scalar::Int(_) | Scalar::Float(_) => "a number",
        Scalar::Text(_) => "a text",
        Scalar::Moment(_) => "a time",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, entry, exit, scan};
    use super::*;
    use crate::id::ItemId;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn admits(rule: &Value, input: &RuleInput<'_>) -> Result<bool, RuleError> {
        Rule::parse(rule).unwrap_or_else(|e| panic!("{rule}: {e}")).evaluate(input)
    }

    fn assert_table(input: &RuleInput<'_>, table: &[(Value, bool)]) {
        for (rule, expected) in table {
            assert_eq!(admits(rule, input), Ok(*expected), "{rule} for {input:?}");
        }
    }

    #[test]
    fn and_or_and_literals_are_truth() {
        assert_table(
            &scan(),
            &[
                (json!({}), true),
                (json!(false), false),
                (json!({"and": [true, true]}), true),
                (json!({"and": [true, false]}), false),
                (json!({"or": [false, true]}), true),
                (json!({"or": [false, false]}), false),
                (json!({"and": [{"or": []}]}), false),
                (json!({"or": [{"and": []}]}), true),
                (json!({"or": [{"and": [true, false]}, {"and": [true, true]}]}), true),
            ],
        );
    }

    #[test]
    fn comparisons_order_numbers() {
        assert_table(
            &scan(),
            &[
                (json!({"<": [1, 2]}), true),
                (json!({"<": [2, 2]}), false),
                (json!({"<": [1, 2, 3]}), true),
                (json!({"<": [1, 3, 3]}), false),
                (json!({"<=": [1, 3, 3]}), true),
                (json!({"<=": [2, 2]}), true),
                (json!({"<=": [3, 2]}), false),
                (json!({">": [3, 2]}), true),
                (json!({">": [2, 2]}), false),
                (json!({">=": [2, 2]}), true),
                (json!({">=": [1, 2]}), false),
                (json!({"==": [2, 2.0]}), true),
                (json!({"!=": [2, 3]}), true),
                (json!({"!=": [2, 2]}), false),
                (json!({"<": [9_007_199_254_740_992_i64, 9_007_199_254_740_993_i64]}), true),
            ],
        );
    }

    #[test]
    fn unlike_values_compare_as_the_online_engine_does() {
        assert_table(
            &scan(),
            &[
                (json!({"==": ["2", 2]}), true),
                (json!({"==": ["2", 2.0]}), false),
                (json!({"==": [null, null]}), true),
                (json!({"==": [null, 0]}), false),
                (json!({"==": [true, 1]}), true),
                (json!({"==": [true, 5]}), true),
                (json!({"==": [false, null]}), true),
                (json!({"<": ["1", 2]}), true),
                (json!({"<": [null, 2]}), false),
                (json!({">": [null, 2]}), false),
                (json!({"<": ["soon", 2]}), false),
                (json!({"<": ["a", "b"]}), true),
                (json!({"<": [false, true]}), true),
                (json!({"<": [{"var": "now"}, 5]}), false),
                (json!({"==": [{"var": "now"}, "now"]}), false),
            ],
        );
    }

    #[test]
    fn what_has_no_order_is_an_error_and_no_branch_hides_it() {
        let incomparable = json!({"<": [null, "a"]});
        let expected = Err(RuleError::Incomparable { left: "nothing", right: "a text" });
        assert_eq!(admits(&incomparable, &scan()), expected);
        assert_eq!(admits(&json!({"or": [true, incomparable]}), &scan()), expected);
        assert_eq!(admits(&json!({"and": [false, incomparable]}), &scan()), expected);
    }

    #[test]
    fn product_variation_and_gate_are_numbers_or_nothing() {
        let here = RuleInput { variation: Some(3), gate: Some(9), ..scan() };
        let product_list =
            json!({"objectList": [{"lookup": ["product", "7", "Adult"]}, {"lookup": ["product", 8, "Child"]}]});
        let table = |variation: bool, gate: bool| {
            vec![
                (json!({"==": [{"var": "product"}, 7]}), true),
                (json!({"==": [{"var": "product"}, "7"]}), true),
                (json!({"==": [{"var": "product"}, {"lookup": ["product", "7", "Adult"]}]}), true),
                (json!({"inList": [{"var": "product"}, product_list]}), true),
                (json!({"inList": [{"var": "product"}, {"objectList": []}]}), false),
                (json!({"inList": [{"var": "product"}, [7]]}), true),
                (json!({"inList": [{"var": "product"}, ["7"]]}), false),
                (json!({"inList": [{"var": "variation"}, [3]]}), variation),
                (json!({"inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "9", "North"]}]}]}), gate),
                (json!({"==": [{"var": "variation"}, null]}), !variation),
                (json!({"==": [{"var": "gate"}, null]}), !gate),
                (json!({"inList": [{"var": "gate"}, [0]]}), false),
            ]
        };
        assert_table(&here, &table(true, true));
        assert_table(&scan(), &table(false, false));
        assert_table(
            &RuleInput { product: ItemId(8), ..scan() },
            &[(json!({"inList": [{"var": "product"}, product_list]}), true)],
        );
    }

    #[test]
    fn the_weekday_is_the_events() {
        let weekday = |n: i64| json!({"==": [{"var": "now_isoweekday"}, n]});
        let late = RuleInput { now: at("2026-06-14T22:30:00Z"), ..scan() };
        assert_table(&late, &[(weekday(1), true), (weekday(7), false)]);
        assert_table(&RuleInput { zone: "UTC", ..late }, &[(weekday(7), true), (weekday(1), false)]);
    }

    #[test]
    fn before_and_after_are_strict_and_take_a_tolerance() {
        let noon = json!({"buildTime": ["custom", "2026-06-10T12:00:00+02:00"]});
        let later = json!({"buildTime": ["custom", "2026-06-10T12:10:00+02:00"]});
        let now = json!({"var": "now"});
        assert_table(
            &scan(),
            &[
                (json!({"isAfter": [now, noon]}), false),
                (json!({"isBefore": [now, noon]}), false),
                (json!({"isAfter": [now, noon, 1]}), true),
                (json!({"isBefore": [now, noon, 1]}), true),
                (json!({"isAfter": [now, later, 10]}), false),
                (json!({"isAfter": [now, later, "10.5"]}), true),
                (json!({"isAfter": [now, later, null]}), false),
                (json!({"isAfter": [now, later, 0]}), false),
                (json!({"isAfter": [later, now]}), true),
                (json!({"isBefore": [now, later]}), true),
                (json!({"isBefore": [now, later, -10]}), false),
                (json!({"<": [now, later]}), true),
                (json!({">=": [now, noon]}), true),
                (json!({"==": [now, noon]}), true),
            ],
        );
    }

    #[test]
    fn unset_end_and_admission_fall_back_to_the_beginning() {
        let now = json!({"var": "now"});
        let at_kind = |kind: &str| json!({"==": [{"buildTime": [kind]}, {"buildTime": ["date_from"]}]});
        assert_table(&scan(), &[(at_kind("date_to"), true), (at_kind("date_admission"), true)]);
        let open = json!({"isAfter": [now, {"buildTime": ["date_admission", null]}]});
        let doors = RuleInput { date_admission: Some(at("2026-06-10T09:59:59Z")), ..scan() };
        assert_table(&doors, &[(open.clone(), true), (at_kind("date_admission"), false)]);
        assert_table(&scan(), &[(open, false)]);
        let over = json!({"isBefore": [now, {"buildTime": ["date_to"]}]});
        assert_table(&RuleInput { date_to: Some(at("2026-06-10T10:00:00Z")), ..scan() }, &[(over, false)]);
    }

    #[test]
    fn a_time_of_day_is_of_the_scans_local_day() {
        let after = |time: &str| json!({"isAfter": [{"var": "now"}, {"buildTime": ["customtime", time]}]});
        assert_table(&scan(), &[(after("11:59"), true), (after("12:00"), false), (after("11:59:59"), true)]);
        // 23:30 on the tenth in Berlin is still the tenth; half an hour later it is the eleventh, 00:00.
        let late = RuleInput { now: at("2026-06-10T22:00:00Z"), ..scan() };
        assert_table(
            &late,
            &[(after("23:30"), false), (json!({"==": [{"var": "now"}, {"buildTime": ["customtime", "00:00"]}]}), true)],
        );
    }

    /// The instant `customtime` gives for a scan at `now`.
    fn custom_time(zone: &str, now: &str, time: &str) -> UtcMillis {
        let input = RuleInput { zone, now: at(now), ..scan() };
        let scene = Scene::of(&input);
        let (hour, minute) = time.split_once(':').unwrap();
        scene.time_of_day(jiff::civil::time(hour.parse().unwrap(), minute.parse().unwrap(), 0, 0))
    }

    #[test]
    fn on_the_day_the_clocks_go_forward_the_skipped_hour_moves_on() {
        for (time, instant) in
            [("01:59", "2026-03-29T00:59:00Z"), ("02:30", "2026-03-29T01:30:00Z"), ("03:00", "2026-03-29T01:00:00Z")]
        {
            assert_eq!(custom_time("Europe/Berlin", "2026-03-29T10:00:00Z", time), at(instant), "{time}");
        }
    }

    #[test]
    fn on_the_day_the_clocks_go_back_the_doubled_hour_is_the_first_but_within_the_second() {
        let table = [
            ("2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"), // 01:00 local
            ("2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z"), // 02:10 local, first round
            ("2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"), // 02:10 local, second round
            ("2026-10-25T10:00:00Z", "2026-10-25T00:30:00Z"), // 11:00 local
        ];
        for (now, instant) in table {
            assert_eq!(custom_time("Europe/Berlin", now, "02:30"), at(instant), "scanned at {now}");
        }
    }

    #[test]
    fn counts_count_entries_and_never_exits() {
        let history = [
            entry("2026-06-08T21:59:00Z"), // the 8th, 23:59 in Berlin
            exit("2026-06-08T22:30:00Z"),
            entry("2026-06-08T22:01:00Z"), // the 9th, 00:01
            entry("2026-06-09T21:59:59Z"), // the 9th, 23:59:59
            entry("2026-06-09T22:00:00Z"), // the 10th, 00:00
            entry("2026-06-10T09:58:30Z"), // the 10th
            exit("2026-06-10T09:59:00Z"),
        ];
        let seen = RuleInput { entries: &history, ..scan() };
        let var = |name: &str, n: i64| (json!({"==": [{"var": name}, n]}), true);
        let since = json!({"buildTime": ["custom", "2026-06-08T22:01:00Z"]});
        let count = |name: &str, n: i64| (json!({"==": [{name: [since]}, n]}), true);
        assert_table(
            &seen,
            &[
                var("entries_number", 5),
                var("entries_today", 2),
                var("entries_days", 3),
                var("minutes_since_last_entry", 1),
                var("minutes_since_first_entry", 36 * 60 + 1),
                count("entries_since", 4),
                count("entries_before", 1),
                count("entries_days_since", 2),
                count("entries_days_before", 1),
                (json!({"==": [{"entries_since": [{"var": "now"}]}, 0]}), true),
                (json!({"==": [{"entries_before": [{"buildTime": ["customtime", "00:00"]}]}, 3]}), true),
                (json!({"==": [{"var": "entry_status"}, "absent"]}), true),
            ],
        );
    }

    #[test]
    fn today_begins_at_the_local_midnight_and_has_no_end() {
        let history = [entry("2026-06-09T21:59:59Z"), entry("2026-06-09T22:00:00Z"), entry("2026-06-12T08:00:00Z")];
        let seen = RuleInput { entries: &history, ..scan() };
        assert_table(&seen, &[(json!({"==": [{"var": "entries_today"}, 2]}), true)]);
    }

    #[test]
    fn today_and_days_follow_the_clocks_when_they_change() {
        // 25 October 2026 has 25 hours in Berlin: it begins at 22:00 UTC and ends at 23:00 UTC.
        let history = [entry("2026-10-24T21:59:59Z"), entry("2026-10-24T22:00:00Z"), entry("2026-10-25T22:59:59Z")];
        let input = RuleInput { now: at("2026-10-25T22:59:59Z"), entries: &history, ..scan() };
        assert_table(
            &input,
            &[
                (json!({"==": [{"var": "entries_today"}, 2]}), true),
                (json!({"==": [{"var": "entries_days"}, 2]}), true),
                (json!({"==": [{"var": "now_isoweekday"}, 7]}), true),
            ],
        );
        // Beirut's clocks jump from 00:00 to 01:00 on 29 March 2026: the day begins at 01:00.
        let history = [entry("2026-03-28T21:59:59Z"), entry("2026-03-28T22:00:00Z")];
        let input = RuleInput { now: at("2026-03-29T08:00:00Z"), zone: "Asia/Beirut", entries: &history, ..scan() };
        assert_table(&input, &[(json!({"==": [{"var": "entries_today"}, 1]}), true)]);
    }

    #[test]
    fn without_any_entry_minutes_are_minus_one_and_the_status_is_absent() {
        let history = [exit("2026-06-10T09:00:00Z")];
        for entries in [&history[..], &[]] {
            let input = RuleInput { entries, ..scan() };
            assert_table(
                &input,
                &[
                    (json!({"==": [{"var": "minutes_since_last_entry"}, -1]}), true),
                    (json!({"==": [{"var": "minutes_since_first_entry"}, -1]}), true),
                    (json!({"==": [{"var": "entry_status"}, "absent"]}), true),
                    (json!({"==": [{"var": "entries_days"}, 0]}), true),
                ],
            );
        }
    }

    #[test]
    fn the_status_is_that_of_the_last_scan_by_time_whatever_the_order_of_the_rows() {
        let present = json!({"==": [{"var": "entry_status"}, "present"]});
        let (come, go) = (entry("2026-06-10T09:00:00Z"), exit("2026-06-10T09:30:00Z"));
        let again = entry("2026-06-10T09:30:00Z");
        for (history, expected) in
            [(vec![come, go], false), (vec![go, come], false), (vec![come, go, again], true), (vec![again, go], false)]
        {
            let input = RuleInput { entries: &history, ..scan() };
            assert_eq!(admits(&present, &input), Ok(expected), "{history:?}");
        }
    }

    #[test]
    fn an_entry_in_the_future_counts_negative_minutes_rounded_down() {
        let history = [entry("2026-06-10T10:00:30Z")];
        let input = RuleInput { entries: &history, ..scan() };
        assert_table(&input, &[(json!({"==": [{"var": "minutes_since_last_entry"}, -1]}), true)]);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let words = prop::sample::select(vec![
            "and",
            "or",
            "<",
            "<=",
            ">",
            ">=",
            "==",
            "!=",
            "inList",
            "isBefore",
            "isAfter",
            "buildTime",
            "objectList",
            "lookup",
            "var",
            "entries_since",
            "entries_before",
            "entries_days_since",
            "entries_days_before",
            "now",
            "now_isoweekday",
            "product",
            "variation",
            "gate",
            "entries_number",
            "entries_today",
            "entries_days",
            "minutes_since_last_entry",
            "minutes_since_first_entry",
            "entry_status",
            "custom",
            "customtime",
            "date_from",
            "date_to",
            "date_admission",
            "14:30",
            "2026-06-10T12:00:00Z",
            "9999-12-31T23:59:59Z",
            "7",
            "present",
            "",
        ]);
        let word = words.prop_map(str::to_owned);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-2_i64..9).prop_map(Value::from),
            word.clone().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 48, 4, move |inner| {
            let key = prop_oneof![9 => word.clone(), 1 => ".{0,6}".prop_map(String::from)];
            let operation = (key, prop::collection::vec(inner.clone(), 0..4)).prop_map(|(k, v)| json!({k: v}));
            prop_oneof![4 => operation, 1 => prop::collection::vec(inner, 0..4).prop_map(Value::from)]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_document_and_no_time_makes_it_panic(json in any_json(), now in any::<i64>(), entered in any::<i64>()) {
            let history = [(UtcMillis(entered), Direction::Entry), (UtcMillis(now), Direction::Exit)];
            let input = RuleInput { now: UtcMillis(now), date_to: Some(UtcMillis(entered)), entries: &history, ..scan() };
            if let Ok(rule) = Rule::parse(&json) {
                let _ = rule.evaluate(&input);
                let _ = rule.explain(&input);
            }
        }
    }
}
