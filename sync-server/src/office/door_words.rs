//! The words of the pages that set up doors, from `assets/office/words/door/*.toml`: sentences by their key, and what was
//! done by the word that is stored. A test finds every key that pages ask for.

use serde::Deserialize;
use std::{collections::BTreeMap, sync::OnceLock};
use willcall_domain::paper::Language;

/// The words in one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorWords {
    text: BTreeMap<String, String>,
    deeds: BTreeMap<String, String>,
}

/// The words of a language.
#[must_use]
#[expect(clippy::expect_used, reason = "the words are embedded; a test reads every language")]
pub fn of(language: Language) -> &'static DoorWords {
    static ENGLISH: OnceLock<DoorWords> = OnceLock::new();
    static GERMAN: OnceLock<DoorWords> = OnceLock::new();
    let (words, text) = match language {
        Language::En => (&ENGLISH, include_str!("../../../assets/office/words/door/en.toml")),
        Language::De => (&GERMAN, include_str!("../../../assets/office/words/door/de.toml")),
    };
    words.get_or_init(|| toml::from_str(text).expect("embedded words are whole: a test reads every language"))
}

impl DoorWords {
    /// The sentence of a key; one that is not there is shown as it is.
    #[must_use]
    pub fn t<'a>(&'a self, key: &'a str) -> &'a str {
        self.text.get(key).map_or(key, String::as_str)
    }

    /// What was done, in words; `None` for a deed of another version.
    #[must_use]
    pub fn deed_of(&self, word: &str) -> Option<&str> {
        self.deeds.get(word).map(String::as_str)
    }

    /// What a field of a change is called; one of another version as it is stored.
    #[must_use]
    pub fn field<'a>(&'a self, field: &'a str) -> &'a str {
        self.text.get(&format!("field.{field}")).map_or(field, String::as_str)
    }

    /// The sentence of a stored word: of `kind` and `yes_no`, that of `kind.yes_no`.
    #[must_use]
    pub fn of<'a>(&'a self, group: &str, word: &'a str) -> &'a str {
        self.text.get(&format!("{group}.{word}")).map_or(word, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::audit::Deed;
    use std::{collections::BTreeSet, fs, path::Path};

    /// Keys that the office's code and templates ask for.
    fn asked() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders =
            vec![Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/office")).to_owned(), "../assets/office".into()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap();
                let asks = concat!(".t", "(\"");
                found.extend(text.split(asks).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
            }
        }
        found
    }

    #[test]
    fn every_language_has_every_word_that_is_asked_for_and_no_other() {
        let (english, german) = (of(Language::En), of(Language::De));
        let keys = |words: &DoorWords| words.text.keys().cloned().collect::<BTreeSet<_>>();
        let asked = asked();
        let missing: Vec<_> = asked.iter().filter(|key| !english.text.contains_key(*key)).collect();
        // Keys with a dot are put together from a stored word: `kind.yes_no`.
        let unused: Vec<_> =
            keys(english).into_iter().filter(|key| !key.contains('.') && !asked.contains(key)).collect();
        assert!(missing.is_empty() && unused.is_empty(), "missing {missing:?}, unused {unused:?}");
        let (a, b) = (keys(english), keys(german));
        assert_eq!(a.symmetric_difference(&b).collect::<Vec<_>>(), Vec::<&String>::new());
        for (key, text) in &english.text {
            assert_eq!(text.matches("{}").count(), german.t(key).matches("{}").count(), "{key}");
        }
    }

    #[test]
    fn every_deed_has_its_sentence_in_every_language() {
        for words in [of(Language::En), of(Language::De)] {
            for deed in Deed::ALL {
                assert!(words.deeds.contains_key(deed.word()), "{deed:?}");
            }
            assert_eq!(words.deeds.len(), Deed::ALL.len(), "sentences nobody asks for");
        }
    }
}
