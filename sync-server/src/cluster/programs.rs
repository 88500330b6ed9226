//! Where `initdb` and `postgres` are.

use super::ClusterError;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A folder with PostgreSQL's programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Programs {
    bindir: PathBuf,
}

impl Programs {
    /// The folder that was named; else what `pg_config` says, the newest of Debian's folders, the search path. A
    /// cluster that exists wants programs of its own `major` version.
    pub fn find(named: Option<&Path>, major: Option<&str>, data: &Path) -> Result<Self, ClusterError> {
        if let Some(folder) = named {
            let programs = Self::in_folder(folder).ok_or_else(|| ClusterError::NotABindir(folder.to_owned()))?;
            return match major {
                Some(major) if programs.major().as_deref() != Some(major) => {
                    Err(ClusterError::OtherMajor { path: data.to_owned(), major: major.to_owned() })
                }
                _ => Ok(programs),
            };
        }
        let found: Vec<Self> = candidates().iter().filter_map(|folder| Self::in_folder(folder)).collect();
        let Some(first) = found.first() else { return Err(ClusterError::NoPrograms) };
        let Some(major) = major else { return Ok(first.clone()) };
        found
            .iter()
            .find(|p| p.major().as_deref() == Some(major))
            .cloned()
            .ok_or_else(|| ClusterError::OtherMajor { path: data.to_owned(), major: major.to_owned() })
    }

    pub fn initdb(&self) -> PathBuf {
        self.bindir.join("initdb")
    }

    pub fn postgres(&self) -> PathBuf {
        self.bindir.join("postgres")
    }

    fn in_folder(folder: &Path) -> Option<Self> {
        let has = |program: &str| folder.join(program).is_file();
        (has("initdb") && has("postgres")).then(|| Self { bindir: folder.to_owned() })
    }

    fn major(&self) -> Option<String> {
        // `postgres (PostgreSQL) 15.18 (Debian …)`
        let said = Command::new(self.postgres()).arg("--version").output().ok()?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let version = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        version.split(['.', 'd', 'b', 'r']).next().map(str::to_owned)
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output() {
        folders.push(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    }
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    folders.extend(versions.into_iter().map(|(_, folder)| folder));
    let path = crate::config::variable("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path).collect::<Vec<_>>());
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_programs_and_a_major_version_nobody_has_are_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let wrong = Programs::find(Some(folder.path()), None, folder.path());
        assert!(matches!(wrong, Err(ClusterError::NotABindir(f)) if f == folder.path()));
        let old = Programs::find(None, Some("7"), folder.path());
        assert!(matches!(old, Err(ClusterError::OtherMajor { major, .. }) if major == "7"));
    }
}
