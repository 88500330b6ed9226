//! What the tables say of a lease after any sequence of facts is what the domain's value says.

use super::*;
use crate::{db::migrate, journal::replay};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use rusqlite::Connection;
use willcall_domain::{
    clock::UtcMillis,
    entropy::SeededEntropy,
    id::{EntryId, HandOverId, OrderId},
    leases::{HandOut, HandOverRow, ledger::HandOverState},
    money::{Currency, Money},
    sync::{
        At, Draft,
        fact::{Paper, SaleLine},
        journal::FIRST,
    },
};

const ME: DeviceId = DeviceId(1);
const TO: DeviceId = DeviceId(2);
const HALL: QuotaId = QuotaId(3);
const EVENT: EventId = EventId(4);
const ADULT: ItemId = ItemId(5);
const UNITS: u32 = 12;

fn lease_id() -> LeaseId {
    LeaseId(Uuid::from_u128(7))
}

fn range() -> BlankRange {
    BlankRange { article: ADULT.into(), base: PositionId(Uuid::from_u128(9 << 64)), count: blank::count_for(UNITS) }
}

#[derive(Debug, Clone)]
enum Move {
    Sell,
    Undo(prop::sample::Index, bool),
    Keep(u32),
    Give(u32),
    Decline(prop::sample::Index),
    /// The server says something older, or again.
    Repeat(prop::sample::Index),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => Just(Move::Sell),
        2 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, back)| Move::Undo(at, back)),
        1 => (0..UNITS).prop_map(Move::Keep),
        2 => (1u32..4).prop_map(Move::Give),
        2 => any::<prop::sample::Index>().prop_map(Move::Decline),
        1 => any::<prop::sample::Index>().prop_map(Move::Repeat),
    ]
}

/// One till's tables beside its value.
struct Both<'a> {
    tx: &'a Transaction<'a>,
    held: HeldLease,
    seq: u64,
    sold: Vec<(u32, PositionId, OrderId)>,
    given: Vec<HandOut>,
    declined: Vec<HandOut>,
}

impl<'a> Both<'a> {
    fn begin(tx: &'a Transaction<'a>) -> Self {
        let body = willcall_domain::leases::GrantBody {
            lease_id: lease_id(),
            request_id: RequestId(Uuid::nil()),
            organizer_id: willcall_domain::id::OrganizerId(1),
            event_id: EVENT,
            quota_id: HALL,
            station: ME,
            units: UNITS,
            blanks: vec![range()],
            granted_at: UtcMillis(0),
        };
        let held = HeldLease::granted(&body);
        let mut both = Self { tx, held, seq: 0, sold: Vec::new(), given: Vec::new(), declined: Vec::new() };
        both.write(&Fact::LeaseAccepted {
            lease_id: lease_id(),
            quota_id: HALL,
            event_id: EVENT,
            units: UNITS,
            grant: String::new(),
            grant_signature: String::new(),
        });
        let codes = (0..range().count).map(|n| format!("code {n}")).collect();
        put_blanks(tx, lease_id(), &[range()], &[BlankCodes { article: ADULT.into(), codes }]).unwrap();
        both
    }

    fn write(&mut self, fact: &Fact) {
        self.seq += 1;
        let draft = Draft {
            station: ME,
            incarnation: 1,
            seq: self.seq,
            id: EntryId::born(UtcMillis(1), &SeededEntropy::new(self.seq)),
            at: At { wall: UtcMillis(1), offset_ms: 0, uncertainty_ms: 1, boot: Uuid::nil(), monotonic_ms: self.seq },
            saw: vec![],
            fact: fact.clone(),
            private: None,
        };
        let entry = draft.seal(&FIRST, &SigningKey::from_bytes(&[1; 32])).unwrap();
        replay::project(self.tx, &entry, fact, "").unwrap();
    }

    fn sell(&mut self) {
        let next = next_blank(self.tx, lease_id(), ADULT.into(), 0).unwrap().map(|blank| blank.position_id);
        let (Some(unit), Some(position)) = (self.held.sellable().lowest(), next) else { return };
        assert!(self.held.sell(unit));
        assert_eq!(self.held.use_blank(ADULT), Some(position), "the same blank is next");
        let order_id = OrderId(Uuid::from_u128(u128::from(self.seq)));
        let line = SaleLine {
            position_id: position,
            item_id: ADULT,
            variation_id: None,
            date_id: None,
            addon_to: None,
            price: Money::zero(Currency::EUR),
            tax_rate_bp: 0,
            tax: Money::zero(Currency::EUR),
            units: vec![UnitRef { lease_id: lease_id(), unit }],
            blank: Some(lease_id()),
            item_version: 1,
            voucher: None,
        };
        self.write(&Fact::Sale {
            order_id,
            order_code: format!("T{}", self.seq),
            event_id: EVENT,
            request_id: RequestId(order_id.0),
            lines: vec![line],
            total: Money::zero(Currency::EUR),
        });
        self.sold.push((unit, position, order_id));
    }

    fn undo(&mut self, at: prop::sample::Index, in_house: bool) {
        if self.sold.is_empty() {
            return;
        }
        let (unit, position, order_id) = self.sold.remove(at.index(self.sold.len()));
        self.held.undo_sale(unit, in_house);
        let units = vec![UnitRef { lease_id: lease_id(), unit }];
        let (back, freed) = if in_house { (units, vec![]) } else { (vec![], units) };
        let paper = if in_house { Paper::NotPrinted } else { Paper::Out };
        self.write(&Fact::Void { order_id, event_id: EVENT, positions: vec![position], back, freed, paper });
    }

    fn keep(&mut self, keep: u32) {
        for gone in self.held.beyond(keep) {
            self.held.give_back(&gone);
            self.write(&Fact::LeaseReturned {
                lease_id: gone.lease_id,
                quota_id: HALL,
                event_id: EVENT,
                from: gone.units.from,
                units: gone.units.count(),
                blanks: gone.blanks,
            });
        }
    }

    fn give(&mut self, units: u32) {
        let id = HandOverId(Uuid::from_u128(1_000 + u128::from(self.seq)));
        let Ok(out) = self.held.offer(ME, TO, id, units) else { return };
        self.held.hand_out(&out);
        self.write(&out.fact());
        self.given.push(out);
    }

    fn told(&self, out: &HandOut, state: HandOverState, version: i64) {
        let row = HandOverRow {
            hand_over_id: out.hand_over_id,
            lease_id: out.lease_id,
            event_id: EVENT,
            device_id: ME,
            state,
            version,
        };
        put_hand_over_word(self.tx, &row, 1).unwrap();
    }

    fn decline(&mut self, at: prop::sample::Index) {
        if self.given.is_empty() {
            return;
        }
        let out = self.given.remove(at.index(self.given.len()));
        self.told(&out, HandOverState::Declined, 2);
        self.held.declined(&out);
        self.declined.push(out);
    }

    fn repeat(&self, at: prop::sample::Index) {
        if !self.declined.is_empty() {
            let out = &self.declined[at.index(self.declined.len())];
            self.told(out, HandOverState::Declined, 2);
            self.told(out, HandOverState::InFlight, 3);
            self.told(out, HandOverState::Declined, 4);
        }
    }

    fn agree(&self) {
        let mut here = all_leases(self.tx, ME).unwrap().remove(0);
        let mut held = self.held.clone();
        for lease in [&mut here, &mut held] {
            lease.blanks.retain(|_, blanks| !blanks.left.is_empty());
        }
        assert_eq!(here, held);
        let open = !held.free.is_empty() || !self.given.is_empty();
        assert_eq!(open_ids(self.tx).unwrap(), if open { vec![lease_id().0] } else { vec![] });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_tables_say_what_the_value_says(moves in prop::collection::vec(moves(), 0..30)) {
        let mut memory = Connection::open_in_memory().unwrap();
        migrate::migrate(&mut memory, UtcMillis(0)).unwrap();
        let tx = memory.transaction().unwrap();
        let mut both = Both::begin(&tx);
        for one in moves {
            match one {
                Move::Sell => both.sell(),
                Move::Undo(at, in_house) => both.undo(at, in_house),
                Move::Keep(keep) => both.keep(keep),
                Move::Give(units) => both.give(units),
                Move::Decline(at) => both.decline(at),
                Move::Repeat(at) => both.repeat(at),
            }
            both.agree();
        }
    }
}
