//! From the command line to the open window, and to the end. Owns the order in which things begin and end.

use crate::{
    App, commands,
    engine::Engine,
    events::Voice,
    host::{awake, camera::Camera, printer::Printer, scanner::Scanner, sound, sound::Speaker, window},
    settings::{CameraSource, Language, Settings, SettingsFile},
};
use clap::Parser;
use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tauri::{AppHandle, async_runtime};
use willcall_domain::{
    checkin::wire::{Class, Direction},
    problem::{Code, Problem},
};
use willcall_station::{Host, KeyStoreChoice, Station, StationConfig, command::Command, socket};

/// The window of a Willcall station: door and till.
#[derive(Debug, Parser)]
#[command(name = "willcall", version)]
struct Args {
    /// Folder of the station's data; the system's folder for it when not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Enrols at the start, unless this station is enrolled.
    #[arg(long, num_args = 2, value_names = ["URL", "TOKEN"])]
    enrol: Option<Vec<String>>,
    /// Looks through this camera instead of the one in the settings: folder:PATH, mjpeg:PATH, device:NUMBER or none.
    #[arg(long, value_name = "CAMERA")]
    camera: Option<CameraSource>,
    /// Plays the sound of a verdict (admitted, look, used, refused) and ends: tells whether the loudspeaker works.
    #[arg(long, value_name = "VERDICT", value_parser = class)]
    sound: Option<Class>,
}

fn class(text: &str) -> Result<Class, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_| "admitted, look, used and refused are verdicts".to_owned())
}

/// Runs the program. One clear sentence on standard error, and a failure, when it cannot start.
#[must_use]
pub fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WILLCALL_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,willcall_window=info,willcall_station=info"));
    tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(io::stderr).init();
    match run(Args::parse()) {
        Ok(code) => code,
        Err(problem) => {
            eprintln!("willcall: {}", problem.detail);
            tell_who_sees_no_terminal(&problem.detail);
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> Result<ExitCode, Problem> {
    if let Some(class) = args.sound {
        sound::play_one(class, Direction::Entry).map_err(|reason| {
            Problem::new(Code::Unavailable, format!("There is no loudspeaker to play on ({reason})."))
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    if !has_display() {
        let detail = "There is no display to open a window on. `willcall-station run` needs none.";
        return Err(Problem::new(Code::Unavailable, detail));
    }
    // Only the first choice counts; another part of the process may have made it already, which is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = args.data.clone().map_or_else(usual_folder, Ok)?;
    match open(args, &data) {
        // It runs already: that one comes forward, and this one has nothing to do.
        Err(problem) if problem.code == Code::Busy && comes_forward(&data) => Ok(ExitCode::SUCCESS),
        opened => show(&Arc::new(opened?)),
    }
}

/// Asks the window that has this folder to come forward; answers whether there is one.
fn comes_forward(data: &Path) -> bool {
    let asked = async_runtime::block_on(socket::ask(data, &Command::Show));
    // A station without a window answers, too, and has none to show.
    let is_window =
        |status: &serde_json::Value| status["software"].as_str().is_some_and(|s| s.starts_with("willcall "));
    asked.is_some_and(|answer| answer.as_ref().is_ok_and(is_window))
}

/// Opens the engine and what the window needs beside it.
fn open(args: Args, data: &Path) -> Result<App, Problem> {
    let host = Host::system();
    let clock = Arc::clone(&host.clock);
    let config = StationConfig {
        data: data.to_path_buf(),
        key_store: KeyStoreChoice::Auto,
        software: format!("willcall {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::OS),
    };
    let voice = Voice::default();
    let engine = Engine::open(config, host, voice.clone())?;
    if let Some([url, token]) = args.enrol.as_deref() {
        enrol(&engine.station()?, url, token);
    }
    let first = Settings { language: system_language(), ..Settings::default() };
    let settings = SettingsFile::open(data, first, clock.now())?;
    Ok(App {
        engine,
        settings,
        camera: Arc::new(Camera::new(Arc::clone(&clock), voice.of_camera())),
        scanner: Arc::new(Scanner::new(Arc::clone(&clock), voice.of_scanner())),
        speaker: Speaker::new(clock),
        printer: Printer::new(data),
        voice,
        camera_by_hand: args.camera,
    })
}

/// A refusal does not keep the window shut: it shows the enrolment, where the user can try again.
fn enrol(station: &Station, url: &str, token: &str) {
    let enrolled = async_runtime::block_on(async {
        match station.status().await?.enrolment {
            Some(_) => Ok(()),
            None => station.enrol(url, token).await.map(|_| ()),
        }
    });
    if let Err(problem) = enrolled {
        eprintln!("willcall: not enrolled: {}", problem.detail);
    }
}

/// Opens the window and stays until it is closed or the process is told to end.
fn show(app: &Arc<App>) -> Result<ExitCode, Problem> {
    let voice = app.voice.clone();
    app.engine.start();
    let window = tauri::Builder::default()
        .manage(Arc::clone(app))
        .invoke_handler(commands::handler())
        .setup(move |tauri| {
            voice.give(tauri.handle().clone());
            async_runtime::spawn(end_when_told(tauri.handle().clone()));
            // Kept as long as the window is: the screen stays awake.
            async_runtime::spawn(async {
                let _awake = awake::keep_awake().await;
                std::future::pending::<()>().await;
            });
            window::open(tauri.handle())?;
            Ok(())
        })
        .build(tauri::generate_context!())
        .map_err(|error| no_window(&error))?;
    let code = window.run_return(|_, _| {});
    app.camera.stop();
    app.scanner.stop();
    async_runtime::block_on(app.engine.end());
    tracing::info!(code, "ended");
    Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
}

fn no_window(error: &tauri::Error) -> Problem {
    Problem::new(Code::Unavailable, format!("The window cannot be opened ({error})."))
}

/// Closes the window when the system or a terminal asks the process to end.
async fn end_when_told(app: AppHandle) {
    match told_to_end().await {
        Ok(()) => app.exit(0),
        Err(error) => tracing::warn!(%error, "signals are not heard"),
    }
}

#[cfg(unix)]
async fn told_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn told_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// Who starts the program from an icon gives no arguments and sees no terminal: the sentence gets a window.
fn tell_who_sees_no_terminal(sentence: &str) {
    if std::env::args_os().len() > 1 || !has_display() {
        return;
    }
    match window::with_sentence(sentence).build(tauri::generate_context!()) {
        Ok(window) => drop(window.run_return(|_, _| {})),
        Err(error) => tracing::warn!(%error, "the sentence could not be shown"),
    }
}

/// The system's folder for a program's data.
fn usual_folder() -> Result<PathBuf, Problem> {
    let found = dirs::data_local_dir().map(|folder| folder.join("org.willcall.desktop"));
    found.ok_or_else(|| Problem::new(Code::Unavailable, "The system names no folder for data; name one with --data."))
}

#[cfg(all(unix, not(target_os = "macos")))]
fn has_display() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"].into_iter().any(|name| variable(name).is_some_and(|value| !value.is_empty()))
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn has_display() -> bool {
    true
}

fn system_language() -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
    set.and_then(|value| value.into_string().ok()).map_or(Language::En, |locale| Language::of_locale(&locale))
}

/// What the desktop says about itself; settings of this program never come this way.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
