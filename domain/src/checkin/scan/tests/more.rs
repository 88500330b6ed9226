//! Add-ons, media, questions, rules, texts and flags.

use super::*;

fn addon(n: u128, item: i64) -> PositionRow {
    PositionRow {
        position_id: PositionId(Uuid::from_u128(n)),
        item_id: ItemId(item),
        addon_to: Some(position().position_id),
        ..position()
    }
}

/// The verdict of a list that matches add-ons and admits `items`, and which ticket it is about.
fn among(items: &[i64], matches: bool, tickets: &[PositionRow]) -> ((Class, Option<Reason>), Option<usize>) {
    let mut case = Case::entry();
    case.list.items = Some(items.iter().map(|id| ItemId(*id)).collect());
    case.list.addon_match = matches;
    let candidates: Vec<Candidate<'_>> = tickets
        .iter()
        .map(|position| Candidate { position, named: position.addon_to.is_none(), around: case.around() })
        .collect();
    let verdict = case.decide(Subject::Known { candidates: &candidates, signed: None, medium: None });
    (outcome(&verdict), verdict.chosen)
}

#[test]
fn a_list_that_matches_add_ons_takes_the_one_that_fits_and_resolves_several_by_when_they_are_valid() {
    let (from, until) = (|h: i64| Some(UtcMillis(NOW.0 + h * HOUR)), |h: i64| Some(UtcMillis(NOW.0 + h * HOUR)));
    let main = position();
    let early = PositionRow { valid_until: until(-1), ..addon(11, 8) };
    let now = PositionRow { valid_from: from(-1), valid_until: until(1), ..addon(12, 8) };
    let soon = PositionRow { valid_from: from(1), ..addon(13, 8) };
    let later = PositionRow { valid_from: from(2), ..addon(14, 8) };
    let older = PositionRow { valid_until: until(-2), ..addon(15, 8) };
    let canceled = PositionRow { canceled: true, ..addon(16, 8) };
    let twin = addon(17, 8);
    let ambiguous = refused(Reason::Ambiguous);
    let wrong_time = refused(Reason::InvalidTime);
    let table: Vec<(&str, &[i64], Vec<&PositionRow>, _, usize)> = vec![
        ("one add-on fits", &[8], vec![&main, &now], ADMITTED, 1),
        ("the ticket itself fits", &[7], vec![&main, &now], ADMITTED, 0),
        ("none fits: the ticket's product is told", &[9], vec![&main, &now], refused(Reason::Product), 0),
        ("both fit and both are valid", &[7, 8], vec![&main, &now], ambiguous, 0),
        ("both fit and one is valid", &[7, 8], vec![&main, &soon], ADMITTED, 0),
        ("two add-ons, one valid", &[8], vec![&main, &early, &now], ADMITTED, 2),
        ("two add-ons, both valid", &[8], vec![&main, &now, &twin], ambiguous, 1),
        ("none valid: the next", &[8], vec![&main, &early, &later, &soon], wrong_time, 3),
        ("all over: the last", &[8], vec![&main, &older, &early], wrong_time, 2),
        ("a cancelled one is none", &[8], vec![&main, &canceled, &now], ADMITTED, 2),
    ];
    for (of, items, tickets, expected, chosen) in table {
        let tickets: Vec<PositionRow> = tickets.into_iter().cloned().collect();
        assert_eq!(among(items, true, &tickets), (expected, Some(chosen)), "{of}");
    }
    assert_eq!(
        among(&[8], false, &[main.clone(), now.clone()]),
        (refused(Reason::Product), Some(0)),
        "not on other lists"
    );
    let ended = PositionRow { order_status: OrderStatus::Canceled, ..main };
    assert_eq!(among(&[9], true, &[ended, now]).0, refused(Reason::Canceled), "an end is told before a product");
}

#[test]
fn of_tickets_with_one_secret_the_one_of_the_lists_event_date_and_product_is_meant() {
    let plain = |n: u128| PositionRow { addon_to: None, ..addon(n, 7) };
    let elsewhere = PositionRow { event_id: EventId(2), ..plain(21) };
    assert_eq!(among(&[7], false, &[elsewhere.clone(), plain(22)]), (ADMITTED, Some(1)));
    assert_eq!(among(&[7], false, &[elsewhere]), (refused(Reason::WrongEvent), Some(0)));
    assert_eq!(among(&[7], false, &[plain(22), plain(23)]), (refused(Reason::Ambiguous), Some(0)));
    let mut case = Case::entry();
    case.list.date_id = Some(DateId(3));
    let (other, same) =
        (PositionRow { date_id: Some(DateId(4)), ..plain(24) }, PositionRow { date_id: Some(DateId(3)), ..plain(25) });
    let candidates = [&other, &same].map(|position| Candidate { position, named: true, around: case.around() });
    let verdict = case.decide(Subject::Known { candidates: &candidates, signed: None, medium: None });
    assert_eq!((outcome(&verdict), verdict.chosen), (ADMITTED, Some(1)));
    let verdict = case.decide(Subject::Known { candidates: &candidates[..1], signed: None, medium: None });
    assert_eq!((outcome(&verdict), verdict.other_date), (refused(Reason::WrongDate), Some(DateId(4))));
}

#[test]
fn media_stand_for_their_ticket_and_what_must_be_exchanged_enters_by_them_alone() {
    let of = |wanted: MediumUse, media: Vec<MediumRow>| {
        let mut case = Case::with_item(|item| item.door.medium = wanted);
        case.media = media;
        case
    };
    let (on, off) = (vec![medium(true)], vec![medium(false)]);
    for (wanted, media, paper, exchange) in [
        (MediumUse::None, vec![], None, Exchange::None),
        (MediumUse::None, on.clone(), None, Exchange::Done),
        (MediumUse::May, vec![], None, Exchange::May),
        (MediumUse::May, on.clone(), None, Exchange::Done),
        (MediumUse::Must, vec![], Some(Reason::ExchangeRequired), Exchange::Must),
        (MediumUse::Must, off, Some(Reason::ExchangeRequired), Exchange::Must),
        (MediumUse::Must, on, Some(Reason::AlreadyExchanged), Exchange::Done),
    ] {
        let case = of(wanted, media);
        let by_paper = case.known(&position());
        assert_eq!((by_paper.reason, by_paper.exchange), (paper, exchange), "{wanted:?}");
        let by_medium = case.by_medium(&position());
        assert_eq!((outcome(&by_medium), by_medium.exchange), (ADMITTED, Exchange::Done), "{wanted:?}");
    }
    let mut used = of(MediumUse::Must, vec![]);
    used.history = vec![past(1, Direction::Entry, 2)];
    assert_eq!(outcome(&used.by_medium(&position())), USED, "use is the ticket's, whatever is scanned");
}

#[test]
fn questions_are_put_once_and_answers_are_kept_only_of_who_enters() {
    let (must, may) = (question(1, QuestionKind::Number, true), question(2, QuestionKind::Text, false));
    let ids = |verdict: &Verdict| verdict.questions.iter().map(|id| id.0).collect::<Vec<_>>();
    let mut case = Case { questions: vec![must, may], ..Case::entry() };
    let first = case.known(&position());
    assert_eq!((first.asks, ids(&first), outcome(&first)), (true, vec![1, 2], refused(Reason::AnswersRequired)));
    case.answers = vec![answer(1, "soon"), answer(2, "")];
    let wrong = case.known(&position());
    assert_eq!((ids(&wrong), wrong.wrong_answers[0].why), (vec![1], WrongAnswer::Number));
    assert_eq!(wrong.answers, [], "nothing is kept of who does not enter");
    case.answers = vec![answer(1, "1,50"), answer(2, ""), answer(9, "of no question")];
    let good = case.known(&position());
    assert_eq!((outcome(&good), good.answers.clone()), (ADMITTED, vec![answer(1, "1.5"), answer(2, "")]));
    case.history = vec![past(1, Direction::Entry, 2)];
    let used = case.known(&position());
    assert_eq!((outcome(&used), used.answers), (USED, vec![]), "answers of an entry that was refused are nobody's");
    (case.history, case.answers) = (vec![], vec![]);
    case.answered = vec![QuestionId(1)];
    let door = PositionDoor { answered: vec![QuestionId(2)], ..PositionDoor::default() };
    let known = PositionRow { door, ..position() };
    assert_eq!(outcome(&case.known(&known)), ADMITTED, "by a journal, and by the server's row");
    assert_eq!(ids(&case.known(&position())), [2]);
    case.answers = vec![answer(2, "in the hall"), answer(2, "by the bar")];
    assert_eq!(case.known(&position()).answers, [answer(2, "by the bar")], "the last word counts");
}

#[test]
fn where_nobody_asks_only_what_is_required_refuses_and_an_exit_is_asked_nothing() {
    let questions = vec![question(1, QuestionKind::Text, true), question(2, QuestionKind::Text, false)];
    let mut case = Case { ask: false, questions, ..Case::entry() };
    let verdict = case.known(&position());
    assert_eq!(
        (outcome(&verdict), verdict.asks),
        (refused(Reason::AnswersRequired), false),
        "a refusal like any other"
    );
    assert_eq!(verdict.questions, [QuestionId(1)]);
    case.answered = vec![QuestionId(1)];
    assert_eq!(outcome(&case.known(&position())), ADMITTED);
    let leaves =
        Case { direction: Direction::Exit, answered: vec![], ask: true, answers: vec![answer(1, "x")], ..case };
    let verdict = leaves.known(&position());
    assert_eq!((outcome(&verdict), verdict.answers), (ADMITTED, vec![]));
}

#[test]
fn a_refusal_by_rule_tells_the_nearest_way_in() {
    let gate = |id: i64, name: &str| GateRow { gate_id: GateId(id), name: name.into(), version: 1 };
    let mut case = Case { gate: Some(GateId(1)), ..Case::entry() };
    case.list.rules = Some(json!({"and": [
        {"inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "2", "Old name"]}]}]},
        {"isAfter": [{"var": "now"}, {"buildTime": ["date_from"]}, -60]},
    ]}));
    let verdict = case.known(&position());
    assert_eq!(outcome(&verdict), refused(Reason::Rules));
    let opens = Term::NotBefore(UtcMillis(NOW.0 + HOUR));
    assert_eq!(verdict.explanation, [Term::AtGate(vec!["Old name".into()]), opens.clone()]);
    case.names = Some((vec![], vec![], vec![gate(1, "A"), gate(2, "B")]));
    assert_eq!(case.known(&position()).explanation, [Term::AtGate(vec!["B".into()]), opens], "as it is called now");
    case.direction = Direction::Exit;
    assert_eq!(outcome(&case.known(&position())), ADMITTED, "no rule is asked of who leaves");
}

#[test]
fn the_rules_of_a_date_go_by_its_own_times() {
    let mut case = Case::entry();
    case.list.rules = Some(json!({"isAfter": [{"var": "now"}, {"buildTime": ["date_admission"]}]}));
    let date = |hours: i64| {
        let at = UtcMillis(NOW.0 + hours * HOUR);
        Some(DateRow {
            date_id: DateId(3),
            event_id: EventId(1),
            name: "Friday".into(),
            starts_at: at,
            ends_at: None,
            admission_at: None,
            active: true,
            version: 1,
        })
    };
    for (hours, expected) in [(-1, ADMITTED), (1, refused(Reason::Rules))] {
        case.date = date(hours);
        assert_eq!(outcome(&case.known(&position())), expected, "begins {hours} h from now, admission unset");
    }
}

#[test]
fn a_rule_that_names_what_is_not_there_refuses_and_says_which() {
    let gate = GateRow { gate_id: GateId(1), name: "A".into(), version: 1 };
    let there = (vec![ItemId(7)], vec![VariationId(5)], vec![gate]);
    let either = |rule: serde_json::Value| json!({"or": [true, rule]});
    for (rule, kind, part) in [
        (
            json!({"==": [{"var": "product"}, {"lookup": ["product", 9, "Child"]}]}),
            RuleTroubleKind::UnknownProduct,
            "Child",
        ),
        (json!({"inList": [{"var": "variation"}, [5, 6]]}), RuleTroubleKind::UnknownVariation, "6"),
        (json!({"!=": [{"var": "gate"}, "4"]}), RuleTroubleKind::UnknownGate, "4"),
        (json!({"<": [null, "a"]}), RuleTroubleKind::CannotCompare, "nothing and a text have no order"),
        (json!({"magic": []}), RuleTroubleKind::Unreadable, "the rule language has no operator \"magic\""),
    ] {
        let mut case = Case { names: Some(there.clone()), ..Case::entry() };
        case.list.rules = Some(either(rule.clone()));
        let verdict = case.known(&position());
        assert_eq!(outcome(&verdict), refused(Reason::Rules), "{rule}: whatever the other parts say");
        assert_eq!(verdict.rule_trouble, Some(RuleTrouble { kind, part: part.into() }), "{rule}");
    }
    let mut case = Case { names: Some(there), ..Case::entry() };
    case.list.rules = Some(json!({"and": [{"==": [{"var": "product"}, 7]}, {"!=": [{"var": "gate"}, 0]}]}));
    assert_eq!(outcome(&case.known(&position())), ADMITTED, "0 names no gate");
}

#[test]
fn ids_texts_and_flags_ask_for_a_look_and_say_whose_they_are() {
    let looks = |case: &Case, position: &PositionRow| {
        let verdict = case.known(position);
        assert_eq!(verdict.class, Class::Look);
        let leaves = Case { direction: Direction::Exit, ..case.clone() }.known(position);
        assert_eq!((outcome(&leaves), leaves.marks), (ADMITTED, vec![]), "nobody looks at who leaves");
        (verdict.marks, verdict.attention)
    };
    let plain = position();
    let id = Case::with_item(|item| item.look_at_id = true);
    assert_eq!(looks(&id, &plain), (vec![Mark::LookAtId], vec![]));
    let text = Case::with_item(|item| item.checkin_text = "Wristband: red".into());
    assert_eq!(looks(&text, &plain), (vec![], vec![]));
    let flag = Case::with_item(|item| item.door.attention = true);
    assert_eq!(looks(&flag, &plain), (vec![Mark::Attention], vec![Of::Product]));
    let of_order = |door: PositionDoor| PositionRow { door, ..position() };
    let attention = of_order(PositionDoor { attention: true, ..PositionDoor::default() });
    assert_eq!(looks(&flag, &attention), (vec![Mark::Attention], vec![Of::Product, Of::Order]));
    let note = of_order(PositionDoor { checkin_text: "Row 3".into(), ..PositionDoor::default() });
    assert_eq!(looks(&Case::entry(), &note), (vec![], vec![]));
    let variation: crate::catalog::VariationRow = serde_json::from_value(json!({
        "variation_id": 5, "name": "Box", "price": null, "rank": 0, "active": true, "checkin_text": "Box 3",
    }))
    .unwrap();
    let forms = Case::with_item(|item| item.variations = vec![variation]);
    assert_eq!(looks(&forms, &PositionRow { variation_id: Some(VariationId(5)), ..position() }), (vec![], vec![]));
    assert_eq!(outcome(&forms.known(&plain)), ADMITTED, "the text is of another form");
}
