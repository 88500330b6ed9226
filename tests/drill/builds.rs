//! Two builds of one package: the same sources in two places of different names, each with a build folder of its own,
//! where there is no network. What comes out must be equal bit by bit; where it is not, the parts that differ are named.
//! Programs are compared whole. Of a library its code is: what the compiler notes of it for the next crate follows the
//! order in which macros happened to write, and is in no program.

use crate::{offline, town::ms};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tokio::time::Instant;
use willcall_tests::{built, record::Outcome};

/// The places, of different length.
const PLACES: [&str; 2] = ["one", "another-place-of-the-same-sources"];

/// Builds `package` twice and compares. The sources are the files of the repository as they are now, changed ones too.
///
/// # Errors
/// When there is a network, or a build fails.
pub fn compare(package: &str, release: bool) -> anyhow::Result<Outcome> {
    let network = offline::proof()?;
    let room = tempfile::Builder::new().prefix("willcall-builds-").tempdir()?;
    let (mut made, mut took) = (Vec::new(), Vec::new());
    for place in PLACES {
        let place = room.path().join(place);
        copy_sources(&place)?;
        let began = Instant::now();
        made.push(build(&place, package, release)?);
        took.push(ms(began.elapsed()));
    }
    let names: Vec<String> = made[0].keys().cloned().collect();
    ensure!(!names.is_empty(), "{package} builds nothing that can be compared");
    let mut found = Found::default();
    for name in &names {
        let read = |nth: usize| -> anyhow::Result<Vec<u8>> {
            let path: &PathBuf = made[nth].get(name).with_context(|| format!("the second build made no {name}"))?;
            std::fs::read(path).with_context(|| path.display().to_string())
        };
        found.compare(name, &read(0)?, &read(1)?);
        for (nth, place) in PLACES.iter().enumerate() {
            if holds(&read(nth)?, room.path().join(place).as_os_str().as_encoded_bytes()) {
                found.places.push(format!("{name} in {place:?}"));
            }
        }
    }
    let bit_equal = found.differences.is_empty();
    Ok(Outcome {
        measured: json!({
            "package": package, "profile": if release { "release" } else { "debug" }, "network": network,
            "build_ms": took, "bit_equal": bit_equal, "sha256": found.digests, "differences": found.differences,
            "names_where_it_was_built": found.places,
        }),
        bar: json!({ "bit_equal": true, "names_where_it_was_built": [] }),
        n: names.len() as u64,
        pass: bit_equal && found.places.is_empty(),
    })
}

/// What comparing found.
#[derive(Debug, Default)]
struct Found {
    /// Of the first and of the second.
    digests: BTreeMap<String, [String; 2]>,
    differences: Vec<String>,
    /// Files that tell where they were built.
    places: Vec<String>,
}

impl Found {
    fn compare(&mut self, name: &str, one: &[u8], other: &[u8]) {
        self.digests.insert(name.to_owned(), [one, other].map(|bytes| hex::encode(Sha256::digest(bytes))));
        let mut differences = differing(&parts(one), &parts(other));
        if differences.is_empty() && one != other && !name.ends_with(".rlib") {
            differences.push("outside of its sections".to_owned());
        }
        self.differences.extend(differences.into_iter().map(|part| format!("{name}: {part}")));
    }
}

/// All files that are or would be under version control.
fn copy_sources(place: &Path) -> anyhow::Result<()> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(built::repository())
        .output()
        .context("git")?;
    ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout)?;
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (built::repository().join(name), place.join(name));
        // Listed and removed since: it is not part of what is built.
        if from.is_file() {
            std::fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}

/// Builds in `place`; answers the programs and libraries that came out, by name.
fn build(place: &Path, package: &str, release: bool) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    // Where it was built must not be told by what was built: neither by rustc nor by the compiler of the C parts. rustc is
    // told by a program around it, as cargo makes flags of its own part of every name.
    let told = [(place.to_owned(), "/willcall"), (cargo_home()?, "/cargo")];
    let flags = |word: &str| told.iter().map(|(path, as_if)| format!("{word}={}={as_if}", path.display())).collect();
    let (rust, c): (Vec<String>, Vec<String>) = (flags("--remap-path-prefix"), flags("-ffile-prefix-map"));
    let around = place.with_file_name("rustc-around");
    std::fs::write(&around, "#!/bin/sh\nexec \"$@\" $WILLCALL_REMAP\n")?;
    std::fs::set_permissions(&around, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--offline", "--locked", "--message-format=json", "--package", package])
        .args(release.then_some("--release"))
        .current_dir(place)
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTC_WRAPPER", &around)
        .env("WILLCALL_REMAP", rust.join(" "))
        .env("CFLAGS", c.join(" "))
        .env("CXXFLAGS", c.join(" "))
        .env("SOURCE_DATE_EPOCH", "1")
        .stderr(Stdio::inherit())
        .output()
        .context("starting cargo")?;
    ensure!(output.status.success(), "cargo could not build {package} in {}", place.display());
    let mut made = BTreeMap::new();
    for line in output.stdout.split(|b| *b == b'\n').filter(|line| line.starts_with(b"{")) {
        let message: Value = serde_json::from_slice(line)?;
        let ours = message["package_id"].as_str().is_some_and(|id| id.contains(&format!("#{package}@")));
        if ours && message["reason"] == "compiler-artifact" && message["target"]["kind"] != json!(["custom-build"]) {
            let files = message["filenames"].as_array().context("the files of an artifact")?;
            for path in files.iter().filter_map(Value::as_str).map(PathBuf::from) {
                let name = path.file_name().context("a file has a name")?.to_string_lossy().into_owned();
                // Metadata is for the compiler of the next crate; programs and libraries are what is handed on.
                if !name.ends_with(".rmeta") {
                    made.insert(name, path);
                }
            }
        }
    }
    Ok(made)
}

/// Where cargo keeps the sources of what we depend on.
fn cargo_home() -> anyhow::Result<PathBuf> {
    let told = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    told.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"))).context("cargo's folder")
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The parts of a file by name: the sections of a program, the code of a library, else the whole.
fn parts(bytes: &[u8]) -> BTreeMap<String, &[u8]> {
    let found = match bytes {
        [0x7f, b'E', b'L', b'F', 2, 1, ..] => sections(bytes),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => members(bytes),
        _ => None,
    };
    found.unwrap_or_else(|| [("the whole".to_owned(), bytes)].into())
}

/// Sections of a little-endian ELF64 file; `None` where its tables lead nowhere.
fn sections(bytes: &[u8]) -> Option<BTreeMap<String, &[u8]>> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let mut wide = [0; 8];
        wide[..length].copy_from_slice(bytes.get(at..at.checked_add(length)?)?);
        usize::try_from(u64::from_le_bytes(wide)).ok()
    };
    let (table, size, count, names) = (number(0x28, 8)?, number(0x3a, 2)?, number(0x3c, 2)?, number(0x3e, 2)?);
    let header = |nth: usize| table.checked_add(nth.checked_mul(size)?);
    let (names_at, names_size) = (number(header(names)? + 0x18, 8)?, number(header(names)? + 0x20, 8)?);
    let names = bytes.get(names_at..names_at.checked_add(names_size)?)?;
    let mut found = BTreeMap::new();
    for nth in 0..count {
        let at = header(nth)?;
        let name = names.get(number(at, 4)?..)?.split(|b| *b == 0).next()?;
        // Kind 8 takes no room in the file.
        let (kind, from, length) = (number(at + 4, 4)?, number(at + 0x18, 8)?, number(at + 0x20, 8)?);
        let content = if kind == 8 { &[] } else { bytes.get(from..from.checked_add(length)?)? };
        found.insert(format!("{nth} {}", String::from_utf8_lossy(name)), content);
    }
    Some(found)
}

/// Members of an archive but for its tables (their offsets follow from the rest) and what is noted for the compiler;
/// `None` where a header is none or is cut off.
fn members(bytes: &[u8]) -> Option<BTreeMap<String, &[u8]>> {
    let mut found = BTreeMap::new();
    let mut at = 8;
    while let Some(header) = bytes.get(at..at + 60) {
        let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok().map(str::trim);
        let size: usize = text(48..58)?.parse().ok()?;
        let content = bytes.get(at + 60..(at + 60).checked_add(size)?)?;
        let name = text(0..16)?;
        if !["/", "//", "lib.rmeta/"].contains(&name) {
            found.insert(format!("{} {name}", found.len()), content);
        }
        at += 60 + size + size % 2;
    }
    // What is left over would be compared with nothing.
    (at >= bytes.len()).then_some(found)
}

/// Which parts differ, and by how many bytes.
fn differing(one: &BTreeMap<String, &[u8]>, other: &BTreeMap<String, &[u8]>) -> Vec<String> {
    let mut said = Vec::new();
    for (name, a) in one {
        match other.get(name) {
            None => said.push(format!("{name}: only in the first")),
            Some(b) if a != b => {
                let bytes = a.iter().zip(*b).filter(|(a, b)| a != b).count() + a.len().abs_diff(b.len());
                said.push(format!("{name}: {bytes} of {} bytes differ", a.len().max(b.len())));
            }
            Some(_) => {}
        }
    }
    said.extend(other.keys().filter(|name| !one.contains_key(*name)).map(|name| format!("{name}: only in the second")));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_is_found_in_its_section() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let found = parts(&program);
        let text = found.iter().find(|(name, _)| name.ends_with(" .text")).expect("a program has code").1;
        let at = text.as_ptr() as usize - program.as_ptr() as usize;
        let mut changed = program.clone();
        changed[at] ^= 1;
        let said = differing(&found, &parts(&changed));
        assert!(said.len() == 1 && said[0].contains(".text: 1 of "), "{said:?}");
        assert_eq!(differing(&found, &found), Vec::<String>::new());
    }

    #[test]
    fn a_changed_byte_is_found_in_its_member_and_a_missing_one_is_named() {
        let header = |name: &str, size: usize| format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 644);
        let archive = format!("!<arch>\n{}abc\n{}de", header("one.o/", 3), header("two.o/", 2));
        let other = archive.replace("abc", "abd");
        assert_eq!(differing(&parts(archive.as_bytes()), &parts(other.as_bytes())), ["0 one.o/: 1 of 3 bytes differ"]);
        let noted =
            format!("!<arch>\n{}ab{}abc\n{}de", header("lib.rmeta/", 2), header("one.o/", 3), header("two.o/", 2));
        assert_eq!(differing(&parts(archive.as_bytes()), &parts(noted.as_bytes())), Vec::<String>::new());
        let shorter = &archive.as_bytes()[..8 + 60 + 4];
        assert_eq!(differing(&parts(archive.as_bytes()), &parts(shorter)), ["1 two.o/: only in the first"]);
    }

    #[test]
    fn what_is_neither_program_nor_library_is_compared_whole_also_when_it_is_cut_off() {
        for bytes in [&b"text"[..], b"\x7fELF\x02\x01", b"!<arch>\nshort", b""] {
            assert!(parts(bytes).values().map(|part| part.len()).sum::<usize>() <= bytes.len(), "{bytes:?}");
        }
        assert_eq!(differing(&parts(b"ab"), &parts(b"abc")), ["the whole: 1 of 3 bytes differ"]);
    }

    #[test]
    fn a_program_that_differs_outside_of_its_sections_differs() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let mut changed = program.clone();
        // Padding of the header, which no section holds.
        changed[15] ^= 1;
        let mut found = Found::default();
        found.compare("program", &program, &program);
        assert_eq!(found.differences, Vec::<String>::new());
        found.compare("program", &program, &changed);
        assert_eq!(found.differences, ["program: outside of its sections"]);
    }
}
