//! As whom PostgreSQL runs: as we do, but never as root.

use super::ClusterError;
use nix::unistd::{Uid, User};
use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::Command,
};

/// A user of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub name: String,
    pub uid: u32,
    gid: u32,
    /// Whether we are somebody else (root).
    dropped: bool,
}

impl Identity {
    /// Ourselves; as root the owner of the cluster in `folder`, or else the user `postgres`.
    pub fn for_cluster(folder: &Path) -> Result<Self, ClusterError> {
        let us = Uid::effective();
        if !us.is_root() {
            let name = name_of(us);
            return Ok(Self { name, uid: us.as_raw(), gid: nix::unistd::Gid::effective().as_raw(), dropped: false });
        }
        let owner = fs::metadata(folder).ok().map(|m| m.uid()).filter(|uid| *uid != 0);
        let user = match owner {
            Some(uid) => User::from_uid(Uid::from_raw(uid)),
            None => User::from_name("postgres"),
        };
        let user = user.ok().flatten().ok_or(ClusterError::NoUser)?;
        Ok(Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), dropped: true })
    }

    /// Users of the system who may sign in to the cluster: who runs it, and we.
    pub fn allowed(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.dropped {
            names.push(name_of(Uid::effective()));
        }
        names
    }

    /// Has `command` run as this user, away from our terminal's Ctrl-C.
    pub fn run(&self, command: &mut Command) {
        command.process_group(0).current_dir("/");
        if self.dropped {
            command.uid(self.uid).gid(self.gid).env("HOME", "/");
        }
    }

    /// Makes an empty folder of this user that nobody else can open.
    pub fn own_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let found = fs::symlink_metadata(path)?;
        if !found.is_dir() || (found.uid() != self.uid && found.uid() != Uid::effective().as_raw()) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        self.own(path)
    }

    /// Gives a file or folder to this user.
    pub fn own(&self, path: &Path) -> io::Result<()> {
        if self.dropped { chown(path, Some(self.uid), Some(self.gid)) } else { Ok(()) }
    }

    /// Checks that this user can reach what lies in `data`; lets others pass through (not look into) `data` itself.
    pub fn reach(&self, data: &Path) -> Result<(), ClusterError> {
        if !self.dropped {
            return Ok(());
        }
        let found = fs::metadata(data).map_err(ClusterError::file(data))?;
        if found.uid() == Uid::effective().as_raw() && found.mode() & 0o011 != 0o011 {
            let open = fs::Permissions::from_mode(found.mode() & 0o7777 | 0o011);
            fs::set_permissions(data, open).map_err(ClusterError::file(data))?;
        }
        for folder in data.ancestors() {
            let found = fs::metadata(folder).map_err(ClusterError::file(folder))?;
            let class = if found.uid() == self.uid {
                0o100
            } else if found.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            if found.mode() & class == 0 {
                return Err(ClusterError::Unreachable { user: self.name.clone(), path: folder.to_owned() });
            }
        }
        Ok(())
    }
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}
