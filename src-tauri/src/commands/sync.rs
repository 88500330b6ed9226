//! Cases, which a person must look at; and journals that are carried on foot.

use crate::App;
use serde::{Deserialize, Serialize};
use std::path::Path;
use ts_rs::TS;
use willcall_domain::{
    problem::Problem,
    sync::case_view::{CasesView, CloseCaseRequest},
};
use willcall_station::copies::mirror::stamp;

/// Where a file is to be written, or lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CarryForm {
    /// The folder to write into; the file or folder to bring.
    pub path: String,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WrittenView {
    pub file: String,
    /// Entries the server had not confirmed, all of which are in it.
    #[ts(type = "number")]
    pub entries: u64,
}

/// What became of what was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CarriedView {
    #[ts(type = "number")]
    pub files: u64,
    /// Journals of which something was in them.
    #[ts(type = "number")]
    pub journals: u64,
    /// Records nobody could open, and files that end in half a record.
    #[ts(type = "number")]
    pub unreadable: u64,
}

/// # Errors
/// As the engine refuses.
pub async fn cases(app: &App) -> Result<CasesView, Problem> {
    app.station()?.cases().await
}

/// # Errors
/// As the engine refuses.
pub async fn close_case(app: &App, request: CloseCaseRequest) -> Result<CasesView, Problem> {
    app.station()?.close_case(request).await
}

/// Writes what the server has not confirmed into a file that any station with a link can bring to it.
///
/// # Errors
/// There is no such folder, nothing waits, or as the engine refuses.
pub async fn export(app: &App, form: CarryForm) -> Result<WrittenView, Problem> {
    let folder = Path::new(form.path.trim());
    if !folder.is_dir() {
        return Err(Problem::field("path", format!("There is no folder {}.", folder.display())));
    }
    let file = folder.join(format!("journal-{}-carried.mirror", stamp(app.engine.now())));
    let written = app.station()?.export_journal(file).await?;
    Ok(WrittenView { file: written.file.display().to_string(), entries: written.entries })
}

/// Brings a file of another station, or all files of its mirror, to the server.
///
/// # Errors
/// As the engine refuses.
pub async fn carry(app: &App, form: CarryForm) -> Result<CarriedView, Problem> {
    let carried = app.station()?.carry_journal(form.path.trim().into()).await?;
    let unreadable = carried.unreadable + carried.cut_off;
    Ok(CarriedView { files: carried.files, journals: carried.journals.len() as u64, unreadable })
}
