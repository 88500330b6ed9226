//! The desktop window of a station: a skin. It opens the engine, shows the screens, and lends the engine's answers a
//! camera, a loudspeaker and a printer. What is right is decided in the engine and in the domain.

pub mod commands;
pub mod engine;
pub mod events;
pub mod host;
pub mod settings;
mod start;
pub mod typescript;

pub use start::main;

use engine::Engine;
use events::Voice;
use host::{camera::Camera, printer::Printer, scanner::Scanner, sound::Speaker};
use settings::{CameraSource, SettingsFile};
use std::sync::Arc;
use willcall_domain::problem::Problem;
use willcall_station::Station;

/// All that commands work with.
pub struct App {
    pub engine: Engine,
    pub settings: SettingsFile,
    pub camera: Arc<Camera>,
    pub scanner: Arc<Scanner>,
    pub speaker: Speaker,
    pub printer: Printer,
    pub voice: Voice,
    /// Named when the program was started: goes before the settings.
    pub camera_by_hand: Option<CameraSource>,
}

impl App {
    /// The station in use.
    ///
    /// # Errors
    /// See [`Engine::station`].
    pub fn station(&self) -> Result<Station, Problem> {
        self.engine.station()
    }

    /// The camera to look through.
    #[must_use]
    pub fn camera_source(&self) -> CameraSource {
        self.camera_by_hand.clone().unwrap_or_else(|| self.settings.get().camera)
    }

    /// All cameras to look through, each once.
    #[must_use]
    pub fn camera_sources(&self) -> Vec<CameraSource> {
        let mut sources = vec![self.camera_source()];
        for more in self.settings.get().more_cameras {
            if more != CameraSource::None && !sources.contains(&more) {
                sources.push(more);
            }
        }
        sources
    }
}
