//! The types the screens are written against are those of this program. With `WILLCALL_BLESS=1` they are written anew.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::{collections::BTreeMap, fs, path::Path};

fn present(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = |path: std::path::PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
    };
    entries.filter(|path| path.extension().is_some_and(|e| e == "ts")).map(file).collect()
}

#[test]
fn the_types_of_the_screens_are_those_of_this_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/generated");
    let wanted = willcall_window::typescript::files().unwrap();
    if std::env::var_os("WILLCALL_BLESS").is_some() {
        fs::create_dir_all(&folder).unwrap();
        for stale in present(&folder).keys().filter(|name| !wanted.contains_key(*name)) {
            fs::remove_file(folder.join(stale)).unwrap();
        }
        for (name, text) in &wanted {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let found = present(&folder);
    let differing: Vec<_> =
        wanted.keys().chain(found.keys()).filter(|name| wanted.get(*name) != found.get(*name)).collect();
    assert!(differing.is_empty(), "run this test with WILLCALL_BLESS=1 to write them anew: {differing:?}");
}

#[test]
fn every_command_and_event_stands_in_the_table_of_the_screens() {
    let rpc = willcall_window::typescript::files().unwrap().remove("rpc.ts").unwrap();
    for line in [
        "devices_status: [null, StatusView],",
        "checkin_search: [SearchRequest, Array<FoundTicket>],",
        "till_print: [PrintRequest, Printed],",
        "camera_start: [null, null],",
        "printer_list: [null, Array<string>],",
        "camera_problem: Problem,",
    ] {
        assert!(rpc.lines().any(|written| written.trim() == line), "{line}\n{rpc}");
    }
}
