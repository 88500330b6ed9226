//! An event that takes place several times: units are lent by date, a till sells variations and add-ons for one date with
//! nobody to ask, every gate verifies what it printed, and the books of each date are right afterwards.

use super::enter;
use willcall_domain::{
    catalog::{
        Article,
        draft::{DateDraft, QuotaDraft, VariationDraft},
    },
    checkin::wire::{Class, Mark},
    clock::{Clock as _, SystemClock, UtcMillis},
    devices::Role,
    entropy::{OsEntropy, uuid_v7},
    id::{DateId, ItemId, QuotaId, RequestId, VariationId},
    leases::{view::GiveRequest, wire::LeaseRequest},
    money::{Currency, Money},
    problem::Code,
    till::wire::{SellLine, SellRequest, Tender},
};
use willcall_server::catalog::edit;
use willcall_station::Station;
use willcall_tests::{
    hand::Hand,
    house::{House, Plan},
};

const HOUR: i64 = 3_600_000;

/// A house whose event takes place on two evenings, 20 places each; adults are regular or reduced, a programme is sold only
/// with an adult's ticket.
struct Series {
    house: House,
    first: DateId,
    second: DateId,
    regular: VariationId,
    reduced: VariationId,
    quotas: [QuotaId; 2],
}

fn evening(starts_at: UtcMillis) -> DateDraft {
    let ends_at = Some(UtcMillis(starts_at.0 + 3 * HOUR));
    DateDraft { name: String::new(), starts_at, ends_at, admission_at: None, active: true }
}

fn variation(name: &str, price: Option<i64>) -> VariationDraft {
    VariationDraft {
        name: name.to_owned(),
        price: price.map(|minor| Money::new(minor, Currency::EUR)),
        rank: 0,
        active: true,
        checkin_text: String::new(),
    }
}

impl Series {
    async fn build() -> Self {
        let house = House::build(Plan { places: 1_000, ..Plan::default() }).await.unwrap();
        let now = SystemClock::new().now();
        let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
        let evenings = [evening(UtcMillis(now.0 + 5 * HOUR)), evening(UtcMillis(now.0 + 29 * HOUR))];
        let dates = edit::create_dates(&mut tx, house.event, &evenings, None).await.unwrap();
        let [first, second] = dates[..] else { panic!("two dates") };
        let mut quotas = Vec::new();
        for date in [first, second] {
            let draft = QuotaDraft { name: "Evening".to_owned(), size: Some(20), date_id: Some(date) };
            let quota = edit::create_quota(&mut tx, house.event, &draft, &[house.adult]).await.unwrap();
            quotas.push(quota);
        }
        let of = (house.event, house.adult);
        let regular = edit::create_variation(&mut tx, of.0, of.1, &variation("Regular", None)).await.unwrap();
        let reduced = edit::create_variation(&mut tx, of.0, of.1, &variation("Reduced", Some(1_500))).await.unwrap();
        let programme = edit::find_item(&mut tx, house.event, house.programme).await.unwrap().draft;
        let only_with = willcall_domain::catalog::draft::ItemDraft { addon_to: vec![house.adult], ..programme };
        edit::update_item(&mut tx, house.event, house.programme, &only_with).await.unwrap();
        tx.commit().await.unwrap();
        house.number().await.unwrap();
        Self { house, first, second, regular, reduced, quotas: [quotas[0], quotas[1]] }
    }

    fn article(&self, variation: VariationId, date: DateId) -> Article {
        Article { item_id: self.house.adult, variation_id: Some(variation), date_id: Some(date) }
    }

    fn sale(&self, lines: Vec<SellLine>, given_minor: i64) -> SellRequest {
        SellRequest {
            vouchers: Vec::new(),
            request_id: RequestId(uuid_v7(SystemClock::new().now(), &OsEntropy)),
            event_id: self.house.event,
            lines,
            tender: Tender::Cash { given_minor },
        }
    }

    /// Sold, lent and excess of one date's quota.
    async fn books(&self, quota: QuotaId) -> (i64, i64, i64) {
        let sql = "SELECT sold, leased, excess FROM quota WHERE quota_id = $1";
        let mut admin = self.house.admin().await.unwrap();
        sqlx::query_as(sql).bind(quota.0).fetch_one(&mut admin).await.unwrap()
    }
}

fn here(view: &willcall_domain::till::wire::TillView, date: DateId, item: ItemId) -> Option<i64> {
    let date = view.events[0].dates.iter().find(|d| d.date_id == date)?;
    date.left.iter().find(|left| left.item_id == item)?.here
}

async fn till(series: &Series, name: &str, folder: &std::path::Path) -> Station {
    let till = series.house.station(name, Role::Till, folder).await.unwrap();
    till.sync_once().await.unwrap();
    till
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_sells_a_date_a_variation_and_an_add_on_with_the_server_gone_and_the_books_of_each_date_are_right() {
    let mut series = Series::build().await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let till = till(&series, "Till 1", folders.0.path()).await;
    let door = series.house.station("Gate B", Role::Door, folders.1.path()).await.unwrap();
    let view = till.till().await.unwrap();
    assert_eq!(view.events[0].dates.iter().map(|d| d.date_id).collect::<Vec<_>>(), [series.first, series.second]);
    let (first, second) = (series.first, series.second);
    let adult = series.house.adult;
    let (of_first, of_second) = (here(&view, first, adult).unwrap(), here(&view, second, adult).unwrap());
    assert!(of_first > 2 && of_second > 2, "{of_first} and {of_second}");

    series.house.stop().await;
    let lines = vec![
        SellLine::of(series.article(series.reduced, second), 2),
        SellLine { addon_to: Some(0), ..SellLine::of(series.house.programme, 1) },
        SellLine::of(series.article(series.regular, second), 1),
    ];
    let sale = till.sell(series.sale(lines, 10_000)).await.unwrap();
    assert_eq!(sale.total.minor, 2 * 1_500 + 450 + 2_400, "each variation at its price");
    let [a, b, programme, c] = &sale.positions[..] else { panic!("{sale:?}") };
    assert_eq!((a.name.as_str(), c.name.as_str()), ("Adult, Reduced", "Adult, Regular"));
    assert_eq!((programme.addon_to, programme.date_id), (Some(a.position_id), Some(second)));
    assert!(programme.code.is_none() && b.code.is_some());
    let view = till.till().await.unwrap();
    // Three places of the evening, but four of the hall, the programme with them: the hall counts on every evening.
    assert_eq!((here(&view, first, adult), here(&view, second, adult)), (Some(of_first - 4), Some(of_second - 4)));
    let alone =
        series.sale(vec![SellLine::of(Article { date_id: Some(first), ..series.house.programme.into() }, 1)], 450);
    assert_eq!(till.sell(alone).await.unwrap_err().code, Code::Invalid, "a programme alone");
    let dateless =
        series.sale(vec![SellLine::of(Article { date_id: None, ..series.article(series.regular, first) }, 1)], 2_400);
    assert_eq!(till.sell(dateless).await.unwrap_err().code, Code::Invalid, "a ticket for no evening");

    series.house.start().await.unwrap();
    let verdict = enter(&door, series.house.list, a.code.as_deref().unwrap()).await;
    assert_eq!((verdict.class, verdict.marks), (Class::Admitted, vec![Mark::SaleNotSeen]), "by the signature alone");
    for station in [&till, &door, &till, &door] {
        station.sync_once().await.unwrap();
        series.house.number().await.unwrap();
    }
    let (sold, lent, excess) = series.books(series.quotas[1]).await;
    assert_eq!((sold, excess), (3, 0));
    assert!(lent > 0 && sold + lent <= 20, "{lent}");
    assert_eq!(series.books(series.quotas[0]).await.0, 0);
    let kept = "SELECT count(*) FROM order_position WHERE date_id IS NOT NULL AND (variation_id IS NOT NULL OR addon_to IS NOT NULL)";
    assert_eq!(series.house.number_of(kept).await.unwrap(), 4);
    assert_eq!(series.house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
    assert!(till.verify_journal().await.unwrap().ok);
    let report = willcall_server::doctor::examine(series.house.database.config()).await;
    let places = report.findings.iter().find(|f| f.check == "places-sold").unwrap();
    assert!(places.ok, "{places:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voided_ticket_frees_the_place_of_its_own_date() {
    let series = Series::build().await;
    let folder = tempfile::tempdir().unwrap();
    let till = till(&series, "Till 1", folder.path()).await;
    let lines = vec![SellLine::of(series.article(series.regular, series.first), 2)];
    let sale = till.sell(series.sale(lines, 4_800)).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!(series.books(series.quotas[0]).await.0, 2);
    let request = willcall_domain::till::wire::VoidRequest {
        request_id: till.new_request_id(),
        order_id: sale.order_id,
        positions: vec![sale.positions[0].position_id],
        reason: "wrong evening".to_owned(),
        paper: willcall_domain::till::wire::VoidPaper::Out,
    };
    till.void(request).await.unwrap();
    till.sync_once().await.unwrap();
    assert_eq!((series.books(series.quotas[0]).await.0, series.books(series.quotas[1]).await.0), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn units_of_a_date_go_from_till_to_till_with_the_tickets_of_every_variation() {
    let mut series = Series::build().await;
    let folders = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let a = till(&series, "Till 1", folders.0.path()).await;
    let b = series.house.station("Till 2", Role::Till, folders.1.path()).await.unwrap();
    let to = b.leases().await.unwrap().station;
    let quota_id = series.quotas[1];
    series.house.stop().await;
    let before = here(&b.till().await.unwrap(), series.second, series.house.adult).unwrap_or(0);
    let file = folders.0.path().join("for-till-2.units");
    a.give_units(GiveRequest { quota_id, units: 3, to }, file.clone()).await.unwrap();
    b.take_units(file).await.unwrap();
    assert_eq!(here(&b.till().await.unwrap(), series.second, series.house.adult), Some(before + 3));
    let lines = vec![
        SellLine::of(series.article(series.regular, series.second), 2),
        SellLine::of(series.article(series.reduced, series.second), 1),
    ];
    let sale = b.sell(series.sale(lines, 10_000)).await.unwrap();
    assert!(sale.positions.iter().all(|p| p.code.is_some()));
    series.house.start().await.unwrap();
    for station in [&b, &a, &b] {
        station.sync_once().await.unwrap();
    }
    let (sold, _, excess) = series.books(quota_id).await;
    assert_eq!((sold, excess), (3, 0));
    assert_eq!(series.house.number_of("SELECT count(*) FROM station_case").await.unwrap(), 0);
}

/// A variation comes on sale while a till holds units lent before: it has no tickets of it, gives them back and is lent
/// them again with all.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_on_sale_later_is_sold_by_tills_that_held_units_before() {
    let series = Series::build().await;
    let folder = tempfile::tempdir().unwrap();
    let till = till(&series, "Till 1", folder.path()).await;
    let app = series.house.app().unwrap();
    let mut tx = app.begin(series.house.organizer).await.unwrap();
    let of = (series.house.event, series.house.adult);
    let child = edit::create_variation(&mut tx, of.0, of.1, &variation("Child", Some(900))).await.unwrap();
    tx.commit().await.unwrap();
    let lines = || vec![SellLine::of(series.article(child, series.first), 1)];
    let mut rounds = 0;
    let sale = loop {
        series.house.number().await.unwrap();
        till.sync_once().await.unwrap();
        match till.sell(series.sale(lines(), 900)).await {
            Ok(sale) => break sale,
            Err(problem) => assert!(rounds < 4, "{problem}"),
        }
        rounds += 1;
    };
    assert_eq!(sale.total.minor, 900);
    let (sold, lent, excess) = series.books(series.quotas[0]).await;
    assert!(sold == 0 && excess == 0 && lent <= 20, "{sold} {lent} {excess}");
    let given_back = series.house.number_of("SELECT count(*) FROM journal_entry WHERE kind = 'lease_returned'");
    let given_back = given_back.await.unwrap();
    for _ in 0..3 {
        till.sync_once().await.unwrap();
        series.house.number().await.unwrap();
    }
    let after = "SELECT count(*) FROM journal_entry WHERE kind = 'lease_returned'";
    assert_eq!(series.house.number_of(after).await.unwrap(), given_back, "units do not go round and round");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_knows_no_dates_is_lent_nothing_in_an_event_that_has_some() {
    let series = Series::build().await;
    let token = series.house.invite("Till of yesterday", Role::Till).await.unwrap();
    let hand = Hand::enrol_at(series.house.url(), token).await.unwrap();
    let ask = LeaseRequest { request_id: RequestId(uuid::Uuid::now_v7()), quota_id: series.quotas[0], wanted: 5 };
    let answer = async |protocol: &str| {
        let url = format!("{}/api/station/v1/leases", series.house.url());
        let request = reqwest::Client::new().post(url).bearer_auth(&hand.answer.device_token).json(&ask);
        request.header("willcall-protocol", protocol).send().await.unwrap().status()
    };
    assert_eq!(answer("2").await, 403);
    assert_eq!(series.books(series.quotas[0]).await.1, 0);
    assert_eq!(answer("3").await, 200);
}
