//! Every reason as a table, and what no input may ever lead to.

use super::*;
use crate::{
    checkin::{
        medium::MediumKind,
        question::{QuestionKind, WrongAnswer},
        wire::{ItemDoor, PositionDoor, RuleTroubleKind},
    },
    id::{DeviceId, ListId, MediumId, OrderId, PositionId, ScanId, VariationId},
    money::{Currency, Money},
    ticketing::{CodeFormat, Flags, blank::VoidWhy},
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

const HOUR: i64 = 3_600_000;
/// 15 January 2027, 09:00 in Berlin.
const NOW: UtcMillis = UtcMillis(1_800_000_000_000);

fn event() -> EventRow {
    serde_json::from_value(json!({
        "event_id": 1, "name": "Concert", "location": "", "zone": "Europe/Berlin", "currency": "EUR", "starts_at": NOW,
        "ends_at": null, "admission_at": null, "code_format": CodeFormat::Wc1, "planned_outage_min": 60, "version": 1,
    }))
    .unwrap()
}

fn list() -> ListRow {
    ListRow {
        list_id: ListId(1),
        event_id: EventId(1),
        name: "All".into(),
        items: None,
        date_id: None,
        include_pending: false,
        allow_multiple_entries: false,
        allow_entry_after_exit: false,
        rules: None,
        addon_match: false,
        gates: Vec::new(),
        shown_from: None,
        shown_until: None,
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
        variations: Vec::new(),
        addon_to: Vec::new(),
        door: ItemDoor::default(),
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
        variation_id: None,
        date_id: None,
        addon_to: None,
        order_status: OrderStatus::Paid,
        canceled: false,
        blocked: false,
        issue: 1,
        name: None,
        plain: None,
        valid_from: None,
        valid_until: None,
        test: false,
        door: PositionDoor::default(),
        sold_at: None,
        version: 1,
    }
}

fn pending() -> PositionRow {
    PositionRow { order_status: OrderStatus::Pending, ..position() }
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
        variation_id: None,
        date_id: None,
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

fn question(id: i64, kind: QuestionKind, required: bool) -> QuestionRow {
    QuestionRow {
        question_id: QuestionId(id),
        event_id: EventId(1),
        text: "?".into(),
        help: String::new(),
        kind,
        required,
        ask_at_checkin: true,
        items: vec![ItemId(7)],
        options: vec![],
        rank: 0,
        active: true,
        version: 1,
    }
}

fn answer(id: i64, value: &str) -> AnswerGiven {
    AnswerGiven { question_id: QuestionId(id), value: value.into() }
}

fn medium(active: bool) -> MediumRow {
    MediumRow {
        medium_id: MediumId(Uuid::from_u128(9)),
        event_id: EventId(1),
        kind: MediumKind::NfcUid,
        identifier_hash: crate::checkin::medium::hash("04A2"),
        position_id: Some(position().position_id),
        active,
        expires_at: None,
        version: 1,
    }
}

/// What a scan is made at; a plain entry of an adult, with nothing known of it and the newest data.
#[derive(Clone)]
struct Case {
    list: ListRow,
    item: Option<ItemRow>,
    date: Option<DateRow>,
    history: Vec<PastScan>,
    media: Vec<MediumRow>,
    answered: Vec<QuestionId>,
    questions: Vec<QuestionRow>,
    answers: Vec<AnswerGiven>,
    ask: bool,
    direction: Direction,
    uncertainty_ms: i64,
    may_admit_unpaid: bool,
    admit_unpaid: bool,
    data_age_s: Option<u64>,
    max_data_age_min: Option<u32>,
    gate: Option<GateId>,
    names: Option<(Vec<ItemId>, Vec<VariationId>, Vec<GateRow>)>,
}

impl Case {
    fn entry() -> Self {
        Self {
            list: list(),
            item: Some(item()),
            date: None,
            history: vec![],
            media: vec![],
            answered: vec![],
            questions: vec![],
            answers: vec![],
            ask: true,
            direction: Direction::Entry,
            uncertainty_ms: 0,
            may_admit_unpaid: false,
            admit_unpaid: false,
            data_age_s: Some(0),
            max_data_age_min: None,
            gate: None,
            names: None,
        }
    }

    fn of(direction: Direction) -> Self {
        Self { direction, ..Self::entry() }
    }

    fn with_item(change: impl FnOnce(&mut ItemRow)) -> Self {
        let mut case = Self::entry();
        if let Some(item) = &mut case.item {
            change(item);
        }
        case
    }

    fn around(&self) -> Around<'_> {
        Around {
            item: self.item.as_ref(),
            date: self.date.as_ref(),
            history: &self.history,
            answered: &self.answered,
            media: &self.media,
        }
    }

    fn decide(&self, subject: Subject<'_>) -> Verdict {
        decide(&ScanInput {
            now: NOW,
            uncertainty_ms: self.uncertainty_ms,
            direction: self.direction,
            event: &event(),
            list: &self.list,
            gate: self.gate,
            subject,
            named: self.names.as_ref().map(|(items, variations, gates)| Named { items, variations, gates }),
            questions: &self.questions,
            answers: &self.answers,
            ask: self.ask,
            may_admit_unpaid: self.may_admit_unpaid,
            admit_unpaid: self.admit_unpaid,
            data_age_s: self.data_age_s,
            max_data_age_min: self.max_data_age_min,
        })
    }

    fn by_code(&self, position: &PositionRow, signed: Option<&Signed>) -> Verdict {
        let candidates = [Candidate { position, named: true, around: self.around() }];
        self.decide(Subject::Known { candidates: &candidates, signed, medium: None })
    }

    fn known(&self, position: &PositionRow) -> Verdict {
        self.by_code(position, None)
    }

    fn by_medium(&self, position: &PositionRow) -> Verdict {
        let candidates = [Candidate { position, named: true, around: self.around() }];
        let medium = medium(true);
        self.decide(Subject::Known { candidates: &candidates, signed: None, medium: Some(&medium) })
    }

    fn alone(&self, signed: &Signed) -> Verdict {
        self.decide(Subject::SignatureOnly { signed, void: None, around: self.around() })
    }
}

fn refused(reason: Reason) -> (Class, Option<Reason>) {
    (Class::Refused, Some(reason))
}

const ADMITTED: (Class, Option<Reason>) = (Class::Admitted, None);
const USED: (Class, Option<Reason>) = (Class::Used, Some(Reason::AlreadyRedeemed));

fn outcome(verdict: &Verdict) -> (Class, Option<Reason>) {
    (verdict.class, verdict.reason)
}

fn enters(verdict: &Verdict) -> bool {
    matches!(verdict.class, Class::Admitted | Class::Look)
}

mod columns;
mod doubt;
mod more;
