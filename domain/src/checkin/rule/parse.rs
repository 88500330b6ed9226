//! JSON → [`Rule`]. Owns the grammar and its limits; what is read here can be evaluated without looking at JSON again.

use super::{
    Count, Logic, MAX_DEPTH, MAX_NODES, Model, Moment, Operand, Order, Rule, RuleError, Scalar, Test, Variable,
};
use crate::clock::UtcMillis;
use serde_json::{Map, Value};

/// A tolerance above this many minutes (about two millennia) is a mistake.
const MAX_TOLERANCE_MIN: f64 = 1e9;

impl Rule {
    /// Reads a rule. `null`, `{}` and a top-level `and`/`or` without operands are the rule that admits everybody.
    ///
    /// # Errors
    /// When the document is not of the language, or too deep or too large.
    pub fn parse(json: &Value) -> Result<Self, RuleError> {
        let mut reader = Reader { nodes: 0 };
        if json.is_null() || json.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(Self(Logic::Always(true)));
        }
        let logic = reader.logic(json, 0)?;
        let empty = matches!(&logic, Logic::All(parts) | Logic::Any(parts) if parts.is_empty());
        Ok(Self(if empty { Logic::Always(true) } else { logic }))
    }
}

struct Reader {
    nodes: usize,
}

impl Reader {
    fn count(&mut self, depth: usize) -> Result<(), RuleError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(RuleError::TooLarge);
        }
        if depth > MAX_DEPTH {
            return Err(RuleError::TooDeep);
        }
        Ok(())
    }

    fn logic(&mut self, json: &Value, depth: usize) -> Result<Logic, RuleError> {
        self.count(depth)?;
        if let Value::Bool(fixed) = json {
            return Ok(Logic::Always(*fixed));
        }
        let (operator, operands) = operation(json)?;
        match operator {
            "and" => Ok(Logic::All(self.all(operands, depth)?)),
            "or" => Ok(Logic::Any(self.all(operands, depth)?)),
            "<" => self.compare(Order::Less, operator, operands),
            "<=" => self.compare(Order::LessOrEqual, operator, operands),
            ">" => self.compare(Order::Greater, operator, operands),
            ">=" => self.compare(Order::GreaterOrEqual, operator, operands),
            "==" => self.compare(Order::Equal, operator, operands),
            "!=" => self.compare(Order::NotEqual, operator, operands),
            "inList" => self.in_list(operands),
            "isBefore" | "isAfter" => self.before(operator, operands),
            "buildTime"
            | "objectList"
            | "lookup"
            | "var"
            | "entries_since"
            | "entries_before"
            | "entries_days_since"
            | "entries_days_before" => {
                Err(RuleError::Misplaced { operator: operator.to_owned(), expected: "a comparison, \"and\" or \"or\"" })
            }
            _ => Err(RuleError::UnknownOperator(clip(operator))),
        }
    }

    fn all(&mut self, operands: &[Value], depth: usize) -> Result<Vec<Logic>, RuleError> {
        operands.iter().map(|o| self.logic(o, depth + 1)).collect()
    }

    fn compare(&mut self, order: Order, operator: &str, operands: &[Value]) -> Result<Logic, RuleError> {
        let chain = matches!(order, Order::Less | Order::LessOrEqual);
        if operands.len() < 2 || (operands.len() > 2 && !chain) {
            return Err(takes(operator, if chain { "two values or more" } else { "two values" }));
        }
        let operands = operands.iter().map(|o| self.operand(o)).collect::<Result<_, _>>()?;
        Ok(Logic::Test(Test::Compare { order, operands }))
    }

    fn in_list(&mut self, operands: &[Value]) -> Result<Logic, RuleError> {
        let wrong = || takes("inList", "a value and an objectList");
        let [what, list] = operands else { return Err(wrong()) };
        let what = self.operand(what)?;
        let entries = match list {
            Value::Array(entries) => entries.as_slice(),
            Value::Object(_) => match operation(list)? {
                ("objectList", entries) => entries,
                _ => return Err(wrong()),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(wrong()),
        };
        let list = entries.iter().map(|e| self.operand(e)).collect::<Result<_, _>>()?;
        Ok(Logic::Test(Test::InList { what, list }))
    }

    fn before(&mut self, operator: &str, operands: &[Value]) -> Result<Logic, RuleError> {
        let (first, second, tolerance) = match operands {
            [first, second] => (first, second, &Value::Null),
            [first, second, tolerance] => (first, second, tolerance),
            _ => return Err(takes(operator, "two times and a tolerance in minutes")),
        };
        let (first, second) = (self.moment(first)?, self.moment(second)?);
        let (earlier, later) = if operator == "isBefore" { (first, second) } else { (second, first) };
        Ok(Logic::Test(Test::Before { earlier, later, tolerance_ms: tolerance_ms(tolerance)? }))
    }

    fn operand(&mut self, json: &Value) -> Result<Operand, RuleError> {
        self.count(0)?;
        Ok(match json {
            Value::Null => Operand::Literal(Scalar::Null),
            Value::Bool(b) => Operand::Literal(Scalar::Bool(*b)),
            Value::Number(n) => Operand::Literal(number(n)),
            Value::String(text) => Operand::Literal(Scalar::Text(text.clone())),
            Value::Array(_) => return Err(RuleError::Shape("a list".to_owned())),
            Value::Object(_) => self.expression(json)?,
        })
    }

    fn expression(&mut self, json: &Value) -> Result<Operand, RuleError> {
        let (operator, operands) = operation(json)?;
        let count = |count| Ok(Operand::Variable(Variable::Count(count)));
        match operator {
            "var" => variable(operands),
            "lookup" => lookup(operands),
            "buildTime" => Ok(Operand::Moment(build_time(operands)?)),
            "entries_since" => count(Count::Since(self.only_moment(operator, operands)?)),
            "entries_before" => count(Count::Before(self.only_moment(operator, operands)?)),
            "entries_days_since" => count(Count::DaysSince(self.only_moment(operator, operands)?)),
            "entries_days_before" => count(Count::DaysBefore(self.only_moment(operator, operands)?)),
            "objectList" | "and" | "or" | "<" | "<=" | ">" | ">=" | "==" | "!=" | "inList" | "isBefore" | "isAfter" => {
                Err(RuleError::Misplaced { operator: operator.to_owned(), expected: "a value" })
            }
            _ => Err(RuleError::UnknownOperator(clip(operator))),
        }
    }

    fn only_moment(&mut self, operator: &str, operands: &[Value]) -> Result<Moment, RuleError> {
        let [moment] = operands else { return Err(takes(operator, "one time")) };
        self.moment(moment)
    }

    /// A time stands in no need of other expressions, so this does not nest.
    fn moment(&mut self, json: &Value) -> Result<Moment, RuleError> {
        self.count(0)?;
        let found = match operation(json) {
            Ok(("buildTime", operands)) => Some(build_time(operands)?),
            Ok(("var", operands)) => match variable(operands)? {
                Operand::Moment(moment) => Some(moment),
                Operand::Literal(_) | Operand::Lookup { .. } | Operand::Variable(_) => None,
            },
            _ => None,
        };
        found.ok_or_else(|| RuleError::Time(clip(&json.to_string())))
    }
}

/// The one operator of an object and its operands; a single operand may stand without its list.
fn operation(json: &Value) -> Result<(&str, &[Value]), RuleError> {
    let shape = || RuleError::Shape(clip(&kind(json)));
    let Value::Object(map) = json else { return Err(shape()) };
    let mut keys = map.iter();
    let (Some((operator, operands)), None) = (keys.next(), keys.next()) else { return Err(shape()) };
    let operands = operands.as_array().map_or_else(|| std::slice::from_ref(operands), Vec::as_slice);
    Ok((operator, operands))
}

fn kind(json: &Value) -> String {
    match json {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Number(n) => format!("the number {n}"),
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(map) => names(map),
    }
}

fn names(map: &Map<String, Value>) -> String {
    let shown: Vec<&str> = map.keys().take(4).map(String::as_str).collect();
    format!("an object with {} keys ({})", map.len(), shown.join(", "))
}

fn number(n: &serde_json::Number) -> Scalar {
    n.as_i64().map_or_else(|| Scalar::Float(n.as_f64().unwrap_or(f64::NAN)), Scalar::Int)
}

fn variable(operands: &[Value]) -> Result<Operand, RuleError> {
    // A second operand is the default for data that is missing; no variable of this language ever is.
    let ([Value::String(name)] | [Value::String(name), _]) = operands else {
        return Err(takes("var", "the name of a variable"));
    };
    Ok(Operand::Variable(match name.as_str() {
        "now" => return Ok(Operand::Moment(Moment::Now)),
        "now_isoweekday" => Variable::Weekday,
        "product" => Variable::Product,
        "variation" => Variable::Variation,
        "gate" => Variable::Gate,
        "entry_status" => Variable::EntryStatus,
        "entries_number" => Variable::Count(Count::Entries),
        "entries_today" => Variable::Count(Count::EntriesToday),
        "entries_days" => Variable::Count(Count::Days),
        "minutes_since_last_entry" => Variable::Count(Count::MinutesSinceLast),
        "minutes_since_first_entry" => Variable::Count(Count::MinutesSinceFirst),
        _ => return Err(RuleError::UnknownVariable(clip(&format!("{name:?}")))),
    }))
}

fn lookup(operands: &[Value]) -> Result<Operand, RuleError> {
    let ([model, id] | [model, id, _]) = operands else { return Err(takes("lookup", "a model, an id and a label")) };
    let model = match model.as_str() {
        Some("product") => Model::Product,
        Some("variation") => Model::Variation,
        Some("gate") => Model::Gate,
        Some(_) | None => return Err(RuleError::Model(clip(&model.to_string()))),
    };
    let number = match id {
        Value::Number(n) => n.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let id = number.ok_or_else(|| RuleError::Id(clip(&id.to_string())))?;
    let label = operands.get(2).and_then(Value::as_str).map(str::to_owned);
    Ok(Operand::Lookup { model, id, label })
}

fn build_time(operands: &[Value]) -> Result<Moment, RuleError> {
    let wrong = || RuleError::Time(clip(&Value::Array(operands.iter().take(2).cloned().collect()).to_string()));
    let kind = operands.first().and_then(Value::as_str).ok_or_else(wrong)?;
    let value = operands.get(1).and_then(Value::as_str);
    match kind {
        "custom" => value.and_then(|v| UtcMillis::parse(v).ok()).map(Moment::At).ok_or_else(wrong),
        "customtime" => value.and_then(time_of_day).map(Moment::TimeOfDay).ok_or_else(wrong),
        "date_from" => Ok(Moment::DateFrom),
        "date_to" => Ok(Moment::DateTo),
        "date_admission" => Ok(Moment::DateAdmission),
        _ => Err(wrong()),
    }
}

/// `9:30`, `09:30`, `09:30:15`, `09:30:15.5`.
fn time_of_day(text: &str) -> Option<jiff::civil::Time> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |part: &str, most: usize| {
        (!part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit())).then_some(())
    };
    let parts: Vec<i8> = clock.split(':').map(|p| digits(p, 2).and_then(|()| p.parse().ok())).collect::<Option<_>>()?;
    let (hour, minute, second) = match (parts.as_slice(), fraction) {
        (&[hour, minute], "") => (hour, minute, 0),
        (&[hour, minute, second], _) => (hour, minute, second),
        _ => return None,
    };
    let nanosecond = if fraction.is_empty() {
        0
    } else {
        digits(fraction, 9)?;
        format!("{fraction:0<9}").parse().ok()?
    };
    jiff::civil::Time::new(hour, minute, second, nanosecond).ok()
}

fn tolerance_ms(json: &Value) -> Result<i64, RuleError> {
    let wrong = || RuleError::Tolerance(clip(&json.to_string()));
    let minutes = match json {
        Value::Null | Value::Bool(false) => 0.0,
        Value::Number(n) => n.as_f64().ok_or_else(wrong)?,
        Value::String(text) if text.is_empty() => 0.0,
        Value::String(text) => text.trim().parse().map_err(|_| wrong())?,
        Value::Bool(true) | Value::Array(_) | Value::Object(_) => return Err(wrong()),
    };
    if !minutes.is_finite() || minutes.abs() > MAX_TOLERANCE_MIN {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded above to far less than an i64 holds")]
    Ok((minutes * 60_000.0).round() as i64)
}

fn takes(operator: &str, expected: &'static str) -> RuleError {
    RuleError::Operands { operator: operator.to_owned(), expected }
}

/// What somebody wrote, short enough to be quoted in a sentence.
fn clip(text: &str) -> String {
    if text.chars().count() <= 80 { text.to_owned() } else { text.chars().take(79).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_rule_admits_everybody() {
        for none in [json!(null), json!({}), json!({"and": []}), json!({"or": []}), json!(true)] {
            assert_eq!(Rule::parse(&none), Ok(Rule(Logic::Always(true))), "{none}");
        }
    }

    #[test]
    fn an_empty_or_is_no_rule_only_at_the_top() {
        let nested = Rule::parse(&json!({"and": [{"or": []}]})).unwrap();
        assert_eq!(nested, Rule(Logic::All(vec![Logic::Any(vec![])])));
    }

    #[test]
    fn what_is_not_of_the_language_is_refused_in_words() {
        let table = [
            (json!(3), "a rule is one object with exactly one operator, not the number 3"),
            (json!([]), "a rule is one object with exactly one operator, not a list"),
            (
                json!({"and": [], "or": []}),
                "a rule is one object with exactly one operator, not an object with 2 keys (and, or)",
            ),
            (json!({"and": [{}]}), "a rule is one object with exactly one operator, not an object with 0 keys ()"),
            (json!({"if": [1, 2]}), "the rule language has no operator \"if\""),
            (json!({"+": [1, 2]}), "the rule language has no operator \"+\""),
            (json!({"==": [{"var": "password"}, 1]}), "the rule language has no variable \"password\""),
            (json!({"==": [{"var": ""}, 1]}), "the rule language has no variable \"\""),
            (json!({"==": [{"var": 3}, 1]}), "\"var\" takes the name of a variable"),
            (json!({"var": "product"}), "\"var\" cannot stand here; a comparison, \"and\" or \"or\" can"),
            (json!({"==": [{"and": []}, 1]}), "\"and\" cannot stand here; a value can"),
            (json!({"==": [1]}), "\"==\" takes two values"),
            (json!({">": [3, 2, 1]}), "\">\" takes two values"),
            (json!({"<": [1]}), "\"<\" takes two values or more"),
            (json!({"inList": [1]}), "\"inList\" takes a value and an objectList"),
            (json!({"inList": [1, "12"]}), "\"inList\" takes a value and an objectList"),
            (json!({"==": [[1], 1]}), "a rule is one object with exactly one operator, not a list"),
            (json!({"isAfter": [{"var": "now"}]}), "\"isAfter\" takes two times and a tolerance in minutes"),
            (
                json!({"isAfter": [{"var": "product"}, {"var": "now"}]}),
                "{\"var\":\"product\"} is no time this rule can use",
            ),
            (
                json!({"isAfter": [{"var": "now"}, {"buildTime": ["custom", "2026-06-10T12:00:00"]}]}),
                "[\"custom\",\"2026-06-10T12:00:00\"] is no time this rule can use",
            ),
            (
                json!({"isAfter": [{"var": "now"}, {"buildTime": ["customtime", "24:00"]}]}),
                "[\"customtime\",\"24:00\"] is no time this rule can use",
            ),
            (
                json!({"isAfter": [{"var": "now"}, {"buildTime": ["doors"]}]}),
                "[\"doors\"] is no time this rule can use",
            ),
            (json!({"isAfter": [{"var": "now"}, {"var": "now"}, "soon"]}), "\"soon\" is no tolerance in minutes"),
            (json!({"isAfter": [{"var": "now"}, {"var": "now"}, "inf"]}), "\"inf\" is no tolerance in minutes"),
            (
                json!({"==": [{"var": "gate"}, {"lookup": ["gate", "north", "North"]}]}),
                "\"north\" is no number of a product, variation or gate",
            ),
            (json!({"==": [1, {"lookup": ["seat", 1, "A"]}]}), "the rule language looks up no \"seat\""),
            (json!({"<": [{"entries_since": []}, 1]}), "\"entries_since\" takes one time"),
        ];
        for (rule, sentence) in table {
            assert_eq!(Rule::parse(&rule).unwrap_err().to_string(), sentence, "{rule}");
        }
    }

    #[test]
    fn a_quoted_mistake_is_cut_to_a_sentence() {
        let error = Rule::parse(&json!({"x".repeat(10_000): []})).unwrap_err().to_string();
        assert!(error.chars().count() < 200, "{error}");
    }

    #[test]
    fn a_single_operand_needs_no_list() {
        let short = json!({"and": {"<": [{"entries_since": {"buildTime": "date_from"}}, 1]}});
        let long = json!({"and": [{"<": [{"entries_since": [{"buildTime": ["date_from"]}]}, 1]}]});
        assert_eq!(Rule::parse(&short).unwrap(), Rule::parse(&long).unwrap());
    }

    #[test]
    fn a_time_of_day_is_read_with_or_without_seconds() {
        for (text, expected) in [
            ("9:30", Some((9, 30, 0, 0))),
            ("09:30", Some((9, 30, 0, 0))),
            ("23:59:59", Some((23, 59, 59, 0))),
            ("23:59:59.5", Some((23, 59, 59, 500_000_000))),
            ("", None),
            ("9", None),
            ("9:30.5", None),
            ("9:60", None),
            ("-9:30", None),
            ("009:30", None),
            ("9:30:00:00", None),
            ("9:30:00.0000000001", None),
        ] {
            let expected = expected.map(|(h, m, s, n)| jiff::civil::Time::new(h, m, s, n).unwrap());
            assert_eq!(time_of_day(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nest = |depth: usize| (0..depth).fold(json!(true), |inner, _| json!({"and": [inner]}));
        assert!(Rule::parse(&nest(MAX_DEPTH)).is_ok());
        assert_eq!(Rule::parse(&nest(MAX_DEPTH + 1)), Err(RuleError::TooDeep));
    }

    #[test]
    fn size_is_limited() {
        let list = |n: usize| json!({"inList": [{"var": "product"}, {"objectList": vec![1; n]}]});
        assert!(Rule::parse(&list(MAX_NODES - 2)).is_ok(), "the test and the variable are parts, too");
        assert_eq!(Rule::parse(&list(MAX_NODES - 1)), Err(RuleError::TooLarge));
    }
}
