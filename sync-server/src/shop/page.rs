//! From a template to an answer: headers every page has, the language of whoever asks, and pages for what goes wrong.

use super::{
    view::{Chrome, Tongue},
    words::fill,
};
use crate::{
    app::App,
    catalog::{self, Seller, ShopEvent},
    http::{
        Failure,
        problem::{self, Shown},
        request_log::RequestId,
    },
    tx::Tx,
};
use askama::Template;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use willcall_domain::paper::Language;

/// No script, nothing from elsewhere, no frame around us, forms to ourselves only.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Who may keep a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Anybody, if they ask again before they show it.
    Revalidate,
    /// Nobody: it has a person's data or somebody's cart on it.
    Nobody,
}

/// Renders a page.
///
/// # Errors
/// When the template fails.
pub fn page(status: StatusCode, keep: Keep, template: &impl Template) -> Result<Response, Failure> {
    let html = template.render().map_err(Failure::internal)?;
    let mut response = (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
    let cache = match keep {
        Keep::Revalidate => "no-cache",
        Keep::Nobody => "no-store",
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, cache),
        // An order's address is its key: it goes to nobody else. Our own forms still say where they come from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "accept-language"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

impl Tongue {
    /// `?lang=` first, then what the browser prefers, then English.
    #[must_use]
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default();
        let asked = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "lang");
        if let Some(language) = asked.and_then(|(_, value)| Language::of_tag(&value)) {
            return Self { language, chosen: true };
        }
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        Self { language: preferred(accepted).unwrap_or_default(), chosen: false }
    }
}

/// The best language of an `Accept-Language` that there are words for.
fn preferred(accepted: &str) -> Option<Language> {
    let wish = |part: &str| {
        let mut pieces = part.split(';');
        let language = Language::of_tag(pieces.next()?.trim())?;
        let weight = pieces.find_map(|p| p.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
        (weight > 0.0).then_some((language, weight))
    };
    // The first of equals wins, as it stands first.
    let better = |best: Option<(Language, f32)>, next: (Language, f32)| match best {
        Some(best) if best.1 >= next.1 => Some(best),
        _ => Some(next),
    };
    accepted.split(',').filter_map(wish).fold(None, better).map(|(language, _)| language)
}

/// What every shop page knows of its request.
#[derive(Debug, Clone)]
pub struct Visit {
    pub tongue: Tongue,
    pub path: String,
    /// Without `lang`, decoded.
    pub query: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "lang").take(600);
        Ok(Self {
            tongue: Tongue::of(&parts.uri, &parts.headers),
            path: parts.uri.path().to_owned(),
            query: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
        })
    }
}

impl Visit {
    /// This page's own address, without the language.
    #[must_use]
    pub fn here(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }
}

/// Why a page cannot be shown.
#[derive(Debug)]
pub enum Trouble {
    /// There is nothing at this address.
    NotFound(Tongue),
    /// A form that did not come from a page of ours.
    Foreign(Tongue),
    Failed(Tongue, Failure),
}

impl Trouble {
    /// Turns failures into a page in the visitor's language.
    pub fn of(tongue: Tongue) -> impl Fn(Failure) -> Self {
        move |failure| Self::Failed(tongue, failure)
    }

    /// The same for a store's errors.
    pub fn sql(tongue: Tongue) -> impl Fn(sqlx::Error) -> Self {
        move |error| Self::Failed(tongue, error.into())
    }
}

#[derive(Template)]
#[template(path = "shop/notice.html")]
pub(super) struct Notice<'a> {
    pub chrome: Chrome,
    pub title: &'a str,
    pub text: &'a str,
    pub reference: Option<String>,
    pub link: &'a str,
    pub href: String,
    /// Seconds after which the page looks again.
    pub refresh: Option<u32>,
}

/// A trouble on its way to [`dress`], which knows the request's id.
#[derive(Debug, Clone)]
struct Bare(Arc<Trouble>);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Bare(Arc::new(self)));
        response
    }
}

impl Trouble {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Foreign(_) => StatusCode::FORBIDDEN,
            Self::Failed(_, failure) => {
                StatusCode::from_u16(failure.problem().code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// The page that says so; `id` is where to find it in the log.
    fn page(&self, id: &str) -> Response {
        let (Self::NotFound(tongue) | Self::Foreign(tongue) | Self::Failed(tongue, _)) = self;
        let words = &tongue.words().problem;
        let (title, text) = match self.status() {
            StatusCode::NOT_FOUND => (&words.not_found_title, &words.not_found_text),
            StatusCode::FORBIDDEN => (&words.forbidden_title, &words.forbidden_text),
            StatusCode::TOO_MANY_REQUESTS => (&words.too_many_title, &words.too_many_text),
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                (&words.unread_title, &words.unread_text)
            }
            _ => (&words.broken_title, &words.broken_text),
        };
        let notice = Notice {
            chrome: Chrome::new(*tongue, title, "/", None),
            title,
            text,
            reference: self.status().is_server_error().then(|| fill(&words.reference, &[("id", id)])),
            link: &words.to_start,
            href: tongue.link("/"),
            refresh: None,
        };
        let mut response = page(self.status(), Keep::Nobody, &notice).unwrap_or_else(IntoResponse::into_response);
        if let Self::Failed(_, failure) = self
            && let Some(wait) = failure.clone().into_response().headers().get(header::RETRY_AFTER)
        {
            response.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        response
    }
}

/// Makes a page of what went wrong, and logs its cause under the request's id.
pub async fn dress(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let mut response = next.run(request).await;
    let Some(Bare(trouble)) = response.extensions_mut().remove::<Bare>() else { return response };
    if let Trouble::Failed(_, failure) = &*trouble {
        log(failure, &id);
    }
    trouble.page(&id.0)
}

/// Gives browsers a page also where the framework answered before any of ours could: a method that is not taken, a body
/// that is too large, a time that ran out.
pub async fn dress_unsaid(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let html = problem::wants_html(request.uri().path(), request.headers());
    let tongue = Tongue::of(request.uri(), request.headers());
    let response = next.run(request).await;
    let dressed = response.extensions().get::<Shown>().is_some();
    if !html || dressed || problem::unsaid(&response).is_none() {
        return response;
    }
    let (parts, body) = response.into_parts();
    let failure = problem::explain(parts.status, body).await;
    log(&failure, &id);
    let mut page = Trouble::Failed(tongue, failure).page(&id.0);
    if let Some(methods) = parts.headers.get(header::ALLOW) {
        page.headers_mut().insert(header::ALLOW, methods.clone());
    }
    page
}

fn log(failure: &Failure, id: &RequestId) {
    let (code, cause) = (failure.problem().code, failure.cause().unwrap_or_default());
    if code.status() >= 500 {
        tracing::error!(request_id = %id.0, code = code.as_str(), cause, "a page failed");
    } else {
        tracing::info!(request_id = %id.0, code = code.as_str(), cause, "a page was refused");
    }
}

/// Refuses a form that another site sent. Browsers say where a form comes from; programs say nothing and may pass, as there
/// is no session here that could be misused.
///
/// # Errors
/// When the page it came from is not one of this address.
pub fn from_here(tongue: Tongue, headers: &HeaderMap, app: &App) -> Result<(), Trouble> {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let told = match text("sec-fetch-site") {
        "same-origin" | "none" => return Ok(()),
        "" => text("origin"),
        _ => return Err(Trouble::Foreign(tongue)),
    };
    let ours = told.split_once("://").is_some_and(|(_, of)| of.eq_ignore_ascii_case(text("host")));
    if told.is_empty() || ours || told == app.public_url() { Ok(()) } else { Err(Trouble::Foreign(tongue)) }
}

/// A transaction of the organizer with this address, and who they are.
///
/// # Errors
/// When there is no such organizer, or the database is away.
pub async fn house(app: &App, tongue: Tongue, slug: &str) -> Result<(Tx, Seller), Trouble> {
    let id = app.organizer_by_slug(slug).await.map_err(Trouble::sql(tongue))?.ok_or(Trouble::NotFound(tongue))?;
    let mut tx = app.begin(id).await.map_err(Trouble::sql(tongue))?;
    let seller = catalog::seller(&mut tx).await.map_err(Trouble::sql(tongue))?;
    Ok((tx, seller))
}

/// The live event at this address.
///
/// # Errors
/// When there is none, or the database is away.
pub async fn live_event(tx: &mut Tx, tongue: Tongue, slug: &str) -> Result<ShopEvent, Trouble> {
    let event = catalog::event_by_slug(tx, slug).await.map_err(Trouble::sql(tongue))?;
    event.filter(|e| e.live).ok_or(Trouble::NotFound(tongue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_best_of_those_the_browser_takes() {
        assert_eq!(preferred("de-AT,de;q=0.9,en;q=0.8"), Some(Language::De));
        assert_eq!(preferred("fr,en;q=0.4,de;q=0.6"), Some(Language::De));
        assert_eq!(preferred("fr"), None);
        assert_eq!(preferred("de;q=0, en;q=0.1"), Some(Language::En));
        assert_eq!(preferred(""), None);
    }

    #[test]
    fn the_page_that_is_shown_is_the_one_offered_in_other_languages() {
        let visit = Visit {
            tongue: Tongue { language: Language::En, chosen: false },
            path: "/a/b".into(),
            query: vec![("i1".into(), "2".into()), ("x".into(), "a b&c".into())],
        };
        assert_eq!(visit.here(), "/a/b?i1=2&x=a+b%26c");
    }
}
