//! What the database itself refuses of the accounts of units, whoever writes; and what makes the accounts meet where a
//! product left its quota, or a till is silent.

use super::units::{cases, counts, house, order_of, push, returned, sale, send, ticket, till, told};
use sqlx::Connection as _;
use willcall_domain::{
    catalog::draft::{LendingDraft, QuotaDraft},
    devices::Role,
    leases::{LeaseState, UnitRef},
    sync::{
        Fact, Outcome, Resolution, Row,
        fact::{ClosedReason, Paper},
    },
};
use willcall_server::{
    catalog::edit,
    devices, leases,
    sync::cases::{self as server_cases, By, Resolved},
};
use willcall_tests::{hand::Hand, house::House};

/// When a broken promise must be noticed at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noticed {
    AtTheStatement,
    AtTheCommit,
}

/// Whoever writes, a program of ours or a person at a prompt: the database itself refuses what breaks the promise, and a
/// unit in two places or in none at the very statement.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_a_count_that_does_not_add_up() {
    use Noticed::{AtTheCommit, AtTheStatement};
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1), returned(&body, 8, 2, vec![])]).await;
    let broken = [
        (AtTheStatement, "quota_counts_its_leases", "UPDATE quota SET leased = leased + 1"),
        (AtTheStatement, "quota_counts_its_leases", "UPDATE quota SET in_flight = 1"),
        (AtTheStatement, "quota_counts_its_leases", "UPDATE lease SET granted = 11"),
        (AtTheStatement, "quota_counts_its_leases", "UPDATE lease SET returned = 1, returned_units = '{[8,9)}'"),
        (AtTheStatement, "lease_unit_in_one_place", "UPDATE lease SET returned_units = '{[0,2)}'"),
        (AtTheStatement, "lease_unit_in_one_place", "UPDATE lease SET returned_units = '{[8,9)}'"),
        (AtTheStatement, "lease_unit_in_one_place", "DELETE FROM lease_unit"),
        (AtTheStatement, "lease_not_overdrawn", "UPDATE lease SET written_off = 8"),
        (AtTheStatement, "quota_not_oversold", "UPDATE quota SET size = 5"),
        (AtTheStatement, "quota_target_below_size", "UPDATE quota SET target = 40"),
        (AtTheStatement, "quota_in_flight_is_leased", "UPDATE quota SET in_flight = 8"),
        (AtTheCommit, "quota_counts_its_positions", "UPDATE quota SET sold = sold + 1 WHERE size IS NOT NULL"),
        (AtTheCommit, "quota_counts_its_positions", "UPDATE quota SET sold = 0"),
        (AtTheCommit, "quota_counts_its_positions", "UPDATE order_position SET canceled = true"),
        (AtTheCommit, "quota_counts_its_positions", "UPDATE orders SET status = 'canceled'"),
        (AtTheCommit, "quota_counts_its_positions", "DELETE FROM quota_item"),
    ];
    for (noticed, constraint, statement) in broken {
        let mut admin = house.admin().await.unwrap();
        let mut tx = admin.begin().await.unwrap();
        let named = |e: sqlx::Error| e.as_database_error().and_then(|d| d.constraint()).map(str::to_owned);
        let done = match sqlx::query(statement).execute(&mut *tx).await {
            Ok(_) => tx.commit().await.map_err(|e| (AtTheCommit, named(e))),
            Err(error) => Err((AtTheStatement, named(error))),
        };
        assert_eq!(done, Err((noticed, Some(constraint.to_owned()))), "{statement}");
    }
    assert_eq!(counts(&house).await, (1, 7, 0, 0));
}

/// A server of before writes a movement in several statements, and the new schema must not be in its way while both run.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_before_is_looked_at_when_it_commits() {
    let house = house(40).await;
    let (_, body) = till(&house, "Till 1", 10).await;
    let mut admin = house.admin().await.unwrap();
    for (last, good) in [("UPDATE quota SET leased = 8 WHERE leased > 0", true), ("SELECT 1", false)] {
        let mut tx = admin.begin().await.unwrap();
        let before = format!("SET LOCAL willcall.organizer = '{}'", house.organizer.0);
        sqlx::query(sqlx::AssertSqlSafe(before)).execute(&mut *tx).await.unwrap();
        sqlx::query("UPDATE lease SET returned = 2, returned_units = '{[8,10)}' WHERE lease_id = $1")
            .bind(body.lease_id.0)
            .execute(&mut *tx)
            .await
            .expect("the quota is written by the next statement");
        sqlx::query(last).execute(&mut *tx).await.unwrap();
        if good {
            sqlx::query("SET CONSTRAINTS ALL IMMEDIATE").execute(&mut *tx).await.expect("both are written");
            tx.rollback().await.unwrap();
        } else {
            let refused = tx.commit().await.expect_err("the quota was never written");
            assert_eq!(refused.as_database_error().unwrap().constraint(), Some("quota_counts_its_leases"));
        }
    }
}

/// The office takes a product out of a quota while a till that is cut off sells it from its lease of that very quota.
#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_a_product_that_has_left_its_quota_takes_the_unit_and_no_place() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let early = sale(&house, body.lease_id, 0, ticket(&body, 0), 1);
    push(&till, vec![early.clone()]).await;
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let draft = QuotaDraft { name: "Hall".to_owned(), size: Some(40), date_id: None };
    edit::update_quota(&mut tx, house.event, house.quota, &draft, &[house.programme]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(counts(&house).await, (0, 9, 0, 0), "what its product sold before counts no more");
    let late = sale(&house, body.lease_id, 1, ticket(&body, 1), 2);
    push(&till, vec![late.clone()]).await;
    assert_eq!(counts(&house).await, (0, 8, 0, 0), "the unit is used up");
    let void = |sale: &Fact, unit: u32| Fact::Void {
        order_id: order_of(sale),
        event_id: house.event,
        positions: vec![ticket(&body, unit)],
        back: vec![UnitRef { lease_id: body.lease_id, unit }],
        freed: vec![],
        paper: Paper::NotPrinted,
    };
    push(&till, vec![void(&early, 0), void(&late, 1)]).await;
    assert_eq!(counts(&house).await, (0, 10, 0, 0), "both are the till's again");
    assert!(cases(&house).await.is_empty(), "{:?}", cases(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_silent_till_was_asked_for_keeps_nobody_waiting() {
    let house = house(80).await;
    let (first, of_first) = till(&house, "Till 1", 10).await;
    let (second, of_second) = till(&house, "Till 2", 10).await;
    let other = Hand::enrol(&house, "Till 3", Role::Till).await.unwrap();
    while house.buy().await.is_ok() {}
    let silence = async |of: &str, heard: &str| {
        let mut admin = house.admin().await.unwrap();
        for (name, ago) in [(of, 120_000), (heard, 0)] {
            sqlx::query("UPDATE device SET last_contact_at = $2 WHERE name = $1")
                .bind(name)
                .bind(house.app().unwrap().now().0 - ago)
                .execute(&mut admin)
                .await
                .unwrap();
        }
    };
    silence("Till 2", "Till 1").await;
    assert!(other.lease(&house, 9).await.is_err(), "nothing is left");
    assert_eq!(told(&house, &first, of_first.lease_id).await, Some((LeaseState::Open, Some(1))));
    assert_eq!(told(&house, &second, of_second.lease_id).await, None, "the first is there and can spare it");
    silence("Till 1", "Till 2").await;
    assert!(other.lease(&house, 9).await.is_err(), "nothing came back");
    assert_eq!(told(&house, &second, of_second.lease_id).await, Some((LeaseState::Open, Some(1))), "nobody waits");
}

async fn switch_off(house: &House, till: &Hand) {
    // As much of its journal as is here is all of it, and it says so.
    till.contact(&till.question()).await.unwrap();
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::revoke(&mut tx, till.device).await.unwrap();
    tx.commit().await.unwrap();
}

fn end() -> Fact {
    Fact::Closed { reason: ClosedReason::Reenrolled }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_till_that_was_switched_off_gives_back_when_it_is_enrolled_anew_comes_home_by_itself() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1)]).await;
    switch_off(&house, &till).await;
    assert_eq!(counts(&house).await, (1, 9, 0, 0), "being switched off frees nothing by itself");
    let (_, back) = send(&till, vec![returned(&body, 1, 9, vec![])]).await;
    assert!(matches!(back[..], [Outcome::Parked { .. }]), "it has not ended yet: {back:?}");
    assert_eq!((counts(&house).await, cases(&house).await), ((1, 9, 0, 0), vec!["after_revocation".to_owned()]));
    send(&till, vec![end()]).await;
    assert_eq!(counts(&house).await, (1, 0, 0, 0), "nothing can be missing between: its units are home");
    assert!(cases(&house).await.is_empty(), "{:?}", cases(&house).await);
    assert_eq!(house.number_of("SELECT count(*) FROM write_off").await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_after_it_was_switched_off_keeps_its_unit_until_a_person_has_decided() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    switch_off(&house, &till).await;
    let sold = sale(&house, body.lease_id, 0, ticket(&body, 0), 1);
    let (_, outcomes) = send(&till, vec![sold, returned(&body, 1, 9, vec![]), end()]).await;
    let Some(Outcome::Parked { case_id }) = outcomes.first() else { panic!("{outcomes:?}") };
    assert_eq!(counts(&house).await, (0, 1, 0, 0), "what it gave back is home, the unit it sold is not");
    assert_eq!(cases(&house).await, ["after_revocation"]);
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let by = By::Device { id: till.device, name: "Till 1" };
    let done = server_cases::resolve(house.app().unwrap(), &mut tx, *case_id, Resolution::Retry, &by, "").await;
    assert_eq!(done.unwrap(), Resolved::Closed);
    tx.commit().await.unwrap();
    assert_eq!(
        (counts(&house).await, cases(&house).await),
        ((1, 0, 0, 0), vec![]),
        "it was a mistake, and all is well"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_ticket_of_a_sale_that_was_sold_before_is_a_case_and_the_rest_of_the_sale_is_valid() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let first = sale(&house, body.lease_id, 0, ticket(&body, 0), 1);
    let Fact::Sale { order_id, order_code, event_id, request_id, lines, total } =
        sale(&house, body.lease_id, 1, ticket(&body, 0), 2)
    else {
        panic!("a sale")
    };
    let mut more = lines[0].clone();
    more.position_id = ticket(&body, 1);
    more.units = vec![UnitRef { lease_id: body.lease_id, unit: 2 }];
    let lines = vec![lines[0].clone(), more];
    let total = total.plus(total).unwrap();
    let second = Fact::Sale { order_id, order_code, event_id, request_id, lines, total };
    let (_, outcomes) = send(&till, vec![first, second]).await;
    assert!(matches!(outcomes[..], [Outcome::Applied, Outcome::AppliedWithCase { .. }]), "{outcomes:?}");
    assert_eq!(cases(&house).await, ["ticket_sold_twice"]);
    assert_eq!(counts(&house).await, (2, 7, 0, 0), "the unit of the ticket that was sold before is free");
    let costs = "SELECT total_minor FROM orders ORDER BY total_minor DESC LIMIT 1";
    assert_eq!(house.number_of(costs).await.unwrap(), 4800, "the money for both came in");
    assert_eq!(house.number_of("SELECT count(*) FROM order_position WHERE canceled").await.unwrap(), 1);
    assert_eq!(house.number_of("SELECT count(*) FROM order_position").await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_tills_may_not_sell_for_asks_all_units_back_and_lends_none() {
    let house = house(40).await;
    let (till, body) = till(&house, "Till 1", 10).await;
    let switch = async |on: bool| {
        let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
        let draft = LendingDraft { till_sales: on, ..leases::lending(&mut tx, house.event).await.unwrap() };
        leases::set_lending(&mut tx, house.event, draft).await.unwrap();
        tx.commit().await.unwrap();
    };
    switch(false).await;
    assert_eq!(told(&house, &till, body.lease_id).await, Some((LeaseState::Open, Some(0))), "all of them");
    let may = async || {
        let rows = till.rows().await.unwrap();
        rows.into_iter().find_map(|row| match row {
            Row::Event(event) => Some(event.till_sales),
            _ => None,
        })
    };
    assert_eq!(may().await, Some(false));
    let other = Hand::enrol(&house, "Till 2", Role::Till).await.unwrap();
    assert!(other.lease(&house, 1).await.is_err(), "nothing is lent");
    house.buy().await.expect("the web goes on");
    push(&till, vec![sale(&house, body.lease_id, 0, ticket(&body, 0), 1), returned(&body, 1, 9, vec![])]).await;
    assert_eq!(counts(&house).await, (2, 0, 0, 0), "a sale before it was heard is valid");
    assert!(cases(&house).await.is_empty(), "{:?}", cases(&house).await);
    assert_eq!(house.number_of("SELECT count(*) FROM audit WHERE deed = 'lending_changed'").await.unwrap(), 1);
    switch(true).await;
    assert_eq!(may().await, Some(true));
    assert!(other.lease(&house, 1).await.is_ok());
}
