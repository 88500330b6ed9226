//! The camera, started by the screens that need it.

use crate::{
    App,
    host::camera::{self, CameraChoice, CameraControl, SetControl},
};
use std::sync::Arc;
use willcall_domain::problem::{Code, Problem};

/// # Errors
/// The camera library failed.
pub async fn list(_: &App) -> Result<Vec<CameraChoice>, Problem> {
    blocking(camera::list).await
}

/// # Errors
/// The system gives no thread. A camera that cannot be opened is told by the event `camera_problem`.
pub async fn start(app: &App) -> Result<(), Problem> {
    let (camera, sources) = (Arc::clone(&app.camera), app.camera_sources());
    blocking(move || camera.start(sources)).await?
}

/// # Errors
/// Never in a running program.
pub async fn stop(app: &App) -> Result<(), Problem> {
    let camera = Arc::clone(&app.camera);
    blocking(move || camera.stop()).await
}

/// What can be set at the cameras that run.
///
/// # Errors
/// Never in a running program.
pub async fn controls(app: &App) -> Result<Vec<CameraControl>, Problem> {
    Ok(app.camera.controls())
}

/// # Errors
/// The camera does not run or has no such control. A value it does not take is told by the event `camera_problem`.
pub async fn set(app: &App, wanted: SetControl) -> Result<Vec<CameraControl>, Problem> {
    app.camera.set(&wanted)?;
    Ok(app.camera.controls())
}

/// Cameras block; commands must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "camera");
        Problem::new(Code::Internal, "The camera failed. Everything else goes on.")
    })
}
