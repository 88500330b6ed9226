//! A QR code as the path of an SVG picture.

use crate::http::Failure;
use qrcode::{Color, EcLevel, QrCode};
use std::fmt::Write as _;

/// Modules around the code that stay white.
const QUIET: usize = 4;

/// Draw `path` in black on white in a box of `size` × `size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qr {
    pub size: usize,
    pub path: String,
}

/// The code of a text, level M.
///
/// # Errors
/// When the text is longer than a QR code holds.
pub fn of(text: &str) -> Result<Qr, Failure> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(Failure::internal)?;
    let width = code.width();
    let mut path = String::new();
    for (y, line) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        while let Some(start) = (x..width).find(|x| line[*x] == Color::Dark) {
            let end = (start..width).find(|x| line[*x] == Color::Light).unwrap_or(width);
            let run = end - start;
            _ = write!(path, "M{} {}h{run}v1h-{run}z", start + QUIET, y + QUIET);
            x = end;
        }
    }
    Ok(Qr { size: width + 2 * QUIET, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dark_module_is_drawn_and_no_light_one() {
        let text = r#"{"url":"https://tickets.example.org","token":"wce_1_2_0123456789abcdef"}"#;
        let (qr, code) = (of(text).unwrap(), QrCode::with_error_correction_level(text, EcLevel::M).unwrap());
        let drawn: usize = qr
            .path
            .split('M')
            .skip(1)
            .map(|run| run.split('h').nth(1).unwrap().split('v').next().unwrap().parse::<usize>().unwrap())
            .sum();
        let dark = code.to_colors().into_iter().filter(|c| *c == Color::Dark).count();
        assert_eq!(drawn, dark);
        assert_eq!(qr.size, code.width() + 8);
        assert!(of(&"x".repeat(5000)).is_err());
    }
}
