//! One JSON line a request: id, method, route, status, duration. No path (it may hold a secret), no query, no address,
//! no name. The same numbers go to the metrics.

use crate::app::App;
use axum::{
    extract::{MatchedPath, Request, State},
    http::HeaderValue,
    middleware::Next,
    response::Response,
};
use willcall_domain::entropy::uuid_v7;

/// Names one request in answers and logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestId(pub String);

/// Gives the request its id, lets it pass, and writes its line.
pub async fn request_log(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = app.clock.monotonic_ms();
    let id = uuid_v7(app.now(), &*app.entropy).to_string();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched".into(), |m| m.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let (status, ms) = (response.status().as_u16(), app.clock.monotonic_ms().saturating_sub(started));
    tracing::info!(target: "request", request_id = %id, %method, route, status, ms);
    app.metrics.request(method.as_str(), &route, status, ms);
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
