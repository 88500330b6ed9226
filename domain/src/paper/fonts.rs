//! The typeface of paper: parsing, widths, and text that fits. Everything is measured with the advances the PDF will
//! be drawn with, so what fits here fits on paper. Not here: positions and colours.

use super::PaperError;
use printpdf::ParsedFont;
use std::sync::OnceLock;
use unicode_normalization::UnicodeNormalization;

/// Longest text of one field that is looked at; the rest is left away. Keeps hostile names from costing time.
const LONGEST: usize = 600;

/// Drawn for a character the typeface does not have.
const UNKNOWN: char = '\u{25A1}';

/// A weight of the typeface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// One parsed weight.
struct Face {
    parsed: ParsedFont,
    /// Font units in one em.
    units: f32,
    /// Advances of U+0020 to U+017F, which is nearly all text; 0 where there is no glyph.
    common: Vec<u16>,
}

impl Face {
    fn parse(bytes: &[u8], name: &str) -> Result<Self, PaperError> {
        let mut warnings = Vec::new();
        let mut parsed = ParsedFont::from_bytes(bytes, 0, &mut warnings)
            .ok_or_else(|| PaperError::Font(format!("{name} is no TrueType font")))?;
        if !parsed.has_source_bytes() {
            return Err(PaperError::Font(format!("{name} cannot be embedded")));
        }
        let units = f32::from(parsed.font_metrics.units_per_em);
        if units < 16.0 || parsed.lookup_glyph_index(u32::from(UNKNOWN)).is_none() {
            return Err(PaperError::Font(format!("{name} lacks its size or the sign for an unknown character")));
        }
        // Half a file has its tables of characters and widths, but not the shapes: ask for some before relying on it.
        let glyphs = (0x20..0x180_u32)
            .chain([u32::from(UNKNOWN)])
            .filter_map(|c| Some((parsed.lookup_glyph_index(c)?, String::new())))
            .collect();
        printpdf::subset_font(&parsed, &glyphs).map_err(|e| PaperError::Font(format!("{name}: {e}")))?;
        // The writer copies the face for every file; this map, which only helps reading foreign files, is most of it.
        parsed.clear_glyph_cache();
        let advance = |c: u32| parsed.lookup_glyph_index(c).map_or(0, |glyph| parsed.get_horizontal_advance(glyph));
        let common = (0x20..0x180).map(advance).collect();
        Ok(Self { parsed, units, common })
    }

    /// Whether there is a glyph for `c`.
    fn has(&self, c: char) -> bool {
        self.parsed.lookup_glyph_index(u32::from(c)).is_some()
    }

    /// Advance of `c` in font units.
    fn advance(&self, c: char) -> u16 {
        let code = u32::from(c);
        match code.checked_sub(0x20).and_then(|i| self.common.get(i as usize)) {
            Some(&advance) => advance,
            None => self.parsed.lookup_glyph_index(code).map_or(0, |glyph| self.parsed.get_horizontal_advance(glyph)),
        }
    }
}

/// The two weights paper is set in. Parse once and keep: parsing costs about as much as a ticket.
pub struct Fonts {
    regular: Face,
    bold: Face,
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fonts").finish_non_exhaustive()
    }
}

/// Text set in lines that fit a width.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Set {
    /// Size in points.
    pub size: f32,
    pub lines: Vec<String>,
    /// Something was left away; the last line ends with an ellipsis.
    pub cut: bool,
    /// A word was broken where no hyphen or blank allows it.
    pub broken: bool,
}

impl Fonts {
    /// Inter, as shipped with the product: Latin, Greek and Cyrillic, figures of one width.
    ///
    /// # Panics
    /// Never with the fonts in this repository; a test holds that.
    #[must_use]
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Fonts> = OnceLock::new();
        SHIPPED.get_or_init(|| {
            let regular = include_bytes!("../../../assets/fonts/Inter-Regular.ttf");
            let bold = include_bytes!("../../../assets/fonts/Inter-Bold.ttf");
            Self::parse(regular, bold).expect("the shipped fonts are whole")
        })
    }

    /// Fonts of one's own: two TrueType files.
    ///
    /// # Errors
    /// [`PaperError::Font`] when one of them is no font that can be embedded.
    pub fn parse(regular: &[u8], bold: &[u8]) -> Result<Self, PaperError> {
        Ok(Self { regular: Face::parse(regular, "the regular font")?, bold: Face::parse(bold, "the bold font")? })
    }

    /// Whether every character of `text` can be printed; others come out as an empty box.
    #[must_use]
    pub fn cover(&self, text: &str) -> bool {
        text.nfc().filter(|c| !is_invisible(*c)).all(|c| is_blank(c) || self.regular.has(c))
    }

    pub(super) fn face(&self, weight: Weight) -> &ParsedFont {
        &self.of(weight).parsed
    }

    fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// Width in points.
    pub(super) fn width(&self, weight: Weight, size: f32, text: &str) -> f32 {
        let face = self.of(weight);
        let units: u32 = text.chars().map(|c| u32::from(face.advance(c))).sum();
        units as f32 * size / face.units
    }

    /// What can be drawn of `text`: composed letters, single blanks, nothing invisible, a box for what has no glyph.
    /// A no-break space stays one until it is drawn.
    pub(super) fn printable(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len().min(LONGEST));
        for c in text.nfc().filter(|c| !is_invisible(*c)).take(LONGEST) {
            match c {
                '\u{A0}' | '\u{202F}' => out.push('\u{A0}'),
                c if is_blank(c) => {
                    if !out.is_empty() && !out.ends_with(' ') {
                        out.push(' ');
                    }
                }
                c if self.regular.has(c) && self.bold.has(c) => out.push(c),
                _ => out.push(UNKNOWN),
            }
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }

    /// Sets `text` in at most `lines` lines of `width` points at `size`; what does not fit ends in an ellipsis. An
    /// empty text has no lines.
    pub(super) fn set(&self, weight: Weight, size: f32, text: &str, width: f32, lines: usize) -> Set {
        let text = self.printable(text);
        let mut setting =
            Setting { fonts: self, weight, size, width, line: String::new(), done: Vec::new(), broken: false };
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            setting.word(word);
            if setting.done.len() > lines {
                break;
            }
        }
        setting.finish(lines)
    }

    /// Sets `text` at the first of `sizes` (falling) at which it fits whole and no word is broken, else at the first at
    /// which it fits whole, else cut at the last.
    pub(super) fn fit(&self, weight: Weight, sizes: &[f32], text: &str, width: f32, lines: usize) -> Set {
        let sets: Vec<Set> = sizes.iter().map(|size| self.set(weight, *size, text, width, lines)).collect();
        let best = sets
            .iter()
            .position(|set| !set.cut && !set.broken)
            .or_else(|| sets.iter().position(|set| !set.cut))
            .unwrap_or(sets.len().saturating_sub(1));
        sets.into_iter().nth(best).unwrap_or(Set { size: 8.0, lines: Vec::new(), cut: false, broken: false })
    }

    /// As [`Self::fit`], with lines of about the same length: no last line of one short word.
    pub(super) fn balanced(&self, weight: Weight, sizes: &[f32], text: &str, width: f32, lines: usize) -> Set {
        let mut best = self.fit(weight, sizes, text, width, lines);
        if best.lines.len() < 2 || best.cut || best.broken {
            return best;
        }
        let (mut narrow, mut wide) = (width / 2.0, width);
        while wide - narrow > 2.0 {
            let middle = f32::midpoint(narrow, wide);
            let set = self.set(weight, best.size, text, middle, best.lines.len());
            if set.cut || set.broken {
                narrow = middle;
            } else {
                (best, wide) = (set, middle);
            }
        }
        best
    }
}

/// Lines being filled.
struct Setting<'a> {
    fonts: &'a Fonts,
    weight: Weight,
    size: f32,
    width: f32,
    line: String,
    done: Vec<String>,
    broken: bool,
}

impl Setting<'_> {
    fn fits(&self, text: &str) -> bool {
        self.fonts.width(self.weight, self.size, text) <= self.width
    }

    fn close(&mut self) {
        if !self.line.is_empty() {
            self.done.push(std::mem::take(&mut self.line));
        }
    }

    /// Adds a word: to this line, or whole to the next, or by its hyphens, or broken where the line ends.
    fn word(&mut self, word: &str) {
        let joined = if self.line.is_empty() { word.to_owned() } else { format!("{} {word}", self.line) };
        if self.fits(&joined) {
            self.line = joined;
        } else if self.fits(word) {
            self.close();
            self.line = word.to_owned();
        } else {
            self.long(word);
        }
    }

    /// A word wider than a line.
    fn long(&mut self, word: &str) {
        for (nth, part) in word.split_inclusive(['-', '–', '—', '/', '@', '_']).enumerate() {
            let glue = if nth == 0 && !self.line.is_empty() { " " } else { "" };
            let joined = format!("{}{glue}{part}", self.line);
            if self.fits(&joined) {
                self.line = joined;
                continue;
            }
            self.close();
            if self.fits(part) {
                self.line = part.to_owned();
                continue;
            }
            self.broken = true;
            for c in part.chars() {
                self.line.push(c);
                if !self.fits(&self.line) && self.line.chars().nth(1).is_some() {
                    self.line.pop();
                    self.close();
                    self.line.push(c);
                }
            }
        }
    }

    fn finish(mut self, lines: usize) -> Set {
        self.close();
        let mut done = std::mem::take(&mut self.done);
        let cut = done.len() > lines;
        done.truncate(lines);
        if cut && let Some(last) = done.last_mut() {
            last.push('…');
            while !self.fits(last) && last.chars().nth(1).is_some() {
                last.pop();
                last.pop();
                last.truncate(last.trim_end().len());
                last.push('…');
            }
        }
        Set { size: self.size, lines: done, cut, broken: self.broken }
    }
}

/// Characters that separate words and are drawn as one blank.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// Characters that draw nothing and may turn or join text: marks of direction, joiners, soft hyphens, selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shipped_fonts_have_figures_of_one_width_so_that_columns_align() {
        let fonts = Fonts::shipped();
        for weight in [Weight::Regular, Weight::Bold] {
            for digit in '1'..='9' {
                let (zero, this) = (fonts.of(weight).advance('0'), fonts.of(weight).advance(digit));
                assert_eq!(this, zero, "{weight:?} {digit}");
            }
        }
    }

    #[test]
    fn the_shipped_fonts_cover_the_letters_of_europe_in_both_weights() {
        let fonts = Fonts::shipped();
        let text =
            "Zoë Müller, Łukasz Żółć, Þórður, Őszi, Ștefan, Αθήνα Ωμέγα ΐ, Київ Ґалаґан Ё, Việt, ₺ € £ § … – × −";
        assert!(fonts.cover(text));
        assert_eq!(fonts.printable(text), text);
        assert!(!fonts.cover("漢字"));
        assert_eq!(fonts.printable("a漢"), "a□");
    }

    #[test]
    fn decomposed_letters_are_composed_and_direction_marks_are_dropped() {
        let fonts = Fonts::shipped();
        assert_eq!(fonts.printable("Mu\u{308}ller\t\n \u{202E}Zoe\u{301}\u{0} "), "Müller Zoé");
    }

    #[test]
    fn bytes_that_are_no_font_are_refused_with_a_sentence() {
        let whole = include_bytes!("../../../assets/fonts/Inter-Regular.ttf");
        assert!(matches!(Fonts::parse(b"no font", whole), Err(PaperError::Font(_))));
        assert!(matches!(Fonts::parse(whole, &[]), Err(PaperError::Font(_))));
        assert!(Fonts::parse(&whole[..20_000], whole).is_err(), "half a font");
    }

    #[test]
    fn a_long_word_goes_to_the_next_line_or_is_broken_at_its_hyphens_first() {
        let fonts = Fonts::shipped();
        let set = fonts.set(Weight::Regular, 10.0, "Donau dampfschiff-fahrt", 66.0, 5);
        assert_eq!(set.lines, ["Donau", "dampfschiff-", "fahrt"]);
        assert!(!set.broken && !set.cut);
        let set = fonts.set(Weight::Regular, 10.0, "Rindfleischetikettierung", 60.0, 5);
        assert!(set.broken && !set.cut);
        assert_eq!(set.lines.concat(), "Rindfleischetikettierung");
    }

    #[test]
    fn balanced_lines_are_about_as_long_as_each_other_and_say_the_same() {
        let fonts = Fonts::shipped();
        let text = "Winternacht der Klänge";
        let greedy = fonts.fit(Weight::Bold, &[25.0], text, 249.0, 3);
        assert_eq!(greedy.lines, ["Winternacht der", "Klänge"]);
        let balanced = fonts.balanced(Weight::Bold, &[25.0], text, 249.0, 3);
        assert_eq!(balanced.lines, ["Winternacht", "der Klänge"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked_and_nothing_is_lost_without_an_ellipsis(
            text in "\\PC{0,120}", width in 30.0_f32..300.0, size in 6.0_f32..24.0, lines in 1_usize..5,
        ) {
            let fonts = Fonts::shipped();
            let set = fonts.set(Weight::Bold, size, &text, width, lines);
            prop_assert!(set.lines.len() <= lines);
            for line in &set.lines {
                prop_assert!(fonts.width(Weight::Bold, size, line) <= width || line.chars().count() <= 2, "{}", line);
            }
            if set.cut {
                prop_assert!(set.lines.last().is_some_and(|line| line.ends_with('…')));
            } else {
                let bare = |s: &str| s.chars().filter(|c| *c != ' ').collect::<String>();
                prop_assert_eq!(bare(&set.lines.concat()), bare(&fonts.printable(&text)));
            }
        }
    }
}
