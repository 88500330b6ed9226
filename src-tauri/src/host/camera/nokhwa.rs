//! A camera of this machine. Owns the talk with the camera library, which knows each system's own interface.

use super::source::{CameraError, Frame, FrameSource, Look, Stop};
use image::DynamicImage;
use nokhwa::{
    Buffer, Camera, NokhwaError,
    pixel_format::RgbFormat,
    utils::{ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution},
};
use serde::{Deserialize, Serialize};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Once},
    time::Duration,
};
use ts_rs::TS;

/// Cheap cameras spoil a picture now and then; so many in a row mean that it is gone.
const SPOILT_IN_A_ROW: u32 = 30;
/// Between two attempts after a spoilt picture, so that a dead camera does not keep a core busy.
const AFTER_SPOILT: Duration = Duration::from_millis(30);

/// One camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CameraChoice {
    pub index: u32,
    /// As the system calls it.
    pub name: String,
}

/// The cameras of this machine; none where the system has no way to list them.
#[must_use]
pub fn list() -> Vec<CameraChoice> {
    ask_permission();
    let cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_else(|error| {
        tracing::warn!(%error, "cameras cannot be listed");
        Vec::new()
    });
    let choice = |info: &nokhwa::utils::CameraInfo| match info.index() {
        CameraIndex::Index(index) => Some(CameraChoice { index: *index, name: info.human_name() }),
        CameraIndex::String(_) => None,
    };
    let mut choices: Vec<_> = cameras.iter().filter_map(choice).collect();
    choices.sort_by_key(|choice| choice.index);
    choices
}

/// Some systems let a program see nothing before its user agreed.
fn ask_permission() {
    static ASKED: Once = Once::new();
    ASKED.call_once(|| {
        nokhwa::nokhwa_initialize(|allowed| {
            if !allowed {
                tracing::warn!("the system does not let this program use cameras");
            }
        });
    });
}

/// An open camera.
pub struct Device {
    index: u32,
    camera: Camera,
    spoilt: u32,
}

impl Device {
    /// Opens camera `index` near 1280 × 720, the size codes are read best at for the time it takes.
    ///
    /// # Errors
    /// There is no such camera, or another program uses it.
    pub fn open(index: u32) -> Result<Self, CameraError> {
        ask_permission();
        let near = CameraFormat::new(Resolution::new(1280, 720), FrameFormat::MJPEG, 30);
        let wishes = [RequestedFormatType::Closest(near), RequestedFormatType::AbsoluteHighestFrameRate];
        let mut refusal = None;
        for wish in wishes {
            match Camera::new(CameraIndex::Index(index), RequestedFormat::new::<RgbFormat>(wish)) {
                Ok(camera) => return Self::over(index, camera),
                Err(error) => refusal = Some(error),
            }
        }
        let reason = refusal.map_or_else(String::new, |error| error.to_string());
        Err(CameraError::Device { index, reason })
    }

    /// Begins to look through `camera`.
    ///
    /// # Errors
    /// It does not start.
    pub fn over(index: u32, mut camera: Camera) -> Result<Self, CameraError> {
        camera.open_stream().map_err(|error| lost(index, &error))?;
        Ok(Self { index, camera, spoilt: 0 })
    }
}

impl FrameSource for Device {
    fn next(&mut self, stop: &Stop) -> Result<Look, CameraError> {
        while !stop.is_set() {
            let buffer = self.camera.frame().map_err(|error| lost(self.index, &error))?;
            match decode(&buffer) {
                Ok(picture) => {
                    self.spoilt = 0;
                    return Ok(Look::Frame(Frame { picture: Arc::new(picture), scene: 0, mirrored: true }));
                }
                Err(reason) if self.spoilt >= SPOILT_IN_A_ROW => {
                    return Err(CameraError::Device { index: self.index, reason });
                }
                Err(reason) => {
                    tracing::debug!(index = self.index, reason, "spoilt picture");
                    self.spoilt += 1;
                    let _ = stop.wait(AFTER_SPOILT);
                }
            }
        }
        Ok(Look::Stopped)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Err(error) = self.camera.stop_stream() {
            tracing::debug!(index = self.index, %error, "camera did not stop in order");
        }
    }
}

fn lost(index: u32, error: &NokhwaError) -> CameraError {
    CameraError::Device { index, reason: error.to_string() }
}

/// The library's JPEG decoder reports some damage by a panic; a spoilt picture must not end the camera.
fn decode(buffer: &Buffer) -> Result<DynamicImage, String> {
    match catch_unwind(AssertUnwindSafe(|| buffer.decode_image::<RgbFormat>())) {
        Ok(Ok(picture)) => Ok(DynamicImage::ImageRgb8(picture)),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the picture is damaged".to_owned()),
    }
}
