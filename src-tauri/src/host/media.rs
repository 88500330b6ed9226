//! Media that are plugged in: where a copy of the journal survives this machine.

use std::path::{Path, PathBuf};

/// Folders under which systems show media: of every user, or of one.
const UNDER: [&str; 4] = ["/media", "/run/media", "/mnt", "/Volumes"];

/// The folders of media that are plugged in, in the order of their names.
#[must_use]
pub fn plugged_in() -> Vec<String> {
    let mut found: Vec<PathBuf> = UNDER.iter().flat_map(|folder| mounted(Path::new(folder), 2)).collect();
    found.extend(drives());
    found.sort();
    found.into_iter().filter_map(|path| path.into_os_string().into_string().ok()).collect()
}

/// Files whose names end so, newest first, where a person puts what is carried: at the top of media that are plugged in,
/// in their folder `willcall`, among documents and downloads.
#[must_use]
pub fn files_ending_in(ending: &str) -> Vec<String> {
    let media = plugged_in().into_iter().map(PathBuf::from).flat_map(|medium| [medium.join("willcall"), medium]);
    let folders = media.chain(dirs::document_dir()).chain(dirs::download_dir());
    let mut found: Vec<PathBuf> = folders.flat_map(|folder| of_folder(&folder, ending)).collect();
    found.sort_by_cached_key(|path| std::cmp::Reverse(path.metadata().and_then(|about| about.modified()).ok()));
    found.into_iter().filter_map(|path| path.into_os_string().into_string().ok()).collect()
}

fn of_folder(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let is_one = |path: &PathBuf| path.extension().is_some_and(|found| found == ending) && path.is_file();
    entries.flatten().map(|entry| entry.path()).filter(is_one).collect()
}

/// Folders in `folder`, at most `deep` below it, on which another disk than the folder's begins.
#[cfg(unix)]
fn mounted(folder: &Path, deep: u32) -> Vec<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let (Ok(own), Ok(entries)) = (folder.metadata(), folder.read_dir()) else { return Vec::new() };
    let folders = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    let of_one = |path: PathBuf| match path.metadata() {
        Ok(about) if about.dev() != own.dev() => vec![path],
        Ok(_) if deep > 1 => mounted(&path, deep - 1),
        Ok(_) | Err(_) => Vec::new(),
    };
    folders.flat_map(of_one).collect()
}

#[cfg(not(unix))]
fn mounted(_: &Path, _: u32) -> Vec<PathBuf> {
    Vec::new()
}

/// Drives with letters, but the system's own.
fn drives() -> Vec<PathBuf> {
    if !cfg!(windows) {
        return Vec::new();
    }
    ('D'..='Z').map(|letter| PathBuf::from(format!("{letter}:\\"))).filter(|drive| drive.is_dir()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_the_same_disk_is_no_medium() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("user/STICK")).unwrap();
        assert_eq!(mounted(folder.path(), 2), Vec::<PathBuf>::new());
        assert_eq!(mounted(&folder.path().join("nowhere"), 2), Vec::<PathBuf>::new());
    }

    #[test]
    fn files_of_one_kind_are_found_and_folders_are_none() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.units", "a.units", "a.pdf"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("c.units")).unwrap();
        let mut found = of_folder(folder.path(), "units");
        found.sort();
        assert_eq!(found, ["a.units", "b.units"].map(|name| folder.path().join(name)));
    }

    #[test]
    fn where_another_disk_begins_is_a_medium() {
        // Every Linux has the processes' own file system there.
        if cfg!(target_os = "linux") {
            assert!(mounted(Path::new("/"), 1).contains(&PathBuf::from("/proc")));
        }
    }
}
