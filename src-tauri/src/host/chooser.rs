//! The system's own dialog for files and folders. Owns nothing but the question; what is done with the answer is the
//! asker's.

use super::window::LABEL;
use rfd::{AsyncFileDialog, FileHandle};
use serde::{Deserialize, Serialize};
use std::{future::Future, path::Path, pin::Pin};
use tauri::{AppHandle, Manager};
use tokio::sync::oneshot;
use ts_rs::TS;
use willcall_domain::problem::{Code, Problem};

/// What is to be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChooseWhat {
    Folder,
    /// One that is there.
    File,
    /// One to be written.
    NewFile,
}

/// A question to whoever sits at the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ChooseForm {
    pub what: ChooseWhat,
    /// What stands above the dialog.
    pub title: String,
    /// Where it begins, or the name that is proposed; empty for neither.
    #[serde(default)]
    pub near: String,
    /// How names of files end, without the dot; empty for any.
    #[serde(default)]
    pub endings: Vec<String>,
}

/// An open dialog.
type Asking = Pin<Box<dyn Future<Output = Option<FileHandle>> + Send>>;

/// The whole path that was chosen; `None` where nothing was.
///
/// # Errors
/// There is no window to ask from.
pub async fn choose(app: &AppHandle, form: ChooseForm) -> Result<Option<String>, Problem> {
    let gone = || Problem::new(Code::Unavailable, "The system's dialog cannot be opened. Type the path instead.");
    let (answer, answered) = oneshot::channel();
    let handle = app.clone();
    // Dialogs belong to the thread of windows; only the waiting is done here.
    app.run_on_main_thread(move || {
        let dialog = dialog(&handle, &form);
        let asking: Asking = match form.what {
            ChooseWhat::Folder => Box::pin(dialog.pick_folder()),
            ChooseWhat::File => Box::pin(dialog.pick_file()),
            ChooseWhat::NewFile => Box::pin(dialog.save_file()),
        };
        tauri::async_runtime::spawn(async move {
            let chosen = asking.await;
            let _nobody_waits_any_more = answer.send(chosen.map(|file| file.path().display().to_string()));
        });
    })
    .map_err(|error| {
        tracing::warn!(%error, "no dialog");
        gone()
    })?;
    answered.await.map_err(|_| gone())
}

fn dialog(app: &AppHandle, form: &ChooseForm) -> AsyncFileDialog {
    let mut dialog = AsyncFileDialog::new().set_title(&form.title);
    if let Some(window) = app.get_webview_window(LABEL) {
        dialog = dialog.set_parent(&window);
    }
    if !form.endings.is_empty() {
        let endings: Vec<&str> = form.endings.iter().map(String::as_str).collect();
        dialog = dialog.add_filter(endings.join(", "), &endings);
    }
    let near = Path::new(&form.near);
    if near.is_dir() {
        return dialog.set_directory(near);
    }
    match near.file_name() {
        Some(name) => dialog.set_file_name(name.to_string_lossy()),
        None => dialog,
    }
}
