//! What a document says is what is decided.

use super::*;
use crate::{
    checkin::medium::MediumKind,
    id::{ListId, MediumId, OrderId},
    orders::OrderStatus,
};
use serde_json::json;

const NOW: UtcMillis = UtcMillis(1_800_000_000_000);

fn case() -> SimulateCase {
    let event = json!({
        "event_id": 1, "name": "E", "location": "", "zone": "UTC", "currency": "EUR", "starts_at": NOW,
        "ends_at": null, "admission_at": null, "code_format": "wc1", "version": 1,
    });
    let list = json!({
        "list_id": 1, "event_id": 1, "name": "L", "items": null, "include_pending": false,
        "allow_multiple_entries": false, "allow_entry_after_exit": false, "rules": null, "version": 1,
    });
    let read = |of: serde_json::Value| serde_json::from_value(of).unwrap();
    SimulateCase::new(read(event), serde_json::from_value(list).unwrap(), NOW, Direction::Entry)
}

fn ticket(n: u128) -> PositionRow {
    PositionRow {
        position_id: PositionId(Uuid::from_u128(n)),
        order_id: OrderId(Uuid::from_u128(99)),
        order_code: "ABC".into(),
        event_id: EventId(1),
        item_id: ItemId(7),
        variation_id: None,
        date_id: None,
        addon_to: None,
        order_status: OrderStatus::Paid,
        canceled: false,
        blocked: false,
        issue: 1,
        name: None,
        plain: Some(format!("secret {n}")),
        valid_from: None,
        valid_until: None,
        test: false,
        door: crate::checkin::wire::PositionDoor::default(),
        sold_at: None,
        version: 1,
    }
}

fn band(reads: &str, of: u128, active: bool) -> MediumRow {
    MediumRow {
        medium_id: MediumId(Uuid::from_u128(of + 100)),
        event_id: EventId(1),
        kind: MediumKind::Barcode,
        identifier_hash: medium::hash(reads),
        position_id: Some(PositionId(Uuid::from_u128(of))),
        active,
        expires_at: None,
        version: 1,
    }
}

fn answer(case: &SimulateCase) -> (Class, Option<Reason>, Option<u128>) {
    let answer = simulate(case).unwrap();
    (answer.class, answer.reason, answer.position_id.map(|id| id.0.as_u128()))
}

#[test]
fn what_was_scanned_names_the_ticket_by_its_secret_or_by_a_band_that_holds() {
    let with = |code: Option<&str>, media: Vec<MediumRow>| SimulateCase {
        ticket: Some(ticket(5)),
        code: code.map(str::to_owned),
        media,
        ..case()
    };
    let invalid = (Class::Refused, Some(Reason::Invalid), None);
    let admitted = (Class::Admitted, None, Some(5));
    for (of, case, expected) in [
        ("as found", with(None, vec![]), admitted),
        ("its secret", with(Some("secret 5"), vec![]), admitted),
        ("another's", with(Some("secret 6"), vec![]), invalid),
        ("its band", with(Some("band"), vec![band("band", 5, true)]), admitted),
        (
            "a band of nobody here",
            with(Some("band"), vec![band("band", 6, true)]),
            (Class::Refused, Some(Reason::MediumInvalid), None),
        ),
        (
            "a band that is off",
            with(Some("band"), vec![band("band", 5, false)]),
            (Class::Refused, Some(Reason::MediumInvalid), None),
        ),
        ("another band", with(Some("bond"), vec![band("band", 5, true)]), invalid),
        ("nothing here", SimulateCase { code: Some("x".into()), ..case() }, invalid),
    ] {
        assert_eq!(answer(&case), expected, "{of}");
    }
}

#[test]
fn add_ons_of_the_named_ticket_stand_in_and_those_of_others_do_not() {
    let addon = |of: u128| SimulatedTicket {
        ticket: PositionRow { item_id: ItemId(8), addon_to: Some(PositionId(Uuid::from_u128(of))), ..ticket(20 + of) },
        item: None,
        history: vec![],
        answered: vec![],
    };
    let mut case = SimulateCase { ticket: Some(ticket(5)), others: vec![addon(6), addon(5)], ..case() };
    (case.list.list_id, case.list.items, case.list.addon_match) = (ListId(2), Some(vec![ItemId(8)]), true);
    assert_eq!(answer(&case), (Class::Admitted, None, Some(25)));
    case.others[1].history.push(serde_json::from_value(json!({"at": NOW.0 - 1, "direction": "entry"})).unwrap());
    assert_eq!(answer(&case), (Class::Used, Some(Reason::AlreadyRedeemed), Some(25)));
    case.others.truncate(1);
    assert_eq!(answer(&case), (Class::Refused, Some(Reason::Product), Some(5)));
}

#[test]
fn of_two_tickets_with_one_secret_the_one_that_fits_the_list_is_meant() {
    let twin = SimulatedTicket {
        ticket: PositionRow { plain: Some("secret 5".into()), item_id: ItemId(8), ..ticket(6) },
        item: None,
        history: vec![],
        answered: vec![],
    };
    let mut case =
        SimulateCase { ticket: Some(ticket(5)), others: vec![twin], code: Some("secret 5".into()), ..case() };
    assert_eq!(answer(&case), (Class::Refused, Some(Reason::Ambiguous), Some(5)));
    case.list.items = Some(vec![ItemId(8)]);
    assert_eq!(answer(&case), (Class::Admitted, None, Some(6)));
}

#[test]
fn a_seed_names_its_position_by_this_issue_or_an_earlier_one() {
    let position = PositionRow { issue: 3, ..ticket(5) };
    let signed = |position_id, seed: Option<String>| ticketing::Signed {
        event_id: EventId(1),
        key_status: crate::ticketing::KeyStatus::Active,
        position_id,
        seed,
        issue: 0,
        flags: ticketing::Flags::default(),
        item_id: ItemId(7),
        variation_id: None,
        date_id: None,
        valid_from: None,
        valid_until: None,
        payload_hash: [0; 32],
    };
    let seed = |n: u128, issue| Some(ticketing::sig1::seed(PositionId(Uuid::from_u128(n)), issue));
    for (signed, matches) in [
        (signed(Some(position.position_id), None), true),
        (signed(Some(PositionId(Uuid::from_u128(6))), None), false),
        (signed(None, seed(5, 3)), true),
        (signed(None, seed(5, 0)), true),
        (signed(None, seed(5, 4)), false),
        (signed(None, seed(6, 3)), false),
        (signed(None, None), false),
    ] {
        assert_eq!(ticketing_matches(&signed, &position), matches, "{signed:?}");
    }
}

#[test]
fn without_numbers_the_scans_of_a_document_have_their_place_by_time() {
    let at = |hours: i64, direction: &str| json!({"at": NOW.0 - hours * 3_600_000, "direction": direction});
    let history = json!([at(1, "exit"), at(2, "entry")]);
    let mut case =
        SimulateCase { ticket: Some(ticket(5)), history: serde_json::from_value(history).unwrap(), ..case() };
    case.list.allow_entry_after_exit = true;
    assert_eq!(answer(&case), (Class::Admitted, None, Some(5)), "the exit was last");
    case.history.reverse();
    assert_eq!(answer(&case), (Class::Admitted, None, Some(5)), "in whatever order they stand");
    case.history[1].at = UtcMillis(NOW.0 - 3 * 3_600_000);
    assert_eq!(answer(&case), (Class::Used, Some(Reason::AlreadyRedeemed), Some(5)));
}

#[test]
fn all_that_a_verdict_says_stands_in_the_answer() {
    let mut case = SimulateCase { ticket: Some(ticket(5)), data_age_s: 1_000, gate: Some(1), ..case() };
    case.gates = serde_json::from_value(json!([{"gate_id": 2, "name": "North", "version": 1}])).unwrap();
    case.items = Some(vec![]);
    case.list.rules = Some(json!({"==": [{"var": "gate"}, 2]}));
    let said = simulate(&case).unwrap();
    assert_eq!(
        (said.reason, said.explanation.clone()),
        (Some(Reason::Rules), vec![Term::AtGate(vec!["North".into()])])
    );
    assert_eq!(said.marks, [Mark::OldData]);
    let text = serde_json::to_value(&said).unwrap();
    assert_eq!(text["explanation"], json!([{"kind": "at_gate", "value": ["North"]}]));
    case.list.rules = Some(json!({"==": [{"var": "product"}, 7]}));
    let trouble = simulate(&case).unwrap().rule_trouble.unwrap();
    assert_eq!(trouble.part, "7", "the document says that there are no products");
}
