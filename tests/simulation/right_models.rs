//! One voucher and three tills, explored to the last state: every order of asking, answers that are lost or come twice,
//! using, giving back, uploads and giving a till up, with the domain's own account and holdings.

use stateright::{Checker, Model, Property};
use std::hash::{Hash, Hasher};
use uuid::Uuid;
use willcall_domain::{
    clock::UtcMillis,
    id::{DeviceId, EventId, OrganizerId, RequestId, RightId, VoucherId},
    leases::{Guarded, HeldRight, LeaseState, RightAccount, RightBody, RightRow, RightSubject, ledger::GivenUp},
};

const VOUCHER: RightSubject = RightSubject::Voucher { voucher_id: VoucherId(1) };
const TILLS: usize = 3;

/// What a till has written, in order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Taken(RightId),
    Used,
    Released(RightId),
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Till {
    held: Vec<HeldRight>,
    journal: Vec<Line>,
    sent: usize,
}

#[derive(Debug, Clone, PartialEq)]
struct House {
    guarded: Guarded,
    /// Each may be told to its till at any time, and again.
    rights: Vec<RightAccount>,
    tills: [Till; TILLS],
    happened: u32,
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
    Use(usize),
    GiveBack(usize),
    Upload(usize),
    /// The server's word on a right reaches its till.
    Tell(usize),
    WriteOff(usize),
}

/// What may happen, so that it can be explored to its end.
#[derive(Debug, Clone)]
struct Voucher {
    /// Rights that are granted at most.
    rights: usize,
    write_off: bool,
}

fn device(till: usize) -> DeviceId {
    DeviceId(i64::try_from(till).unwrap_or(0) + 1)
}

fn till_of(device: DeviceId) -> usize {
    usize::try_from(device.0 - 1).unwrap_or(0)
}

fn body(right: &RightAccount) -> RightBody {
    RightBody {
        right_id: right.right_id,
        request_id: RequestId(right.right_id.0),
        organizer_id: OrganizerId(1),
        event_id: EventId(1),
        station: right.holder,
        subject: VOUCHER,
        code: String::new(),
        voucher: None,
        order: None,
        granted_at: UtcMillis(0),
    }
}

fn row(right: &RightAccount) -> RightRow {
    RightRow {
        right_id: right.right_id,
        event_id: EventId(1),
        device_id: right.holder,
        subject: VOUCHER,
        state: right.state.told(),
        recalled: right.recalled,
        version: 1,
    }
}

impl House {
    fn apply(&mut self, till: usize, line: Line) {
        let by = device(till);
        match line {
            Line::Taken(id) => {
                if let Some(right) = self.rights.iter_mut().find(|r| r.right_id == id) {
                    right.take();
                }
            }
            Line::Released(id) => {
                if let Some(right) = self.rights.iter_mut().find(|r| r.right_id == id) {
                    right.release(&mut self.guarded);
                }
            }
            Line::Used => {
                let given_up = |r: &RightAccount| matches!(r.state.told(), LeaseState::Lost | LeaseState::Stolen);
                let mine = self.rights.iter_mut().filter(|r| r.holder == by);
                match mine.max_by_key(|r| (r.state.in_force(), given_up(r))) {
                    Some(right) => _ = right.use_it(&mut self.guarded),
                    None => _ = self.guarded.use_without(VOUCHER),
                }
            }
        }
    }

    fn all_sent(&self) -> bool {
        self.tills.iter().all(|till| till.sent == till.journal.len())
    }

    fn could(&self) -> u32 {
        let may = |till: &&Till| till.held.iter().any(|held| held.may_use().is_ok());
        u32::try_from(self.tills.iter().filter(may).count()).unwrap_or(u32::MAX)
    }
}

impl Model for Voucher {
    type State = House;
    type Action = Act;

    fn init_states(&self) -> Vec<House> {
        let (guarded, tills) = (Guarded::default(), std::array::from_fn(|_| Till::default()));
        vec![House { guarded, rights: Vec::new(), tills, happened: 0, given_up: false }]
    }

    fn actions(&self, house: &House, acts: &mut Vec<Act>) {
        for till in 0..TILLS {
            if house.rights.len() < self.rights {
                acts.push(Act::Ask(till));
            }
            let here = &house.tills[till];
            if here.held.iter().any(|held| held.may_use().is_ok()) {
                acts.extend([Act::Use(till), Act::GiveBack(till)]);
            }
            if here.sent < here.journal.len() {
                acts.push(Act::Upload(till));
            }
            if self.write_off && !house.given_up {
                acts.push(Act::WriteOff(till));
            }
        }
        for (nth, right) in house.rights.iter().enumerate() {
            let held = &house.tills[till_of(right.holder)].held;
            match held.iter().find(|held| held.right_id == right.right_id) {
                None => acts.push(Act::Granted(nth)),
                Some(held) if (held.state, held.recalled) != (right.state.told(), right.recalled) => {
                    acts.push(Act::Tell(nth));
                }
                Some(_) => {}
            }
        }
    }

    fn next_state(&self, house: &House, act: Act) -> Option<House> {
        let mut house = house.clone();
        match act {
            Act::Ask(till) => {
                let id = RightId(Uuid::from_u128(house.rights.len() as u128 + 1));
                match house.guarded.grant(id, device(till), VOUCHER) {
                    Ok(right) => house.rights.push(right),
                    Err(_) => {
                        let held = house.rights.iter_mut().find(|r| r.state.in_force())?;
                        if !held.recall() {
                            return None;
                        }
                    }
                }
            }
            Act::Granted(nth) => {
                let right = &house.rights[nth];
                let held = HeldRight::granted(&body(right), UtcMillis(0));
                let (id, till) = (right.right_id, till_of(right.holder));
                house.tills[till].held.push(held);
                house.tills[till].journal.push(Line::Taken(id));
            }
            Act::Use(till) => {
                HeldRight::use_one(&mut house.tills[till].held, VOUCHER).ok()?;
                house.tills[till].journal.push(Line::Used);
                house.happened += 1;
            }
            Act::GiveBack(till) => {
                let held = house.tills[till].held.iter_mut().find(|held| held.may_use().is_ok())?;
                held.over = true;
                let id = held.right_id;
                house.tills[till].journal.push(Line::Released(id));
            }
            Act::Upload(till) => {
                let line = house.tills[till].journal[house.tills[till].sent];
                house.tills[till].sent += 1;
                house.apply(till, line);
            }
            Act::Tell(nth) => {
                let told = row(&house.rights[nth]);
                let held = &mut house.tills[till_of(told.device_id)].held;
                held.iter_mut().find(|held| held.right_id == told.right_id)?.told(&told);
            }
            Act::WriteOff(till) => {
                let right = house.rights.iter_mut().find(|r| r.holder == device(till) && r.state.in_force())?;
                right.write_off(&mut house.guarded, GivenUp::Lost);
                house.given_up = true;
            }
        }
        Some(house)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("it has one holder, and what is too much is counted", |_, house: &House| {
                house.guarded.check(&house.rights).is_ok()
            }),
            Property::always("it happens once where nobody is given up", |_, house: &House| {
                house.given_up || house.happened + house.could() <= 1
            }),
            Property::always("what was told is what happened", |_, house: &House| {
                !house.all_sent()
                    || (house.guarded.uses, house.guarded.excess) == (house.happened, house.happened.saturating_sub(1))
            }),
            Property::sometimes("it is used", |_, house: &House| house.guarded.uses == 1),
            Property::sometimes("one is used after another gave it back", |_, house: &House| {
                house.happened == 1 && house.rights.len() > 1
            }),
        ]
    }
}

fn explore(model: Voucher) {
    let checker = model.checker().threads(2).spawn_bfs().join();
    assert!(checker.is_done(), "not explored to the end");
    assert!(checker.unique_state_count() > 500, "{} states: the model does nothing", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn a_voucher_asked_for_used_and_given_back_in_any_order_is_used_once() {
    explore(Voucher { rights: 3, write_off: false });
}

#[test]
fn a_till_given_up_at_any_moment_leaves_each_use_counted() {
    explore(Voucher { rights: 2, write_off: true });
}
