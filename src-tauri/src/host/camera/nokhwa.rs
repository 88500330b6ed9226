//! A camera of this machine. Owns the talk with the camera library, which knows each system's own interface.

use super::{
    controls::{CameraControl, ControlKind},
    source::{CameraError, Frame, FrameSource, Look, Stop},
};
use image::DynamicImage;
use nokhwa::{
    Buffer, Camera, NokhwaError,
    pixel_format::RgbFormat,
    utils::{
        ApiBackend, CameraFormat, CameraIndex, ControlValueDescription, ControlValueSetter, FrameFormat,
        KnownCameraControl, KnownCameraControlFlag, RequestedFormat, RequestedFormatType, Resolution,
    },
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
    /// Which of the cameras in use it is.
    number: u32,
    camera: Camera,
    spoilt: u32,
}

impl Device {
    /// Opens camera `index` near 1280 × 720, the size codes are read best at for the time it takes.
    ///
    /// # Errors
    /// There is no such camera, or another program uses it.
    pub fn open(index: u32, number: u32) -> Result<Self, CameraError> {
        ask_permission();
        let near = CameraFormat::new(Resolution::new(1280, 720), FrameFormat::MJPEG, 30);
        let wishes = [RequestedFormatType::Closest(near), RequestedFormatType::AbsoluteHighestFrameRate];
        let mut refusal = None;
        for wish in wishes {
            match Camera::new(CameraIndex::Index(index), RequestedFormat::new::<RgbFormat>(wish)) {
                Ok(camera) => return Self::over(index, number, camera),
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
    pub fn over(index: u32, number: u32, mut camera: Camera) -> Result<Self, CameraError> {
        camera.open_stream().map_err(|error| lost(index, &error))?;
        Ok(Self { index, number, camera, spoilt: 0 })
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

    fn controls(&mut self) -> Vec<CameraControl> {
        let offered = self.camera.camera_controls().unwrap_or_else(|error| {
            tracing::debug!(index = self.index, %error, "the camera does not say what can be set");
            Vec::new()
        });
        offered.iter().filter_map(|control| offer(self.number, control)).collect()
    }

    fn set(&mut self, name: &str, value: i64) -> Result<(), CameraError> {
        let refused = |reason: String| CameraError::Control { name: name.to_owned(), reason };
        let offered = self.camera.camera_controls().map_err(|error| refused(error.to_string()))?;
        let control =
            offered.iter().find(|control| control.name() == name).ok_or_else(|| refused("there is none".to_owned()))?;
        let setter = if matches!(control.description(), ControlValueDescription::Boolean { .. }) {
            ControlValueSetter::Boolean(value != 0)
        } else {
            ControlValueSetter::Integer(value)
        };
        self.camera.set_camera_control(control.control(), setter).map_err(|error| refused(error.to_string()))
    }
}

/// Switches and ranges of whole numbers can be set; what the camera decides by itself cannot.
fn offer(camera: u32, control: &nokhwa::utils::CameraControl) -> Option<CameraControl> {
    let fixed = [KnownCameraControlFlag::ReadOnly, KnownCameraControlFlag::Disabled];
    if control.flag().iter().any(|flag| fixed.contains(flag)) {
        return None;
    }
    let (min, max, step, value) = match *control.description() {
        ControlValueDescription::IntegerRange { min, max, value, step, .. } if max > min => {
            (min, max, step.max(1), value)
        }
        ControlValueDescription::Boolean { value, .. } => (0, 1, 1, i64::from(value)),
        ControlValueDescription::None
        | ControlValueDescription::Integer { .. }
        | ControlValueDescription::IntegerRange { .. }
        | ControlValueDescription::Float { .. }
        | ControlValueDescription::FloatRange { .. }
        | ControlValueDescription::String { .. }
        | ControlValueDescription::Bytes { .. }
        | ControlValueDescription::KeyValuePair { .. }
        | ControlValueDescription::Point { .. }
        | ControlValueDescription::Enum { .. }
        | ControlValueDescription::RGB { .. } => return None,
    };
    let name = control.name().to_owned();
    Some(CameraControl { camera, kind: kind(control.control(), &name), name, min, max, step, value })
}

/// Lamps and absolute focus have no number that all systems share: their names say it.
fn kind(control: KnownCameraControl, name: &str) -> ControlKind {
    let known = [
        (KnownCameraControl::Focus, ControlKind::Focus),
        (KnownCameraControl::Zoom, ControlKind::Zoom),
        (KnownCameraControl::Exposure, ControlKind::Exposure),
        (KnownCameraControl::Brightness, ControlKind::Brightness),
    ];
    let words = [
        ("torch", ControlKind::Torch),
        ("flash", ControlKind::Torch),
        ("lamp", ControlKind::Torch),
        ("focus", ControlKind::Focus),
        ("zoom", ControlKind::Zoom),
        ("exposure", ControlKind::Exposure),
    ];
    let name = name.to_ascii_lowercase();
    let by_number = known.into_iter().find(|(known, _)| *known == control).map(|(_, kind)| kind);
    let by_name = || words.into_iter().find(|(word, _)| name.contains(word)).map(|(_, kind)| kind);
    by_number.or_else(by_name).unwrap_or(ControlKind::Other)
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
