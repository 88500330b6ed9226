//! Who this station is, and its link.

use crate::App;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use willcall_domain::{devices::wire::StatusView, problem::Problem};

/// What the organizer gave: an address and a token, or both in one text in either field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EnrolForm {
    pub url: String,
    pub token: String,
}

/// Asked again and again, so that a station that could not be opened is tried again too.
///
/// # Errors
/// As the engine refuses.
pub async fn status(app: &App) -> Result<StatusView, Problem> {
    app.engine.open_again().await;
    let status = app.station()?.status().await?;
    Ok(with_settings_set_aside(status, app.settings.set_aside()))
}

/// # Errors
/// As the engine refuses.
pub async fn enrol(app: &App, form: EnrolForm) -> Result<StatusView, Problem> {
    app.station()?.enrol(&form.url, &form.token).await
}

/// # Errors
/// As the engine refuses.
pub async fn sync(app: &App) -> Result<StatusView, Problem> {
    app.station()?.sync_once().await?;
    status(app).await
}

/// Gives this device a new key, which the old one names in the journal.
///
/// # Errors
/// As the engine refuses.
pub async fn change_key(app: &App) -> Result<StatusView, Problem> {
    app.station()?.change_key().await
}

/// The user hears of a damaged settings file where a damaged database is told.
fn with_settings_set_aside(status: StatusView, said: Option<&str>) -> StatusView {
    let sentences = [status.recovered.as_deref(), said];
    let recovered = sentences.into_iter().flatten().collect::<Vec<_>>().join(" ");
    StatusView { recovered: Some(recovered).filter(|text| !text.is_empty()), ..status }
}
