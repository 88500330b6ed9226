//! The fields of the rule editor, as typed, and the blocks they mean. Nothing typed is lost: what cannot be read is shown
//! again as it was.

use super::super::form::Typed;
use willcall_domain::{
    catalog::draft::{moment, moment_typed},
    checkin::rule::blocks::{Block, Blocks, Condition, Counted, Join, MOST, Order, Thing, When},
    clock::UtcMillis,
};

/// A block as the form shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockTyped {
    pub any: bool,
    pub conditions: Vec<ConditionTyped>,
}

/// A condition as the form shows it; which fields it has, its kind says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConditionTyped {
    /// `product`, `variation`, `gate`, `time`, `number`, `status`.
    pub kind: String,
    pub ids: Vec<i64>,
    pub after: bool,
    /// A kind of [`When`].
    pub when: String,
    /// A date and time, or a time of day.
    pub time: String,
    pub tolerance: String,
    pub counted: String,
    pub order: String,
    pub number: String,
    pub inside: bool,
}

impl ConditionTyped {
    /// A new condition of a kind.
    pub fn new(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            after: true,
            when: "date_admission".to_owned(),
            counted: Counted::Entries.word().to_owned(),
            order: Order::Less.word().to_owned(),
            number: "1".to_owned(),
            ..Self::default()
        }
    }

    pub fn has(&self, id: &i64) -> bool {
        self.ids.contains(id)
    }
}

/// The whole form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleTyped {
    pub any: bool,
    pub blocks: Vec<BlockTyped>,
}

/// Which condition cannot be read: block and condition, from 1.
pub type Unread = (usize, usize);

/// What the form knows of the event.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    pub zone: &'a str,
    /// Numbers and names of products, variations and gates.
    pub things: &'a dyn Fn(Thing) -> Vec<(i64, String)>,
}

impl RuleTyped {
    /// Reads the form; conditions and blocks ticked to be removed are left out.
    pub fn read(typed: &Typed) -> Self {
        let most = i64::try_from(MOST).unwrap_or(0);
        let count = |name: &str| typed.numbers(name).first().copied().unwrap_or(0).clamp(0, most);
        let block = |b: i64| {
            let conditions = (0..count(&format!("b{b}-n"))).filter(|c| !typed.is(&format!("b{b}c{c}-remove")));
            BlockTyped {
                any: typed.text(&format!("b{b}-join")) == "or",
                conditions: conditions.map(|c| condition(typed, &format!("b{b}c{c}-"))).collect(),
            }
        };
        let blocks = (0..count("blocks")).filter(|b| !typed.is(&format!("b{b}-remove")));
        Self { any: typed.text("join") == "or", blocks: blocks.map(block).collect() }
    }

    /// As a rule that is there is shown.
    pub fn of(blocks: &Blocks, zone: &str) -> Self {
        let block = |block: &Block| BlockTyped {
            any: block.join == Join::Any,
            conditions: block.conditions.iter().map(|one| shown(one, zone)).collect(),
        };
        Self { any: blocks.join == Join::Any, blocks: blocks.blocks.iter().map(block).collect() }
    }

    /// What it means.
    ///
    /// # Errors
    /// The first condition that cannot be read.
    pub fn meant(&self, names: Names<'_>) -> Result<Blocks, Unread> {
        let join = |any: bool| if any { Join::Any } else { Join::All };
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (b, block) in (1..).zip(&self.blocks) {
            let read = |(c, one): (usize, &ConditionTyped)| meant(one, names).ok_or((b, c));
            let conditions = (1..).zip(&block.conditions).map(read).collect::<Result<Vec<_>, _>>()?;
            blocks.push(Block { join: join(block.any), conditions });
        }
        Ok(Blocks { join: join(self.any), blocks })
    }
}

fn condition(typed: &Typed, at: &str) -> ConditionTyped {
    let of = |field: &str| typed.text(&format!("{at}{field}")).to_owned();
    ConditionTyped {
        kind: of("kind"),
        ids: typed.numbers(&format!("{at}ids")),
        after: of("side") != "before",
        when: of("when"),
        time: of("time"),
        tolerance: of("tolerance"),
        counted: of("counted"),
        order: of("order"),
        number: of("number"),
        inside: of("status") != "absent",
    }
}

fn meant(typed: &ConditionTyped, names: Names<'_>) -> Option<Condition> {
    let thing = Thing::ALL.into_iter().find(|thing| thing.word() == typed.kind);
    if let Some(what) = thing {
        let of: Vec<(i64, String)> = (names.things)(what).into_iter().filter(|(id, _)| typed.has(id)).collect();
        return (!of.is_empty()).then_some(Condition::OneOf { what, of });
    }
    match typed.kind.as_str() {
        "time" => {
            let tolerance = typed.tolerance.trim();
            let tolerance_min =
                if tolerance.is_empty() { 0 } else { tolerance.parse().ok().filter(|t| (0..=10_000).contains(t))? };
            let when = match typed.when.as_str() {
                "custom" => When::At(instant(&typed.time, names.zone)?),
                "customtime" => When::TimeOfDay(clock(&typed.time)?),
                other => When::of(other, "")?,
            };
            Some(Condition::Time { after: typed.after, when, tolerance_min })
        }
        "number" => Some(Condition::Number {
            what: Counted::ALL.into_iter().find(|counted| counted.word() == typed.counted)?,
            order: Order::ALL.into_iter().find(|order| order.word() == typed.order)?,
            number: typed.number.trim().parse().ok().filter(|n| (-1..=1_000_000).contains(n))?,
        }),
        "status" => Some(Condition::Inside(typed.inside)),
        _ => None,
    }
}

fn instant(typed: &str, zone: &str) -> Option<String> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = moment(typed, &zone).ok()?;
    Some(at.in_zone("UTC").strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn clock(typed: &str) -> Option<String> {
    let time: jiff::civil::Time = typed.trim().parse().ok()?;
    Some(time.strftime("%H:%M").to_string())
}

fn shown(condition: &Condition, zone: &str) -> ConditionTyped {
    match condition {
        Condition::OneOf { what, of } => {
            ConditionTyped { ids: of.iter().map(|(id, _)| *id).collect(), ..ConditionTyped::new(what.word()) }
        }
        Condition::Time { after, when, tolerance_min } => ConditionTyped {
            after: *after,
            when: when.word().to_owned(),
            time: match when {
                When::At(at) => UtcMillis::parse(at).map(|at| moment_typed(at, zone)).unwrap_or_else(|_| at.clone()),
                When::TimeOfDay(time) => time.clone(),
                When::DateFrom | When::DateTo | When::DateAdmission => String::new(),
            },
            tolerance: if *tolerance_min == 0 { String::new() } else { tolerance_min.to_string() },
            ..ConditionTyped::new("time")
        },
        Condition::Number { what, order, number } => ConditionTyped {
            counted: what.word().to_owned(),
            order: order.word().to_owned(),
            number: number.to_string(),
            ..ConditionTyped::new("number")
        },
        Condition::Inside(inside) => ConditionTyped { inside: *inside, ..ConditionTyped::new("status") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "Europe/Berlin";

    fn things(what: Thing) -> Vec<(i64, String)> {
        match what {
            Thing::Product => vec![(7, "Adult".into()), (8, "Child".into())],
            Thing::Variation => Vec::new(),
            Thing::Gate => vec![(3, "North".into())],
        }
    }

    #[test]
    fn what_is_typed_is_a_rule_and_is_shown_again_as_typed() {
        let typed = Typed::of(
            [
                ("join", "or"),
                ("blocks", "2"),
                ("b0-join", "and"),
                ("b0-n", "2"),
                ("b0c0-kind", "product"),
                ("b0c0-ids", "8"),
                ("b0c1-kind", "time"),
                ("b0c1-side", "after"),
                ("b0c1-when", "custom"),
                ("b0c1-time", "2026-07-04T18:00"),
                ("b0c1-tolerance", "10"),
                ("b1-join", "or"),
                ("b1-n", "1"),
                ("b1c0-kind", "gate"),
                ("b1c0-ids", "3"),
            ]
            .map(|(name, value)| (name, value.to_owned())),
        );
        let read = RuleTyped::read(&typed);
        let blocks = read.meant(Names { zone: ZONE, things: &things }).unwrap();
        let when = When::At("2026-07-04T16:00:00Z".into());
        assert_eq!(blocks.blocks[0].conditions[1], Condition::Time { after: true, when, tolerance_min: 10 });
        assert_eq!(
            blocks.blocks[1].conditions[0],
            Condition::OneOf { what: Thing::Gate, of: vec![(3, "North".into())] }
        );
        assert_eq!(RuleTyped::of(&blocks, ZONE).meant(Names { zone: ZONE, things: &things }), Ok(blocks));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_place() {
        let with = |change: fn(&mut ConditionTyped), kind: &str| {
            let mut condition = ConditionTyped::new(kind);
            change(&mut condition);
            let fine = BlockTyped { any: false, conditions: vec![ConditionTyped::new("status")] };
            let block = BlockTyped { any: false, conditions: vec![ConditionTyped::new("number"), condition] };
            let rule = RuleTyped { any: false, blocks: vec![fine, block] };
            rule.meant(Names { zone: ZONE, things: &things }).map(|_| ())
        };
        for (change, kind) in [
            ((|c| c.when = "custom".into()) as fn(&mut ConditionTyped), "time"),
            (|c| (c.when, c.time) = ("customtime".into(), "25:00".into()), "time"),
            (|c| c.tolerance = "-1".into(), "time"),
            (|c| c.number = "many".into(), "number"),
            (|c| c.order = "~".into(), "number"),
            (|c| c.ids = vec![99], "product"),
            (|_| (), "weather"),
        ] {
            assert_eq!(with(change, kind), Err((2, 2)), "{kind}");
        }
        assert_eq!(with(|c| c.ids = vec![7], "product"), Ok(()));
    }
}
