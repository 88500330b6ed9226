//! What a station holds: its leases as plain values, and what each movement does to them. A sale takes the lowest units
//! (see [`super::take()`]); what goes back or over to another till is a run from the high end of what is free; a voided
//! sale may free a unit in the middle. So what can be sold is a set of ranges. Whoever holds a [`HeldLease`] decides here
//! and writes the fact; the same fact, replayed, leads to the same value.

use super::{
    take::Held,
    units::{UnitRange, Units},
    wire::{BlankRange, GrantBody, LeaseRow, LeaseState},
};
use crate::{
    catalog::Article,
    id::{DeviceId, EventId, HandOverId, LeaseId, PositionId, QuotaId},
    ticketing::blank,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Blanks of one article that can still become a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlanksLeft {
    /// Names the range they were granted in.
    pub base: PositionId,
    /// Their numbers in it.
    pub left: Units,
}

/// One lease as its station has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLease {
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    /// Units lent or taken over, numbered from 0.
    pub granted: u32,
    /// Can be sold.
    pub free: Units,
    pub sold: Units,
    /// As the server last said; only from an open lease is sold.
    pub state: LeaseState,
    /// Most units to keep unsold, as the server last said.
    pub keep: Option<u32>,
    /// Whether the server knows whose these units are. What was taken over from another till is sold at once, and handed
    /// on only then: a chain of tills would else arrive link by link in any order, and nobody could say which is real.
    pub confirmed: bool,
    pub blanks: BTreeMap<Article, BlanksLeft>,
}

/// Units that go back to the server, and the blanks given up with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveBack {
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    /// May be empty where only blanks go back.
    pub units: UnitRange,
    pub blanks: Vec<BlankRange>,
}

/// Units and blanks that leave for another till.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOut {
    pub hand_over_id: HandOverId,
    pub lease_id: LeaseId,
    pub quota_id: QuotaId,
    pub event_id: EventId,
    pub units: UnitRange,
    pub blanks: Vec<BlankRange>,
    pub to: DeviceId,
}

/// Why units cannot be handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotGive {
    #[error("{here} of this quota can be handed over at once, {wanted} wanted")]
    Units { wanted: u32, here: u32 },
    #[error("a till cannot hand over to itself")]
    Itself,
    #[error("nothing is nothing to hand over")]
    Nothing,
    /// They may be sold meanwhile.
    #[error("these units came from another till; hand them on once this till had a link")]
    Unconfirmed,
}

impl HeldLease {
    /// As a grant brings it.
    #[must_use]
    pub fn granted(body: &GrantBody) -> Self {
        Self::new((body.lease_id, body.quota_id, body.event_id), body.units, &body.blanks)
    }

    /// As a hand-over brings it: a lease of the hand-over's id, its units numbered anew.
    #[must_use]
    pub fn taken(from: &HandOut) -> Self {
        let ids = (LeaseId(from.hand_over_id.0), from.quota_id, from.event_id);
        Self { confirmed: false, ..Self::new(ids, from.units.count(), &from.blanks) }
    }

    fn new((lease_id, quota_id, event_id): (LeaseId, QuotaId, EventId), units: u32, blanks: &[BlankRange]) -> Self {
        let left = |range: &BlankRange| BlanksLeft { base: blank::base(range.base), left: range.numbers().into() };
        Self {
            lease_id,
            quota_id,
            event_id,
            granted: units,
            free: Units::first(units),
            sold: Units::none(),
            state: LeaseState::Open,
            keep: None,
            confirmed: true,
            blanks: blanks.iter().map(|range| (range.article, left(range))).collect(),
        }
    }

    /// What can be sold now: nothing of a lease that the server has closed or a person has written off.
    #[must_use]
    pub fn sellable(&self) -> Units {
        if self.state == LeaseState::Open { self.free.clone() } else { Units::none() }
    }

    /// As [`super::take()`] wants it.
    #[must_use]
    pub fn held(&self) -> Held {
        Held {
            lease_id: self.lease_id,
            quota_id: self.quota_id,
            free: self.sellable(),
            blanks: self.blanks.iter().map(|(article, blanks)| (*article, blanks.left.count())).collect(),
        }
    }

    /// A unit was sold. Answers whether it was free: a replay of what happened does not ask.
    pub fn sell(&mut self, unit: u32) -> bool {
        let free = self.free.contains(unit);
        self.free.remove(&Units::one(unit));
        self.sold.add(&Units::one(unit));
        free
    }

    /// The next blank for an article becomes a ticket; `None` when there is none left.
    pub fn use_blank(&mut self, article: impl Into<Article>) -> Option<PositionId> {
        let blanks = self.blanks.get_mut(&article.into())?;
        blanks.left.take_lowest().map(|n| blank::position(blanks.base, n))
    }

    /// The sale of a unit is undone; `back` where no code left the house: it can be sold again. A blank never comes back.
    pub fn undo_sale(&mut self, unit: u32, back: bool) {
        if self.sold.contains(unit) {
            self.sold.remove(&Units::one(unit));
            if back {
                self.free.add(&Units::one(unit));
            }
        }
    }

    /// The server says what has become of the lease. Older words never follow newer ones: the caller compares versions.
    pub fn told(&mut self, row: &LeaseRow) {
        (self.state, self.keep) = (row.state, row.keep);
    }

    /// What goes back because the server asked for it: one entry each, highest first. Nothing of a lease that is no
    /// longer open: the server has it already.
    #[must_use]
    pub fn recalled(&self) -> Vec<GiveBack> {
        match (self.state, self.keep) {
            (LeaseState::Open, Some(keep)) => self.beyond(keep),
            (LeaseState::Open, None) | (LeaseState::Closed | LeaseState::Lost | LeaseState::Stolen, _) => Vec::new(),
        }
    }

    /// What goes back so that at most `keep` stay: one entry for each run of units, highest first, and the blanks that are
    /// needed no longer with the last.
    #[must_use]
    pub fn beyond(&self, keep: u32) -> Vec<GiveBack> {
        let surplus = self.free.highest(self.free.count().saturating_sub(keep));
        let stay = self.free.count() - surplus.count();
        // Spare blanks serve exchanges of what was sold: no more are kept than tickets could be exchanged.
        let needed = stay + blank::count_for(self.granted).saturating_sub(self.granted).min(self.sold.count());
        let mut out: Vec<GiveBack> =
            surplus.ranges().iter().rev().map(|run| self.give_back_of(*run, Vec::new())).collect();
        if let Some(last) = out.last_mut() {
            last.blanks = self.highest_blanks(|left| left.count().saturating_sub(needed));
        }
        out
    }

    /// The blanks of a lease from which nothing can be sold any more: they go back alone. `None` while there are units,
    /// or no blanks.
    #[must_use]
    pub fn retired(&self) -> Option<GiveBack> {
        let blanks = self.highest_blanks(Units::count);
        let over = self.free.is_empty() && !blanks.is_empty() && self.state == LeaseState::Open;
        over.then(|| self.give_back_of(UnitRange { from: 0, until: 0 }, blanks))
    }

    fn give_back_of(&self, units: UnitRange, blanks: Vec<BlankRange>) -> GiveBack {
        GiveBack { lease_id: self.lease_id, quota_id: self.quota_id, event_id: self.event_id, units, blanks }
    }

    /// The highest blanks of each article, as many as `count` says of those that are left, as ranges.
    fn highest_blanks(&self, count: impl Fn(&Units) -> u32) -> Vec<BlankRange> {
        let of_article = |(article, blanks): (&Article, &BlanksLeft)| -> Vec<BlankRange> {
            let gone = blanks.left.highest(count(&blanks.left));
            gone.ranges().iter().map(|run| BlankRange::part(*article, blanks.base, *run)).collect()
        };
        self.blanks.iter().flat_map(of_article).collect()
    }

    /// Units and blanks went back.
    pub fn give_back(&mut self, gone: &GiveBack) {
        self.free.remove(&gone.units.into());
        self.lose_blanks(&gone.blanks);
    }

    /// The server has the entry by which these units were taken over.
    pub fn confirm(&mut self) {
        self.confirmed = true;
    }

    /// The most units that can be handed over at once: the highest run of what is free. None before the server knows
    /// whose they are.
    #[must_use]
    pub fn can_give(&self) -> u32 {
        if self.confirmed { self.sellable().last_run().map_or(0, UnitRange::count) } else { 0 }
    }

    /// `units` of this lease for another till, from the high end, with a run of blanks for each article: as many as the
    /// units and the spare ones where there are enough, while every unit that stays keeps a blank.
    ///
    /// # Errors
    /// When the highest run of free units is shorter, the other till is this one, or the units were taken over and the
    /// server does not know it yet.
    pub fn offer(
        &self,
        me: DeviceId,
        to: DeviceId,
        hand_over_id: HandOverId,
        units: u32,
    ) -> Result<HandOut, CannotGive> {
        let here = self.can_give();
        if units == 0 {
            return Err(CannotGive::Nothing);
        }
        if me == to {
            return Err(CannotGive::Itself);
        }
        if !self.confirmed {
            return Err(CannotGive::Unconfirmed);
        }
        let run = self.sellable().last_run().filter(|_| units <= here);
        let run = run.ok_or(CannotGive::Units { wanted: units, here })?;
        let stay = self.free.count() - units;
        let blanks = self.blanks.iter().filter_map(|(article, blanks)| {
            let spare = blanks.left.count().saturating_sub(stay).max(units);
            let last = blanks.left.last_run()?;
            let count = blank::count_for(units).min(spare).min(last.count());
            let numbers = UnitRange { from: last.until - count, until: last.until };
            (count > 0).then(|| BlankRange::part(*article, blanks.base, numbers))
        });
        Ok(HandOut {
            hand_over_id,
            lease_id: self.lease_id,
            quota_id: self.quota_id,
            event_id: self.event_id,
            units: UnitRange { from: run.until - units, until: run.until },
            blanks: blanks.collect(),
            to,
        })
    }

    /// Units and blanks left for another till: this one cannot use or take them back by itself.
    pub fn hand_out(&mut self, gone: &HandOut) {
        self.free.remove(&gone.units.into());
        self.lose_blanks(&gone.blanks);
    }

    /// The other till has declined, finally: they are this one's again.
    pub fn declined(&mut self, back: &HandOut) {
        self.free.add(&back.units.into());
        for range in &back.blanks {
            if let Some(blanks) = self.blanks.get_mut(&range.article) {
                blanks.left.add(&range.numbers().into());
            }
        }
    }

    fn lose_blanks(&mut self, gone: &[BlankRange]) {
        for range in gone {
            if let Some(blanks) = self.blanks.get_mut(&range.article) {
                blanks.left.remove(&range.numbers().into());
            }
        }
    }
}

/// What goes back so that at most `keep` units of `quota` stay at this station: the newest leases give first. `leases` in
/// the order they were taken in.
#[must_use]
pub fn surplus(leases: &[HeldLease], quota: QuotaId, keep: u32) -> Vec<GiveBack> {
    let of_quota = leases.iter().filter(|l| l.quota_id == quota && l.state == LeaseState::Open);
    let held: u32 = of_quota.clone().map(|l| l.free.count()).sum();
    let mut back = held.saturating_sub(keep);
    let mut out = Vec::new();
    for lease in of_quota.rev() {
        let gone = lease.free.count().min(back);
        back -= gone;
        if gone > 0 {
            out.extend(lease.beyond(lease.free.count() - gone));
        }
    }
    out
}

/// `units` of `quota` for another till, as few hand-overs as there are runs of free units: the newest leases give first,
/// each from its high end. `leases` in the order they were taken in; `born` makes the ids.
///
/// # Errors
/// When fewer can be handed over, or the other till is this one; nothing is handed over then.
pub fn hand_outs(
    leases: &[HeldLease],
    quota: QuotaId,
    (me, to): (DeviceId, DeviceId),
    units: u32,
    mut born: impl FnMut() -> HandOverId,
) -> Result<Vec<HandOut>, CannotGive> {
    if units == 0 {
        return Err(CannotGive::Nothing);
    }
    if me == to {
        return Err(CannotGive::Itself);
    }
    let of_quota = leases.iter().filter(|l| l.quota_id == quota);
    let count = |confirmed: bool| -> u32 {
        of_quota.clone().filter(|l| l.confirmed || !confirmed).map(|l| l.sellable().count()).sum()
    };
    let here = count(true);
    if here < units {
        let would_do = count(false) >= units;
        return Err(if would_do { CannotGive::Unconfirmed } else { CannotGive::Units { wanted: units, here } });
    }
    let (mut rest, mut out) = (units, Vec::new());
    for lease in of_quota.clone().rev() {
        let mut lease = lease.clone();
        while rest > 0 && lease.can_give() > 0 {
            let gone = lease.offer(me, to, born(), rest.min(lease.can_give()))?;
            rest -= gone.units.count();
            lease.hand_out(&gone);
            out.push(gone);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::QuotaRow,
        clock::UtcMillis,
        id::{ItemId, OrganizerId, RequestId},
        leases::{Spent, UnitRef, take},
    };
    use proptest::prelude::*;
    use uuid::Uuid;

    const ME: DeviceId = DeviceId(1);
    const TO: DeviceId = DeviceId(2);
    const HALL: QuotaId = QuotaId(1);
    const ADULT: ItemId = ItemId(1);

    fn flight(n: u128) -> HandOverId {
        HandOverId(Uuid::from_u128(n))
    }

    fn lease(n: u128, units: u32) -> HeldLease {
        let base = PositionId(Uuid::from_u128(n << 64));
        HeldLease::granted(&GrantBody {
            lease_id: LeaseId(Uuid::from_u128(n)),
            request_id: RequestId(Uuid::from_u128(n)),
            organizer_id: OrganizerId(1),
            event_id: EventId(1),
            quota_id: HALL,
            station: ME,
            units,
            blanks: vec![BlankRange { article: ADULT.into(), base, count: blank::count_for(units) }],
            granted_at: UtcMillis(0),
        })
    }

    fn row(state: LeaseState, keep: Option<u32>) -> LeaseRow {
        LeaseRow {
            lease_id: LeaseId(Uuid::from_u128(1)),
            quota_id: HALL,
            event_id: EventId(1),
            device_id: ME,
            state,
            keep,
            version: 2,
        }
    }

    #[test]
    fn what_is_recalled_goes_from_the_high_end_with_the_blanks_that_are_needed_no_longer() {
        let mut held = lease(1, 10);
        for unit in 0..3 {
            assert!(held.sell(unit));
            held.use_blank(ADULT).unwrap();
        }
        held.told(&row(LeaseState::Open, Some(2)));
        let back = held.recalled();
        assert_eq!(back.len(), 1);
        assert_eq!(back[0].units, UnitRange { from: 5, until: 10 });
        held.give_back(&back[0]);
        assert_eq!((held.free.count(), held.blanks[&ADULT.into()].left.to_string()), (2, "3-7".to_owned()));
        assert!(held.recalled().is_empty(), "what was asked is done");
        held.sell(3);
        held.sell(4);
        let rest = held.retired().unwrap();
        assert_eq!((rest.units.count(), rest.blanks[0].count), (0, 5));
        held.give_back(&rest);
        assert_eq!(held.retired(), None);
    }

    #[test]
    fn a_lease_nothing_was_sold_of_goes_back_with_every_blank() {
        let mut held = lease(1, 10);
        let back = held.beyond(0);
        held.give_back(&back[0]);
        assert!(held.free.is_empty() && held.blanks[&ADULT.into()].left.is_empty());
    }

    #[test]
    fn a_unit_freed_in_the_middle_is_sold_before_the_rest_and_returns_as_a_run_of_its_own() {
        let mut held = lease(1, 6);
        for unit in 0..4 {
            held.sell(unit);
        }
        held.undo_sale(1, true);
        held.undo_sale(2, false);
        held.undo_sale(1, true);
        assert_eq!(held.free.to_string(), "1, 4-5");
        let runs: Vec<UnitRange> = held.beyond(0).iter().map(|b| b.units).collect();
        assert_eq!(runs, [UnitRange { from: 4, until: 6 }, UnitRange { from: 1, until: 2 }]);
        let quotas = [QuotaRow {
            quota_id: HALL,
            event_id: EventId(1),
            name: String::new(),
            size: None,
            items: vec![ADULT],
            date_id: None,
            free: None,
            outstanding: 0,
            version: 1,
        }];
        let mut view = vec![held.held()];
        let taken = take(&[(ADULT.into(), true, 2)], &quotas, &mut view).unwrap();
        let units: Vec<u32> = taken.iter().flat_map(|t| &t.units).map(|u: &UnitRef| u.unit).collect();
        assert_eq!(units, [1, 4]);
    }

    #[test]
    fn a_hand_over_takes_the_high_end_and_a_refusal_brings_it_back_whole() {
        let mut held = lease(1, 10);
        let before = held.clone();
        let out = held.offer(ME, TO, flight(7), 4).unwrap();
        assert_eq!(out.units, UnitRange { from: 6, until: 10 });
        assert_eq!((out.blanks[0].count, out.blanks[0].numbers().from), (9, 6), "four and five to spare");
        held.hand_out(&out);
        assert_eq!(held.blanks[&ADULT.into()].left.count(), 6, "each that stays keeps a blank");
        let theirs = HeldLease::taken(&out);
        assert_eq!((theirs.lease_id.0, theirs.free.clone()), (flight(7).0, Units::first(4)));
        assert_eq!(theirs.blanks[&ADULT.into()].left.to_string(), "6-14");
        held.declined(&out);
        assert_eq!(held, before);
        assert_eq!(held.offer(ME, TO, flight(8), 11), Err(CannotGive::Units { wanted: 11, here: 10 }));
        assert_eq!(held.offer(ME, ME, flight(8), 1), Err(CannotGive::Itself));
        assert_eq!(held.offer(ME, TO, flight(8), 0), Err(CannotGive::Nothing));
    }

    #[test]
    fn units_of_another_till_are_sold_at_once_and_handed_on_once_the_server_knows_of_them() {
        let mut theirs = HeldLease::taken(&lease(1, 10).offer(ME, TO, flight(7), 4).unwrap());
        assert_eq!((theirs.sellable().count(), theirs.can_give()), (4, 0));
        assert_eq!(theirs.offer(TO, ME, flight(8), 1), Err(CannotGive::Unconfirmed));
        theirs.confirm();
        assert_eq!(theirs.offer(TO, ME, flight(8), 4).unwrap().units, UnitRange { from: 0, until: 4 });
    }

    #[test]
    fn what_lies_in_several_runs_leaves_as_several_hand_overs_the_newest_first() {
        let (old, mut new) = (lease(1, 10), lease(2, 10));
        (0..6).for_each(|unit| assert!(new.sell(unit)));
        new.undo_sale(2, true);
        let unproven = HeldLease::taken(&lease(3, 5).offer(TO, ME, flight(9), 5).unwrap());
        let leases = [old, new, unproven];
        let mut n = 20;
        let mut born = || {
            n += 1;
            flight(n)
        };
        let out = hand_outs(&leases, HALL, (ME, TO), 7, &mut born).unwrap();
        let parts: Vec<(u128, String)> =
            out.iter().map(|o| (o.lease_id.0.as_u128(), Units::from(o.units).to_string())).collect();
        assert_eq!(parts, [(2, "6-9".into()), (2, "2".into()), (1, "8-9".into())]);
        let too_many = CannotGive::Units { wanted: 21, here: 15 };
        assert_eq!(hand_outs(&leases, HALL, (ME, TO), 21, &mut born), Err(too_many));
        assert_eq!(hand_outs(&leases, HALL, (ME, TO), 16, &mut born), Err(CannotGive::Unconfirmed));
        assert_eq!(hand_outs(&leases, HALL, (ME, ME), 1, &mut born), Err(CannotGive::Itself));
        assert_eq!(hand_outs(&leases, HALL, (ME, TO), 0, &mut born), Err(CannotGive::Nothing));
    }

    #[test]
    fn from_a_lease_that_was_given_up_or_closed_nothing_is_sold_returned_or_given() {
        for state in [LeaseState::Lost, LeaseState::Stolen, LeaseState::Closed] {
            let mut held = lease(1, 10);
            held.told(&row(state, Some(0)));
            assert!(held.sellable().is_empty() && held.recalled().is_empty());
            assert_eq!(held.can_give(), 0);
            assert!(surplus(&[held], HALL, 0).is_empty());
        }
    }

    #[test]
    fn idle_units_go_back_from_the_newest_lease_first() {
        let leases = [lease(1, 10), lease(2, 10)];
        let back = surplus(&leases, HALL, 7);
        let gone: Vec<(u128, u32)> = back.iter().map(|b| (b.lease_id.0.as_u128(), b.units.count())).collect();
        assert_eq!(gone, [(2, 10), (1, 3)]);
        assert!(surplus(&leases, HALL, 20).is_empty());
        assert!(surplus(&leases, QuotaId(2), 0).is_empty());
    }

    #[derive(Debug, Clone)]
    enum Move {
        Sell(u32),
        Undo(u32, bool),
        Keep(u32),
        Give(u32),
        Decline,
    }

    fn moves() -> impl Strategy<Value = Move> {
        prop_oneof![
            (1u32..4).prop_map(Move::Sell),
            (0u32..12, any::<bool>()).prop_map(|(u, b)| Move::Undo(u, b)),
            (0u32..12).prop_map(Move::Keep),
            (1u32..6).prop_map(Move::Give),
            Just(Move::Decline),
        ]
    }

    proptest! {
        #[test]
        fn no_unit_and_no_blank_is_ever_in_two_places(moves in prop::collection::vec(moves(), 0..40)) {
            let quotas = [QuotaRow { quota_id: HALL, event_id: EventId(1), name: String::new(), size: None, items: vec![ADULT], date_id: None, free: None, outstanding: 0, version: 1 }];
            let mut held = lease(1, 12);
            let (mut gone, mut used, mut out): (Units, Vec<PositionId>, Option<HandOut>) = (Units::none(), vec![], None);
            for (nth, one) in moves.into_iter().enumerate() {
                match one {
                    Move::Sell(n) => {
                        let mut view = vec![held.held()];
                        match take(&[(ADULT.into(), true, n)], &quotas, &mut view) {
                            Ok(taken) => for unit in taken.iter().flat_map(|t| &t.units) {
                                prop_assert!(held.sell(unit.unit), "sold what was not free");
                                let blank = held.use_blank(ADULT).unwrap();
                                prop_assert!(!used.contains(&blank), "one blank, two tickets");
                                used.push(blank);
                            },
                            Err(Spent::Units { here, .. }) => prop_assert!(here < n),
                            Err(Spent::NoQuota { .. }) => prop_assert!(false, "the product is in a quota"),
                        }
                    }
                    Move::Undo(unit, back) => {
                        if held.sold.contains(unit) && !back { gone.add(&Units::one(unit)); }
                        held.undo_sale(unit, back);
                    }
                    Move::Keep(keep) => for back in held.beyond(keep) {
                        prop_assert!(Units::from(back.units).without(&held.free).is_empty());
                        held.give_back(&back);
                        gone.add(&back.units.into());
                        prop_assert!(held.blanks[&ADULT.into()].left.count() >= held.free.count().min(held.blanks[&ADULT.into()].left.count()));
                    },
                    Move::Give(n) => if out.is_none() && let Ok(offer) = held.offer(ME, TO, flight(nth as u128), n) {
                        held.hand_out(&offer);
                        out = Some(offer);
                    },
                    Move::Decline => if let Some(back) = out.take() { held.declined(&back) },
                }
                let away = out.as_ref().map_or(Units::none(), |o| o.units.into());
                let all = held.free.with(&held.sold).with(&gone).with(&away);
                prop_assert_eq!(all.count(), 12, "a unit was lost");
                prop_assert_eq!(held.free.count() + held.sold.count() + gone.count() + away.count(), 12, "a unit is in two places");
            }
        }
    }
}
