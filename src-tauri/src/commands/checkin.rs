//! The door.

use crate::App;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use willcall_domain::{
    checkin::wire::{DoorView, FoundTicket, ScanRequest, UndoRequest, VerdictView},
    id::ListId,
    problem::Problem,
};

/// A search for tickets one list could admit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SearchRequest {
    pub list_id: ListId,
    /// At least two letters of a name or an order code.
    pub text: String,
}

/// # Errors
/// As the engine refuses.
pub async fn door(app: &App) -> Result<DoorView, Problem> {
    app.station()?.door().await
}

/// Decides, and lets the verdict be heard.
///
/// # Errors
/// As the engine refuses; then nothing is heard.
pub async fn scan(app: &App, request: ScanRequest) -> Result<VerdictView, Problem> {
    let verdict = app.station()?.scan(request).await?;
    if app.settings.get().sounds {
        app.speaker.play(verdict.class, verdict.direction);
    }
    Ok(verdict)
}

/// Undoes a scan; answers the door as it is then.
///
/// # Errors
/// As the engine refuses.
pub async fn undo(app: &App, request: UndoRequest) -> Result<DoorView, Problem> {
    let station = app.station()?;
    station.undo(request).await?;
    station.door().await
}

/// # Errors
/// As the engine refuses.
pub async fn search(app: &App, request: SearchRequest) -> Result<Vec<FoundTicket>, Problem> {
    app.station()?.search(request.list_id, &request.text).await
}
