//! Questions put to the holder of a ticket at the door, and what answers can be taken. Owns the spelling in which an answer
//! is kept; not who may read it.

mod draft;

pub use draft::{MOST_OPTIONS, QuestionDraft, QuestionTyped};

use crate::id::{EventId, ItemId, OptionId, QuestionId};
use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Most characters of an answer.
pub const MAX_ANSWER: usize = 4000;
/// Most characters of an answer of one line.
pub const MAX_LINE: usize = 250;

/// What kind of answer a question wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    YesNo,
    /// One line.
    Text,
    /// Several lines.
    Lines,
    /// One of its options.
    Choice,
    /// Any of its options.
    Choices,
    Number,
    Date,
    /// A time of day.
    Time,
    DateTime,
}

impl QuestionKind {
    /// Every kind there is.
    pub const ALL: [Self; 9] = [
        Self::YesNo,
        Self::Text,
        Self::Lines,
        Self::Choice,
        Self::Choices,
        Self::Number,
        Self::Date,
        Self::Time,
        Self::DateTime,
    ];

    /// The word that is stored and sent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::YesNo => "yes_no",
            Self::Text => "text",
            Self::Lines => "lines",
            Self::Choice => "choice",
            Self::Choices => "choices",
            Self::Number => "number",
            Self::Date => "date",
            Self::Time => "time",
            Self::DateTime => "date_time",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether the answer is among options.
    #[must_use]
    pub fn has_options(self) -> bool {
        matches!(self, Self::Choice | Self::Choices)
    }
}

/// One of the answers a question offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuestionOption {
    pub option_id: OptionId,
    pub text: String,
}

/// A question of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct QuestionRow {
    pub question_id: QuestionId,
    pub event_id: EventId,
    pub text: String,
    /// A sentence below it; empty for none.
    pub help: String,
    pub kind: QuestionKind,
    /// Whether nobody enters without an answer. A *yes or no* that is required wants a yes.
    pub required: bool,
    /// Whether the door asks it of who has not answered before.
    pub ask_at_checkin: bool,
    /// The products whose holders are asked.
    pub items: Vec<ItemId>,
    pub options: Vec<QuestionOption>,
    /// Order in which they are asked, ascending.
    pub rank: i32,
    pub active: bool,
    #[ts(type = "number")]
    pub version: i64,
}

/// An answer as it was typed or tapped. Empty is *put, and left open*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AnswerGiven {
    pub question_id: QuestionId,
    /// `true`/`false`; text; an option's number, several with commas between; `3.5`; `2026-06-10`; `14:30`;
    /// `2026-06-10T14:30`.
    pub value: String,
}

/// An answer that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AnswerWrong {
    pub question_id: QuestionId,
    pub why: WrongAnswer,
}

/// Why an answer cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum WrongAnswer {
    #[error("an answer is required")]
    Missing,
    #[error("this must be agreed to")]
    MustAgree,
    #[error("an answer is too long")]
    TooLong,
    #[error("this is neither yes nor no")]
    YesOrNo,
    #[error("this is no number")]
    Number,
    #[error("this is no date")]
    Date,
    #[error("this is no time")]
    Time,
    #[error("this is none of the options")]
    Option,
}

impl QuestionRow {
    /// Whether the door puts it to holders of this product.
    #[must_use]
    pub fn is_asked_of(&self, item: ItemId) -> bool {
        self.active && self.ask_at_checkin && self.items.contains(&item)
    }

    /// The answer as it is kept; empty for one that was left open.
    ///
    /// # Errors
    /// When it cannot be taken for this question.
    pub fn read(&self, typed: &str) -> Result<String, WrongAnswer> {
        let typed = typed.trim();
        if typed.is_empty() {
            return if self.required { Err(WrongAnswer::Missing) } else { Ok(String::new()) };
        }
        let most = if self.kind == QuestionKind::Lines { MAX_ANSWER } else { MAX_LINE };
        if typed.chars().count() > most {
            return Err(WrongAnswer::TooLong);
        }
        match self.kind {
            QuestionKind::YesNo => match typed {
                "true" => Ok(typed.to_owned()),
                "false" if self.required => Err(WrongAnswer::MustAgree),
                "false" => Ok(typed.to_owned()),
                _ => Err(WrongAnswer::YesOrNo),
            },
            QuestionKind::Text => Ok(typed.split_whitespace().collect::<Vec<_>>().join(" ")),
            QuestionKind::Lines => Ok(typed.to_owned()),
            QuestionKind::Choice => self.option(typed).map(|id| id.to_string()),
            QuestionKind::Choices => {
                let mut chosen = typed.split(',').map(|one| self.option(one)).collect::<Result<Vec<_>, _>>()?;
                chosen.sort_unstable();
                chosen.dedup();
                Ok(chosen.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            }
            QuestionKind::Number => number(typed).ok_or(WrongAnswer::Number),
            QuestionKind::Date => typed.parse().map(|date: Date| date.to_string()).map_err(|_| WrongAnswer::Date),
            QuestionKind::Time => {
                typed.parse().map(|time: Time| time.strftime("%H:%M").to_string()).map_err(|_| WrongAnswer::Time)
            }
            QuestionKind::DateTime => typed
                .parse()
                .map(|at: DateTime| at.strftime("%Y-%m-%dT%H:%M").to_string())
                .map_err(|_| WrongAnswer::Date),
        }
    }

    fn option(&self, typed: &str) -> Result<OptionId, WrongAnswer> {
        let id: OptionId = typed.trim().parse().map_err(|_| WrongAnswer::Option)?;
        self.options.iter().any(|option| option.option_id == id).then_some(id).ok_or(WrongAnswer::Option)
    }
}

/// A decimal number, with a point whatever mark was typed; without needless zeros.
fn number(typed: &str) -> Option<String> {
    let text = typed.replace(',', ".");
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    };
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn question(kind: QuestionKind, required: bool) -> QuestionRow {
        QuestionRow {
            question_id: QuestionId(1),
            event_id: EventId(1),
            text: "?".into(),
            help: String::new(),
            kind,
            required,
            ask_at_checkin: true,
            items: vec![ItemId(7)],
            options: [12, 15].map(|id| QuestionOption { option_id: OptionId(id), text: "x".into() }).to_vec(),
            rank: 0,
            active: true,
            version: 1,
        }
    }

    #[test]
    fn every_kind_has_the_word_it_is_sent_by() {
        for kind in QuestionKind::ALL {
            assert_eq!(serde_json::json!(kind), serde_json::json!(kind.as_str()));
            assert_eq!(QuestionKind::of_word(kind.as_str()), Some(kind));
        }
        assert_eq!(QuestionKind::of_word("file"), None);
    }

    #[test]
    fn an_answer_is_kept_in_one_spelling_or_refused_with_its_reason() {
        use QuestionKind::*;
        let table: &[(QuestionKind, &str, Result<&str, WrongAnswer>)] = &[
            (YesNo, " true ", Ok("true")),
            (YesNo, "false", Ok("false")),
            (YesNo, "yes", Err(WrongAnswer::YesOrNo)),
            (Text, "  Halle   4 ", Ok("Halle 4")),
            (Lines, "a\n b", Ok("a\n b")),
            (Choice, "15", Ok("15")),
            (Choice, "16", Err(WrongAnswer::Option)),
            (Choice, "12,15", Err(WrongAnswer::Option)),
            (Choices, "15, 12,15", Ok("12,15")),
            (Choices, "15,", Err(WrongAnswer::Option)),
            (Number, "007,50", Ok("7.5")),
            (Number, "-0,0", Ok("0")),
            (Number, "1e5", Err(WrongAnswer::Number)),
            (Number, ".5", Err(WrongAnswer::Number)),
            (Date, "2026-06-10", Ok("2026-06-10")),
            (Date, "2026-02-30", Err(WrongAnswer::Date)),
            (Time, "14:30", Ok("14:30")),
            (Time, "25:00", Err(WrongAnswer::Time)),
            (DateTime, "2026-06-10T14:30", Ok("2026-06-10T14:30")),
            (DateTime, "2026-06-10T14:30:59", Ok("2026-06-10T14:30")),
            (DateTime, "soon", Err(WrongAnswer::Date)),
        ];
        for (kind, typed, expected) in table {
            let read = question(*kind, false).read(typed);
            assert_eq!(read.as_deref().map_err(|e| *e), *expected, "{kind:?} {typed:?}");
        }
    }

    #[test]
    fn what_is_required_cannot_be_left_open_and_a_required_yes_is_a_yes() {
        for kind in QuestionKind::ALL {
            assert_eq!(question(kind, true).read("  "), Err(WrongAnswer::Missing), "{kind:?}");
            assert_eq!(question(kind, false).read(""), Ok(String::new()), "{kind:?}");
        }
        assert_eq!(question(QuestionKind::YesNo, true).read("false"), Err(WrongAnswer::MustAgree));
        let long = "x".repeat(MAX_LINE + 1);
        assert_eq!(question(QuestionKind::Text, false).read(&long), Err(WrongAnswer::TooLong));
        assert_eq!(question(QuestionKind::Lines, false).read(&long), Ok(long.clone()));
        assert_eq!(question(QuestionKind::Lines, false).read(&"x".repeat(MAX_ANSWER + 1)), Err(WrongAnswer::TooLong));
    }

    #[test]
    fn only_what_is_active_and_for_the_door_is_asked_and_only_of_its_products() {
        let asked = question(QuestionKind::Text, true);
        assert!(asked.is_asked_of(ItemId(7)) && !asked.is_asked_of(ItemId(8)));
        assert!(!QuestionRow { active: false, ..asked.clone() }.is_asked_of(ItemId(7)));
        assert!(!QuestionRow { ask_at_checkin: false, ..asked }.is_asked_of(ItemId(7)));
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_panic_and_what_was_read_reads_the_same_again(
            kind in prop::sample::select(QuestionKind::ALL.to_vec()), typed in ".{0,40}"
        ) {
            let question = question(kind, false);
            if let Ok(read) = question.read(&typed) {
                prop_assert_eq!(question.read(&read), Ok(read));
            }
        }
    }
}
