//! Which machine this is: a digest of the system's own identifier. Where the system has none that lasts, as in a
//! container, `WILLCALL_MACHINE_ID` says it; else all such machines look alike, and only marks and tokens tell a copy.

use willcall_domain::sync::standing::machine_digest;

/// This machine's digest.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place where the environment names the machine")]
pub fn digest() -> String {
    let given = std::env::var("WILLCALL_MACHINE_ID").ok();
    machine_digest(&given.or_else(of_the_system).unwrap_or_default())
}

#[cfg(target_os = "linux")]
fn of_the_system() -> Option<String> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
    files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok()).find(|id| !id.trim().is_empty())
}

#[cfg(target_os = "macos")]
fn of_the_system() -> Option<String> {
    let asked = std::process::Command::new("ioreg").args(["-rd1", "-c", "IOPlatformExpertDevice"]).output().ok()?;
    let text = String::from_utf8(asked.stdout).ok()?;
    let line = text.lines().find(|line| line.contains("IOPlatformUUID"))?;
    line.rsplit('"').nth(1).map(str::to_owned)
}

#[cfg(windows)]
fn of_the_system() -> Option<String> {
    let key = r"HKLM\SOFTWARE\Microsoft\Cryptography";
    let asked = std::process::Command::new("reg").args(["query", key, "/v", "MachineGuid"]).output().ok()?;
    let text = String::from_utf8(asked.stdout).ok()?;
    text.split_whitespace().last().map(str::to_owned)
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn of_the_system() -> Option<String> {
    None
}
