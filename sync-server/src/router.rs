//! Every route on one screen, and what every request passes on its way.

use crate::{
    app::App,
    devices,
    http::{health, problem, request_log},
    leases, office, orders, shop, sync,
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{any, get, post},
};
use std::time::Duration;
use tower_http::{
    catch_panic::CatchPanicLayer, compression::CompressionLayer, decompression::RequestDecompressionLayer,
    limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};

/// First parts of addresses that are the server's own, so that no organizer can have them. Every route below and in the
/// routers it merges begins with one of these, unless it is an organizer's; a test reads them.
pub const RESERVED: [&str; 7] = ["api", "assets", "livez", "metrics", "office", "readyz", "static"];

/// The whole server.
pub fn router(app: App) -> Router {
    let bind = &app.config.bind;
    Router::new()
        // Machines that watch.
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .merge(stations(&app))
        // The back office: everything under /office.
        .merge(office::routes(&app))
        // The shop, for programs and for people; its pages take every address that is nobody else's.
        .route("/api/v1/{organizer}/events/{event}", get(orders::api::show_event))
        .route("/api/v1/{organizer}/events/{event}/orders", post(orders::api::create))
        .route("/api/{*nothing}", any(|| async { StatusCode::NOT_FOUND }))
        .merge(shop::routes())
        // The limit holds for what arrives and again for what is unpacked from it.
        .layer(DefaultBodyLimit::max(bind.max_body))
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(bind.max_body))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(bind.timeout_ms)))
        .layer(middleware::from_fn(shop::page::dress_unsaid))
        .layer(middleware::from_fn(problem::present))
        // Outside of what reads the words of errors, which it would pack.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(app.clone(), request_log::request_log))
        .with_state(app)
}

/// What stations ask.
fn stations(app: &App) -> Router<App> {
    Router::new()
        .route("/api/station/v1/enrol", post(devices::enrol))
        .route("/api/station/v1/contact", post(sync::contact::contact))
        .route("/api/station/v1/journal", post(sync::push::push).get(sync::give_back::give_back))
        .route("/api/station/v1/journal/carried", post(sync::carried::carried))
        .route("/api/station/v1/leases", post(leases::grant))
        .route("/api/station/v1/rights", post(leases::ask_right))
        .route("/api/station/v1/offers", post(sync::offers::offer))
        .route_layer(middleware::from_fn_with_state(app.clone(), sync::budget::take_turns))
        // These are kept for longer than a turn, and take theirs by themselves.
        .route("/api/station/v1/changes", get(sync::pull::changes))
        .route("/api/station/v1/snapshot", get(sync::snapshot::snapshot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The first parts of every route that is written in the source of this crate.
    fn first_parts() -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let source = std::fs::read_to_string(&path).unwrap();
                    // Put together, so that this very line is no route; `nest` would hide the first part elsewhere.
                    for word in [concat!(".ro", "ute("), concat!(".ne", "st("), concat!(".route_", "service(")] {
                        let routes =
                            source.split(word).skip(1).filter_map(|rest| rest.trim_start().strip_prefix("\"/"));
                        found.extend(routes.filter_map(|path| path.split(['/', '"']).next()).map(str::to_owned));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn no_organizer_can_have_the_first_part_of_any_route() {
        let found = first_parts();
        for wanted in ["", "api", "office", "static", "livez", "{organizer}"] {
            assert!(found.contains(wanted), "{wanted:?} is missing in {found:?}: routes are missed");
        }
        for part in found.iter().filter(|part| !part.is_empty() && *part != "{organizer}") {
            assert!(RESERVED.contains(&part.as_str()), "/{part} is a route, and an organizer could be founded there");
        }
    }
}
