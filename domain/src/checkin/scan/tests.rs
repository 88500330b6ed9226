//! Every reason as a table, and what no input may ever lead to.

use super::*;
use crate::{
    id::{DeviceId, ListId, OrderId, PositionId, ScanId},
    money::{Currency, Money},
    ticketing::{CodeFormat, Flags, blank::VoidWhy},
};
use proptest::prelude::*;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
const NOW: UtcMillis = UtcMillis(1_800_000_000_000);

fn event() -> EventRow {
    EventRow {
        event_id: EventId(1),
        name: "Concert".into(),
        location: String::new(),
        zone: "Europe/Berlin".into(),
        currency: Currency::EUR,
        starts_at: NOW,
        ends_at: None,
        admission_at: None,
        code_format: CodeFormat::Wc1,
        planned_outage_min: 60,
        version: 1,
    }
}

fn list() -> ListRow {
    ListRow {
        list_id: ListId(1),
        event_id: EventId(1),
        name: "All".into(),
        items: None,
        include_pending: false,
        allow_multiple_entries: false,
        allow_entry_after_exit: false,
        rules: None,
        version: 1,
    }
}

fn item() -> ItemRow {
    ItemRow {
        item_id: ItemId(7),
        event_id: EventId(1),
        name: "Adult".into(),
        category: String::new(),
        price: Money::new(2400, Currency::EUR),
        tax_rate_bp: 700,
        rank: 0,
        active: true,
        admission: true,
        look_at_id: false,
        checkin_text: String::new(),
        version: 1,
    }
}

fn position() -> PositionRow {
    PositionRow {
        position_id: PositionId(Uuid::from_u128(5)),
        order_id: OrderId(Uuid::from_u128(6)),
        order_code: "ABC".into(),
        event_id: EventId(1),
        item_id: ItemId(7),
        order_status: OrderStatus::Paid,
        canceled: false,
        blocked: false,
        issue: 1,
        name: None,
        plain: None,
        valid_from: None,
        valid_until: None,
        test: false,
        version: 1,
    }
}

fn signed() -> Signed {
    Signed {
        event_id: EventId(1),
        key_status: KeyStatus::Active,
        position_id: Some(PositionId(Uuid::from_u128(5))),
        seed: None,
        issue: 1,
        flags: Flags::default(),
        item_id: ItemId(7),
        date: 0,
        valid_from: None,
        valid_until: None,
        payload_hash: [0; 32],
    }
}

fn past(hours_ago: i64, direction: Direction, station: i64) -> PastScan {
    // The longer ago, the lower the number.
    let entry = SawRef { station: DeviceId(station), incarnation: 1, seq: 1_000 - hours_ago.unsigned_abs() };
    let scan = Use {
        scan_id: ScanId(Uuid::from_u64_pair(station.unsigned_abs(), hours_ago.unsigned_abs())),
        entry,
        saw: vec![],
        direction,
        at: UtcMillis(NOW.0 - hours_ago * HOUR),
        uncertainty_ms: 0,
        undone: false,
    };
    PastScan { scan, gate: format!("Gate {station}") }
}

struct Case {
    list: ListRow,
    item: ItemRow,
    history: Vec<PastScan>,
    direction: Direction,
    uncertainty_ms: i64,
    admit_unpaid: bool,
}

impl Case {
    fn entry() -> Self {
        Self {
            list: list(),
            item: item(),
            history: vec![],
            direction: Direction::Entry,
            uncertainty_ms: 0,
            admit_unpaid: false,
        }
    }

    fn decide(&self, subject: Subject<'_>) -> Verdict {
        decide(&ScanInput {
            now: NOW,
            uncertainty_ms: self.uncertainty_ms,
            direction: self.direction,
            event: &event(),
            list: &self.list,
            gate: None,
            subject,
            item: Some(&self.item),
            history: &self.history,
            admit_unpaid: self.admit_unpaid,
        })
    }

    fn known(&self, position: &PositionRow) -> Verdict {
        self.decide(Subject::Known { position, signed: None })
    }
}

fn refused(reason: Reason) -> (Class, Option<Reason>) {
    (Class::Refused, Some(reason))
}

fn outcome(verdict: &Verdict) -> (Class, Option<Reason>) {
    (verdict.class, verdict.reason)
}

#[test]
fn a_good_ticket_enters_once_and_the_second_time_its_first_use_is_named() {
    let mut case = Case::entry();
    assert_eq!(outcome(&case.known(&position())), (Class::Admitted, None));
    case.history = vec![past(1, Direction::Entry, 2), past(2, Direction::Entry, 3)];
    let again = case.known(&position());
    assert_eq!(outcome(&again), (Class::Used, Some(Reason::AlreadyRedeemed)));
    assert_eq!(again.first_use.unwrap().gate, "Gate 3", "the earliest, not the first in the list");
    assert_eq!(again.saw.len(), 2, "it saw one use of each station");
}

#[test]
fn each_state_of_order_and_position_has_its_reason() {
    let base = position();
    let table = [
        (PositionRow { order_status: OrderStatus::Canceled, ..base.clone() }, refused(Reason::Canceled)),
        (PositionRow { order_status: OrderStatus::Expired, ..base.clone() }, refused(Reason::Canceled)),
        (PositionRow { canceled: true, ..base.clone() }, refused(Reason::Canceled)),
        (PositionRow { blocked: true, ..base.clone() }, refused(Reason::Blocked)),
        (PositionRow { order_status: OrderStatus::Pending, ..base.clone() }, refused(Reason::Unpaid)),
        (PositionRow { valid_from: Some(UtcMillis(NOW.0 + 1)), ..base.clone() }, refused(Reason::InvalidTime)),
        (PositionRow { valid_until: Some(NOW), ..base.clone() }, refused(Reason::InvalidTime)),
        (PositionRow { event_id: EventId(2), ..base.clone() }, refused(Reason::WrongEvent)),
        (PositionRow { valid_until: Some(UtcMillis(NOW.0 + 1)), ..base.clone() }, (Class::Admitted, None)),
        (PositionRow { valid_from: Some(NOW), ..base }, (Class::Admitted, None)),
    ];
    for (position, expected) in table {
        assert_eq!(outcome(&Case::entry().known(&position)), expected, "{position:?}");
    }
}

#[test]
fn what_is_no_ticket_of_ours_is_refused_and_a_missing_key_is_not_called_a_forgery() {
    assert_eq!(outcome(&Case::entry().decide(Subject::Unreadable)), refused(Reason::Invalid));
    assert_eq!(outcome(&Case::entry().decide(Subject::UnknownKey)), refused(Reason::UnknownKey));
}

#[test]
fn a_lower_issue_than_the_known_one_is_revoked() {
    let (old, known) = (signed(), PositionRow { issue: 2, ..position() });
    let verdict = Case::entry().decide(Subject::Known { position: &known, signed: Some(&old) });
    assert_eq!(outcome(&verdict), refused(Reason::Revoked));
    let same = Signed { issue: 2, ..signed() };
    let verdict = Case::entry().decide(Subject::Known { position: &known, signed: Some(&same) });
    assert_eq!(outcome(&verdict), (Class::Admitted, None));
    let newer = Signed { issue: 3, ..signed() };
    let verdict = Case::entry().decide(Subject::Known { position: &known, signed: Some(&newer) });
    assert_eq!(outcome(&verdict), (Class::Admitted, None), "the code is newer than the data");
}

#[test]
fn a_test_ticket_is_marked_whoever_says_that_it_is_one() {
    let (real, test) = (signed(), Signed { flags: Flags { test: true, ..Flags::default() }, ..signed() });
    for (known, code, marked) in [(false, &real, false), (true, &real, true), (false, &test, true), (true, &test, true)]
    {
        let position = PositionRow { test: known, ..position() };
        let verdict = Case::entry().decide(Subject::Known { position: &position, signed: Some(code) });
        assert_eq!(verdict.marks.contains(&Mark::Test), marked, "known as one: {known}");
    }
}

#[test]
fn a_signature_alone_admits_with_its_mark() {
    let case = Case::entry();
    let verdict = case.decide(Subject::SignatureOnly { signed: &signed(), void: None });
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Admitted, &[Mark::SignatureOnly][..]));
    let blank = Signed { flags: Flags { blank: true, ..Flags::default() }, ..signed() };
    let verdict = case.decide(Subject::SignatureOnly { signed: &blank, void: None });
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Admitted, &[Mark::SaleNotSeen][..]));
    let stolen = Signed { key_status: KeyStatus::Compromised, ..signed() };
    let verdict = case.decide(Subject::SignatureOnly { signed: &stolen, void: None });
    assert_eq!(verdict.class, Class::Look, "a compromised key's code is worth a look at most");
}

#[test]
fn a_void_blank_is_refused_but_one_of_a_lost_till_asks_for_the_receipt_and_a_known_sale_is_any_ticket() {
    let blank = Signed { flags: Flags { blank: true, ..Flags::default() }, ..signed() };
    let ask = ((Class::Look, None), vec![Mark::AskForReceipt]);
    for (why, without_sale) in [
        (VoidWhy::Void, (refused(Reason::Void), vec![])),
        (VoidWhy::Stolen, (refused(Reason::Void), vec![])),
        (VoidWhy::Lost, ask),
    ] {
        let mut case = Case::entry();
        let verdict = case.decide(Subject::SignatureOnly { signed: &blank, void: Some(why) });
        assert_eq!((outcome(&verdict), verdict.marks), without_sale, "{why:?}");
        case.history = vec![past(1, Direction::Entry, 2)];
        let again = case.decide(Subject::SignatureOnly { signed: &blank, void: Some(why) });
        let used = (Class::Used, Some(Reason::AlreadyRedeemed));
        assert_eq!(outcome(&again), if why == VoidWhy::Lost { used } else { refused(Reason::Void) }, "{why:?}");
    }
    let position = position();
    let known = Case::entry().decide(Subject::Known { position: &position, signed: Some(&blank) });
    assert_eq!((outcome(&known), known.marks), ((Class::Admitted, None), vec![]));
}

#[test]
fn products_off_the_list_are_refused_also_at_the_exit() {
    let mut case = Case::entry();
    case.list.items = Some(vec![ItemId(8)]);
    assert_eq!(outcome(&case.known(&position())), refused(Reason::Product));
    case.direction = Direction::Exit;
    assert_eq!(outcome(&case.known(&position())), refused(Reason::Product));
}

#[test]
fn an_exit_asks_neither_for_time_nor_rules_nor_use() {
    let mut case = Case::entry();
    case.direction = Direction::Exit;
    case.list.rules = Some(serde_json::json!({"nonsense": []}));
    case.history = vec![past(1, Direction::Entry, 2)];
    let late = PositionRow { valid_until: Some(UtcMillis(0)), ..position() };
    assert_eq!(outcome(&case.known(&late)), (Class::Admitted, None));
}

#[test]
fn re_entry_is_allowed_only_after_an_exit_and_only_where_the_list_says_so() {
    let inside = vec![past(3, Direction::Entry, 2)];
    let outside = vec![past(3, Direction::Entry, 2), past(2, Direction::Exit, 2)];
    for (multiple, after_exit, history, admitted) in [
        (false, false, &outside, false),
        (false, true, &outside, true),
        (false, true, &inside, false),
        (true, false, &inside, true),
    ] {
        let mut case = Case::entry();
        (case.list.allow_multiple_entries, case.list.allow_entry_after_exit) = (multiple, after_exit);
        case.history.clone_from(history);
        assert_eq!(case.known(&position()).class == Class::Admitted, admitted, "{multiple} {after_exit} {history:?}");
    }
}

#[test]
fn unpaid_is_admitted_only_by_right_on_a_list_that_allows_it_and_is_marked() {
    let pending = PositionRow { order_status: OrderStatus::Pending, ..position() };
    for (list_allows, by_right, admitted) in [(true, true, true), (true, false, false), (false, true, false)] {
        let mut case = Case::entry();
        (case.list.include_pending, case.admit_unpaid) = (list_allows, by_right);
        let verdict = case.known(&pending);
        assert_eq!(verdict.class == Class::Look, admitted, "{list_allows} {by_right}");
        assert_eq!(verdict.marks.contains(&Mark::Unpaid), admitted);
    }
}

#[test]
fn rules_that_refuse_or_cannot_be_read_refuse() {
    for rules in [serde_json::json!({"==": [{"var": "product"}, 8]}), serde_json::json!({"nonsense": []})] {
        let mut case = Case::entry();
        case.list.rules = Some(rules.clone());
        assert_eq!(outcome(&case.known(&position())), refused(Reason::Rules), "{rules}");
    }
}

#[test]
fn a_clock_that_may_stand_on_either_side_of_a_limit_asks_for_a_look() {
    let mut case = Case::entry();
    case.uncertainty_ms = 5_000;
    let straddling = PositionRow { valid_from: Some(UtcMillis(NOW.0 + 1_000)), ..position() };
    let verdict = case.known(&straddling);
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Look, &[Mark::TimeUncertain][..]));
    let surely = PositionRow { valid_from: Some(UtcMillis(NOW.0 + 5_001)), ..position() };
    assert_eq!(outcome(&case.known(&surely)), refused(Reason::InvalidTime));
    // The first instant is valid, the last is not.
    for (from, class) in [(5_000, Class::Look), (-4_999, Class::Look), (-5_000, Class::Admitted)] {
        let position = PositionRow { valid_from: Some(UtcMillis(NOW.0 + from)), ..position() };
        assert_eq!(case.known(&position).class, class, "valid from {from}");
    }
    for (until, class) in
        [(-5_000, Class::Refused), (-4_999, Class::Look), (5_000, Class::Look), (5_001, Class::Admitted)]
    {
        let position = PositionRow { valid_until: Some(UtcMillis(NOW.0 + until)), ..position() };
        assert_eq!(case.known(&position).class, class, "valid until {until}");
    }
}

#[test]
fn an_id_to_look_at_and_a_text_to_read_ask_for_a_look() {
    let mut case = Case::entry();
    case.item.look_at_id = true;
    assert_eq!(case.known(&position()).marks, vec![Mark::LookAtId]);
    let mut case = Case::entry();
    case.item.checkin_text = "Wristband: red".into();
    assert_eq!(case.known(&position()).class, Class::Look);
}

proptest! {
    #[test]
    fn no_history_order_admits_a_used_single_entry_ticket(
        past_hours in prop::collection::vec(0i64..100, 1..8), exits in prop::collection::vec(any::<bool>(), 8)
    ) {
        let mut case = Case::entry();
        case.history = past_hours.iter().zip(&exits)
            .map(|(h, exit)| past(*h, if *exit { Direction::Exit } else { Direction::Entry }, 2)).collect();
        let entered = case.history.iter().any(|s| s.scan.direction == Direction::Entry);
        prop_assert_eq!(case.known(&position()).class == Class::Admitted, !entered);
    }

    #[test]
    fn nothing_revoked_blocked_canceled_or_forged_is_ever_admitted(
        status in prop::sample::select(OrderStatus::ALL.to_vec()),
        canceled: bool, blocked: bool, issue: u8, code_issue: u8, multiple: bool, exit: bool, by_right: bool, pending: bool,
    ) {
        let mut case = Case::entry();
        case.list.allow_multiple_entries = multiple;
        case.list.include_pending = pending;
        case.admit_unpaid = by_right;
        case.direction = if exit { Direction::Exit } else { Direction::Entry };
        let position = PositionRow { order_status: status, canceled, blocked, issue, ..position() };
        let code = Signed { issue: code_issue, ..signed() };
        let verdict = case.decide(Subject::Known { position: &position, signed: Some(&code) });
        let bad = canceled || blocked || code_issue < issue || !status.holds_places()
            || (status == OrderStatus::Pending && !(by_right && pending));
        prop_assert_eq!(matches!(verdict.class, Class::Admitted | Class::Look), !bad);
    }
}
