//! `GET /api/station/v1/snapshot`: all a device may see, of one instant, as lines of JSON, compressed.

use super::{rows, store};
use crate::{
    app::App,
    http::{caller::DeviceCaller, problem::Failure},
};
use axum::{
    extract::State,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use willcall_domain::sync::change::{SnapshotEnd, SnapshotStart};

/// The whole snapshot. It is packed before it is sent, so that a slow link never holds a transaction open; a station
/// that gets it without its last line takes nothing of it.
///
/// # Errors
/// When the database is away.
pub async fn snapshot(caller: DeviceCaller, State(app): State<App>) -> Result<Response, Failure> {
    let mut tx = app.begin_snapshot(caller.organizer).await?;
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    line(&mut out, &SnapshotStart { history: app.history, position: store::head(&mut tx).await? })?;
    let mut count = 0;
    for kind in rows::KINDS {
        for (_, row) in rows::load(&mut tx, &caller, &caller.events, kind, None).await? {
            line(&mut out, &row)?;
            count += 1;
        }
    }
    tx.rollback().await?;
    line(&mut out, &SnapshotEnd { rows: count })?;
    let packed = out.finish().map_err(Failure::internal)?;
    tracing::info!(device = caller.device.0, rows = count, bytes = packed.len(), "snapshot sent");
    Ok(([(CONTENT_TYPE, "application/x-ndjson"), (CONTENT_ENCODING, "gzip")], packed).into_response())
}

fn line(out: &mut GzEncoder<Vec<u8>>, value: &impl serde::Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value).map_err(Failure::internal)?;
    out.write_all(b"\n").map_err(Failure::internal)
}
