//! The files of a cluster: made once, and who may sign in written before each start.

use super::{
    ClusterError,
    identity::Identity,
    programs::Programs,
    unix::{ADMIN, APP},
};
use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

/// `initdb`, beside its place, so that what was interrupted is never taken for a cluster.
pub(super) fn make(folder: &Path, identity: &Identity, programs: &Programs) -> Result<(), ClusterError> {
    let beside = folder.with_extension("new");
    // Letters beyond ASCII are folded (Müller, MÜLLER) where the system has this locale.
    let mut said = initdb(&beside, "C.UTF-8", identity, programs)?;
    if said.as_ref().is_err_and(|words| words.contains("locale")) {
        said = initdb(&beside, "C", identity, programs)?;
    }
    if let Err(words) = said {
        if words.contains("No space left on device") {
            return Err(ClusterError::DiskFull(folder.to_owned()));
        }
        let line = words.lines().find(|l| l.contains("error:") || l.contains("FATAL")).unwrap_or("initdb failed");
        return Err(ClusterError::Start { path: folder.to_owned(), reason: line.trim_end_matches('.').to_owned() });
    }
    fs::rename(&beside, folder).map_err(ClusterError::file(folder))
}

/// The inner error is what `initdb` said.
fn initdb(
    folder: &Path,
    locale: &str,
    identity: &Identity,
    programs: &Programs,
) -> Result<Result<(), String>, ClusterError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(ClusterError::file(folder))?;
    }
    identity.own_folder(folder).map_err(ClusterError::file(folder))?;
    let mut command = Command::new(programs.initdb());
    command.arg("-D").arg(folder).args(["-U", ADMIN, "-E", "UTF8", "--auth-local=peer", "--auth-host=reject"]);
    command.arg(format!("--locale={locale}"));
    identity.run(&mut command);
    let said = command.stdin(Stdio::null()).output().map_err(ClusterError::file(&programs.initdb()))?;
    let words = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
    Ok(if said.status.success() { Ok(()) } else { Err(words) })
}

/// Who may sign in as whom: users of the system who run server or cluster, checked by the kernel.
pub(super) fn allow(folder: &Path, identity: &Identity) -> io::Result<()> {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text)?;
        identity.own(&path)
    };
    write("pg_hba.conf", "local all all peer map=willcall\n")?;
    let lines: Vec<String> = identity
        .allowed()
        .iter()
        .flat_map(|user| [ADMIN, APP].map(|role| format!("willcall {user} {role}\n")))
        .collect();
    write("pg_ident.conf", &lines.concat())
}
