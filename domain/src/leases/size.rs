//! How much to lend and how much to ask back: enough for the planned outage, fair between tills and web, never all.

use crate::id::LeaseId;
use std::collections::BTreeMap;

/// Units of a quota that were sold in the last hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// By the station that asks.
    pub mine: u32,
    /// By all stations, this one included.
    pub stations: u32,
    /// On the web and by the office.
    pub web: u32,
}

/// Most that may be with stations at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Units one station may hold unsold; `None` is its part of what all may hold.
    pub one: Option<u32>,
    /// What all stations together may hold unsold, in percent of the size, 0 to 100.
    pub all_percent: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { one: None, all_percent: 50 }
    }
}

/// Inputs of the size of one grant; all in units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantSize {
    /// What the station asks for.
    pub wanted: u32,
    /// Units nobody holds; `None` is an unlimited quota.
    pub free: Option<i64>,
    /// Size of the quota; `None` is unlimited.
    pub size: Option<i64>,
    /// What this station already holds unsold.
    pub held: u32,
    /// What all stations hold unsold, this one included, and what is on its way between them.
    pub held_by_all: u32,
    /// Stations that may sell of this quota, this one included; at least 1.
    pub tills: u32,
    pub rates: Rates,
    pub caps: Caps,
}

/// Most units one station may hold unsold of an unlimited quota.
const UNLIMITED_CAP: i64 = 500;
/// Units a station is lent of a quota of which it sold none, where there are that many.
const LEAST_TARGET: u32 = 10;

impl GrantSize {
    /// Units to grant, 0 to `wanted`. What is free is shared by what everybody sold in the last hour, each till counted
    /// as one sale more than it made and the web as one more for each till: with nothing sold yet half of it stays for
    /// the web. So one till never starves the others; the last units go one station after the other.
    #[must_use]
    pub fn units(&self) -> u32 {
        let tills = i64::from(self.tills.max(1));
        let all = self.size.map(|size| (size.saturating_mul(i64::from(self.caps.all_percent.min(100))) / 100).max(1));
        let one = self.caps.one.map_or_else(|| all.map_or(UNLIMITED_CAP, |all| (all / tills).max(1)), i64::from);
        let room = one.saturating_sub(i64::from(self.held));
        let room_of_all = all.map_or(i64::MAX, |all| all.saturating_sub(i64::from(self.held_by_all)));
        let share = self.free.map_or(i64::MAX, |free| self.share(free, tills));
        u32::try_from(i64::from(self.wanted).min(room).min(room_of_all).min(share).max(0)).unwrap_or(0)
    }

    fn share(&self, free: i64, tills: i64) -> i64 {
        if free <= 0 {
            return 0;
        }
        let stations = i64::from(self.rates.stations.max(self.rates.mine)) + tills;
        let web = i64::from(self.rates.web) + tills;
        (free.saturating_mul(i64::from(self.rates.mine) + 1) / (stations + web)).max(1)
    }
}

/// What is sold in an outage of so many minutes at the rate of the last hour.
#[must_use]
pub fn expected(sold_last_hour: u32, planned_outage_min: u32) -> u32 {
    let units = (u64::from(sold_last_hour) * u64::from(planned_outage_min)).div_ceil(60);
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// What a station wants to hold: its sales rate over the planned outage, at least ten.
#[must_use]
pub fn target(sold_last_hour: u32, planned_outage_min: u32) -> u32 {
    expected(sold_last_hour, planned_outage_min).clamp(LEAST_TARGET, 10_000)
}

/// Most units of one request for units.
pub const ASKED_MAX: u32 = 10_000;

/// What a station asks for to be lent `units`: stations ask as for an hour, and the server lends what [`expected`] makes
/// of that. At least 1 and at most [`ASKED_MAX`], 0 for 0 units.
#[must_use]
pub fn asked_for(units: u32, planned_outage_min: u32) -> u32 {
    if units == 0 {
        return 0;
    }
    let hour = u64::from(units) * 60 / u64::from(planned_outage_min.max(1));
    u32::try_from(hour).unwrap_or(u32::MAX).clamp(1, ASKED_MAX)
}

/// What a station returns by itself because it has lain idle: what it holds beyond twice its target, down to the target,
/// so that it does not ask for the same units again at once. 0 when nothing.
#[must_use]
pub fn idle(held: u32, target: u32) -> u32 {
    if held > target.saturating_mul(2) { held - target } else { 0 }
}

/// What each of these leases (with what is outstanding of it) should keep so that at least `wanted` units come back, in
/// proportion to what it holds. All of them where `wanted` is more than is out.
#[must_use]
pub fn recalled(open: impl IntoIterator<Item = (LeaseId, u32)>, wanted: i64) -> BTreeMap<LeaseId, u32> {
    let open: Vec<(LeaseId, u32)> = open.into_iter().collect();
    let out: u64 = open.iter().map(|(_, n)| u64::from(*n)).sum();
    let stay = out.saturating_sub(u64::try_from(wanted).unwrap_or(0));
    let keep = |n: u32| u32::try_from(u64::from(n) * stay / out.max(1)).unwrap_or(n);
    open.into_iter().map(|(lease, n)| (lease, keep(n))).collect()
}

/// One station's units of a quota, when somebody else has run out of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spare {
    /// Its leases with what stays of each when it has done what it was asked before, the newest last.
    pub leases: Vec<(LeaseId, u32)>,
    /// What it is expected to sell in the planned outage.
    pub expected: u32,
    /// Units it was asked for before and has not given back yet.
    pub coming: u32,
    /// It was heard of a moment ago: what it is asked for comes at once. What a silent one is asked for may never come.
    pub live: bool,
}

impl Spare {
    fn units(&self) -> u32 {
        let held: u32 = self.leases.iter().map(|(_, n)| *n).sum();
        held.saturating_sub(self.expected.max(1))
    }
}

/// Which leases should shrink, and to what, so that up to `wanted` units come back from stations that do not need them:
/// each keeps what it is expected to sell, at least one. Newest leases give first. Leases not named keep all they have.
/// Nobody waits for a silent station: it is asked only for what the live ones cannot spare, and nothing it was asked for
/// counts as coming before that.
#[must_use]
pub fn spared(stations: &[Spare], wanted: u32) -> BTreeMap<LeaseId, u32> {
    let (live, silent): (Vec<&Spare>, Vec<&Spare>) = stations.iter().partition(|s| s.live);
    let coming = |of: &[&Spare]| of.iter().map(|s| s.coming).fold(0, u32::saturating_add);
    let lacking = wanted.saturating_sub(coming(&live));
    let (mut keeps, given) = shared(&live, lacking);
    let lacking = lacking.saturating_sub(given).saturating_sub(coming(&silent));
    keeps.extend(shared(&silent, lacking).0);
    keeps
}

/// Each gives its part of `wanted`, in proportion to what it can spare; answers what they keep, and how much they give.
fn shared(stations: &[&Spare], wanted: u32) -> (BTreeMap<LeaseId, u32>, u32) {
    let all: u64 = stations.iter().map(|s| u64::from(s.units())).sum();
    let mut out = BTreeMap::new();
    let mut given = 0_u32;
    for station in stations {
        let part = (u64::from(station.units()) * u64::from(wanted)).div_ceil(all.max(1));
        let mut give = u32::try_from(part).unwrap_or(u32::MAX).min(station.units());
        given = given.saturating_add(give);
        for (lease, units) in station.leases.iter().rev() {
            let gone = give.min(*units);
            if gone > 0 {
                out.insert(*lease, units - gone);
                give -= gone;
            }
        }
    }
    (out, given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn lease(n: u128) -> LeaseId {
        LeaseId(Uuid::from_u128(n))
    }

    const SIZE: GrantSize = GrantSize {
        wanted: 100,
        free: Some(100),
        size: Some(100),
        held: 0,
        held_by_all: 0,
        tills: 1,
        rates: Rates { mine: 0, stations: 0, web: 0 },
        caps: Caps { one: None, all_percent: 50 },
    };

    #[test]
    fn one_till_never_gets_all_and_the_last_unit_is_still_lent() {
        assert_eq!(SIZE.units(), 50);
        assert_eq!(GrantSize { tills: 5, ..SIZE }.units(), 10);
        assert_eq!(GrantSize { free: Some(1), ..SIZE }.units(), 1);
        assert_eq!(GrantSize { free: Some(0), ..SIZE }.units(), 0);
        assert_eq!(GrantSize { held: 50, held_by_all: 50, ..SIZE }.units(), 0, "the cap is reached");
        assert_eq!(GrantSize { free: None, size: None, wanted: 900, ..SIZE }.units(), 500);
    }

    #[test]
    fn who_sells_more_is_lent_more_and_a_busy_web_is_left_more() {
        let two = GrantSize { tills: 2, caps: Caps { one: Some(100), all_percent: 100 }, ..SIZE };
        let busy = Rates { mine: 50, stations: 52, web: 0 };
        let quiet = Rates { mine: 2, stations: 52, web: 0 };
        assert_eq!(GrantSize { rates: busy, ..two }.units(), 91);
        assert_eq!(GrantSize { rates: quiet, ..two }.units(), 5);
        assert_eq!(GrantSize { rates: Rates { web: 200, ..busy }, ..two }.units(), 19);
    }

    #[test]
    fn caps_bound_one_station_and_all_of_them() {
        let capped = GrantSize { caps: Caps { one: Some(20), all_percent: 50 }, ..SIZE };
        assert_eq!(capped.units(), 20);
        assert_eq!(GrantSize { held: 15, held_by_all: 15, ..capped }.units(), 5);
        assert_eq!(GrantSize { held_by_all: 45, ..capped }.units(), 5, "others hold the rest");
        assert_eq!(GrantSize { held_by_all: 80, ..capped }.units(), 0);
    }

    #[test]
    fn a_station_wants_its_sales_of_an_outage_and_returns_what_lies_idle() {
        assert_eq!((target(0, 60), target(30, 60), target(30, 120), target(31, 90)), (10, 30, 60, 47));
        assert_eq!((idle(20, 10), idle(21, 10), idle(0, 10)), (0, 11, 0));
    }

    #[test]
    fn what_is_asked_for_as_for_an_hour_comes_to_what_is_wanted() {
        assert_eq!((asked_for(6, 60), asked_for(60, 120), asked_for(10, 10)), (6, 30, 60));
        assert_eq!((asked_for(1, 120), asked_for(0, 120), asked_for(9_000, 10)), (1, 0, ASKED_MAX));
        for (units, outage) in [(47, 90), (1_000, 45), (7, 10), (9, 120), (10, 60)] {
            let lent = expected(asked_for(units, outage), outage);
            assert!(lent <= units && units - lent <= 1, "{lent} for {units} in {outage} minutes");
        }
    }

    #[test]
    fn idle_stations_give_to_who_has_run_out_and_keep_what_they_sell() {
        let idle = Spare { leases: vec![(lease(1), 5), (lease(2), 25)], expected: 0, coming: 0, live: true };
        let busy = Spare { leases: vec![(lease(3), 30)], expected: 40, coming: 0, live: true };
        assert_eq!(spared(&[idle.clone(), busy.clone()], 10), [(lease(2), 15)].into());
        assert_eq!(spared(&[idle, busy], 500), [(lease(1), 1), (lease(2), 0)].into(), "one stays");
    }

    #[test]
    fn what_a_silent_station_was_asked_for_is_not_on_its_way() {
        let station = |n, units, coming, live| Spare { leases: vec![(lease(n), units)], expected: 0, coming, live };
        // The silent one was asked for all it can spare, and the one that is there has never been asked.
        let (silent, live) = (station(1, 1, 19, false), station(2, 20, 0, true));
        assert_eq!(spared(&[silent, live], 10), [(lease(2), 10)].into());
        let (silent, live) = (station(1, 20, 0, false), station(2, 20, 0, true));
        assert_eq!(
            spared(&[silent.clone(), live.clone()], 10),
            [(lease(2), 10)].into(),
            "the live one alone is enough"
        );
        let both = spared(&[silent.clone(), live], 30);
        assert_eq!(both, [(lease(1), 9), (lease(2), 1)].into(), "the silent one is asked for the rest");
        let (asked, given) = (station(1, 9, 11, false), station(2, 1, 19, true));
        assert_eq!(spared(&[asked, given], 30), BTreeMap::new(), "asked once");
        let given = station(2, 20, 10, true);
        assert_eq!(spared(&[silent, given], 10), BTreeMap::new(), "what the live one was asked for is coming");
    }

    proptest! {
        #[test]
        fn no_grant_exceeds_what_is_free_or_wanted(
            wanted: u16, free in -5i64..5000, held: u16, all: u16, tills: u8, more in 0i64..100,
            rates in (0u32..500, 0u32..500, 0u32..500), one in prop::option::of(0u32..500), percent in 0u32..120,
        ) {
            let size = GrantSize {
                wanted: u32::from(wanted), free: Some(free), size: Some(free.max(0) + more), held: u32::from(held),
                held_by_all: u32::from(all), tills: u32::from(tills),
                rates: Rates { mine: rates.0, stations: rates.1, web: rates.2 }, caps: Caps { one, all_percent: percent },
            };
            prop_assert!(i64::from(size.units()) <= free.max(0));
            prop_assert!(size.units() <= u32::from(wanted));
        }

        #[test]
        fn a_recall_brings_back_at_least_what_is_wanted_and_takes_no_more_than_a_lease_has(
            out in prop::collection::vec(0u32..200, 0..8), wanted in 0i64..900,
        ) {
            let open: Vec<_> = out.iter().enumerate().map(|(n, units)| (lease(n as u128), *units)).collect();
            let keeps = recalled(open.clone(), wanted);
            let total: i64 = out.iter().map(|n| i64::from(*n)).sum();
            let kept: i64 = keeps.values().map(|n| i64::from(*n)).sum();
            prop_assert!(total - kept >= wanted.min(total));
            prop_assert!(open.iter().all(|(id, units)| keeps[id] <= *units));
        }

        #[test]
        fn who_is_asked_to_spare_keeps_what_it_sells(
            held in prop::collection::vec((0u32..50, 0u32..50, 0u32..60), 0..6), wanted in 0u32..200,
        ) {
            let stations: Vec<Spare> = held.iter().enumerate().map(|(n, (a, b, expected))| Spare {
                leases: vec![(lease(2 * n as u128), *a), (lease(2 * n as u128 + 1), *b)], expected: *expected, coming: 0,
                live: n % 3 != 0,
            }).collect();
            let keeps = spared(&stations, wanted);
            let mut back = 0;
            for station in &stations {
                let held: u32 = station.leases.iter().map(|(_, n)| *n).sum();
                let left: u32 = station.leases.iter().map(|(id, n)| keeps.get(id).copied().unwrap_or(*n)).sum();
                prop_assert!(left >= held.min(station.expected.max(1)));
                back += held - left;
            }
            let all: u32 = stations.iter().map(|s| s.leases.iter().map(|(_, n)| *n).sum::<u32>().saturating_sub(s.expected.max(1))).sum();
            prop_assert!(back >= wanted.min(all));
        }
    }
}
