//! Forms of the back office come from the back office: no handler can forget to check, for the check stands before all.

use super::{caller::StaffCaller, problem::Failure};
use crate::{app::App, secrets::same};
use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use willcall_domain::problem::{Code, Problem};

/// Lets a request that changes something pass only with the session's own `csrf` (form field or `x-csrf-token`).
/// Without a session there is nothing to protect: the handler asks for one, or is the sign-in form.
pub async fn csrf_guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    match checked(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

async fn checked(app: &App, request: Request) -> Result<Request, Failure> {
    let (mut parts, body) = request.into_parts();
    let too_large = |_| Problem::new(Code::TooLarge, "Nothing was stored.");
    let bytes = to_bytes(body, app.config.bind.max_body).await.map_err(too_large)?;
    let Some(caller) = StaffCaller::of(app, &parts.headers).await? else {
        return Ok(Request::from_parts(parts, Body::from(bytes)));
    };
    let header = parts.headers.get("x-csrf-token").and_then(|v| v.to_str().ok()).map(str::to_owned);
    let field =
        || url::form_urlencoded::parse(&bytes).find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned());
    let given = header.or_else(field).unwrap_or_default();
    if !same(given.as_bytes(), caller.csrf.as_bytes()) {
        let detail = "This form is from another session. Go back, reload the page and send it again.";
        return Err(Problem::new(Code::Forbidden, detail).into());
    }
    parts.extensions.insert(caller);
    Ok(Request::from_parts(parts, Body::from(bytes)))
}
