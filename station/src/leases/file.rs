//! The file a hand-over travels in: for its owner's eyes only, whole or not at all.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
};
use willcall_domain::{
    leases::passing::{FORMAT, HandOverFile},
    problem::{Code, Problem},
};

/// More than the largest hand-over there can be.
const MOST_BYTES: u64 = 64 << 20;

/// A file that can be written; removed again unless it was.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    half: PathBuf,
    file: Option<File>,
}

impl Place {
    /// Makes sure that the file can be written, before anything is handed over.
    ///
    /// # Errors
    /// When there is something already, or the folder does not take a file.
    pub fn reserve(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        if path.exists() {
            let detail = format!("{shown} is there already. Choose another name; nothing was handed over.");
            return Err(Problem::field("file", detail));
        }
        let mut name = path.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
        name.push(".half");
        let half = path.with_file_name(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let file = options
            .open(&half)
            .map_err(|e| Problem::field("file", format!("{shown} cannot be written: {e}. Nothing was handed over.")))?;
        Ok(Self { path: path.to_owned(), half, file: Some(file) })
    }

    /// Writes it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(mut self, content: &HandOverFile) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(content)?;
        if let Some(mut file) = self.file.take() {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
        }
        fs::rename(&self.half, &self.path)?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Not every medium lets a folder be flushed; the file itself is.
        if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
            tracing::warn!(%error, "the folder of a hand-over file could not be flushed");
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.half)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a file made half could not be removed");
        }
    }
}

/// Reads a hand-over file.
///
/// # Errors
/// When it is not there, is none, or is not all there.
pub fn read(path: &Path) -> Result<HandOverFile, Problem> {
    let shown = path.display();
    let unread = |e: std::io::Error| Problem::field("file", format!("{shown} cannot be read: {e}."));
    let mut text = Vec::new();
    File::open(path).map_err(unread)?.take(MOST_BYTES).read_to_end(&mut text).map_err(unread)?;
    let whole: serde_json::Value = serde_json::from_slice(&text).map_err(|error| {
        let what = if error.is_eof() { "is not all there" } else { "is no hand-over file" };
        let detail = format!("{shown} {what}. Nothing changed. Let the other till write the file again.");
        Problem::new(Code::Corrupt, detail)
    })?;
    let format = whole["willcall_hand_over"].as_u64().unwrap_or(0);
    if format > u64::from(FORMAT) {
        let detail = format!("{shown} was written by a newer program. Update this one. Nothing changed.");
        return Err(Problem::new(Code::Protocol, detail));
    }
    let none = || Problem::new(Code::Corrupt, format!("{shown} is no hand-over file. Nothing changed."));
    let file: HandOverFile = serde_json::from_value(whole).map_err(|_| none())?;
    if file.willcall_hand_over == 0 || file.parts.is_empty() { Err(none()) } else { Ok(file) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use willcall_domain::id::DeviceId;

    #[test]
    fn a_file_is_its_owners_alone_and_there_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("to till 2.json");
        drop(Place::reserve(&path).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a place that was not used leaves nothing");
        let content = HandOverFile { willcall_hand_over: FORMAT, to: DeviceId(2), parts: vec![] };
        Place::reserve(&path).unwrap().write(&content).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(Place::reserve(&path).unwrap_err().fields[0].field, "file", "nothing is written over");
        assert_eq!(Place::reserve(&folder.path().join("no").join("x")).unwrap_err().fields[0].field, "file");
    }

    #[test]
    fn what_is_no_hand_over_file_is_said_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, code, says) in [
            ("", Code::Corrupt, "not all there"),
            ("{\"willcall_hand_over\": 1, \"to\"", Code::Corrupt, "not all there"),
            ("GIF89a", Code::Corrupt, "no hand-over file"),
            ("[1, 2]", Code::Corrupt, "no hand-over file"),
            ("{\"willcall_hand_over\": 1, \"to\": 2, \"parts\": []}", Code::Corrupt, "no hand-over file"),
            ("{\"willcall_hand_over\": 2, \"else\": true}", Code::Protocol, "newer program"),
        ] {
            fs::write(&path, text).unwrap();
            let problem = read(&path).unwrap_err();
            assert!(problem.code == code && problem.detail.contains(says), "{text}: {problem}");
        }
        assert_eq!(read(&folder.path().join("none")).unwrap_err().fields[0].field, "file");
    }
}
