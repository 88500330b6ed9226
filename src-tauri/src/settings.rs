//! What this window remembers of its user's wishes: one JSON file in the data folder. Owns the file and its shape;
//! knows nothing of what the wishes lead to. Nothing in it is part of the business: losing it loses comfort only.

use crate::host::{scanner::SerialScanner, turnstile::Turnstile};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use ts_rs::TS;
use willcall_domain::{
    checkin::wire::Direction,
    clock::UtcMillis,
    id::ListId,
    problem::{Code, Problem},
};

/// The name of the file in the data folder.
const FILE: &str = "settings.json";
/// More cameras beside the first keep a machine busy for nothing.
const CAMERAS_LIMIT: usize = 3;
/// Longer wedge affixes than this are a mistake: a scanner types a few characters around a code.
const AFFIX_LIMIT: usize = 16;

/// The language of screens and papers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    De,
}

impl Language {
    /// The language of a POSIX locale such as `de_AT.UTF-8`; English where it is none of ours.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("de") { Self::De } else { Self::En }
    }
}

impl From<Language> for willcall_domain::paper::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::De => Self::De,
        }
    }
}

/// Light, dark, or as the system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Where pictures of tickets come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CameraSource {
    /// No camera: a hardware scanner or the keyboard.
    #[default]
    None,
    /// A camera of this machine, by its number in the list of cameras.
    Device { index: u32 },
    /// A folder into which pictures are put.
    Folder { path: String },
    /// A file of JPEG pictures one after the other.
    Mjpeg { path: String },
}

impl std::str::FromStr for CameraSource {
    type Err = String;

    /// Reads `none`, `device:N`, `folder:PATH` and `mjpeg:PATH`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no camera; none, device:NUMBER, folder:PATH and mjpeg:PATH are");
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("device", number)) => number.parse().map(|index| Self::Device { index }).map_err(|_| wrong()),
            Some(("folder", path)) if !path.is_empty() => Ok(Self::Folder { path: path.to_owned() }),
            Some(("mjpeg", path)) if !path.is_empty() => Ok(Self::Mjpeg { path: path.to_owned() }),
            None | Some(_) => Err(wrong()),
        }
    }
}

/// All wishes. A field that an older file lacks takes its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
pub struct Settings {
    pub language: Language,
    pub theme: Theme,
    pub camera: CameraSource,
    /// Further cameras that look at the same time.
    pub more_cameras: Vec<CameraSource>,
    /// A print queue; `None` saves papers as files.
    pub printer: Option<String>,
    /// Whether verdicts are heard.
    pub sounds: bool,
    /// Whether ticket and receipt are printed when a sale is made.
    pub print_automatically: bool,
    /// The check-in list this door works on.
    pub list_id: Option<ListId>,
    pub direction: Direction,
    /// Lists of other events whose tickets are let in at the same time.
    pub more_lists: Vec<ListId>,
    /// The list is chosen by its times, where some list has times.
    pub list_by_schedule: bool,
    /// A print queue for badges; `None` saves them as files.
    pub badge_printer: Option<String>,
    /// What is told when somebody may go through.
    pub turnstile: Turnstile,
    /// A scanner on a serial port.
    pub serial_scanner: Option<SerialScanner>,
    /// What the hardware scanner types before each code; empty for nothing.
    pub wedge_prefix: String,
    /// What it types after each code besides Enter or Tab; empty for nothing.
    pub wedge_suffix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: Language::En,
            theme: Theme::System,
            camera: CameraSource::None,
            more_cameras: Vec::new(),
            printer: None,
            sounds: true,
            print_automatically: true,
            list_id: None,
            direction: Direction::Entry,
            more_lists: Vec::new(),
            list_by_schedule: true,
            badge_printer: None,
            turnstile: Turnstile::None,
            serial_scanner: None,
            wedge_prefix: String::new(),
            wedge_suffix: String::new(),
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Problem> {
        for (field, affix) in [("wedge_prefix", &self.wedge_prefix), ("wedge_suffix", &self.wedge_suffix)] {
            if affix.chars().count() > AFFIX_LIMIT {
                return Err(Problem::field(field, format!("At most {AFFIX_LIMIT} characters.")));
            }
        }
        self.turnstile.check()?;
        self.serial_scanner.as_ref().map_or(Ok(()), SerialScanner::check)?;
        if self.more_cameras.len() > CAMERAS_LIMIT {
            return Err(Problem::field("more_cameras", format!("At most {CAMERAS_LIMIT} more.")));
        }
        let all =
            std::iter::once(("camera", &self.camera)).chain(self.more_cameras.iter().map(|one| ("more_cameras", one)));
        for (field, source) in all {
            match source {
                CameraSource::Folder { path } | CameraSource::Mjpeg { path } if path.trim().is_empty() => {
                    return Err(Problem::field(field, "Say where the pictures are."));
                }
                CameraSource::None
                | CameraSource::Device { .. }
                | CameraSource::Folder { .. }
                | CameraSource::Mjpeg { .. } => {}
            }
        }
        Ok(())
    }
}

/// The settings in use and the file they are kept in.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    present: Mutex<Settings>,
    set_aside: Option<String>,
}

impl SettingsFile {
    /// Reads the settings in `folder`; `first` where there are none yet. A file that cannot be read as settings is set
    /// aside under a new name, never overwritten, and `first` is used.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(folder: &Path, first: Settings, now: UtcMillis) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let (settings, set_aside) = match bytes.map(|bytes| serde_json::from_slice::<Settings>(&bytes)) {
            None => (first, None),
            Some(Ok(settings)) => (settings, None),
            Some(Err(reason)) => (first, Some(put_aside(&path, &reason, now)?)),
        };
        Ok(Self { path, present: Mutex::new(settings), set_aside })
    }

    /// A sentence for the user when a damaged file was set aside at the start.
    #[must_use]
    pub fn set_aside(&self) -> Option<&str> {
        self.set_aside.as_deref()
    }

    /// The settings in use.
    #[must_use]
    pub fn get(&self) -> Settings {
        self.lock().clone()
    }

    /// Keeps `wanted` and uses it from now on.
    ///
    /// # Errors
    /// A wish is not possible, or the file cannot be written; the settings are then as before.
    pub fn save(&self, wanted: Settings) -> Result<Settings, Problem> {
        wanted.check()?;
        let mut present = self.lock();
        write_whole(&self.path, &wanted).map_err(|error| {
            tracing::warn!(path = %self.path.display(), %error, "settings not written");
            let path = self.path.display();
            Problem::new(Code::NotRecorded, format!("{path} cannot be written ({error}). The settings are as before."))
        })?;
        present.clone_from(&wanted);
        Ok(wanted)
    }

    fn lock(&self) -> MutexGuard<'_, Settings> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::Unavailable, format!("{} cannot be read ({error}).", path.display()))
}

fn put_aside(path: &Path, reason: &serde_json::Error, now: UtcMillis) -> Result<String, Problem> {
    let aside = path.with_file_name(format!("{FILE}.damaged-{}", now.0));
    fs::rename(path, &aside).map_err(|error| unreadable(path, &error))?;
    tracing::warn!(%reason, aside = %aside.display(), "settings damaged: set aside, defaults in use");
    Ok(format!("The settings could not be read ({reason}). They are kept as {}; defaults are used.", aside.display()))
}

/// Whole or not at all: written beside, made durable, then renamed over.
fn write_whole(path: &Path, settings: &Settings) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    serde_json::to_writer_pretty(&mut file, settings)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcMillis = UtcMillis(1_760_000_000_000);

    fn open(folder: &Path) -> SettingsFile {
        SettingsFile::open(folder, Settings::default(), NOW).unwrap()
    }

    #[test]
    fn what_is_saved_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = Settings {
            language: Language::De,
            camera: CameraSource::Folder { path: "/srv/pictures".to_owned() },
            printer: Some("Box-office".to_owned()),
            list_id: Some(ListId(7)),
            direction: Direction::Exit,
            ..Settings::default()
        };
        open(folder.path()).save(wanted.clone()).unwrap();
        assert_eq!(open(folder.path()).get(), wanted);
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), b"{\"language\": \"de\", \"sou").unwrap();
        let file = open(folder.path());
        assert_eq!(file.get(), Settings::default());
        let aside = folder.path().join(format!("{FILE}.damaged-{}", NOW.0));
        assert_eq!(fs::read(&aside).unwrap(), b"{\"language\": \"de\", \"sou", "nothing of it is lost");
        let said = file.set_aside().unwrap();
        assert!(said.contains(aside.to_str().unwrap()), "{said}");
        file.save(Settings::default()).unwrap();
        assert_eq!(open(folder.path()).set_aside(), None, "the next start has a good file");
    }

    #[test]
    fn a_file_of_an_older_program_keeps_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), br#"{"language":"de"}"#).unwrap();
        let settings = open(folder.path()).get();
        assert_eq!(settings, Settings { language: Language::De, ..Settings::default() });
    }

    #[test]
    fn an_impossible_wish_is_refused_by_its_field_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path());
        let wishes = [
            (Settings { wedge_prefix: "x".repeat(17), ..Settings::default() }, "wedge_prefix"),
            (Settings { camera: CameraSource::Mjpeg { path: " ".to_owned() }, ..Settings::default() }, "camera"),
        ];
        for (wish, field) in wishes {
            let problem = file.save(wish).unwrap_err();
            assert_eq!(problem.fields.first().map(|f| f.field.as_str()), Some(field));
        }
        assert_eq!(file.get(), Settings::default());
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_leaves_the_settings_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let file = open(folder.path());
        drop(folder);
        let problem = file.save(Settings { sounds: false, ..Settings::default() }).unwrap_err();
        assert_eq!(problem.code, Code::NotRecorded);
        assert!(file.get().sounds);
    }

    #[test]
    fn cameras_are_named_on_the_command_line() {
        let read = |text: &str| text.parse::<CameraSource>();
        assert_eq!(read("none"), Ok(CameraSource::None));
        assert_eq!(read("device:2"), Ok(CameraSource::Device { index: 2 }));
        assert_eq!(read("folder:/a:b"), Ok(CameraSource::Folder { path: "/a:b".to_owned() }));
        assert_eq!(read("mjpeg:gate.mjpeg"), Ok(CameraSource::Mjpeg { path: "gate.mjpeg".to_owned() }));
        for wrong in ["", "device:", "device:-1", "folder:", "mjpeg", "webcam"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_language_is_that_of_the_system() {
        assert_eq!(Language::of_locale("de_AT.UTF-8"), Language::De);
        assert_eq!(Language::of_locale("C.UTF-8"), Language::En);
        assert_eq!(Language::of_locale(""), Language::En);
    }
}
