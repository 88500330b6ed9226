//! From a grid over a picture to light and dark modules, and from these to a text.

use super::plane::{Grey, Plane};
use rxing::{common::BitMatrix, qrcode::cpp_port::decoder::Decode};

/// How much of its neighbours is taken out of each module: a lens out of focus and a hand that shakes mix them. Beside,
/// above, and along both diagonals; the first takes nothing.
const UNMIX: [[f32; 4]; 7] = [
    [0.0, 0.0, 0.0, 0.0],
    [0.13, 0.13, 0.0, 0.0],
    [0.3, 0.0, 0.0, 0.0],
    [0.0, 0.3, 0.0, 0.0],
    [0.1, 0.1, 0.2, 0.0],
    [0.1, 0.1, 0.0, 0.2],
    [0.22, 0.22, 0.02, 0.02],
];
/// Half the side of the square whose mean decides between light and dark: modules. Small ones follow glare.
const AROUND: [usize; 2] = [3, 6];

/// The text of the code of `side` modules that lies under `plane`.
pub fn text(grey: &Grey, plane: &Plane, side: usize) -> Option<String> {
    let values = sampled(grey, plane, side);
    UNMIX.iter().find_map(|shares| {
        let clear = unmixed(&values, side, *shares);
        AROUND.iter().find_map(|around| decoded(&bits(&clear, side, *around)?))
    })
}

/// The grey value of each module, row by row: of one place in it, four or nine, by its size.
fn sampled(grey: &Grey, plane: &Plane, side: usize) -> Vec<f32> {
    let (a, b) = (plane.at((0.0, 0.0)), plane.at((1.0, 0.0)));
    let pixels = (a.0 - b.0).hypot(a.1 - b.1);
    let places: &[f32] = match pixels {
        ..2.6 => &[0.5],
        2.6..4.4 => &[0.33, 0.67],
        _ => &[0.25, 0.5, 0.75],
    };
    let mut out = Vec::with_capacity(side * side);
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x as f32, y as f32))) {
        let values = places.iter().flat_map(|v| places.iter().map(move |u| (*u, *v)));
        let sum: f32 = values.map(|(u, v)| grey.at(plane.at((x + u, y + v)))).sum();
        out.push(sum / (places.len() * places.len()) as f32);
    }
    out
}

fn unmixed(values: &[f32], side: usize, [beside, above, falling, rising]: [f32; 4]) -> Vec<f32> {
    let at = |x: usize, y: usize| values[y.min(side - 1) * side + x.min(side - 1)];
    let mut out = Vec::with_capacity(values.len());
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let (left, up) = (x.saturating_sub(1), y.saturating_sub(1));
        out.push(
            at(x, y)
                - beside * (at(left, y) + at(x + 1, y))
                - above * (at(x, up) + at(x, y + 1))
                - falling * (at(left, up) + at(x + 1, y + 1))
                - rising * (at(x + 1, up) + at(left, y + 1)),
        );
    }
    out
}

/// Each module against the mean of those `around` it.
fn bits(values: &[f32], side: usize, around: usize) -> Option<BitMatrix> {
    // Sums of all that is above and left of a place make each mean four look-ups.
    let across = side + 1;
    let mut sums = vec![0.0_f32; across * across];
    for y in 0..side {
        let mut row = 0.0;
        for x in 0..side {
            row += values[y * side + x];
            sums[(y + 1) * across + x + 1] = sums[y * across + x + 1] + row;
        }
    }
    let size = u32::try_from(side).ok()?;
    let mut out = BitMatrix::new(size, size).ok()?;
    for (x, y) in (0..side).flat_map(|y| (0..side).map(move |x| (x, y))) {
        let (left, right) = (x.saturating_sub(around), (x + around + 1).min(side));
        let (top, bottom) = (y.saturating_sub(around), (y + around + 1).min(side));
        let sum = sums[bottom * across + right] + sums[top * across + left]
            - sums[top * across + right]
            - sums[bottom * across + left];
        if values[y * side + x] < sum / ((right - left) * (bottom - top)) as f32 {
            out.set(x as u32, y as u32);
        }
    }
    Some(out)
}

/// Checked and corrected by the code's own redundancy.
fn decoded(bits: &BitMatrix) -> Option<String> {
    let found = Decode(bits).ok()?;
    let text = found.isValid().then(|| found.text().to_owned())?;
    (!text.is_empty()).then_some(text)
}
