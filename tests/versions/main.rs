//! Version 1 for ever: a filled station database and the recorded traffic of the first release. Whatever comes later
//! must open the one and speak the other.
//!
//! `WILLCALL_BLESS=1` writes the fixtures anew; after a release they are never written again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod planted;
mod recording;

use recording::{Recording, Spoken};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    clock::SystemClock,
    devices::{
        Role,
        wire::{EnrolAnswer, EnrolRequest},
    },
    entropy::OsEntropy,
    leases::{Grant, check_grant, wire::LeaseRequest},
    sync::{ChangesAnswer, Contact, ContactAnswer, PushAnswer, PushRequest, Row, contact::check_contact},
    ticketing::key::public_key,
};
use willcall_station::{Host, HttpTransport, KeyStoreChoice, Station, StationConfig};
use willcall_tests::{
    built::repository,
    house::{House, Plan, open_station},
};

fn fixtures() -> PathBuf {
    repository().join("tests/fixtures/v1")
}

/// What the fixture station knows, so that the test can ask for it.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Facts {
    list_id: i64,
    /// Of a ticket that has entered.
    used_code: String,
    /// Of a ticket that has not.
    unused_code: String,
    journal_length: u64,
    sales: usize,
}

#[expect(clippy::disallowed_methods, reason = "a switch for whoever makes a release, read once")]
fn blessing() -> bool {
    std::env::var("WILLCALL_BLESS").is_ok()
}

async fn bless() {
    let folder = fixtures();
    drop(fs::remove_dir_all(&folder));
    let data = folder.join("station");
    fs::create_dir_all(&data).unwrap();
    let house = House::build(Plan::default()).await.unwrap();
    let (used, unused) = (house.buy().await.unwrap(), house.buy().await.unwrap());
    house.number().await.unwrap();
    let recording = Arc::new(Recording::new(HttpTransport::new().unwrap()));
    let config = StationConfig { data, key_store: KeyStoreChoice::File, software: "willcall 0.1.0".to_owned() };
    let host = Host {
        clock: Arc::new(SystemClock::new()),
        entropy: Arc::new(OsEntropy),
        machine: willcall_station::copies::machine::digest(),
    };
    let station = Station::open_with(config, host, recording.clone()).unwrap();
    let token = house.invite("Till 1", Role::Till).await.unwrap();
    station.enrol(&house.url(), &token).await.unwrap();
    station.sync_once().await.unwrap();
    enter(&station, house.list.0, &used.code).await;
    enter(&station, house.list.0, "no code of ours").await;
    station.sell(house.adults(2)).await.unwrap();
    house.cancel(house.buy().await.unwrap().order_id).await.unwrap();
    house.number().await.unwrap();
    station.sync_once().await.unwrap();
    station.sell(house.adults(1)).await.unwrap();
    let facts = Facts {
        list_id: house.list.0,
        used_code: used.code,
        unused_code: unused.code,
        journal_length: station.status().await.unwrap().journal_length,
        sales: station.till().await.unwrap().sales.len(),
    };
    drop(station);
    fs::write(folder.join("facts.json"), serde_json::to_string_pretty(&facts).unwrap()).unwrap();
    let lines: Vec<String> = recording.spoken().iter().map(|s| serde_json::to_string(s).unwrap()).collect();
    fs::write(folder.join("traffic.jsonl"), lines.join("\n") + "\n").unwrap();
}

async fn enter(station: &Station, list: i64, code: &str) -> Class {
    let list_id = willcall_domain::id::ListId(list);
    let request = ScanRequest::new(code, list_id, Direction::Entry);
    station.scan(request).await.unwrap().class
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            // Keys must be private, and version control keeps no permissions.
            #[cfg(unix)]
            fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_versions_station_is_opened_whole_and_goes_on() {
    if blessing() {
        bless().await;
    }
    let facts: Facts = serde_json::from_str(&fs::read_to_string(fixtures().join("facts.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    copy(&fixtures().join("station"), folder.path());
    let station = open_station(folder.path(), Arc::new(SystemClock::new())).unwrap();
    let status = station.status().await.unwrap();
    assert!(status.recovered.is_none(), "nothing is damaged: {:?}", status.recovered);
    assert_eq!(status.journal_length, facts.journal_length);
    assert_eq!(station.till().await.unwrap().sales.len(), facts.sales);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(enter(&station, facts.list_id, &facts.used_code).await, Class::Used);
    assert_eq!(enter(&station, facts.list_id, &facts.unused_code).await, Class::Admitted);
    assert!(station.verify_journal().await.unwrap().ok);
}

#[test]
fn every_message_of_the_first_version_is_still_understood() {
    if blessing() {
        return;
    }
    let text = fs::read_to_string(fixtures().join("traffic.jsonl")).unwrap();
    let spoken: Vec<Spoken> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut keys = None;
    let mut kinds = std::collections::BTreeSet::new();
    for one in &spoken {
        kinds.insert(one.what.as_str());
        understand(one, &mut keys);
    }
    assert_eq!(Vec::from_iter(kinds), ["changes", "contact", "enrol", "lease", "push", "snapshot"]);
}

/// Server key and device key, from the enrolment.
type Keys = Option<(ed25519_dalek::VerifyingKey, ed25519_dalek::VerifyingKey, willcall_domain::id::DeviceId)>;

fn understand(one: &Spoken, keys: &mut Keys) {
    let (ask, answer) = (one.ask.clone(), one.answer.clone());
    match one.what.as_str() {
        "enrol" => {
            let ask: EnrolRequest = serde_json::from_value(ask).unwrap();
            let answer: EnrolAnswer = serde_json::from_value(answer).unwrap();
            *keys =
                Some((public_key(&answer.server_key).unwrap(), public_key(&ask.public_key).unwrap(), answer.device_id));
        }
        "contact" => {
            let ask: Contact = serde_json::from_value(ask).unwrap();
            let answer: ContactAnswer = serde_json::from_value(answer).unwrap();
            check_contact(&answer, &ask.nonce, &keys.unwrap().0).unwrap();
        }
        "push" => {
            let page: PushRequest = serde_json::from_value(ask).unwrap();
            for entry in &page.entries {
                entry.verify(&keys.unwrap().1).unwrap();
                assert!(entry.fact().is_some(), "the kind {} is still known", entry.kind);
            }
            serde_json::from_value::<PushAnswer>(answer).unwrap();
        }
        "changes" => {
            let answer: ChangesAnswer = serde_json::from_value(answer).unwrap();
            assert!(answer.changes.iter().all(|c| c.row != Row::Unknown));
        }
        "lease" => {
            serde_json::from_value::<LeaseRequest>(ask).unwrap();
            let grant: Grant = serde_json::from_value(answer).unwrap();
            check_grant(&grant, &keys.unwrap().0, keys.unwrap().2).unwrap();
        }
        "snapshot" => {
            let lines: Vec<serde_json::Value> = serde_json::from_value(answer).unwrap();
            for line in &lines[1..lines.len() - 1] {
                let row: Row = serde_json::from_value(line.clone()).unwrap();
                assert_ne!(row, Row::Unknown, "{line}");
            }
        }
        other => panic!("{other} is no message of the protocol"),
    }
}
