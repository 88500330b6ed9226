//! What this till was lent: what is here, what goes to another till by a file, and what it may do that nobody else may
//! now. Files lie where a person says, under names that tell what they are.

use crate::{App, host::media};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use ts_rs::TS;
use willcall_domain::{
    id::{DeviceId, HandOverId, QuotaId},
    leases::{
        right_view::{RightView, RightsView, TakeRightRequest},
        view::{GiveRequest, GivenView, HandOverOffer, LeasesView, ReturnRequest},
    },
    problem::Problem,
};
use willcall_station::copies::mirror::stamp;

/// How names of hand-over files end.
const ENDING: &str = "units";

/// Units for another till, and the folder for their file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct GiveForm {
    pub quota_id: QuotaId,
    /// 1 or more.
    pub units: u32,
    /// The other till's number.
    pub to: DeviceId,
    pub folder: String,
}

/// What is on the way, to be written into a file again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct WriteAgainForm {
    pub hand_over_id: HandOverId,
    pub to: DeviceId,
    pub folder: String,
}

/// A hand-over file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UnitsFile {
    pub file: String,
}

/// A voucher or web order by its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CodeForm {
    pub code: String,
}

/// # Errors
/// As the engine refuses.
pub async fn view(app: &App) -> Result<LeasesView, Problem> {
    app.station()?.leases().await
}

/// Hand-over files that lie where a person puts them: on media that are plugged in, among documents and downloads.
///
/// # Errors
/// Never: what cannot be looked into holds none.
pub async fn files(_: &App) -> Result<Vec<String>, Problem> {
    Ok(media::files_ending_in(ENDING))
}

/// # Errors
/// As the engine refuses; nothing was handed over then.
pub async fn give(app: &App, form: GiveForm) -> Result<GivenView, Problem> {
    let file = file_in(app, &form.folder, form.to)?;
    let GiveForm { quota_id, units, to, .. } = form;
    app.station()?.give_units(GiveRequest { quota_id, units, to }, file).await
}

/// # Errors
/// As the engine refuses; what was handed over stays so.
pub async fn write_again(app: &App, form: WriteAgainForm) -> Result<GivenView, Problem> {
    let file = file_in(app, &form.folder, form.to)?;
    app.station()?.write_hand_over(vec![form.hand_over_id], file).await
}

/// # Errors
/// The file cannot be read.
pub async fn look(app: &App, form: UnitsFile) -> Result<HandOverOffer, Problem> {
    app.station()?.look_into(form.file.trim().into()).await
}

/// # Errors
/// As the engine refuses.
pub async fn take(app: &App, form: UnitsFile) -> Result<LeasesView, Problem> {
    app.station()?.take_units(form.file.trim().into()).await
}

/// # Errors
/// As the engine refuses.
pub async fn decline(app: &App, form: UnitsFile) -> Result<LeasesView, Problem> {
    app.station()?.decline_units(form.file.trim().into()).await
}

/// # Errors
/// As the engine refuses.
pub async fn give_back(app: &App, request: ReturnRequest) -> Result<LeasesView, Problem> {
    let station = app.station()?;
    station.return_units(request).await?;
    station.leases().await
}

/// # Errors
/// As the engine refuses.
pub async fn rights(app: &App) -> Result<RightsView, Problem> {
    app.station()?.rights().await
}

/// # Errors
/// `needs-link` where the server is not reached; else as the engine refuses.
pub async fn take_right(app: &App, request: TakeRightRequest) -> Result<RightView, Problem> {
    app.station()?.take_right(request).await
}

/// # Errors
/// As the engine refuses.
pub async fn release_right(app: &App, form: CodeForm) -> Result<RightsView, Problem> {
    app.station()?.release_right(form.code.trim()).await
}

/// A new file in a folder that is there.
fn file_in(app: &App, folder: &str, to: DeviceId) -> Result<PathBuf, Problem> {
    let folder = Path::new(folder.trim());
    if !folder.is_dir() {
        return Err(Problem::field("folder", format!("There is no folder {}.", folder.display())));
    }
    Ok(folder.join(format!("willcall-for-till-{to}-{}.{ENDING}", stamp(app.engine.now()))))
}
