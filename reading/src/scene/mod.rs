//! Tickets held before a camera, drawn: the hard mixed set that reading is measured with, and frames to fuzz with. The
//! same seed draws the same pictures.
//!
//! A [`Hold`] is one second of somebody holding out a ticket: 1280 × 720, a code of one of four kinds (half as Willcall
//! prints them, a quarter longer ones in letters of both cases, an eighth each short and medium) on paper or on a screen
//! (light on dark in one of eight), on a ground full of patches and print. Size (3.1 to 8 pixels a module, most of them
//! small), angle (any), tilt (to 40°, most of them less), the screen's grid, focus (σ 0.35 to 1.1 pixels) and light (a
//! quarter in the dark) stay as they are for the whole hold. What moves from frame to frame is what moves at a door:
//! shake (up to 12 pixels in one frame), glare (a disc on the code, in one of four larger than it may be able to
//! repair), and noise (σ 2 to 13 grey values). It is hard on purpose: a good decoder reads seven of ten frames. It
//! compares decoders; it is no forecast for a door.

mod dice;
pub mod scraps;

pub use dice::Dice;

use image::GrayImage;
use qrcode::{Color, EcLevel, QrCode};

/// Of a frame: pixels.
pub const WIDTH: u32 = 1280;
/// Of a frame: pixels.
pub const HEIGHT: u32 = 720;

/// One second of a ticket before a camera.
pub struct Hold {
    /// What the code says.
    pub text: String,
    /// Sharp and without noise: what the lens sees while nothing moves.
    still: Vec<f32>,
    /// Middle of the code: pixels.
    middle: (f32, f32),
    /// Half the code's side: pixels.
    half: f32,
    /// How much light reaches the sensor: 1 is enough.
    light: f32,
    /// Of the noise: grey values.
    noise: f32,
    /// Longest shake of this hand: pixels.
    shake: f32,
    shiny: bool,
    seed: u64,
}

/// A code on its ticket, as modules.
struct Symbol {
    modules: Vec<bool>,
    width: usize,
    inverted: bool,
    screen: bool,
    ink: f32,
    paper: f32,
}

impl Symbol {
    /// Brightness at a place in modules from the upper left corner; `None` off the ticket.
    fn at(&self, u: f32, v: f32, quiet: f32) -> Option<f32> {
        let width = self.width as f32;
        if u < -quiet || v < -quiet || u >= width + quiet || v >= width + quiet {
            return None;
        }
        let inside = u >= 0.0 && v >= 0.0 && u < width && v < width;
        let dark = inside && self.modules[v as usize * self.width + u as usize];
        Some(if dark == self.inverted { self.paper } else { self.ink })
    }
}

/// Letters of Willcall's own printed codes.
const PRINTED: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";
const BOTH_CASES: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// The text of a ticket: half are Willcall's own, the others what other houses print.
#[must_use]
pub fn text(dice: &mut Dice) -> String {
    let (letters, count) = match dice.below(8) {
        0..=3 => (PRINTED, 150 + dice.below(4)),
        4..=5 => (BOTH_CASES, 140 + dice.below(50)),
        6 => (BOTH_CASES, 32),
        _ => (PRINTED, 60 + dice.below(20)),
    };
    (0..count).map(|_| char::from(letters[dice.below(letters.len())])).collect()
}

impl Hold {
    /// The hold number `seed` of the hard mixed set.
    ///
    /// # Panics
    /// Never: every text of this set fits into a code.
    #[must_use]
    pub fn hard(seed: u64) -> Self {
        Self::hard_of(&text(&mut Dice::new(seed)), seed)
    }

    /// The same with a given text.
    ///
    /// # Panics
    /// More than 1,000 characters do not fit into a code.
    #[must_use]
    pub fn hard_of(text: &str, seed: u64) -> Self {
        let mut dice = Dice::new(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x5EED);
        let screen = dice.below(2) == 0;
        let inverted = screen && dice.below(4) == 0;
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else {
            unreachable!("{} characters do not fit into a code", text.len())
        };
        let symbol = Symbol {
            modules: code.to_colors().into_iter().map(|color| color == Color::Dark).collect(),
            width: code.width(),
            inverted,
            screen,
            ink: dice.between(10.0, 50.0),
            paper: dice.between(185.0, 245.0),
        };
        // Most are small: the square of an even number.
        let pixels = 3.1 + 4.9 * dice.unit().powi(2);
        let side = (pixels * symbol.width as f32).min(560.0);
        let view = View::random(&mut dice, side, symbol.width as f32);
        let mut still = ground(&mut dice);
        lay(&mut still, &symbol, &view, &mut dice);
        let focus = dice.between(0.35, 1.1);
        soften(&mut still, focus);
        let light = if dice.below(4) == 0 { dice.between(0.22, 0.5) } else { dice.between(0.6, 1.0) };
        let noise = dice.between(2.0, 8.0) + if light < 0.5 { dice.between(0.0, 5.0) } else { 0.0 };
        let shake = dice.between(2.0, 12.0);
        let shiny = screen || dice.below(3) == 0;
        Self {
            text: text.to_owned(),
            still,
            middle: view.middle,
            half: side / 2.0,
            light,
            noise,
            shake,
            shiny,
            seed: dice.bits(),
        }
    }

    /// One second of a door nobody holds a ticket at.
    #[must_use]
    pub fn empty(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut still = ground(&mut dice);
        soften(&mut still, dice.between(0.35, 1.1));
        Self { text: String::new(), still, ..Self::hard(seed) }
    }

    /// Frame `number` of the hold.
    #[must_use]
    pub fn frame(&self, number: u32) -> GrayImage {
        let mut dice = Dice::new(self.seed ^ u64::from(number).wrapping_mul(0xA24B_AED4_963E_E407));
        let drift = (dice.between(-6.0, 6.0), dice.between(-6.0, 6.0));
        let (length, way) = (self.shake * dice.unit(), dice.between(0.0, std::f32::consts::TAU));
        let shaken = shake(&self.still, drift, (length * way.cos(), length * way.sin()));
        let glare = Glare::random(self, &mut dice);
        let middle = (self.middle.0 - drift.0, self.middle.1 - drift.1);
        let mut noise = Noise(dice.bits() | 1);
        let mut pixels = Vec::with_capacity(shaken.len());
        for (y, row) in shaken.chunks_exact(WIDTH as usize).enumerate() {
            for (x, value) in row.iter().enumerate() {
                let lit = value * self.light + glare.at(x as f32 - middle.0, y as f32 - middle.1);
                pixels.push((lit + self.noise * noise.next() + 0.5).clamp(0.0, 255.0) as u8);
            }
        }
        GrayImage::from_raw(WIDTH, HEIGHT, pixels).unwrap_or_default()
    }
}

/// How the ticket lies before the camera.
struct View {
    middle: (f32, f32),
    /// From pixels around the middle to modules, as a projective map.
    back: [f32; 9],
    /// Half of what may be covered: pixels.
    reach: f32,
}

impl View {
    fn random(dice: &mut Dice, side: f32, modules: f32) -> Self {
        let turn = dice.between(0.0, std::f32::consts::TAU);
        let tilt = dice.between(0.0, 1.0).powi(2) * 40.0_f32.to_radians();
        let axis = dice.between(0.0, std::f32::consts::TAU);
        let reach = side * 0.95;
        let middle = (
            dice.between(reach.min(600.0), WIDTH as f32 - reach.min(600.0)),
            dice.between(reach.min(330.0), HEIGHT as f32 - reach.min(330.0)),
        );
        // A square of `side` in its own plane, turned, then tilted around `axis` at two and a half times its side.
        let (sin, cos) = turn.sin_cos();
        let (az, ac) = axis.sin_cos();
        let (ts, tc) = tilt.sin_cos();
        let scale = side / modules;
        // Plane to world: x, y, z of one module step in u and in v.
        let step = |a: f32, b: f32| {
            let (x, y) = (a * scale, b * scale);
            let (along, across) = (x * ac + y * az, -x * az + y * ac);
            let (across, deep) = (across * tc, across * ts);
            (along * ac - across * az, along * az + across * ac, deep)
        };
        let (u, v) = (step(cos, sin), step(-sin, cos));
        let distance = side * 2.5;
        let half = modules / 2.0;
        let at = |w: f32, a: f32, b: f32| w - half * (a + b);
        let forward = [
            u.0,
            v.0,
            at(0.0, u.0, v.0),
            u.1,
            v.1,
            at(0.0, u.1, v.1),
            u.2 / distance,
            v.2 / distance,
            at(1.0, u.2 / distance, v.2 / distance),
        ];
        Self { middle, back: inverse(&forward), reach }
    }

    fn modules(&self, x: f32, y: f32) -> (f32, f32) {
        let (x, y, m) = (x - self.middle.0, y - self.middle.1, &self.back);
        let w = m[6] * x + m[7] * y + m[8];
        ((m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w)
    }
}

fn inverse(m: &[f32; 9]) -> [f32; 9] {
    let minor = |a: usize, b: usize, c: usize, d: usize| m[a] * m[b] - m[c] * m[d];
    let det = m[0] * minor(4, 8, 5, 7) - m[1] * minor(3, 8, 5, 6) + m[2] * minor(3, 7, 4, 6);
    [
        minor(4, 8, 5, 7),
        minor(2, 7, 1, 8),
        minor(1, 5, 2, 4),
        minor(5, 6, 3, 8),
        minor(0, 8, 2, 6),
        minor(2, 3, 0, 5),
        minor(3, 7, 4, 6),
        minor(1, 6, 0, 7),
        minor(0, 4, 1, 3),
    ]
    .map(|value| value / det)
}

/// A foyer: a gradient, then cloth, hands, posters and lines of print.
fn ground(dice: &mut Dice) -> Vec<f32> {
    let (w, h) = (WIDTH as usize, HEIGHT as usize);
    let (base, dx, dy) = (dice.between(60.0, 150.0), dice.between(-60.0, 60.0), dice.between(-50.0, 50.0));
    let mut out = Vec::with_capacity(w * h);
    for y in 0..h {
        for x in 0..w {
            out.push(base + dx * (x as f32 / w as f32 - 0.5) + dy * (y as f32 / h as f32 - 0.5));
        }
    }
    for _ in 0..10 + dice.below(14) {
        let (x, y) = (dice.below(w), dice.below(h));
        let (wide, high) = (20 + dice.below(260), 12 + dice.below(180));
        let grey = dice.between(15.0, 235.0);
        let print = dice.below(3) == 0;
        let pitch = 4 + dice.below(9);
        for row in y..(y + high).min(h) {
            for column in x..(x + wide).min(w) {
                let inked = print && (row - y) % (2 * pitch) < pitch && dice.bits().is_multiple_of(3);
                out[row * w + column] = if inked { 235.0 - grey } else { grey };
            }
        }
    }
    out
}

/// Puts the ticket on the ground, nine samples a pixel.
fn lay(still: &mut [f32], symbol: &Symbol, view: &View, dice: &mut Dice) {
    let quiet = dice.between(2.0, 5.0);
    let grid = if symbol.screen { dice.between(0.0, 0.16) } else { 0.0 };
    let pitch = dice.between(1.6, 3.4);
    let range = |middle: f32, end: u32| {
        ((middle - view.reach).max(0.0) as usize)..(((middle + view.reach).max(0.0) as usize).min(end as usize))
    };
    for y in range(view.middle.1, HEIGHT) {
        for x in range(view.middle.0, WIDTH) {
            let (mut sum, mut hits) = (0.0, 0.0);
            for sample in 0..9_u8 {
                let (sx, sy) = (f32::from(sample % 3), f32::from(sample / 3));
                let (u, v) = view.modules(x as f32 + (sx + 0.5) / 3.0, y as f32 + (sy + 0.5) / 3.0);
                if let Some(value) = symbol.at(u, v, quiet) {
                    sum += value;
                    hits += 1.0;
                }
            }
            let at = &mut still[y * WIDTH as usize + x];
            let ridge = 1.0 - grid * f32::from((x as f32 % pitch < 1.0) || (y as f32 % pitch < 1.0));
            *at = (sum * ridge + *at * (9.0 - hits)) / 9.0;
        }
    }
}

/// A lens out of focus: a Gaussian of `sigma` pixels.
fn soften(picture: &mut [f32], sigma: f32) {
    let reach = (sigma * 3.0).ceil() as usize;
    let mut taps: Vec<f32> =
        (0..=2 * reach).map(|i| (-0.5 * ((i as f32 - reach as f32) / sigma).powi(2)).exp()).collect();
    let sum: f32 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    let (w, h) = (WIDTH as usize, HEIGHT as usize);
    let mut across = vec![0.0; w * h];
    for (row, out) in picture.chunks_exact(w).zip(across.chunks_exact_mut(w)) {
        for (x, out) in out.iter_mut().enumerate() {
            let at = |i: usize| row[(x + i).saturating_sub(reach).min(w - 1)];
            *out = taps.iter().enumerate().map(|(i, tap)| tap * at(i)).sum();
        }
    }
    for (y, out) in picture.chunks_exact_mut(w).enumerate() {
        out.fill(0.0);
        for (i, tap) in taps.iter().enumerate() {
            let from = (y + i).saturating_sub(reach).min(h - 1) * w;
            for (out, value) in out.iter_mut().zip(&across[from..from + w]) {
                *out += tap * value;
            }
        }
    }
}

/// The mean of the picture along `way` pixels, moved by `drift`.
fn shake(still: &[f32], drift: (f32, f32), way: (f32, f32)) -> Vec<f32> {
    let taps = (way.0.hypot(way.1).ceil() as usize).max(1);
    let (w, h) = (WIDTH as usize, HEIGHT as usize);
    let mut out = vec![0.0_f32; w * h];
    for tap in 0..taps {
        let part = (tap as f32 + 0.5) / taps as f32 - 0.5;
        let (x, y) = (drift.0 + way.0 * part, drift.1 + way.1 * part);
        let (fx, fy) = (x - x.floor(), y - y.floor());
        let (ix, iy) = (x.floor() as isize, y.floor() as isize);
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy].map(|p| p / taps as f32);
        for (row, out) in out.chunks_exact_mut(w).enumerate() {
            for (weight, (dx, dy)) in weights.into_iter().zip([(0, 0), (1, 0), (0, 1), (1, 1)]) {
                let from = row.saturating_add_signed(iy + dy).min(h - 1) * w;
                add_moved(out, &still[from..from + w], ix + dx, weight);
            }
        }
    }
    out
}

/// Adds `row`, moved by `by` pixels and weighed; the edge goes on.
fn add_moved(out: &mut [f32], row: &[f32], by: isize, weight: f32) {
    let w = row.len();
    let (skip, from) = (usize::try_from(-by).unwrap_or(0).min(w), usize::try_from(by).unwrap_or(0).min(w));
    out[..skip].iter_mut().for_each(|out| *out += weight * row[0]);
    for (out, value) in out[skip..].iter_mut().zip(&row[from..]) {
        *out += weight * value;
    }
    out[w - from..].iter_mut().for_each(|out| *out += weight * row[w - 1]);
}

/// A lamp mirrored in the ticket.
struct Glare {
    at: (f32, f32),
    radius: f32,
    strength: f32,
}

impl Glare {
    fn random(hold: &Hold, dice: &mut Dice) -> Self {
        let size = if dice.below(4) == 0 { dice.between(0.15, 0.45) } else { dice.between(0.0, 0.15) };
        let strength = if hold.shiny { dice.between(60.0, 260.0) } else { 0.0 };
        let at = (dice.between(-1.0, 1.0) * hold.half, dice.between(-1.0, 1.0) * hold.half);
        Self { at, radius: size * hold.half, strength }
    }

    /// Light added at a place seen from the middle of the code; soft at the edge.
    fn at(&self, x: f32, y: f32) -> f32 {
        if self.strength <= 0.0 || self.radius < 1.0 {
            return 0.0;
        }
        let away = (x - self.at.0).hypot(y - self.at.1) / self.radius;
        self.strength * (1.6 - away).clamp(0.0, 1.0).powi(2)
    }
}

/// Nearly Gaussian, fast (xorshift, four bytes a value).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let [a, b, c, d, ..] = self.0.to_le_bytes();
        let sum = i32::from(a) + i32::from(b) + i32::from(c) + i32::from(d) - 510;
        // Four even bytes have a standard deviation of 147.8.
        sum as f32 / 147.8
    }
}
