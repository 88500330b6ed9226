//! The cameras: for each one thread takes pictures, one reads codes from them, and between the two only the newest
//! picture waits. Tells whoever listens what was seen; decides nothing about it.

mod controls;
mod folder;
mod gate;
mod mjpeg;
mod nokhwa;
mod reader;
mod source;

pub use self::nokhwa::{CameraChoice, Device, list};
pub use controls::{CameraControl, ControlKind, Panel, SetControl};
pub use source::{CameraError, Frame, FrameSource, Look, Slot, Stop};

use crate::settings::CameraSource;
use gate::Gate;
use reader::Reader;
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
use willcall_reading::Cascade;

/// Between two attempts to open a source that failed.
const RETRY: Duration = Duration::from_secs(2);
/// A camera that has not stopped by then hangs in its driver.
const HANGS: Duration = Duration::from_secs(3);
/// A camera that has sent no picture for so long is said to be silent.
const SILENT: Duration = Duration::from_secs(5);

/// A small picture for the screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CameraFrame {
    /// Which of the cameras in use, from 0.
    pub camera: u32,
    /// Base64.
    pub jpeg: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Whether to show it like a mirror.
    pub mirrored: bool,
    /// The corners of the code that was read in this picture, as parts of its width and height, not mirrored: the upper
    /// left one as it was printed, then clockwise.
    pub outline: Option<[[f32; 2]; 4]>,
}

/// A code that came before the camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CameraCode {
    pub code: String,
}

/// What the camera has to say.
#[derive(Debug, Clone, PartialEq)]
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
    running: Mutex<Vec<Running>>,
    /// Held while one start or stop is under way, so that a camera is let go before it is taken again.
    changing: Mutex<()>,
}

struct Running {
    stop: Stop,
    panel: Panel,
    /// Nothing is sent here: it is cut when the last thread has ended.
    ended: mpsc::Receiver<()>,
}

impl Camera {
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, listener: Listener) -> Self {
        Self { clock, listener, running: Mutex::default(), changing: Mutex::new(()) }
    }

    /// Looks through all of `sources` from now on; nothing else. A ticket that several see is one reading. Blocks while
    /// the last sources end.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&self, sources: Vec<CameraSource>) -> Result<(), Problem> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.end();
        let gate = Arc::new(Mutex::new(Gate::default()));
        for (number, source) in (0..).zip(sources) {
            // A folder may rest for hours; a camera may not.
            let silent = matches!(source, CameraSource::Device { .. }).then_some(SILENT);
            if let Some(open) = opening(source, number) {
                self.look_through(Eye { number, open, silent, cascade: shipped(), gate: Arc::clone(&gate) })?;
            }
        }
        Ok(())
    }

    /// Looks through one more.
    ///
    /// # Errors
    /// The system gives no thread.
    fn look_through(&self, eye: Eye) -> Result<(), Problem> {
        let (stop, slot, panel) = (Stop::default(), Arc::new(Slot::default()), Panel::default());
        let (alive, ended) = mpsc::channel::<()>();
        let Eye { number, open, silent, cascade, gate } = eye;
        let taking = {
            let (stop, slot, listener) = (stop.clone(), Arc::clone(&slot), Arc::clone(&self.listener));
            let (alive, panel) = (alive.clone(), panel.clone());
            move || {
                let (_alive, _closing) = (alive, Closing(&slot));
                take_pictures(&open, &stop, &slot, &panel, &listener);
            }
        };
        let reading = {
            let (clock, listener) = (Arc::clone(&self.clock), Arc::clone(&self.listener));
            let mut reader = Reader::new(number, clock, listener, cascade, gate);
            move || {
                let _alive = alive;
                reader.read_all(&slot, silent);
            }
        };
        let no_thread =
            |error: std::io::Error| Problem::new(Code::Unavailable, format!("The camera cannot be started ({error})."));
        thread::Builder::new().name(format!("camera {number} pictures")).spawn(taking).map_err(no_thread)?;
        thread::Builder::new().name(format!("camera {number} codes")).spawn(reading).map_err(|error| {
            stop.set();
            no_thread(error)
        })?;
        self.running.lock().unwrap_or_else(PoisonError::into_inner).push(Running { stop, panel, ended });
        Ok(())
    }

    /// What can be set at the cameras that run.
    #[must_use]
    pub fn controls(&self) -> Vec<CameraControl> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().flat_map(|one| one.panel.offered()).collect()
    }

    /// Sets something at a camera that runs, with its next picture.
    ///
    /// # Errors
    /// It offers no such thing, or does not run.
    pub fn set(&self, wanted: &SetControl) -> Result<(), Problem> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let offers = |one: &&Running| one.panel.offered().iter().any(|control| control.camera == wanted.camera);
        let known = running.iter().find(offers).is_some_and(|one| one.panel.wish(&wanted.name, wanted.value));
        if known { Ok(()) } else { Err(Problem::new(Code::NotFound, "This camera has no such control.")) }
    }

    /// Ends what runs and waits until the camera is free for others, but not for one that hangs.
    pub fn stop(&self) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.end();
    }

    fn end(&self) {
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        running.iter().for_each(|one| one.stop.set());
        for one in running {
            if one.ended.recv_timeout(HANGS) == Err(mpsc::RecvTimeoutError::Timeout) {
                tracing::warn!("a camera does not answer; it is left alone");
            }
        }
    }
}

/// One of the sources looked through.
struct Eye {
    number: u32,
    open: Open,
    /// After how long without a picture that is said.
    silent: Option<Duration>,
    cascade: Cascade,
    gate: Arc<Mutex<Gate>>,
}

/// The decoders of this build.
fn shipped() -> Cascade {
    #[cfg(feature = "zxing")]
    return Cascade::with_zxing_cpp();
    #[cfg(not(feature = "zxing"))]
    Cascade::standard()
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

fn opening(source: CameraSource, number: u32) -> Option<Open> {
    fn boxed(source: impl FrameSource + 'static) -> Box<dyn FrameSource> {
        Box::new(source)
    }
    Some(match source {
        CameraSource::None => return None,
        CameraSource::Device { index } => Box::new(move || Device::open(index, number).map(boxed)),
        CameraSource::Folder { path } => Box::new(move || folder::Folder::open(Path::new(&path)).map(boxed)),
        CameraSource::Mjpeg { path } => Box::new(move || mjpeg::Mjpeg::open(Path::new(&path)).map(boxed)),
    })
}

/// Takes pictures until told to stop. A source that fails is opened again; each reason is said once.
fn take_pictures(open: &Open, stop: &Stop, slot: &Slot, panel: &Panel, listener: &Listener) {
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
            panel.offer(source.controls());
            loop {
                for (name, value) in panel.wishes() {
                    source.set(&name, value).unwrap_or_else(|error| say(Some(error)));
                }
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
        panel.offer(Vec::new());
        if let Err(error) = ended {
            say(Some(error));
            let _ = stop.wait(RETRY);
        }
    }
}

#[cfg(test)]
mod tests;
