//! The whole decision, from the camera on: a frame with the ticket's code in hand, read as the window reads it, decided
//! and recorded.

use anyhow::{Context, ensure};
use image::{GrayImage, Luma};
use qrcode::{Color, EcLevel, QrCode};
use std::time::Duration;
use tokio::time::Instant;
use willcall_domain::checkin::wire::{ScanRequest, VerdictView};
use willcall_reading::Cascade;
use willcall_station::Station;

/// Of a frame, in pixels.
const SIZE: (u32, u32) = (1280, 720);
/// Of a module, in pixels: a ticket held out at arm's length.
const MODULE: u32 = 5;
/// Light modules that belong to the code.
const QUIET: u32 = 4;

/// The code of a ticket before a camera: sharp, on a grey ground that darkens to one side.
///
/// # Errors
/// When it does not fit a code or the frame.
pub fn draw(code: &str) -> anyhow::Result<GrayImage> {
    let symbol = QrCode::with_error_correction_level(code, EcLevel::M)?;
    let modules = u32::try_from(symbol.width())?;
    let side = (modules + 2 * QUIET) * MODULE;
    ensure!(side < SIZE.1, "a code of {modules} modules is too large for the frame");
    let colors = symbol.to_colors();
    let (left, top) = ((SIZE.0 - side) / 2, (SIZE.1 - side) / 2);
    Ok(GrayImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let ground = 70 + u8::try_from(x * 60 / SIZE.0).unwrap_or(0);
        let inside = |at: u32, from: u32| at.checked_sub(from).filter(|within| *within < side);
        let (Some(x), Some(y)) = (inside(x, left), inside(y, top)) else { return Luma([ground]) };
        let module = |at: u32| (at / MODULE).checked_sub(QUIET).filter(|at| *at < modules);
        let dark = match (module(x), module(y)) {
            (Some(x), Some(y)) => colors.get((y * modules + x) as usize) == Some(&Color::Dark),
            _ => false,
        };
        Luma([if dark { 35 } else { 215 }])
    }))
}

/// Reads the frame and asks the door about what it says; how long all of it took.
///
/// # Errors
/// When the frame cannot be read, or there is no verdict.
pub async fn scan(
    door: &Station,
    cascade: &mut Cascade,
    frame: &GrayImage,
    ask: impl FnOnce(String) -> ScanRequest,
) -> anyhow::Result<(VerdictView, Duration)> {
    let began = Instant::now();
    // The window has a thread of its own for this.
    let read = tokio::task::block_in_place(|| cascade.read(frame, || false)).context("a sharp frame was not read")?;
    let verdict = door.scan(ask(read.text)).await.map_err(super::said)?;
    Ok((verdict, began.elapsed()))
}
