//! Where units are: returned, recalled, handed over, written off, undone. Stations written by hand say what no honest one
//! would, and in every order; the server's database is the real one.

use uuid::Uuid;
use willcall_domain::{
    catalog::draft::QuotaDraft,
    clock::UtcMillis,
    devices::Role,
    entropy::OsEntropy,
    id::{HandOverId, LeaseId, OrderId, PaymentId, PositionId, StaffId},
    leases::{
        BlankRange, GrantBody, LeaseState, UnitRange, UnitRef,
        ledger::{GivenUp, HandOverState},
    },
    money::{Currency, Money},
    sync::{
        Entry, Fact, Outcome, Row,
        change::VoidWhy,
        fact::{ClosedReason, Paper},
    },
    ticketing::blank,
};
use willcall_server::{catalog::edit, leases};
use willcall_tests::{
    hand::{self, Hand, When, entered, opened},
    house::{House, Plan},
};

const NOW: UtcMillis = UtcMillis(1_793_610_000_000);

pub(super) async fn house(places: i64) -> House {
    House::build(Plan { places, ..Plan::default() }).await.unwrap()
}

/// A till that has taken a lease of so many units in.
pub(super) async fn till(house: &House, name: &str, units: u32) -> (Hand, GrantBody) {
    let till = Hand::enrol(house, name, Role::Till).await.unwrap();
    let (body, grant) = till.lease(house, units).await.unwrap();
    assert_eq!(body.units, units);
    let accepted = Fact::LeaseAccepted {
        lease_id: body.lease_id,
        quota_id: body.quota_id,
        event_id: body.event_id,
        units,
        grant: grant.body,
        grant_signature: grant.signature,
    };
    push(&till, vec![opened(), accepted]).await;
    (till, body)
}

/// Sends facts; answers the entries. None may be parked.
pub(super) async fn push(till: &Hand, facts: Vec<Fact>) -> Vec<Entry> {
    let (entries, outcomes) = send(till, facts).await;
    for outcome in outcomes {
        assert!(!matches!(outcome, Outcome::Parked { .. }), "{outcome:?}");
    }
    entries
}

pub(super) async fn send(till: &Hand, facts: Vec<Fact>) -> (Vec<Entry>, Vec<Outcome>) {
    let entries: Vec<Entry> = facts.into_iter().map(|fact| till.write(fact).unwrap()).collect();
    let answer = till.push(&entries).await.unwrap();
    (entries, answer.outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// A sale of one unit of a lease, with the blank of the same number.
pub(super) fn sale(house: &House, lease: LeaseId, unit: u32, ticket: PositionId, n: u32) -> Fact {
    let Fact::Sale { event_id, mut lines, total, .. } = hand::sold(house, OrderId(Uuid::nil()), "X") else { panic!() };
    lines[0].position_id = ticket;
    lines[0].units = vec![UnitRef { lease_id: lease, unit }];
    lines[0].blank = Some(lease);
    let order_id = OrderId::born(NOW, &OsEntropy);
    let order_code = format!("T{n}{:06X}", order_id.0.as_u128() & 0x00ff_ffff);
    Fact::Sale { order_id, order_code, event_id, request_id: willcall_domain::id::RequestId(order_id.0), lines, total }
}

pub(super) fn ticket(body: &GrantBody, n: u32) -> PositionId {
    blank::position(body.blanks[0].base, n)
}

pub(super) fn order_of(sale: &Fact) -> OrderId {
    sale.order().unwrap()
}

pub(super) fn returned(body: &GrantBody, from: u32, units: u32, blanks: Vec<BlankRange>) -> Fact {
    Fact::LeaseReturned {
        lease_id: body.lease_id,
        quota_id: body.quota_id,
        event_id: body.event_id,
        from,
        units,
        blanks,
    }
}

/// `(sold, leased, in flight, excess)`.
pub(super) async fn counts(house: &House) -> (i64, i64, i64, i64) {
    sqlx::query_as("SELECT sold, leased, in_flight, excess FROM quota WHERE quota_id = $1")
        .bind(house.quota.0)
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

pub(super) async fn cases(house: &House) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL ORDER BY opened_at, kind")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

async fn write_off(house: &House, till: &Hand, how: GivenUp) -> u32 {
    let mut admin = house.admin().await.unwrap();
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0)
         ON CONFLICT (organizer_id, email) DO UPDATE SET name = 'Ines' RETURNING staff_id",
    )
    .bind(house.organizer.0)
    .fetch_one(&mut admin)
    .await
    .unwrap();
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let by = leases::Person { id: StaffId(id), name: "Ines" };
    let units = leases::write_off_device(&mut tx, till.device, how, by).await.unwrap();
    tx.commit().await.unwrap();
    units
}

/// What the station is told of its lease.
pub(super) async fn told(house: &House, till: &Hand, lease: LeaseId) -> Option<(LeaseState, Option<u32>)> {
    house.number().await.unwrap();
    let rows = till.rows().await.unwrap();
    rows.into_iter().find_map(|row| match row {
        Row::Lease(row) if row.lease_id == lease => Some((row.state, row.keep)),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn returned_units_are_free_their_blanks_void_and_nothing_returns_twice() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let tail = BlankRange::part(house.adult, body.blanks[0].base, UnitRange { from: 7, until: 15 });
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1), returned(&body, 6, 4, vec![tail])]).await;
    assert_eq!(counts(&house).await, (1, 5, 0, 0));
    push(&till, vec![returned(&body, 6, 4, vec![tail])]).await;
    assert_eq!(counts(&house).await, (1, 5, 0, 0), "the same units again are nothing");
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    house.number().await.unwrap();
    let void = door.rows().await.unwrap().into_iter().find_map(|row| match row {
        Row::VoidBlanks(void) => Some((void.from, void.until, void.why)),
        _ => None,
    });
    assert_eq!(void, Some((7, 15, VoidWhy::Void)), "a gate that never heard of the till knows which codes are none");
    let (_, outcomes) = send(&till, vec![returned(&body, 0, 1, vec![])]).await;
    assert!(matches!(outcomes[0], Outcome::AppliedWithCase { .. }), "a sold unit does not come back: {outcomes:?}");
    assert_eq!(counts(&house).await, (1, 5, 0, 0));
    push(&till, vec![sale(&house, body.lease_id, 8, ticket(&body, 8), 2)]).await;
    assert_eq!(counts(&house).await, (2, 5, 0, 0), "a returned unit sold again is one of the free ones");
    assert_eq!(cases(&house).await, ["unknown_lease", "excess"]);
}

/// A till that has given `units` from number 7 on to `to`, and has not said so yet.
fn give(from: &Hand, body: &GrantBody, to: &Hand, units: u32) -> (HandOverId, Entry) {
    let hand_over_id = HandOverId::born(NOW, &OsEntropy);
    let numbers = UnitRange::of(7, units);
    let given = Fact::HandOverGiven {
        hand_over_id,
        lease_id: body.lease_id,
        quota_id: body.quota_id,
        event_id: body.event_id,
        from: 7,
        units,
        blanks: vec![BlankRange::part(body.blanks[0].article, body.blanks[0].base, numbers)],
        to: to.device,
    };
    (hand_over_id, from.write(given).unwrap())
}

fn taken(body: &GrantBody, id: HandOverId, units: u32, given: &Entry) -> Fact {
    Fact::HandOverTaken {
        hand_over_id: id,
        quota_id: body.quota_id,
        event_id: body.event_id,
        units,
        given: serde_json::to_string(given).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_arrives_in_either_order_and_the_receivers_word_alone_is_enough() {
    for giver_first in [true, false] {
        let house = house(40).await;
        let (a, body) = till(&house, "Till 1", 10).await;
        let b = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
        let (id, given) = give(&a, &body, &b, 3);
        if giver_first {
            a.push(std::slice::from_ref(&given)).await.unwrap();
            assert_eq!(counts(&house).await, (0, 10, 3, 0), "in flight: counted, sold by nobody");
        }
        let theirs = LeaseId(id.0);
        push(&b, vec![opened(), taken(&body, id, 3, &given), sale(&house, theirs, 0, ticket(&body, 7), 1)]).await;
        assert_eq!(counts(&house).await, (1, 9, 0, 0));
        if !giver_first {
            let late = a.push(std::slice::from_ref(&given)).await.unwrap();
            assert_eq!(late.outcomes[0].1, Outcome::Applied);
            assert_eq!(counts(&house).await, (1, 9, 0, 0));
        }
        let sold = sale(&house, body.lease_id, 8, ticket(&body, 8), 2);
        push(&a, vec![sold]).await;
        assert_eq!(
            counts(&house).await,
            (2, 9, 0, 0),
            "what was given is not the giver's: honoured, as one of the free"
        );
        assert_eq!(cases(&house).await, ["excess"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_is_the_givers_again_and_the_giver_is_told() {
    for giver_first in [true, false] {
        let house = house(40).await;
        let (a, body) = till(&house, "Till 1", 10).await;
        let b = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
        let (id, given) = give(&a, &body, &b, 3);
        let text = serde_json::to_string(&given).unwrap();
        let no = Fact::HandOverDeclined { hand_over_id: id, given: text };
        if giver_first {
            a.push(std::slice::from_ref(&given)).await.unwrap();
            push(&b, vec![opened(), no]).await;
        } else {
            push(&b, vec![opened(), no]).await;
            a.push(std::slice::from_ref(&given)).await.unwrap();
        }
        assert_eq!(counts(&house).await, (0, 10, 0, 0));
        house.number().await.unwrap();
        let state = a.rows().await.unwrap().into_iter().find_map(|row| match row {
            Row::HandOver(row) if row.hand_over_id == id => Some(row.state),
            _ => None,
        });
        assert_eq!(state, Some(HandOverState::Declined));
        push(&a, vec![sale(&house, body.lease_id, 9, ticket(&body, 9), 1)]).await;
        assert_eq!(counts(&house).await, (1, 9, 0, 0));
        assert!(cases(&house).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hand_over_that_its_giver_did_not_sign_moves_nothing() {
    let house = house(40).await;
    let (a, body) = till(&house, "Till 1", 10).await;
    let b = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
    let (id, mut given) = give(&a, &body, &b, 3);
    given.body = given.body.replace("\"units\":3", "\"units\":2");
    let (_, outcomes) = send(&b, vec![opened(), taken(&body, id, 2, &given)]).await;
    assert!(matches!(outcomes[1], Outcome::Parked { .. }), "{outcomes:?}");
    assert_eq!(counts(&house).await, (0, 10, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_made_smaller_than_what_is_out_is_a_target_that_is_reached_as_units_come_back() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 20).await;
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let draft = QuotaDraft { name: "Hall".to_owned(), size: Some(12), date_id: None };
    edit::update_quota(&mut tx, house.event, house.quota, &draft, &[house.adult, house.programme]).await.unwrap();
    tx.commit().await.unwrap();
    let size = "SELECT size FROM quota WHERE name = 'Hall'";
    assert_eq!(house.number_of(size).await.unwrap(), 20, "what is out keeps its place");
    assert!(house.buy().await.is_err(), "nothing is sold above the target");
    assert_eq!(told(&house, &till, body.lease_id).await, Some((LeaseState::Open, Some(12))));
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1), returned(&body, 12, 8, vec![])]).await;
    assert_eq!(counts(&house).await, (1, 11, 0, 0), "a sale before the recall was heard is valid");
    assert_eq!(house.number_of(size).await.unwrap(), 12);
    assert_eq!(house.number_of("SELECT count(*) FROM quota WHERE target IS NOT NULL").await.unwrap(), 0);
    assert!(cases(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_comes_back_after_its_write_off_is_honoured_and_each_sale_too_many_is_a_case() {
    let house = house(20).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1)]).await;
    assert_eq!(write_off(&house, &till, GivenUp::Stolen).await, 9);
    assert_eq!(counts(&house).await, (1, 0, 0, 0));
    assert_eq!(told(&house, &till, body.lease_id).await, Some((LeaseState::Stolen, None)));
    for _ in 0..18 {
        house.buy().await.unwrap();
    }
    let late: Vec<Fact> = (1..4).map(|n| sale(&house, body.lease_id, n, ticket(&body, n), n)).collect();
    push(&till, late).await;
    assert_eq!(counts(&house).await, (22, 0, 0, 2), "one was free, two are too many");
    push(&till, vec![returned(&body, 4, 6, vec![])]).await;
    assert_eq!(counts(&house).await, (22, 0, 0, 2), "what is void does not come back a second time");
    assert_eq!(cases(&house).await, ["write_off_wrong", "excess", "excess"]);
    let known = "SELECT count(*) FROM write_off WHERE how = 'stolen' AND units = 9 AND person = 'Ines'";
    assert_eq!(house.number_of(known).await.unwrap(), 1, "who gave up what stays known");
    let void = "SELECT count(*) FROM void_blanks WHERE why = 'stolen' AND from_n = 1 AND until_n = 15";
    assert_eq!(house.number_of(void).await.unwrap(), 1, "all blanks but the sold one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voided_sale_frees_its_unit_where_the_till_says_and_its_money_goes_back() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let price = Money::new(2400, Currency::EUR);
    let (kept, gone) =
        (sale(&house, body.lease_id, 0, ticket(&body, 0), 1), sale(&house, body.lease_id, 1, ticket(&body, 1), 2));
    let void = |sale: &Fact, unit: u32, back: bool| {
        let unit = UnitRef { lease_id: body.lease_id, unit };
        let (back, freed) = if back { (vec![unit], vec![]) } else { (vec![], vec![unit]) };
        let positions = vec![ticket(&body, unit.unit)];
        let paper = if freed.is_empty() { Paper::NotPrinted } else { Paper::Out };
        Fact::Void { order_id: order_of(sale), event_id: house.event, positions, back, freed, paper }
    };
    let paid = |sale: &Fact| Fact::Payment {
        payment_id: PaymentId::born(NOW, &OsEntropy),
        order_id: order_of(sale),
        amount: price,
        given: price,
        change: Money::new(0, Currency::EUR),
    };
    let refund = Fact::Refund { refund_id: PaymentId::born(NOW, &OsEntropy), order_id: order_of(&kept), amount: price };
    let receipt = Fact::Receipt { number: 1, order_id: order_of(&kept), total: Money::new(-2400, Currency::EUR) };
    let (voided, freed) = (void(&kept, 0, true), void(&gone, 1, false));
    let facts = vec![kept.clone(), paid(&kept), gone.clone(), paid(&gone), voided.clone(), refund, receipt, freed];
    push(&till, facts).await;
    assert_eq!(counts(&house).await, (0, 9, 0, 0), "one is the till's again, one is free");
    push(&till, vec![voided]).await;
    assert_eq!(counts(&house).await, (0, 9, 0, 0), "undone once");
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 2), 3)]).await;
    assert_eq!(counts(&house).await, (1, 8, 0, 0));
    let money = "SELECT sum(amount_minor)::bigint FROM payment WHERE state = 'confirmed'";
    assert_eq!(house.number_of(money).await.unwrap(), 2400);
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE status = 'canceled'").await.unwrap(), 2);
    assert!(cases(&house).await.is_empty(), "{:?}", cases(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_sale_cancelled_in_the_office_frees_its_unit_once() {
    let house = house(20).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let sold = sale(&house, body.lease_id, 0, ticket(&body, 0), 1);
    push(&till, vec![sold.clone()]).await;
    house.cancel(order_of(&sold)).await.unwrap();
    assert_eq!(counts(&house).await, (0, 9, 0, 0));
    let unit = UnitRef { lease_id: body.lease_id, unit: 0 };
    let void = Fact::Void {
        order_id: order_of(&sold),
        event_id: house.event,
        positions: vec![ticket(&body, 0)],
        back: vec![unit],
        freed: vec![],
        paper: Paper::NotPrinted,
    };
    push(&till, vec![void]).await;
    assert_eq!(counts(&house).await, (0, 10, 0, 0), "the till has it back and counts on it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_ends_gives_everything_back() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let end = Fact::Closed { reason: ClosedReason::Reenrolled };
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1), end]).await;
    assert_eq!(counts(&house).await, (1, 0, 0, 0));
    let void = "SELECT count(*) FROM void_blanks WHERE why = 'void' AND from_n = 1 AND until_n = 15";
    assert_eq!(house.number_of(void).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_units_are_asked_back_when_somebody_has_run_dry() {
    let house = house(20).await;
    let (idle, body) = till(&house, "Till 1", 10).await;
    while house.buy().await.is_ok() {}
    let other = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
    assert!(other.lease(&house, 5).await.is_err(), "nothing is left");
    assert_eq!(told(&house, &idle, body.lease_id).await, Some((LeaseState::Open, Some(5))), "as many as were wanted");
    assert_eq!(told(&house, &other, body.lease_id).await, None, "nobody is told of another's lease");
    leases::find_dry(house.app().unwrap()).await.unwrap();
    assert_eq!(told(&house, &idle, body.lease_id).await, Some((LeaseState::Open, Some(1))), "one stays");
    push(&idle, vec![returned(&body, 1, 9, vec![])]).await;
    assert_eq!(told(&house, &idle, body.lease_id).await, Some((LeaseState::Open, None)), "the recall is over");
    assert!(other.lease(&house, 5).await.is_ok());
}

/// A cashier prints from a blank and books nothing; the gate lets the guest in, as it must.
#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_let_in_that_its_till_never_sold_is_a_case_once_all_of_its_journal_is_here() {
    let house = house(50).await;
    let (till, body) = till(&house, "Till 1", 5).await;
    let gate = Hand::enrol(&house, "Gate", Role::Door).await.unwrap();
    let (sold, printed) = (ticket(&body, 0), ticket(&body, 3));
    let at = |fact| gate.write_knowing(fact, When { wall: UtcMillis(NOW.0), offset_ms: 0, uncertainty_ms: 5 }, &[]);
    let entries =
        [gate.write(opened()).unwrap(), at(entered(&house, sold)).unwrap(), at(entered(&house, printed)).unwrap()];
    gate.push(&entries).await.unwrap();
    let cases = "SELECT count(*) FROM station_case WHERE kind = 'admitted_never_sold'";
    let mut question = till.question();
    question.waiting = 2;
    till.contact(&question).await.unwrap();
    assert_eq!(house.number_of(cases).await.unwrap(), 0, "the till says that facts are still to come");
    push(&till, vec![sale(&house, body.lease_id, 0, sold, 1)]).await;
    for _ in 0..2 {
        till.contact(&till.question()).await.unwrap();
    }
    let named: Vec<String> =
        sqlx::query_scalar("SELECT detail ->> 'position_id' FROM station_case WHERE kind = 'admitted_never_sold'")
            .fetch_all(&mut house.admin().await.unwrap())
            .await
            .unwrap();
    assert_eq!(named, [printed.to_string()]);
}
