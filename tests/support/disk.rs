//! A disk that fills up. As root a small file system of its own; otherwise a limit on the size of each file, which
//! makes a child process fail to write just so, though with another error (`EFBIG` for `ENOSPC`).

use anyhow::{Context, bail};
use std::{
    ffi::OsStr,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A small disk. Dropped, it and all on it are gone.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
    kind: Kind,
    /// Holds the folder; removed after the file system in it.
    _parent: tempfile::TempDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    FileSystem,
    LimitPerFile(u64),
}

/// The name of what takes the room until [`SmallDisk::free`].
const BALLAST: &str = ".ballast";

impl SmallDisk {
    /// A disk of `bytes`, as a file system where this process may mount one, else as a limit per file.
    ///
    /// # Errors
    /// When not even a temporary folder can be made.
    pub fn new(bytes: u64) -> anyhow::Result<Self> {
        match Self::file_system(bytes) {
            Ok(disk) => Ok(disk),
            Err(_) => Self::limit_per_file(bytes),
        }
    }

    /// A file system of `bytes`.
    ///
    /// # Errors
    /// When this process may not mount.
    pub fn file_system(bytes: u64) -> anyhow::Result<Self> {
        let (parent, folder) = folder()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=1777"), "willcall-small-disk"])
            .arg(&folder)
            .output()
            .context("starting mount")?;
        if !mounted.status.success() {
            bail!("mount: {}", String::from_utf8_lossy(&mounted.stderr).trim());
        }
        Ok(Self { folder, kind: Kind::FileSystem, _parent: parent })
    }

    /// A folder whose users are to be started by [`SmallDisk::command`], in which no file may grow beyond `bytes`.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn limit_per_file(bytes: u64) -> anyhow::Result<Self> {
        let (parent, folder) = folder()?;
        Ok(Self { folder, kind: Kind::LimitPerFile(bytes), _parent: parent })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Whether it is a file system, which fails as a real full disk does.
    #[must_use]
    pub fn is_file_system(&self) -> bool {
        self.kind == Kind::FileSystem
    }

    /// A command that feels the disk's limit. Arguments, environment and folder are given to it as to any other.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self.kind {
            Kind::FileSystem => Command::new(program),
            Kind::LimitPerFile(bytes) => {
                // The signal that comes with the error would end the program; ignored, the write just fails. The
                // shell counts in blocks of 512 bytes.
                let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", bytes / 512);
                let mut command = Command::new("sh");
                command.args(["-c", &script, "sh"]).arg(program);
                command
            }
        }
    }

    /// Takes all room that is left.
    ///
    /// # Errors
    /// When it is not a file system of its own: nobody fills the machine's.
    pub fn fill(&self) -> anyhow::Result<()> {
        if self.kind != Kind::FileSystem {
            bail!("only a file system of its own may be filled");
        }
        let mut ballast = std::fs::File::create(self.folder.join(BALLAST)).context("making ballast")?;
        let mut piece = vec![0x42; 64 * 1024];
        // Ever smaller pieces, so that not one byte is left.
        while !piece.is_empty() {
            match ballast.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
                Err(error) => return Err(error).context("filling the disk"),
            }
        }
        Ok(())
    }

    /// Takes all room that is left but `bytes`.
    ///
    /// # Errors
    /// When it is not a file system of its own, or has less than that.
    pub fn fill_but(&self, bytes: u64) -> anyhow::Result<()> {
        self.fill()?;
        let ballast = std::fs::OpenOptions::new().write(true).open(self.folder.join(BALLAST))?;
        let taken = ballast.metadata()?.len();
        let kept = taken.checked_sub(bytes).with_context(|| format!("{taken} bytes were left"))?;
        ballast.set_len(kept).context("giving some room back")
    }

    /// Gives back what [`SmallDisk::fill`] took.
    ///
    /// # Errors
    /// When it was not filled.
    pub fn free(&self) -> anyhow::Result<()> {
        std::fs::remove_file(self.folder.join(BALLAST)).context("throwing the ballast off")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if self.kind != Kind::FileSystem {
            return;
        }
        // Lazily, as a process that is being killed may still hold a file.
        let done = Command::new("umount").arg("--lazy").arg(&self.folder).status();
        if !done.as_ref().is_ok_and(std::process::ExitStatus::success) {
            eprintln!("{} is still mounted: {done:?}", self.folder.display());
        }
    }
}

fn folder() -> anyhow::Result<(tempfile::TempDir, PathBuf)> {
    let parent = tempfile::Builder::new().prefix("willcall-disk-").tempdir().context("making a temporary folder")?;
    // Others (the database's user) must be able to pass through.
    #[cfg(unix)]
    std::fs::set_permissions(parent.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let folder = parent.path().join("disk");
    std::fs::create_dir(&folder)?;
    Ok((parent, folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only root may mount; others skip what needs it, and say so.
    fn small_file_system() -> Option<SmallDisk> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("not root: no file system of its own");
            return None;
        }
        Some(SmallDisk::file_system(1 << 20).unwrap())
    }

    #[test]
    fn a_full_disk_refuses_and_takes_again_once_there_is_room() {
        let Some(disk) = small_file_system() else { return };
        assert!(disk.is_file_system());
        let file = disk.path().join("file");
        disk.fill().unwrap();
        let error = std::fs::write(&file, [1; 4096]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        disk.free().unwrap();
        std::fs::write(&file, [1; 4096]).unwrap();
        std::fs::remove_file(&file).unwrap();
        disk.fill_but(8192).unwrap();
        std::fs::write(&file, [1; 8192]).unwrap();
        let error = std::fs::write(disk.path().join("another"), [1; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }

    #[test]
    fn it_is_gone_with_its_mount_when_dropped() {
        let Some(disk) = small_file_system() else { return };
        let path = disk.path().to_owned();
        let mounted =
            |path: &Path| std::fs::read_to_string("/proc/self/mounts").unwrap().contains(&*path.to_string_lossy());
        assert!(mounted(&path));
        drop(disk);
        assert!(!mounted(&path) && !path.exists());
    }

    #[test]
    fn a_limit_per_file_fails_the_write_and_not_the_program() {
        let disk = SmallDisk::limit_per_file(64 * 1024).unwrap();
        let script = "head -c 32768 /dev/zero > small; head -c 131072 /dev/zero > large || echo refused";
        let output = disk.command("sh").args(["-c", script]).current_dir(disk.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "refused");
        assert!(output.status.success());
        let size = |name: &str| std::fs::metadata(disk.path().join(name)).unwrap().len();
        assert_eq!((size("small"), size("large")), (32_768, 65_536));
        assert!(disk.fill().is_err(), "the machine's own disk is not filled");
    }
}
