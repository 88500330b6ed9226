//! Codes typed by a scanner under a wrong keyboard layout. A scanner types the keys that one layout has for a code; a
//! computer set to another layout, or with caps lock on, sees other characters. Each usual mistake is undone once and
//! the result checked like any code, so nothing becomes malleable: what is accepted is the canonical code.

/// What the keys of a US keyboard mean on a German one: (seen, meant). Keys that write nothing by themselves are left out.
const GERMAN: &[(char, char)] = &[
    ('Z', 'Y'),
    ('Y', 'Z'),
    ('z', 'y'),
    ('y', 'z'),
    ('ß', '-'),
    ('?', '_'),
    ('(', '*'),
    (')', '('),
    ('=', ')'),
    ('-', '/'),
    ('_', '?'),
    ('/', '&'),
    ('&', '^'),
    ('"', '@'),
    ('§', '#'),
    (';', '<'),
    (':', '>'),
    ('ö', ';'),
    ('Ö', ':'),
    ('ä', '\''),
    ('Ä', '"'),
    ('ü', '['),
    ('Ü', '{'),
    ('+', ']'),
    ('*', '}'),
    ('#', '\\'),
    ('\'', '|'),
];

/// The same on a French one: digits come as their unshifted signs, shifted digits as digits.
const FRENCH: &[(char, char)] = &[
    ('Q', 'A'),
    ('A', 'Q'),
    ('W', 'Z'),
    ('Z', 'W'),
    ('?', 'M'),
    ('q', 'a'),
    ('a', 'q'),
    ('w', 'z'),
    ('z', 'w'),
    (',', 'm'),
    ('à', '0'),
    ('&', '1'),
    ('é', '2'),
    ('"', '3'),
    ('\'', '4'),
    ('(', '5'),
    ('-', '6'),
    ('è', '7'),
    ('_', '8'),
    ('ç', '9'),
    ('1', '!'),
    ('2', '@'),
    ('3', '#'),
    ('4', '$'),
    ('5', '%'),
    ('6', '^'),
    ('7', '&'),
    ('8', '*'),
    ('9', '('),
    ('0', ')'),
    (')', '-'),
    ('°', '_'),
    (':', '.'),
    ('/', '>'),
    (';', ','),
    ('.', '<'),
    ('!', '/'),
    ('§', '?'),
    ('m', ';'),
    ('M', ':'),
];

/// With caps lock, a German keyboard shifts digits and signs as well: what the keys that codes need then write.
const GERMAN_LOCKED: &[(char, char)] = &[
    ('!', '1'),
    ('"', '2'),
    ('§', '3'),
    ('$', '4'),
    ('%', '5'),
    ('&', '6'),
    ('/', '7'),
    ('(', '8'),
    (')', '9'),
    ('=', '0'),
    ('4', '$'),
    ('5', '%'),
    ('8', '*'),
    ('?', '-'),
    ('ß', '_'),
    (':', '.'),
];

/// The same on a French one.
const FRENCH_LOCKED: &[(char, char)] =
    &[('\'', '$'), ('(', '%'), ('_', '*'), ('°', '-'), (')', '_'), ('/', '.'), ('?', 'm'), (',', 'M')];

/// The texts that may have been meant by `typed`, the typed one first, without repetition.
#[must_use]
pub fn readings(typed: &str) -> Vec<String> {
    let candidates = [
        typed.to_owned(),
        // A US scanner at a German or French computer, with caps lock on at any of the three …
        mapped(typed, GERMAN),
        mapped(typed, FRENCH),
        swapped_case(typed),
        mapped(&swapped_case(typed), GERMAN),
        mapped(&swapped_case(typed), FRENCH),
        // … where caps lock shifts more than letters …
        locked(typed, GERMAN_LOCKED, GERMAN),
        locked(typed, FRENCH_LOCKED, FRENCH),
        // … and a German or French scanner at a US computer.
        typed.chars().map(|c| turned(c, GERMAN)).collect(),
        typed.chars().map(|c| turned(c, FRENCH)).collect(),
    ];
    let mut out: Vec<String> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        if !out.contains(&candidate) {
            out.push(candidate);
        }
    }
    out
}

fn mapped(typed: &str, layout: &[(char, char)]) -> String {
    typed.chars().map(|c| meant(c, layout).unwrap_or(c)).collect()
}

fn meant(seen: char, layout: &[(char, char)]) -> Option<char> {
    layout.iter().find(|(wrong, _)| *wrong == seen).map(|(_, meant)| *meant)
}

/// The other way round.
fn turned(seen: char, layout: &[(char, char)]) -> char {
    layout.iter().find(|(_, right)| *right == seen).map_or(seen, |(wrong, _)| *wrong)
}

/// Signs and digits by `lock`; letters by `layout`, their case swapped.
fn locked(typed: &str, lock: &[(char, char)], layout: &[(char, char)]) -> String {
    let letter = |c: char| swapped(meant(c, layout).filter(char::is_ascii_alphabetic).unwrap_or(c));
    typed.chars().map(|c| meant(c, lock).unwrap_or_else(|| letter(c))).collect()
}

fn swapped_case(typed: &str) -> String {
    typed.chars().map(swapped).collect()
}

fn swapped(c: char) -> char {
    if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_usual_mistake_of_layout_and_caps_lock_is_undone() {
        let meant = "AQWZM0145689$%*-.Y";
        let cases = [
            ("US scanner, German computer", "AQWYM0145689$%(ß.Z"),
            ("US scanner, French computer", "QAZW?à&'(-_ç458):Y"),
            ("caps lock", "aqwzm0145689$%*-.y"),
            ("caps lock, German computer", "aqwym0145689$%(ß.z"),
            ("caps lock, French computer", "qazw?à&'(-_ç458):y"),
            ("caps lock that shifts all, German computer", "aqwym=!$%&()458?:z"),
            ("caps lock that shifts all, French computer", "qazw,0145689'(_°/y"),
            ("German scanner, US computer", "AQWYM0145689$%}/.Z"),
        ];
        for (how, typed) in cases {
            assert!(readings(typed).contains(&meant.to_owned()), "{how}: {typed} gives {:#?}", readings(typed));
        }
        assert_eq!(readings(meant)[0], meant, "what was typed is tried first");
    }

    #[test]
    fn letters_of_both_cases_with_lines_and_underlines_survive_each_layout() {
        let meant = "aQz-wM_Y09.mq";
        for typed in ["aQyßwM?Z09.mq", "qAw)z?°Yàç:,a", "AqZ-Wm_y09.MQ", "aQy/wM?Z09.mq"] {
            assert!(readings(typed).contains(&meant.to_owned()), "{typed} gives {:#?}", readings(typed));
        }
    }

    #[test]
    fn no_layout_writes_one_character_for_two_keys() {
        for layout in [GERMAN, FRENCH, GERMAN_LOCKED, FRENCH_LOCKED] {
            for (i, (seen, meant)) in layout.iter().enumerate() {
                assert!(layout[..i].iter().all(|(a, b)| a != seen && b != meant), "{seen} {meant}");
            }
        }
    }
}
