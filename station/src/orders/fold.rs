//! Names as they are searched: lower case, without accents, so that Müller is found as muller.

use unicode_normalization::UnicodeNormalization;

/// Folds a text: case, accents, and the letters that are two letters elsewhere.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.nfkd().filter(|c| !is_mark(*c)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'ø' => out.push('o'),
            'ł' => out.push('l'),
            'đ' | 'ð' => out.push('d'),
            'þ' => out.push_str("th"),
            'ı' => out.push('i'),
            // Lower-casing a capital with a dot above gives a dot of its own.
            '\u{307}' => {}
            other => out.push(other),
        }
    }
    out
}

fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// The folded words of a text.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> =
        fold(text).split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect();
    out.sort();
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_people_type_them() {
        for (written, typed) in [
            ("Müller", "muller"),
            ("Straße", "STRASSE"),
            ("Łukasz Żółć", "lukasz zolc"),
            ("Søren Ærø", "soren aero"),
            ("İbrahim Işık", "ibrahim isik"),
            ("Αλέξανδρος", "αλεξανδρος"),
        ] {
            assert_eq!(fold(written), fold(typed));
        }
        assert_eq!(words("Anne-Marie O'Neil, Anne"), ["anne", "marie", "neil", "o"]);
    }
}
