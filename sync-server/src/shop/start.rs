//! What is on: of everybody, and of one organizer.

use super::{
    page::{Keep, Trouble, Visit, house, page},
    view::{Card, Chrome},
    words::fill,
};
use crate::{app::App, catalog};
use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

/// The most events one organizer shows on the start page.
const EVENTS_EACH: usize = 6;

struct Row {
    name: String,
    href: String,
    events: Vec<Card>,
    /// Address and words of the way to the rest, where there is more.
    more: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "shop/start.html")]
struct Start {
    chrome: Chrome,
    houses: Vec<Row>,
}

/// `GET /`.
pub async fn show(State(app): State<App>, visit: Visit) -> Result<Response, Trouble> {
    let (tongue, words) = (visit.tongue, visit.tongue.words());
    let mut houses = Vec::new();
    for organizer in app.organizers().await.map_err(Trouble::sql(tongue))? {
        let mut tx = app.begin(organizer.organizer_id).await.map_err(Trouble::sql(tongue))?;
        let events = catalog::listed_events(&mut tx, app.now()).await.map_err(Trouble::sql(tongue))?;
        if events.is_empty() {
            continue;
        }
        let href = tongue.link(&format!("/{}", organizer.slug));
        let more = || (href.clone(), fill(&words.start.more_of, &[("organizer", &organizer.name)]));
        houses.push(Row {
            more: (events.len() > EVENTS_EACH).then(more),
            events: events.iter().take(EVENTS_EACH).map(|e| Card::of(tongue, &organizer.slug, e)).collect(),
            name: organizer.name,
            href,
        });
    }
    let start = Start { chrome: Chrome::new(tongue, &words.start.title, &visit.here(), None), houses };
    page(StatusCode::OK, Keep::Revalidate, &start).map_err(Trouble::of(tongue))
}

#[derive(Template)]
#[template(path = "shop/organizer.html")]
struct Organizer {
    chrome: Chrome,
    name: String,
    empty_text: String,
    events: Vec<Card>,
}

/// `GET /{organizer}`.
pub async fn organizer(State(app): State<App>, visit: Visit, Path(slug): Path<String>) -> Result<Response, Trouble> {
    let (tongue, words) = (visit.tongue, visit.tongue.words());
    let (mut tx, seller) = house(&app, tongue, &slug).await?;
    let events = catalog::listed_events(&mut tx, app.now()).await.map_err(Trouble::sql(tongue))?;
    let organizer = Organizer {
        chrome: Chrome::new(tongue, &words.start.title, &visit.here(), Some(&seller)),
        empty_text: fill(&words.organizer.empty_text, &[("organizer", &seller.name)]),
        events: events.iter().map(|e| Card::of(tongue, &seller.slug, e)).collect(),
        name: seller.name,
    };
    page(StatusCode::OK, Keep::Revalidate, &organizer).map_err(Trouble::of(tongue))
}

/// Anything that is nowhere: for people a page, or the way to the same address without the slash behind it; for programs a
/// bare answer.
pub async fn nowhere(visit: Visit, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") || visit.path.starts_with("/api/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match without_slash(&visit.path) {
        Some(path) => Redirect::permanent(&visit.tongue.link(path)).into_response(),
        None => Trouble::NotFound(visit.tongue).into_response(),
    }
}

/// `/harbour/` is `/harbour`. Only for paths made like ours: a redirect must never lead to another site.
fn without_slash(path: &str) -> Option<&str> {
    let path = path.strip_suffix('/')?;
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    path.strip_prefix('/')?.split('/').all(plain).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_too_many_leads_home_and_never_elsewhere() {
        assert_eq!(without_slash("/harbour/concert/"), Some("/harbour/concert"));
        for path in ["/", "//", "//evil.example/", "/a//b/", "/\\evil.example/", "/a", "/%2f%2fevil.example/", ""] {
            assert_eq!(without_slash(path), None, "{path}");
        }
    }
}
