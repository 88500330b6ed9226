//! Leases and hand-overs with three tills, explored to the last state: every order of grants, sales, returns, uploads sent
//! twice, lost answers and hand-overs, with the domain's own ledger and holdings. What chance might take years to try.

use stateright::{Checker, Model, Property};
use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, HandOverId, LeaseId, OrganizerId, QuotaId, RequestId},
    leases::{
        GrantBody,
        holding::{GiveBack, HandOut, HeldLease},
        ledger::{GivenUp, HandOverState, Ledger, Offer, QuotaAccount},
        units::Units,
    },
};

const HALL: QuotaId = QuotaId(1);
const TILLS: usize = 3;

/// What a till has written and tells the server, in order, perhaps more than once.
#[derive(Debug, Clone, PartialEq)]
enum Line {
    Accepted(LeaseId),
    Sold(LeaseId, u32),
    Returned(GiveBack),
    Given(HandOut),
    Taken(HandOut, DeviceId),
    Declined(HandOut, DeviceId),
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Till {
    held: Vec<HeldLease>,
    journal: Vec<Line>,
    sent: usize,
    asked: bool,
    answered: BTreeSet<HandOverId>,
    told: BTreeSet<HandOverId>,
}

#[derive(Debug, Clone, PartialEq)]
struct House {
    ledger: Ledger,
    tills: [Till; TILLS],
    /// Grants of the server; each may arrive at any time, and again.
    grants: Vec<(usize, GrantBody)>,
    /// Hand-overs on their way, on paper that may be shown twice or never.
    files: Vec<(DeviceId, HandOut)>,
    tickets: i64,
    given_up: bool,
}

impl Hash for House {
    fn hash<H: Hasher>(&self, state: &mut H) {
        format!("{self:?}").hash(state);
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Act {
    Ask(usize),
    Granted(usize),
    Sell(usize),
    Return(usize),
    Give(usize, usize),
    Answer(usize, bool),
    Upload(usize),
    UploadAgain(usize),
    TellDeclined(usize, HandOverId),
    Web,
    WriteOff(usize),
}

/// What may happen in a model, so that each stays small enough to be explored to its end.
#[derive(Debug, Clone)]
struct Tills {
    size: i64,
    /// Till 0 starts with so many units, taken in.
    at_first: u32,
    asks: bool,
    returns: bool,
    hand_overs: usize,
    write_off: bool,
}

fn device(till: usize) -> DeviceId {
    DeviceId(i64::try_from(till).unwrap_or(0) + 1)
}

fn body(till: usize, lease: u128, units: u32) -> GrantBody {
    GrantBody {
        lease_id: LeaseId(Uuid::from_u128(lease)),
        request_id: RequestId(Uuid::from_u128(lease)),
        organizer_id: OrganizerId(1),
        event_id: EventId(1),
        quota_id: HALL,
        station: device(till),
        units,
        blanks: Vec::new(),
        granted_at: UtcMillis(0),
    }
}

fn offer_of(out: &HandOut) -> Offer {
    Offer { hand_over_id: out.hand_over_id, units: out.units, to: out.to }
}

impl House {
    fn apply(&mut self, till: usize, line: &Line) {
        let by = device(till);
        match line {
            Line::Accepted(lease) => {
                if let Ok((_, account)) = self.ledger.lease(by, *lease) {
                    account.accept();
                }
            }
            Line::Sold(lease, unit) => match self.ledger.lease(by, *lease) {
                Ok((quota, account)) => _ = account.sell(quota, *unit),
                // A lease the server does not know yet: sold is sold.
                Err(_) => _ = self.ledger.quotas.get_mut(&HALL).map(QuotaAccount::sell_uncovered),
            },
            Line::Returned(gone) => {
                if let Ok((quota, account)) = self.ledger.lease(by, gone.lease_id) {
                    account.give_back(quota, &Units::from(gone.units));
                }
            }
            Line::Given(out) => _ = self.ledger.give(by, out.lease_id, &offer_of(out)),
            Line::Taken(out, from) => _ = self.ledger.take(*from, out.lease_id, &offer_of(out)),
            Line::Declined(out, from) => _ = self.ledger.decline(*from, out.lease_id, &offer_of(out)),
        }
    }

    fn sellable(&self) -> i64 {
        self.tills.iter().flat_map(|t| &t.held).map(|l| l.sellable().total()).sum()
    }

    fn all_told(&self) -> bool {
        let granted =
            self.grants.iter().all(|(till, body)| self.tills[*till].held.iter().any(|l| l.lease_id == body.lease_id));
        let declined = self.ledger.hand_overs.values().all(|h| {
            h.state != HandOverState::Declined
                || self.tills.iter().enumerate().any(|(n, t)| device(n) == h.from && t.told.contains(&h.hand_over_id))
        });
        granted && declined && self.tills.iter().all(|t| t.sent == t.journal.len())
    }

    fn write(&mut self, till: usize, line: Line) {
        self.tills[till].journal.push(line);
    }

    fn ask(&mut self, n: usize) -> Option<()> {
        let grant = body(n, 100 + n as u128, 1);
        self.tills[n].asked = true;
        self.ledger.grant(HALL, grant.lease_id, device(n), 1).ok()?.ok()?;
        self.grants.push((n, grant));
        Some(())
    }

    fn granted(&mut self, at: usize) -> Option<()> {
        let (n, grant) = self.grants[at].clone();
        if self.tills[n].held.iter().any(|l| l.lease_id == grant.lease_id) {
            return None;
        }
        self.tills[n].held.push(HeldLease::granted(&grant));
        self.write(n, Line::Accepted(grant.lease_id));
        Some(())
    }

    fn sell(&mut self, n: usize) -> Option<()> {
        let lease = self.tills[n].held.iter_mut().find(|l| !l.sellable().is_empty())?;
        let unit = lease.sellable().lowest()?;
        lease.sell(unit);
        let line = Line::Sold(lease.lease_id, unit);
        self.tickets += 1;
        self.write(n, line);
        Some(())
    }

    fn give_back(&mut self, n: usize) -> Option<()> {
        let lease = self.tills[n].held.iter_mut().find(|l| !l.sellable().is_empty())?;
        let gone = lease.beyond(lease.free.count() - 1).pop()?;
        lease.give_back(&gone);
        self.write(n, Line::Returned(gone));
        Some(())
    }

    fn give(&mut self, n: usize, to: usize) -> Option<()> {
        let id = HandOverId(Uuid::from_u128(1_000 + self.files.len() as u128));
        let till = &mut self.tills[n];
        // What was taken over is handed on only once the server knows of it.
        let confirmed = &till.journal[..till.sent];
        let took =
            |line: &Line, l: &HeldLease| matches!(line, Line::Taken(out, _) if out.hand_over_id.0 == l.lease_id.0);
        let own = |l: &HeldLease| {
            !till.answered.contains(&HandOverId(l.lease_id.0)) || confirmed.iter().any(|line| took(line, l))
        };
        let known: Vec<bool> = till.held.iter().map(own).collect();
        till.held.iter_mut().zip(known).for_each(|(lease, known)| lease.confirmed = known);
        let at = till.held.iter().position(|l| l.can_give() > 0)?;
        let out = till.held[at].offer(device(n), device(to), id, 1).ok()?;
        till.held[at].hand_out(&out);
        self.files.push((device(n), out.clone()));
        self.write(n, Line::Given(out));
        Some(())
    }

    fn answer(&mut self, at: usize, yes: bool) -> Option<()> {
        let (from, out) = self.files[at].clone();
        let n = (0..TILLS).find(|n| device(*n) == out.to)?;
        if !self.tills[n].answered.insert(out.hand_over_id) {
            return None;
        }
        if yes {
            self.tills[n].held.push(HeldLease::taken(&out));
        }
        self.write(n, if yes { Line::Taken(out, from) } else { Line::Declined(out, from) });
        Some(())
    }

    fn write_off(&mut self, n: usize) -> Option<()> {
        self.given_up = true;
        let mine = self.ledger.leases.values().filter(|l| l.holder == device(n));
        for id in mine.map(|l| l.lease_id).collect::<Vec<LeaseId>>() {
            let (quota, lease) = self.ledger.lease(device(n), id).ok()?;
            lease.write_off(quota, GivenUp::Lost);
        }
        Some(())
    }
}

impl Model for Tills {
    type State = House;
    type Action = Act;

    fn init_states(&self) -> Vec<House> {
        let mut ledger = Ledger::default();
        ledger.quotas.insert(HALL, QuotaAccount::new(Some(self.size)));
        let mut house = House {
            ledger,
            tills: Default::default(),
            grants: Vec::new(),
            files: Vec::new(),
            tickets: 0,
            given_up: false,
        };
        if self.at_first > 0 {
            let first = body(0, 1, self.at_first);
            let lent = house.ledger.grant(HALL, first.lease_id, device(0), first.units);
            assert_eq!(lent, Ok(Ok(())), "the model starts with units that exist");
            house.tills[0].held.push(HeldLease::granted(&first));
            house.write(0, Line::Accepted(first.lease_id));
        }
        vec![house]
    }

    fn actions(&self, house: &House, acts: &mut Vec<Act>) {
        for (n, till) in house.tills.iter().enumerate() {
            let sellable = till.held.iter().any(|l| !l.sellable().is_empty());
            acts.extend((self.asks && !till.asked).then_some(Act::Ask(n)));
            acts.extend(sellable.then_some(Act::Sell(n)));
            acts.extend((sellable && self.returns).then_some(Act::Return(n)));
            acts.extend((till.sent < till.journal.len()).then_some(Act::Upload(n)));
            acts.extend((till.sent > 0).then_some(Act::UploadAgain(n)));
            if sellable && house.files.len() < self.hand_overs {
                acts.extend((0..TILLS).filter(|to| *to != n).map(|to| Act::Give(n, to)));
            }
            let declined =
                house.ledger.hand_overs.values().filter(|h| h.state == HandOverState::Declined && h.from == device(n));
            acts.extend(
                declined.filter(|h| !till.told.contains(&h.hand_over_id)).map(|h| Act::TellDeclined(n, h.hand_over_id)),
            );
        }
        acts.extend((0..house.grants.len()).map(Act::Granted));
        acts.extend((0..house.files.len()).flat_map(|n| [Act::Answer(n, true), Act::Answer(n, false)]));
        acts.extend(house.ledger.quotas[&HALL].free().filter(|free| *free > 0).map(|_| Act::Web));
        acts.extend((self.write_off && !house.given_up).then_some(Act::WriteOff(0)));
    }

    fn next_state(&self, before: &House, act: Act) -> Option<House> {
        let mut house = before.clone();
        match act {
            Act::Ask(n) => house.ask(n)?,
            Act::Granted(at) => house.granted(at)?,
            Act::Sell(n) => house.sell(n)?,
            Act::Return(n) => house.give_back(n)?,
            Act::Give(n, to) => house.give(n, to)?,
            Act::Answer(at, yes) => house.answer(at, yes)?,
            Act::Upload(n) => {
                let line = house.tills[n].journal[house.tills[n].sent].clone();
                house.apply(n, &line);
                house.tills[n].sent += 1;
            }
            Act::UploadAgain(n) => {
                let line = house.tills[n].journal[house.tills[n].sent - 1].clone();
                // The journal's own numbers keep a sale from being applied twice where its lease was not known.
                if matches!(line, Line::Sold(..)) {
                    return None;
                }
                house.apply(n, &line);
            }
            Act::TellDeclined(n, id) => {
                house.tills[n].told.insert(id);
                let out = house.files.iter().find(|(_, out)| out.hand_over_id == id)?.1.clone();
                house.tills[n].held.iter_mut().filter(|l| l.lease_id == out.lease_id).for_each(|l| l.declined(&out));
            }
            Act::Web => {
                house.ledger.quotas.get_mut(&HALL)?.sell(1).ok()?;
                house.tickets += 1;
            }
            Act::WriteOff(n) => house.write_off(n)?,
        }
        (house != *before).then_some(house)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("the books agree with themselves", |_, house: &House| house.ledger.check().is_ok()),
            Property::always("nobody could sell more than there is", |model: &Self, house: &House| {
                let free = house.ledger.quotas[&HALL].free().unwrap_or(0);
                house.given_up || house.tickets + house.sellable() + free <= model.size
            }),
            Property::always("what is beyond size is counted", |model: &Self, house: &House| {
                let quota = &house.ledger.quotas[&HALL];
                !house.all_told() || quota.sold <= model.size + quota.excess
            }),
            Property::always("when all is told the books are the truth", |_, house: &House| {
                !house.all_told() || house.ledger.quotas[&HALL].sold == house.tickets
            }),
            Property::always("no unit is stranded", |_, house: &House| {
                let quota = &house.ledger.quotas[&HALL];
                house.given_up || !house.all_told() || quota.leased - quota.in_flight == house.sellable()
            }),
            Property::sometimes("everything can be sold", |model: &Self, house: &House| {
                house.all_told() && house.tickets == model.size
            }),
        ]
    }
}

fn explore(model: Tills) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done(), "not explored to the end");
    assert!(checker.unique_state_count() > 500, "{} states: the model does nothing", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn leases_asked_sold_returned_and_told_in_any_order_never_oversell() {
    explore(Tills { size: 3, at_first: 0, asks: true, returns: true, hand_overs: 0, write_off: false });
}

#[test]
fn a_hand_over_in_any_order_never_doubles_and_never_loses_a_unit() {
    explore(Tills { size: 2, at_first: 2, asks: false, returns: false, hand_overs: 2, write_off: false });
}

#[test]
fn a_write_off_at_any_moment_leaves_every_sale_counted() {
    explore(Tills { size: 2, at_first: 1, asks: false, returns: true, hand_overs: 1, write_off: true });
}
