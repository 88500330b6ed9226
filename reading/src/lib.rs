//! Reads QR codes from pictures. Owns the decoders and the order in which they look; what a code means is none of its
//! business, and where pictures come from neither.
//!
//! [`Cascade::standard`] is the way in. No single decoder is good enough and some panic on some pictures, so several
//! look, each behind [`Decoder`]: [`Grid`] of our own first, then, each [`Contained`], `rxing` as it is and with its
//! filters, then `rqrr`. With the feature `zxing` there is `zxing-cpp` as well. With the feature `scenes` the module
//! `scene` draws tickets before a camera.

mod cascade;
mod contained;
mod decoders;
mod grid;
#[cfg(feature = "scenes")]
pub mod scene;

pub use cascade::{Cascade, Stage, Turn};
pub use contained::Contained;
#[cfg(feature = "zxing")]
pub use decoders::ZxingCpp;
pub use decoders::{Filtered, Plain, Second};
pub use grid::{Grid, Sight};

use image::GrayImage;

/// A code that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Never empty.
    pub text: String,
    /// Its corners in pixels: the upper left one as it was printed, then clockwise. `None` where they are not known.
    pub outline: Option<[(f32, f32); 4]>,
}

/// What a decoder made of a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Look {
    Read(Reading),
    /// There may be a code; it was not read.
    Promising,
    Nothing,
}

/// Finds one code in a picture.
pub trait Decoder: Send {
    /// For the log.
    fn name(&self) -> &'static str;
    /// Looks at `luma`, of any size and content.
    fn look(&mut self, luma: &GrayImage) -> Look;
}

/// Turns what most decoders answer into a [`Look`].
fn look(reading: Option<Reading>) -> Look {
    reading.filter(|reading| !reading.text.is_empty()).map_or(Look::Nothing, Look::Read)
}
