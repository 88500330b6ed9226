//! Small pictures of anything: what a decoder may come across and nobody drew for it.

use super::{Dice, PRINTED};
use image::{GrayImage, Luma, imageops};
use qrcode::{Color, EcLevel, QrCode};

/// A small picture (24 to 64 pixels a side, some larger) and what the code in it says, if there is one; it need not be readable.
#[must_use]
pub fn scrap(dice: &mut Dice) -> (GrayImage, Option<String>) {
    let (width, height) = (24 + dice.below(41) as u32, 24 + dice.below(41) as u32);
    match dice.below(100) {
        0..20 => (noise(dice, width, height), None),
        20..40 => (bars(dice, width, height), None),
        // Few, for they keep decoders busy long.
        40 => (rings(dice, width / 2, height / 2), None),
        41..60 => (patches(dice, width, height), None),
        60..70 => (blocks(dice, width, height), None),
        70..85 => {
            let (code, text) = code(dice);
            (hurt(code, dice), Some(text))
        }
        85..92 => {
            let (code, text) = code(dice);
            let (x, y) = (dice.below(code.width() as usize) as u32, dice.below(code.height() as usize) as u32);
            (imageops::crop_imm(&code, x / 2, y / 2, width, height).to_image(), Some(text))
        }
        _ => {
            let (mut code, text) = code(dice);
            for pixel in code.pixels_mut() {
                if dice.below(12) == 0 {
                    pixel.0[0] = dice.below(256) as u8;
                }
            }
            (code, Some(text))
        }
    }
}

fn noise(dice: &mut Dice, width: u32, height: u32) -> GrayImage {
    let high = 1 + dice.below(256);
    GrayImage::from_fn(width, height, |_, _| Luma([dice.below(high) as u8]))
}

/// As on a parcel: one-dimensional, along either side, now and then with a little noise.
fn bars(dice: &mut Dice, width: u32, height: u32) -> GrayImage {
    let lying = dice.below(2) == 0;
    let mut lines = Vec::new();
    let mut dark = false;
    while lines.len() < 96 {
        lines.extend(std::iter::repeat_n(dark, 1 + dice.below(4)));
        dark = !dark;
    }
    let noise = dice.below(40);
    GrayImage::from_fn(width, height, |x, y| {
        let dark = lines[if lying { y } else { x } as usize];
        Luma([if dark { 20 } else { 200 } + dice.below(noise + 1) as u8])
    })
}

/// Squares in squares, as in the corners of a code.
fn rings(dice: &mut Dice, width: u32, height: u32) -> GrayImage {
    let module = 1 + dice.below(4) as u32;
    let pitch = 7 + dice.below(5) as u32;
    GrayImage::from_fn(width, height, |x, y| {
        let (u, v) = ((x / module % pitch).abs_diff(3), (y / module % pitch).abs_diff(3));
        let ring = u.max(v);
        Luma([if ring == 2 || ring > 3 { 230 } else { 25 }])
    })
}

fn patches(dice: &mut Dice, width: u32, height: u32) -> GrayImage {
    let mut out = GrayImage::from_pixel(width, height, Luma([dice.below(256) as u8]));
    for _ in 0..dice.below(40) {
        let (x, y) = (dice.below(width as usize) as u32, dice.below(height as usize) as u32);
        let (w, h) = (1 + dice.below(30) as u32, 1 + dice.below(30) as u32);
        let grey = dice.below(256) as u8;
        for (x, y) in (y..(y + h).min(height)).flat_map(|y| (x..(x + w).min(width)).map(move |x| (x, y))) {
            out.put_pixel(x, y, Luma([grey]));
        }
    }
    out
}

/// Modules at random with three corners of a code: whatever it says, nobody wrote it.
fn blocks(dice: &mut Dice, width: u32, height: u32) -> GrayImage {
    let (module, side) = (2 + dice.below(2) as u32, 21 + 4 * dice.below(3) as u32);
    let mut tones = Vec::new();
    tones.resize_with((side * side) as usize, || dice.below(2) == 0);
    GrayImage::from_fn(width.max(side * module), height.max(side * module), |x, y| {
        let (x, y) = (x / module, y / module);
        if x >= side || y >= side {
            return Luma([235]);
        }
        let corner = [(0, 0), (side - 7, 0), (0, side - 7)].into_iter().find_map(|(left, top)| {
            let (u, v) = (x.wrapping_sub(left), y.wrapping_sub(top));
            (u < 7 && v < 7).then(|| u.abs_diff(3).max(v.abs_diff(3)) != 2)
        });
        let dark =
            corner.unwrap_or(if x == 6 || y == 6 { (x + y).is_multiple_of(2) } else { tones[(y * side + x) as usize] });
        Luma([if dark { 25 } else { 235 }])
    })
}

/// A small code on light ground.
fn code(dice: &mut Dice) -> (GrayImage, String) {
    let text: String = (0..8 + dice.below(24)).map(|_| char::from(PRINTED[dice.below(PRINTED.len())])).collect();
    let level = if dice.below(2) == 0 { EcLevel::M } else { EcLevel::L };
    let Ok(code) = QrCode::with_error_correction_level(&text, level) else {
        unreachable!("at most 31 characters fit into a code")
    };
    let (scale, side) = (1 + dice.below(4) as u32, code.width() as u32);
    let (colors, quiet) = (code.to_colors(), dice.below(5) as u32);
    let length = (side + 2 * quiet) * scale;
    let picture = GrayImage::from_fn(length, length, |x, y| {
        let at = |place: u32| (place / scale).checked_sub(quiet).filter(|module| *module < side);
        let dark = at(x).zip(at(y)).is_some_and(|(x, y)| colors[(y * side + x) as usize] == Color::Dark);
        Luma([if dark { 20 } else { 225 }])
    });
    (picture, text)
}

/// Something lies on it, or it is torn.
fn hurt(mut code: GrayImage, dice: &mut Dice) -> GrayImage {
    let (width, height) = code.dimensions();
    for _ in 0..dice.below(4) {
        let (x, y) = (dice.below(width as usize) as u32, dice.below(height as usize) as u32);
        let size = dice.below(width as usize / 3 + 1) as u32;
        let grey = dice.below(256) as u8;
        for (x, y) in (y..(y + size).min(height)).flat_map(|y| (x..(x + size).min(width)).map(move |x| (x, y))) {
            code.put_pixel(x, y, Luma([grey]));
        }
    }
    if dice.below(3) == 0 { imageops::blur(&code, dice.between(0.3, 1.5)) } else { code }
}
