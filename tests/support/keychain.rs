//! A real keychain: GNOME's keyring daemon, unlocked, on a message bus of its own, as somebody has it after signing in;
//! and programs started as that somebody.

use crate::process::Process;
use anyhow::{Context, ensure};
use std::{ffi::OsStr, path::Path, process::Command, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);
/// Unlocks the keyring with a password and says where the bus is; the bus and the daemon end with it.
const SESSION: &str = "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null && \
                       echo \"bus $DBUS_SESSION_BUS_ADDRESS\" && exec sleep infinity";

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Who runs the test.
    Me,
    /// The system's user for nobody in particular. Only root can become somebody else.
    Nobody,
}

/// A session with a keychain. Dropped, the session ends and what was in the keychain is gone.
#[derive(Debug)]
pub struct Keychain {
    user: User,
    bus: String,
    _session: Process,
    home: tempfile::TempDir,
}

/// Whether this process may start programs as somebody else.
#[must_use]
pub fn may_be_somebody_else() -> bool {
    nix::unistd::geteuid().is_root()
}

impl Keychain {
    /// Begins a session: its bus, its keyring.
    ///
    /// # Errors
    /// When dbus-run-session or gnome-keyring-daemon is missing or fails, or the user cannot be changed to.
    pub async fn unlocked(user: User) -> anyhow::Result<Self> {
        let home = tempfile::Builder::new().prefix("willcall-home-").tempdir()?;
        belongs_to(home.path(), user)?;
        let mut command = as_user(user, "dbus-run-session");
        command.args(["--", "sh", "-c", SESSION]);
        at_home(&mut command, home.path());
        let mut session = Process::start(&mut command).context("packages dbus and gnome-keyring")?;
        let line = session.wait_for_line("bus unix:", PATIENCE).await?;
        let bus = line.trim_start_matches("bus ").to_owned();
        Ok(Self { user, bus, _session: session, home })
    }

    /// A program started in this session.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = as_user(self.user, program);
        at_home(&mut command, self.home.path());
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command
    }

    /// A folder of this user's own.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Gives a folder and all in it to this user, as a copy on another account belongs to that one.
    ///
    /// # Errors
    /// When the owner cannot be changed.
    pub fn take(&self, folder: &Path) -> anyhow::Result<()> {
        belongs_to(folder, self.user)
    }
}

/// No session at all: a machine where nobody has signed in.
#[must_use]
pub fn without_session(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    at_home(&mut command, home);
    command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", home.join("no-bus").display()));
    command
}

/// A program as this user, without a session.
fn as_user(user: User, program: impl AsRef<OsStr>) -> Command {
    match user {
        User::Me => Command::new(program),
        User::Nobody => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program);
            command
        }
    }
}

fn at_home(command: &mut Command, home: &Path) {
    for name in ["DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS"] {
        command.env_remove(name);
    }
    command.env("HOME", home).env("XDG_RUNTIME_DIR", home).env("XDG_DATA_HOME", home.join("data")).current_dir(home);
}

fn belongs_to(folder: &Path, user: User) -> anyhow::Result<()> {
    if user == User::Me {
        return Ok(());
    }
    let given = Command::new("chown").arg("-R").arg("nobody:nogroup").arg(folder).output()?;
    ensure!(given.status.success(), "chown: {}", String::from_utf8_lossy(&given.stderr));
    Ok(())
}
