//! Sales undone at their till, with and without a link: where the units are then, that the money adds up, that the tickets
//! are refused, and what is not undone.

use crate::enter;
use std::path::Path;
use willcall_domain::{
    checkin::Class,
    devices::Role,
    id::{OrderId, PositionId, RequestId},
    paper::Language,
    problem::Code,
    sync::fact::{Paper, Printed},
    till::wire::{SaleView, SellLine, VoidPaper, VoidRequest},
};
use willcall_server::doctor;
use willcall_station::Station;
use willcall_tests::{
    house::{House, Plan},
    picture,
};

fn request(till: &Station, order_id: OrderId, positions: &[PositionId], paper: VoidPaper) -> VoidRequest {
    VoidRequest {
        request_id: till.new_request_id(),
        order_id,
        positions: positions.to_vec(),
        reason: "Changed their mind".to_owned(),
        paper,
    }
}

fn taken_back() -> VoidPaper {
    VoidPaper::TakenBack { by: "Ada Lovelace".to_owned() }
}

/// `(sold, leased, in flight, excess)`.
async fn counts(house: &House) -> (i64, i64, i64, i64) {
    sqlx::query_as("SELECT sold, leased, in_flight, excess FROM quota WHERE quota_id = $1")
        .bind(house.quota.0)
        .fetch_one(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

async fn sound(house: &House, till: &Station) {
    let report = doctor::examine(house.database.config()).await;
    let wrong: Vec<_> = report.findings.iter().filter(|f| !f.ok && f.check != "disk").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let report = till.verify_journal().await.unwrap();
    assert!(report.ok, "{report:?}");
    assert_eq!(house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
}

async fn till(house: &House, folder: &Path) -> Station {
    house.station("Till 1", Role::Till, folder).await.unwrap()
}

async fn here(till: &Station) -> u32 {
    till.leases().await.unwrap().quotas.iter().map(|q| q.free).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_goes_back_to_the_till_only_where_no_code_left_the_house() {
    for (printed, said, paper, back) in [
        (false, VoidPaper::NotPrinted, Paper::NotPrinted, true),
        (true, taken_back(), Paper::TakenBack, true),
        (true, VoidPaper::Out, Paper::Out, false),
    ] {
        let mut house = House::build(Plan { places: 40, ..Plan::default() }).await.unwrap();
        let (folder, gate) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let station = till(&house, folder.path()).await;
        let door = house.station("Door", Role::Door, gate.path()).await.unwrap();
        let had = here(&station).await;
        house.stop().await;
        let sale = station.sell(house.adults(1)).await.unwrap();
        let code = sale.positions[0].code.clone().unwrap();
        if printed {
            station.record_print(sale.order_id, Printed::Tickets, None).await.unwrap();
            let unsaid = request(&station, sale.order_id, &[], VoidPaper::NotPrinted);
            let refused = station.void(unsaid).await.unwrap_err();
            assert!(refused.detail.contains("were printed"), "{refused}");
        }
        let ask = request(&station, sale.order_id, &[], said.clone());
        let done = station.void(ask.clone()).await.unwrap();
        assert_eq!(station.void(ask).await.unwrap(), done, "the same request again is the same answer");
        assert_eq!((done.voids.len(), done.voids[0].total.minor, done.voids[0].paper), (1, -2400, paper));
        assert!(done.positions[0].voided);
        assert_eq!(here(&station).await, if back { had } else { had - 1 }, "{said:?}");
        let twice = station.void(request(&station, sale.order_id, &[], said.clone())).await.unwrap_err();
        assert!(twice.code == Code::Conflict && twice.detail.contains("second time"), "{twice}");
        let at_once = enter(&station, house.list, &code).await;
        assert_eq!(at_once.class, Class::Refused, "at this till's own door at once");
        house.start().await.unwrap();
        station.sync_once().await.unwrap();
        house.number().await.unwrap();
        let (sold, leased, in_flight, excess) = counts(&house).await;
        assert_eq!((sold, in_flight, excess), (0, 0, 0));
        assert!(leased >= i64::from(had) - i64::from(!back), "{said:?}: {leased} lent");
        door.sync_once().await.unwrap();
        assert_eq!(enter(&door, house.list, &code).await.class, Class::Refused, "and at every other");
        station.sync_once().await.unwrap();
        assert_eq!(enter(&station, house.list, &code).await.class, Class::Refused, "whatever the server's row says");
        let money = "SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment";
        assert_eq!(house.number_of(money).await.unwrap(), 0, "money neither made nor lost");
        assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE status = 'canceled'").await.unwrap(), 1);
        sound(&house, &station).await;
        let left = here(&station).await;
        let mut again = 0;
        while station.sell(house.adults(1)).await.is_ok() {
            again += 1;
        }
        assert_eq!(again, left, "with a ticket each");
        station.sync_once().await.unwrap();
        let (sold, leased, _, excess) = counts(&house).await;
        assert!(sold == i64::from(again) && excess == 0 && sold + leased <= 40);
        sound(&house, &station).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_or_sold_elsewhere_is_not_undone() {
    let house = House::build(Plan { places: 40, ..Plan::default() }).await.unwrap();
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let station = till(&house, folder.path()).await;
    let elsewhere = house.station("Till 2", Role::Till, other.path()).await.unwrap();
    let sale = station.sell(house.adults(2)).await.unwrap();
    let foreign = elsewhere.void(request(&elsewhere, sale.order_id, &[], VoidPaper::NotPrinted)).await.unwrap_err();
    assert_eq!(foreign.code, Code::NotFound, "{foreign}");
    let [first, second] = [0, 1].map(|n| sale.positions[n].clone());
    assert_eq!(enter(&station, house.list, first.code.as_deref().unwrap()).await.class, Class::Admitted);
    for positions in [vec![], vec![first.position_id]] {
        let used = station.void(request(&station, sale.order_id, &positions, taken_back())).await.unwrap_err();
        assert!(used.detail.contains("has entered"), "{used}");
    }
    // The one that nobody used can be.
    let done = station.void(request(&station, sale.order_id, &[second.position_id], taken_back())).await.unwrap();
    assert_eq!(done.positions.iter().map(|p| p.voided).collect::<Vec<_>>(), [false, true]);
    station.sync_once().await.unwrap();
    assert_eq!(counts(&house).await.0, 1);
    let money = "SELECT sum(amount_minor)::bigint FROM payment";
    assert_eq!(house.number_of(money).await.unwrap(), 2400);
    assert_eq!(house.number_of("SELECT count(*) FROM orders WHERE status = 'paid'").await.unwrap(), 1);
    sound(&house, &station).await;
    // Scanned at another gate, and heard of by the feed.
    let sale = station.sell(house.adults(1)).await.unwrap();
    station.sync_once().await.unwrap();
    house.number().await.unwrap();
    elsewhere.sync_once().await.unwrap();
    let code = sale.positions[0].code.clone().unwrap();
    assert_eq!(enter(&elsewhere, house.list, &code).await.class, Class::Admitted);
    elsewhere.sync_once().await.unwrap();
    house.number().await.unwrap();
    station.sync_once().await.unwrap();
    let used = station.void(request(&station, sale.order_id, &[], taken_back())).await.unwrap_err();
    assert!(used.detail.contains("has entered"), "{used}");
}

fn numbers(sale: &SaleView) -> Vec<&str> {
    sale.voids.iter().map(|v| v.receipt_number.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_part_that_is_undone_has_a_receipt_of_its_own_in_the_one_gapless_series() {
    let house = House::build(Plan { places: 40, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let station = till(&house, folder.path()).await;
    let mut cart = house.adults(2);
    cart.lines.push(SellLine::of(house.programme, 1));
    cart.tender = willcall_domain::till::wire::Tender::Cash { given_minor: 6_000 };
    let sale = station.sell(cart).await.unwrap();
    station.record_print(sale.order_id, Printed::Tickets, None).await.unwrap();
    let one = sale.positions.iter().find(|p| p.code.is_some()).unwrap().position_id;
    let programme = sale.positions.iter().find(|p| p.code.is_none()).unwrap().position_id;
    station.void(request(&station, sale.order_id, &[one], taken_back())).await.unwrap();
    // What has no code needs no word about paper.
    let sale = station.void(request(&station, sale.order_id, &[programme], VoidPaper::NotPrinted)).await.unwrap();
    let base = sale.receipt_number.trim_end_matches('1').to_owned();
    assert_eq!(numbers(&sale), [format!("{base}2"), format!("{base}3")]);
    assert_eq!(sale.voids.iter().map(|v| v.total.minor).collect::<Vec<_>>(), [-2400, -450]);
    assert_eq!(station.sell(house.adults(1)).await.unwrap().receipt_number, format!("{base}4"));

    let pdf = station.paper(sale.order_id, Printed::Receipt, sale.voids[0].receipt, Language::De).await.unwrap();
    let bare = |line: &str| line.split_whitespace().collect::<String>();
    let words: Vec<String> = picture::words(&pdf).unwrap().lines().map(bare).collect();
    for line in ["Storno", &format!("ZuBeleg{}", sale.receipt_number), "Barzurückgegeben24,00"] {
        assert!(words.iter().any(|w| w == line), "{line:?} is missing in {words:?}");
    }
    assert!(words.iter().any(|w| w.contains("24,00€") && w.starts_with("Summe")), "{words:?}");
    assert!(!words.iter().any(|w| w.contains("Kopie")), "printed for the first time: {words:?}");
    assert_eq!(station.record_print(sale.order_id, Printed::Receipt, sale.voids[0].receipt).await.unwrap(), 1);
    assert_eq!(station.record_print(sale.order_id, Printed::Receipt, sale.voids[0].receipt).await.unwrap(), 2);
    assert_eq!(station.record_print(sale.order_id, Printed::Receipt, None).await.unwrap(), 1, "the sale's own");
    let none = station.paper(sale.order_id, Printed::Receipt, Some(99), Language::De).await.unwrap_err();
    assert_eq!(none.code, Code::NotFound);
    let tickets = station.paper(sale.order_id, Printed::Tickets, None, Language::De).await.unwrap();
    let named = picture::words(&tickets).unwrap().matches(&sale.order_code).count();
    assert_eq!(named, 1, "the ticket that is good, and not the one that was undone");
    station.sync_once().await.unwrap();
    let money = "SELECT sum(amount_minor)::bigint FROM payment";
    assert_eq!(house.number_of(money).await.unwrap(), 2 * 2400);
    sound(&house, &station).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_names_and_reasons_of_a_void_stand_beside_the_entry_and_a_bad_request_changes_nothing() {
    let house = House::build(Plan { places: 40, ..Plan::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let station = till(&house, folder.path()).await;
    let sale = station.sell(house.adults(1)).await.unwrap();
    for bad in [
        VoidRequest { reason: "  ".to_owned(), ..request(&station, sale.order_id, &[], taken_back()) },
        VoidRequest { reason: "x".repeat(201), ..request(&station, sale.order_id, &[], taken_back()) },
        request(&station, sale.order_id, &[], VoidPaper::TakenBack { by: " ".to_owned() }),
    ] {
        assert_eq!(station.void(bad).await.unwrap_err().code, Code::Invalid);
    }
    let unknown = PositionId(RequestId(uuid::Uuid::from_u128(9)).0);
    let none = station.void(request(&station, sale.order_id, &[unknown], taken_back())).await.unwrap_err();
    assert_eq!(none.code, Code::Conflict);
    station.void(request(&station, sale.order_id, &[], taken_back())).await.unwrap();
    station.sync_once().await.unwrap();
    let chain = "SELECT count(*) FROM journal_entry WHERE body LIKE '%Lovelace%' OR body LIKE '%mind%'";
    assert_eq!(house.number_of(chain).await.unwrap(), 0, "no personal data in the chain");
    let beside = "SELECT count(*) FROM journal_entry WHERE kind = 'void' AND private::text LIKE '%Lovelace%'";
    assert_eq!(house.number_of(beside).await.unwrap(), 1);
    sound(&house, &station).await;
}
