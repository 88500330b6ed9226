//! Backups, the second medium, and what a person does with them. Putting back, making anew and wiping need the folder
//! for themselves: the engine ends for that and begins again.

use crate::{App, host::media};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, sync::Arc};
use ts_rs::TS;
use willcall_domain::{
    devices::wire::StatusView,
    problem::{Code, Problem},
};
use willcall_station::{
    HttpTransport, Station,
    copies::{
        overview::CopiesView,
        places::PlacesChange,
        put_back::{self, PutBackReport},
        wipe,
    },
};

/// What a person changes of the places; what is left away stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct CopiesForm {
    /// Folder of the second medium; empty for none from now on.
    pub mirror: Option<String>,
    /// Backups that are kept, 1 to 1,000.
    pub keep: Option<u32>,
    /// Days without a contact after which this machine forgets everything; 0 is never.
    pub wipe_after_days: Option<u32>,
}

impl From<CopiesForm> for PlacesChange {
    fn from(form: CopiesForm) -> Self {
        let medium = form.mirror.as_deref().map(str::trim);
        Self {
            backups: None,
            keep: form.keep,
            mirror: medium.filter(|path| !path.is_empty()).map(PathBuf::from),
            no_mirror: medium == Some(""),
            wipe_after_days: form.wipe_after_days,
        }
    }
}

/// A backup to be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RestoreForm {
    pub file: String,
}

/// Everything of this station is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WipeForm {
    /// Facts that exist only here and are given up for good; must be as many as there are.
    #[ts(type = "number | null")]
    pub abandon: Option<u64>,
}

/// What came of putting back or making anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PutBackView {
    /// What was done, where the old file is, in English words.
    pub report: String,
    /// Entries of the journal that are here now.
    #[ts(type = "number")]
    pub entries: u64,
    /// How many of them exist only here.
    #[ts(type = "number")]
    pub waiting: u64,
    /// Entries that this station wrote once and that are not here.
    #[ts(type = "number")]
    pub missing: u64,
    /// Whether it doubts now that its data is the newest, and so sells nothing until it has met the server.
    pub doubts: bool,
    /// Whether the server gave tickets and products in the same breath.
    pub synced: bool,
}

impl From<PutBackReport> for PutBackView {
    fn from(done: PutBackReport) -> Self {
        Self {
            report: done.report,
            entries: done.entries,
            waiting: done.waiting,
            missing: done.standing.missing,
            doubts: done.standing.doubt.is_some(),
            synced: done.synced.is_some(),
        }
    }
}

/// # Errors
/// The settings of copies cannot be read.
pub async fn view(app: &App) -> Result<CopiesView, Problem> {
    app.station()?.copies()
}

/// Folders of media that are plugged in now.
///
/// # Errors
/// Never: where none can be found there are none.
pub async fn media(_: &App) -> Result<Vec<String>, Problem> {
    Ok(media::plugged_in())
}

/// Makes a backup as one of those that take turns.
///
/// # Errors
/// The disk does not take it.
pub async fn backup(app: &App) -> Result<CopiesView, Problem> {
    let station = app.station()?;
    station.backup(None).await?;
    station.copies()
}

/// Changes where copies go, and brings them up to date at once, so that the answer says whether the medium takes them.
///
/// # Errors
/// A folder cannot be used, or a number is out of range.
pub async fn change(app: &App, form: CopiesForm) -> Result<CopiesView, Problem> {
    let station = app.station()?;
    station.change_places(form.into())?;
    station.settle().await;
    station.copies()
}

/// # Errors
/// The backup is damaged or another station's; nothing has changed then.
pub async fn restore(app: &App, form: RestoreForm) -> Result<PutBackView, Problem> {
    let file = PathBuf::from(form.file.trim());
    if !file.is_file() {
        return Err(Problem::field("file", format!("There is no file at {}.", file.display())));
    }
    let work = move |config, host| async move {
        put_back::restore(config, host, transport()?, file).await.map(PutBackView::from)
    };
    app.engine.alone(work).await
}

/// # Errors
/// The disk does not take it; nothing has changed then.
pub async fn rebuild(app: &App) -> Result<PutBackView, Problem> {
    let work = |config, host| async move { put_back::rebuild(config, host, transport()?).await.map(PutBackView::from) };
    app.engine.alone(work).await
}

/// # Errors
/// `conflict` when facts exist only here and are not given up by their number; nothing was deleted then.
pub async fn wipe(app: &App, form: WipeForm) -> Result<StatusView, Problem> {
    refuse_blind_wipe(&app.station()?, form).await?;
    let work =
        move |config, host| async move { wipe::wipe(Station::open(config, host)?, form.abandon).await.map(|_| ()) };
    app.engine.alone(work).await?;
    super::devices::status(app).await
}

/// Before anything ends: facts that exist only here are named by their number, and with no link there is nobody who
/// confirms the end of the journal.
async fn refuse_blind_wipe(station: &Station, form: WipeForm) -> Result<(), Problem> {
    let status = station.status().await?;
    if form.abandon.unwrap_or(0) != status.waiting {
        let detail = format!("{} facts exist only here. Nothing was deleted.", status.waiting);
        return Err(Problem::new(Code::Conflict, detail));
    }
    let nobody_confirms = status.enrolment.is_some() && form.abandon.is_none() && !status.link.connected;
    if nobody_confirms {
        let detail = "Without a link nobody can confirm that all of it has arrived. Nothing was deleted.";
        return Err(Problem::new(Code::NoLink, detail));
    }
    Ok(())
}

fn transport() -> Result<Arc<HttpTransport>, Problem> {
    Ok(Arc::new(HttpTransport::new()?))
}
