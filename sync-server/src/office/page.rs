//! What is around every page, how a page becomes an answer, and the choice of language.

use super::words::Words;
use crate::{
    http::{Failure, language},
    shop::assets::Assets,
};
use askama::Template;
use axum::{
    extract::{Path, Query},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use willcall_domain::{
    paper::Language,
    problem::{Code, Problem},
};

/// What the layout shows.
#[derive(Debug, Clone)]
pub struct Frame {
    pub w: &'static Words,
    pub assets: &'static Assets,
    /// The style sheet of the organizer's accent.
    pub accent: Option<String>,
    pub tag: &'static str,
    /// Address of this organizer's desk.
    pub base: String,
    pub organizer: String,
    pub staff: String,
    pub csrf: String,
    pub may_edit: bool,
    /// Whether this person is an owner.
    pub owns: bool,
    pub cases: i64,
    pub here: &'static str,
    /// What was just done.
    pub done: Option<&'static str>,
    /// This page, to come back to.
    pub path: String,
    pub other_tag: &'static str,
    pub other_language: &'static str,
}

/// The language that is not `language`: its tag and its own name.
#[must_use]
pub fn other(language: Language) -> (&'static str, &'static str) {
    match language {
        Language::En => ("de", "Deutsch"),
        Language::De => ("en", "English"),
    }
}

/// A page.
///
/// # Errors
/// When the template fails.
pub fn show(page: &impl Template) -> Result<Response, Failure> {
    show_as(StatusCode::OK, page)
}

/// A form that comes back with what is wrong beside its fields.
///
/// # Errors
/// When the template fails.
pub fn show_refused(page: &impl Template) -> Result<Response, Failure> {
    show_as(StatusCode::UNPROCESSABLE_ENTITY, page)
}

/// A page with a status of its own.
///
/// # Errors
/// When the template fails.
pub fn show_as(status: StatusCode, page: &impl Template) -> Result<Response, Failure> {
    let body = page.render().map_err(Failure::internal)?;
    Ok((status, Html(body)).into_response())
}

/// To another page of the office, by GET.
#[must_use]
pub fn go(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// An address within the office that may be gone to; `None` for anything that could lead elsewhere.
#[must_use]
pub fn within_office(address: &str) -> Option<&str> {
    let inside = address == "/office" || address.starts_with("/office/");
    let plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (inside && plain && !address.contains("//")).then_some(address)
}

/// Where to go back to.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    next: String,
}

/// `GET /office/language/{language}`: keeps the choice and goes back.
///
/// # Errors
/// When there is no such language.
pub async fn choose_language(Path(chosen): Path<String>, Query(back): Query<Back>) -> Result<Response, Failure> {
    let unknown = || Problem::new(Code::NotFound, "There is no such language.");
    let chosen = Language::of_tag(&chosen).ok_or_else(unknown)?;
    let next = within_office(&back.next).unwrap_or("/office");
    Ok(([(header::SET_COOKIE, language::set_cookie(chosen))], Redirect::to(next)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_only_sent_on_within_the_office() {
        for inside in ["/office", "/office/a/orders?q=x", "/office/sign-in"] {
            assert_eq!(within_office(inside), Some(inside));
        }
        for elsewhere in [
            "",
            "/",
            "/officer",
            "//evil.example",
            "/office//evil",
            "https://evil.example/office/",
            "/office/\\evil",
            "/office/\r\nSet-Cookie:x",
        ] {
            assert_eq!(within_office(elsewhere), None, "{elsewhere:?}");
        }
    }
}
