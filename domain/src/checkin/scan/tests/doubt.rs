//! Use, time, age, and what no input may ever lead to.

use super::*;

#[test]
fn a_good_ticket_enters_once_and_the_second_time_its_first_use_is_named() {
    let mut case = Case::entry();
    assert_eq!(outcome(&case.known(&position())), ADMITTED);
    case.history = vec![past(1, Direction::Entry, 2), past(2, Direction::Entry, 3)];
    let again = case.known(&position());
    assert_eq!(outcome(&again), USED);
    assert_eq!(again.first_use.unwrap().gate, "Gate 3", "the earliest, not the first in the list");
    assert_eq!(again.saw.len(), 2, "it saw one use of each station");
    let alone = case.alone(&signed());
    assert_eq!((outcome(&alone), alone.saw.len()), (USED, 2));
}

#[test]
fn a_lower_issue_than_the_known_one_is_revoked_in_either_format() {
    let by = |issue: u8| Signed { issue, ..signed() };
    let by_seed = |issue: u8| Signed {
        position_id: None,
        issue: 0,
        seed: Some(sig1::seed(position().position_id, issue)),
        ..signed()
    };
    let known = PositionRow { issue: 2, ..position() };
    for (code, expected) in [
        (by(1), refused(Reason::Revoked)),
        (by(2), ADMITTED),
        // The code is newer than the data.
        (by(3), ADMITTED),
        (by_seed(1), refused(Reason::Revoked)),
        (by_seed(2), ADMITTED),
    ] {
        assert_eq!(outcome(&Case::entry().by_code(&known, Some(&code))), expected, "{code:?}");
    }
}

#[test]
fn a_test_ticket_is_marked_whoever_says_that_it_is_one() {
    let (real, test) = (signed(), Signed { flags: Flags { test: true, ..Flags::default() }, ..signed() });
    for (known, code, marked) in [(false, &real, false), (true, &real, true), (false, &test, true), (true, &test, true)]
    {
        let position = PositionRow { test: known, ..position() };
        let verdict = Case::entry().by_code(&position, Some(code));
        assert_eq!(verdict.marks.contains(&Mark::Test), marked, "known as one: {known}");
        assert!(enters(&verdict), "it is no worse a ticket");
    }
    assert_eq!(Case::entry().alone(&test).marks, [Mark::SignatureOnly, Mark::Test]);
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
    for (list_allows, may, asked) in
        [(true, true, true), (true, true, false), (true, false, true), (false, true, true), (false, false, false)]
    {
        let mut case = Case { may_admit_unpaid: may, admit_unpaid: asked, ..Case::entry() };
        case.list.include_pending = list_allows;
        let verdict = case.known(&pending());
        let admitted = list_allows && may && asked;
        assert_eq!(verdict.class == Class::Look, admitted, "{list_allows} {may} {asked}");
        assert_eq!(verdict.marks.contains(&Mark::Unpaid), admitted);
        assert_eq!(verdict.may_admit_unpaid, list_allows && may && !asked, "the way is offered to who has it");
    }
    let trusted = PositionRow { door: PositionDoor { valid_if_pending: true, ..PositionDoor::default() }, ..pending() };
    assert_eq!(outcome(&Case::entry().known(&trusted)), ADMITTED, "an order that is good unpaid is good");
    let unapproved = PositionRow { door: PositionDoor { needs_approval: true, ..trusted.door.clone() }, ..trusted };
    assert_eq!(outcome(&Case::entry().known(&unapproved)), refused(Reason::Unapproved));
    let approved = PositionRow { order_status: OrderStatus::Paid, ..unapproved };
    assert_eq!(outcome(&Case::entry().known(&approved)), ADMITTED, "what is paid was approved");
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
    case.uncertainty_ms = -1;
    assert_eq!(case.known(&straddling).class, Class::Refused, "a clock that was never compared is taken as it is");
}

#[test]
fn data_older_than_a_quarter_of_an_hour_is_marked_and_says_nothing_else() {
    for (age, marked) in [(Some(0), false), (Some(900), false), (Some(901), true), (None, true)] {
        for direction in [Direction::Entry, Direction::Exit] {
            let verdict = Case { data_age_s: age, ..Case::of(direction) }.known(&position());
            assert_eq!((outcome(&verdict), verdict.marks.contains(&Mark::OldData)), (ADMITTED, marked), "{age:?}");
        }
        let used = Case { data_age_s: age, history: vec![past(1, Direction::Entry, 2)], ..Case::entry() };
        assert_eq!(used.known(&position()).marks.contains(&Mark::OldData), marked, "a refusal too");
    }
}

#[test]
fn the_smaller_of_what_product_and_device_demand_decides_how_old_data_may_be() {
    for (product, device, age, most) in [
        (None, None, None, None),
        (Some(10), None, Some(600), None),
        (Some(10), None, Some(601), Some(10)),
        (None, Some(5), Some(301), Some(5)),
        (Some(10), Some(5), Some(301), Some(5)),
        (Some(5), Some(10), Some(301), Some(5)),
        (Some(5), None, None, Some(5)),
    ] {
        let mut case = Case::with_item(|item| item.door.max_data_age_min = product);
        (case.max_data_age_min, case.data_age_s) = (device, age);
        let verdict = case.known(&position());
        let reason = most.map(|_| Reason::StaleData);
        assert_eq!((verdict.reason, verdict.max_data_age_min), (reason, most), "{product:?} {device:?} {age:?}");
    }
}

proptest! {
    #[test]
    fn no_history_order_admits_a_used_single_entry_ticket(
        past_hours in prop::collection::vec(0i64..100, 1..8), exits in prop::collection::vec(any::<bool>(), 8),
        known: bool, by_right: bool, old: bool,
    ) {
        let mut case = Case { may_admit_unpaid: by_right, admit_unpaid: by_right, ..Case::entry() };
        case.data_age_s = (!old).then_some(0);
        case.history = past_hours.iter().zip(&exits)
            .map(|(h, exit)| past(*h, if *exit { Direction::Exit } else { Direction::Entry }, 2)).collect();
        let entered = case.history.iter().any(|s| s.scan.direction == Direction::Entry);
        let verdict = if known { case.known(&position()) } else { case.alone(&signed()) };
        prop_assert_eq!(enters(&verdict), !entered);
    }

    #[test]
    fn nothing_revoked_blocked_canceled_or_forged_is_ever_admitted(
        status in prop::sample::select(OrderStatus::ALL.to_vec()),
        canceled: bool, blocked: bool, issue: u8, code_issue: u8, multiple: bool, exit: bool, by_right: bool, pending: bool,
        needs_approval: bool, by_medium: bool,
    ) {
        let mut case = Case::of(if exit { Direction::Exit } else { Direction::Entry });
        case.list.allow_multiple_entries = multiple;
        case.list.include_pending = pending;
        (case.may_admit_unpaid, case.admit_unpaid) = (by_right, by_right);
        let door = PositionDoor { needs_approval, ..PositionDoor::default() };
        let position = PositionRow { order_status: status, canceled, blocked, issue, door, ..position() };
        let code = Signed { issue: code_issue, ..signed() };
        let verdict = if by_medium { case.by_medium(&position) } else { case.by_code(&position, Some(&code)) };
        let bad = canceled || blocked || (!by_medium && code_issue < issue) || !status.holds_places()
            || (status == OrderStatus::Pending && (needs_approval || !(by_right && pending)));
        prop_assert_eq!(enters(&verdict), !bad);
    }

    #[test]
    fn an_add_on_never_enters_by_the_code_of_a_ticket_that_is_revoked_or_blocked(
        blocked: bool, issue in 1u8..4, code_issue in 1u8..4, addon_blocked: bool, addon_canceled: bool, used: bool,
    ) {
        let mut case = Case::entry();
        case.list.addon_match = true;
        case.list.items = Some(vec![ItemId(8)]);
        let main = PositionRow { blocked, issue, ..position() };
        let addon = PositionRow {
            position_id: PositionId(Uuid::from_u128(77)),
            item_id: ItemId(8),
            addon_to: Some(main.position_id),
            blocked: addon_blocked,
            canceled: addon_canceled,
            ..position()
        };
        let history = [past(1, Direction::Entry, 2)];
        let around = Around { item: case.item.as_ref(), history: if used { &history } else { &[] }, ..Around::default() };
        let candidates = [
            Candidate { position: &main, named: true, around: Around { item: case.item.as_ref(), ..Around::default() } },
            Candidate { position: &addon, named: false, around },
        ];
        let code = Signed { issue: code_issue, ..signed() };
        let verdict = case.decide(Subject::Known { candidates: &candidates, signed: Some(&code), medium: None });
        let good = !blocked && code_issue >= issue && !addon_blocked && !addon_canceled && !used;
        prop_assert_eq!(enters(&verdict), good, "{:?}", verdict);
    }
}
