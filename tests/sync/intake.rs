//! Pages no honest station sends, and honest pages in no good order: each entry is judged by itself, nothing is lost,
//! and what does not fit is a case that can be seen and closed.

use sqlx::PgConnection;
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    devices::Role,
    entropy::OsEntropy,
    id::{CaseId, DeviceId, OrderId, PaymentId, PositionId, StaffId},
    money::{Currency, Money},
    sync::{Entry, Fact, Outcome, PushAnswer, Resolution, key_history::key_changed},
};
use willcall_server::sync::cases::{self, By, Resolved};
use willcall_tests::{
    hand::{self, Hand, opened},
    house::{House, Plan},
};

async fn house() -> House {
    House::build(Plan::default()).await.unwrap()
}

fn position() -> PositionId {
    PositionId::born(UtcMillis(1_793_610_000_000), &OsEntropy)
}

fn outcome(answer: &PushAnswer, seq: u64) -> Outcome {
    answer.outcomes.iter().find(|(s, _)| *s == seq).unwrap_or_else(|| panic!("no outcome of {seq}: {answer:?}")).1
}

fn parked(answer: &PushAnswer, seq: u64) -> CaseId {
    match outcome(answer, seq) {
        Outcome::Parked { case_id } => case_id,
        other => panic!("{seq} is {other:?}"),
    }
}

async fn open_cases(house: &House) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

async fn staff(admin: &mut PgConnection, house: &House) -> StaffId {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0)
         ON CONFLICT (organizer_id, email) DO UPDATE SET name = 'Ines' RETURNING staff_id",
    )
    .bind(house.organizer.0)
    .fetch_one(admin)
    .await
    .unwrap();
    StaffId(id)
}

async fn resolve(house: &House, case: CaseId, how: Resolution) -> Resolved {
    let id = staff(&mut house.admin().await.unwrap(), house).await;
    let app = house.app().unwrap();
    let mut tx = app.begin(house.organizer).await.unwrap();
    let by = By::Staff { id, name: "Ines" };
    let resolved = cases::resolve(app, &mut tx, case, how, &by, "").await.unwrap();
    tx.commit().await.unwrap();
    resolved
}

/// A journal of `scans` entries at the door behind its first.
fn journal(house: &House, hand: &Hand, scans: usize) -> Vec<Entry> {
    let mut all = vec![hand.write(opened()).unwrap()];
    all.extend((0..scans).map(|_| hand.write(hand::entered(house, position())).unwrap()));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn one_damaged_entry_among_a_thousand_is_set_aside_and_the_rest_flows() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let whole = journal(&house, &door, 999);
    let mut page = whole.clone();
    page[499].body = page[499].body.replace("admitted", "refused");
    let answer = door.push(&page).await.unwrap();
    assert_eq!(answer.outcomes.len(), 1000);
    assert_eq!(answer.acked, 1000, "what was set aside is kept as well");
    let case = parked(&answer, 500);
    let applied = answer.outcomes.iter().filter(|(_, o)| *o == Outcome::Applied).count();
    assert_eq!((applied, house.number_of("SELECT count(*) FROM scan").await.unwrap()), (999, 998));
    assert_eq!(open_cases(&house).await, ["bad_entry"], "the hole it leaves is no second case");
    let again = door.push(&page).await.unwrap();
    assert_eq!(again.outcomes, answer.outcomes, "sent again, it answers what it answered before");
    // Nothing about it has changed, so it cannot be taken in.
    assert!(matches!(resolve(&house, case, Resolution::Retry).await, Resolved::StillOpen { .. }));
    let mended = door.push(&whole).await.unwrap();
    assert_eq!(outcome(&mended, 500), Outcome::Applied);
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 999);
    assert!(open_cases(&house).await.is_empty(), "it closed by itself");
    let note = "SELECT count(*) FROM station_case WHERE note = 'came_whole' AND resolution IS NULL";
    assert_eq!(house.number_of(note).await.unwrap(), 1, "and said why");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_may_hold_nonsense_a_forgery_and_another_stations_entries() {
    let house = house().await;
    let (mine, other) = (
        Hand::enrol(&house, "Door 1", Role::Door).await.unwrap(),
        Hand::enrol(&house, "Door 2", Role::Door).await.unwrap(),
    );
    let own = journal(&house, &mine, 2);
    let mut forged = own[1].clone();
    forged.signature = own[0].signature.clone();
    let mut nobodys = own[2].clone();
    nobodys.station = DeviceId(9_999);
    let mut cut = serde_json::to_value(&own[2]).unwrap();
    cut.as_object_mut().unwrap().remove("hash");
    let mut null = own[2].clone();
    null.body.push('\0');
    let carried = journal(&house, &other, 3);
    let entries =
        serde_json::json!([own[0], forged, nobodys, cut, null, carried[0], carried[1], carried[2], carried[3]]);
    let answer = mine.push_json(&serde_json::json!({ "entries": entries })).await.unwrap();
    assert_eq!(answer.outcomes.len(), 9, "each is answered: {answer:?}");
    let kept = "SELECT count(*) FROM journal_entry";
    assert_eq!(house.number_of(kept).await.unwrap(), 5, "one of mine, four of the other station's");
    assert_eq!(house.number_of("SELECT count(*) FROM quarantine").await.unwrap(), 4);
    let theirs = "SELECT count(*) FROM scan s JOIN device d USING (organizer_id, device_id) WHERE d.name = 'Door 2'";
    assert_eq!(house.number_of(theirs).await.unwrap(), 3, "who carries a journal does not matter");
    mine.push(&own).await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 5);
    for page in ["{\"entries\": [{", "[]", "{\"entries\": 3}"] {
        let sent = reqwest::Client::new().post(format!("{}/api/station/v1/journal", mine.url));
        let answer = sent.bearer_auth(&mine.answer.device_token).body(page).send().await.unwrap();
        assert_eq!(answer.status(), 422, "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_hole_is_applied_and_the_case_closes_when_it_is_filled() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let all = journal(&house, &door, 9);
    door.push(&all[..2]).await.unwrap();
    let answer = door.push(&all[5..]).await.unwrap();
    assert!(matches!(outcome(&answer, 6), Outcome::AppliedWithCase { .. }));
    assert_eq!(outcome(&answer, 7), Outcome::Applied, "one case names the hole");
    assert_eq!((answer.acked, open_cases(&house).await), (2, vec!["gap".to_owned()]));
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 6);
    let half = door.push(&all[3..4]).await.unwrap();
    assert_eq!((half.acked, open_cases(&house).await.len()), (2, 1));
    let filled = door.push(&all[2..5]).await.unwrap();
    assert_eq!((filled.acked, open_cases(&house).await), (10, vec![]));
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_branches_are_both_applied_and_the_station_is_lent_nothing_until_a_person_has_looked() {
    let house = house().await;
    let door = Hand::enrol(&house, "Till", Role::Till).await.unwrap();
    let common = journal(&house, &door, 2);
    door.push(&common).await.unwrap();
    let mut copy = door.pen();
    let mine = [0, 1].map(|_| door.write(hand::entered(&house, position())).unwrap());
    let theirs =
        [0, 1, 2].map(|_| hand::write(door.device, &mut copy, hand::entered(&house, position()), None).unwrap());
    door.push(&mine).await.unwrap();
    let answer = door.push(&theirs).await.unwrap();
    let cases: std::collections::BTreeSet<String> =
        answer.outcomes.iter().map(|(_, outcome)| format!("{outcome:?}")).filter(|o| o.contains("case")).collect();
    assert_eq!(cases.len(), 1, "one case names both: {answer:?}");
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 7, "the facts of both branches");
    assert_eq!(open_cases(&house).await, ["fork"]);
    assert!(door.contact(&door.question()).await.unwrap().suspect, "it is told");
    let suspended = "SELECT count(*) FROM device WHERE suspended_at IS NOT NULL";
    assert_eq!(house.number_of(suspended).await.unwrap(), 1);
    let Outcome::AppliedWithCase { case_id } = outcome(&answer, 4) else { panic!("{answer:?}") };
    assert_eq!(resolve(&house, case_id, Resolution::Seen).await, Resolved::Closed);
    assert_eq!(house.number_of(suspended).await.unwrap(), 0);
    let second = resolve(&house, case_id, Resolution::Seen).await;
    assert_eq!(second, Resolved::ClosedBefore { resolution: Some("seen".into()), person: "Ines".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_device_is_switched_off_only_what_was_known_of_before_counts() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let all = journal(&house, &door, 5);
    door.push(&all[..3]).await.unwrap();
    // It told of six entries, of which three came.
    door.contact(&door.question()).await.unwrap();
    let mut stolen = door.pen();
    let app = house.app().unwrap();
    let mut tx = app.begin(house.organizer).await.unwrap();
    willcall_server::devices::edit::revoke(&mut tx, door.device).await.unwrap();
    tx.commit().await.unwrap();
    let late = hand::write(door.device, &mut stolen, hand::entered(&house, position()), None).unwrap();
    let alone = door.push(&all[3..4]).await.unwrap();
    let case = parked(&alone, 4);
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 2, "nobody vouches for it yet");
    let rest = door.push(&[all[4].clone(), all[5].clone(), late]).await.unwrap();
    assert_eq!((outcome(&rest, 5), outcome(&rest, 6)), (Outcome::Applied, Outcome::Applied));
    assert_eq!(parked(&rest, 7), case, "one case for all that came later");
    assert_eq!(
        house.number_of("SELECT count(*) FROM scan").await.unwrap(),
        5,
        "the last known entry vouched for the others"
    );
    assert_eq!(open_cases(&house).await, ["after_revocation"]);
    assert_eq!(resolve(&house, case, Resolution::LeaveOut).await, Resolved::Closed);
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 5, "it changed no verdict");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_sale_takes_its_payment_along_and_both_are_applied_once_it_can_be() {
    let house = house().await;
    let till = Hand::enrol(&house, "Till", Role::Door).await.unwrap();
    let order = OrderId::born(UtcMillis(1_793_610_000_000), &OsEntropy);
    let money = |minor| Money::new(minor, Currency::EUR);
    let paid = Fact::Payment {
        payment_id: PaymentId(Uuid::from_u128(7)),
        order_id: order,
        amount: money(2400),
        given: money(2400),
        change: money(0),
    };
    let page = [opened(), hand::sold(&house, order, "T1-00001"), paid].map(|fact| till.write(fact).unwrap());
    let answer = till.push(&page).await.unwrap();
    let (sale, payment) = (parked(&answer, 2), parked(&answer, 3));
    assert_eq!(open_cases(&house).await, ["refers_to_parked", "sale_by_a_door"]);
    assert!(matches!(resolve(&house, sale, Resolution::Retry).await, Resolved::StillOpen { .. }));
    assert_eq!(house.number_of("SELECT count(*) FROM case_line WHERE what = 'tried'").await.unwrap(), 1);
    sqlx::query("UPDATE device SET role = 'till' WHERE name = 'Till'")
        .execute(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    assert_eq!(resolve(&house, sale, Resolution::Retry).await, Resolved::Closed);
    let paid = "SELECT count(*) FROM orders WHERE status = 'paid' AND channel = 'till'";
    assert_eq!(house.number_of(paid).await.unwrap(), 1);
    let closed: (Option<i64>, Option<String>, String) =
        sqlx::query_as("SELECT closed_at, resolution, note FROM station_case WHERE case_id = $1")
            .bind(payment.0)
            .fetch_one(&mut house.admin().await.unwrap())
            .await
            .unwrap();
    assert!(closed.0.is_some() && closed.1.is_none() && closed.2 == "applied", "it followed by itself: {closed:?}");
    // No unit was lent for it: sold is sold, and it is counted.
    assert_eq!(
        till.push(&page).await.unwrap().outcomes.iter().filter(|(_, o)| matches!(o, Outcome::Parked { .. })).count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_after_a_change_of_keys_are_signed_by_the_new_one() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let new = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let mut page = journal(&house, &door, 1);
    page.push(door.write(key_changed(door.device, 1, 3, &new)).unwrap());
    let mut pen = door.pen();
    let old = hand::write(door.device, &mut pen.clone(), hand::entered(&house, position()), None).unwrap();
    pen.key = new;
    page.push(hand::write(door.device, &mut pen, hand::entered(&house, position()), None).unwrap());
    let answer = door.push(&page).await.unwrap();
    assert!(answer.outcomes.iter().all(|(_, o)| *o == Outcome::Applied), "{answer:?}");
    parked(&door.push(&[old]).await.unwrap(), 4);
    let next = hand::write(door.device, &mut pen, hand::entered(&house, position()), None).unwrap();
    assert_eq!(outcome(&door.push(&[next]).await.unwrap(), 5), Outcome::Applied, "the key is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_the_database_cannot_take_is_parked_alone() {
    let house = house().await;
    let till = Hand::enrol(&house, "Till", Role::Till).await.unwrap();
    let order = OrderId::born(UtcMillis(1_793_610_000_000), &OsEntropy);
    let mut page = journal(&house, &till, 1);
    page.push(till.write(hand::sold(&house, order, "no code of ours!")).unwrap());
    page.push(till.write(hand::entered(&house, position())).unwrap());
    let answer = till.push(&page).await.unwrap();
    parked(&answer, 3);
    assert_eq!(outcome(&answer, 4), Outcome::Applied);
    assert_eq!(open_cases(&house).await, ["cannot_apply"]);
    assert_eq!(house.number_of("SELECT count(*) FROM orders").await.unwrap(), 0, "nothing of it was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_noticed_by_its_token_its_machine_and_its_clock() {
    let house = house().await;
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    door.push(&journal(&house, &door, 1)).await.unwrap();
    let mut ask = door.question();
    ask.machine = "m1".into();
    let first = door.contact(&ask).await.unwrap();
    assert!(!first.suspect && first.resume.is_some() && first.acked == 2);
    // The answer was lost: it comes with what it had before, which was nothing.
    ask.resume.clone_from(&first.resume);
    for _ in 0..3 {
        let answer = door.contact(&ask).await.unwrap();
        assert!(!answer.suspect);
        ask.resume = answer.resume;
    }
    let elsewhere =
        door.contact(&willcall_domain::sync::Contact { machine: "m2".into(), ..ask.clone() }).await.unwrap();
    assert!(elsewhere.suspect);
    assert_eq!(open_cases(&house).await, ["suspect_station"]);
    let fast = UtcMillis(house.nature.clock.now().0 + 3_600_000);
    let new = willcall_domain::sync::Contact {
        incarnation: 2,
        length: 0,
        tail_hash: String::new(),
        clock: Some(fast),
        ..door.question()
    };
    assert!(!door.contact(&new).await.unwrap().suspect, "a new life starts with a clean slate");
    assert_eq!(open_cases(&house).await, ["clock_skew", "suspect_station"]);
    let right = willcall_domain::sync::Contact { clock: None, ..new.clone() };
    door.contact(&right).await.unwrap();
    assert_eq!(open_cases(&house).await.len(), 2, "who does not say his time is not right again");
}
