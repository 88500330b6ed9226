//! Turns pictures into codes and into small pictures for the screen.

use super::{
    CameraCode, CameraFrame, Listener, Seen,
    gate::Gate,
    source::{Frame, Slot, Taken},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use image::{DynamicImage, codecs::jpeg::JpegEncoder};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use willcall_domain::{
    clock::Clock,
    problem::{Code, Problem},
};
use willcall_reading::{Cascade, Reading};

/// Between two pictures on the screen, in milliseconds: at most eight a second.
const PREVIEW_EVERY_MS: u64 = 125;
/// The larger side of a picture on the screen: pixels.
pub const PREVIEW_SIDE: u32 = 480;
const PREVIEW_QUALITY: u8 = 65;
/// A picture that does not move is looked at so often; more changes nothing.
const LOOKS_AT_A_STILL: u32 = 4;

pub struct Reader {
    number: u32,
    clock: Arc<dyn Clock>,
    listener: Listener,
    cascade: Cascade,
    /// Shared with the other cameras of this window.
    gate: Arc<Mutex<Gate>>,
    previewed_at: Option<u64>,
    still: Option<Still>,
}

/// What is known of a picture that may come again.
struct Still {
    picture: Arc<DynamicImage>,
    looks: u32,
    reading: Option<Reading>,
}

impl Reader {
    pub fn new(
        number: u32,
        clock: Arc<dyn Clock>,
        listener: Listener,
        cascade: Cascade,
        gate: Arc<Mutex<Gate>>,
    ) -> Self {
        Self { number, clock, listener, cascade, gate, previewed_at: None, still: None }
    }

    /// Reads what comes until the slot is closed. Where nothing comes for `silent`, that is said once.
    pub fn read_all(&mut self, slot: &Slot, silent: Option<Duration>) {
        let mut said = false;
        loop {
            let frame = match slot.take(silent.filter(|_| !said)) {
                Taken::Frame(frame) => frame,
                Taken::Nothing => {
                    said = true;
                    self.say_silent();
                    continue;
                }
                Taken::Closed => return,
            };
            said = false;
            let reading = self.reading_in(&frame, slot);
            if let Some(reading) = &reading {
                let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
                if gate.lets_through(&reading.text, frame.scene, self.clock.monotonic_ms()) {
                    (self.listener)(Seen::Code(CameraCode { code: reading.text.clone() }));
                }
            }
            self.preview(&frame, reading.and_then(|reading| reading.outline));
        }
    }

    fn say_silent(&self) {
        let number = self.number;
        tracing::warn!(number, "the camera sends no pictures");
        let words = "The camera sends no pictures. Unplug it and plug it in again, or choose another one.";
        (self.listener)(Seen::Problem(Problem::new(Code::Unavailable, words)));
    }

    fn reading_in(&mut self, frame: &Frame, slot: &Slot) -> Option<Reading> {
        let known = self.still.take().filter(|still| Arc::ptr_eq(&still.picture, &frame.picture));
        let mut still = known.unwrap_or_else(|| Still { picture: Arc::clone(&frame.picture), looks: 0, reading: None });
        if still.reading.is_none() && still.looks < LOOKS_AT_A_STILL {
            still.looks += 1;
            still.reading = self.cascade.read(&frame.picture.to_luma8(), || slot.has_newer());
        }
        self.still.insert(still).reading.clone()
    }

    fn preview(&mut self, frame: &Frame, outline: Option<[(f32, f32); 4]>) {
        let now = self.clock.monotonic_ms();
        if self.previewed_at.is_some_and(|at| now.saturating_sub(at) < PREVIEW_EVERY_MS) {
            return;
        }
        self.previewed_at = Some(now);
        match small(frame) {
            Ok((jpeg, (width, height))) => {
                let size = (frame.picture.width() as f32, frame.picture.height() as f32);
                let outline = outline.map(|corners| corners.map(|(x, y)| [x / size.0, y / size.1]));
                let (camera, mirrored) = (self.number, frame.mirrored);
                (self.listener)(Seen::Frame(CameraFrame { camera, jpeg, width, height, mirrored, outline }));
            }
            Err(error) => tracing::warn!(%error, "a picture cannot be shown"),
        }
    }
}

fn small(frame: &Frame) -> image::ImageResult<(String, (u32, u32))> {
    let picture = if frame.picture.width().max(frame.picture.height()) > PREVIEW_SIDE {
        frame.picture.thumbnail(PREVIEW_SIDE, PREVIEW_SIDE).to_rgb8()
    } else {
        frame.picture.to_rgb8()
    };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, PREVIEW_QUALITY).encode_image(&picture)?;
    Ok((STANDARD.encode(bytes), picture.dimensions()))
}
