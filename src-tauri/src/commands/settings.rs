//! What this window remembers.

use crate::{App, settings::Settings};
use willcall_domain::problem::Problem;
use willcall_station::Topic;

/// # Errors
/// Never.
pub async fn get(app: &App) -> Result<Settings, Problem> {
    Ok(in_use(app, app.settings.get()))
}

/// # Errors
/// A wish is not possible, or the file cannot be written.
pub async fn save(app: &App, wanted: Settings) -> Result<Settings, Problem> {
    // The camera named at the start is for this run; the one kept stays as it is.
    let wanted = match &app.camera_by_hand {
        Some(by_hand) if wanted.camera == *by_hand => Settings { camera: app.settings.get().camera, ..wanted },
        Some(_) | None => wanted,
    };
    let kept = app.settings.save(wanted)?;
    app.voice.changed(&[Topic::Settings]);
    Ok(in_use(app, kept))
}

/// The settings as the screens go by them: a camera named at the start goes before the one kept.
fn in_use(app: &App, settings: Settings) -> Settings {
    Settings { camera: app.camera_source(), ..settings }
}
