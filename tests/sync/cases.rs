//! Cases at stations: they offer what the server allows, and what it refuses is open again, with a line that says who
//! wanted what.

use uuid::Uuid;
use willcall_domain::{
    devices::Role,
    id::{CaseId, OrderId, PaymentId},
    money::{Currency, Money},
    problem::Code,
    sync::{
        Fact, Outcome, PushAnswer, Resolution,
        case_view::{CaseView, CloseCaseRequest},
    },
};
use willcall_station::Station;
use willcall_tests::{
    hand::{Hand, opened, sold},
    house::{House, Plan},
};

const SOLD: OrderId = OrderId(Uuid::from_u128(7));

/// A till with a sale, a receipt of another sum, which is applied, and a payment in other money, which waits. Answers
/// the till and both cases.
async fn till_with_cases(house: &House) -> (Hand, CaseId, CaseId) {
    let till = Hand::enrol(house, "Till 1", Role::Till).await.unwrap();
    let francs = Money::new(2400, Currency::CHF);
    let facts = [
        opened(),
        sold(house, SOLD, "T1-00001"),
        Fact::Receipt { number: 1, order_id: SOLD, total: Money::new(100, Currency::EUR) },
        Fact::Payment {
            payment_id: PaymentId(Uuid::from_u128(8)),
            order_id: SOLD,
            amount: francs,
            given: francs,
            change: Money::zero(Currency::CHF),
        },
    ];
    let entries: Vec<_> = facts.into_iter().map(|fact| till.write(fact).unwrap()).collect();
    let answer = till.push(&entries).await.unwrap();
    (till, of(&answer, 3), of(&answer, 4))
}

fn of(answer: &PushAnswer, seq: u64) -> CaseId {
    match answer.outcomes.iter().find(|(n, _)| *n == seq).map(|(_, outcome)| *outcome) {
        Some(Outcome::AppliedWithCase { case_id } | Outcome::Parked { case_id }) => case_id,
        other => panic!("{seq} is {other:?}"),
    }
}

/// What a station shows of a case, once it has heard all there is.
async fn shown(house: &House, station: &Station, case: CaseId) -> CaseView {
    house.number().await.unwrap();
    station.sync_once().await.unwrap();
    let cases = station.cases().await.unwrap();
    cases.open.into_iter().chain(cases.closed).find(|c| c.case_id == case).unwrap()
}

async fn lines(house: &House) -> Vec<(Uuid, String, String, String)> {
    sqlx::query_as("SELECT case_id, what, person, resolution FROM case_line ORDER BY line_id")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_offers_for_a_case_what_the_server_allows_and_what_it_refuses_is_open_again() {
    use Resolution::{LeaveOut, Retry, Seen};
    let house = House::build(Plan::default()).await.unwrap();
    let (_, noticed, waiting) = till_with_cases(&house).await;
    let folder = tempfile::tempdir().unwrap();
    let other = house.station("Till 2", Role::Till, folder.path()).await.unwrap();
    assert_eq!(shown(&house, &other, noticed).await.choices, [Seen], "the receipt was applied");
    assert_eq!(shown(&house, &other, waiting).await.choices, [Retry, LeaveOut], "the payment waits");
    let close = |case_id, resolution| CloseCaseRequest { case_id, resolution };
    assert_eq!(other.close_case(close(noticed, LeaveOut)).await.unwrap_err().code, Code::Conflict);
    other.close_case(close(noticed, Seen)).await.unwrap();
    assert_eq!(shown(&house, &other, noticed).await.resolution.as_deref(), Some("seen"));
    assert!(lines(&house).await.is_empty());
    // What waited is applied by the time the station, which has not heard of it, leaves it out.
    sqlx::query("UPDATE journal_entry SET outcome = 'applied_with_case' WHERE case_id = $1")
        .bind(waiting.0)
        .execute(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    let open = other.status().await.unwrap().open_cases;
    other.close_case(close(waiting, LeaveOut)).await.unwrap();
    assert_eq!(other.status().await.unwrap().open_cases, open - 1);
    other.sync_once().await.unwrap();
    let case = shown(&house, &other, waiting).await;
    assert_eq!((case.closed_at, case.resolution, case.tried_at), (None, None, None), "open here as in the office");
    assert_eq!(case.choices, [Seen], "and offered as it can be closed");
    assert_eq!(other.status().await.unwrap().open_cases, open);
    let said = (waiting.0, "refused".to_owned(), "Till 2".to_owned(), "leave_out".to_owned());
    assert_eq!(lines(&house).await, [said]);
    // Closed as it can be, it stays closed.
    other.close_case(close(waiting, Seen)).await.unwrap();
    assert_eq!(other.status().await.unwrap().open_cases, open - 1);
    other.sync_once().await.unwrap();
    assert_eq!(shown(&house, &other, waiting).await.resolution.as_deref(), Some("seen"));
    let ended = "SELECT count(*) FROM station_case WHERE closed_at IS NOT NULL AND person = 'Till 2'";
    assert_eq!(house.number_of(ended).await.unwrap(), 2);
    assert!(other.verify_journal().await.unwrap().ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_decides_what_the_office_decides_is_refused_with_a_line_and_told() {
    let house = House::build(Plan::default()).await.unwrap();
    let (till, noticed, _) = till_with_cases(&house).await;
    let closed = till.write(Fact::CaseClosed { case_id: noticed, resolution: "adopt".to_owned() }).unwrap();
    let answer = till.push(std::slice::from_ref(&closed)).await.unwrap();
    assert_eq!(answer.outcomes, [(closed.seq, Outcome::Applied)]);
    house.number().await.unwrap();
    let row = till.rows().await.unwrap().into_iter().rev().find_map(|row| match row {
        willcall_domain::sync::Row::Case(row) if row.case_id == noticed => Some(row),
        _ => None,
    });
    let row = row.unwrap();
    assert_eq!((row.closed_at, row.refused, row.version), (None, vec![closed.reference()], 2));
    assert_eq!(lines(&house).await.len(), 1);
    // The same entry again adds nothing.
    till.push(&[closed]).await.unwrap();
    assert_eq!(lines(&house).await.len(), 1);
}
