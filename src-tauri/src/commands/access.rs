//! Who is at this station.

use crate::{App, host::window};
use willcall_domain::{
    access::view::{PeopleView, SignInRequest},
    problem::Problem,
};

/// # Errors
/// As the engine refuses.
pub async fn people(app: &App) -> Result<PeopleView, Problem> {
    let people = app.station()?.people().await?;
    if let Some(window) = app.voice.app() {
        window::fill_screen(&window, people.kiosk);
    }
    Ok(people)
}

/// # Errors
/// As the engine refuses.
pub async fn sign_in(app: &App, request: SignInRequest) -> Result<PeopleView, Problem> {
    app.station()?.sign_in(request).await
}

/// # Errors
/// As the engine refuses.
pub async fn sign_out(app: &App) -> Result<PeopleView, Problem> {
    app.station()?.sign_out().await
}
