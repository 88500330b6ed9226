//! What this window remembers.

use crate::{
    App,
    host::chooser::{self, ChooseForm},
    settings::Settings,
};
use willcall_domain::problem::{Code, Problem};
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

/// Asks whoever sits at the machine for a file or folder, by the system's own dialog; `None` where nothing was chosen.
///
/// # Errors
/// There is no window to ask from.
pub async fn choose(app: &App, form: ChooseForm) -> Result<Option<String>, Problem> {
    let none = || Problem::new(Code::Unavailable, "The system's dialog cannot be opened. Type the path instead.");
    chooser::choose(&app.voice.app().ok_or_else(none)?, form).await
}

/// The settings as the screens go by them: a camera named at the start goes before the one kept.
fn in_use(app: &App, settings: Settings) -> Settings {
    Settings { camera: app.camera_source(), ..settings }
}
