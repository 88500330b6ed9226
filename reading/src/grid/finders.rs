//! Finder patterns: the three squares in the corners of a code. Any line through the middle of one crosses light and
//! dark as 1 : 1 : 3 : 1 : 1, whichever way the code is turned.

use super::tones::Tones;

/// Rows between two that are searched.
const STEP: usize = 2;
/// More are not looked at: a pattern of many squares must not keep a core busy.
const MOST: usize = 400;
/// Of those that fit into one code; the rest is print.
const MOST_TOGETHER: usize = 32;
/// Triples that are tried.
const TRIED: usize = 12;

/// One finder pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finder {
    /// Its middle: pixels.
    pub x: f32,
    pub y: f32,
    /// Side of a module: pixels, roughly.
    pub module: f32,
    /// Light on dark ground.
    pub light: bool,
    /// In how many rows it was seen; what is there by chance is seen in one.
    rows: u32,
}

/// Three finder patterns that may belong to one code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Triple {
    pub corner: Finder,
    pub right: Finder,
    pub below: Finder,
    /// How much it differs from an upright square.
    unlikely: f32,
}

type Runs = [u32; 5];

/// The length of a module where `runs` are in the proportion of a finder pattern.
fn module_of(runs: &Runs) -> Option<f32> {
    let total: u32 = runs.iter().sum();
    if total < 14 {
        return None;
    }
    let module = total as f32 / 7.0;
    let off = module * 0.62 + 0.4;
    let fits = runs.iter().zip([1.0, 1.0, 3.0, 1.0, 1.0]).all(|(run, wanted)| {
        let off = if wanted > 1.0 { off * 1.7 } else { off };
        *run > 0 && (*run as f32 - wanted * module).abs() <= off
    });
    fits.then_some(module)
}

/// All finder patterns in the picture, dark and light ones.
pub fn finders(tones: &Tones) -> Vec<Finder> {
    let mut found = Vec::new();
    let mut runs: Vec<(usize, u32)> = Vec::new();
    for y in (STEP / 2..tones.height).step_by(STEP) {
        let row = &tones.dark[y * tones.width..][..tones.width];
        runs.clear();
        let mut start = 0;
        for run in row.chunk_by(|a, b| a == b) {
            runs.push((start, run.len() as u32));
            start += run.len();
        }
        for near in runs.windows(5) {
            let lengths = [near[0].1, near[1].1, near[2].1, near[3].1, near[4].1];
            if lengths[2] < lengths[1].max(lengths[3]) || module_of(&lengths).is_none() {
                continue;
            }
            let middle = near[2].0 + near[2].1 as usize / 2;
            confirm(tones, (middle, y), lengths.iter().sum(), &mut found);
            if found.len() >= MOST {
                return found;
            }
        }
    }
    found
}

/// Keeps what looks like a finder pattern from above and from a diagonal as well.
fn confirm(tones: &Tones, (x, y): (usize, usize), longest: u32, found: &mut Vec<Finder>) {
    let (fx, fy) = (x as f32, y as f32);
    if let Some(known) = found.iter_mut().find(|f| (f.x - fx).hypot(f.y - fy) < f.module * 2.0) {
        known.rows += 1;
        return;
    }
    let (Ok(x), Ok(y)) = (i32::try_from(x), i32::try_from(y)) else { return };
    let light = tones.at(x, y) == Some(false);
    let cross = |x: i32, y: i32, way: (i32, i32), longest: u32| {
        let (runs, middle) = crossing(tones, (x, y), way, longest)?;
        module_of(&runs).map(|module| (module, middle))
    };
    let Some((high, down)) = cross(x, y, (0, 1), longest) else { return };
    let middle_y = y + down.floor() as i32;
    let Some((wide, along)) = cross(x, middle_y, (1, 0), longest) else { return };
    if high > wide * 2.2 || wide > high * 2.2 {
        return;
    }
    let middle_x = x + along.floor() as i32;
    let slanted = [(1, 1), (1, -1)].map(|way| cross(middle_x, middle_y, way, longest * 2).map(|(module, _)| module));
    // A line askew to the squares is longer than they are: the shortest is nearest to the truth.
    let Some(shortest) = slanted.into_iter().flatten().reduce(f32::min) else { return };
    let module = high.min(wide).min(shortest * std::f32::consts::SQRT_2);
    found.push(Finder { x: fx.floor() + along, y: fy + down, module, light, rows: 1 });
}

/// The five runs through a place along `way`, and how far the middle of the third is from it.
fn crossing(tones: &Tones, from: (i32, i32), way: (i32, i32), longest: u32) -> Option<(Runs, f32)> {
    let tone = tones.at(from.0, from.1)?;
    let mut runs = [0; 5];
    // Steps so far each way; the place itself is counted on the way back.
    let mut half = |sign: i32, order: [usize; 3]| -> Option<u32> {
        let mut at = i32::from(sign > 0);
        let mut wanted = tone;
        let mut inner = 0;
        for run in order {
            let begin = at;
            loop {
                match tones.at(from.0 + way.0 * at * sign, from.1 + way.1 * at * sign) {
                    Some(tone) if tone == wanted => at += 1,
                    None if run != order[2] => return None,
                    Some(_) | None => break,
                }
                if (at - begin).unsigned_abs() > longest {
                    return None;
                }
            }
            let length = (at - begin).unsigned_abs();
            if run == 2 {
                inner = length;
            } else if length == 0 {
                return None;
            }
            runs[run] += length;
            wanted = !wanted;
        }
        Some(inner)
    };
    let back = half(-1, [2, 1, 0])?;
    let on = half(1, [2, 3, 4])?;
    Some((runs, (on as f32 - back as f32 + 1.0) / 2.0))
}

/// Those triples that may be a code, the likeliest first.
pub fn triples(found: &[Finder]) -> Vec<Triple> {
    let mut out = Vec::new();
    for light in [false, true] {
        let mut alike: Vec<Finder> = found.iter().copied().filter(|f| f.light == light).collect();
        alike.sort_by_key(|f| std::cmp::Reverse(f.rows));
        alike.truncate(MOST_TOGETHER);
        for corner in &alike {
            for right in &alike {
                out.extend(alike.iter().filter_map(|below| triple(*corner, *right, *below)));
            }
        }
    }
    out.sort_by(|a, b| a.unlikely.total_cmp(&b.unlikely));
    out.truncate(TRIED);
    out
}

fn triple(corner: Finder, right: Finder, below: Finder) -> Option<Triple> {
    let (ax, ay) = (right.x - corner.x, right.y - corner.y);
    let (bx, by) = (below.x - corner.x, below.y - corner.y);
    // Clockwise, which also says that they are three; a code seen in a mirror is read by other decoders.
    if ax * by - ay * bx <= 1.0 {
        return None;
    }
    let (a, b) = (ax.hypot(ay), bx.hypot(by));
    let slant = ((ax * bx + ay * by) / (a * b)).abs();
    let sizes = [corner.module, right.module, below.module];
    let (least, most) = (sizes.into_iter().fold(f32::MAX, f32::min), sizes.into_iter().fold(0.0, f32::max));
    let module = sizes.iter().sum::<f32>() / 3.0;
    let apart = a.min(b) / module >= 9.0 && a.max(b) / module <= 120.0;
    if a > b * 2.0 || b > a * 2.0 || slant > 0.55 || most > least * 2.0 || !apart {
        return None;
    }
    let unlikely = slant * 2.0 + (a / b).ln().abs() + (most / least).ln() * 2.0;
    Some(Triple { corner, right, below, unlikely })
}

impl Triple {
    /// Mean side of a module: pixels.
    pub fn module(&self) -> f32 {
        (self.corner.module + self.right.module + self.below.module) / 3.0
    }

    /// Modules along a side, roughly.
    pub fn side(&self) -> f32 {
        let to = |f: Finder| (f.x - self.corner.x).hypot(f.y - self.corner.y);
        to(self.right).max(to(self.below)) / self.module() + 7.0
    }
}
