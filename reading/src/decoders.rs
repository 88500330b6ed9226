//! The decoders of others behind our trait.

use crate::{Decoder, Look, Reading, look};
use image::GrayImage;
use rxing::{BarcodeFormat, DecodeHints, RXingResult, helpers};

/// The filters enlarge what is narrower until it is not, and so make a strip into a picture of any size. No camera is so
/// narrow: pixels.
const NARROWEST: u32 = 150;

/// `rxing`, once over the picture, also for light codes on dark ground.
#[derive(Debug, Clone, Copy)]
pub struct Plain;

impl Decoder for Plain {
    fn name(&self) -> &'static str {
        "rxing"
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        let (width, height) = luma.dimensions();
        let mut hints = DecodeHints { AlsoInverted: Some(true), ..DecodeHints::default() };
        let format = Some(BarcodeFormat::QR_CODE);
        let found = helpers::detect_in_luma_slice_with_hints(luma.as_raw(), width, height, format, &mut hints);
        look(found.ok().map(|found| reading(&found)))
    }
}

/// `rxing` over smaller and smoothed copies too: slower, reads what is noisy or torn.
#[derive(Debug, Clone, Copy)]
pub struct Filtered;

impl Decoder for Filtered {
    fn name(&self) -> &'static str {
        "rxing filtered"
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        let (width, height) = luma.dimensions();
        if width.min(height) < NARROWEST {
            return Look::Nothing;
        }
        let format = Some(BarcodeFormat::QR_CODE);
        let found = helpers::detect_in_luma_filtered(luma.as_raw().clone(), width, height, format);
        // Corners found in a copy are not those of the picture.
        look(found.ok().map(|found| Reading { outline: None, ..reading(&found) }))
    }
}

fn reading(found: &RXingResult) -> Reading {
    // The library tells them in the order upper left, upper right, lower left, lower right.
    let outline = match found.getPoints() {
        [a, b, d, c] => Some([a, b, c, d].map(|point| (point.x, point.y))),
        _ => None,
    };
    Reading { text: found.getText().to_owned(), outline }
}

/// `rqrr`: independent of the others, with other strengths.
#[derive(Debug, Clone, Copy)]
pub struct Second;

impl Decoder for Second {
    fn name(&self) -> &'static str {
        "rqrr"
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        let (width, height) = luma.dimensions();
        let (stride, pixels) = (width as usize, luma.as_raw());
        let mut prepared =
            rqrr::PreparedImage::prepare_from_greyscale(stride, height as usize, |x, y| pixels[y * stride + x]);
        let read = prepared.detect_grids().into_iter().find_map(|grid| {
            let (_, text) = grid.decode().ok()?;
            Some(Reading { text, outline: Some(grid.bounds.map(|point| (point.x as f32, point.y as f32))) })
        });
        look(read)
    }
}

/// `zxing-cpp` with all its options.
#[cfg(feature = "zxing")]
#[derive(Debug, Clone, Copy)]
pub struct ZxingCpp;

#[cfg(feature = "zxing")]
impl Decoder for ZxingCpp {
    fn name(&self) -> &'static str {
        "zxing-cpp"
    }

    fn look(&mut self, luma: &GrayImage) -> Look {
        use zxingcpp::{BarcodeFormat, ImageFormat, ImageView, read};
        let (width, height) = luma.dimensions();
        let Ok(view) = ImageView::from_slice(luma.as_raw(), width, height, ImageFormat::Lum) else {
            return Look::Nothing;
        };
        let reader = read().formats(BarcodeFormat::QRCode).try_harder(true).try_rotate(true);
        let found = reader.try_invert(true).try_downscale(true).max_number_of_symbols(1_u8).from(view);
        look(found.ok().and_then(|found| found.into_iter().next()).map(|found| {
            let at = found.position();
            let corners = [at.top_left, at.top_right, at.bottom_right, at.bottom_left];
            Reading { text: found.text(), outline: Some(corners.map(|point| (point.x as f32, point.y as f32))) }
        }))
    }
}
