//! The camera: one thread takes pictures, one reads codes from them, and between the two only the newest picture
//! waits. Tells whoever listens what was seen; decides nothing about it.

mod decode;
mod folder;
mod gate;
mod mjpeg;
mod nokhwa;
mod source;

pub use self::nokhwa::{CameraChoice, Device, list};
pub use decode::{Cascade, Decoder, Turn};
pub use source::{CameraError, Frame, FrameSource, Look, Slot, Stop};

use crate::settings::CameraSource;
use base64::{Engine, engine::general_purpose::STANDARD};
use gate::Gate;
use image::{DynamicImage, codecs::jpeg::JpegEncoder};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};
use ts_rs::TS;
use willcall_domain::{
    clock::Clock,
    problem::{Code, Problem},
};

/// Between two attempts to open a source that failed.
const RETRY: Duration = Duration::from_secs(2);
/// A camera that has not stopped by then hangs in its driver.
const HANGS: Duration = Duration::from_secs(3);
/// Between two pictures on the screen, in milliseconds: at most eight a second.
const PREVIEW_EVERY_MS: u64 = 125;
/// The larger side of a picture on the screen: pixels.
const PREVIEW_SIDE: u32 = 480;
const PREVIEW_QUALITY: u8 = 65;
/// A picture that does not move is looked at so often; more changes nothing.
const LOOKS_AT_A_STILL: u32 = 4;

/// A small picture for the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CameraFrame {
    /// Base64.
    pub jpeg: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether to show it like a mirror.
    pub mirrored: bool,
}

/// A code that came before the camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CameraCode {
    pub code: String,
}

/// What the camera has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Frame(CameraFrame),
    Code(CameraCode),
    Problem(Problem),
}

/// Who is told.
pub type Listener = Arc<dyn Fn(Seen) + Send + Sync>;
/// Opens the source, on the thread it then lives on; again after it failed.
pub type Open = Box<dyn Fn() -> Result<Box<dyn FrameSource>, CameraError> + Send>;

/// The camera of this window, running or not.
pub struct Camera {
    clock: Arc<dyn Clock>,
    listener: Listener,
    running: Mutex<Option<Running>>,
    /// Held while one start or stop is under way, so that a camera is let go before it is taken again.
    changing: Mutex<()>,
}

struct Running {
    stop: Stop,
    /// Nothing is sent here: it is cut when the last thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Camera {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, listener: Listener) -> Self {
        Self { clock, listener, running: Mutex::new(None), changing: Mutex::new(()) }
    }

    /// Looks through `source` from now on; nothing else. Blocks while the last source ends.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&self, source: CameraSource) -> Result<(), Problem> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.end();
        match opening(source) {
            Some(open) => self.look_through(open, Cascade::standard()),
            None => Ok(()),
        }
    }

    /// Looks through what `open` opens and reads with `cascade`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn look_through(&self, open: Open, cascade: Cascade) -> Result<(), Problem> {
        let (stop, slot) = (Stop::default(), Arc::new(Slot::default()));
        let (alive, ended) = mpsc::channel::<()>();
        let taking = {
            let (stop, slot, listener) = (stop.clone(), Arc::clone(&slot), Arc::clone(&self.listener));
            let alive = alive.clone();
            move || {
                let (_alive, _closing) = (alive, Closing(&slot));
                take_pictures(&open, &stop, &slot, &listener);
            }
        };
        let reading = {
            let mut reader = Reader::new(Arc::clone(&self.clock), Arc::clone(&self.listener), cascade);
            move || {
                let _alive = alive;
                reader.read_all(&slot);
            }
        };
        let no_thread =
            |error: std::io::Error| Problem::new(Code::Unavailable, format!("The camera cannot be started ({error})."));
        thread::Builder::new().name("camera pictures".to_owned()).spawn(taking).map_err(no_thread)?;
        thread::Builder::new().name("camera codes".to_owned()).spawn(reading).map_err(|error| {
            stop.set();
            no_thread(error)
        })?;
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(Running { stop, ended });
        Ok(())
    }

    /// Ends what runs and waits until the camera is free for others, but not for one that hangs.
    pub fn stop(&self) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.end();
    }

    fn end(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(running) = running else { return };
        running.stop.set();
        if running.ended.recv_timeout(HANGS) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the camera does not answer; it is left alone");
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Closes the slot however the thread that fills it ends.
struct Closing<'a>(&'a Slot);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn opening(source: CameraSource) -> Option<Open> {
    fn boxed(source: impl FrameSource + 'static) -> Box<dyn FrameSource> {
        Box::new(source)
    }
    Some(match source {
        CameraSource::None => return None,
        CameraSource::Device { index } => Box::new(move || Device::open(index).map(boxed)),
        CameraSource::Folder { path } => Box::new(move || folder::Folder::open(Path::new(&path)).map(boxed)),
        CameraSource::Mjpeg { path } => Box::new(move || mjpeg::Mjpeg::open(Path::new(&path)).map(boxed)),
    })
}

/// Takes pictures until told to stop. A source that fails is opened again; each reason is said once.
fn take_pictures(open: &Open, stop: &Stop, slot: &Slot, listener: &Listener) {
    let mut said = None;
    let mut say = |error: Option<CameraError>| {
        if error != said
            && let Some(error) = &error
        {
            tracing::warn!(%error, "camera");
            listener(Seen::Problem(Problem::new(Code::Unavailable, error.to_string())));
        }
        said = error;
    };
    while !stop.is_set() {
        let ended = open().and_then(|mut source| {
            loop {
                match source.next(stop)? {
                    Look::Frame(frame) => {
                        say(None);
                        slot.put(frame);
                    }
                    Look::Trouble(error) => say(Some(error)),
                    Look::Stopped => return Ok(()),
                }
            }
        });
        if let Err(error) = ended {
            say(Some(error));
            let _ = stop.wait(RETRY);
        }
    }
}

/// Turns pictures into small ones for the screen and into codes.
struct Reader {
    clock: Arc<dyn Clock>,
    listener: Listener,
    cascade: Cascade,
    gate: Gate,
    previewed_at: Option<u64>,
    still: Option<Still>,
}

/// What is known of a picture that may come again.
struct Still {
    picture: Arc<DynamicImage>,
    looks: u32,
    code: Option<String>,
}

impl Reader {
    fn new(clock: Arc<dyn Clock>, listener: Listener, cascade: Cascade) -> Self {
        Self { clock, listener, cascade, gate: Gate::default(), previewed_at: None, still: None }
    }

    fn read_all(&mut self, slot: &Slot) {
        while let Some(frame) = slot.take() {
            self.preview(&frame);
            let Some(code) = self.code_in(&frame, slot) else { continue };
            if self.gate.lets_through(&code, frame.scene, self.clock.monotonic_ms()) {
                (self.listener)(Seen::Code(CameraCode { code }));
            }
        }
    }

    fn code_in(&mut self, frame: &Frame, slot: &Slot) -> Option<String> {
        let known = self.still.take().filter(|still| Arc::ptr_eq(&still.picture, &frame.picture));
        let mut still = known.unwrap_or_else(|| Still { picture: Arc::clone(&frame.picture), looks: 0, code: None });
        if still.code.is_none() && still.looks < LOOKS_AT_A_STILL {
            still.looks += 1;
            still.code = self.cascade.read(&frame.picture.to_luma8(), || slot.has_newer());
        }
        self.still.insert(still).code.clone()
    }

    fn preview(&mut self, frame: &Frame) {
        let now = self.clock.monotonic_ms();
        if self.previewed_at.is_some_and(|at| now.saturating_sub(at) < PREVIEW_EVERY_MS) {
            return;
        }
        self.previewed_at = Some(now);
        match small(frame) {
            Ok(picture) => (self.listener)(Seen::Frame(picture)),
            Err(error) => tracing::warn!(%error, "a picture cannot be shown"),
        }
    }
}

fn small(frame: &Frame) -> image::ImageResult<CameraFrame> {
    let picture = if frame.picture.width().max(frame.picture.height()) > PREVIEW_SIDE {
        frame.picture.thumbnail(PREVIEW_SIDE, PREVIEW_SIDE).to_rgb8()
    } else {
        frame.picture.to_rgb8()
    };
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, PREVIEW_QUALITY).encode_image(&picture)?;
    let (width, height) = picture.dimensions();
    Ok(CameraFrame { jpeg: STANDARD.encode(bytes), width, height, mirrored: frame.mirrored })
}

#[cfg(test)]
mod tests;
