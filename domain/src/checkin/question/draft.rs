//! A question as an organizer types it.

use super::QuestionKind;
use crate::{
    catalog::draft::{FieldError, MAX_NAME, Wrong, name, text},
    id::ItemId,
};

/// The most options of a question.
pub const MOST_OPTIONS: usize = 100;
/// Ranks there are.
const RANKS: (i64, i64) = (-9_999, 9_999);

/// A question as it will be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionDraft {
    pub text: String,
    /// A sentence below it; empty for none.
    pub help: String,
    pub kind: QuestionKind,
    pub required: bool,
    pub ask_at_checkin: bool,
    /// The products whose holders are asked, ascending.
    pub items: Vec<ItemId>,
    /// Answers it offers, each once; none where its kind has none.
    pub options: Vec<String>,
    pub rank: i32,
    pub active: bool,
}

/// A question as typed; each field as the form sends it.
#[derive(Debug, Clone, Default)]
pub struct QuestionTyped<'a> {
    pub text: &'a str,
    pub help: &'a str,
    pub kind: &'a str,
    pub required: bool,
    pub ask_at_checkin: bool,
    pub items: Vec<ItemId>,
    /// One a line.
    pub options: &'a str,
    pub rank: &'a str,
    pub active: bool,
}

impl QuestionTyped<'_> {
    /// # Errors
    /// Every field that is not right, in the order of the form.
    pub fn read(&self) -> Result<QuestionDraft, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let asked = name(self.text).map_err(|error| wrong.push(("text", error))).unwrap_or_default();
        let help = text(self.help, MAX_NAME).map_err(|error| wrong.push(("help", error))).unwrap_or_default();
        let kind = QuestionKind::of_word(self.kind);
        if kind.is_none() {
            wrong.push(("kind", FieldError::Choice));
        }
        let options = match kind {
            Some(kind) if kind.has_options() => {
                self.options().map_err(|error| wrong.push(("options", error))).unwrap_or_default()
            }
            Some(_) | None => Vec::new(),
        };
        if self.items.is_empty() {
            wrong.push(("items", FieldError::NoneChosen));
        }
        let rank = self.rank().map_err(|error| wrong.push(("rank", error))).unwrap_or_default();
        match kind {
            Some(kind) if wrong.is_empty() => {
                let mut items = self.items.clone();
                items.sort_unstable();
                items.dedup();
                Ok(QuestionDraft {
                    text: asked,
                    help,
                    kind,
                    required: self.required,
                    ask_at_checkin: self.ask_at_checkin,
                    items,
                    options,
                    rank,
                    active: self.active,
                })
            }
            Some(_) | None => Err(wrong),
        }
    }

    fn options(&self) -> Result<Vec<String>, FieldError> {
        let mut options: Vec<String> = Vec::new();
        for line in self.options.lines().filter(|line| !line.trim().is_empty()) {
            let option = name(line)?;
            if options.contains(&option) {
                return Err(FieldError::Taken);
            }
            options.push(option);
        }
        match options.len() {
            0 | 1 => Err(FieldError::NoneChosen),
            2..=MOST_OPTIONS => Ok(options),
            _ => Err(FieldError::TooLong { max: MOST_OPTIONS }),
        }
    }

    fn rank(&self) -> Result<i32, FieldError> {
        let (min, max) = RANKS;
        let rank = if self.rank.trim().is_empty() { Some(0) } else { self.rank.trim().parse::<i64>().ok() };
        rank.filter(|rank| (min..=max).contains(rank))
            .and_then(|rank| i32::try_from(rank).ok())
            .ok_or(FieldError::Number { min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> QuestionTyped<'static> {
        QuestionTyped {
            text: " Which   meal? ",
            kind: "choice",
            items: vec![ItemId(8), ItemId(7), ItemId(8)],
            options: "Meat\n\n Vegan  dish \nNone",
            rank: "10",
            ask_at_checkin: true,
            active: true,
            ..QuestionTyped::default()
        }
    }

    #[test]
    fn a_question_is_read_with_its_options_one_a_line() {
        let draft = typed().read().unwrap();
        assert_eq!((draft.text.as_str(), draft.rank), ("Which meal?", 10));
        assert_eq!(draft.options, ["Meat", "Vegan dish", "None"]);
        assert_eq!(draft.items, [ItemId(7), ItemId(8)]);
        let open = QuestionTyped { kind: "text", ..typed() }.read().unwrap();
        assert_eq!(open.options, Vec::<String>::new(), "an open question offers nothing");
    }

    #[test]
    fn whatever_is_wrong_is_said_beside_its_field() {
        let fields = |typed: QuestionTyped<'_>| -> Vec<&str> {
            typed.read().map_or_else(|wrong| wrong.into_iter().map(|(field, _)| field).collect(), |_| Vec::new())
        };
        assert_eq!(fields(QuestionTyped::default()), ["text", "kind", "items"]);
        assert_eq!(fields(QuestionTyped { options: "One", ..typed() }), ["options"], "one is no choice");
        assert_eq!(fields(QuestionTyped { options: "One\nTwo\nOne", ..typed() }), ["options"]);
        assert_eq!(fields(QuestionTyped { rank: "10000", ..typed() }), ["rank"]);
        let many: String = (0..=MOST_OPTIONS).map(|n| format!("{n}\n")).collect();
        assert_eq!(fields(QuestionTyped { options: &many, ..typed() }), ["options"]);
    }
}
