//! A version 3 that does not exist: a station and a server that say things version 2 has never heard of.

use serde_json::{Value, json};
use std::io::Write as _;
use willcall_domain::{
    checkin::wire::{Class, Direction},
    devices::Role,
    problem::Code,
    sync::{ChangesAnswer, Fact, Outcome, PROTOCOL},
};
use willcall_tests::{
    house::{House, Plan, open_station_over},
    light::{self, Light},
    meddler::Meddler,
};

async fn station_of(house: &House, protocol: u32) -> Light {
    let token = house.invite("Gate of another day", Role::Door).await.unwrap();
    let http = light::client().unwrap();
    Light::enrol(&http, &house.url(), &token).await.unwrap().speaking(protocol)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_of_version_3_is_served_in_version_2_and_its_strange_facts_are_kept() {
    let house = House::build(Plan::default()).await.unwrap();
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let mut newer = station_of(&house, PROTOCOL + 1).await;
    let mut question = newer.question(3);
    question["holograms"] = json!({ "supported": true });
    let (status, answer) = newer.post("contact", &question).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["protocol"], PROTOCOL, "so that it knows how to speak here");

    let opened = newer.record(Fact::Opened { software: "of another day".into() }).unwrap();
    let strange = newer.record_strange("hologram", &json!({ "kind": "hologram", "shown": 3 })).unwrap();
    let with_more = json!({
        "kind": "scan", "event_id": house.event, "list_id": house.list, "position_id": bought.position_id,
        "payload_hash": null, "direction": "entry", "class": "admitted", "reason": null, "mood": "joyful",
    });
    let scan = newer.record_strange("scan", &with_more).unwrap();
    let answer = newer.push(vec![opened, strange.clone(), scan.clone()]).await.unwrap();
    assert_eq!(answer.acked, 3, "it empties its outbox");
    assert_eq!(answer.outcomes[0].1, Outcome::Applied);
    assert!(matches!(answer.outcomes[1].1, Outcome::Parked { .. }), "kept until somebody knows what it means");
    assert_eq!(answer.outcomes[2].1, Outcome::Applied, "a field nobody knows holds up nothing");
    let bodies: Vec<String> = sqlx::query_scalar("SELECT body FROM journal_entry ORDER BY seq")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    assert_eq!(bodies[1..], [strange.body, scan.body], "and is kept as it was written");
    assert_eq!(house.number_of("SELECT count(*) FROM scan WHERE class = 'admitted'").await.unwrap(), 1);
    let (status, changes) = newer.get(&format!("changes?history={}&after=0", newer.enrolment.history)).await.unwrap();
    assert_eq!(status, 200, "{changes}");
    assert!(changes["changes"].as_array().is_some_and(|c| !c.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_new_is_told_which_side_to_update() {
    let house = House::build(Plan::default()).await.unwrap();
    let newer = station_of(&house, PROTOCOL + 3).await;
    let (status, answer) = newer.post("contact", &newer.question(0)).await.unwrap();
    assert_eq!((status.as_u16(), answer["code"].as_str()), (400, Some(Code::Protocol.as_str())));
    assert!(answer["detail"].as_str().unwrap().contains("Update the server"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_too_old_empties_its_journal_before_it_is_asked_to_be_updated() {
    let house = House::build(Plan::default()).await.unwrap();
    // The version before the first, which is as far below the oldest spoken as can be today.
    let mut older = station_of(&house, 0).await;
    let (status, _) = older.post("contact", &older.question(1)).await.unwrap();
    assert_eq!(status, 200, "it is in contact");
    let opened = older.record(Fact::Opened { software: "of another day".into() }).unwrap();
    assert_eq!(older.push(vec![opened]).await.unwrap().acked, 1);
    for path in [format!("changes?history={}&after=0", older.enrolment.history), "snapshot".to_owned()] {
        let (status, answer) = older.get(&path).await.unwrap();
        assert_eq!((status.as_u16(), answer["code"].as_str()), (400, Some(Code::Protocol.as_str())), "{path}");
        assert!(answer["detail"].as_str().unwrap().contains("update it"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_of_version_1_is_told_only_what_it_can_read() {
    let house = House::build(Plan::default()).await.unwrap();
    house.buy().await.unwrap();
    house.number().await.unwrap();
    let first = station_of(&house, 1).await;
    let known = ["event", "item", "quota", "list", "key", "position", "scan", "void_blanks", "device", "gone"];
    let (_, answer) = first.get(&format!("changes?history={}&after=0", first.enrolment.history)).await.unwrap();
    let kinds: Vec<&str> = answer["changes"].as_array().unwrap().iter().filter_map(|c| c["row"].as_str()).collect();
    assert!(kinds.contains(&"position") && kinds.iter().all(|kind| known.contains(kind)), "{kinds:?}");
    assert!(answer.get("urgent").is_none(), "nor fields of a later day: {answer}");
    let packed = first.request(reqwest::Method::GET, "snapshot").send().await.unwrap().bytes().await.unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&packed[..]), &mut text).unwrap();
    let kinds: Vec<Value> = text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["row"].clone()).collect();
    let rows = &kinds[1..kinds.len() - 1];
    assert!(!rows.is_empty() && rows.iter().all(|k| known.contains(&k.as_str().unwrap())), "{rows:?}");
}

/// What a server of version 3 says: kinds, words and fields of its own among those that are known.
fn strange_page(house: &House, position: i64) -> ChangesAnswer {
    let item = json!({
        "item_id": house.adult, "event_id": house.event, "name": "Adult, newer", "category": "Tickets",
        "price": { "minor": 2400, "currency": "EUR" }, "tax_rate_bp": 700, "rank": 0, "active": true, "admission": true,
        "look_at_id": false, "checkin_text": "", "version": 1000, "hologram": "3d",
    });
    let page = json!({
        "history": house.app().unwrap().history,
        "changes": [
            { "position": position, "row": "hologram", "data": { "shown": true } },
            { "position": position, "row": "key", "data": { "event_id": house.event, "curve": "ed448" } },
            { "position": position, "row": "item", "data": item, "weight": 7 },
        ],
        "next": position, "head": position, "weather": "fair",
    });
    serde_json::from_value(page).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_version_3_is_understood_as_far_as_it_goes() {
    let house = House::build(Plan::default()).await.unwrap();
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let (folder, line) = (tempfile::tempdir().unwrap(), Meddler::new().unwrap());
    let door = open_station_over(folder.path(), line.clone()).unwrap();
    let token = house.invite("Gate A", Role::Door).await.unwrap();
    door.enrol(&house.url(), &token).await.unwrap();
    door.sync_once().await.unwrap();
    let head = house.number_of("SELECT position FROM change_head").await.unwrap();
    line.next_page(strange_page(&house, head));
    let report = door.sync_once().await.unwrap();
    assert!(report.caught_up && report.problems.is_empty() && report.rows == 1, "{report:?}");
    let (_, items) = door.catalog().await.unwrap();
    assert!(items.iter().any(|item| item.name == "Adult, newer"), "what is known among what is not is taken");

    // The same in a snapshot, and a first line with more in it.
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(&line.last_snapshot()[..]), &mut text)
        .unwrap();
    let mut lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let last = lines.len() - 1;
    lines[0]["moon"] = json!("full");
    lines[0]["protocol"] = json!(PROTOCOL + 1);
    lines[last]["rows"] = json!(lines.len() - 2 + 1);
    lines.insert(1, json!({ "row": "hologram", "data": { "shown": true } }));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for line in &lines {
        writeln!(packed, "{line}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let line = Meddler::new().unwrap();
    let other = open_station_over(folder.path(), line.clone()).unwrap();
    let token = house.invite("Gate B", Role::Door).await.unwrap();
    other.enrol(&house.url(), &token).await.unwrap();
    line.next_snapshot(packed.finish().unwrap());
    let report = other.sync_once().await.unwrap();
    assert!(report.caught_up && report.snapshot, "{report:?}");
    let request = willcall_domain::checkin::wire::ScanRequest::new(bought.code, house.list, Direction::Entry);
    assert_eq!(other.scan(request).await.unwrap().class, Class::Admitted);
}
