//! The camera, started by the screens that need it.

use crate::{
    App,
    host::camera::{self, CameraChoice},
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
    let (camera, source) = (Arc::clone(&app.camera), app.camera_source());
    blocking(move || camera.start(source)).await?
}

/// # Errors
/// Never in a running program.
pub async fn stop(app: &App) -> Result<(), Problem> {
    let camera = Arc::clone(&app.camera);
    blocking(move || camera.stop()).await
}

/// Cameras block; commands must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "camera");
        Problem::new(Code::Internal, "The camera failed. Everything else goes on.")
    })
}
