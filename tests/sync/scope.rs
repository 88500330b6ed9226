//! What a device may see, and what becomes of its data when that changes: what was added comes, what was taken away goes,
//! and what it recorded itself stays until the server has it, and after.

use super::enter;
use willcall_domain::{
    checkin::wire::{Class, Reason},
    devices::{Right, Role},
    id::EventId,
    leases::view::GiveRequest,
};
use willcall_server::devices;
use willcall_station::Station;
use willcall_tests::{
    crowd,
    house::{House, Plan},
};

async fn events(station: &Station) -> Vec<EventId> {
    station.door().await.unwrap().events.iter().map(|event| event.event_id).collect()
}

async fn may_see_names(house: &House, station: &Station, names: bool) {
    let device = station.status().await.unwrap().enrolment.unwrap().device_id;
    let rights: &[Right] = if names { &[Right::Names, Right::Search] } else { &[Right::Search] };
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, device, rights).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_added_comes_with_all_its_rows_though_they_are_older_than_the_cursor() {
    let house = House::build(Plan::default()).await.unwrap();
    let (other, item, list) = house.another_event("autumn").await.unwrap();
    let ticket = crowd::Ticket { organizer: house.organizer, event: other, item };
    let now = house.app().unwrap().now();
    let positions = crowd::write(&mut house.admin().await.unwrap(), ticket, now, 40).await.unwrap();
    let codes = crowd::codes_of(house.app().unwrap(), ticket, positions).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let door = house.station("Gate A", Role::Door, folder.path()).await.unwrap();
    house.let_see(&door, &[house.event]).await.unwrap();
    door.sync_once().await.unwrap();
    assert_eq!((events(&door).await, door.status().await.unwrap().tickets), (vec![house.event], 0));

    // Before the event is added, its rows change: a cursor that passes these lines must not have lost them.
    house.buy().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    house.let_see(&door, &[house.event, other]).await.unwrap();
    let report = door.sync_once().await.unwrap();
    assert!(report.caught_up && report.snapshot, "{report:?}");
    assert_eq!(events(&door).await.len(), 2);
    assert_eq!(door.status().await.unwrap().tickets, 41);
    assert_eq!(enter(&door, list, &codes[7].1).await.class, Class::Admitted);
    let report = door.sync_once().await.unwrap();
    assert!(!report.snapshot, "it is all here, and is not fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_taken_away_goes_and_what_was_sold_and_scanned_there_does_not() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let (other, _, _) = house.another_event("autumn").await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (bought, elsewhere) = (house.buy().await.unwrap(), house.buy().await.unwrap());
    house.number().await.unwrap();
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let gate = house.station("Gate A", Role::Door, folders.1.path()).await.unwrap();
    assert_eq!(enter(&gate, house.list, &elsewhere.code).await.class, Class::Admitted);
    gate.sync_once().await.unwrap();
    house.number().await.unwrap();
    till.sync_once().await.unwrap();
    let address = house.url();
    house.stop().await;
    let sale = till.sell(house.adults(1)).await.unwrap();
    assert_eq!(enter(&till, house.list, &bought.code).await.class, Class::Admitted);
    let waiting = till.status().await.unwrap().waiting;
    assert!(waiting >= 4, "{waiting} facts exist only here");
    house.start().await.unwrap();
    assert_eq!(house.url(), address);
    house.let_see(&till, &[other]).await.unwrap();

    // The upload fails, the download does not: what is unsent must survive the smaller scope all the same.
    let report = till.sync_once().await.unwrap();
    assert!(report.caught_up, "{report:?}");
    assert_eq!(events(&till).await, vec![other]);
    assert_eq!(till.status().await.unwrap().tickets, 1, "only the ticket it sold itself");
    assert_eq!(till.till().await.unwrap().sales.len(), 1, "its own sale is still on the screen");
    assert_eq!(till.status().await.unwrap().waiting, 0);
    assert_eq!(house.counted().await.unwrap(), (3, 0, 0), "what it has not sold there is for sale elsewhere");
    let journal = till.verify_journal().await.unwrap();
    assert!(journal.ok, "{journal:?}");
    assert_eq!(house.number_of("SELECT count(*) FROM scan").await.unwrap(), 2, "both scans are at the server");
    let sold = "SELECT count(*) FROM orders WHERE channel = 'till' AND status = 'paid'";
    assert_eq!(house.number_of(sold).await.unwrap(), 1);

    house.let_see(&till, &[house.event]).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(till.status().await.unwrap().tickets, 3, "and it all comes back");
    let code = sale.positions[0].code.clone().unwrap();
    assert_eq!(enter(&till, house.list, &code).await.class, Class::Admitted);
    for used in [&bought.code, &elsewhere.code] {
        let verdict = enter(&till, house.list, used).await;
        assert_eq!(verdict.reason, Some(Reason::AlreadyRedeemed), "uses by itself and by others are known again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_smaller_takes_nothing_that_the_server_does_not_have() {
    let mut house = House::build(Plan::default()).await.unwrap();
    let (other, _, _) = house.another_event("autumn").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let line = willcall_tests::meddler::Meddler::new().unwrap();
    let till = house.station_over("Till 1", Role::Till, folder.path(), line.clone()).await.unwrap();
    house.stop().await;
    till.sell(house.adults(2)).await.unwrap();
    let before = (till.status().await.unwrap().waiting, till.till().await.unwrap().sales.len());
    house.start().await.unwrap();
    house.let_see(&till, &[other]).await.unwrap();
    line.decide(|what| match what {
        "push" => willcall_tests::meddler::Fate::NotSent,
        _ => willcall_tests::meddler::Fate::Passes,
    });
    let report = till.sync_once().await.unwrap();
    assert!(report.caught_up && !report.problems.is_empty(), "down it went, up it did not: {report:?}");
    let (waiting, sales) = (till.status().await.unwrap().waiting, till.till().await.unwrap().sales.len());
    assert!(waiting > before.0 && sales == before.1, "what it gives back waits behind what it sold: {waiting}");
    assert!(house.counted().await.unwrap().1 > 2, "the server has heard of nothing");
    line.be_honest();
    till.sync_once().await.unwrap();
    assert_eq!(till.status().await.unwrap().waiting, 0);
    assert_eq!(house.number_of("SELECT count(*) FROM order_position").await.unwrap(), 2);
    assert_eq!(house.counted().await.unwrap(), (2, 0, 0));
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
}

/// Units of the new event are lent as ever; those of the old one go home once, but for what another till may have by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_is_moved_to_another_event_gives_back_what_it_holds_unsold_of_the_one_before() {
    let house = House::build(Plan::default()).await.unwrap();
    let (other, _, _) = house.another_event("autumn").await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let second = house.station("Till 2", Role::Till, folders.1.path()).await.unwrap();
    let of_second = second.status().await.unwrap().enrolment.unwrap().device_id;
    house.let_see(&second, &[other]).await.unwrap();
    for station in [&second, &till] {
        station.sync_once().await.unwrap();
    }
    till.sell(house.adults(2)).await.unwrap();
    let request = GiveRequest { quota_id: house.quota, units: 3, to: of_second };
    till.give_units(request, folders.0.path().join("three.willcall")).await.unwrap();
    till.sync_once().await.unwrap();
    let (sold, leased, _) = house.counted().await.unwrap();
    assert!(sold == 2 && leased > 3, "{leased} are lent, three of them on their way");

    house.let_see(&till, &[other]).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(house.counted().await.unwrap(), (2, 3, 0), "only what is on its way is still out");
    let elsewhere = "SELECT sum(leased)::bigint FROM quota q JOIN event e USING (organizer_id, event_id)
        WHERE e.slug = 'autumn'";
    assert!(house.number_of(elsewhere).await.unwrap() > 0, "it sells there");
    let entries = "SELECT count(*) FROM journal_entry WHERE kind = 'lease_returned'";
    let returns = house.number_of(entries).await.unwrap();
    for _ in 0..2 {
        till.sync_once().await.unwrap();
    }
    assert_eq!(house.number_of(entries).await.unwrap(), returns, "nothing is given back twice");
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
    assert!(till.verify_journal().await.unwrap().ok);

    house.let_see(&till, &[house.event, other]).await.unwrap();
    till.sync_once().await.unwrap();
    assert!(house.counted().await.unwrap().1 > 3, "moved back, it is lent units again");
    till.sell(house.adults(1)).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(house.counted().await.unwrap().0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_reach_a_door_only_while_it_has_the_right_to_them() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (house.buy().await.unwrap(), house.buy().await.unwrap());
    house.number().await.unwrap();
    let door = house.station("Gate A", Role::Door, folder.path()).await.unwrap();
    let found = async || door.search(house.list, "lovelace").await.unwrap().len();
    may_see_names(&house, &door, false).await;
    door.sync_once().await.unwrap();
    assert_eq!(found().await, 0);
    assert_eq!(enter(&door, house.list, &first.code).await.name, None);
    may_see_names(&house, &door, true).await;
    door.sync_once().await.unwrap();
    assert_eq!(found().await, 2, "names of tickets that have not changed since came, too");
    assert_eq!(enter(&door, house.list, &second.code).await.name.as_deref(), Some("Ada Lovelace"));
    may_see_names(&house, &door, false).await;
    door.sync_once().await.unwrap();
    assert_eq!(found().await, 0);
    house.buy().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    assert_eq!(found().await, 0, "nor do new ones come");
    let till = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, till.path()).await.unwrap();
    assert_eq!(till.search(house.list, "lovelace").await.unwrap().len(), 3, "a till always sees them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_event_is_heard_of_by_devices_that_see_all() {
    let house = House::build(Plan::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let till = house.station("Till 1", Role::Till, folder.path()).await.unwrap();
    let (other, ..) = house.another_event("autumn").await.unwrap();
    house.number().await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(events(&till).await, vec![house.event, other]);
    till.sync_once().await.unwrap();
    let products = till.till().await.unwrap().events.into_iter().find(|e| e.event_id == other).unwrap().products;
    assert!(products[0].here.unwrap() > 0, "it has units of the new event to sell");
}

/// Who gave units away hears of their end though it sees their event no more: nobody else can give them back.
#[tokio::test(flavor = "multi_thread")]
async fn units_that_are_declined_after_their_till_was_moved_go_home() {
    let house = House::build(Plan::default()).await.unwrap();
    let (other, _, _) = house.another_event("autumn").await.unwrap();
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let till = house.station("Till 1", Role::Till, folders.0.path()).await.unwrap();
    let second = house.station("Till 2", Role::Till, folders.1.path()).await.unwrap();
    let of_second = second.status().await.unwrap().enrolment.unwrap().device_id;
    house.let_see(&second, &[other]).await.unwrap();
    for station in [&second, &till] {
        station.sync_once().await.unwrap();
    }
    let file = folders.0.path().join("three.willcall");
    let request = GiveRequest { quota_id: house.quota, units: 3, to: of_second };
    till.give_units(request, file.clone()).await.unwrap();
    house.let_see(&till, &[other]).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(house.counted().await.unwrap(), (0, 3, 0), "only what is on its way is still out");

    second.decline_units(file).await.unwrap();
    second.sync_once().await.unwrap();
    house.number().await.unwrap();
    for _ in 0..2 {
        till.sync_once().await.unwrap();
    }
    assert_eq!(house.counted().await.unwrap(), (0, 0, 0), "declined, and given back by the till they came from");
    assert!(till.verify_journal().await.unwrap().ok);
}
