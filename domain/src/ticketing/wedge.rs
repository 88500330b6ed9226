//! Codes typed by a scanner under a wrong keyboard layout. A scanner set to US sends key positions; a computer set to
//! another layout, or with caps lock on, writes other characters. Each usual mistake is undone once and the result
//! checked like any code, so nothing becomes malleable: what is accepted is the canonical code.

/// US keys read by a German layout.
const GERMAN: &[(char, char)] = &[('Z', 'Y'), ('Y', 'Z'), ('z', 'y'), ('y', 'z'), ('ß', '-'), ('(', '*'), ('?', '_')];

/// US keys read by a French layout: digits come as their unshifted signs, shifted digits as digits.
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
    ('4', '$'),
    ('5', '%'),
    ('8', '*'),
    (')', '-'),
    (':', '.'),
];

/// The texts that may have been meant by `typed`, the typed one first, without repetition.
#[must_use]
pub fn readings(typed: &str) -> Vec<String> {
    let candidates = [
        typed.to_owned(),
        mapped(typed, GERMAN),
        mapped(typed, FRENCH),
        swapped_case(typed),
        swapped_case(&mapped(typed, GERMAN)),
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
    typed.chars().map(|c| layout.iter().find(|(wrong, _)| *wrong == c).map_or(c, |(_, meant)| *meant)).collect()
}

fn swapped_case(typed: &str) -> String {
    typed
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_usual_layout_mistake_is_undone() {
        let meant = "AQWZM0145$%*-.Y";
        for typed in ["AQWYM0145$%(ß.Z", "QAZW?à&'(458):Y", "aqwzm0145$%*-.y"] {
            assert!(readings(typed).contains(&meant.to_owned()), "{typed} gives {:?}", readings(typed));
        }
        assert_eq!(readings(meant)[0], meant, "what was typed is tried first");
    }
}
