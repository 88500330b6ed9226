//! Two tills and the shop on one small quota: however they are cut off, what is sold is never more than there is.

use willcall_domain::{
    catalog::draft::{LendingDraft, QuotaDraft},
    devices::Role,
    problem::Code,
};
use willcall_server::{catalog::edit, leases};
use willcall_tests::house::{House, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn two_tills_and_the_shop_sell_a_quota_out_and_never_beyond() {
    let mut house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let a = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let b = house.station("Till 2", Role::Till, folders.1.path()).await.unwrap();
    let mut sold = 0;
    while house.buy().await.is_ok() {
        sold += 1;
    }
    house.stop().await;
    for till in [&a, &b] {
        loop {
            match till.sell(house.adults(1)).await {
                Ok(_) => sold += 1,
                Err(problem) => {
                    assert_eq!(problem.code, Code::LeaseSpent, "{problem}");
                    break;
                }
            }
        }
    }
    house.start().await.unwrap();
    for _ in 0..4 {
        for till in [&a, &b] {
            till.sync_once().await.unwrap();
            while till.sell(house.adults(1)).await.is_ok() {
                sold += 1;
            }
        }
    }
    a.sync_once().await.unwrap();
    b.sync_once().await.unwrap();
    let (counted, leased, excess) = house.counted().await.unwrap();
    assert_eq!((counted, excess), (sold, 0));
    assert!(counted + leased <= 20, "{counted} sold and {leased} lent of 20");
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
    assert_eq!(
        house.number_of("SELECT count(*) FROM lease_unit").await.unwrap(),
        i64::from(sold_at_tills(&house).await)
    );
}

async fn sold_at_tills(house: &House) -> i32 {
    let query =
        "SELECT count(*) FROM order_position p JOIN orders o USING (organizer_id, order_id) WHERE o.channel = 'till'";
    i32::try_from(house.number_of(query).await.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_sells_once_and_a_refused_sale_takes_nothing() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let request = house.adults(1);
    let first = till.sell(request.clone()).await.unwrap();
    let second = till.sell(request).await.unwrap();
    assert_eq!(first.order_id, second.order_id);
    let here = |view: willcall_domain::till::wire::TillView| view.events[0].products[0].here.unwrap();
    let before = here(till.till().await.unwrap());
    let mut poor = house.adults(1);
    poor.tender = willcall_domain::till::wire::Tender::Cash { given_minor: 2399 };
    assert_eq!(till.sell(poor).await.unwrap_err().code, Code::Underpaid);
    let many = house.adults(u32::try_from(before).unwrap() + 1);
    assert_eq!(till.sell(many).await.unwrap_err().code, Code::LeaseSpent);
    assert_eq!(here(till.till().await.unwrap()), before);
}

/// The organizer halves a quota of which a till holds units; the till has sold some of them and does not know yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_hears_of_a_smaller_quota_gives_back_what_it_has_not_sold_and_sells_no_more_of_it() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    till.sync_once().await.unwrap();
    let (_, lent, _) = house.counted().await.unwrap();
    assert!(lent > 4, "{lent}");
    till.sell(house.adults(2)).await.unwrap();
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    let draft = QuotaDraft { name: "Hall".to_owned(), size: Some(3), date_id: None };
    edit::update_quota(&mut tx, house.event, house.quota, &draft, &[house.adult, house.programme]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(house.number_of("SELECT target FROM quota WHERE name = 'Hall'").await.unwrap(), 3);
    till.sell(house.adults(1)).await.unwrap();
    // The first recall leaves the till three: the server has not heard of the sales yet.
    for _ in 0..3 {
        leases::find_dry(house.app().unwrap()).await.unwrap();
        house.number().await.unwrap();
        till.sync_once().await.unwrap();
    }
    let refused = till.sell(house.adults(1)).await.unwrap_err();
    assert_eq!(refused.code, Code::LeaseSpent, "{refused}");
    assert_eq!(house.counted().await.unwrap(), (3, 0, 0), "all that was not sold is back, and nothing was oversold");
    assert_eq!(house.number_of("SELECT count(*) FROM quota WHERE target IS NOT NULL").await.unwrap(), 0);
    assert_eq!(house.number_of("SELECT size FROM quota WHERE name = 'Hall'").await.unwrap(), 3);
    let report = till.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
}

/// A programme nobody may buy any more: what tills hold of it is of no use there.
#[tokio::test(flavor = "multi_thread")]
async fn units_of_what_is_switched_off_come_back_and_none_are_lent_until_it_is_on_again() {
    let house = House::build(Plan { places: 20, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    till.sync_once().await.unwrap();
    assert!(house.counted().await.unwrap().1 > 4);
    switch(&house, false).await;
    till.sync_once().await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(house.counted().await.unwrap(), (0, 0, 0), "all of it is back");
    switch(&house, true).await;
    till.sync_once().await.unwrap();
    till.sync_once().await.unwrap();
    assert!(house.counted().await.unwrap().1 > 4);
    till.sell(house.adults(1)).await.unwrap();
}

/// Switches every product of the quota on or off.
async fn switch(house: &House, active: bool) {
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    for item in [house.adult, house.programme] {
        let mut draft = edit::find_item(&mut tx, house.event, item).await.unwrap().draft;
        draft.active = active;
        edit::update_item(&mut tx, house.event, item, &draft).await.unwrap();
    }
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_keeps_what_lasts_for_the_outage_that_is_planned_for() {
    let house = House::build(Plan { places: 2_000, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let held = async |outage: i32| {
        let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
        let draft = LendingDraft { planned_outage_min: outage, ..leases::lending(&mut tx, house.event).await.unwrap() };
        leases::set_lending(&mut tx, house.event, draft).await.unwrap();
        tx.commit().await.unwrap();
        house.number().await.unwrap();
        for _ in 0..4 {
            till.sync_once().await.unwrap();
        }
        house.counted().await.unwrap().1
    };
    till.sync_once().await.unwrap();
    for _ in 0..5 {
        till.sell(house.adults(10)).await.unwrap_or_else(|problem| panic!("{problem}"));
        till.sync_once().await.unwrap();
    }
    let long = held(120).await;
    let short = held(10).await;
    assert!(long > short && short > 0, "{long} for two hours, {short} for ten minutes");
}
