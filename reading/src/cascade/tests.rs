//! The cascade over pictures with and without codes, and over decoders that fail.

use super::*;
use image::{Luma, imageops};
use qrcode::{EcLevel, QrCode};

/// As long as a printed ticket's code and of the same characters.
fn ticket() -> String {
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ$%*-.";
    (0..153_usize).map(|i| char::from(alphabet[(i * i + 7 * i) % alphabet.len()])).collect()
}

/// `text` as a code of `scale` pixels a module in the middle of a light ground of 640 × 480.
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

fn all_decoders() -> Vec<Box<dyn Decoder>> {
    vec![
        Box::new(Grid(Sight::Softened)),
        Box::new(Grid(Sight::Halved)),
        Box::new(Grid(Sight::Sharp)),
        Box::new(Plain),
        Box::new(Filtered),
        Box::new(Second),
        #[cfg(feature = "zxing")]
        Box::new(crate::ZxingCpp),
    ]
}

fn read(cascade: &mut Cascade, picture: &GrayImage) -> Option<Reading> {
    cascade.read(picture, || false)
}

fn reads(picture: &GrayImage) -> Option<String> {
    read(&mut Cascade::standard(), picture).map(|reading| reading.text)
}

#[test]
fn a_ticket_is_read_however_it_is_held() {
    let ticket = ticket();
    let plain = drawn(&ticket, 6);
    let cases = [
        ("straight", plain.clone()),
        ("on its side", imageops::rotate90(&plain)),
        ("upside down", imageops::rotate180(&plain)),
        ("askew", turned(&plain, 27.0)),
        ("light on dark", inverted(plain.clone())),
        ("light on dark and askew", inverted(turned(&plain, 61.0))),
        ("blurred", imageops::blur(&plain, 1.5)),
        ("in a mirror", imageops::flip_horizontal(&plain)),
        ("small", drawn(&ticket, 3)),
        ("small and askew", turned(&drawn(&ticket, 4), 11.0)),
        ("large", drawn(&ticket, 11)),
    ];
    for (how, picture) in cases {
        assert_eq!(reads(&picture).as_deref(), Some(ticket.as_str()), "{how}");
    }
}

#[test]
fn a_code_in_capitals_and_small_letters_is_read_as_it_is() {
    for text in ["https://example.org/t/aZ09-_~ ü", "7", "A1", &"x".repeat(300)] {
        let scale = if text.len() > 100 { 4 } else { 8 };
        assert_eq!(reads(&drawn(text, scale)).as_deref(), Some(text));
    }
}

#[test]
fn a_picture_without_a_code_gives_none() {
    let stripes = GrayImage::from_fn(320, 240, |x, _| Luma([if x % 8 < 4 { 0 } else { 255 }]));
    let noise = GrayImage::from_fn(320, 240, |x, y| {
        Luma([(x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)).to_le_bytes()[2]])
    });
    let half = imageops::crop_imm(&drawn(&ticket(), 6), 0, 0, 320, 480).to_image();
    let sizes = [(320, 240), (1, 1), (0, 0), (0, 9), (3, 400), (400, 2), (23, 23), (24, 24), (25, 31)];
    for picture in [stripes, noise, half].into_iter().chain(sizes.map(|(w, h)| GrayImage::new(w, h))) {
        let size = picture.dimensions();
        assert_eq!(reads(&picture), None, "{size:?}");
        assert_eq!(read(&mut Cascade::thorough(), &picture), None, "{size:?}");
    }
}

#[test]
fn each_decoder_reads_by_itself_and_those_that_tell_the_corners_tell_them_right() {
    let (ticket, picture) = (ticket(), drawn(&ticket(), 8));
    let side = 8.0 * QrCode::with_error_correction_level(&ticket, EcLevel::M).unwrap().width() as f32;
    let (left, top) = ((640.0 - side) / 2.0, (480.0 - side) / 2.0);
    let corners = [(left, top), (left + side, top), (left + side, top + side), (left, top + side)];
    for mut decoder in all_decoders() {
        let name = decoder.name();
        let Look::Read(reading) = decoder.look(&picture) else { panic!("{name} reads nothing") };
        assert_eq!(reading.text, ticket, "{name}");
        for ((x, y), (wanted_x, wanted_y)) in reading.outline.into_iter().flatten().zip(corners) {
            assert!((x - wanted_x).hypot(y - wanted_y) < 12.0, "{name}: {:?}", reading.outline);
        }
        assert_eq!(reading.outline.is_none(), name == "rxing filtered", "{name}");
    }
}

#[test]
fn the_corners_turn_with_the_ticket() {
    let reading = read(&mut Cascade::standard(), &imageops::rotate180(&drawn(&ticket(), 6))).unwrap();
    let [first, second, ..] = reading.outline.unwrap();
    assert!(first.0 > 320.0 && first.1 > 240.0 && second.0 < 320.0, "{first:?} {second:?}");
}

/// Answers what it is told to.
struct Says(&'static str, fn() -> Look);

impl Decoder for Says {
    fn name(&self) -> &'static str {
        self.0
    }
    fn look(&mut self, _: &GrayImage) -> Look {
        (self.1)()
    }
}

fn text(text: &str) -> Look {
    Look::Read(Reading { text: text.to_owned(), outline: None })
}

#[test]
fn a_promising_picture_gives_the_others_their_turn_and_a_blank_one_seldom() {
    let turn = Turn { blank: 4, promising: 2, slack: false };
    let spare = Turn { slack: true, ..Turn::EVERY };
    let cascade = |first: fn() -> Look| {
        let thorough = Stage::new(turn, Says("thorough", || text("thorough")));
        Cascade::of(vec![
            Stage::new(Turn::EVERY, Says("", first)),
            thorough,
            Stage::new(spare, Says("", || text("spare"))),
        ])
    };
    let run = |mut cascade: Cascade, busy: bool| -> Vec<Option<String>> {
        let picture = GrayImage::new(8, 8);
        (0..4).map(|_| cascade.read(&picture, || busy).map(|reading| reading.text)).collect()
    };
    let words = |texts: [&str; 4]| texts.map(|text| (!text.is_empty()).then(|| text.to_owned())).to_vec();
    assert_eq!(run(cascade(|| Look::Nothing), true), words(["thorough", "", "", ""]));
    assert_eq!(run(cascade(|| Look::Promising), true), words(["thorough", "", "thorough", ""]));
    assert_eq!(run(cascade(|| Look::Nothing), false), words(["thorough", "spare", "spare", "spare"]));
}
