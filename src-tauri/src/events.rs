//! What the window hears without asking: changes from the engine, pictures and codes from the camera.

use crate::{
    engine::Step,
    host::camera::{CameraCode, CameraFrame, Listener, Seen},
    typescript::Book,
};
use serde::Serialize;
use std::sync::{Arc, OnceLock};
use tauri::{AppHandle, Emitter};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use willcall_domain::problem::Problem;
use willcall_station::{Changed, Topic};

/// Speaks to the window once there is one.
#[derive(Debug, Clone, Default)]
pub struct Voice(Arc<OnceLock<AppHandle>>);

impl Voice {
    /// From now on what is said is heard.
    pub fn give(&self, app: AppHandle) {
        if self.0.set(app).is_err() {
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

    /// Says how far work is that needs the folder for itself.
    pub fn step(&self, step: Step) {
        self.say("engine_step", step);
    }

    /// What the camera sees is said.
    #[must_use]
    pub fn of_camera(&self) -> Listener {
        let voice = self.clone();
        Arc::new(move |seen| match seen {
            Seen::Frame(frame) => voice.say("camera_frame", frame),
            Seen::Code(code) => voice.say("camera_code", code),
            Seen::Problem(problem) => voice.say("camera_problem", problem),
        })
    }

    /// Passes the engine's changes on until the engine is gone.
    pub async fn pass_on(self, mut changes: Receiver<Changed>) {
        loop {
            match changes.recv().await {
                Ok(changed) => self.say("changed", changed),
                // Some were missed, so all may have changed.
                Err(RecvError::Lagged(_)) => self.all_changed(),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Nobody hears before the window is there; it fetches all it shows when it opens.
    fn say(&self, event: &str, what: impl Serialize + Clone) {
        let Some(app) = self.0.get() else { return };
        if let Err(error) = app.emit(event, what) {
            tracing::warn!(event, %error, "the window did not hear");
        }
    }
}

/// Writes the events down for TypeScript.
pub fn describe(book: &mut Book) {
    book.event::<Changed>("changed");
    book.event::<Step>("engine_step");
    book.event::<CameraFrame>("camera_frame");
    book.event::<CameraCode>("camera_code");
    book.event::<Problem>("camera_problem");
}
