//! K01: a door with 100,000 tickets and a till, their only line to the server a proxy that changes its state again and
//! again: good, two seconds slow, black hole, reset, a captive portal, noise, answers cut off, bytes that drip, a thin
//! line, good again. Engines run and sync all the while. The verdicts must be the same in every state, and as quick as in
//! the good one; also right after the line came back, when all that waited goes up. Some come in as frames of a camera, for
//! which the whole way from the frame in hand to the durable verdict counts. And while a flood of changes, then a whole
//! snapshot comes down, verdicts stay quick.

mod flood;
mod frames;

use crate::town::{ms, scaled};
use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::wire::{Class, Direction, Reason, ScanRequest},
    devices::Role,
    id::PositionId,
    paper::Language,
    problem::Problem,
    sync::fact::Printed,
};
use willcall_reading::Cascade;
use willcall_station::Station;
use willcall_tests::{
    crowd,
    house::{House, Plan},
    load::percentile_ms,
    proxy::{Fault, Proxy, Upstream},
    record::{Outcome, flush_ms},
};

/// One after the other, round and round.
pub(super) const STATES: [(&str, Fault); 10] = [
    ("healed", Fault::Ok),
    ("ok", Fault::Ok),
    ("delay_2s", Fault::Delay(Duration::from_secs(2))),
    ("black_hole", Fault::BlackHole),
    ("reset", Fault::Reset),
    ("garbage", Fault::WrongBody),
    ("noise", Fault::Noise),
    ("cut_off", Fault::Truncated),
    ("drip", Fault::Bandwidth(5)),
    ("thin_line", Fault::Line(8_000)),
];
/// The one the others are held against.
const OK: usize = 1;
const ROUNDS: usize = 4;
/// At most one scan in this time, so that each state has seconds to do its harm.
const PACE: Duration = Duration::from_millis(6);
/// More changes than a station is told one by one.
const FAR_BEHIND: usize = 50_001;
/// The bar of a verdict, whatever the line.
const VERDICT_MS: f64 = 50.0;
/// The bars from the frame in hand to the verdict: of half of them, and of 99 in a hundred.
const FRAME_MS: (f64, f64) = (25.0, 60.0);
/// One first scan of so many comes in as a frame.
const FRAMES: usize = 8;
/// A till takes its places from a lease; one customer of this many buys.
const SALES: u32 = 100;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(100_000, scale, 500) as usize;
    // Every state sees as many first as second scans, in each round.
    let turns = STATES.len() * ROUNDS;
    let scans = (scaled(12_000, scale, 240) as usize).next_multiple_of(2 * turns);
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, tickets).await?;
    let upstream: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(upstream)).await?;
    let folders = (tempfile::tempdir()?, tempfile::tempdir()?);
    let door = house.station_at("Door 1", Role::Door, folders.0.path(), &proxy.url()).await?;
    let till = house.station_at("Till 1", Role::Till, folders.1.path(), &proxy.url()).await?;
    let report = door.sync_once().await.map_err(said)?;
    let have = door.status().await.map_err(said)?.tickets;
    ensure!(usize::try_from(have)? >= tickets, "{have} of {tickets} tickets arrived: {:?}", report.problems);

    let step = (tickets / (scans / 2)).max(1);
    let used: Vec<PositionId> = positions.iter().step_by(step).take(scans / 2).copied().collect();
    ensure!(used.len() == scans / 2, "{tickets} tickets are too few for {scans} scans");
    let codes = crowd::codes(&house, used).await?;
    let stop = CancellationToken::new();
    let engines = [door.clone(), till.clone()].map(|s| {
        let stop = stop.clone();
        tokio::spawn(async move { s.run(stop).await })
    });
    let connections = proxy.accepted();
    let flush = flush_ms(folders.0.path())?;
    let pressing = tokio::spawn(press_sync(door.clone(), stop.clone()));
    let measured = scan_all(&house, &door, &proxy, &codes).await?;
    let asked = proxy.accepted() - connections;
    let sales = sell(&house, &till, &proxy, scaled(SALES, scale, 5)).await?;
    proxy.set(Fault::Ok);
    stop.cancel();
    for engine in engines {
        engine.await?;
    }
    let (synced, failed) = pressing.await?;
    let arrived = all_up(&house, &door, scans as i64).await?;
    let flooded = scaled(20_000, scale, 500) as usize;
    let changes = flood::scan_through(&house, &door, &positions[..flooded], 1, &codes).await?;
    // Farther behind than the server goes through one by one.
    let often = i32::try_from(FAR_BEHIND.div_ceil(flooded))?;
    let snapshot = flood::scan_through(&house, &door, &positions[..flooded], often, &codes).await?;
    ensure!(snapshot.snapshot && !changes.snapshot, "one of the two is a snapshot");
    let line = json!({ "connections": asked, "synced": synced, "failed": failed, "disk_flush_p50_p99_ms": flush });
    Ok(judge(&measured, &sales, &line, [("changes", &changes), ("snapshot", &snapshot)], arrived, scans))
}

/// Somebody who presses *sync now* all the time, so that there is always somebody waiting for the line: an engine left
/// alone backs off and would hardly notice the faults. Gives how often it worked and how often not.
async fn press_sync(door: Station, stop: CancellationToken) -> (u32, u32) {
    let (mut synced, mut failed) = (0, 0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return (synced, failed),
            answer = door.sync_once() => match answer {
                Ok(_) => synced += 1,
                Err(_) => failed += 1,
            },
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Measured {
    /// Durations by state, and how many verdicts were not the expected one.
    states: Vec<(Vec<Duration>, u32)>,
    /// Durations by state, from the frame on.
    frames: Vec<Vec<Duration>>,
}

/// Each ticket twice, the second time in the next state, so that both verdicts meet every state.
async fn scan_all(
    house: &House,
    door: &Station,
    proxy: &Proxy,
    codes: &[(PositionId, String)],
) -> anyhow::Result<Measured> {
    let mut states = vec![(Vec::new(), 0); STATES.len()];
    let mut of_frames = vec![Vec::new(); STATES.len()];
    let mut cascade = Cascade::standard();
    let mut before: &[(PositionId, String)] = &[];
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ask = |code: String| ScanRequest::new(code, house.list, Direction::Entry);
    for (turn, mine) in codes.chunks(codes.len() / (STATES.len() * ROUNDS)).enumerate() {
        let state = turn % STATES.len();
        proxy.set(STATES[state].1);
        for (n, (_, fresh)) in mine.iter().enumerate() {
            // In the first state nobody was here before.
            let used = before.get(n).map_or(fresh, |(_, code)| code);
            for (code, first) in [(fresh, true), (used, false)] {
                let frame = (first && n % FRAMES == 0).then(|| frames::draw(code)).transpose()?;
                pace.tick().await;
                let verdict = match frame {
                    Some(frame) => {
                        let (verdict, took) = frames::scan(door, &mut cascade, &frame, ask).await?;
                        of_frames[state].push(took);
                        verdict
                    }
                    None => {
                        let began = Instant::now();
                        let verdict = door.scan(ask(code.clone())).await.map_err(said)?;
                        states[state].0.push(began.elapsed());
                        verdict
                    }
                };
                let expected = if first {
                    verdict.class == Class::Admitted
                } else {
                    verdict.class == Class::Used && verdict.reason == Some(Reason::AlreadyRedeemed)
                };
                states[state].1 += u32::from(!expected);
            }
        }
        before = mine;
    }
    for (times, _) in &mut states {
        times.sort_unstable();
    }
    of_frames.iter_mut().for_each(|times| times.sort_unstable());
    Ok(Measured { states, frames: of_frames })
}

struct Sales {
    n: u32,
    longest: Duration,
    longest_paper: Duration,
}

/// Sales and their paper while the line is a black hole. A lease is for a handful; between handfuls there is a line.
async fn sell(house: &House, till: &Station, proxy: &Proxy, n: u32) -> anyhow::Result<Sales> {
    let mut sales = Sales { n: 0, longest: Duration::ZERO, longest_paper: Duration::ZERO };
    let end = Instant::now() + Duration::from_secs(180);
    while sales.n < n {
        proxy.set(Fault::Ok);
        // What hung in the black hole must end first.
        while places_here(house, till).await? == 0 {
            ensure!(Instant::now() < end, "the till was lent no more than {} places", sales.n);
            drop(till.sync_once().await);
        }
        proxy.set(Fault::BlackHole);
        for _ in 0..places_here(house, till).await?.min(i64::from(n - sales.n)) {
            let began = Instant::now();
            let sale = till.sell(house.adults(1)).await.map_err(said)?;
            sales.longest = sales.longest.max(began.elapsed());
            let began = Instant::now();
            let paper = till.paper(sale.order_id, Printed::Tickets, None, Language::En).await.map_err(said)?;
            sales.longest_paper = sales.longest_paper.max(began.elapsed());
            ensure!(paper.starts_with(b"%PDF-"), "the paper is no PDF");
            sales.n += 1;
        }
    }
    Ok(sales)
}

/// How many adult tickets the till can sell by itself.
async fn places_here(house: &House, till: &Station) -> anyhow::Result<i64> {
    let view = till.till().await.map_err(said)?;
    let mut products = view.events.iter().flat_map(|e| &e.products);
    Ok(products.find(|p| p.item_id == house.adult).map_or(0, |p| p.here.unwrap_or(i64::MAX)))
}

/// With the line back, every scan reaches the server, once.
async fn all_up(house: &House, door: &Station, scans: i64) -> anyhow::Result<i64> {
    let end = Instant::now() + Duration::from_secs(300);
    loop {
        // The first tries may still meet what the faults left behind.
        let synced = door.sync_once().await;
        let arrived = house.number_of("SELECT count(*) FROM scan").await?;
        if arrived >= scans || Instant::now() > end {
            synced.map_err(said).context("the last sync")?;
            return Ok(arrived);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn judge(
    measured: &Measured,
    sales: &Sales,
    line: &Value,
    floods: [(&str, &flood::Through); 2],
    arrived: i64,
    scans: usize,
) -> Outcome {
    let p99 = |at: usize| percentile_ms(&measured.states[at].0, 99.0);
    let bar = (p99(OK) * 1.2 + 5.0).min(VERDICT_MS);
    let mut states = Map::new();
    let mut pass = arrived == scans as i64;
    for (at, (name, _)) in STATES.iter().enumerate() {
        let (times, wrong) = &measured.states[at];
        let at_p99 = p99(at);
        pass &= at_p99 <= if at == OK { VERDICT_MS } else { bar } && *wrong == 0;
        let frames = &measured.frames[at];
        let (frame_p50, frame_p99) = (percentile_ms(frames, 50.0), percentile_ms(frames, 99.0));
        pass &= frame_p50 <= FRAME_MS.0 && frame_p99 <= FRAME_MS.1 && !frames.is_empty();
        let summary = json!({
            "n": times.len(), "p50_ms": percentile_ms(times, 50.0), "p99_ms": at_p99,
            "max_ms": percentile_ms(times, 100.0), "wrong_verdicts": wrong, "frames": frames.len(),
            "frame_p50_ms": frame_p50, "frame_p99_ms": frame_p99,
        });
        states.insert((*name).to_owned(), summary);
    }
    let mut down = Map::new();
    for (name, through) in floods {
        let at_p99 = percentile_ms(&through.times, 99.0);
        pass &= at_p99 <= VERDICT_MS && through.wrong == 0;
        let summary = json!({
            "n": through.times.len(), "p50_ms": percentile_ms(&through.times, 50.0), "p99_ms": at_p99,
            "max_ms": percentile_ms(&through.times, 100.0), "wrong_verdicts": through.wrong,
            "rows": through.rows, "took_ms": ms(through.took),
        });
        down.insert(name.to_owned(), summary);
    }
    Outcome {
        measured: json!({
            "states": states, "while_it_comes_down": down, "line": line, "scans_arrived_afterwards": arrived,
            "sales_without_a_line": sales.n, "sale_max_ms": ms(sales.longest), "paper_max_ms": ms(sales.longest_paper),
        }),
        bar: json!({
            "p99_ms_of_ok": VERDICT_MS, "p99_ms_of_each": bar, "frame_p50_ms": FRAME_MS.0, "frame_p99_ms": FRAME_MS.1,
            "p99_ms_while_it_comes_down": VERDICT_MS, "wrong_verdicts": 0, "scans_arrived_afterwards": scans,
        }),
        n: scans as u64,
        pass,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
