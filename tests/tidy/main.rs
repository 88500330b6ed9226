//! The architecture as a test: what `docs/ARCHITECTURE.md` claims about this repository, checked on its files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests stand in the repository").to_owned()
}

/// Files below `folder` that end in `ending`, with their text; generated and foreign folders left out.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|e| panic!("{}: {e}", next.display())) {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["node_modules", "dist", "target", "generated", ".git"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                let shown = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                out.push((shown, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    out.sort();
    out
}

fn production_rust() -> Vec<(String, String)> {
    ["domain/src", "reading/src", "station/src", "src-tauri/src", "sync-server/src"]
        .iter()
        .flat_map(|f| files(f, ".rs"))
        .collect()
}

/// Direct dependencies of each member among the members, and all of its direct dependencies.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |v: &Value| v["name"].as_str().unwrap().to_owned();
    metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let normal = package["dependencies"].as_array().unwrap().iter().filter(|d| d["kind"].is_null());
            (name(package), normal.map(name).collect())
        })
        .collect()
}

#[test]
fn crates_know_each_other_only_in_the_direction_of_the_design() {
    let allowed: BTreeMap<&str, &[&str]> = [
        ("willcall-domain", &[][..]),
        // Pictures to texts: knows no ticket, and so that benches and fuzzing need no window.
        ("willcall-reading", &[]),
        ("willcall-station", &["willcall-domain"]),
        ("willcall", &["willcall-domain", "willcall-reading", "willcall-station"]),
        ("willcall-server", &["willcall-domain"]),
        ("willcall-tests", &["willcall-domain", "willcall-reading", "willcall-station", "willcall-server"]),
    ]
    .into();
    for (member, has) in dependencies() {
        let ours: Vec<&String> = has.iter().filter(|d| d.starts_with("willcall")).collect();
        let may = allowed.get(member.as_str()).unwrap_or_else(|| panic!("{member} has no place in the design yet"));
        for one in ours {
            assert!(may.contains(&one.as_str()), "{member} must not know {one}");
        }
    }
}

#[test]
fn the_domain_has_no_disk_network_window_or_runtime() {
    let has = &dependencies()["willcall-domain"];
    let may: BTreeSet<&str> = [
        "base64",
        "chacha20poly1305",
        "ed25519-dalek",
        "getrandom",
        "hex",
        "hpke",
        "jiff",
        "printpdf",
        "qrcode",
        "serde",
        "serde_json",
        "sha2",
        "thiserror",
        "ts-rs",
        "unicode-normalization",
        "uuid",
        "zeroize",
    ]
    .into();
    for one in has {
        assert!(may.contains(one.as_str()), "the domain must not depend on {one}");
    }
    for (file, text) in files("domain/src", ".rs") {
        for word in ["async fn", "std::fs", "std::net", "std::env::var", "std::process"] {
            assert!(!text.contains(word), "{file} uses {word}; rules are pure");
        }
    }
}

#[test]
fn the_station_knows_no_window() {
    let deps = dependencies();
    assert!(!deps["willcall-station"].iter().any(|d| d.starts_with("tauri")));
    for member in ["willcall", "willcall-domain"] {
        assert!(!deps[member].contains("rusqlite") && !deps[member].contains("sqlx"), "{member} has no SQL");
    }
}

#[test]
fn sql_stands_in_stores_and_nowhere_else() {
    let words = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];
    for (file, text) in production_rust() {
        let store = file.ends_with("/store.rs") || file.contains("/store/");
        // How a database is opened, migrated, guarded and looked into is not a slice's.
        let kept = ["/db/", "/database", "/doctor", "/cluster", "/tx.rs", "/journal/recover"];
        if store || kept.iter().any(|k| file.contains(k)) {
            continue;
        }
        let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let code = code.split("#[cfg(test)]").next().unwrap_or("");
        for word in words {
            let quoted = format!("\"{word}");
            assert!(!code.contains(&quoted), "{file} holds SQL ({word}); it belongs into the slice's store.rs");
        }
    }
}

#[test]
fn no_slice_reaches_into_another_slices_store() {
    for (file, text) in files("sync-server/src", ".rs").into_iter().chain(files("station/src", ".rs")) {
        let slice = file.split("/src/").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or("");
        for line in text.lines().filter(|l| l.trim_start().starts_with("use crate::")) {
            for before in line.split("::store").collect::<Vec<_>>().split_last().map_or(&[][..], |(_, rest)| rest) {
                let target = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or("");
                let own = target == slice.trim_end_matches(".rs");
                assert!(own || ["database", "db"].contains(&target), "{file}: {}", line.trim());
            }
        }
    }
}

#[test]
fn only_the_host_folder_of_the_screens_knows_tauri() {
    for ending in [".ts", ".svelte"] {
        for (file, text) in files("ui/src", ending) {
            let imports = text.lines().any(|l| l.contains("import") && l.contains("@tauri-apps/"));
            let tests = file.starts_with("ui/src/testing/");
            assert!(!imports || tests || file.starts_with("ui/src/host/"), "{file} talks to Tauri past ui/src/host");
        }
    }
}

#[test]
fn screens_import_downwards_only() {
    for ending in [".ts", ".svelte"] {
        for (file, text) in files("ui/src/shared", ending) {
            for above in ["features/", "routes/"] {
                assert!(!text.contains(&format!("/{above}")), "{file} in shared imports from {above}");
            }
        }
        for (file, text) in files("ui/src/features", ending) {
            assert!(!text.contains("/routes/"), "{file} imports a page");
        }
    }
}

#[test]
fn slices_have_one_name_everywhere() {
    let slices: BTreeSet<&str> =
        ["catalog", "orders", "payments", "till", "leases", "ticketing", "checkin", "devices", "access", "sync"].into();
    let engine: BTreeMap<&str, BTreeSet<&str>> = [
        ("domain/src", ["paper"].into()),
        ("station/src", ["command", "copies", "db", "journal", "main", "venue"].into()),
        (
            "sync-server/src",
            ["config", "cluster", "database", "demo", "doctor", "http", "jobs", "mail", "office", "seed", "shop"]
                .into(),
        ),
        ("src-tauri/src", ["commands", "host"].into()),
    ]
    .into();
    for (folder, own) in engine {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                assert!(slices.contains(name.as_str()) || own.contains(name.as_str()), "{folder}/{name} is no slice");
            }
        }
    }
}

#[test]
fn every_source_file_is_reached_by_a_module() {
    for crate_folder in ["domain/src", "reading/src", "station/src", "sync-server/src", "src-tauri/src"] {
        let all = files(crate_folder, ".rs");
        for (file, _) in &all {
            let path = Path::new(file);
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            if ["lib", "main"].contains(&stem.as_str()) {
                continue;
            }
            let (module, parent) = if stem == "mod" {
                let folder = path.parent().unwrap();
                (folder.file_name().unwrap().to_string_lossy().into_owned(), folder.parent().unwrap())
            } else {
                (stem, path.parent().unwrap())
            };
            let parent_text = parent.to_string_lossy().into_owned();
            let declared = all.iter().any(|(candidate, text)| {
                let declares = [
                    format!("{parent_text}/mod.rs"),
                    format!("{parent_text}.rs"),
                    format!("{parent_text}/lib.rs"),
                    format!("{parent_text}/main.rs"),
                ];
                declares.contains(candidate) && text.contains(&format!("mod {module};"))
            });
            assert!(declared, "{file} is not reached by any `mod {module};`");
        }
    }
}

#[test]
fn names_of_no_meaning_are_not_used() {
    for (file, text) in production_rust() {
        for line in text.lines() {
            let declares = ["struct ", "enum ", "trait "]
                .iter()
                .any(|k| line.trim_start().trim_start_matches("pub ").starts_with(k));
            if declares {
                for ending in ["Manager", "Service", "Helper", "Util", "Utils", "Processor"] {
                    let name = line.split(['{', '(', '<', ';', ':']).next().unwrap_or("").trim();
                    assert!(!name.ends_with(ending), "{file}: {}", line.trim());
                }
            }
        }
    }
}

#[test]
fn the_readme_is_short_and_names_only_targets_that_exist() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() < 100, "README.md has {} lines", readme.lines().count());
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    for target in
        readme.split("make ").skip(1).filter_map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric()).next())
    {
        let known = makefile.lines().any(|l| l.starts_with(&format!("{target}:")));
        assert!(target.is_empty() || known, "README.md says `make {target}`, which the Makefile does not have");
    }
}

#[test]
fn only_what_the_design_names_stands_at_the_top() {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let top: BTreeSet<&str> = listed.lines().filter_map(|l| l.split('/').next()).collect();
    let may: BTreeSet<&str> = [
        ".ci",
        ".editorconfig",
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "Makefile",
        "README.md",
        "THIRD-PARTY.md",
        "assets",
        "clippy.toml",
        "deny.toml",
        "deploy",
        "docs",
        "domain",
        "migrations",
        "reading",
        "rust-toolchain.toml",
        "rustfmt.toml",
        "src-tauri",
        "station",
        "sync-server",
        "tests",
        "ui",
    ]
    .into();
    for one in top {
        assert!(may.contains(one), "{one} does not belong at the top of the repository");
    }
}
