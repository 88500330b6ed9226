//! The door.

use crate::{
    App,
    host::{
        printer::{Printed, PrintedTo},
        turnstile::{Turnstile, lets_through},
    },
    settings::{CameraSource, Settings},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ts_rs::TS;
use willcall_domain::{
    access::view::SignInRequest,
    checkin::{
        board::{ArrivalsView, RefusedScan},
        question::AnswerGiven,
        wire::{
            Direction, DoorView, ExchangeRequest, ExchangeView, FoundTicket, ScanRequest, UndoRequest, VerdictView,
        },
    },
    devices::readiness::{Attached, ReadinessView, Thing},
    id::{ListId, PositionId},
    problem::{Code, Problem},
    sync::fact::BadgeWhy,
};
use willcall_station::{Station, checkin::door_list::DoorListForm as Form};

/// A scan, and who approves of what is not everybody's to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ScanForm {
    pub request: ScanRequest,
    #[serde(default)]
    pub approval: Option<SignInRequest>,
}

/// An exchange, and who approves of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ExchangeForm {
    pub request: ExchangeRequest,
    #[serde(default)]
    pub approval: Option<SignInRequest>,
}

/// A scan to be undone, and who approves of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UndoForm {
    pub request: UndoRequest,
    #[serde(default)]
    pub approval: Option<SignInRequest>,
}

/// A search for tickets one list could admit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SearchRequest {
    pub list_id: ListId,
    /// At least two letters of a name or an order code.
    pub text: String,
}

/// A check-in list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ListForm {
    pub list_id: ListId,
}

/// The check before doors, of a list where one is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReadyForm {
    pub list_id: Option<ListId>,
}

/// The list of last resort: on paper, or as a table in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct DoorListForm {
    pub list_id: ListId,
    /// The file to be written, by its ending `.pdf` or `.csv`; `None` prints.
    #[serde(default)]
    pub file: Option<String>,
}

/// A badge asked for by a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct BadgeForm {
    pub position_id: PositionId,
}

/// A turnstile to be tried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TurnstileForm {
    pub turnstile: Turnstile,
    pub direction: Direction,
}

/// What beside a verdict went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum TroubleOf {
    Badge,
    Turnstile,
}

/// Something beside a verdict that went wrong; the verdict holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Trouble {
    pub of: TroubleOf,
    pub problem: Problem,
}

/// # Errors
/// As the engine refuses.
pub async fn door(app: &App) -> Result<DoorView, Problem> {
    app.station()?.door().await
}

/// Decides, and lets the verdict be heard, seen at the turnstile and worn as a badge.
///
/// # Errors
/// As the engine refuses; then nothing is heard.
pub async fn scan(app: &Arc<App>, form: ScanForm) -> Result<VerdictView, Problem> {
    let station = app.station()?;
    let (code, answers) = (form.request.code.clone(), form.request.answers.clone());
    let verdict = station.approved(form.approval, station.scan(form.request)).await?;
    let settings = app.settings.get();
    if settings.sounds {
        app.speaker.play(verdict.class, verdict.direction);
    }
    follow(app, station, &settings, (verdict.clone(), code, answers));
    Ok(verdict)
}

/// What follows a verdict and holds no scan up.
fn follow(app: &Arc<App>, station: Station, settings: &Settings, scan: (VerdictView, String, Vec<AnswerGiven>)) {
    let (verdict, code, answers) = scan;
    if settings.turnstile != Turnstile::None {
        let (voice, turnstile, station) = (app.voice.clone(), settings.turnstile.clone(), station.clone());
        let verdict = verdict.clone();
        tauri::async_runtime::spawn(async move {
            let nobody_looks = station.people().await.is_ok_and(|people| people.kiosk);
            if lets_through(&verdict, nobody_looks)
                && let Err(problem) = turnstile.open(verdict.direction).await
            {
                voice.trouble(Trouble { of: TroubleOf::Turnstile, problem });
            }
        });
    }
    let (app, queue) = (Arc::clone(app), settings.badge_printer.clone());
    tauri::async_runtime::spawn(async move {
        match badge_with(&app, &station, queue.as_deref(), (&verdict, &code, &answers)).await {
            Ok(Some(printed)) => app.voice.badge(printed),
            Ok(None) => {}
            Err(problem) => app.voice.trouble(Trouble { of: TroubleOf::Badge, problem }),
        }
    });
}

async fn badge_with(
    app: &App,
    station: &Station,
    queue: Option<&str>,
    (verdict, code, answers): (&VerdictView, &str, &[AnswerGiven]),
) -> Result<Option<Printed>, Problem> {
    let Some(badge) = station.badge_with(verdict, code, answers).await? else { return Ok(None) };
    let printed = app.printer.print(queue, &format!("badge-{}", badge.order_code), &badge.bytes).await?;
    station.record_badge(badge.position_id, BadgeWhy::Scan).await?;
    Ok(Some(printed))
}

/// Prints a badge because a person asks for it; the journal says so.
///
/// # Errors
/// As the engine refuses, or the printer does not take it: then the journal says nothing of it.
pub async fn badge(app: &App, form: BadgeForm) -> Result<Printed, Problem> {
    let station = app.station()?;
    let badge = station.badge(form.position_id).await?;
    let settings = app.settings.get();
    let name = format!("badge-{}", badge.order_code);
    let printed = app.printer.print(settings.badge_printer.as_deref(), &name, &badge.bytes).await?;
    station.record_badge(badge.position_id, BadgeWhy::ByHand).await?;
    Ok(printed)
}

/// # Errors
/// As the engine refuses.
pub async fn exchange(app: &App, form: ExchangeForm) -> Result<ExchangeView, Problem> {
    let station = app.station()?;
    station.approved(form.approval, station.exchange(form.request)).await
}

/// Undoes a scan; answers the door as it is then.
///
/// # Errors
/// As the engine refuses.
pub async fn undo(app: &App, form: UndoForm) -> Result<DoorView, Problem> {
    let station = app.station()?;
    station.approved(form.approval, station.undo(form.request)).await?;
    station.door().await
}

/// # Errors
/// As the engine refuses.
pub async fn search(app: &App, request: SearchRequest) -> Result<Vec<FoundTicket>, Problem> {
    app.station()?.search(request.list_id, &request.text).await
}

/// # Errors
/// As the engine refuses.
pub async fn arrivals(app: &App, form: ListForm) -> Result<ArrivalsView, Problem> {
    app.station()?.arrivals(form.list_id).await
}

/// # Errors
/// As the engine refuses.
pub async fn refused(app: &App) -> Result<Vec<RefusedScan>, Problem> {
    app.station()?.refused_scans().await
}

/// The engine's account, and how the machine's own things are.
///
/// # Errors
/// As the engine refuses.
pub async fn ready(app: &App, form: ReadyForm) -> Result<ReadinessView, Problem> {
    let mut things = app.station()?.readiness(form.list_id).await?;
    let settings = app.settings.get();
    things.push(Thing::Camera { device: camera(app) });
    let queues = app.printer.queues().await;
    let printer = |wanted: Option<&String>| match wanted {
        None => Attached::None,
        Some(name) if queues.contains(name) => Attached::Works { name: name.clone() },
        Some(name) => Attached::Fails { name: name.clone(), why: "the print service does not know it".to_owned() },
    };
    things.push(Thing::Printer { device: printer(settings.badge_printer.as_ref().or(settings.printer.as_ref())) });
    if let Some(place) = settings.turnstile.place() {
        let name = place.to_owned();
        let device = match settings.turnstile.reach().await {
            Ok(()) => Attached::Works { name },
            Err(why) => Attached::Fails { name, why },
        };
        things.push(Thing::Turnstile { device });
    }
    Ok(ReadinessView::of(things))
}

fn camera(app: &App) -> Attached {
    let source = app.camera_source();
    let name = match source {
        CameraSource::None => return Attached::None,
        CameraSource::Device { index } => format!("#{index}"),
        CameraSource::Folder { path } | CameraSource::Mjpeg { path } => path,
    };
    match app.voice.camera_trouble() {
        Some(problem) => Attached::Fails { name, why: problem.detail },
        None => Attached::Works { name },
    }
}

/// Tells the turnstile to let one person through, to try it out.
///
/// # Errors
/// Only who may supervise tries it; or it was not told.
pub async fn turnstile(app: &App, form: TurnstileForm) -> Result<(), Problem> {
    if app.station()?.people().await?.kiosk {
        return Err(Problem::new(Code::Forbidden, "Nobody opens the turnstile by hand at a kiosk."));
    }
    form.turnstile.check()?;
    form.turnstile.open(form.direction).await
}

/// The list of last resort, to the printer or into a file that is not there yet.
///
/// # Errors
/// As the engine refuses, or the printer does not take it.
pub async fn door_list(app: &App, form: DoorListForm) -> Result<Printed, Problem> {
    let (station, settings) = (app.station()?, app.settings.get());
    let language = settings.language.into();
    if let Some(file) = form.file {
        let written = station.write_door_list(form.list_id, language, file.into()).await?;
        return Ok(Printed { to: PrintedTo::File, name: written.file.display().to_string() });
    }
    let made = station.door_list(form.list_id, Form::Pdf, language).await?;
    app.printer.print(settings.printer.as_deref(), &format!("door-list-{}", form.list_id), &made.bytes).await
}
