//! A reader of our own for codes that are small, askew, shaken, in glare or in the dark. It finds the corners in black
//! and white like others do, but then lays the grid over the grey picture, to a fraction of a pixel, and decides
//! light or dark module by module, with the smear of the neighbours taken out. The code's own redundancy has the last
//! word, as everywhere.

mod finders;
mod fit;
mod marks;
mod modules;
mod plane;
mod tones;

use crate::{Decoder, Look, Reading};
use finders::{finders, triples};
use image::GrayImage;
use plane::{Grey, Plane};
use tones::{Tones, softened};

/// A grid that lies worse than this is on no code. What is no code at all never comes near.
const LIES_WELL: f32 = 0.5;
/// The smallest codes repair nearly anything into something: their grid must lie better.
const LIES_VERY_WELL: f32 = 0.62;
/// More finder patterns than this are no tickets.
const CROWD: usize = 60;
/// So many grids are laid over a picture at most: each costs up to some milliseconds.
const FITS: u32 = 14;
/// Where a grid lies like this no other size is tried before it is read.
const LIES_FIRMLY: f32 = 0.9;
/// Softened twice from here: standard deviation in grey values.
const MUCH_NOISE: f32 = 8.0;
/// Sizes of the code that are tried on three corners.
const SIZES: usize = 4;
/// Smaller pictures hold no code: pixels.
const SMALLEST_SIDE: usize = 24;

/// In what copy of the picture corners are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// The picture as it is: for small modules in good light.
    Sharp,
    /// Softened as the noise demands: reads most.
    Softened,
    /// Half the size: for large modules, and in the dark.
    Halved,
}

/// The reader.
#[derive(Debug, Clone, Copy)]
pub struct Grid(pub Sight);

impl Decoder for Grid {
    fn name(&self) -> &'static str {
        match self.0 {
            Sight::Sharp => "grid sharp",
            Sight::Softened => "grid softened",
            Sight::Halved => "grid halved",
        }
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        let (width, height) = (luma.width() as usize, luma.height() as usize);
        if width.min(height) < SMALLEST_SIDE {
            return Look::Nothing;
        }
        let picture = Picture { pixels: luma.as_raw(), width, height };
        let noise = tones::noise(picture.pixels, width);
        match self.0 {
            // Without softening, noise alone looks like corners: this says nothing about what may be there.
            Sight::Sharp => match picture.read(&Tones::of(picture.pixels, width, height, noise)) {
                Look::Promising => Look::Nothing,
                look @ (Look::Read(_) | Look::Nothing) => look,
            },
            Sight::Softened => picture.read(&picture.calmed(noise)),
            Sight::Halved => {
                let pixels = tones::halved(picture.pixels, width, height);
                let half = Picture { pixels: &pixels, width: width / 2, height: height / 2 };
                match half.read(&half.calmed(noise / 2.0)) {
                    Look::Read(reading) => Look::Read(doubled(reading)),
                    look @ (Look::Promising | Look::Nothing) => look,
                }
            }
        }
    }
}

fn doubled(reading: Reading) -> Reading {
    Reading { outline: reading.outline.map(|corners| corners.map(|(x, y)| (x * 2.0, y * 2.0))), ..reading }
}

/// Grey values, row by row.
struct Picture<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
}

impl Picture<'_> {
    /// Dark and light in a softened copy; softened twice where there is much noise.
    fn calmed(&self, noise: f32) -> Tones {
        let (width, height) = (self.width, self.height);
        let once = softened(self.pixels, width, height);
        if noise < MUCH_NOISE {
            return Tones::of(&once, width, height, noise * 0.375);
        }
        Tones::of(&softened(&once, width, height), width, height, noise * 0.273)
    }

    fn read(&self, tones: &Tones) -> Look {
        let found = finders(tones);
        let triples = triples(&found);
        let mut fits = FITS;
        let read = triples.iter().find_map(|triple| {
            let (pixels, width, height) = (self.pixels, self.width, self.height);
            let grey = Grey { pixels, width, height, negative: triple.corner.light };
            let mut grids = Vec::new();
            for side in fit::sides(&grey, triple).into_iter().take(SIZES) {
                if fits == 0 {
                    break;
                }
                fits -= 1;
                let Some((plane, quality)) = fit::fit(&grey, triple, side) else { continue };
                grids.push((quality, side, plane));
                if quality > LIES_FIRMLY {
                    break;
                }
            }
            grids.sort_by(|a, b| b.0.total_cmp(&a.0));
            grids.into_iter().find_map(|(quality, side, plane)| read(&grey, &plane, side, quality))
        });
        match read {
            Some(reading) => Look::Read(reading),
            // More corners than tickets a camera can see: a pattern, which would keep other decoders busy for long.
            None if triples.is_empty() || found.len() > CROWD => Look::Nothing,
            None => Look::Promising,
        }
    }
}

fn read(grey: &Grey, plane: &Plane, side: usize, quality: f32) -> Option<Reading> {
    if quality < if side <= marks::SMALLEST + 4 { LIES_VERY_WELL } else { LIES_WELL } {
        return None;
    }
    modules::text(grey, plane, side).map(|text| Reading { text, outline: Some(outline(plane, side as f32)) })
}

fn outline(plane: &Plane, side: f32) -> [(f32, f32); 4] {
    [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)].map(|corner| plane.at(corner))
}
