//! K21: the server vanishes without a word, and the line to it goes silent in the same moment. Nobody has prepared
//! anything. The next thousand guests get the verdict they would have got, the till sells the next hundred tickets and
//! the door lets them in, and the list of last resort is on paper and in a table within seconds, for 10,000 tickets. When
//! the server is back it has all of it, once.

use crate::{
    engine::Engine,
    town::{ms, scaled},
};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, VecDeque},
    path::Path,
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::{devices::Role, id::PositionId, paper::Language};
use willcall_station::command::{Command, LeaseAsk, Wish};
use willcall_tests::{
    crowd,
    house::{House, Plan},
    load::percentile_ms,
    picture,
    proxy::{Fault, Proxy, Upstream},
    record::Outcome,
};

const TICKETS: u32 = 10_000;
const SCANS: u32 = 1_000;
/// One scan of so many is of a ticket sold a moment before.
const SALES_OF: u32 = 10;
const LIST: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(180);
/// Every so many tickets one is cancelled with its order, one by itself, and one is not paid.
const ODD: usize = 50;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(TICKETS, scale, 1_000) as usize;
    let scans = scaled(SCANS, scale, 100);
    let sales = scans / SALES_OF;
    let mut house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let guests = Guests::invite(&house, tickets).await?;
    let proxy = Proxy::start(Upstream::Tcp(house.url().trim_start_matches("http://").parse()?)).await?;
    let (door, till) = (tempfile::tempdir()?, tempfile::tempdir()?);
    drop(house.station_at("Door 1", Role::Door, door.path(), &proxy.url()).await?);
    drop(house.station_at("Till 1", Role::Till, till.path(), &proxy.url()).await?);
    let (door_engine, till_engine) = (Engine::start(door.path()).await?, Engine::start(till.path()).await?);
    let sold_before = evening(&till_engine, sales).await?;
    for engine in [&door_engine, &till_engine] {
        engine.status_until(|s| s["link"]["connected"] == true && s["waiting"] == 0).await?;
    }
    door_engine.done(&Command::Sync).await?;

    proxy.set(Fault::BlackHole);
    house.stop().await;
    let done = go_on(&door_engine, &till_engine, guests, scans).await?;
    let lists = lists(&till_engine, till.path(), tickets).await?;

    house.start().await?;
    proxy.set(Fault::Ok);
    for engine in [&door_engine, &till_engine] {
        // Whoever presses the button does not wait for the next try.
        drop(engine.ask(&Command::Sync).await?);
        let waiting = engine.status_until(|s| s["waiting"] == 0);
        tokio::time::timeout(PATIENCE, waiting).await.context("it does not all go up")??;
    }
    let at_the_server = json!({
        "scans": house.number_of("SELECT count(*) FROM scan").await?,
        "sold_at_tills": house.number_of("SELECT count(*) FROM orders o JOIN order_position p USING (order_id) WHERE o.channel = 'till'").await?,
        "cases": house.number_of("SELECT count(*) FROM station_case").await?,
    });
    let expected = json!({ "scans": scans, "sold_at_tills": sold_before + sales, "cases": 0 });
    let quick = lists.pdf <= LIST && lists.csv <= LIST;
    Ok(Outcome {
        measured: json!({
            "scans": scans, "wrong_verdicts": done.wrong, "scan_p99_ms": percentile_ms(&done.scan_times, 99.0),
            "scan_max_ms": percentile_ms(&done.scan_times, 100.0), "sales": done.sales,
            "sale_max_ms": percentile_ms(&done.sale_times, 100.0), "door_list_pdf_ms": ms(lists.pdf),
            "door_list_pages": lists.pages, "door_list_csv_ms": ms(lists.csv), "on_the_list": lists.on_it,
            "list_wrong": lists.wrong, "at_the_server_afterwards": at_the_server,
        }),
        bar: json!({
            "wrong_verdicts": [], "sales": sales, "door_list_pdf_ms": ms(LIST), "door_list_csv_ms": ms(LIST),
            "list_wrong": [], "at_the_server_afterwards": expected,
        }),
        n: u64::from(scans + sales),
        pass: done.wrong.is_empty()
            && done.sales == sales
            && quick
            && lists.wrong.is_empty()
            && at_the_server == expected,
    })
}

/// Who comes to the door, by what their tickets are.
struct Guests {
    good: VecDeque<String>,
    canceled: VecDeque<String>,
    unpaid: VecDeque<String>,
}

impl Guests {
    /// Sells `n` tickets beforehand, of which some are not good any more: one cancelled by itself, one with its order, one
    /// not paid.
    async fn invite(house: &House, n: usize) -> anyhow::Result<Self> {
        let positions = crowd::fill(house, n).await?;
        let every = |which: usize| -> Vec<PositionId> { positions.iter().skip(which).step_by(ODD).copied().collect() };
        crowd::cancel(house, &every(0)).await?;
        let ids = |which: usize| -> Vec<uuid::Uuid> { every(which).iter().map(|position| position.0).collect() };
        let mut admin = house.admin().await?;
        sqlx::query(
            "WITH gone AS (
                 UPDATE orders SET status = 'canceled', canceled_at = placed_at
                 WHERE order_id IN (SELECT order_id FROM order_position WHERE position_id = ANY($2)) RETURNING 1)
             UPDATE quota SET sold = sold - (SELECT count(*) FROM gone) WHERE quota_id = $1",
        )
        .bind(house.quota.0)
        .bind(ids(1))
        .execute(&mut admin)
        .await?;
        sqlx::query(
            "UPDATE orders SET status = 'pending'
             WHERE order_id IN (SELECT order_id FROM order_position WHERE position_id = ANY($1))",
        )
        .bind(ids(2))
        .execute(&mut admin)
        .await?;
        let mut guests = Self { good: VecDeque::new(), canceled: VecDeque::new(), unpaid: VecDeque::new() };
        for (nth, (_, code)) in crowd::codes(house, positions).await?.into_iter().enumerate() {
            match nth % ODD {
                0 | 1 => guests.canceled.push_back(code),
                2 => guests.unpaid.push_back(code),
                _ => guests.good.push_back(code),
            }
        }
        Ok(guests)
    }
}

fn sale(quantity: u32) -> Command {
    let lines = vec![Wish { item: "Adult".to_owned(), quantity }];
    Command::Sell { lines, cash: format!("{}", 24 * quantity), vouchers: Vec::new(), request_id: None }
}

/// An evening as any other: the till sells until it is lent as much as it will want. How many it sold.
async fn evening(till: &Engine, wanted: u32) -> anyhow::Result<u32> {
    let (mut sold, end) = (0, Instant::now() + PATIENCE);
    loop {
        let held = till.done(&Command::Lease { ask: LeaseAsk::List }).await?;
        let free = held["quotas"].as_array().into_iter().flatten().filter_map(|q| q["free"].as_u64()).max();
        let free = free.unwrap_or(0);
        if free >= u64::from(wanted) {
            return Ok(sold);
        }
        ensure!(Instant::now() < end, "the till is lent no more than {free} units: {held}");
        let quantity = u32::try_from(free.min(10))?;
        if quantity > 0 {
            till.done(&sale(quantity)).await?;
            sold += quantity;
        }
        till.done(&Command::Sync).await?;
    }
}

/// What was done while there was nobody to ask.
#[derive(Default)]
struct Done {
    wrong: Vec<String>,
    sales: u32,
    /// Ascending.
    scan_times: Vec<Duration>,
    sale_times: Vec<Duration>,
}

async fn go_on(door: &Engine, till: &Engine, mut guests: Guests, scans: u32) -> anyhow::Result<Done> {
    let mut done = Done::default();
    let mut came: VecDeque<String> = VecDeque::new();
    for n in 0..scans {
        let fresh = "no ticket is left";
        let (code, expected): (String, (&str, &str)) = match n % SALES_OF {
            0 => {
                let began = Instant::now();
                let sale = till.done(&sale(1)).await?;
                done.sale_times.push(began.elapsed());
                done.sales += 1;
                let code = sale["positions"][0]["code"].as_str().with_context(|| format!("a code in {sale}"))?;
                // The door has not heard of the sale, and knows the signature.
                (code.to_owned(), ("admitted", "null"))
            }
            1 => (came.pop_front().unwrap_or_default(), ("used", "\"already_redeemed\"")),
            2 => (guests.canceled.pop_front().context(fresh)?, ("refused", "\"canceled\"")),
            3 => (guests.unpaid.pop_front().context(fresh)?, ("refused", "\"unpaid\"")),
            4 => (forged(guests.good.front().context(fresh)?), ("refused", "\"invalid\"")),
            _ => (guests.good.pop_front().context(fresh)?, ("admitted", "null")),
        };
        // Nobody came before the first of those who come twice.
        let (code, expected) = if code.is_empty() {
            (guests.good.pop_front().context(fresh)?, ("admitted", "null"))
        } else {
            (code, expected)
        };
        let began = Instant::now();
        let verdict = door.scan(&code).await?;
        done.scan_times.push(began.elapsed());
        let (class, reason) = (verdict["class"].as_str().unwrap_or_default(), verdict["reason"].to_string());
        if expected != (class, reason.as_str()) && done.wrong.len() < 20 {
            done.wrong.push(format!("scan {n}: {class} {reason}, expected {expected:?}"));
        }
        if class == "admitted" {
            came.push_back(code);
        }
    }
    done.scan_times.sort_unstable();
    done.sale_times.sort_unstable();
    Ok(done)
}

/// The same code with one letter of its signature changed.
fn forged(code: &str) -> String {
    let at = code.len() - 9;
    let other = if code.as_bytes().get(at) == Some(&b'7') { "8" } else { "7" };
    format!("{}{other}{}", &code[..at], &code[at + 1..])
}

struct Lists {
    pdf: Duration,
    csv: Duration,
    pages: usize,
    on_it: u64,
    wrong: Vec<String>,
}

/// On paper and as a table, from the till, which sees names.
async fn lists(till: &Engine, folder: &Path, tickets: usize) -> anyhow::Result<Lists> {
    let (mut took, mut answers) = (Vec::new(), Vec::new());
    for ending in ["pdf", "csv"] {
        let (file, language) = (folder.join(format!("door-list.{ending}")), Language::De);
        let began = Instant::now();
        answers.push(till.done(&Command::DoorList { list: None, file, language }).await?);
        took.push(began.elapsed());
    }
    let csv = std::fs::read_to_string(folder.join("door-list.csv"))?;
    let rows = csv.lines().count() - 1;
    let text = picture::words(&std::fs::read(folder.join("door-list.pdf"))?)?;
    // A form feed ends each page.
    let pages = text.matches('\u{c}').count();
    let printed: BTreeSet<&str> = text.split_whitespace().collect();
    let unprinted =
        csv.lines().skip(1).filter_map(|line| line.split(',').nth(2)).filter(|o| !printed.contains(o)).count();
    // Two of so many are cancelled; what the till sold itself is on it too.
    let before = tickets - 2 * tickets.div_ceil(ODD);
    let own = answers[0]["tickets"].as_u64().unwrap_or(0).saturating_sub(before as u64);
    let mut wrong = Vec::new();
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned())
        }
    };
    hold(
        answers.iter().all(|a: &Value| a["tickets"].as_u64() == Some(rows as u64)),
        "paper and table have as many rows",
    );
    hold(rows > before && own < 5_000, "everybody is on it, and nobody else");
    hold(csv.matches("NICHT BEZAHLT").count() == tickets.saturating_sub(2).div_ceil(ODD), "who has not paid is marked");
    hold(csv.lines().nth(1).is_some_and(|line| line.starts_with("Guest ")), "people have names on it");
    hold(unprinted == 0, "whoever is in the table is on paper");
    Ok(Lists { pdf: took[0], csv: took[1], pages, on_it: rows as u64, wrong })
}
