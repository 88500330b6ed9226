//! What journals say together, in whatever order they come: which tickets entered once too often, how sure that is, and
//! what was undone.

use serde_json::Value;
use uuid::Uuid;
use willcall_domain::{
    checkin::{Class, Direction},
    clock::UtcMillis,
    devices::{Right, Role},
    entropy::OsEntropy,
    id::{DeviceId, PositionId, ScanId},
    sync::{Entry, Fact, Outcome, Row},
};
use willcall_server::devices;
use willcall_tests::{
    hand::{self, Hand, When, entered, opened},
    house::{House, Plan},
    server::until,
};

const NOON: i64 = 1_793_610_000_000;

fn ticket() -> PositionId {
    PositionId::born(UtcMillis(NOON), &OsEntropy)
}

fn left(house: &House, position: PositionId) -> Fact {
    Fact::Scan {
        event_id: house.event,
        list_id: house.list,
        position_id: Some(position),
        payload_hash: None,
        direction: Direction::Exit,
        class: Class::Admitted,
        reason: None,
        time_by_hand: None,
    }
}

fn at(seconds: i64, uncertainty_ms: i64) -> When {
    When { wall: UtcMillis(NOON + seconds * 1_000), offset_ms: 0, uncertainty_ms }
}

async fn gates<const N: usize>(house: &House) -> [(Hand, Entry); N] {
    let mut gates = Vec::new();
    for n in 1..=N {
        let gate = Hand::enrol(house, &format!("Gate {n}"), Role::Door).await.unwrap();
        let first = gate.write(opened()).unwrap();
        gates.push((gate, first));
    }
    gates.try_into().unwrap()
}

/// Details of the double admissions, the open ones.
async fn listed(house: &House) -> Vec<Value> {
    sqlx::query_scalar(
        "SELECT detail FROM station_case WHERE kind = 'double_admission' AND closed_at IS NULL ORDER BY opened_at",
    )
    .fetch_all(&mut house.admin().await.unwrap())
    .await
    .unwrap()
}

fn scans(detail: &Value) -> Vec<(&str, bool)> {
    let scan = |scan: &'_ Value| scan["undone"].as_bool().unwrap();
    let scans = detail["scans"].as_array().unwrap();
    scans.iter().map(|one| (one["gate"].as_str().unwrap(), scan(one))).collect()
}

/// The race: two gates let one ticket in, and their journals arrive at two servers in the same moment. Each transaction
/// has stored its scan and is not committed when the other looks for what there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_double_whose_halves_arrive_in_the_same_moment_is_listed() {
    let house = House::build(Plan::default()).await.unwrap();
    let other = house.database.server(house.nature.clone()).await.unwrap();
    let [(a, a0), (mut b, b0)] = gates(&house).await;
    b.url = format!("http://{}", other.addr);
    let ticket = ticket();
    let first = a.write(entered(&house, ticket)).unwrap();
    let second = b.write(entered(&house, ticket)).unwrap();
    // Whoever has judged cannot store its entries, and so not commit.
    let mut gatekeeper = house.admin().await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE journal_entry IN SHARE MODE").execute(&mut gatekeeper).await.unwrap();
    let a = tokio::spawn(async move { a.push(&[a0, first]).await.unwrap() });
    let b = tokio::spawn(async move { b.push(&[b0, second]).await.unwrap() });
    until("both to be stopped in the middle", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        Ok((house.number_of(waiting).await? >= 2).then_some(()))
    })
    .await
    .unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut gatekeeper).await.unwrap();
    a.await.unwrap();
    b.await.unwrap();
    assert_eq!(listed(&house).await.len(), 1);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clocks_do_not_tell_is_possible_and_is_certain_or_nothing_once_more_is_known() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0), (c, c0)] = gates(&house).await;
    let ticket = ticket();
    let first = a.write_knowing(entered(&house, ticket), at(0, 50), &[]).unwrap();
    let second = b.write_knowing(entered(&house, ticket), at(60, 50), &[]).unwrap();
    let out = c.write_knowing(left(&house, ticket), at(30, 120_000), &[]).unwrap();
    a.push(&[a0, first.clone()]).await.unwrap();
    b.push(&[b0, second.clone()]).await.unwrap();
    assert_eq!(listed(&house).await[0]["certainty"], "certain", "nobody has told of an exit yet");
    c.push(&[c0, out.clone()]).await.unwrap();
    let now = listed(&house).await;
    assert_eq!((now.len(), &now[0]["certainty"]), (1, &Value::from("possible")), "they may have left in between");
    // Whoever let them out again knew of the first entry and was known at the second: now it is sure that they did.
    let out = c.write_knowing(left(&house, ticket), at(31, 120_000), &[&first]).unwrap();
    let third = b.write_knowing(entered(&house, ticket), at(61, 50), &[&out]).unwrap();
    c.push(&[out]).await.unwrap();
    b.push(&[third]).await.unwrap();
    let now = listed(&house).await;
    let gates: Vec<_> = now.iter().map(scans).collect();
    assert_eq!(gates, [[("Gate 1", false), ("Gate 2", false)]], "the first two are still possible, the third is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_that_is_heard_of_late_closes_the_case_and_says_so() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0), (c, c0)] = gates(&house).await;
    let ticket = ticket();
    let first = a.write_knowing(entered(&house, ticket), at(0, 50), &[]).unwrap();
    let second = b.write_knowing(entered(&house, ticket), at(60, 50), &[]).unwrap();
    let out = c.write_knowing(left(&house, ticket), at(30, 50), &[]).unwrap();
    a.push(&[a0, first]).await.unwrap();
    b.push(&[b0, second]).await.unwrap();
    assert_eq!(listed(&house).await.len(), 1);
    c.push(&[c0, out]).await.unwrap();
    assert_eq!(listed(&house).await.len(), 0);
    let moot = "SELECT count(*) FROM station_case WHERE kind = 'double_admission' AND note = 'no_double'
                AND resolution IS NULL";
    assert_eq!(house.number_of(moot).await.unwrap(), 1, "it says why it closed by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_gates_are_one_case_and_what_a_person_has_seen_is_not_opened_again() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0), (c, c0)] = gates(&house).await;
    let ticket = ticket();
    let entry = |gate: &Hand, seconds| gate.write_knowing(entered(&house, ticket), at(seconds, 50), &[]).unwrap();
    let (one, two, three) = (entry(&a, 0), entry(&b, 1), entry(&c, 2));
    c.push(&[c0, three]).await.unwrap();
    a.push(&[a0, one]).await.unwrap();
    let answer = b.push(&[b0, two]).await.unwrap();
    assert!(matches!(answer.outcomes[1].1, Outcome::AppliedWithCase { .. }));
    let now = listed(&house).await;
    assert_eq!(scans(&now[0]), [("Gate 1", false), ("Gate 2", false), ("Gate 3", false)], "in their order");
    sqlx::raw_sql("UPDATE station_case SET closed_at = 1, resolution = 'seen'")
        .execute(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    let out = a.write_knowing(left(&house, ticket), at(100, 50), &[]).unwrap();
    a.push(&[out]).await.unwrap();
    assert_eq!(listed(&house).await.len(), 0, "an exit after all of them says nothing new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_a_day_off_orders_nothing_wrongly_once_it_was_compared_or_once_somebody_knew() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0), (c, c0)] = gates(&house).await;
    let (measured, known, unknown) = (ticket(), ticket(), ticket());
    let day = 86_400_000;
    let ahead =
        |seconds: i64| When { wall: UtcMillis(NOON + seconds * 1_000 + day), offset_ms: -day, uncertainty_ms: 50 };
    let never = |seconds: i64| When { offset_ms: 0, uncertainty_ms: -1, ..ahead(seconds) };
    let a1 = a.write_knowing(entered(&house, measured), ahead(0), &[]).unwrap();
    let a2 = a.write_knowing(entered(&house, known), never(1), &[]).unwrap();
    let a3 = a.write_knowing(entered(&house, unknown), never(2), &[]).unwrap();
    let b1 = b.write_knowing(left(&house, measured), at(30, 50), &[]).unwrap();
    let b2 = b.write_knowing(left(&house, known), at(31, 50), &[&a2]).unwrap();
    let b3 = b.write_knowing(left(&house, unknown), at(32, 50), &[]).unwrap();
    let c1 = c.write_knowing(entered(&house, measured), at(60, 50), &[]).unwrap();
    let c2 = c.write_knowing(entered(&house, known), at(61, 50), &[]).unwrap();
    let c3 = c.write_knowing(entered(&house, unknown), at(62, 50), &[]).unwrap();
    c.push(&[c0, c1, c2, c3]).await.unwrap();
    a.push(&[a0, a1, a2, a3]).await.unwrap();
    b.push(&[b0, b1, b2, b3]).await.unwrap();
    let now = listed(&house).await;
    let tickets: Vec<(String, String)> = now
        .iter()
        .map(|d| (d["position_id"].as_str().unwrap().to_owned(), d["certainty"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(tickets, [(unknown.to_string(), "possible".to_owned())], "only where nobody knows when it was");
    let at: i64 = house.number_of("SELECT min(at) FROM scan WHERE uncertainty_ms >= 0").await.unwrap();
    assert_eq!(at, NOON, "scans stand under the server's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_branches_of_a_copied_gate_are_listed_though_their_numbers_follow() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0)] = gates(&house).await;
    let (ticket, other) = (ticket(), ticket());
    let mut copy = a.pen();
    let filler = a.write_knowing(entered(&house, other), at(0, 50), &[]).unwrap();
    let first = a.write_knowing(entered(&house, ticket), at(1, 50), &[]).unwrap();
    let branch: Vec<Entry> = [other, other, other, ticket]
        .iter()
        .map(|ticket| hand::write(a.device, &mut copy, entered(&house, *ticket), None).unwrap())
        .collect();
    a.push(&[a0, filler, first]).await.unwrap();
    // The last one first: nothing says yet where the branches parted.
    a.push(&branch[3..]).await.unwrap();
    a.push(&branch[..3]).await.unwrap();
    let now = listed(&house).await;
    let mine: Vec<&Value> = now.iter().filter(|d| d["position_id"] == ticket.to_string()).collect();
    assert_eq!(mine.len(), 1, "{now:?}");
    assert_eq!(scans(mine[0]).len(), 2);
}

fn undone(house: &House, scan: &Entry) -> Fact {
    Fact::ScanUndone { scan_id: ScanId(scan.id.0), event_id: house.event, list_id: house.list }
}

async fn give_undo(house: &House, device: DeviceId) {
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, device, &[Right::Undo]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_may_come_before_its_scan_and_the_undone_half_of_a_double_stays_marked() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0)] = gates(&house).await;
    give_undo(&house, b.device).await;
    let ticket = ticket();
    let first = a.write_knowing(entered(&house, ticket), at(0, 50), &[]).unwrap();
    let second = b.write_knowing(entered(&house, ticket), at(60, 50), &[]).unwrap();
    let undo = b.write_knowing(undone(&house, &first), at(65, 50), &[]).unwrap();
    let answer = b.push(&[b0, second.clone(), undo]).await.unwrap();
    assert!(answer.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Applied), "{answer:?}");
    a.push(&[a0, first.clone()]).await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM scan WHERE undone").await.unwrap(), 1);
    assert_eq!(scans(&listed(&house).await[0]), [("Gate 1", true), ("Gate 2", false)]);
    house.number().await.unwrap();
    let row = |row: Row| match row {
        Row::Scan(scan) => Some((scan.scan_id, scan.undone)),
        _ => None,
    };
    let mut rows: Vec<(ScanId, bool)> = b.rows().await.unwrap().into_iter().filter_map(row).collect();
    rows.sort();
    let mut wanted = vec![(ScanId(first.id.0), true), (ScanId(second.id.0), false)];
    wanted.sort();
    assert_eq!(rows, wanted, "the other stations hear of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_undone_later_makes_a_double_of_what_was_none_and_who_may_not_undo_is_told_of() {
    let house = House::build(Plan::default()).await.unwrap();
    let [(a, a0), (b, b0), (c, c0)] = gates(&house).await;
    let ticket = ticket();
    let first = a.write_knowing(entered(&house, ticket), at(0, 50), &[]).unwrap();
    let out = b.write_knowing(left(&house, ticket), at(30, 50), &[]).unwrap();
    let second = c.write_knowing(entered(&house, ticket), at(60, 50), &[]).unwrap();
    a.push(&[a0, first]).await.unwrap();
    b.push(&[b0, out.clone()]).await.unwrap();
    c.push(&[c0, second]).await.unwrap();
    assert_eq!(listed(&house).await.len(), 0);
    let undo = b.write_knowing(undone(&house, &out), at(90, 50), &[]).unwrap();
    let answer = b.push(&[undo]).await.unwrap();
    assert!(matches!(answer.outcomes[0].1, Outcome::AppliedWithCase { .. }), "it has no right to");
    assert_eq!(listed(&house).await.len(), 1);
    let told = "SELECT count(*) FROM station_case WHERE kind = 'undo_without_right' AND closed_at IS NULL";
    assert_eq!(house.number_of(told).await.unwrap(), 1);
    let nowhere = Fact::ScanUndone {
        scan_id: ScanId(Uuid::from_u128(7)),
        event_id: house.event,
        list_id: willcall_domain::id::ListId(987_654),
    };
    let answer = b.push(&[b.write(nowhere).unwrap()]).await.unwrap();
    assert!(matches!(answer.outcomes[0].1, Outcome::Parked { .. }), "a list that is not here");
}
