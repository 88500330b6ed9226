//! Each reason, for entries and exits, of tickets that are known and of which the signature is all that is known.

use super::*;

/// A wish to enter or leave that meets one obstacle: what is said of it in each of the four columns. `None` where the
/// obstacle cannot be known there.
struct Row {
    of: &'static str,
    case: Case,
    position: PositionRow,
    code: Signed,
    known: [(Class, Option<Reason>); 2],
    alone: Option<[(Class, Option<Reason>); 2]>,
}

impl Row {
    /// An obstacle that is met entering and leaving, whatever is known.
    fn always(of: &'static str, reason: Reason) -> Self {
        let both = [refused(reason); 2];
        Self { of, case: Case::entry(), position: position(), code: signed(), known: both, alone: Some(both) }
    }

    /// An obstacle that only those meet who enter.
    fn entering(of: &'static str, reason: Reason) -> Self {
        let class = if reason == Reason::AlreadyRedeemed { Class::Used } else { Class::Refused };
        let one = [(class, Some(reason)), ADMITTED];
        Self { known: one, alone: Some(one), ..Self::always(of, reason) }
    }

    /// What only the database can know.
    fn known_only(self) -> Self {
        Self { alone: None, ..self }
    }

    fn case(mut self, change: impl FnOnce(&mut Case)) -> Self {
        change(&mut self.case);
        self
    }

    fn item(mut self, change: impl FnOnce(&mut ItemRow)) -> Self {
        change(self.case.item.as_mut().unwrap());
        self
    }

    fn position(mut self, change: impl FnOnce(&mut PositionRow)) -> Self {
        change(&mut self.position);
        self
    }

    fn code(mut self, change: impl FnOnce(&mut Signed)) -> Self {
        change(&mut self.code);
        self
    }
}

fn rows() -> Vec<Row> {
    let late = UtcMillis(NOW.0 - 1);
    vec![
        Row::always("a cancelled order", Reason::Canceled)
            .position(|p| p.order_status = OrderStatus::Canceled)
            .known_only(),
        Row::always("an order that ran out", Reason::Canceled)
            .position(|p| p.order_status = OrderStatus::Expired)
            .known_only(),
        Row::always("a cancelled position", Reason::Canceled).position(|p| p.canceled = true).known_only(),
        Row::always("a replaced code", Reason::Revoked).position(|p| p.issue = 2).known_only(),
        Row::always("a blocked ticket", Reason::Blocked).position(|p| p.blocked = true).known_only(),
        Row::always("an order that waits for approval", Reason::Unapproved)
            .position(|p| (p.order_status, p.door.needs_approval) = (OrderStatus::Pending, true))
            .known_only(),
        Row::entering("too early", Reason::InvalidTime)
            .position(|p| p.valid_from = Some(UtcMillis(NOW.0 + 1)))
            .code(|c| c.valid_from = Some(UtcMillis(NOW.0 + 1))),
        Row::entering("too late", Reason::InvalidTime)
            .position(|p| p.valid_until = Some(late))
            .code(|c| c.valid_until = Some(late)),
        Row::always("a product of no list", Reason::Product).case(|c| c.list.items = Some(vec![ItemId(8)])),
        Row::always("another event", Reason::WrongEvent)
            .position(|p| p.event_id = EventId(2))
            .code(|c| c.event_id = EventId(2)),
        Row::always("another date", Reason::WrongDate)
            .case(|c| c.list.date_id = Some(DateId(3)))
            .position(|p| p.date_id = Some(DateId(4)))
            .code(|c| c.date_id = Some(DateId(4))),
        Row::always("no date at all", Reason::WrongDate).case(|c| c.list.date_id = Some(DateId(3))),
        Row::always("not paid", Reason::Unpaid).position(|p| p.order_status = OrderStatus::Pending).known_only(),
        Row::entering("a rule that refuses", Reason::Rules)
            .case(|c| c.list.rules = Some(json!({"==": [{"var": "product"}, 8]}))),
        Row::entering("a rule that cannot be read", Reason::Rules)
            .case(|c| c.list.rules = Some(json!({"nonsense": []}))),
        Row::entering("a question that is open", Reason::AnswersRequired)
            .case(|c| c.questions = vec![question(1, QuestionKind::Text, true)]),
        Row::always("no wristband yet", Reason::ExchangeRequired).item(|i| i.door.medium = MediumUse::Must),
        Row::always("a wristband instead", Reason::AlreadyExchanged)
            .item(|i| i.door.medium = MediumUse::Must)
            .case(|c| c.media = vec![medium(true)]),
        Row::entering("old data", Reason::StaleData)
            .item(|i| i.door.max_data_age_min = Some(10))
            .case(|c| c.data_age_s = Some(601)),
        Row::entering("used before", Reason::AlreadyRedeemed).case(|c| c.history = vec![past(1, Direction::Entry, 2)]),
    ]
}

#[test]
fn each_reason_is_given_to_who_enters_or_leaves_with_a_known_ticket_or_a_bare_signature() {
    for row in rows() {
        for (direction, nth) in [(Direction::Entry, 0), (Direction::Exit, 1)] {
            let case = Case { direction, ..row.case.clone() };
            let known = case.by_code(&row.position, Some(&row.code));
            assert_eq!(outcome(&known), row.known[nth], "{}, known, {direction:?}", row.of);
            if let Some(expected) = row.alone {
                let alone = case.alone(&row.code);
                let (class, reason) = outcome(&alone);
                assert_eq!((class, reason), expected[nth], "{}, signature only, {direction:?}", row.of);
                assert_eq!(
                    alone.marks.first(),
                    Some(&Mark::SignatureOnly).filter(|_| reason != Some(Reason::WrongEvent))
                );
            }
        }
    }
}

#[test]
fn of_two_obstacles_the_first_of_the_order_is_said() {
    let order = rows();
    for (nth, first) in order.iter().enumerate() {
        for second in &order[nth + 1..] {
            let mut case = first.case.clone();
            let other = &second.case;
            case.list.items = case.list.items.or_else(|| other.list.items.clone());
            case.list.date_id = case.list.date_id.or(other.list.date_id);
            case.list.rules = case.list.rules.or_else(|| other.list.rules.clone());
            case.questions.extend(other.questions.clone());
            case.history.extend(other.history.clone());
            case.data_age_s = case.data_age_s.max(other.data_age_s);
            let (item, theirs) = (case.item.as_mut().unwrap(), other.item.as_ref().unwrap());
            item.door.max_data_age_min = item.door.max_data_age_min.or(theirs.door.max_data_age_min);
            if item.door.medium == MediumUse::None {
                (item.door.medium, case.media) = (theirs.door.medium, other.media.clone());
            }
            let mut position = first.position.clone();
            let plain = super::position();
            if second.position.order_status != plain.order_status && position.order_status == plain.order_status {
                position.order_status = second.position.order_status;
            }
            position.door.needs_approval |= second.position.door.needs_approval && first.of != "not paid";
            position.blocked |= second.position.blocked;
            position.issue = position.issue.max(second.position.issue);
            position.valid_from = position.valid_from.or(second.position.valid_from);
            position.valid_until = position.valid_until.or(second.position.valid_until);
            // Tickets of another event are told before all that is the list's; it stands alone.
            if second.of == "another event" {
                continue;
            }
            let verdict = case.by_code(&position, Some(&first.code));
            assert_eq!(outcome(&verdict), first.known[0], "{} and {}", first.of, second.of);
        }
    }
}

#[test]
fn what_is_no_ticket_of_ours_is_refused_and_a_missing_key_is_not_called_a_forgery() {
    for direction in [Direction::Entry, Direction::Exit] {
        let case = Case::of(direction);
        for (subject, reason) in [
            (Subject::Unreadable, Reason::Invalid),
            (Subject::UnknownKey, Reason::UnknownKey),
            (Subject::MediumInvalid, Reason::MediumInvalid),
            (Subject::Known { candidates: &[], signed: None, medium: None }, Reason::Invalid),
        ] {
            assert_eq!(outcome(&case.decide(subject)), refused(reason), "{direction:?}");
        }
    }
}

#[test]
fn a_signed_ticket_of_a_product_nobody_knows_cannot_be_decided() {
    let case = Case { item: None, ..Case::entry() };
    assert_eq!(outcome(&case.alone(&signed())), refused(Reason::Error));
    assert_eq!(outcome(&case.known(&position())), ADMITTED, "where the ticket is known its product is but a name");
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
        let decide = |case: &Case| {
            case.decide(Subject::SignatureOnly { signed: &blank, void: Some(why), around: case.around() })
        };
        let verdict = decide(&case);
        assert_eq!((outcome(&verdict), verdict.marks), without_sale, "{why:?}");
        case.history = vec![past(1, Direction::Entry, 2)];
        assert_eq!(outcome(&decide(&case)), if why == VoidWhy::Lost { USED } else { refused(Reason::Void) }, "{why:?}");
        case.direction = Direction::Exit;
        let leaves = (outcome(&decide(&case)).0 == Class::Admitted, why == VoidWhy::Lost);
        assert_eq!(leaves.0, leaves.1, "{why:?}");
    }
    let known = Case::entry().by_code(&position(), Some(&blank));
    assert_eq!((outcome(&known), known.marks), (ADMITTED, vec![]));
}

#[test]
fn a_signature_alone_admits_with_its_mark() {
    let case = Case::entry();
    let verdict = case.alone(&signed());
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Admitted, &[Mark::SignatureOnly][..]));
    let blank = Signed { flags: Flags { blank: true, ..Flags::default() }, ..signed() };
    let verdict = case.alone(&blank);
    assert_eq!((verdict.class, verdict.marks.as_slice()), (Class::Admitted, &[Mark::SaleNotSeen][..]));
    let stolen = Signed { key_status: KeyStatus::Compromised, ..signed() };
    assert_eq!(case.alone(&stolen).class, Class::Look, "a compromised key's code is worth a look at most");
    let risky = Case::with_item(|item| item.door.look_if_unseen = true);
    assert_eq!(risky.alone(&signed()).class, Class::Look, "the organizer wants to see who nobody has heard of");
    assert_eq!(risky.known(&position()).class, Class::Admitted);
}
