use super::*;
use crate::{
    clock::UtcMillis,
    id::{EventId, OrderId, OrganizerId, RequestId, VoucherId},
    leases::{RightBody, RightRow, VoucherTerms},
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const VOUCHER: RightSubject = RightSubject::Voucher { voucher_id: VoucherId(1) };
const A: DeviceId = DeviceId(1);
const B: DeviceId = DeviceId(2);

fn right(n: u128) -> RightId {
    RightId(Uuid::from_u128(n))
}

fn order() -> RightSubject {
    RightSubject::Order { order_id: OrderId(Uuid::nil()) }
}

#[test]
fn what_may_happen_once_has_one_holder_and_ends_when_it_is_used() {
    let mut guarded = Guarded::default();
    let mut a = guarded.grant(right(1), A, VOUCHER).unwrap();
    assert_eq!(guarded.grant(right(2), B, VOUCHER), Err(NotGranted::Held(right(1))), "granted counts as held");
    a.take();
    assert_eq!(a.use_it(&mut guarded), Use::Rightly);
    assert_eq!((a.state, guarded.uses, guarded.holder), (RightState::Spent, 1, None));
    assert_eq!(guarded.grant(right(2), B, VOUCHER), Err(NotGranted::Spent));
    assert!(!a.release(&mut guarded), "what is spent is not given back");
    assert_eq!(a.use_it(&mut guarded), Use::Twice, "a copied station");
    assert_eq!((guarded.uses, guarded.excess), (2, 1));
    assert_eq!(guarded.check(&[a]), Ok(()));
}

#[test]
fn an_order_changes_more_than_once_while_it_has_a_holder() {
    let mut guarded = Guarded::default();
    let mut a = guarded.grant(right(1), A, order()).unwrap();
    a.take();
    assert_eq!(a.use_it(&mut guarded), Use::Rightly);
    assert_eq!(a.use_it(&mut guarded), Use::Rightly, "paid, then given back");
    assert!(a.release(&mut guarded));
    assert_eq!(a.use_it(&mut guarded), Use::NotHeld);
    assert!(guarded.grant(right(2), B, order()).is_ok());
}

#[test]
fn a_holder_that_was_given_up_is_honoured_and_what_happens_twice_is_counted() {
    for (how, state) in [(GivenUp::Lost, RightState::Lost), (GivenUp::Stolen, RightState::Stolen)] {
        let mut guarded = Guarded::default();
        let mut a = guarded.grant(right(1), A, VOUCHER).unwrap();
        assert!(a.write_off(&mut guarded, how));
        assert!(!a.write_off(&mut guarded, how), "once");
        a.take();
        assert_eq!(a.state, state, "word of it that comes late gives nothing back");
        let mut alone = (a.clone(), guarded.clone());
        assert_eq!(alone.0.use_it(&mut alone.1), Use::AfterWriteOff { first: true });
        assert_eq!(alone.1.uses, 1);

        let mut b = guarded.grant(right(2), B, VOUCHER).unwrap();
        assert!(!a.release(&mut guarded), "it does not come back a second time");
        assert_eq!(guarded.holder, Some(right(2)));
        assert_eq!(b.use_it(&mut guarded), Use::Rightly);
        assert_eq!(a.use_it(&mut guarded), Use::Twice);
        assert_eq!(guarded.check(&[a, b]), Ok(()));
    }
}

#[test]
fn a_use_that_is_undone_may_happen_again() {
    let mut guarded = Guarded::default();
    let mut a = guarded.grant(right(1), A, VOUCHER).unwrap();
    a.use_it(&mut guarded);
    guarded.undo();
    assert_eq!((guarded.uses, guarded.excess), (0, 0));
    assert!(guarded.grant(right(2), B, VOUCHER).is_ok());
    assert_eq!(guarded.use_without(VOUCHER), Use::NotHeld);
    assert_eq!(guarded.use_without(VOUCHER), Use::Twice);
    guarded.undo();
    assert_eq!((guarded.uses, guarded.excess), (1, 0));
}

#[test]
fn a_right_that_was_lost_with_the_servers_last_hours_is_in_force_again_unless_another_has_it() {
    let mut guarded = Guarded::default();
    let a = guarded.restore(right(1), A, VOUCHER);
    assert_eq!((a.state, guarded.holder), (RightState::Granted, Some(right(1))));
    let b = guarded.restore(right(2), B, VOUCHER);
    assert_eq!((b.state, guarded.holder), (RightState::Lost, Some(right(1))));
    assert_eq!(guarded.check(&[a, b]), Ok(()));
}

#[test]
fn every_state_has_its_word_and_only_the_first_two_are_in_force() {
    let words: std::collections::BTreeSet<_> = RightState::ALL.iter().map(|s| s.word()).collect();
    assert_eq!(words.len(), RightState::ALL.len());
    for state in RightState::ALL {
        assert_eq!(state.in_force(), state.told() == LeaseState::Open, "{state:?}");
    }
}

fn body(home: bool) -> RightBody {
    let effect = crate::catalog::VoucherEffect::PercentOff { percent_bp: 5000 };
    RightBody {
        right_id: right(1),
        request_id: RequestId(Uuid::nil()),
        organizer_id: OrganizerId(1),
        event_id: EventId(1),
        station: A,
        subject: VOUCHER,
        code: "SPRING".into(),
        voucher: Some(VoucherTerms { item_id: None, effect, home }),
        order: None,
        granted_at: UtcMillis(0),
    }
}

fn row(state: LeaseState, recalled: bool) -> RightRow {
    RightRow { right_id: right(1), event_id: EventId(1), device_id: A, subject: VOUCHER, state, recalled, version: 2 }
}

#[test]
fn a_station_uses_a_right_once_and_not_after_the_server_took_it_away() {
    let mut held = HeldRight::granted(&body(true), UtcMillis(0));
    held.told(&row(LeaseState::Open, true));
    assert_eq!(held.use_it(), Ok(()), "a recall does not forbid what is done before it is followed");
    assert_eq!(held.use_it(), Err(CannotUse::Over));
    let mut held = HeldRight::granted(&body(true), UtcMillis(0));
    for state in [LeaseState::Closed, LeaseState::Lost, LeaseState::Stolen] {
        held.told(&row(state, false));
        assert_eq!(held.use_it(), Err(CannotUse::TakenAway));
    }
}

#[test]
fn using_one_of_two_rights_to_the_same_thing_ends_both() {
    let older = HeldRight::granted(&body(true), UtcMillis(0));
    let newer = HeldRight { right_id: right(2), ..older.clone() };
    let mut held = vec![older, newer];
    assert_eq!(HeldRight::use_one(&mut held, VOUCHER), Ok(right(2)));
    assert_eq!(HeldRight::use_one(&mut held, VOUCHER), Err(CannotUse::Over));
    assert_eq!(HeldRight::use_one(&mut held, order()), Err(CannotUse::Over), "there is none");
}

#[test]
fn a_right_goes_back_when_it_is_recalled_or_idle_unless_this_is_its_home() {
    let table = [
        (true, false, IDLE, false),
        (true, true, 0, true),
        (false, false, IDLE - 1, false),
        (false, false, IDLE, true),
        (false, true, 0, true),
    ];
    for (home, recalled, now, back) in table {
        let mut held = HeldRight::granted(&body(home), UtcMillis(0));
        held.told(&row(LeaseState::Open, recalled));
        assert_eq!(held.is_due_back(None, UtcMillis(now)), back, "home {home}, recalled {recalled}, after {now}");
    }
    let held = HeldRight::granted(&body(false), UtcMillis(0));
    assert!(!held.is_due_back(Some(UtcMillis(5)), UtcMillis(IDLE)), "it was used a moment ago");
}

const IDLE: i64 = IDLE_MS;

#[derive(Debug, Clone)]
enum Act {
    Grant(i64),
    /// The answer reaches the station; the next one may be a repetition.
    Deliver(usize),
    /// The station's word that it took the right reaches the server.
    Word(usize),
    Use(usize),
    Release(usize),
    Recall(usize),
    WriteOff(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let of = 0usize..6;
    let act = prop_oneof![
        3 => (1i64..4).prop_map(Act::Grant),
        4 => of.clone().prop_map(Act::Deliver),
        2 => of.clone().prop_map(Act::Word),
        4 => of.clone().prop_map(Act::Use),
        2 => of.clone().prop_map(Act::Release),
        1 => of.clone().prop_map(Act::Recall),
        1 => of.prop_map(Act::WriteOff),
    ];
    prop::collection::vec(act, 1..60)
}

proptest! {
    /// Stations that follow their rule, answers and words that are lost, late or doubled: what may happen once happens
    /// once, but for holders a person gave up, and each of those is counted.
    #[test]
    fn nothing_happens_twice_but_by_a_write_off_and_then_it_is_counted(acts in acts()) {
        let mut guarded = Guarded::default();
        let mut rights: Vec<RightAccount> = Vec::new();
        let mut at_stations: BTreeMap<RightId, HeldRight> = BTreeMap::new();
        let (mut happened, mut written_off) = (0, 0);
        for act in acts {
            match act {
                Act::Grant(to) => {
                    let id = right(rights.len() as u128 + 10);
                    if let Ok(granted) = guarded.grant(id, DeviceId(to), VOUCHER) {
                        prop_assert!(happened == 0 || written_off > 0, "granted after it happened");
                        rights.push(granted);
                    }
                }
                Act::Deliver(n) => if let Some(of) = rights.get(n) {
                    // The same grant again is the same right: it does not begin anew.
                    let body = RightBody { right_id: of.right_id, station: of.holder, ..body(false) };
                    at_stations.entry(of.right_id).or_insert_with(|| HeldRight::granted(&body, UtcMillis(0)));
                },
                Act::Word(n) => if let Some(of) = rights.get_mut(n) && at_stations.contains_key(&of.right_id) {
                    of.take();
                },
                Act::Use(n) => if let Some(of) = rights.get_mut(n)
                    && let Some(held) = at_stations.get_mut(&of.right_id)
                    && held.use_it().is_ok() {
                    happened += 1;
                    let came = of.use_it(&mut guarded);
                    prop_assert_eq!(came == Use::Twice, happened > 1);
                    prop_assert!(came != Use::NotHeld, "an honest holder was taken for a stranger");
                },
                Act::Release(n) => if let Some(of) = rights.get_mut(n)
                    && let Some(held) = at_stations.get_mut(&of.right_id)
                    && held.may_use().is_ok() {
                    held.over = true;
                    of.release(&mut guarded);
                },
                Act::Recall(n) => if let Some(of) = rights.get_mut(n) { of.recall(); },
                Act::WriteOff(n) => if let Some(of) = rights.get_mut(n) {
                    written_off += i32::from(of.write_off(&mut guarded, GivenUp::Lost));
                },
            }
            prop_assert_eq!(guarded.check(&rights), Ok(()));
            prop_assert_eq!(guarded.uses, happened);
            prop_assert!(happened <= 1 || written_off > 0, "it happened {} times, and nobody was given up", happened);
            prop_assert_eq!(guarded.excess, happened.saturating_sub(1));
        }
    }
}
