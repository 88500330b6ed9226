//! K14: a line of 64 kb/s that all of a till's connections share, with a large download pending on it. A new sale reaches
//! the server within ten seconds, and a ticket that is cancelled meanwhile is refused at the till long before the
//! download is over.

use crate::town::{ms, scaled};
use anyhow::{Context, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    devices::Role,
    problem::{Code, Problem},
};
use willcall_station::Station;
use willcall_tests::{
    awaited, crowd,
    house::{House, Plan},
    proxy::{Fault, Proxy, Upstream},
    record::Outcome,
};

/// 64 kb/s, in bytes.
const LINE: u64 = 8_000;
const BAR: Duration = Duration::from_secs(10);
/// Tickets of the event that is added: many megabytes to fetch.
const TICKETS: u32 = 500_000;
const SALES: u32 = 10;
/// How often the cancelled ticket is shown.
const TRIED_EVERY: Duration = Duration::from_millis(100);

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(TICKETS, scale, 20_000) as usize;
    let sales = scaled(SALES, scale, 3);
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let bought = house.buy().await?;
    house.number().await?;
    let (other, item, _) = house.another_event("autumn").await?;
    let ticket = crowd::Ticket { organizer: house.organizer, event: other, item };
    crowd::write(&mut house.admin().await?, ticket, house.app()?.now(), tickets).await?;
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(server)).await?;
    let folder = tempfile::tempdir()?;
    let token = house.invite("Till 1", Role::Till).await?;
    let till = willcall_tests::house::open_station(
        folder.path(),
        std::sync::Arc::new(willcall_domain::clock::SystemClock::new()),
    )?;
    till.enrol(&proxy.url(), &token).await.map_err(said)?;
    house.let_see(&till, &[house.event]).await?;
    till.sync_once().await.map_err(said)?;
    // Enough units to sell through the drill.
    while here(&house, &till).await? < i64::from(sales) {
        till.sell(house.adults(1)).await.map_err(said)?;
        till.sync_once().await.map_err(said)?;
    }
    let before = house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await?;
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (till, stop) = (till.clone(), stop.clone());
        async move { till.run(stop).await }
    });
    awaited::connected(&till, true, Duration::from_secs(60)).await?;
    proxy.set(Fault::Line(LINE));
    let quiet = proxy.passed_down();
    house.let_see(&till, &[house.event, other]).await?;
    // The download is on its way when it fills the line.
    ensure!(proxy.wait_passed_down(quiet + 40_000, Duration::from_secs(120)).await, "nothing is downloaded");
    let mut times = Vec::new();
    for n in 1..=i64::from(sales) {
        let began = Instant::now();
        till.sell(house.adults(1)).await.map_err(said)?;
        // The till hears that it was taken, over the same thin line: what counts is a little more than the way up.
        awaited::sent(&till, Duration::from_secs(120)).await?;
        times.push(began.elapsed());
        let there = house.number_of("SELECT count(*) FROM orders WHERE channel = 'till'").await?;
        ensure!(there == before + n, "{there} sales are there after {n}");
    }
    let revoked = revoke(&house, &till, &bought).await?;
    let pending = till.status().await.map_err(said)?.tickets < tickets as u64;
    stop.cancel();
    engine.await.context("the engine")?;
    times.sort_unstable();
    let slowest = times.last().copied().unwrap_or_default();
    Ok(Outcome {
        measured: json!({
            "sale_at_the_server_max_ms": ms(slowest), "sale_at_the_server_median_ms": ms(times[times.len() / 2]),
            "revocation_at_the_till_ms": ms(revoked), "still_downloading": pending, "tickets_pending": tickets,
            "bytes_down": proxy.passed_down(),
        }),
        bar: json!({ "sale_at_the_server_max_ms": ms(BAR), "revocation_at_the_till_ms": ms(BAR), "still_downloading": true }),
        n: u64::from(sales),
        pass: slowest <= BAR && revoked <= BAR && pending,
    })
}

/// How long it takes until the till refuses a ticket that was cancelled, shown to it again and again.
async fn revoke(house: &House, till: &Station, bought: &willcall_tests::house::Bought) -> anyhow::Result<Duration> {
    house.cancel(bought.order_id).await?;
    let (began, mut next) = (Instant::now(), tokio::time::interval(TRIED_EVERY));
    loop {
        next.tick().await;
        let request = ScanRequest::new(bought.code.clone(), house.list, Direction::Exit);
        // An exit uses nothing up; of a cancelled ticket it is refused.
        let verdict = till.scan(request).await.map_err(said)?;
        if verdict.class == Class::Refused {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < Duration::from_secs(300), "the till never hears of it: {verdict:?}");
    }
}

async fn here(house: &House, till: &Station) -> anyhow::Result<i64> {
    let view = till.till().await.map_err(said)?;
    let mut products = view.events.iter().flat_map(|e| &e.products);
    Ok(products.find(|p| p.item_id == house.adult).map_or(0, |p| p.here.unwrap_or(i64::MAX)))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    if problem.code == Code::LeaseSpent {
        return anyhow::anyhow!("the till has too few units: {problem}");
    }
    anyhow::anyhow!("{problem}")
}
