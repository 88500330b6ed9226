//! Lays a grid over three finder patterns so that all that is known of a code is seen where it belongs.

use super::{
    finders::Triple,
    marks::{self, Mark, seen},
    plane::{Grey, Place, Plane},
};

/// Below this a grid does not lie on a code.
const POOR: f32 = 0.35;
/// Between two places tried for the fourth corner: modules.
const RASTER: f32 = 0.75;
/// Places of the fourth corner that are looked at closely.
const CLOSER: usize = 6;
/// A grid is laid no finer than this: pixels.
const FINEST: f32 = 0.08;

/// Four places of a code and where they are seen.
struct Anchors {
    modules: [Place; 4],
    pixels: [Place; 4],
}

impl Anchors {
    fn plane(&self, pixels: [Place; 4]) -> Option<Plane> {
        Plane::through(self.modules, pixels)
    }
}

/// The sides (in modules) the code may have, the likeliest first: by the dotted lines, which say it best.
pub fn sides(grey: &Grey, triple: &Triple) -> Vec<usize> {
    let near = ((triple.side() - 17.0) / 4.0).round() as i32;
    let sides = (near - 2..=near + 3).filter_map(|version| usize::try_from(17 + 4 * version).ok());
    let mut rated: Vec<(f32, usize)> = sides
        .filter(|side| (marks::SMALLEST..=marks::LARGEST).contains(side))
        .filter_map(|side| Some((dotted(grey, triple, side)?, side)))
        .collect();
    rated.sort_by(|a, b| b.0.total_cmp(&a.0));
    rated.into_iter().map(|(_, side)| side).collect()
}

/// How well both dotted lines are seen if the code has `side` modules.
fn dotted(grey: &Grey, triple: &Triple, side: usize) -> Option<f32> {
    let far = side as f32 - 3.5;
    let (corner, right, below) = places(triple);
    let opposite = (right.0 + below.0 - corner.0, right.1 + below.1 - corner.1);
    let modules = [(3.5, 3.5), (far, 3.5), (3.5, far), (far, far)];
    let plane = Plane::through(modules, [corner, right, below, opposite])?;
    let best = |left: bool| {
        let dots = marks::dots(side, left);
        let tries = [-0.5, 0.0, 0.5].into_iter().flat_map(|across| [-0.4, 0.0, 0.4].map(|along| (along, across)));
        let moved = tries.map(|(along, across)| if left { (across, along) } else { (along, across) });
        moved.map(|by| seen(grey, &plane, &dots, by)).fold(f32::MIN, f32::max)
    };
    Some(best(false) + best(true))
}

fn places(triple: &Triple) -> (Place, Place, Place) {
    let place = |f: super::finders::Finder| (f.x, f.y);
    (place(triple.corner), place(triple.right), place(triple.below))
}

/// The grid of a code of `side` modules over `triple`, and how well it lies; `None` where there is no code.
pub fn fit(grey: &Grey, triple: &Triple, side: usize) -> Option<(Plane, f32)> {
    let marks = marks::of(side);
    let (anchors, mut quality) = fourth_corner(grey, triple, side, &marks)?;
    if quality < POOR {
        return None;
    }
    let mut pixels = anchors.pixels;
    let mut step = 0.8 * triple.module();
    while step > FINEST {
        let mut better = false;
        for corner in 0..4 {
            for (dx, dy) in [(step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step)] {
                let mut moved = pixels;
                moved[corner] = (moved[corner].0 + dx, moved[corner].1 + dy);
                let Some(plane) = anchors.plane(moved) else { continue };
                let now = seen(grey, &plane, &marks, (0.0, 0.0));
                if now > quality {
                    (quality, pixels, better) = (now, moved, true);
                }
            }
        }
        if !better {
            step /= 2.0;
        }
    }
    Some((anchors.plane(pixels)?, quality))
}

/// Where the three corners that are seen leave the fourth: tilted tickets have it modules away from a square's.
fn fourth_corner(grey: &Grey, triple: &Triple, side: usize, marks: &[Mark]) -> Option<(Anchors, f32)> {
    let far = side as f32 - 3.5;
    let (corner, right, below) = places(triple);
    let span = far - 3.5;
    let (u, v) = (
        ((right.0 - corner.0) / span, (right.1 - corner.1) / span),
        ((below.0 - corner.0) / span, (below.1 - corner.1) / span),
    );
    let last = side as i32 - 7;
    // The smallest code has no alignment pattern there: then all that is known of it must do.
    let around: Vec<Mark> =
        if side > marks::SMALLEST { marks::alignment(last, last).collect() } else { marks.to_vec() };
    let modules = [(3.5, 3.5), (far, 3.5), (3.5, far), (far - 3.0, far - 3.0)];
    let place = |a: f32, b: f32| (corner.0 + a * u.0 + b * v.0, corner.1 + a * u.1 + b * v.1);
    let reach = ((side as f32 * 0.16).max(3.0) / RASTER).ceil() as i32;
    let mut tries = Vec::new();
    for (x, y) in (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (x as f32, y as f32))) {
        let fourth = place(span - 3.0 + x * RASTER, span - 3.0 + y * RASTER);
        let pixels = [corner, right, below, fourth];
        let Some(plane) = Plane::through(modules, pixels) else { continue };
        // Of two alike the one nearer to a square.
        tries.push((seen(grey, &plane, &around, (0.0, 0.0)) - 0.01 * x.hypot(y), pixels));
    }
    tries.sort_by(|a, b| b.0.total_cmp(&a.0));
    let anchors = Anchors { modules, pixels: tries.first()?.1 };
    let closer = tries.iter().take(CLOSER).filter_map(|(_, pixels)| {
        let plane = anchors.plane(*pixels)?;
        Some((seen(grey, &plane, marks, (0.0, 0.0)), *pixels))
    });
    let (quality, pixels) = closer.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((Anchors { pixels, ..anchors }, quality))
}
