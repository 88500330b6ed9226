//! Tables of what is a double and what is none, and what holds for any set of scans in any order.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

const ONCE: Allowed = Allowed { multiple_entries: false, entry_after_exit: false };
const AGAIN: Allowed = Allowed { multiple_entries: false, entry_after_exit: true };
const OFTEN: Allowed = Allowed { multiple_entries: true, entry_after_exit: true };

fn saw(station: i64, seq: u64) -> SawRef {
    SawRef { station: DeviceId(station), incarnation: 1, seq }
}

fn used(direction: Direction, station: i64, seq: u64, at: i64, uncertainty_ms: i64) -> Use {
    Use {
        scan_id: ScanId(Uuid::from_u64_pair(station.unsigned_abs(), seq)),
        entry: saw(station, seq),
        saw: Vec::new(),
        direction,
        at: UtcMillis(at),
        uncertainty_ms,
        undone: false,
    }
}

fn entry(station: i64, seq: u64, at: i64) -> Use {
    used(Direction::Entry, station, seq, at, 10)
}

fn exit(station: i64, seq: u64, at: i64) -> Use {
    used(Direction::Exit, station, seq, at, 10)
}

fn knowing(mut one: Use, others: &[&Use]) -> Use {
    one.saw = others.iter().map(|other| other.entry).collect();
    one
}

/// Stations of each double, and how sure it is.
fn found(uses: &[Use], allowed: Allowed) -> Vec<(Vec<i64>, Certainty)> {
    let station = |id: &ScanId| uses.iter().find(|u| u.scan_id == *id).map_or(0, |u| u.entry.station.0);
    let doubles = doubles(uses, allowed, &Splits::new());
    doubles.iter().map(|d| (d.scans.iter().map(station).collect(), d.certainty)).collect()
}

#[test]
fn two_entries_that_did_not_know_each_other_are_a_double_and_knowing_one_is_none() {
    let (a, b) = (entry(1, 5, 0), entry(2, 5, 1_000));
    let known = knowing(b.clone(), &[&a]);
    let later = SawRef { seq: 9, ..a.entry };
    let later = Use { saw: vec![later], ..b.clone() };
    let earlier = Use { saw: vec![SawRef { seq: 4, ..a.entry }], ..b.clone() };
    let table: [(&str, Vec<Use>, usize); 6] = [
        ("strangers", vec![a.clone(), b.clone()], 1),
        ("one knew the other", vec![a.clone(), known], 0),
        ("one knew a later entry of the other's journal", vec![a.clone(), later], 0),
        ("one knew only an earlier entry", vec![a.clone(), earlier], 1),
        ("the same journal", vec![a.clone(), entry(1, 6, 1_000)], 0),
        ("alone", vec![a], 0),
    ];
    for (what, uses, doubles) in table {
        assert_eq!(found(&uses, ONCE).len(), doubles, "{what}");
        assert_eq!(found(&uses, OFTEN), [], "{what}, on a list that lets people in as often as they like");
    }
}

#[test]
fn without_exits_a_double_is_certain_whichever_was_first() {
    let uses = [entry(2, 1, 5), entry(1, 1, 0), used(Direction::Entry, 3, 1, 7, -1)];
    assert_eq!(found(&uses, ONCE), [(vec![1, 2, 3], Certainty::Certain)]);
}

#[test]
fn an_exit_parts_two_entries_where_the_list_lets_people_in_again() {
    let (a, b) = (entry(1, 1, 0), entry(3, 1, 2_000));
    let x = exit(2, 1, 1_000);
    let vague = used(Direction::Exit, 2, 1, 1_000, 5_000);
    let unmeasured = used(Direction::Exit, 2, 1, 1_000, -1);
    let after = exit(2, 1, 3_000);
    let caused = knowing(used(Direction::Exit, 2, 1, 900_000, 10), &[&a]);
    let b_after_caused = knowing(b.clone(), &[&caused]);
    let undone = Use { undone: true, ..x.clone() };
    let certain = vec![(vec![1, 3], Certainty::Certain)];
    let possible = vec![(vec![1, 3], Certainty::Possible)];
    type Listed = Vec<(Vec<i64>, Certainty)>;
    let table: [(&str, Vec<Use>, Listed); 7] = [
        ("between by the clocks", vec![a.clone(), x.clone(), b.clone()], vec![]),
        ("perhaps between", vec![a.clone(), vague, b.clone()], possible.clone()),
        ("a clock nobody compared", vec![a.clone(), unmeasured, b.clone()], possible),
        ("after both", vec![a.clone(), after, b.clone()], certain.clone()),
        ("undone", vec![a.clone(), undone, b.clone()], certain.clone()),
        ("between by what came of what, whatever its clock says", vec![a.clone(), caused, b_after_caused], vec![]),
        ("none", vec![a.clone(), b.clone()], certain.clone()),
    ];
    for (what, uses, doubles) in table {
        assert_eq!(found(&uses, AGAIN), doubles, "{what}");
    }
    assert_eq!(found(&[a, x, b], ONCE), certain, "a list that lets nobody in again");
}

#[test]
fn one_vague_exit_parts_two_entries_and_not_three() {
    let vague = used(Direction::Exit, 9, 1, 0, -1);
    let two = [entry(1, 1, 0), entry(2, 1, 1), vague.clone()];
    assert_eq!(found(&two, AGAIN), [(vec![1, 2], Certainty::Possible)]);
    let three = [entry(1, 1, 0), entry(2, 1, 1), entry(3, 1, 2), vague.clone()];
    assert_eq!(found(&three, AGAIN), [(vec![1, 2, 3], Certainty::Certain)]);
    let four = [entry(1, 1, 0), entry(2, 1, 1), entry(3, 1, 2), vague, used(Direction::Exit, 8, 1, 0, -1)];
    assert_eq!(found(&four, AGAIN), [(vec![1, 2, 3], Certainty::Possible)]);
}

#[test]
fn what_was_before_a_known_exit_and_what_was_after_it_are_two_doubles() {
    let (a, b) = (entry(1, 1, 0), entry(2, 1, 1));
    let x = knowing(exit(3, 1, 500), &[&a, &b]);
    let (c, d) = (knowing(entry(1, 7, 900), &[&x]), knowing(entry(2, 7, 901), &[&x]));
    let certain = |stations| (stations, Certainty::Certain);
    assert_eq!(found(&[d, a, x, c, b], AGAIN), [certain(vec![1, 2]), certain(vec![1, 2])]);
}

#[test]
fn an_undone_half_stays_and_counts_no_more() {
    let (a, b) = (Use { undone: true, ..entry(1, 1, 0) }, entry(2, 1, 1_000));
    assert_eq!(found(&[a.clone(), b.clone()], ONCE), [(vec![1, 2], Certainty::Certain)]);
    let of = [a, b];
    let now = state(&of, &Splits::new());
    assert_eq!(now.first_entry.map(|u| u.entry.station.0), Some(2));
}

#[test]
fn behind_a_split_a_number_says_nothing_of_what_was_known() {
    let (a, b) = (entry(1, 5, 0), entry(1, 6, 1_000));
    let c = knowing(entry(2, 1, 2_000), &[&b]);
    let uses = [a, b, c];
    assert_eq!(doubles(&uses, ONCE, &Splits::new()), []);
    let at = |split| Splits::from([((DeviceId(1), 1), split)]);
    assert_eq!(doubles(&uses, ONCE, &at(7)), []);
    assert_eq!(doubles(&uses, ONCE, &at(6))[0].scans.len(), 2, "6 may be either of two");
    assert_eq!(doubles(&uses, ONCE, &at(5))[0].scans.len(), 3, "so may 5");
}

#[test]
fn clocks_that_contradict_what_came_of_what_say_nothing() {
    // The clocks say: b before c before a; but b came of a.
    let a = entry(1, 1, 2_000);
    let b = knowing(entry(2, 1, 0), &[&a]);
    let c = exit(3, 1, 1_000);
    assert_eq!(found(&[a.clone(), b, c], AGAIN), [], "b knew a");
    let d = entry(4, 1, 1_500);
    let x = knowing(exit(5, 1, 0), &[&a]);
    assert_eq!(found(&[a, x, d], AGAIN), [(vec![4, 1], Certainty::Possible)]);
}

#[test]
fn who_claim_to_have_known_each_other_are_not_believed() {
    let (a, b) = (entry(1, 1, 0), entry(2, 1, 5));
    let uses = [knowing(a.clone(), &[&b]), knowing(b, &[&a])];
    assert_eq!(found(&uses, ONCE), [(vec![1, 2], Certainty::Certain)]);
}

#[test]
fn the_state_follows_what_came_of_what_before_clocks() {
    let a = entry(1, 1, 90_000_000);
    let x = knowing(exit(2, 1, 1_000), &[&a]);
    let uses = [a, x];
    let now = state(&uses, &Splits::new());
    assert!(now.outside && !now.inside, "the entry's clock was a day ahead");
    assert!(now.admits(AGAIN) && !now.admits(ONCE) && now.admits(OFTEN));
    assert!(state(&[], &Splits::new()).admits(ONCE));
}

#[test]
fn very_many_uses_are_judged_in_bounded_time() {
    let exits = (0..40).map(|n| used(Direction::Exit, 100 + n, 1, 0, -1));
    let uses: Vec<Use> = (0..41).map(|n| used(Direction::Entry, n, 1, 0, -1)).chain(exits).collect();
    assert_eq!(found(&uses, AGAIN).len(), 1);
}

/// What truly happened: scans at true times at a few stations; each knows some of what was before it.
#[derive(Debug, Clone)]
struct Truth {
    uses: Vec<Use>,
    times: Vec<i64>,
}

fn truth() -> impl Strategy<Value = Truth> {
    let one = (1_i64..5, 0_i64..2_000, any::<bool>(), 0_i64..400, any::<u16>(), prop::bool::weighted(0.1));
    proptest::collection::vec(one, 1..8).prop_map(|mut all| {
        all.sort_by_key(|(_, time, ..)| *time);
        let (mut uses, mut times): (Vec<Use>, Vec<i64>) = (Vec::new(), Vec::new());
        for (nth, (station, time, leaves, wide, knows, undone)) in all.into_iter().enumerate() {
            let direction = if leaves { Direction::Exit } else { Direction::Entry };
            let seq = nth as u64 + 1;
            // Off by less than it admits.
            let off = i64::from(knows) % (wide + 1);
            let mut one = used(direction, station, seq, time + off, wide);
            let bit = |other: usize| knows & (1 << other) != 0;
            one.saw = (0..nth).filter(|other| bit(*other)).map(|other| uses[other].entry).collect();
            one.undone = undone;
            uses.push(one);
            times.push(time);
        }
        Truth { uses, times }
    })
}

fn listed(doubles: &[Double]) -> std::collections::BTreeSet<ScanId> {
    doubles.iter().flat_map(|d| d.scans.iter().copied()).collect()
}

proptest! {
    #[test]
    fn the_answer_does_not_depend_on_the_order_of_arrival(of in truth(), seed in any::<u64>(), allowed in 0_u8..2) {
        let allowed = [ONCE, AGAIN][usize::from(allowed)];
        let mut shuffled = of.uses.clone();
        let mut chance = seed;
        for at in (1..shuffled.len()).rev() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (chance >> 33) as usize % (at + 1));
        }
        prop_assert_eq!(
            doubles(&of.uses, allowed, &Splits::new()),
            doubles(&shuffled, allowed, &Splits::new())
        );
        let (one, other) = (state(&of.uses, &Splits::new()), state(&shuffled, &Splits::new()));
        prop_assert_eq!(one, other);
    }

    /// To hear that somebody knew of another takes a pair away and adds none.
    #[test]
    fn knowing_more_of_what_came_of_what_only_narrows(of in truth(), who in any::<prop::sample::Index>(),
                                                      whom in any::<prop::sample::Index>(), allowed in 0_u8..2) {
        let allowed = [ONCE, AGAIN][usize::from(allowed)];
        let (who, whom) = (who.index(of.uses.len()), whom.index(of.uses.len()));
        prop_assume!(whom < who);
        let before = doubles(&of.uses, allowed, &Splits::new());
        let mut more = of.uses.clone();
        let news = more[whom].entry;
        more[who].saw.push(news);
        let after = doubles(&more, allowed, &Splits::new());
        prop_assert!(listed(&after).is_subset(&listed(&before)), "{:?} of {:?}", after, before);
    }

    /// A clock that is known better makes the possible certain or impossible, never the other way.
    #[test]
    fn knowing_a_clock_better_only_narrows(of in truth(), which in any::<prop::sample::Index>(),
                                           to in 0_i64..400, allowed in 0_u8..2) {
        let allowed = [ONCE, AGAIN][usize::from(allowed)];
        let which = which.index(of.uses.len());
        let before = doubles(&of.uses, allowed, &Splits::new());
        let mut better = of.uses.clone();
        let (from, until) = better[which].span();
        let (from, until) = (from.max(of.times[which] - to), until.min(of.times[which] + to));
        // A span within the old one that holds the true time.
        better[which].at = UtcMillis(i64::midpoint(from, until));
        better[which].uncertainty_ms = (until - from) / 2 + (until - from) % 2;
        prop_assume!(better[which].span().0 >= of.uses[which].span().0 && better[which].span().1 <= of.uses[which].span().1);
        let after = doubles(&better, allowed, &Splits::new());
        prop_assert!(listed(&after).is_subset(&listed(&before)), "{:?} of {:?}", after, before);
        if before.iter().any(|d| d.certainty == Certainty::Certain) {
            prop_assert!(!after.is_empty(), "what was certain is gone");
        }
    }

    /// What truly happened is one of the possible orders: whoever entered once too often, unknown to the gate, is listed;
    /// and what is certain did happen.
    #[test]
    fn what_truly_happened_is_among_the_possible_and_the_certain_did_happen(of in truth(), allowed in 0_u8..2) {
        let allowed = [ONCE, AGAIN][usize::from(allowed)];
        let doubles = doubles(&of.uses, allowed, &Splits::new());
        let mut happened = Vec::new();
        for (nth, later) in of.uses.iter().enumerate().filter(|(_, u)| u.direction == Direction::Entry) {
            for (before, earlier) in of.uses[..nth].iter().enumerate().filter(|(_, u)| u.direction == Direction::Entry) {
                let left = of.uses[before + 1..nth].iter().any(|u| u.direction == Direction::Exit && !u.undone);
                let parted = allowed.entry_after_exit && left;
                if !parted && !knew(later, earlier, &Splits::new()) {
                    happened.push((earlier.scan_id, later.scan_id));
                }
            }
        }
        for (one, other) in &happened {
            let both = doubles.iter().any(|d| d.scans.contains(one) && d.scans.contains(other));
            prop_assert!(both, "{one} and {other} are not listed together");
        }
        for double in doubles.iter().filter(|d| d.certainty == Certainty::Certain) {
            let did = happened.iter().any(|(one, other)| double.scans.contains(one) && double.scans.contains(other));
            prop_assert!(did, "{:?} is certain and did not happen", double.scans);
        }
    }
}
