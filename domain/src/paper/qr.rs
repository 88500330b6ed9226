//! The modules of a QR code, level M, and its rows as runs. Knows nothing of paper or sizes.

use qrcode::{Color, EcLevel, QrCode};

/// Modules of empty paper that a reader needs on every side of the symbol (ISO/IEC 18004).
pub(super) const QUIET: usize = 4;

/// Dark modules side by side in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub row: usize,
    pub from: usize,
    pub length: usize,
}

/// A QR code: `side` modules wide and high, without its quiet zone.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    pub side: usize,
    dark: Vec<bool>,
}

impl Symbol {
    /// The smallest symbol of level M that holds `text`; a text of the alphanumeric alphabet (every `wc1` code) uses
    /// that mode. `None` where no symbol is large enough.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let side = code.width();
        let dark = code.into_colors().into_iter().map(|module| module == Color::Dark).collect();
        Some(Self { side, dark })
    }

    /// The dark runs, row by row from the top, each as long as it can be.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::with_capacity(self.side * self.side / 4);
        for (row, modules) in self.dark.chunks(self.side).enumerate() {
            let mut column = 0;
            for group in modules.chunk_by(|a, b| a == b) {
                if group.first() == Some(&true) {
                    runs.push(Run { row, from: column, length: group.len() });
                }
                column += group.len();
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE45_WITHOUT_WEDGE_TRAPS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";

    fn code(length: usize) -> String {
        // Digits and letters are mixed, as in a signature: a run of digits alone would be packed tighter.
        (0..length).map(|i| char::from(BASE45_WITHOUT_WEDGE_TRAPS[(i * 17 + i / 5) % 41])).collect()
    }

    #[test]
    fn a_signed_code_of_153_characters_has_41_modules_and_one_of_155_has_more() {
        assert_eq!(Symbol::of(&code(153)).unwrap().side, 41);
        assert_eq!(Symbol::of(&code(155)).unwrap().side, 45);
    }

    #[test]
    fn the_same_length_outside_the_alphanumeric_alphabet_needs_a_larger_symbol() {
        assert!(Symbol::of(&code(153).to_lowercase()).unwrap().side > 41);
    }

    #[test]
    fn runs_cover_exactly_the_dark_modules_and_never_touch_in_a_row() {
        let symbol = Symbol::of(&code(153)).unwrap();
        let mut painted = vec![false; symbol.side * symbol.side];
        for run in symbol.runs() {
            for module in &mut painted[run.row * symbol.side + run.from..][..run.length] {
                assert!(!std::mem::replace(module, true), "painted twice");
            }
        }
        assert_eq!(painted, symbol.dark);
        let touching =
            symbol.runs().windows(2).filter(|w| w[0].row == w[1].row && w[0].from + w[0].length >= w[1].from).count();
        assert_eq!(touching, 0);
    }

    #[test]
    fn a_text_no_symbol_can_hold_is_refused() {
        assert!(Symbol::of(&"x".repeat(3000)).is_none());
    }
}
