//! The ledger under any sequence of movements, and the stories of the design one by one.

use super::*;
use crate::leases::{LeaseState, units::UnitRange};
use proptest::prelude::*;
use uuid::Uuid;

const HALL: QuotaId = QuotaId(1);
const A: DeviceId = DeviceId(1);
const B: DeviceId = DeviceId(2);

fn lease(n: u128) -> LeaseId {
    LeaseId(Uuid::from_u128(n))
}

fn offer(n: u128, from: u32, units: u32, to: DeviceId) -> Offer {
    Offer { hand_over_id: HandOverId(Uuid::from_u128(n)), units: UnitRange::of(from, units), to }
}

fn hall(size: i64, units: u32) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.quotas.insert(HALL, QuotaAccount::new(Some(size)));
    ledger.grant(HALL, lease(1), A, units).unwrap().unwrap();
    ledger
}

fn counts(ledger: &Ledger) -> (i64, i64, i64, i64) {
    let q = ledger.quotas[&HALL];
    (q.sold, q.leased, q.in_flight, q.excess)
}

#[test]
fn a_grant_takes_what_is_free_and_nothing_twice() {
    let mut ledger = hall(10, 6);
    ledger.grant(HALL, lease(1), A, 6).unwrap().unwrap();
    assert_eq!(counts(&ledger), (0, 6, 0, 0), "the same lease again is the same lease");
    assert_eq!(ledger.grant(HALL, lease(2), B, 5), Ok(Err(TooFew { free: 4 })));
    assert_eq!(ledger.lease(B, lease(1)).unwrap_err(), Unknown::Holder(lease(1)));
}

#[test]
fn units_that_return_are_free_and_never_sold_from_again() {
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    assert_eq!(account.sell(quota, 0), Sale::Covered);
    let back = account.give_back(quota, &UnitRange::of(3, 3).into());
    assert_eq!((back.free.count(), back.refused.count()), (3, 0));
    assert_eq!(account.sell(quota, 4), Sale::NotLent);
    let again = account.give_back(quota, &UnitRange::of(0, 6).into());
    assert_eq!(again.refused, Units::one(0), "a sold unit does not return");
    assert_eq!(counts(&ledger), (1, 0, 0, 0));
    ledger.check().unwrap();
}

#[test]
fn a_hand_over_arrives_in_either_order_and_from_the_receiver_alone() {
    let given = offer(9, 4, 2, B);
    let mut both = hall(10, 6);
    both.give(A, lease(1), &given).unwrap();
    assert_eq!(counts(&both), (0, 6, 2, 0), "in flight, counted");
    assert!(both.take(A, lease(1), &given).unwrap().is_empty());
    let mut alone = hall(10, 6);
    assert!(alone.take(A, lease(1), &given).unwrap().is_empty());
    assert_eq!(alone, both);
    alone.give(A, lease(1), &given).unwrap();
    alone.take(A, lease(1), &given).unwrap();
    assert_eq!(alone, both, "the giver's own entry, and the receiver's again, add nothing");
    let (quota, taken) = alone.lease(B, lease(9)).unwrap();
    assert_eq!((taken.sell(quota, 1), taken.sell(quota, 2)), (Sale::Covered, Sale::NotLent));
    let (quota, giver) = alone.lease(A, lease(1)).unwrap();
    assert_eq!(giver.sell(quota, 4), Sale::NotLent, "given is given");
    alone.check().unwrap();
}

#[test]
fn what_is_declined_is_the_givers_again_in_either_order_for_good() {
    let given = offer(9, 4, 2, B);
    let mut late = hall(10, 6);
    late.give(A, lease(1), &given).unwrap();
    assert_eq!(late.decline(A, lease(1), &given).unwrap().unwrap().count(), 2);
    let mut early = hall(10, 6);
    early.decline(A, lease(1), &given).unwrap().unwrap();
    early.give(A, lease(1), &given).unwrap();
    assert_eq!(early, late);
    let void = early.take(A, lease(1), &given).unwrap();
    assert_eq!(void.count(), 2, "who said no cannot take any more");
    assert_eq!(early.leases[&lease(9)].state, LeaseState::Closed);
    let (quota, giver) = early.lease(A, lease(1)).unwrap();
    assert_eq!(giver.sell(quota, 5), Sale::Covered);
    early.check().unwrap();
    let mut taken = hall(10, 6);
    taken.take(A, lease(1), &given).unwrap();
    assert_eq!(taken.decline(A, lease(1), &given), Ok(Err(NotDeclined::Taken)));
}

#[test]
fn a_station_that_comes_back_after_its_write_off_is_honoured_and_nothing_returns_twice() {
    let mut ledger = hall(6, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.sell(quota, 0);
    assert_eq!(account.write_off(quota, GivenUp::Lost).count(), 5);
    assert_eq!(account.write_off(quota, GivenUp::Stolen).count(), 0, "once");
    assert_eq!(account.state, LeaseState::Lost);
    quota.sell(4).unwrap();
    assert_eq!(account.sell(quota, 1), Sale::AfterWriteOff { beyond: false, first: true }, "one was still free");
    assert_eq!(account.sell(quota, 2), Sale::AfterWriteOff { beyond: true, first: false });
    assert_eq!(account.sell(quota, 2), Sale::SoldBefore);
    let back = account.give_back(quota, &UnitRange::of(3, 3).into());
    assert_eq!((back.free.count(), back.void.count()), (0, 3));
    assert_eq!(account.undo_sale(quota, 2, true), Undone::Void);
    assert_eq!(counts(&ledger), (6, 0, 0, 0), "the excess went with the voided sale");
    ledger.check().unwrap();
}

#[test]
fn units_written_off_before_their_hand_over_was_known_are_void_at_the_receiver() {
    let given = offer(9, 3, 3, B);
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.write_off(quota, GivenUp::Stolen);
    assert_eq!(ledger.take(A, lease(1), &given).unwrap().count(), 3);
    let (quota, taken) = ledger.lease(B, lease(9)).unwrap();
    assert_eq!(taken.state, LeaseState::Stolen);
    assert_eq!(taken.sell(quota, 0), Sale::AfterWriteOff { beyond: false, first: true });
    ledger.check().unwrap();
}

#[test]
fn a_hand_over_of_units_that_were_not_all_there_is_recalled_whole() {
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.give_back(quota, &Units::one(5));
    assert_eq!(ledger.take(A, lease(1), &offer(9, 3, 3, B)).unwrap(), Units::one(2));
    assert_eq!(ledger.leases[&lease(9)].keep, Some(0));
    assert_eq!(counts(&ledger), (0, 5, 0, 0));
    ledger.check().unwrap();
}

#[test]
fn what_is_in_flight_can_be_given_up_and_who_takes_it_later_holds_nothing() {
    let given = offer(9, 4, 2, B);
    let mut ledger = hall(10, 6);
    ledger.give(A, lease(1), &given).unwrap();
    let hand_over = ledger.hand_overs.get_mut(&given.hand_over_id).unwrap();
    let quota = ledger.quotas.get_mut(&HALL).unwrap();
    assert_eq!((hand_over.write_off(quota, GivenUp::Lost), hand_over.write_off(quota, GivenUp::Lost)), (2, 0));
    ledger.check().unwrap();
    assert_eq!(counts(&ledger), (0, 4, 0, 0));
    assert_eq!(ledger.take(A, lease(1), &given).unwrap().count(), 2);
    assert_eq!(ledger.leases[&lease(9)].state, LeaseState::Lost);
    ledger.check().unwrap();
}

#[test]
fn what_was_given_up_on_its_way_stays_given_up_when_it_is_declined_after_all() {
    let given = offer(9, 4, 2, B);
    let mut ledger = hall(10, 6);
    ledger.give(A, lease(1), &given).unwrap();
    let hand_over = ledger.hand_overs.get_mut(&given.hand_over_id).unwrap();
    hand_over.write_off(ledger.quotas.get_mut(&HALL).unwrap(), GivenUp::Lost);
    for _ in 0..2 {
        assert_eq!(ledger.decline(A, lease(1), &given).unwrap(), Ok(Units::none()), "they are free, not the giver's");
        assert_eq!(ledger.hand_overs[&given.hand_over_id].state, HandOverState::Lost, "and so the giver is told");
        assert_eq!(counts(&ledger), (0, 4, 0, 0));
        ledger.check().unwrap();
    }
}

#[test]
fn a_sale_undone_in_the_house_can_be_sold_again_and_one_undone_outside_is_freed() {
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.sell(quota, 0);
    account.sell(quota, 1);
    assert_eq!(account.undo_sale(quota, 0, true), Undone::Back { beyond: false });
    assert_eq!(account.undo_sale(quota, 1, false), Undone::Freed);
    assert_eq!(
        (account.undo_sale(quota, 0, true), account.undo_sale(quota, 1, false)),
        (Undone::Nothing, Undone::Nothing)
    );
    assert_eq!((account.sell(quota, 0), account.sell(quota, 1)), (Sale::Covered, Sale::NotLent));
    assert_eq!(counts(&ledger), (1, 4, 0, 0));
    ledger.check().unwrap();
}

#[test]
fn a_unit_the_office_freed_and_somebody_took_is_excess_when_the_till_has_it_back() {
    let mut ledger = hall(6, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.sell(quota, 0);
    account.undo_sale(quota, 0, false);
    quota.sell(1).unwrap();
    assert_eq!(account.undo_sale(quota, 0, true), Undone::Back { beyond: true });
    assert_eq!(counts(&ledger), (1, 6, 0, 1));
    ledger.check().unwrap();
}

#[test]
fn a_station_that_ends_returns_all_it_holds() {
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.sell(quota, 0);
    assert_eq!(account.close(quota).count(), 5);
    assert_eq!((account.state, account.close(quota).count()), (LeaseState::Closed, 0));
    assert_eq!(counts(&ledger), (1, 0, 0, 0));
    ledger.check().unwrap();
}

/// One movement among three leases of two stations and a quota of 20, at random.
#[derive(Debug, Clone)]
enum Move {
    Grant(u128, u8),
    Accept(u128),
    Sell(u128, u32),
    Uncovered,
    Web(i64),
    Cancel(i64),
    Return(u128, u32, u32),
    Undo(u128, u32, bool),
    Give(u128, u128, u32, u32),
    Take(u128, u128, u32, u32),
    Decline(u128, u128, u32, u32),
    WriteOff(u128, bool),
    WriteOffFlight(u128),
    Close(u128),
    Resize(i64),
    Recall(u128, Option<u32>),
}

fn moves() -> impl Strategy<Value = Move> {
    let lease = || prop_oneof![1u128..4, 10u128..13];
    let flight = || 10u128..13;
    prop_oneof![
        (1u128..4, 1u8..8).prop_map(|(l, n)| Move::Grant(l, n)),
        lease().prop_map(Move::Accept),
        (lease(), 0u32..8).prop_map(|(l, u)| Move::Sell(l, u)),
        (lease(), 0u32..8).prop_map(|(l, u)| Move::Sell(l, u)),
        Just(Move::Uncovered),
        (1i64..4).prop_map(Move::Web),
        (1i64..4).prop_map(Move::Cancel),
        (lease(), 0u32..8, 1u32..5).prop_map(|(l, f, n)| Move::Return(l, f, n)),
        (lease(), 0u32..8, any::<bool>()).prop_map(|(l, u, b)| Move::Undo(l, u, b)),
        (flight(), lease(), 0u32..6, 1u32..4).prop_map(|(h, l, f, n)| Move::Give(h, l, f, n)),
        (flight(), lease(), 0u32..6, 1u32..4).prop_map(|(h, l, f, n)| Move::Take(h, l, f, n)),
        (flight(), lease(), 0u32..6, 1u32..4).prop_map(|(h, l, f, n)| Move::Decline(h, l, f, n)),
        (lease(), any::<bool>()).prop_map(|(l, s)| Move::WriteOff(l, s)),
        flight().prop_map(Move::WriteOffFlight),
        lease().prop_map(Move::Close),
        (0i64..30).prop_map(Move::Resize),
        (lease(), prop::option::of(0u32..8)).prop_map(|(l, k)| Move::Recall(l, k)),
    ]
}

fn station(n: u128) -> DeviceId {
    if n.is_multiple_of(2) { B } else { A }
}

/// Performs one; whether it may add to what is beyond size.
fn perform(ledger: &mut Ledger, of: &Move) -> bool {
    let holder = |ledger: &Ledger, n: u128| ledger.leases.get(&lease(n)).map_or(A, |l| l.holder);
    match *of {
        Move::Grant(n, units) => _ = ledger.grant(HALL, lease(n), station(n), u32::from(units)),
        Move::Accept(n) => _ = ledger.leases.get_mut(&lease(n)).map(LeaseAccount::accept),
        Move::Sell(n, unit) => {
            let holder = holder(ledger, n);
            let Ok((quota, account)) = ledger.lease(holder, lease(n)) else { return false };
            return matches!(account.sell(quota, unit), Sale::AfterWriteOff { .. });
        }
        Move::Uncovered => return ledger.quotas.get_mut(&HALL).unwrap().sell_uncovered(),
        Move::Web(n) => _ = ledger.quotas.get_mut(&HALL).unwrap().sell(n),
        Move::Cancel(n) => ledger.quotas.get_mut(&HALL).unwrap().unsell(n),
        Move::Return(n, from, units) => {
            let holder = holder(ledger, n);
            let Ok((quota, account)) = ledger.lease(holder, lease(n)) else { return false };
            account.give_back(quota, &UnitRange::of(from, units).into());
        }
        Move::Undo(n, unit, back) => {
            let holder = holder(ledger, n);
            let Ok((quota, account)) = ledger.lease(holder, lease(n)) else { return false };
            return account.undo_sale(quota, unit, back) == Undone::Back { beyond: true };
        }
        Move::Give(h, n, from, units) => _ = ledger.give(holder(ledger, n), lease(n), &offer(h, from, units, B)),
        Move::Take(h, n, from, units) => _ = ledger.take(holder(ledger, n), lease(n), &offer(h, from, units, B)),
        Move::Decline(h, n, from, units) => _ = ledger.decline(holder(ledger, n), lease(n), &offer(h, from, units, B)),
        Move::WriteOff(n, stolen) => {
            let holder = holder(ledger, n);
            let Ok((quota, account)) = ledger.lease(holder, lease(n)) else { return false };
            account.write_off(quota, if stolen { GivenUp::Stolen } else { GivenUp::Lost });
        }
        Move::WriteOffFlight(h) => {
            let hand_over = ledger.hand_overs.get_mut(&HandOverId(Uuid::from_u128(h)));
            let quota = ledger.quotas.get_mut(&HALL).unwrap();
            _ = hand_over.map(|h| h.write_off(quota, GivenUp::Lost));
        }
        Move::Close(n) => {
            let holder = holder(ledger, n);
            let Ok((quota, account)) = ledger.lease(holder, lease(n)) else { return false };
            account.close(quota);
        }
        Move::Resize(to) => _ = ledger.quotas.get_mut(&HALL).unwrap().resize(Some(to)),
        Move::Recall(n, keep) => _ = ledger.leases.get_mut(&lease(n)).map(|l| l.recall(keep)),
    }
    false
}

/// Whether doing it twice must be the same as doing it once: what a journal may bring again.
fn repeats(of: &Move) -> bool {
    !matches!(of, Move::Uncovered | Move::Web(_) | Move::Cancel(_))
}

/// Till A sells unit 5, undoes the sale in the house, and hands the unit over to B. B's entry is carried up first, when
/// of A only the sale is known.
#[test]
fn a_unit_handed_over_after_its_sale_was_undone_arrives_though_the_undoing_is_heard_of_last() {
    let given = offer(9, 5, 1, B);
    let mut ledger = hall(10, 6);
    let (quota, account) = ledger.lease(A, lease(1)).unwrap();
    account.sell(quota, 5);
    assert_eq!(ledger.take(A, lease(1), &given).unwrap().count(), 1, "by what is known it is sold");
    let mut sold_on = ledger.clone();
    for (books, sells) in [(&mut ledger, false), (&mut sold_on, true)] {
        if sells {
            let (quota, taken) = books.lease(B, lease(9)).unwrap();
            assert!(matches!(taken.sell(quota, 0), Sale::AfterWriteOff { .. }));
        }
        let (quota, account) = books.lease(A, lease(1)).unwrap();
        account.undo_sale(quota, 5, true);
        books.settle(lease(1));
        books.check().unwrap();
        assert!(!books.leases[&lease(1)].outstanding().contains(5));
        let q = books.quotas[&HALL];
        assert_eq!((q.sold, q.leased), if sells { (1, 5) } else { (0, 6) });
    }
    let (quota, taken) = ledger.lease(B, lease(9)).unwrap();
    assert_eq!(taken.sell(quota, 0), Sale::Covered);
    ledger.check().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn whatever_arrives_in_whatever_order_the_promise_holds_and_nothing_counts_twice(moves in prop::collection::vec(moves(), 1..60)) {
        let mut ledger = Ledger::default();
        ledger.quotas.insert(HALL, QuotaAccount::new(Some(20)));
        for one in &moves {
            let before = ledger.quotas[&HALL].excess;
            let may_exceed = perform(&mut ledger, one);
            prop_assert_eq!(ledger.check(), Ok(()), "after {:?}", one);
            prop_assert!(may_exceed || ledger.quotas[&HALL].excess <= before, "{:?} went beyond size silently", one);
            if repeats(one) {
                let once = ledger.clone();
                perform(&mut ledger, one);
                prop_assert_eq!(&ledger, &once, "twice {:?}", one);
            }
        }
    }
}
