//! Signing in: e-mail and password find the organizer. Whoever tries gets the same answer in the same time for an
//! unknown e-mail and a wrong password.

use super::{
    form::Typed,
    page::{self, within_office},
    store,
    words::{self, Words, fill},
};
use crate::{
    access::{
        password,
        staff::{self, Candidate},
    },
    app::App,
    http::{Client, Failure, Limit, StaffCaller, caller, language},
    shop::assets::{self, Assets},
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, Query, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use willcall_domain::problem::Code;

#[derive(Template)]
#[template(path = "office/sign_in.html")]
struct Page {
    w: &'static Words,
    assets: &'static Assets,
    tag: &'static str,
    error: String,
    /// Of the session there is already, where somebody signs in for another house; else empty.
    csrf: String,
    email: String,
    next: String,
    organizer: String,
    /// Address and name of the organizers among whom this person must choose.
    choices: Vec<(String, String)>,
    path: String,
    other_tag: &'static str,
    other_language: &'static str,
}

impl Page {
    fn new(headers: &HeaderMap, path: String) -> Self {
        let language = language::of(headers);
        let (other_tag, other_language) = page::other(language);
        Self {
            w: words::of(language),
            assets: assets::assets(),
            tag: language::tag(language),
            error: String::new(),
            csrf: String::new(),
            email: String::new(),
            next: String::new(),
            organizer: String::new(),
            choices: Vec::new(),
            path,
            other_tag,
            other_language,
        }
    }
}

/// What the address may say.
#[derive(Debug, Deserialize)]
pub struct Asked {
    #[serde(default)]
    next: String,
    #[serde(default)]
    organizer: String,
}

/// `GET /office`: to the desk of whoever is signed in.
///
/// # Errors
/// When nobody is (browsers are sent to sign in), or the database is away.
pub async fn way_in(State(app): State<App>, caller: StaffCaller) -> Result<Response, Failure> {
    let mut tx = app.begin(caller.organizer).await?;
    let slug = store::head(&mut tx).await?.slug;
    Ok(page::go(&format!("/office/{slug}")))
}

/// `GET /office/sign-in`.
///
/// # Errors
/// When the page cannot be made.
pub async fn show(State(app): State<App>, Query(asked): Query<Asked>, request: Request) -> Result<Response, Failure> {
    let (mut parts, _) = request.into_parts();
    let csrf = StaffCaller::from_request_parts(&mut parts, &app).await.map(|caller| caller.csrf).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or_else(String::new, |p| p.as_str().to_owned());
    let next = within_office(&asked.next).unwrap_or_default().to_owned();
    page::show(&Page { csrf, next, organizer: asked.organizer, ..Page::new(&parts.headers, path) })
}

/// `POST /office/sign-in`.
///
/// # Errors
/// When the database is away. Wrong and limited tries come back as the form.
pub async fn sign_in(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    typed: Typed,
) -> Result<Response, Failure> {
    let page = Page {
        csrf: typed.text("csrf").to_owned(),
        email: typed.text("email").trim().to_owned(),
        next: within_office(typed.text("next")).unwrap_or_default().to_owned(),
        organizer: typed.text("organizer").to_owned(),
        ..Page::new(&headers, "/office/sign-in".to_owned())
    };
    if let Err(limited) = within_limits(&app, &client, &page.email) {
        return too_often(page, limited);
    }
    let mut right = who(&app, &page, typed.text("password")).await?;
    match (right.len(), right.pop()) {
        (1, Some(candidate)) => open(&app, &page, &candidate).await,
        (_, None) => {
            tracing::info!("sign-in refused");
            let error = page.w.sign_in_wrong.clone();
            page::show_as(StatusCode::UNAUTHORIZED, &Page { error, ..page })
        }
        (_, Some(last)) => {
            right.push(last);
            let choices = right.into_iter().map(|c| (c.organizer_slug, c.organizer_name)).collect();
            let error = page.w.sign_in_choose.clone();
            page::show_refused(&Page { error, choices, ..page })
        }
    }
}

/// By where it comes from, so that nobody tries many people; by e-mail, so that nobody tries one from many places.
fn within_limits(app: &App, client: &Client, email: &str) -> Result<(), Failure> {
    let now_ms = app.clock.monotonic_ms();
    app.limits.check(Limit::SignIn, &client.to_string(), now_ms)?;
    app.limits.check(Limit::SignIn, &format!("e-mail {}", email.to_lowercase()), now_ms)
}

fn too_often(page: Page, limited: Failure) -> Result<Response, Failure> {
    if limited.problem().code != Code::TooManyRequests {
        return Err(limited);
    }
    let answer = limited.into_response();
    let wait = answer.headers().get(header::RETRY_AFTER).cloned().unwrap_or(HeaderValue::from_static("6"));
    let seconds = wait.to_str().unwrap_or("6").to_owned();
    let error = fill(&page.w.sign_in_limited, &[&seconds]);
    let mut shown = page::show_as(StatusCode::TOO_MANY_REQUESTS, &Page { error, ..page })?;
    shown.headers_mut().insert(header::RETRY_AFTER, wait);
    Ok(shown)
}

/// Those of the e-mail whose password this is.
async fn who(app: &App, page: &Page, typed: &str) -> Result<Vec<Candidate>, Failure> {
    let mut candidates = staff::candidates(app, &page.email).await?;
    candidates.retain(|c| page.organizer.is_empty() || c.organizer_slug == page.organizer);
    if candidates.is_empty() {
        password::verify_aside(typed.to_owned(), None).await;
    }
    let mut right = Vec::new();
    for candidate in candidates {
        if password::verify_aside(typed.to_owned(), Some(candidate.password_hash.clone())).await {
            right.push(candidate);
        }
    }
    Ok(right)
}

async fn open(app: &App, page: &Page, who: &Candidate) -> Result<Response, Failure> {
    let mut tx = app.begin(who.organizer).await?;
    let cookie = caller::open_session(app, &mut tx, who.staff).await?;
    tx.commit().await?;
    tracing::info!(organizer = who.organizer.0, staff = who.staff.0, "signed in");
    let home = format!("/office/{}", who.organizer_slug);
    let own =
        page.next == home || page.next.starts_with(&format!("{home}/")) || page.next.starts_with(&format!("{home}?"));
    let next = if own { &page.next } else { &home };
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}
