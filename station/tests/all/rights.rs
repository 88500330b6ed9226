//! What an organizer lets this device do besides its role, and who the organizer is.

use crate::support::*;
use uuid::Uuid;
use willcall_domain::{
    access::OrganizerRow,
    checkin::{Class, wire::ScanRequest},
    devices::{
        DeviceSetup,
        wire::{Right, Role},
    },
    id::{DeviceId, PositionId},
    problem::Code,
    sync::{Row, change::DeviceRow},
};

/// The device that enrols first, as the organizer has set it.
fn device(version: i64, rights: &[Right]) -> Row {
    Row::Device(DeviceRow {
        device_id: DeviceId(42),
        name: "Door".into(),
        gate: String::new(),
        role: Role::Door,
        events: vec![EVENT],
        rights: rights.to_vec(),
        setup: DeviceSetup::default(),
        revoked: false,
        version,
    })
}

#[tokio::test]
async fn a_time_given_by_hand_needs_the_right_which_the_organizer_gives_and_takes() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let station = ready(folder.path(), &server).await;
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let by_hand = || ScanRequest { at: Some(DOORS), ..ask(&code) };
    let length = station.status().await.unwrap().journal_length;
    let refused = station.scan(by_hand()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden, "{refused}");
    assert_eq!(station.status().await.unwrap().journal_length, length, "nothing was recorded");
    server.state().head.push(device(5, &[Right::TimeByHand]));
    station.sync_once().await.unwrap();
    assert_eq!(station.scan(by_hand()).await.unwrap().class, Class::Admitted);
    server.state().head.push(device(6, &[]));
    station.sync_once().await.unwrap();
    assert_eq!(station.scan(by_hand()).await.unwrap_err().code, Code::Forbidden);
    server.state().head.push(device(5, &[Right::TimeByHand]));
    station.sync_once().await.unwrap();
    assert_eq!(station.scan(by_hand()).await.unwrap_err().code, Code::Forbidden, "an older row gives nothing back");
    drop(station);
    let station = open(folder.path(), &server);
    assert_eq!(station.scan(by_hand()).await.unwrap_err().code, Code::Forbidden, "nor does a restart");
}

#[tokio::test]
async fn rights_and_organizer_are_there_from_the_enrolment_on() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let organizer = OrganizerRow {
        organizer_id: ORGANIZER,
        name: "Kulturhaus am See".into(),
        legal_name: String::new(),
        address: String::new(),
        tax_number: String::new(),
        accent: String::new(),
        version: 3,
    };
    server.state().rights = vec![Right::TimeByHand];
    server.state().organizer = Some(organizer.clone());
    let station = ready(folder.path(), &server).await;
    let name = async || station.status().await.unwrap().enrolment.unwrap().organizer_name;
    assert_eq!(name().await, "Kulturhaus am See");
    let code = server.code(PositionId(Uuid::from_u128(5)), 0);
    let by_hand = ScanRequest { at: Some(DOORS), ..ask(&code) };
    assert_eq!(station.scan(by_hand).await.unwrap().class, Class::Admitted);
    for (version, heard) in [(2, "Kulturhaus am See"), (4, "Kulturhaus am Meer")] {
        let row = OrganizerRow { name: "Kulturhaus am Meer".into(), version, ..organizer.clone() };
        server.state().head.push(Row::Organizer(row));
        station.sync_once().await.unwrap();
        assert_eq!(name().await, heard, "version {version}");
    }
}
