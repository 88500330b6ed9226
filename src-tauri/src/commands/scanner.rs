//! The scanner on a serial port, started by the screens that listen.

use crate::{
    App,
    host::scanner::{self, Wanted},
};
use std::sync::Arc;
use willcall_domain::problem::{Code, Problem};

/// The serial ports of this machine.
///
/// # Errors
/// Never in a running program.
pub async fn ports(_: &App) -> Result<Vec<String>, Problem> {
    blocking(scanner::ports).await
}

/// Reads the scanner of the settings, if there is one.
///
/// # Errors
/// The system gives no thread. A port that cannot be opened is told by the event `scanner_problem`.
pub async fn start(app: &App) -> Result<(), Problem> {
    let settings = app.settings.get();
    let (prefix, suffix) = (settings.wedge_prefix, settings.wedge_suffix);
    let wanted = settings.serial_scanner.map(|scanner| Wanted { scanner, prefix, suffix });
    let scanner = Arc::clone(&app.scanner);
    blocking(move || scanner.start(wanted)).await?
}

/// # Errors
/// Never in a running program.
pub async fn stop(app: &App) -> Result<(), Problem> {
    let scanner = Arc::clone(&app.scanner);
    blocking(move || scanner.stop()).await
}

/// Ports block; commands must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "scanner");
        Problem::new(Code::Internal, "The scanner failed. Everything else goes on.")
    })
}
