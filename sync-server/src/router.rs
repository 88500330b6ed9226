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

/// The whole server.
pub fn router(app: App) -> Router {
    let bind = &app.config.bind;
    Router::new()
        // Machines that watch.
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        // Stations.
        .route("/api/station/v1/enrol", post(devices::enrol))
        .route("/api/station/v1/contact", post(sync::contact::contact))
        .route("/api/station/v1/journal", post(sync::push::push))
        .route("/api/station/v1/changes", get(sync::pull::changes))
        .route("/api/station/v1/snapshot", get(sync::snapshot::snapshot))
        .route("/api/station/v1/leases", post(leases::grant))
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
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_millis(bind.timeout_ms)))
        .layer(middleware::from_fn(problem::present))
        .layer(middleware::from_fn_with_state(app.clone(), request_log::request_log))
        .with_state(app)
}
