//! Where the product's programs are: beside the running test or drill, which cargo built with the same profile.

use anyhow::{Context, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// The folder of the profile this program was built with (`target/debug` or `target/release`).
///
/// # Errors
/// When this program does not lie in such a folder.
pub fn folder() -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe().context("where this program is")?;
    let folder = here.parent().context("a program lies in a folder")?;
    // Tests lie in `deps`, programs in the folder itself.
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    Ok(folder.to_owned())
}

/// The path of one of the product's programs.
///
/// # Errors
/// When it has not been built.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = folder()?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if path.is_file() {
        return Ok(path);
    }
    bail!("there is no {}; build it first with: cargo build --workspace", path.display())
}

/// Builds programs with the profile of this one, as `cargo run` builds only what it runs. Does nothing where this
/// program was not started by cargo: then what lies beside it is what is meant.
///
/// # Errors
/// When the build fails.
pub fn build(names: &[&str]) -> anyhow::Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let mut command = Command::new(cargo);
    command.arg("build").arg("--quiet").current_dir(repository());
    match folder()?.file_name().and_then(|n| n.to_str()) {
        Some("debug") => {}
        Some(profile) => {
            command.arg("--profile").arg(profile);
        }
        None => bail!("the build folder has no name"),
    }
    // With the drills themselves, so that shared libraries are built with the features they have anyway.
    command.args(["--package", "willcall-tests"]);
    for name in names {
        command.args(["--package", name, "--bin", name]);
    }
    command.args(["--bin", "drill"]);
    let status = command.status().context("starting cargo")?;
    if !status.success() {
        bail!("cargo could not build {}", names.join(" and "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_not_built_is_named_with_the_way_to_build_it() {
        let error = program("willcall-nonesuch").unwrap_err().to_string();
        assert!(error.contains("willcall-nonesuch") && error.contains("cargo build"), "{error}");
    }

    #[test]
    fn the_repository_holds_this_file() {
        assert!(repository().join("tests/support/built.rs").is_file());
    }
}
