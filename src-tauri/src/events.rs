//! What the window hears without asking: changes from the engine, pictures and codes from the camera.

use crate::{
    commands::checkin::Trouble,
    engine::Step,
    host::{
        camera::{CameraCode, CameraFrame, Listener, Seen},
        printer::Printed,
        scanner::{self, Heard, ScannerCode},
        window,
    },
    typescript::Book,
};
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tauri::{AppHandle, Emitter};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use willcall_domain::problem::Problem;
use willcall_station::{Changed, Topic};

/// Speaks to the window once there is one.
#[derive(Debug, Clone, Default)]
pub struct Voice {
    app: Arc<OnceLock<AppHandle>>,
    /// What the camera last complained of; nothing once it sees again.
    camera: Arc<Mutex<Option<Problem>>>,
}

impl Voice {
    /// From now on what is said is heard.
    pub fn give(&self, app: AppHandle) {
        if self.app.set(app).is_err() {
            tracing::error!("a second window was opened; the first goes on hearing");
        }
    }

    /// Says that `topics` are to be fetched again.
    pub fn changed(&self, topics: &[Topic]) {
        self.say("changed", Changed { topics: topics.to_vec() });
    }

    /// Says that everything is to be fetched again.
    pub fn all_changed(&self) {
        self.changed(&[Topic::Status, Topic::Door, Topic::Till]);
    }

    /// Says what went wrong beside a verdict: a badge that was not printed, a turnstile that was not told.
    pub fn trouble(&self, trouble: Trouble) {
        self.say("door_trouble", trouble);
    }

    /// A badge left the printer.
    pub fn badge(&self, printed: Printed) {
        self.say("badge_printed", printed);
    }

    /// The window itself, once there is one.
    #[must_use]
    pub fn app(&self) -> Option<AppHandle> {
        self.app.get().cloned()
    }

    /// Brings the window before all others: somebody started the program again.
    pub fn come_forward(&self) {
        if let Some(app) = self.app.get() {
            window::come_forward(app);
        }
    }

    /// Says how far work is that needs the folder for itself.
    pub fn step(&self, step: Step) {
        self.say("engine_step", step);
    }

    /// What the camera sees is said.
    #[must_use]
    pub fn of_camera(&self) -> Listener {
        let voice = self.clone();
        Arc::new(move |seen| match seen {
            Seen::Frame(frame) => {
                *voice.complaint() = None;
                voice.say("camera_frame", frame);
            }
            Seen::Code(code) => voice.say("camera_code", code),
            Seen::Problem(problem) => {
                *voice.complaint() = Some(problem.clone());
                voice.say("camera_problem", problem);
            }
        })
    }

    /// What the scanner sends is said.
    #[must_use]
    pub fn of_scanner(&self) -> scanner::Listener {
        let voice = self.clone();
        Arc::new(move |heard| match heard {
            Heard::Code(code) => voice.say("scanner_code", code),
            Heard::Problem(problem) => voice.say("scanner_problem", Some(problem)),
            Heard::Works => voice.say("scanner_problem", None::<Problem>),
        })
    }

    /// What the camera last complained of; `None` when it sees, or was not asked yet.
    #[must_use]
    pub fn camera_trouble(&self) -> Option<Problem> {
        self.complaint().clone()
    }

    fn complaint(&self) -> MutexGuard<'_, Option<Problem>> {
        self.camera.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the engine's changes on until the engine is gone.
    pub async fn pass_on(self, mut changes: Receiver<Changed>) {
        loop {
            match changes.recv().await {
                Ok(changed) => {
                    if changed.topics.contains(&Topic::Show) {
                        self.come_forward();
                    }
                    self.say("changed", changed);
                }
                // Some were missed, so all may have changed.
                Err(RecvError::Lagged(_)) => self.all_changed(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Nobody hears before the window is there; it fetches all it shows when it opens.
    fn say(&self, event: &str, what: impl Serialize + Clone) {
        let Some(app) = self.app.get() else { return };
        if let Err(error) = app.emit(event, what) {
            tracing::warn!(event, %error, "the window did not hear");
        }
    }
}

/// Writes the events down for TypeScript.
pub fn describe(book: &mut Book) {
    book.event::<Changed>("changed");
    book.event::<Step>("engine_step");
    book.event::<Trouble>("door_trouble");
    book.event::<Printed>("badge_printed");
    book.event::<CameraFrame>("camera_frame");
    book.event::<CameraCode>("camera_code");
    book.event::<Problem>("camera_problem");
    book.event::<ScannerCode>("scanner_code");
    book.event::<Option<Problem>>("scanner_problem");
}
