//! `GET /api/station/v1/journal`: gives a station its own entries back, as it wrote them. For one whose database was put
//! back or lost its end: with everything up to its mark it is itself again.

use super::store::journal;
use crate::http::problem::Failure;
use crate::{app::App, http::caller::DeviceCaller};
use axum::{
    Json,
    extract::{Query, State},
};
use serde::Deserialize;
use willcall_domain::sync::journal::GiveBackAnswer;

/// Most entries of one answer.
const PAGE: i64 = 500;

/// Which entries.
#[derive(Debug, Deserialize)]
pub struct Ask {
    incarnation: u32,
    after: u64,
}

/// Answers entries of the caller's own journal, in order.
///
/// # Errors
/// When the caller is no device, or the database is away.
pub async fn give_back(
    caller: DeviceCaller,
    State(app): State<App>,
    Query(ask): Query<Ask>,
) -> Result<Json<GiveBackAnswer>, Failure> {
    let mut tx = app.begin(caller.organizer).await?;
    let entries = journal::entries_after(&mut tx, caller.device, ask.incarnation, ask.after, PAGE).await?;
    tx.commit().await?;
    let first = entries.first().map_or(0, |e| e.seq);
    tracing::info!(
        device = caller.device.0,
        incarnation = ask.incarnation,
        first,
        entries = entries.len(),
        "gave back"
    );
    Ok(Json(GiveBackAnswer { entries }))
}
