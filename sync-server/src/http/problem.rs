//! How an error leaves the house: one [`Problem`], as `application/problem+json`, or as a page for browsers. Inner
//! causes are logged once, with the request id, and never sent.

use super::request_log::RequestId;
use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::fmt::Write as _;
use willcall_domain::problem::{Code, Problem};

/// Why a request failed: what is told, and the cause that is only logged.
#[derive(Debug, Clone)]
pub struct Failure {
    problem: Box<Problem>,
    cause: Option<String>,
    /// Where a browser is sent instead of being shown the problem.
    sign_in: Option<String>,
    retry_after_s: Option<u64>,
    /// The database refused what was to be stored, whoever stores it and whenever.
    about_data: bool,
}

impl Failure {
    /// Something went wrong here; `cause` is for the log.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        let problem =
            Problem::new(Code::Internal, "Nothing was changed. Please try again; if it stays, tell us the request id.");
        Self { cause: Some(cause.to_string()), ..Self::from(problem) }
    }

    /// Sends browsers to sign in and back to `next`.
    #[must_use]
    pub fn sign_in(next: &str) -> Self {
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let problem = Problem::new(Code::Unauthenticated, "Your session is over or was never opened.");
        Self { sign_in: Some(format!("/office/sign-in?next={next}")), ..Self::from(problem) }
    }

    /// May be tried again after so many seconds.
    #[must_use]
    pub fn retry_after(problem: Problem, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..Self::from(problem) }
    }

    /// What is told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether the database refused the data itself: trying again does not help.
    #[must_use]
    pub fn is_about_data(&self) -> bool {
        self.about_data
    }

    /// What is only logged.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.problem)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, " ({cause})"))
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), cause: None, sign_in: None, retry_after_s: None, about_data: false }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // Cancelled by a timeout, lock not available, deadlock, serialization, shutting down, starting, full.
        const BUSY: [&str; 7] = ["57014", "55P03", "40P01", "40001", "57P01", "57P03", "53300"];
        let code = error.as_database_error().and_then(|inner| inner.code().map(String::from));
        // A value that is none, a constraint, a rule of ours.
        let about_data =
            code.as_ref().is_some_and(|code| ["22", "23", "P0"].iter().any(|class| code.starts_with(class)));
        let busy = code.is_some_and(|code| BUSY.contains(&code.as_str()))
            || matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::PoolClosed);
        let cause = Some(error.to_string());
        if busy {
            let problem = Problem::new(Code::Unavailable, "Too busy right now; nothing was changed. Please try again.");
            Self { cause, retry_after_s: Some(1), ..Self::from(problem) }
        } else {
            Self { cause, about_data, ..Self::internal("") }
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(format!("{error:#}"))
    }
}

impl From<crate::secrets::SecretsError> for Failure {
    fn from(error: crate::secrets::SecretsError) -> Self {
        Self::internal(error)
    }
}

/// How a part of the house shows a failure to browsers, in place of the plain page: whole HTML, put beside the [`Failure`]
/// into the answer's extensions. The answer's own headers are kept then.
#[derive(Debug, Clone)]
pub struct Shown(pub String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json(&self.problem);
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The outermost word on errors: gives every one the request id, logs its cause, and makes a page of it for browsers.
/// Errors that did not come from a handler (unknown address, wrong method, body too large, panic) become problems here.
pub async fn present(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let html = wants_html(request.uri().path(), request.headers());
    let mut response = next.run(request).await;
    let shown = response.extensions_mut().remove::<Shown>();
    let failure = match response.extensions_mut().remove::<Failure>() {
        Some(failure) => failure,
        None if unsaid(&response).is_some() => {
            let (parts, body) = response.into_parts();
            let failure = explain(parts.status, body).await;
            response = Response::from_parts(parts, Body::empty());
            failure
        }
        None => return response,
    };
    log(&failure, &id);
    if html && let Some(address) = &failure.sign_in {
        return axum::response::Redirect::to(address).into_response();
    }
    if let Some(Shown(body)) = shown.filter(|_| html) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response.headers_mut().remove(header::CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
        return response;
    }
    let mut problem = *failure.problem;
    problem.request_id = Some(id.0);
    let mut told = if html { page(&problem) } else { json(&problem) };
    for name in [header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = response.headers().get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    told
}

fn log(failure: &Failure, id: &RequestId) {
    let (code, cause) = (failure.problem.code.as_str(), failure.cause.as_deref().unwrap_or_default());
    if failure.problem.code.status() >= 500 {
        tracing::error!(request_id = %id.0, code, cause, "request failed");
    } else if !cause.is_empty() {
        tracing::info!(request_id = %id.0, code, cause, "request refused");
    }
}

/// What a framework's answer, not a handler's, means where it is an error nobody has put into words.
#[must_use]
pub fn unsaid(response: &Response) -> Option<Code> {
    let status = response.status();
    let plain = response.headers().get(header::CONTENT_TYPE).is_none_or(|t| t.as_bytes().starts_with(b"text/plain"));
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::Method,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::SERVICE_UNAVAILABLE => Code::Unavailable,
        s if s.is_server_error() => Code::Internal,
        s if s.is_client_error() => Code::Invalid,
        _ => return None,
    };
    plain.then_some(code)
}

/// Puts a framework's answer into words; what it said itself is for programs.
pub async fn explain(status: StatusCode, body: Body) -> Failure {
    let said = to_bytes(body, 4096).await.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
    let (code, detail) = match status {
        StatusCode::NOT_FOUND => (Code::NotFound, "There is no such page or thing.".to_owned()),
        StatusCode::METHOD_NOT_ALLOWED => (Code::Method, "Use one of the methods in the Allow header.".to_owned()),
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "Nothing was stored.".to_owned()),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (Code::Invalid, or(said.clone(), "That kind of content is not taken here."))
        }
        s if s.is_server_error() => {
            let code = if s == StatusCode::SERVICE_UNAVAILABLE { Code::Unavailable } else { Code::Internal };
            let failure = Failure::internal(said);
            let problem = Problem::new(code, failure.problem.detail.clone());
            return Failure { problem: Box::new(problem), ..failure };
        }
        // What is too large only once it is unpacked, or was sent without its length, is noticed while it is read.
        _ if said.contains("length limit exceeded") => (Code::TooLarge, "Nothing was stored.".to_owned()),
        _ => (Code::Invalid, or(said, "The request could not be read.")),
    };
    Failure::from(Problem::new(code, detail))
}

fn or(text: String, otherwise: &str) -> String {
    if text.trim().is_empty() { otherwise.to_owned() } else { text }
}

/// Whether a request with these headers is a browser's.
#[must_use]
pub fn wants_html(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
    !path.starts_with("/api/") && accepts.contains("text/html")
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn json(problem: &Problem) -> Response {
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status(problem), [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
}

fn page(problem: &Problem) -> Response {
    let (title, detail) = (escape(&problem.title), escape(&problem.detail));
    let id = escape(problem.request_id.as_deref().unwrap_or_default());
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;\
         padding:0 1rem;color-scheme:light dark}}small{{opacity:.7}}</style><h1>{title}</h1><p>{detail}</p>\
         <p><a href=\"/\">To the start page</a></p><p><small>{id}</small></p></html>"
    );
    (status(problem), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], body).into_response()
}

/// Text as it may stand in HTML, also within quotes.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' | '\'' => _ = write!(out, "&#{};", u32::from(c)),
            c => out.push(c),
        }
        out
    })
}
