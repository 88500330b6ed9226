//! What every code shows whatever it says: finder patterns, the dotted lines between them, alignment patterns. A grid
//! lies right where these are seen right.

use super::plane::{Grey, Place, Plane};

/// A module whose tone is known.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    /// Its middle: modules.
    pub at: Place,
    /// 1 for light, -1 for dark.
    pub tone: f32,
}

/// The largest code this reader knows: modules along a side. No ticket is larger.
pub const LARGEST: usize = 97;
/// The smallest there is.
pub const SMALLEST: usize = 21;

/// Middles of the alignment patterns along a side, from the second size on (ISO/IEC 18004, annex E).
const ALIGNMENT: [&[i32]; 19] = [
    &[6, 18],
    &[6, 22],
    &[6, 26],
    &[6, 30],
    &[6, 34],
    &[6, 22, 38],
    &[6, 24, 42],
    &[6, 26, 46],
    &[6, 28, 50],
    &[6, 30, 54],
    &[6, 32, 58],
    &[6, 34, 62],
    &[6, 26, 46, 66],
    &[6, 26, 48, 70],
    &[6, 26, 50, 74],
    &[6, 30, 54, 78],
    &[6, 30, 56, 82],
    &[6, 30, 58, 86],
    &[6, 34, 62, 90],
];

fn mark(x: i32, y: i32, dark: bool) -> Mark {
    Mark { at: (x as f32 + 0.5, y as f32 + 0.5), tone: if dark { -1.0 } else { 1.0 } }
}

/// All known modules of a code of `side` modules.
pub fn of(side: usize) -> Vec<Mark> {
    let end = i32::try_from(side).unwrap_or(0);
    let mut out = Vec::new();
    for (left, top) in [(0, 0), (end - 7, 0), (0, end - 7)] {
        for (x, y) in (-1..8).flat_map(|y| (-1..8).map(move |x| (x, y))) {
            let inside = |at: i32| (0..end).contains(&at);
            if inside(left + x) && inside(top + y) {
                let ring = (x - 3).abs().max((y - 3).abs());
                out.push(mark(left + x, top + y, ring != 2 && ring != 4));
            }
        }
    }
    for i in 8..end - 8 {
        out.extend([mark(i, 6, i % 2 == 0), mark(6, i, i % 2 == 0)]);
    }
    let middles = side.checked_sub(25).and_then(|more| ALIGNMENT.get(more / 4)).copied().unwrap_or_default();
    let last = middles.last().copied().unwrap_or_default();
    for (x, y) in middles.iter().flat_map(|y| middles.iter().map(move |x| (*x, *y))) {
        if ![(6, 6), (6, last), (last, 6)].contains(&(x, y)) {
            out.extend(alignment(x, y));
        }
    }
    out
}

/// The alignment pattern around the module `(x, y)`.
pub fn alignment(x: i32, y: i32) -> impl Iterator<Item = Mark> {
    (-2_i32..=2).flat_map(move |dy| (-2_i32..=2).map(move |dx| mark(x + dx, y + dy, dx.abs().max(dy.abs()) != 1)))
}

/// The dotted line beside the upper edge (`false`) or the left one (`true`), with a light module at both ends.
pub fn dots(side: usize, left: bool) -> Vec<Mark> {
    let end = i32::try_from(side).unwrap_or(0);
    (7..end - 7).map(|i| if left { mark(6, i, i % 2 == 0) } else { mark(i, 6, i % 2 == 0) }).collect()
}

/// How well `marks` are seen, moved by `by` modules: 1 is perfectly, 0 like chance.
pub fn seen(grey: &Grey, plane: &Plane, marks: &[Mark], by: Place) -> f32 {
    let (mut sum, mut squares, mut tones, mut both) = (0.0, 0.0, 0.0, 0.0);
    for Mark { at, tone } in marks {
        let value = grey.at(plane.at((at.0 + by.0, at.1 + by.1)));
        sum += value;
        squares += value * value;
        tones += tone;
        both += value * tone;
    }
    let count = marks.len().max(1) as f32;
    let (mean, tone) = (sum / count, tones / count);
    let spread = (squares / count - mean * mean).max(1.0) * (1.0 - tone * tone).max(0.01);
    (both / count - mean * tone) / spread.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use qrcode::{Color, EcLevel, QrCode, Version};

    #[test]
    fn every_known_module_is_what_codes_of_that_size_show() {
        for version in 1..=20_i16 {
            let code = QrCode::with_version("1", Version::Normal(version), EcLevel::L).unwrap();
            let (side, colors) = (code.width(), code.to_colors());
            assert!((SMALLEST..=LARGEST).contains(&side));
            let marks = of(side);
            for Mark { at, tone } in marks.iter().chain(&dots(side, true)).chain(&dots(side, false)) {
                let dark = colors[at.1 as usize * side + at.0 as usize] == Color::Dark;
                assert_eq!(*tone < 0.0, dark, "version {version} at {at:?}");
            }
            assert!(marks.len() > 192 && (version < 7 || marks.len() > 192 + 6 * 25));
        }
    }
}
