//! K07: half of all answers lost, a fifth of all questions asked twice, old pages arriving late: a till and a door record
//! ten thousand facts and sync all the while. What the server has in the end is what they did, each once.

use crate::town::scaled;
use anyhow::{Context, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    devices::Role,
    problem::{Code, Problem},
};
use willcall_station::Station;
use willcall_tests::{
    crowd,
    house::{House, Plan},
    meddler::{Meddler, drawn},
    record::Outcome,
};

const LOST_PERCENT: u8 = 50;
const TWICE_PERCENT: u8 = 20;
/// One operation of so many is a sale.
const SALES: usize = 10;
/// Facts written between two tries to sync.
const BETWEEN: usize = 40;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let operations = scaled(10_000, scale, 200) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, operations).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let folders = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (line_a, line_b) = (Meddler::new()?, Meddler::new()?);
    let till = house.station_over("Till 1", Role::Till, folders.0.path(), line_a.clone()).await?;
    let door = house.station_over("Door 1", Role::Door, folders.1.path(), line_b.clone()).await?;
    line_a.decide(drawn(7, LOST_PERCENT, TWICE_PERCENT));
    line_b.decide(drawn(8, LOST_PERCENT, TWICE_PERCENT));
    let mut did = Did::default();
    for (n, code) in codes.iter().enumerate() {
        if n % SALES == 0 {
            sell(&house, &till, &mut did).await?;
        } else {
            let station = if n % 2 == 0 { &till } else { &door };
            let (code, list_id) = (code.clone(), house.list);
            let request = ScanRequest::new(code, list_id, Direction::Entry);
            let verdict = station.scan(request).await.map_err(said)?;
            ensure!(verdict.class == Class::Admitted, "{verdict:?}");
            did.scans += 1;
        }
        if n % BETWEEN == 0 {
            // Refused or not, nothing may be lost or doubled.
            drop(till.sync_once().await);
            drop(door.sync_once().await);
        }
    }
    let began = Instant::now();
    for station in [&till, &door] {
        while station.status().await.map_err(said)?.waiting > 0 {
            ensure!(
                began.elapsed() < Duration::from_secs(600),
                "it does not all go up: {:?}",
                station.sync_once().await
            );
            drop(station.sync_once().await);
        }
    }
    let found = Found::of(&house).await?;
    let whole = till.verify_journal().await.map_err(said)?.ok && door.verify_journal().await.map_err(said)?.ok;
    let asked = line_a.requests() + line_b.requests();
    let pass = whole && found.is(&did);
    Ok(Outcome {
        measured: json!({
            "requests": asked, "scans": found.scans, "sales": found.sales, "money_minor": found.money,
            "entries_under_one_name": found.doubles, "cases": found.cases, "sold_counted": found.sold,
            "journals_ok": whole,
        }),
        bar: json!({
            "scans": did.scans, "sales": did.sales, "money_minor": did.sales * 2400, "entries_under_one_name": 0,
            "cases": 0, "sold_counted": did.sales, "journals_ok": true,
        }),
        n: operations as u64,
        pass,
    })
}

#[derive(Default)]
struct Did {
    scans: i64,
    sales: i64,
}

/// Sells one; where the till has no units left, it asks for more until it gets them.
async fn sell(house: &House, till: &Station, did: &mut Did) -> anyhow::Result<()> {
    let request = house.adults(1);
    for _ in 0..200 {
        match till.sell(request.clone()).await {
            Ok(_) => {
                did.sales += 1;
                return Ok(());
            }
            Err(problem) if problem.code == Code::LeaseSpent => drop(till.sync_once().await),
            Err(problem) => return Err(said(problem)),
        }
    }
    anyhow::bail!("the till is lent no units")
}

struct Found {
    scans: i64,
    sales: i64,
    money: i64,
    doubles: i64,
    cases: i64,
    sold: i64,
}

impl Found {
    async fn of(house: &House) -> anyhow::Result<Self> {
        let doubles = "SELECT count(*) FROM (SELECT FROM journal_entry GROUP BY device_id, incarnation, seq
             HAVING count(*) > 1) AS twice";
        let (sold, _, _) = house.counted().await?;
        Ok(Self {
            scans: house.number_of("SELECT count(*) FROM scan").await?,
            sales: house.number_of("SELECT count(*) FROM orders WHERE channel = 'till' AND status = 'paid'").await?,
            money: house
                .number_of("SELECT coalesce(sum(amount_minor), 0)::bigint FROM payment WHERE provider = 'cash'")
                .await
                .context("the money")?,
            doubles: house.number_of(doubles).await?,
            cases: house.number_of("SELECT count(*) FROM station_case").await?,
            sold,
        })
    }

    fn is(&self, did: &Did) -> bool {
        self.scans == did.scans
            && self.sales == did.sales
            && self.money == did.sales * 2400
            && self.sold == did.sales
            && self.doubles == 0
            && self.cases == 0
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
