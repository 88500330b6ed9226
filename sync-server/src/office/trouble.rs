//! Errors as pages of the office. The sentence follows from the code, in the reader's language; what the error says of
//! itself is for programs.

use super::words::{self, Words};
use crate::{
    http::{
        Failure, language,
        problem::{self, Shown},
        request_log::RequestId,
    },
    shop::assets::{self, Assets},
};
use askama::Template;
use axum::{extract::Request, http::StatusCode, middleware::Next, response::Response};
use willcall_domain::problem::Code;

#[derive(Template)]
#[template(path = "office/trouble.html")]
struct Page {
    w: &'static Words,
    assets: &'static Assets,
    tag: &'static str,
    title: &'static str,
    sentence: &'static str,
    /// Where to find it in the log.
    number: String,
}

/// Puts a page beside each failure; whether it is shown is decided where all errors leave the house.
pub async fn show(request: Request, next: Next) -> Response {
    let language = language::of(request.headers());
    let number = request.extensions().get::<RequestId>().map_or_else(String::new, |id| id.0.clone());
    let mut response = next.run(request).await;
    // An address with something else where a number should be is the address of nothing.
    if response.status() == StatusCode::BAD_REQUEST && problem::unsaid(&response).is_some() {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let failed = response.extensions().get::<Failure>().map(|failure| failure.problem().code);
    let Some(code) = failed.or_else(|| problem::unsaid(&response)) else { return response };
    let words = words::of(language);
    let (title, sentence) = says(code, words);
    let page = Page { w: words, assets: assets::assets(), tag: language::tag(language), title, sentence, number };
    match page.render() {
        Ok(html) => _ = response.extensions_mut().insert(Shown(html)),
        Err(error) => tracing::error!(%error, "an error page could not be made"),
    }
    response
}

fn says(code: Code, words: &'static Words) -> (&'static str, &'static str) {
    match code {
        Code::NotFound => (&words.trouble_not_found, &words.trouble_not_found_says),
        Code::Forbidden | Code::Unauthenticated | Code::Revoked | Code::Locked => {
            (&words.trouble_forbidden, &words.trouble_forbidden_says)
        }
        Code::Conflict
        | Code::SoldOut
        | Code::LeaseSpent
        | Code::TillSalesOff
        | Code::NotEnrolled
        | Code::NeedsLink
        | Code::Busy
        | Code::InDoubt => (&words.trouble_conflict, &words.trouble_conflict_says),
        Code::Invalid | Code::TooLarge | Code::Method | Code::Protocol | Code::Underpaid => {
            (&words.trouble_unread, &words.trouble_unread_says)
        }
        Code::TooManyRequests | Code::Unavailable | Code::NoLink => (&words.trouble_busy, &words.trouble_busy_says),
        Code::NotRecorded | Code::DiskFull | Code::Corrupt | Code::Internal => {
            (&words.trouble_internal, &words.trouble_internal_says)
        }
    }
}
