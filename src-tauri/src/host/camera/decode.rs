//! Reads QR codes from pictures. Owns the decoders and the order in which they try; what a code means is none of its
//! business. No single decoder is good enough and some panic on some pictures: several look, each contained.

use image::GrayImage;
use rxing::{BarcodeFormat, DecodeHints, helpers};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Finds one code in a picture.
pub trait Decoder: Send {
    /// For the log.
    fn name(&self) -> &'static str;
    /// The text of a code in `luma`; `None` where it finds none.
    fn decode(&mut self, luma: &GrayImage) -> Option<String>;
}

/// When a decoder looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// At every picture.
    Every,
    /// At every second picture.
    EverySecond,
    /// Only while no newer picture waits.
    Slack,
}

/// Decoders one after the other until one reads something.
pub struct Cascade {
    stages: Vec<(Turn, Box<dyn Decoder>)>,
    pictures: u64,
}

impl Cascade {
    /// The order that reads most per time: the quick one each time, the thorough one every other time, and a third
    /// that is good at other pictures when there is time.
    #[must_use]
    pub fn standard() -> Self {
        Self::of(vec![
            (Turn::Every, Box::new(Plain)),
            (Turn::EverySecond, Box::new(Filtered)),
            (Turn::Slack, Box::new(Second)),
        ])
    }

    #[must_use]
    pub fn of(stages: Vec<(Turn, Box<dyn Decoder>)>) -> Self {
        Self { stages, pictures: 0 }
    }

    /// The text of a code in `luma`. `newer_waits` tells whether a newer picture is there already.
    pub fn read(&mut self, luma: &GrayImage, newer_waits: impl Fn() -> bool) -> Option<String> {
        let picture = self.pictures;
        self.pictures = self.pictures.wrapping_add(1);
        for (turn, decoder) in &mut self.stages {
            let looks = match turn {
                Turn::Every => true,
                Turn::EverySecond => picture.is_multiple_of(2),
                Turn::Slack => !newer_waits(),
            };
            if !looks {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| decoder.decode(luma))) {
                Ok(None) => {}
                Ok(Some(code)) => return Some(code),
                Err(_) => tracing::warn!(decoder = decoder.name(), "a decoder failed on a picture; it is passed over"),
            }
        }
        None
    }
}

/// Looks once, also for light codes on dark ground.
struct Plain;

impl Decoder for Plain {
    fn name(&self) -> &'static str {
        "rxing"
    }

    fn decode(&mut self, luma: &GrayImage) -> Option<String> {
        let (width, height) = luma.dimensions();
        let mut hints = DecodeHints { AlsoInverted: Some(true), ..DecodeHints::default() };
        let format = Some(BarcodeFormat::QR_CODE);
        helpers::detect_in_luma_slice_with_hints(luma.as_raw(), width, height, format, &mut hints)
            .ok()
            .map(|found| found.getText().to_owned())
            .filter(|text| !text.is_empty())
    }
}

/// Looks again at smaller and smoothed copies: slower, reads what is noisy or torn.
struct Filtered;

impl Decoder for Filtered {
    fn name(&self) -> &'static str {
        "rxing filtered"
    }

    fn decode(&mut self, luma: &GrayImage) -> Option<String> {
        let (width, height) = luma.dimensions();
        let format = Some(BarcodeFormat::QR_CODE);
        helpers::detect_in_luma_filtered(luma.as_raw().clone(), width, height, format)
            .ok()
            .map(|found| found.getText().to_owned())
            .filter(|text| !text.is_empty())
    }
}

/// An independent reader with other strengths.
struct Second;

impl Decoder for Second {
    fn name(&self) -> &'static str {
        "rqrr"
    }

    fn decode(&mut self, luma: &GrayImage) -> Option<String> {
        let (width, height) = luma.dimensions();
        let (stride, pixels) = (width as usize, luma.as_raw());
        let mut prepared =
            rqrr::PreparedImage::prepare_from_greyscale(stride, height as usize, |x, y| pixels[y * stride + x]);
        let grids = prepared.detect_grids();
        grids.iter().find_map(|grid| grid.decode().ok()).map(|(_, text)| text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Luma, imageops};
    use qrcode::{EcLevel, QrCode};

    /// As long as a printed ticket's code and of the same characters.
    pub(super) fn ticket() -> String {
        let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";
        (0..153_usize).map(|i| char::from(alphabet[(i * i + 7 * i) % alphabet.len()])).collect()
    }

    /// `text` as a code of `scale` pixels a module on a light ground of 640 × 480.
    fn drawn(text: &str, scale: u32) -> GrayImage {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let width = u32::try_from(code.width()).unwrap();
        let colors = code.to_colors();
        let mut picture = GrayImage::from_pixel(640, 480, Luma([230]));
        let (left, top) = ((640 - width * scale) / 2, (480 - width * scale) / 2);
        for y in 0..width * scale {
            for x in 0..width * scale {
                let module = (y / scale * width + x / scale) as usize;
                picture.put_pixel(left + x, top + y, Luma([colors[module].select(20, 230)]));
            }
        }
        picture
    }

    /// Turned by `degrees` around its middle, nearest pixel.
    fn turned(picture: &GrayImage, degrees: f32) -> GrayImage {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let (width, height) = picture.dimensions();
        let (cx, cy) = (f32::from(width as u16) / 2.0, f32::from(height as u16) / 2.0);
        GrayImage::from_fn(width, height, |x, y| {
            let (dx, dy) = (f32::from(x as u16) - cx, f32::from(y as u16) - cy);
            let (sx, sy) = (cos * dx + sin * dy + cx, cos * dy - sin * dx + cy);
            let inside = sx >= 0.0 && sy >= 0.0 && sx < f32::from(width as u16) && sy < f32::from(height as u16);
            if inside { *picture.get_pixel(sx as u32, sy as u32) } else { Luma([230]) }
        })
    }

    fn inverted(mut picture: GrayImage) -> GrayImage {
        imageops::invert(&mut picture);
        picture
    }

    fn reads(picture: &GrayImage) -> Option<String> {
        Cascade::standard().read(picture, || false)
    }

    #[test]
    fn a_ticket_is_read_however_it_is_held() {
        let ticket = ticket();
        assert_eq!(ticket.len(), 153);
        let plain = drawn(&ticket, 6);
        let cases = [
            ("straight", plain.clone()),
            ("on its side", imageops::rotate90(&plain)),
            ("upside down", imageops::rotate180(&plain)),
            ("askew", turned(&plain, 27.0)),
            ("light on dark", inverted(plain.clone())),
            ("blurred", imageops::blur(&plain, 1.5)),
            ("small", drawn(&ticket, 3)),
            ("small and askew", turned(&drawn(&ticket, 4), 11.0)),
        ];
        for (how, picture) in cases {
            assert_eq!(reads(&picture).as_deref(), Some(ticket.as_str()), "{how}");
        }
    }

    #[test]
    fn a_code_in_capitals_and_small_letters_is_read_as_it_is() {
        let text = "https://example.org/t/aZ09-_~ ü";
        assert_eq!(reads(&drawn(text, 6)).as_deref(), Some(text));
    }

    #[test]
    fn a_picture_without_a_code_gives_none() {
        let stripes = GrayImage::from_fn(320, 240, |x, _| Luma([if x % 8 < 4 { 0 } else { 255 }]));
        let noise = GrayImage::from_fn(320, 240, |x, y| {
            Luma([(x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2]])
        });
        let half = imageops::crop_imm(&drawn(&ticket(), 6), 0, 0, 320, 480).to_image();
        let empty = [GrayImage::new(320, 240), GrayImage::new(1, 1), GrayImage::new(0, 0), GrayImage::new(3, 400)];
        for picture in [stripes, noise, half].iter().chain(&empty) {
            assert_eq!(reads(picture), None, "{:?}", picture.dimensions());
        }
    }

    #[test]
    fn each_decoder_reads_by_itself() {
        let (ticket, picture) = (ticket(), drawn(&ticket(), 8));
        let decoders: [Box<dyn Decoder>; 3] = [Box::new(Plain), Box::new(Filtered), Box::new(Second)];
        for mut decoder in decoders {
            assert_eq!(decoder.decode(&picture).as_deref(), Some(ticket.as_str()), "{}", decoder.name());
        }
    }

    /// Panics at every picture.
    struct Broken;
    impl Decoder for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }
        fn decode(&mut self, _: &GrayImage) -> Option<String> {
            panic!("a decoder's own assertion")
        }
    }

    /// Reads the same in every picture.
    struct Sees(&'static str);
    impl Decoder for Sees {
        fn name(&self) -> &'static str {
            self.0
        }
        fn decode(&mut self, _: &GrayImage) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    #[test]
    fn a_decoder_that_panics_is_passed_over_each_time() {
        let mut cascade = Cascade::of(vec![(Turn::Every, Box::new(Broken)), (Turn::Every, Box::new(Sees("next")))]);
        for _ in 0..3 {
            assert_eq!(cascade.read(&GrayImage::new(8, 8), || true).as_deref(), Some("next"));
        }
    }

    #[test]
    fn the_thorough_decoder_looks_every_other_time_and_the_last_only_when_there_is_time() {
        let stages = || -> Vec<(Turn, Box<dyn Decoder>)> {
            vec![(Turn::EverySecond, Box::new(Sees("thorough"))), (Turn::Slack, Box::new(Sees("spare")))]
        };
        let picture = GrayImage::new(8, 8);
        let (mut idle, mut busy) = (Cascade::of(stages()), Cascade::of(stages()));
        let with_time: Vec<_> = (0..4).map(|_| idle.read(&picture, || false)).collect();
        let without: Vec<_> = (0..4).map(|_| busy.read(&picture, || true)).collect();
        let words = |texts: &[Option<&str>]| texts.iter().map(|t| t.map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(with_time, words(&[Some("thorough"), Some("spare"), Some("thorough"), Some("spare")]));
        assert_eq!(without, words(&[Some("thorough"), None, Some("thorough"), None]));
    }
}
