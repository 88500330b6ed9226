//! The order in which decoders look.

use crate::{Contained, Decoder, Filtered, Grid, Look, Plain, Reading, Second, Sight};
use image::GrayImage;

/// Larger pictures are for no camera: pixels of a side.
const LARGEST_SIDE: u32 = 8192;

/// When a decoder looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// At one of so many pictures in which nothing looks like a code.
    pub blank: u64,
    /// At one of so many pictures in which something does.
    pub promising: u64,
    /// Only while no newer picture waits.
    pub slack: bool,
}

impl Turn {
    /// At every picture.
    pub const EVERY: Self = Self { blank: 1, promising: 1, slack: false };
}

/// A decoder and its turn.
pub struct Stage {
    turn: Turn,
    decoder: Box<dyn Decoder>,
}

impl Stage {
    #[must_use]
    pub fn new(turn: Turn, decoder: impl Decoder + 'static) -> Self {
        Self { turn, decoder: Box::new(decoder) }
    }
}

/// Decoders one after the other until one reads something.
pub struct Cascade {
    stages: Vec<Stage>,
    pictures: u64,
}

impl Cascade {
    /// The order that reads most per time: our own reader at each picture, in three copies of it; the others at each
    /// (`rxing`), each second (its filters) and each fourth (`rqrr`, where there is time) in which it saw something that
    /// may be a code and could not read it, and now and then where it saw nothing.
    #[must_use]
    pub fn standard() -> Self {
        let turn = |blank, promising, slack| Turn { blank, promising, slack };
        Self::of(vec![
            Stage::new(Turn::EVERY, Grid(Sight::Softened)),
            Stage::new(Turn::EVERY, Grid(Sight::Halved)),
            Stage::new(Turn::EVERY, Grid(Sight::Sharp)),
            Stage::new(turn(8, 1, false), Contained::new(Plain)),
            Stage::new(turn(16, 2, false), Contained::new(Filtered)),
            Stage::new(turn(32, 4, true), Contained::new(Second)),
        ])
    }

    /// The same with `zxing-cpp` after our own.
    #[cfg(feature = "zxing")]
    #[must_use]
    pub fn with_zxing_cpp() -> Self {
        let mut cascade = Self::standard();
        cascade
            .stages
            .insert(3, Stage::new(Turn { blank: 4, promising: 1, slack: false }, Contained::new(crate::ZxingCpp)));
        cascade
    }

    /// All of them at each picture: what can be read from one picture alone.
    #[must_use]
    pub fn thorough() -> Self {
        let standard = Self::standard().stages;
        Self::of(standard.into_iter().map(|stage| Stage { turn: Turn::EVERY, ..stage }).collect())
    }

    #[must_use]
    pub fn of(stages: Vec<Stage>) -> Self {
        Self { stages, pictures: 0 }
    }

    /// Reads a code in `luma`. `newer_waits` tells whether a newer picture is there already.
    pub fn read(&mut self, luma: &GrayImage, newer_waits: impl Fn() -> bool) -> Option<Reading> {
        let picture = self.pictures;
        self.pictures = self.pictures.wrapping_add(1);
        if luma.width() == 0 || luma.height() == 0 || luma.width().max(luma.height()) > LARGEST_SIDE {
            return None;
        }
        let mut promising = false;
        for Stage { turn, decoder } in &mut self.stages {
            let one_of = if promising { turn.promising } else { turn.blank };
            if !picture.is_multiple_of(one_of.max(1)) || (turn.slack && newer_waits()) {
                continue;
            }
            match decoder.look(luma) {
                Look::Read(reading) => return Some(reading),
                Look::Promising => promising = true,
                Look::Nothing => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
