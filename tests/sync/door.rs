//! What a gate asks and gives out, seen by the server and by the other gates: answers, wristbands, and a simulator that says
//! what the gates say.

use super::enter;
use serde_json::json;
use willcall_domain::{
    checkin::{
        medium::MediumKind,
        question::AnswerGiven,
        rule::Term,
        wire::{Class, Delivery, Direction, Exchange, ExchangeRequest, Reason, ScanRequest},
    },
    clock::UtcMillis,
    devices::{Right, Role},
    id::{OrderId, QuestionId},
};
use willcall_server::{checkin::simulate, devices, sync};
use willcall_station::Station;
use willcall_tests::house::{Bought, House, Plan};

async fn run(house: &House, sql: &'static str) {
    sqlx::query(sql).bind(house.organizer.0).execute(&mut house.admin().await.unwrap()).await.unwrap();
}

/// A question that everybody who brings an adult ticket must answer.
async fn ask_a_question(house: &House) -> QuestionId {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO question (organizer_id, event_id, text, kind, required)
         SELECT $1, event_id, 'Where do you sit?', 'text', true FROM event WHERE organizer_id = $1 RETURNING question_id",
    )
    .bind(house.organizer.0)
    .fetch_one(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    run(
        house,
        "INSERT INTO question_item (organizer_id, question_id, item_id)
         SELECT $1, question_id, item_id FROM question CROSS JOIN item WHERE item.name = 'Adult' AND item.organizer_id = $1",
    )
    .await;
    QuestionId(id)
}

async fn give(house: &House, station: &Station, rights: &[Right]) {
    let device = station.status().await.unwrap().enrolment.unwrap().device_id;
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, device, rights).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
    station.sync_once().await.unwrap();
}

async fn text_of(house: &House, sql: &'static str) -> Option<String> {
    sqlx::query_scalar(sql).fetch_one(&mut house.admin().await.unwrap()).await.unwrap()
}

fn wristband(house: &House, bought: &Bought, identifier: &str) -> ExchangeRequest {
    ExchangeRequest {
        code: bought.code.clone(),
        identifier: identifier.to_owned(),
        kind: MediumKind::Barcode,
        list_id: house.list,
        replace: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_at_one_gate_is_asked_at_no_other_and_goes_with_the_order() {
    let house = House::build(Plan::default()).await.unwrap();
    let question = ask_a_question(&house).await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    let asked = enter(&a, house.list, &bought.code).await;
    assert_eq!((asked.reason, asked.delivery), (Some(Reason::AnswersRequired), Delivery::Asked));
    let answers = vec![AnswerGiven { question_id: question, value: "  Box   3 ".to_owned() }];
    let request = ScanRequest { answers, ..ScanRequest::new(&bought.code, house.list, Direction::Entry) };
    assert_eq!(a.scan(request).await.unwrap().class, Class::Admitted);
    a.scan(ScanRequest::new(&bought.code, house.list, Direction::Exit)).await.unwrap();
    a.sync_once().await.unwrap();
    assert_eq!(text_of(&house, "SELECT value FROM answer").await.as_deref(), Some("Box 3"));
    house.number().await.unwrap();
    b.sync_once().await.unwrap();
    let at_b = enter(&b, house.list, &bought.code).await;
    assert_eq!((at_b.class, at_b.reason), (Class::Admitted, None), "the other gate knows that it was asked");
    erase(&house, bought.order_id).await;
    assert_eq!(text_of(&house, "SELECT value FROM answer").await, None, "with the order goes what was said");
    let beside = "SELECT count(*) FROM journal_entry WHERE kind = 'answers' AND private IS NOT NULL";
    assert_eq!(house.number_of(beside).await.unwrap(), 0, "and what stood beside the entry");
    a.sync_once().await.unwrap();
    let report = a.verify_journal().await.unwrap();
    assert!(report.ok && report.erased >= 1, "there too, and the chain holds: {report:?}");
}

async fn erase(house: &House, order: OrderId) {
    run(
        house,
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0)",
    )
    .await;
    let by = house.number_of("SELECT staff_id FROM staff").await.unwrap();
    let app = house.app().unwrap();
    let mut tx = app.begin(house.organizer).await.unwrap();
    sync::erase::erase(app, &mut tx, order, willcall_domain::id::StaffId(by)).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wristband_given_out_with_the_server_gone_enters_at_another_gate_and_two_for_one_ticket_are_a_case() {
    let mut house = House::build(Plan::default()).await.unwrap();
    run(&house, "UPDATE item SET medium = 'must' WHERE organizer_id = $1 AND name = 'Adult'").await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let a = house.station("Gate A", Role::Door, folders.0.path()).await.unwrap();
    let b = house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    give(&house, &a, &[Right::Exchange]).await;
    give(&house, &b, &[Right::Exchange]).await;
    house.stop().await;
    assert_eq!(enter(&a, house.list, &bought.code).await.exchange, Exchange::Must);
    a.exchange(wristband(&house, &bought, "BAND-A")).await.unwrap();
    b.exchange(wristband(&house, &bought, "BAND-B")).await.unwrap();
    assert_eq!(enter(&b, house.list, "BAND-A").await.reason, Some(Reason::Invalid), "it has not heard of it");
    house.start().await.unwrap();
    a.sync_once().await.unwrap();
    b.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM medium WHERE active").await.unwrap(), 2, "each is a fact");
    let twice = "SELECT count(*) FROM station_case WHERE kind = 'medium_twice' AND closed_at IS NULL";
    assert_eq!(house.number_of(twice).await.unwrap(), 1, "and a person is told");
    house.number().await.unwrap();
    a.sync_once().await.unwrap();
    b.sync_once().await.unwrap();
    assert_eq!(enter(&b, house.list, "BAND-A").await.class, Class::Admitted);
    b.sync_once().await.unwrap();
    house.number().await.unwrap();
    a.sync_once().await.unwrap();
    assert_eq!(enter(&a, house.list, "BAND-B").await.class, Class::Used, "two bands are still one ticket");
    assert_eq!(enter(&a, house.list, &bought.code).await.reason, Some(Reason::AlreadyExchanged));
    assert_eq!(text_of(&house, "SELECT min(identifier) FROM medium").await.as_deref(), Some("BAND-A"));
    erase(&house, bought.order_id).await;
    assert_eq!(text_of(&house, "SELECT min(identifier) FROM medium").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulator_of_the_office_says_what_a_gate_says_of_rules_that_are_not_saved_yet() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bought = house.buy().await.unwrap();
    house.number().await.unwrap();
    let gate = house.station("Gate A", Role::Door, folder.path()).await.unwrap();
    let order = text_of(&house, "SELECT code FROM orders").await.unwrap();
    let at = UtcMillis(house.nature.clock.now().0 + 1_000);
    let opens = UtcMillis(at.0 + 600_000);
    let rules = json!({"isAfter": [{"var": "now"}, {"buildTime": ["custom", opens.timestamp().to_string()]}]});
    let think = async |text: &str, rules: Option<serde_json::Value>| {
        let wish = simulate::Wish {
            event: house.event,
            list: house.list,
            text,
            at,
            direction: Direction::Entry,
            gate: None,
            admit_unpaid: false,
            answers: Vec::new(),
            rules,
        };
        let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
        simulate::simulate(&mut tx, &wish).await.unwrap()
    };
    for text in [bought.code.as_str(), &format!(" {} ", order.to_lowercase())] {
        let said = think(text, Some(rules.clone())).await;
        assert_eq!(said.len(), 1, "{text:?}");
        assert_eq!(said[0].answer.reason, Some(Reason::Rules));
        assert_eq!(said[0].answer.explanation, [Term::NotBefore(opens)]);
        assert_eq!(said[0].about.as_ref().unwrap().position_id, bought.position_id);
        assert_eq!(think(text, None).await[0].answer.class, Class::Admitted, "the list as it stands has no rule");
    }
    assert_eq!(think("nothing of ours", None).await[0].answer.reason, Some(Reason::Invalid));
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 0, "nothing is stored");
    assert_eq!(enter(&gate, house.list, &bought.code).await.class, Class::Admitted);
    gate.sync_once().await.unwrap();
    let used = &think(&bought.code, None).await[0].answer;
    assert_eq!((used.class, used.reason), (Class::Used, Some(Reason::AlreadyRedeemed)));
}
