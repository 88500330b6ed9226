//! What the door asks besides ticket and use: questions, payment, add-ons, wristbands, dates, rules, and the age of the data.

use crate::support::*;
use serde_json::json;
use uuid::Uuid;
use willcall_domain::{
    catalog::{DateRow, EventRow, ItemRow},
    checkin::{
        Class, Direction, ListRow, Mark, Reason,
        medium::{self, MediumKind, MediumUse},
        question::{AnswerGiven, QuestionKind, QuestionRow},
        rule::Term,
        wire::{
            Delivery, Exchange, ExchangeRequest, GateRow, ItemDoor, Of, PositionDoor, RuleTroubleKind, ScanRequest,
        },
    },
    clock::UtcMillis,
    devices::{Right, wire::Role},
    id::{DateId, EventId, GateId, ItemId, ListId, PositionId, QuestionId},
    money::{Currency, Money},
    orders::{OrderStatus, PositionRow},
    problem::Code,
    sync::{Fact, Row, change::Gone},
    ticketing::CodeFormat,
};
use willcall_station::Station;

fn id(n: u128) -> PositionId {
    PositionId(Uuid::from_u128(n))
}

fn adult(door: ItemDoor) -> Row {
    Row::Item(ItemRow { door, version: 5, ..item(ADULT, "Adult", 2400, true) })
}

fn question(n: i64, kind: QuestionKind, required: bool) -> Row {
    Row::Question(QuestionRow {
        question_id: QuestionId(n),
        event_id: EVENT,
        text: format!("Question {n}"),
        help: String::new(),
        kind,
        required,
        ask_at_checkin: true,
        items: vec![ADULT],
        options: vec![],
        rank: 10 - i32::try_from(n).unwrap(),
        active: true,
        version: 1,
    })
}

fn answer(n: i64, value: &str) -> AnswerGiven {
    AnswerGiven { question_id: QuestionId(n), value: value.into() }
}

async fn journal_length(station: &Station) -> u64 {
    station.status().await.unwrap().journal_length
}

fn wristband(code: &str, identifier: &str) -> ExchangeRequest {
    ExchangeRequest {
        code: code.into(),
        identifier: identifier.into(),
        kind: MediumKind::NfcUid,
        list_id: LIST,
        replace: false,
    }
}

#[tokio::test]
async fn questions_are_asked_before_anything_is_recorded_and_answers_stand_beside_the_chain() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.extend([
        Row::Position(position(5, 1)),
        question(1, QuestionKind::Text, false),
        question(2, QuestionKind::Number, true),
    ]);
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let before = journal_length(&station).await;
    let asked = scan(&station, &code).await;
    assert_eq!((asked.reason, asked.delivery), (Some(Reason::AnswersRequired), Delivery::Asked));
    let ids: Vec<i64> = asked.questions.iter().map(|question| question.question_id.0).collect();
    assert_eq!(ids, [2, 1], "by their rank");
    let wrong = ScanRequest { answers: vec![answer(2, "many"), answer(1, "")], ..ask(&code) };
    let wrong = station.scan(wrong).await.unwrap();
    assert_eq!((wrong.questions.len(), wrong.wrong_answers.len(), wrong.delivery), (1, 1, Delivery::Asked));
    assert_eq!(journal_length(&station).await, before, "nothing happened yet");
    assert!(station.door().await.unwrap().recent.is_empty());
    let said = ScanRequest { answers: vec![answer(2, "2"), answer(1, "by the bar")], ..ask(&code) };
    assert_eq!(station.scan(said).await.unwrap().class, Class::Admitted);
    assert_eq!(journal_length(&station).await, before + 2, "the scan and its answers");
    let out = ScanRequest { direction: Direction::Exit, ..ask(&code) };
    server.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(station.scan(out).await.unwrap().class, Class::Admitted);
    server.clock.advance(std::time::Duration::from_secs(60));
    let again = scan(&station, &code).await;
    assert_eq!((again.class, again.questions.len()), (Class::Admitted, 0), "no question is put twice");
    station.sync_once().await.unwrap();
    let state = server.state();
    let entry = state.journal.values().flatten().find(|entry| entry.kind == "answers").unwrap();
    assert!(!entry.body.contains("bar"), "what was said is in no chain: {}", entry.body);
    assert!(entry.private.as_ref().unwrap().data.contains("by the bar"));
    let Some(Fact::Answers { questions, position_id, .. }) = entry.fact() else { panic!("{entry:?}") };
    assert_eq!((questions.len(), position_id), (2, Some(id(5))));
    drop(state);
    let report = station.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
}

#[tokio::test]
async fn answers_of_an_entry_that_was_refused_are_nobodys_and_where_nobody_asks_the_refusal_is_a_fact() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.extend([Row::Position(position(5, 1)), question(2, QuestionKind::Number, true)]);
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let alone = station.scan(ScanRequest { ask: false, ..ask(&code) }).await.unwrap();
    assert_eq!(
        (alone.class, alone.reason, alone.delivery),
        (Class::Refused, Some(Reason::AnswersRequired), Delivery::Here)
    );
    let answered = || ScanRequest { answers: vec![answer(2, "3")], ..ask(&code) };
    assert_eq!(station.scan(answered()).await.unwrap().class, Class::Admitted);
    assert_eq!(station.scan(answered()).await.unwrap().class, Class::Used);
    station.sync_once().await.unwrap();
    let answers = server.state().journal.values().flatten().filter(|entry| entry.kind == "answers").count();
    assert_eq!(answers, 1, "of the entry only");
}

#[tokio::test]
async fn unpaid_is_offered_to_who_may_and_admitted_by_right_only() {
    let pending = |n: u128| {
        let due = Some(Money::new(2400, Currency::EUR));
        let door = PositionDoor { due, ..PositionDoor::default() };
        Row::Position(PositionRow { order_status: OrderStatus::Pending, door, ..position(n, 1) })
    };
    for (rights, may) in [(vec![], false), (vec![Right::AdmitUnpaid], true)] {
        let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
        server.state().rights = rights;
        server.state().head.extend([pending(5), Row::List(ListRow { include_pending: true, ..list(LIST, 5) })]);
        let station = ready(folder.path(), &server).await;
        let code = server.code(id(5), 1);
        let refused = scan(&station, &code).await;
        assert_eq!((refused.reason, refused.may_admit_unpaid), (Some(Reason::Unpaid), may));
        assert_eq!(refused.due, Some(Money::new(2400, Currency::EUR)));
        let by_right = station.scan(ScanRequest { admit_unpaid: true, ..ask(&code) }).await;
        if may {
            let admitted = by_right.unwrap();
            assert_eq!((admitted.class, admitted.marks.as_slice()), (Class::Look, &[Mark::Unpaid][..]));
        } else {
            assert_eq!(by_right.unwrap_err().code, Code::Forbidden);
        }
    }
}

#[tokio::test]
async fn a_list_that_matches_add_ons_admits_the_one_that_fits_by_the_tickets_code_and_counts_its_use_alone() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let (workshop, matching) = (ItemId(30), ListId(12));
    let addon = PositionRow { item_id: workshop, addon_to: Some(id(5)), ..position(6, 1) };
    server.state().head.extend([
        Row::Position(position(5, 1)),
        Row::Position(addon),
        Row::Item(item(workshop, "Workshop", 900, true)),
        Row::List(ListRow {
            items: Some(vec![workshop]),
            addon_match: true,
            name: "Workshop".into(),
            ..list(matching, 1)
        }),
    ]);
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let main = scan(&station, &code).await;
    assert_eq!((main.class, main.addons.len(), main.addons[0].used), (Class::Admitted, 1, false));
    assert_eq!(main.addons[0].product, "Workshop");
    let at_workshop = || ScanRequest { list_id: matching, ..ask(&code) };
    let first = station.scan(at_workshop()).await.unwrap();
    assert_eq!(
        (first.class, first.product.as_deref(), first.position_id),
        (Class::Admitted, Some("Workshop"), Some(id(6)))
    );
    assert_eq!(station.scan(at_workshop()).await.unwrap().class, Class::Used, "the add-on is used");
    let plain = station.scan(ScanRequest { list_id: LIST, ..at_workshop() }).await.unwrap();
    assert_eq!((plain.class, plain.position_id), (Class::Used, Some(id(5))), "and the ticket on its own list");
    station.sync_once().await.unwrap();
    let state = server.state();
    let scans = state.journal.values().flatten().filter_map(|entry| entry.fact());
    let about_addon = scans
        .filter(|fact| matches!(fact, Fact::Scan { position_id: Some(of), payload_hash: None, .. } if *of == id(6)));
    assert_eq!(about_addon.count(), 2, "the payload is the ticket's, and names no add-on");
}

#[tokio::test]
async fn a_ticket_is_exchanged_for_a_wristband_with_the_server_gone_and_the_two_are_one_use() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Exchange];
    let must = ItemDoor { medium: MediumUse::Must, ..ItemDoor::default() };
    server.state().head.extend([adult(must), Row::Position(position(5, 1)), Row::Position(position(6, 1))]);
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    let (code, other) = (server.code(id(5), 1), server.code(id(6), 1));
    let paper = scan(&station, &code).await;
    assert_eq!((paper.reason, paper.exchange), (Some(Reason::ExchangeRequired), Exchange::Must));
    assert_eq!(station.exchange(wristband("nonsense", "04A2")).await.unwrap_err().code, Code::Conflict);
    assert_eq!(
        station.exchange(wristband(&code, &other)).await.unwrap_err().code,
        Code::Invalid,
        "a ticket is no band"
    );
    let given = station.exchange(wristband(&code, "04A2")).await.unwrap();
    assert_eq!((given.position_id, given.product.as_deref()), (id(5), Some("Adult")));
    let same = station.exchange(wristband(&code, "04A2")).await.unwrap();
    assert_eq!(same.medium_id, given.medium_id, "twice is once");
    let band = scan(&station, "04A2").await;
    assert_eq!((band.class, band.medium, band.position_id), (Class::Admitted, Some(MediumKind::NfcUid), Some(id(5))));
    assert_eq!(scan(&station, "04A2").await.class, Class::Used);
    assert_eq!(scan(&station, &code).await.reason, Some(Reason::AlreadyExchanged));
    assert_eq!(scan(&station, "04a2").await.reason, Some(Reason::Invalid), "another spelling is another band");
    assert_eq!(station.exchange(wristband(&other, "04A2")).await.unwrap_err().code, Code::Conflict, "it is taken");
    assert_eq!(station.exchange(wristband(&code, "04B7")).await.unwrap_err().code, Code::Conflict, "it has one");
    let replaced = station.exchange(ExchangeRequest { replace: true, ..wristband(&code, "04B7") }).await.unwrap();
    assert_eq!(replaced.replaced, [given.medium_id]);
    assert_eq!(scan(&station, "04A2").await.reason, Some(Reason::MediumInvalid));
    assert_eq!(scan(&station, "04B7").await.class, Class::Used, "use is the ticket's");
    server.state().online = true;
    station.sync_once().await.unwrap();
    let state = server.state();
    let entries: Vec<_> = state.journal.values().flatten().filter(|entry| entry.kind == "exchanged").collect();
    assert_eq!(entries.len(), 2);
    assert!(entries[0].body.contains(&medium::hash("04A2")) && !entries[0].body.contains("04A2"));
    drop(state);
    assert!(station.verify_journal().await.unwrap().ok);
    let door = FakeServer::new(Role::Door);
    let folder = tempfile::tempdir().unwrap();
    let station = ready(folder.path(), &door).await;
    assert_eq!(
        station.exchange(wristband(&code, "04A2")).await.unwrap_err().code,
        Code::Forbidden,
        "needs the right to"
    );
}

#[tokio::test]
async fn lists_of_several_events_are_scanned_at_once_and_each_ticket_goes_by_its_own() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let (gala, gala_door) = (EventId(8), ListId(13));
    let plain = |n: u128, event_id, secret: &str| {
        Row::Position(PositionRow { event_id, plain: Some(secret.into()), ..position(n, 1) })
    };
    server.state().head.extend([
        Row::Event(EventRow { event_id: gala, name: "Gala".into(), ..event(CodeFormat::Wc1) }),
        Row::List(ListRow { event_id: gala, name: "Gala door".into(), ..list(gala_door, 1) }),
        plain(5, EVENT, "concert"),
        plain(6, gala, "gala"),
    ]);
    server.state().head.push(gala_scope(gala));
    let station = ready(folder.path(), &server).await;
    let both = |code: &str| ScanRequest { more_lists: vec![gala_door], ..ask(code) };
    for (code, list_id, name) in [("concert", LIST, "Main door"), ("gala", gala_door, "Gala door")] {
        let verdict = station.scan(both(code)).await.unwrap();
        assert_eq!((verdict.class, verdict.list_id, verdict.list_name.as_str()), (Class::Admitted, list_id, name));
    }
    let alone = scan(&station, "gala").await;
    assert_eq!((alone.reason, alone.other_event.as_deref()), (Some(Reason::WrongEvent), Some("Gala")));
    let version = i64::MAX;
    server.state().head.push(Row::Gone(Gone { kind: "list".into(), id: LIST.to_string(), version }));
    station.sync_once().await.unwrap();
    let gone = station.scan(ask("concert")).await.unwrap_err();
    assert!(gone.code == Code::NotFound && gone.detail.contains("deleted"), "{}", gone.detail);
    assert_eq!(station.scan(both("gala")).await.unwrap().class, Class::Used, "the list that is left goes on");
}

/// The device's row, by which it may see both events.
fn gala_scope(gala: EventId) -> Row {
    serde_json::from_value(json!({ "row": "device", "data": {
        "device_id": 42, "name": "Door", "gate": "", "role": "door", "events": [EVENT, gala], "revoked": false, "version": 3,
    }}))
    .unwrap()
}

#[tokio::test]
async fn a_ticket_of_another_date_is_refused_and_its_own_is_named() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let date = |n: i64, name: &str| {
        Row::Date(DateRow {
            date_id: DateId(n),
            event_id: EVENT,
            name: name.into(),
            starts_at: UtcMillis(DOORS.0 + n),
            ends_at: None,
            admission_at: None,
            active: true,
            version: 1,
        })
    };
    server.state().head.extend([
        date(1, "Friday"),
        date(2, "Saturday"),
        Row::List(ListRow { date_id: Some(DateId(1)), ..list(LIST, 5) }),
        Row::Position(PositionRow { date_id: Some(DateId(1)), ..position(5, 1) }),
        Row::Position(PositionRow { date_id: Some(DateId(2)), ..position(6, 1) }),
    ]);
    let station = ready(folder.path(), &server).await;
    let friday = scan(&station, &server.code(id(5), 1)).await;
    assert_eq!((friday.class, friday.date.unwrap().name.as_str()), (Class::Admitted, "Friday"));
    let saturday = scan(&station, &server.code(id(6), 1)).await;
    assert_eq!((saturday.reason, saturday.date.unwrap().name.as_str()), (Some(Reason::WrongDate), "Saturday"));
}

#[tokio::test]
async fn rules_refuse_with_the_nearest_way_in_and_one_that_names_what_is_not_there_says_what() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let rules = json!({"inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "2", "North"]}]}]});
    server
        .state()
        .head
        .extend([Row::Position(position(5, 1)), Row::List(ListRow { rules: Some(rules), ..list(LIST, 5) })]);
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let unknown = scan(&station, &code).await;
    let trouble = unknown.rule_trouble.unwrap();
    assert_eq!((unknown.reason, trouble.kind), (Some(Reason::Rules), RuleTroubleKind::UnknownGate));
    assert_eq!(trouble.part, "North");
    server.state().head.push(Row::Gate(GateRow { gate_id: GateId(2), name: "North stairs".into(), version: 1 }));
    station.sync_once().await.unwrap();
    let refused = scan(&station, &code).await;
    assert_eq!((refused.reason, refused.rule_trouble), (Some(Reason::Rules), None));
    assert_eq!(refused.explanation, [Term::AtGate(vec!["North stairs".into()])]);
}

#[tokio::test]
async fn a_replaced_sig1_code_is_revoked_and_not_one_that_nobody_has_heard_of() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(PositionRow { issue: 2, ..position(5, 1) }));
    let station = ready(folder.path(), &server).await;
    let old = scan(&station, &server.sig1_code(id(5))).await;
    assert_eq!((old.class, old.reason, old.position_id), (Class::Refused, Some(Reason::Revoked), Some(id(5))));
}

#[tokio::test]
async fn data_that_is_too_old_is_marked_and_refuses_what_is_of_high_risk() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    let risky = ItemDoor { max_data_age_min: Some(30), ..ItemDoor::default() };
    let positions = (5..9).map(|n| Row::Position(position(n, 1)));
    server.state().head.extend(positions.chain([adult(risky)]));
    let station = ready(folder.path(), &server).await;
    server.state().online = false;
    assert_eq!(scan(&station, &server.code(id(5), 1)).await.marks, []);
    server.clock.advance(std::time::Duration::from_secs(16 * 60));
    let older = scan(&station, &server.code(id(6), 1)).await;
    assert_eq!((older.class, older.marks.as_slice()), (Class::Admitted, &[Mark::OldData][..]));
    server.clock.advance(std::time::Duration::from_secs(15 * 60));
    let stale = scan(&station, &server.code(id(7), 1)).await;
    assert_eq!((stale.reason, stale.max_data_age_min), (Some(Reason::StaleData), Some(30)));
    assert!(stale.data_age_s.unwrap() > 30 * 60);
    server.state().online = true;
    station.sync_once().await.unwrap();
    assert_eq!(scan(&station, &server.code(id(7), 1)).await.class, Class::Admitted, "once it has fetched");
}

#[tokio::test]
async fn texts_and_flags_of_product_and_order_stand_with_the_verdict_and_no_order_text_is_kept() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Till));
    let flags = ItemDoor { attention: true, ..ItemDoor::default() };
    let door = PositionDoor { attention: true, checkin_text: "Wheelchair of Ada".into(), ..PositionDoor::default() };
    server.state().head.extend([adult(flags), Row::Position(PositionRow { door, ..position(5, 1) })]);
    let station = ready(folder.path(), &server).await;
    let verdict = scan(&station, &server.code(id(5), 1)).await;
    assert_eq!((verdict.class, verdict.attention.as_slice()), (Class::Look, &[Of::Product, Of::Order][..]));
    assert_eq!(verdict.texts[0].text, "Wheelchair of Ada");
    let shown = &station.door().await.unwrap().recent[0];
    assert_eq!((shown.texts.len(), shown.attention.len()), (0, 2), "it may name people");
}

#[tokio::test]
async fn forty_scans_of_one_code_at_once_are_one_entry() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(position(5, 1)));
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let mut scans = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (station, request) = (station.clone(), ask(&code));
        scans.spawn(async move { station.scan(request).await.unwrap().class });
    }
    let verdicts = scans.join_all().await;
    assert_eq!(verdicts.iter().filter(|class| **class == Class::Admitted).count(), 1);
    assert_eq!(verdicts.iter().filter(|class| **class == Class::Used).count(), 39);
    assert_eq!(station.door().await.unwrap().events[0].lists[0].inside, 1);
}

#[tokio::test]
async fn one_presentation_read_many_times_is_one_scan_and_the_next_one_is_used() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.extend([Row::Position(position(5, 1)), Row::Position(position(6, 1))]);
    let station = ready(folder.path(), &server).await;
    let code = server.code(id(5), 1);
    let held = || ScanRequest { again_within_ms: Some(500), ..ask(&code) };
    let first = station.scan(held()).await.unwrap();
    assert_eq!((first.class, first.repeated), (Class::Admitted, false));
    let length = journal_length(&station).await;
    for _ in 0..15 {
        server.clock.advance(std::time::Duration::from_millis(400));
        let again = station.scan(held()).await.unwrap();
        assert_eq!((again.class, again.repeated, again.scan_id), (Class::Admitted, true, first.scan_id));
    }
    assert_eq!(journal_length(&station).await, length, "forty readings are one fact");
    server.clock.advance(std::time::Duration::from_millis(501));
    assert_eq!(station.scan(held()).await.unwrap().class, Class::Used, "who comes later comes with a used ticket");
    let other = server.code(id(6), 1);
    let next = || ScanRequest { again_within_ms: Some(500), ..ask(&other) };
    assert_eq!(station.scan(next()).await.unwrap().class, Class::Admitted);
    assert_eq!(station.scan(held()).await.unwrap().class, Class::Used, "somebody else was in between");
    assert_eq!(station.scan(next()).await.unwrap().class, Class::Used);
    assert_eq!(scan(&station, &other).await.class, Class::Used, "without that wish each is a scan");
}

#[tokio::test]
async fn any_bytes_are_a_code_and_none_of_them_lets_anybody_in() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().head.push(Row::Position(position(5, 1)));
    let station = ready(folder.path(), &server).await;
    let long = "9".repeat(100_000);
    for code in ["", "\0", "\u{202e}💥", "found:", "found:00:00", "%", "' OR 1=1 --", "\\000026", "=", &long] {
        let verdict = scan(&station, code).await;
        assert_eq!((verdict.class, verdict.reason), (Class::Refused, Some(Reason::Invalid)), "{code:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_command_line_answers_questions_and_gives_out_a_wristband() {
    let (folder, server) = (tempfile::tempdir().unwrap(), FakeServer::new(Role::Door));
    server.state().rights = vec![Right::Exchange];
    let may = ItemDoor { medium: MediumUse::May, ..ItemDoor::default() };
    server.state().head.extend([adult(may), Row::Position(position(5, 1)), question(2, QuestionKind::Number, true)]);
    drop(ready(folder.path(), &server).await);
    let code = server.code(id(5), 1);
    let run = |args: &[&str]| crate::cli::run(folder.path(), args);
    let (exit, asked) = run(&["scan", &code]);
    assert_eq!((exit, &asked["delivery"], &asked["questions"][0]["question_id"]), (2, &json!("asked"), &json!(2)));
    assert_eq!(run(&["scan", &code, "--answer", "two"]).1["code"], "invalid");
    let (exit, given) = run(&["exchange", &code, "04A2", "--nfc"]);
    assert_eq!((exit, &given["position_id"]), (0, &json!(id(5))), "{given}");
    let (exit, admitted) = run(&["scan", "04A2", "--answer", "2=3,5"]);
    assert_eq!((exit, &admitted["medium"]), (0, &json!("nfc_uid")), "{admitted}");
    assert_eq!(run(&["scan", &code]).1["class"], "used", "the paper stands for the same ticket");
}
