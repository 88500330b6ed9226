//! A rule and a verdict in words.

use super::super::{door_words::DoorWords, format, words::fill};
use willcall_domain::{
    checkin::{
        Reason,
        rule::{
            Term,
            blocks::{Block, Blocks, Condition, Join, When},
        },
    },
    clock::UtcMillis,
    paper::Language,
};

/// In which words, and on whose clock.
#[derive(Clone, Copy)]
pub struct Tongue<'a> {
    pub words: &'static DoorWords,
    pub language: Language,
    pub zone: &'a str,
}

impl Tongue<'_> {
    /// A rule as sentences: one a block.
    pub fn rule(&self, rule: &Blocks) -> Vec<String> {
        let blocks: Vec<&Block> = rule.blocks.iter().filter(|block| !block.conditions.is_empty()).collect();
        let last = blocks.len().saturating_sub(1);
        let join = if rule.join == Join::Any { self.words.t("or_else") } else { self.words.t("and_also") };
        let said = |(nth, block): (usize, &&Block)| {
            let sentence = self.block(block);
            if nth < last { format!("{sentence} – {join}") } else { sentence }
        };
        blocks.iter().enumerate().map(said).collect()
    }

    fn block(&self, block: &Block) -> String {
        let join = format!(" {} ", if block.join == Join::Any { self.words.t("or") } else { self.words.t("and") });
        block.conditions.iter().map(|one| self.condition(one)).collect::<Vec<_>>().join(&join)
    }

    fn condition(&self, condition: &Condition) -> String {
        let words = self.words;
        match condition {
            Condition::OneOf { what, of } => {
                let names: Vec<&str> = of.iter().map(|(_, name)| name.as_str()).collect();
                let or = format!(" {} ", words.t("or"));
                fill(words.of("says", what.word()), &[&names.join(&or)])
            }
            Condition::Time { after, when, tolerance_min } => {
                let when = match when {
                    When::At(at) => UtcMillis::parse(at).map_or_else(|_| at.clone(), |at| self.moment(at)),
                    When::TimeOfDay(time) => time.clone(),
                    When::DateFrom | When::DateTo | When::DateAdmission => words.of("when", when.word()).to_owned(),
                };
                let said = fill(if *after { words.t("says_after") } else { words.t("says_before") }, &[&when]);
                if *tolerance_min == 0 { said } else { fill(words.t("says_tolerance"), &[&said, tolerance_min]) }
            }
            Condition::Number { what, order, number } => {
                let what = words.of("counted", what.word());
                format!("{what} {} {number}", words.of("order", order.word()))
            }
            Condition::Inside(true) => words.t("says_inside").to_owned(),
            Condition::Inside(false) => words.t("says_outside").to_owned(),
        }
    }

    fn moment(&self, at: UtcMillis) -> String {
        format::moment(at, self.zone, self.language)
    }

    /// Why not, in one word of the house.
    pub fn reason(&self, reason: Reason) -> String {
        let word = serde_json::to_value(reason).ok().and_then(|word| word.as_str().map(str::to_owned));
        let word = word.unwrap_or_default();
        self.words.of("reason", &word).to_owned()
    }

    /// One obstacle on the nearest way in.
    pub fn term(&self, term: &Term) -> String {
        let words = self.words;
        let days = super::super::words::of(self.language).weekdays.split(' ').collect::<Vec<_>>();
        match term {
            Term::NotBefore(at) => fill(words.t("term_from"), &[&self.moment(*at)]),
            Term::NotAfter(at) => fill(words.t("term_until"), &[&self.moment(*at)]),
            Term::Weekday(allowed) => {
                let named = allowed.iter().filter_map(|day| days.get(usize::from(*day).checked_sub(1)?).copied());
                fill(words.t("term_weekday"), &[&named.collect::<Vec<_>>().join(", ")])
            }
            Term::AtGate(gates) => fill(words.t("term_gate"), &[&gates.join(", ")]),
            Term::NotAtGate(gates) => fill(words.t("term_not_gate"), &[&gates.join(", ")]),
            Term::Product => words.t("term_product").to_owned(),
            Term::EntriesExceeded { limit, .. } => fill(words.t("term_exceeded"), &[limit]),
            Term::EntriesMissing { minimum, .. } => fill(words.t("term_missing"), &[minimum]),
            Term::Entries { .. } => words.t("term_entries").to_owned(),
            Term::Status(_) => words.t("term_status").to_owned(),
        }
    }
}
