//! What a case says, in words: what happened, what is safe, how it can be closed and how it was. From
//! `assets/office/words/cases/*.toml`, by the words that are stored.

use super::words::fill;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};
use willcall_domain::{paper::Language, sync::Resolution};

/// The words of cases in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseWords {
    pub said: Said,
    pub order: OrderWords,
    /// What a button says.
    ways: BTreeMap<String, String>,
    /// How it was closed.
    endings: BTreeMap<String, String>,
    /// Why a station may not be the one there is.
    doubts: BTreeMap<String, String>,
    /// Why it closed by itself.
    moot: BTreeMap<String, String>,
    kinds: BTreeMap<String, Kind>,
}

/// What stands around cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    pub lead: String,
    pub open: String,
    pub closed: String,
    pub any_device: String,
    pub closed_by: String,
    pub tried: String,
    pub refused: String,
    pub not_that_way: String,
    pub second: String,
    pub still_open: String,
    pub closed_before: String,
    pub note: String,
    pub waits: String,
    pub number: String,
    pub entries: String,
    pub beyond: String,
    pub told: String,
    pub none_closed: String,
    pub none_closed_lead: String,
    other: String,
    other_says: String,
    other_safe: String,
}

/// What an order's page says of its cases, and of erasing who bought it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderWords {
    pub act: String,
    pub title: String,
    pub line_gone: String,
    pub line_stays: String,
    pub line_machines: String,
    pub heading: String,
    pub confirmed: String,
    pub waiting: String,
    pub never: String,
    pub last: String,
    pub cases: String,
    pub open: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    title: String,
    says: String,
    safe: String,
}

/// A kind of case on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub title: &'static str,
    /// What happened.
    pub says: String,
    /// What is safe, and what can be done.
    pub safe: &'static str,
}

/// The words of a language.
#[must_use]
#[expect(clippy::expect_used, reason = "the words are embedded; a test reads every language")]
pub fn of(language: Language) -> &'static CaseWords {
    static ENGLISH: OnceLock<CaseWords> = OnceLock::new();
    static GERMAN: OnceLock<CaseWords> = OnceLock::new();
    let (words, text) = match language {
        Language::En => (&ENGLISH, include_str!("../../../assets/office/words/cases/en.toml")),
        Language::De => (&GERMAN, include_str!("../../../assets/office/words/cases/de.toml")),
    };
    words.get_or_init(|| toml::from_str(text).expect("embedded words are whole: a test reads every language"))
}

impl CaseWords {
    /// A kind of case; one this version has no words for is named.
    #[must_use]
    pub fn kind(&'static self, kind: &str) -> Told {
        match self.kinds.get(kind) {
            Some(found) => Told { title: &found.title, says: found.says.clone(), safe: &found.safe },
            None => Told {
                title: &self.said.other,
                says: fill(&self.said.other_says, &[&kind]),
                safe: &self.said.other_safe,
            },
        }
    }

    /// What the button of a way says.
    #[must_use]
    pub fn way(&'static self, way: Resolution) -> &'static str {
        self.ways.get(way.word()).map_or("", String::as_str)
    }

    /// What a station or the server said: a doubt in words, anything else as it was said.
    #[must_use]
    pub fn why(&'static self, why: &str) -> String {
        self.doubts.get(why).cloned().unwrap_or_else(|| fill(&self.said.told, &[&why]))
    }

    /// How a case was closed: by whom, or why by itself. Closed by an older version, it was seen.
    #[must_use]
    pub fn ending(&'static self, resolution: Option<&str>, person: &str, note: &str) -> String {
        if let (None, Some(moot)) = (resolution, self.moot.get(note)) {
            return moot.clone();
        }
        let word = resolution.unwrap_or("seen");
        let ending = self.endings.get(word).map_or(word, String::as_str);
        if person.is_empty() { ending.to_owned() } else { fill(&self.said.closed_by, &[&ending, &person]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::cases::Moot;
    use willcall_domain::sync::{CaseKind, recognise::Doubt};

    #[test]
    fn every_kind_every_way_and_every_ending_has_words_in_every_language() {
        for language in [Language::En, Language::De] {
            let words = of(language);
            for kind in CaseKind::ALL {
                let found = words.kinds.get(&kind.word()).unwrap_or_else(|| panic!("{kind:?} in {language:?}"));
                assert!(![&found.title, &found.says, &found.safe].iter().any(|text| text.is_empty()), "{kind:?}");
            }
            for way in Resolution::ALL {
                assert!(
                    !words.way(way).is_empty() && words.endings.contains_key(way.word()),
                    "{way:?} in {language:?}"
                );
            }
            for doubt in Doubt::ALL {
                assert!(words.doubts.contains_key(doubt.word()), "{doubt:?} in {language:?}");
            }
            assert_eq!(words.doubts.len(), Doubt::ALL.len(), "words nobody asks for");
            for moot in Moot::ALL {
                assert!(words.moot.contains_key(moot.word()), "{moot:?} in {language:?}");
            }
            assert_eq!(words.kinds.len(), CaseKind::ALL.len(), "words nobody asks for");
        }
    }

    #[test]
    fn sentences_have_the_same_places_in_every_language() {
        let places = |words: &CaseWords| -> Vec<usize> {
            let said = &words.said;
            [
                &said.closed_by,
                &said.tried,
                &said.refused,
                &said.not_that_way,
                &said.second,
                &said.waits,
                &said.number,
                &said.entries,
                &said.beyond,
                &said.told,
                &said.other_says,
            ]
            .map(|text| text.matches("{}").count())
            .to_vec()
        };
        assert_eq!(places(of(Language::En)), places(of(Language::De)));
    }

    #[test]
    fn a_kind_nobody_has_words_for_is_still_shown() {
        let words = of(Language::En);
        assert_eq!(words.kind("excess").title, "Sold beyond the quota");
        assert!(words.kind("brand_new").says.contains("brand_new"));
    }

    #[test]
    fn an_ending_says_who_or_why() {
        let words = of(Language::En);
        assert_eq!(words.ending(Some("leave_out"), "Ines", "asked her"), "Left out by Ines");
        assert!(words.ending(None, "", "filled").contains("missing entries came"));
        assert_eq!(words.ending(None, "", ""), "Seen");
    }
}
