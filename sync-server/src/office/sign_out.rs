//! Signing out: the session ends here and its cookie in the browser.

use crate::{
    app::App,
    http::{Failure, StaffCaller, caller},
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};

/// `POST /office/sign-out`.
///
/// # Errors
/// When the database is away.
pub async fn sign_out(State(app): State<App>, caller: StaffCaller) -> Result<Response, Failure> {
    let cookie = caller::close_session(&app, &caller).await?;
    tracing::info!(organizer = caller.organizer.0, staff = caller.staff.0, "signed out");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/office/sign-in")).into_response())
}
