//! The server's database is put back to an earlier instant: it says so and does not start, no number is given twice, what
//! stations may hold is held back until they report, and what only they know comes back or becomes a case.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::sync::Arc;
use willcall_domain::{
    clock::UtcMillis,
    devices::Role,
    id::{CaseId, OrderId, StaffId},
    leases::right_view::TakeRightRequest,
    money::{Currency, Money},
    orders::{OrderStatus, PositionRow, SoldAt},
    sync::{Offer, OfferAnswer, Resolution, Row},
    till::wire::SellRequest,
};
use willcall_server::{
    Config,
    config::database::Source,
    doctor,
    payments::since::{Found, Received, Unclear},
    server::{self, Nature},
    sync::{
        backups,
        cases::{self, By},
    },
};
use willcall_tests::{
    gateway::Books,
    hand::{Hand, opened},
    house::{House, Plan},
};

/// Puts a copy of the database aside, or puts it back. Nobody may be connected.
async fn copy(house: &House, from: &str, to: &str) {
    let mut admin = PgConnection::connect_with(&house.database.admin().database("postgres")).await.unwrap();
    for statement in
        [format!("DROP DATABASE IF EXISTS {to} WITH (FORCE)"), format!("CREATE DATABASE {to} TEMPLATE {from}")]
    {
        admin.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

async fn name(house: &House) -> String {
    sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut house.admin().await.unwrap()).await.unwrap()
}

/// As an operator has it: who migrates may raise numbers.
fn config(house: &House) -> Config {
    let mut config = house.database.config();
    let migrate_url = Some(house.database.admin_url());
    config.database.source = Source::Given { url: house.database.url(), migrate_url };
    config
}

/// Backs the database up, lets `meanwhile` happen, and puts it back.
async fn put_back<F: AsyncFnOnce(&mut House)>(house: &mut House, meanwhile: F) {
    let live = name(house).await;
    let aside = format!("{live}_aside");
    house.stop().await;
    copy(house, &live, &aside).await;
    house.start().await.unwrap();
    meanwhile(house).await;
    house.number().await.unwrap();
    // The mark follows within a second; it is written for sure before this asks for the mark itself.
    let mark = house.database.config().mark;
    let head = house.number_of("SELECT coalesce(sum(position), 0)::bigint FROM change_head").await.unwrap();
    willcall_tests::server::until("the mark to follow", || async {
        let mark = willcall_server::database::mark::read(&mark)?;
        Ok(mark.filter(|mark| mark.changes >= head))
    })
    .await
    .unwrap();
    house.stop().await;
    copy(house, &aside, &live).await;
}

async fn open_cases(house: &House) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM station_case WHERE closed_at IS NULL ORDER BY kind")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

/// Whoever decides in the office.
async fn staff(house: &House) -> StaffId {
    let id: i64 = sqlx::query_scalar(
        "INSERT INTO staff (organizer_id, email, name, password_hash, role, created_at)
         VALUES ($1, 'ines@house.example', 'Ines', '', 'owner', 0) RETURNING staff_id",
    )
    .bind(house.organizer.0)
    .fetch_one(&mut house.admin().await.unwrap())
    .await
    .unwrap();
    StaffId(id)
}

/// The one ticket of an order this server does not have.
fn lost(house: &House, n: u128, code: &str) -> Row {
    Row::Position(PositionRow {
        position_id: willcall_domain::id::PositionId(uuid::Uuid::from_u128(n)),
        order_id: OrderId(uuid::Uuid::from_u128(n + 100)),
        order_code: code.to_owned(),
        event_id: house.event,
        item_id: house.adult,
        order_status: OrderStatus::Paid,
        canceled: false,
        blocked: false,
        issue: 1,
        name: Some("Ada Lovelace".to_owned()),
        plain: None,
        valid_from: None,
        valid_until: None,
        test: false,
        variation_id: None,
        date_id: None,
        addon_to: None,
        door: Default::default(),
        sold_at: Some(SoldAt { price_minor: 1900, tax_rate_bp: 700 }),
        version: 1,
    })
}

/// Offers what a station has and the server has not.
async fn send(station: &Hand, offer: &Offer) -> OfferAnswer {
    let request = reqwest::Client::new().post(format!("{}/api/station/v1/offers", station.url));
    let answer = request.bearer_auth(&station.answer.device_token).json(offer).send().await.unwrap();
    answer.error_for_status().unwrap().json().await.unwrap()
}

/// What the doctor finds wrong with the data.
async fn wrong(house: &House) -> Vec<String> {
    let report = doctor::examine(house.database.config()).await;
    let about_data = [
        "places-sold",
        "units-lent",
        "units-held-back",
        "units-sold-once",
        "rights-held-once",
        "vouchers-spent-once",
        "money",
        "order-sums",
        "journals",
        "check-ins",
        "parked",
        "invariants",
    ];
    report.findings.iter().filter(|f| !f.ok && about_data.contains(&f.check)).map(|f| f.detail.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_put_back_does_not_start_until_it_is_recovered_and_then_gets_back_what_a_till_has() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    till.sell(house.adults(1)).await.unwrap();
    till.sync_once().await.unwrap();
    let mut bought = None;
    put_back(&mut house, async |house: &mut House| {
        till.sell(house.adults(2)).await.unwrap();
        till.sync_once().await.unwrap();
        till.sell(house.adults(3)).await.unwrap();
        bought = Some(house.buy().await.unwrap());
        house.number().await.unwrap();
        till.sync_once().await.unwrap();
    })
    .await;
    let refused = house.start().await.unwrap_err().to_string();
    assert!(refused.contains("willcall-server recover"), "{refused}");
    let head = house.number_of("SELECT max(position) FROM change").await.unwrap();
    assert_eq!(server::recover(config(&house), Nature::default()).await.unwrap().stations, 1);
    house.start().await.unwrap();
    assert_eq!(open_cases(&house).await, ["station_not_heard"]);
    let held = house.number_of("SELECT unheard FROM quota").await.unwrap();
    assert!(held > 0, "what the till may have been lent is held back");
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
    till.sync_once().await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(open_cases(&house).await, ["lost_row"], "one closed by itself, and the till offers what was lost");
    let lost: serde_json::Value = sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = 'lost_row'")
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    let bought = bought.unwrap();
    assert_eq!(lost["order_id"], serde_json::json!(bought.order_id));
    let verdict = super::enter(&till, house.list, &bought.code).await;
    assert_eq!(verdict.class, willcall_domain::checkin::wire::Class::Admitted, "whoever holds it is let in");
    assert_eq!(house.number_of("SELECT unheard FROM quota").await.unwrap(), 0);
    assert_eq!(house.number_of("SELECT count(*) FROM order_position").await.unwrap(), 6);
    let (sold, leased, excess) = house.counted().await.unwrap();
    assert_eq!((sold, excess), (6, 0));
    let outstanding =
        "SELECT coalesce(sum(granted - sold - returned - freed - given - written_off), 0)::bigint FROM lease";
    assert_eq!(house.number_of(outstanding).await.unwrap(), leased, "leases are back by their signed grants");
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
    house.number().await.unwrap();
    let first = "SELECT min(position) FROM change WHERE position > 1000000";
    assert!(house.number_of(first).await.unwrap() > head + 1_000_000, "no number is given twice");
    house.stop().await;
    house.start().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_station_is_released_by_a_person_and_an_order_only_a_station_knows_is_adopted_or_left_out() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let till = Hand::enrol(&house, "Till 1", Role::Till).await.unwrap();
    till.push(&[till.write(opened()).unwrap()]).await.unwrap();
    put_back(&mut house, async |house: &mut House| {
        house.buy().await.unwrap();
    })
    .await;
    server::recover(config(&house), Nature::default()).await.unwrap();
    house.start().await.unwrap();
    let history = house.app().unwrap().history;
    let offer = Offer { history, rows: vec![lost(&house, 1, "LOST1"), lost(&house, 2, "LOST2")] };
    for _ in 0..2 {
        assert_eq!(send(&till, &offer).await.known, 0);
    }
    assert_eq!(open_cases(&house).await, ["lost_row", "lost_row", "station_not_heard"], "offered twice, asked once");
    let mut admin = house.admin().await.unwrap();
    let details: Vec<serde_json::Value> = sqlx::query_scalar("SELECT detail FROM station_case WHERE kind = 'lost_row'")
        .fetch_all(&mut admin)
        .await
        .unwrap();
    assert!(!details.iter().any(|d| d.to_string().contains("Ada")), "cases name nobody");
    let by = By::Staff { id: staff(&house).await, name: "Ines" };
    let case = |kind: &'static str, nth: i64| {
        let mut admin = house.database.admin();
        admin = admin.application_name("look");
        async move {
            let mut admin = PgConnection::connect_with(&admin).await.unwrap();
            let id: uuid::Uuid = sqlx::query_scalar(
                "SELECT case_id FROM station_case WHERE kind = $1 ORDER BY detail ->> 'order_code' OFFSET $2 LIMIT 1",
            )
            .bind(kind)
            .bind(nth)
            .fetch_one(&mut admin)
            .await
            .unwrap();
            CaseId(id)
        }
    };
    let held = house.number_of("SELECT unheard FROM quota").await.unwrap();
    assert!(held > 0);
    for (case, how) in [
        (case("lost_row", 0).await, Resolution::Adopt),
        (case("lost_row", 1).await, Resolution::LeaveOut),
        (case("station_not_heard", 0).await, Resolution::Release),
    ] {
        let app = house.app().unwrap();
        let mut tx = app.begin(house.organizer).await.unwrap();
        cases::resolve(app, &mut tx, case, how, &by, "").await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(open_cases(&house).await, Vec::<String>::new());
    assert_eq!(
        house.number_of("SELECT count(*) FROM orders WHERE code = 'LOST1' AND name = 'Ada Lovelace'").await.unwrap(),
        1
    );
    let cost = "SELECT total_minor FROM orders WHERE code = 'LOST1'";
    assert_eq!(house.number_of(cost).await.unwrap(), 1900, "what it was sold for, not what it would cost today");
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE code = 'LOST2'").await.unwrap(), 0);
    assert_eq!(house.number_of("SELECT count(*) FROM lost_row WHERE row IS NOT NULL").await.unwrap(), 0);
    assert_eq!(house.counted().await.unwrap(), (1, 0, 0));
    assert_eq!(house.number_of("SELECT unheard FROM quota").await.unwrap(), 0);
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_only_a_station_knows_is_adopted_where_there_is_no_room_and_a_person_is_told() {
    let mut house = House::build(Plan { places: 2, ..Plan::default() }).await.unwrap();
    put_back(&mut house, async |house: &mut House| {
        house.buy().await.unwrap();
    })
    .await;
    assert_eq!(server::recover(config(&house), Nature::default()).await.unwrap().stations, 0, "nobody is waited for");
    house.start().await.unwrap();
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    // One of the two places is sold again before the door offers what it knows.
    house.buy().await.unwrap();
    let history = house.app().unwrap().history;
    send(&door, &Offer { history, rows: vec![lost(&house, 1, "LOST1"), lost(&house, 2, "LOST2")] }).await;
    let mut admin = house.admin().await.unwrap();
    let asked: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT case_id FROM station_case WHERE kind = 'lost_row' ORDER BY detail ->> 'order_code'")
            .fetch_all(&mut admin)
            .await
            .unwrap();
    let by = By::Device { id: door.device, name: "Door" };
    let adopt = async |case: uuid::Uuid, by: &By<'_>| {
        let app = house.app().unwrap();
        let mut tx = app.begin(house.organizer).await.unwrap();
        let done = cases::resolve(app, &mut tx, CaseId(case), Resolution::Adopt, by, "").await;
        tx.commit().await.unwrap();
        done
    };
    assert!(adopt(asked[0], &by).await.is_err(), "not at a station");
    let by = By::Staff { id: staff(&house).await, name: "Ines" };
    adopt(asked[0], &by).await.unwrap();
    assert_eq!((open_cases(&house).await, house.counted().await.unwrap()), (vec!["lost_row".to_owned()], (2, 0, 0)));
    adopt(asked[1], &by).await.unwrap();
    assert_eq!((open_cases(&house).await, house.counted().await.unwrap()), (vec!["excess".to_owned()], (3, 0, 1)));
    let (detail, event): (serde_json::Value, i64) =
        sqlx::query_as("SELECT detail, event_id FROM station_case WHERE kind = 'excess'")
            .fetch_one(&mut admin)
            .await
            .unwrap();
    let quotas = serde_json::json!({ "order_id": uuid::Uuid::from_u128(102), "quotas": [house.quota] });
    assert_eq!((detail, event), (quotas, house.event.0));
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_a_finished_backup_is_safe_and_nothing_above_it() {
    let house = House::build(Plan::default()).await.unwrap();
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    let entries: Vec<_> = (0..5).map(|_| door.write(opened()).unwrap()).collect();
    assert_eq!(door.push(&entries[..2]).await.unwrap().safe, 0);
    let app = house.app().unwrap();
    assert_eq!(backups::begin(app).await.unwrap(), 1);
    assert_eq!(door.push(&entries[2..4]).await.unwrap().safe, 0, "it is not finished");
    backups::finish(app, None).await.unwrap();
    assert_eq!(door.push(&entries[4..]).await.unwrap().safe, 2, "what came while it was made may not be in it");
    assert_eq!(door.contact(&door.question()).await.unwrap().safe, 2);
    let long_ago = willcall_domain::clock::UtcMillis(1_000);
    backups::finish(app, Some(long_ago)).await.unwrap();
    assert_eq!(door.contact(&door.question()).await.unwrap().safe, 2, "it never goes back");
}

/// A till got the right to a voucher in the time that was lost: nobody else gets it before the till has reported, and then
/// the till's own journal proves it.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_of_the_lost_time_is_proven_by_its_till_and_given_to_nobody_before() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let a = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let b = house.station("Till 2", Role::Till, folders.1.path()).await.unwrap();
    let voucher = "INSERT INTO voucher (organizer_id, event_id, code, effect, made_at)
        SELECT organizer_id, event_id, 'SPRING', '{\"kind\":\"percent_off\",\"percent_bp\":5000}', 0 FROM event";
    sqlx::query(voucher).execute(&mut house.admin().await.unwrap()).await.unwrap();
    let ask = || TakeRightRequest { code: "SPRING".to_owned(), what: None };
    put_back(&mut house, async |house: &mut House| {
        a.take_right(ask()).await.unwrap();
        a.sync_once().await.unwrap();
        house.number().await.unwrap();
    })
    .await;
    assert_eq!(
        server::recover(config(&house), Nature::default()).await.unwrap().stations,
        2,
        "two tills are waited for"
    );
    house.start().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM held_right").await.unwrap(), 0, "lost");
    let refused = b.take_right(ask()).await.unwrap_err();
    assert!(refused.detail.contains("has not reported"), "{refused}");
    for _ in 0..2 {
        b.sync_once().await.unwrap();
    }
    let refused = b.take_right(ask()).await.unwrap_err();
    assert!(refused.detail.contains("Till 1 has not reported"), "{refused}");
    for _ in 0..2 {
        a.sync_once().await.unwrap();
    }
    assert_eq!(house.number_of("SELECT count(*) FROM held_right WHERE state = 'taken'").await.unwrap(), 1, "proven");
    let refused = b.take_right(ask()).await.unwrap_err();
    assert!(refused.detail.contains("Till 1 holds it"), "{refused}");
    let half = SellRequest { vouchers: vec!["SPRING".to_owned()], ..house.adults(1) };
    assert_eq!(a.sell(half).await.unwrap().total.minor, 1200);
    a.sync_once().await.unwrap();
    assert_eq!(house.number_of("SELECT uses FROM voucher").await.unwrap(), 1);
    assert!(open_cases(&house).await.is_empty(), "{:?}", open_cases(&house).await);
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_in_since_the_backup_is_asked_of_who_moved_the_money() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let (paid, code) = house.order().await.unwrap();
    let (short, of_short) = house.order().await.unwrap();
    put_back(&mut house, async |house: &mut House| {
        house.buy().await.unwrap();
    })
    .await;
    let came = |order, minor, reference: &str| Received {
        order,
        amount: Money::new(minor, Currency::EUR),
        at: UtcMillis(0),
        reference: reference.to_owned(),
    };
    let nobody = OrderId(uuid::Uuid::from_u128(5));
    let payments = Some(vec![came(paid, 2400, "A"), came(short, 100, "B"), came(nobody, 2400, "C")]);
    let books = Arc::new(Books { payments, ..Books::default() });
    let silent = Arc::new(Books::default());
    let nature = Nature { gateways: vec![books.clone(), silent], ..Nature::default() };
    let recovered = server::recover(config(&house), nature).await.unwrap();
    assert_eq!(recovered.payments[0], Found::Paid { code });
    let Found::Unclear { why: Unclear::Amount { code, owed }, .. } = &recovered.payments[1] else {
        panic!("{recovered:?}")
    };
    assert_eq!((code, owed.minor), (&of_short, 2400));
    assert!(matches!(&recovered.payments[2], Found::Unclear { why: Unclear::NoOrder, .. }), "{recovered:?}");
    let Found::Silent { says, .. } = &recovered.payments[3] else { panic!("{recovered:?}") };
    assert!(says.contains("nobody is there"), "{says}");
    assert_eq!(books.asked.lock().unwrap().len(), 1);
    house.start().await.unwrap();
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE status = 'paid'").await.unwrap(), 1);
    assert!(wrong(&house).await.is_empty(), "{:?}", wrong(&house).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_finishes_backups_the_server_says_so() {
    let house = House::build(Plan::default()).await.unwrap();
    let door = Hand::enrol(&house, "Door", Role::Door).await.unwrap();
    door.push(&[door.write(opened()).unwrap()]).await.unwrap();
    let app = house.app().unwrap();
    let metrics = async || reqwest::get(format!("{}/metrics", house.url())).await.unwrap().text().await.unwrap();
    assert!(metrics().await.contains("willcall_backup_late 0"));
    sqlx::query("UPDATE journal_entry SET received_at = received_at - 4 * 86400000")
        .execute(&mut house.admin().await.unwrap())
        .await
        .unwrap();
    assert!(metrics().await.contains("willcall_backup_late 1"));
    let finding = async || {
        let report = doctor::examine(house.database.config()).await;
        report.findings.into_iter().find(|f| f.check == "backups").unwrap()
    };
    let late = finding().await;
    assert!(!late.ok && late.detail.contains("4 days"), "{late:?}");
    backups::begin(app).await.unwrap();
    backups::finish(app, None).await.unwrap();
    assert!(finding().await.ok);
    assert!(metrics().await.contains("willcall_backup_late 0"));
}
