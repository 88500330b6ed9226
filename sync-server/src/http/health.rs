//! `/livez`, `/readyz`, `/metrics`: for machines that watch.

use crate::{
    app::App,
    database::{migrate, store},
    jobs,
    sync::{backups, contact::SKEW_MS},
};
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

/// This process runs.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// This process can serve: its database answers and has the right schema.
pub async fn readyz(State(app): State<App>) -> Response {
    let ready = match store::ping(app.untenanted()).await {
        Ok(()) => migrate::check(app.untenanted()).await.map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    };
    match ready {
        Ok(()) => (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain")], "ready\n").into_response(),
        Err(why) => {
            tracing::warn!(why, "not ready");
            let body = serde_json::json!({"ready": false}).to_string();
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
    }
}

/// Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    let mut text = app.metrics.render();
    match jobs::store::counts(app.untenanted()).await {
        Ok(counts) => crate::metrics::jobs(&mut text, &counts),
        Err(error) => tracing::warn!(%error, "cannot count jobs"),
    }
    match store::feed_lag_ms(app.untenanted(), app.now()).await {
        Ok(lag) => crate::metrics::feed_lag(&mut text, lag),
        Err(error) => tracing::warn!(%error, "cannot measure the change feed"),
    }
    match store::clocks(app.untenanted(), SKEW_MS).await {
        Ok((stations, furthest_ms)) => crate::metrics::clocks(&mut text, stations, furthest_ms),
        Err(error) => tracing::warn!(%error, "cannot look at the clocks of stations"),
    }
    match backups::unsaved_since(&app).await {
        Ok(since) => {
            let age = since.map_or(0, |since| app.now().since(since));
            crate::metrics::unsaved(&mut text, age, backups::late_days(&app, since).is_some());
        }
        Err(error) => tracing::warn!(?error, "cannot look for backups"),
    }
    match crate::sync::prune::feed_read(&app).await {
        Ok((kept, behind)) => crate::metrics::feed_read(&mut text, kept, behind),
        Err(error) => tracing::warn!(%error, "cannot measure how far the change feed is read"),
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
