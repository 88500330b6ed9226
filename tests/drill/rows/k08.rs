//! K08: a line that is half broken: a quarter and a half of all exchanges lost (cut off before or after the server has
//! heard, or met with silence), a captive portal that answers everything,
//! bytes that drip, a black hole. The screens never wait, the word about the link is right within five seconds, and what
//! the line allows arrives.

use crate::town::{ms, scaled};
use anyhow::Context;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    checkin::wire::{Direction, ScanRequest},
    devices::Role,
    entropy::{SeededEntropy, bytes},
    problem::Problem,
};
use willcall_station::Station;
use willcall_tests::{
    awaited, crowd,
    house::{House, Plan},
    load::percentile_ms,
    meddler::{Fate, Meddler},
    proxy::{Fault, Proxy, Upstream},
    record::Outcome,
};

const FRAME: Duration = Duration::from_millis(100);
const INDICATOR: Duration = Duration::from_secs(5);
const ARRIVED: f64 = 0.9;
/// What is scanned while a share of the exchanges is lost, one each so often.
const SCANS: u32 = 300;
const EVERY: Duration = Duration::from_millis(100);
/// What was recorded in the last moments may still be under way: a try that meets silence takes five seconds.
const REST: Duration = Duration::from_secs(20);
/// How long it must stay said that there is no link, whatever is tried.
const STAYS: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines over which nobody can be in contact.
const DEAD: [(&str, Fault); 4] = [
    ("captive_portal", Fault::WrongBody),
    ("drip", Fault::Bandwidth(5)),
    ("black_hole", Fault::BlackHole),
    ("noise", Fault::Noise),
];

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let scans = scaled(SCANS, scale, 60) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, scans * 2).await?;
    let codes: Vec<String> = crowd::codes(&house, positions).await?.into_iter().map(|(_, code)| code).collect();
    let (mut measured, mut pass, mut n) = (Map::new(), true, 0);
    for (at, (name, percent)) in [("lost_25", 25_u8), ("lost_50", 50)].into_iter().enumerate() {
        let lossy = lossy(&house, name, percent, &codes[at * scans..(at + 1) * scans]).await?;
        pass &= lossy.share >= ARRIVED && lossy.frame <= FRAME;
        n += scans;
        measured.insert(name.to_owned(), lossy.json());
    }
    let rounds = scaled(5, scale, 1);
    let dead = dead(&house, rounds).await?;
    for one in &dead {
        pass &= one.frame <= FRAME && one.lost_max <= INDICATOR && one.back_max <= INDICATOR && one.false_words == 0;
        n += rounds as usize;
        measured.insert(one.name.to_owned(), one.json());
    }
    Ok(Outcome {
        measured: Value::Object(measured),
        bar: json!({
            "frame_max_ms": ms(FRAME), "arrived_share": ARRIVED, "said_no_link_max_ms": ms(INDICATOR),
            "said_link_again_max_ms": ms(INDICATOR), "said_connected_while_dead": 0,
        }),
        n: n as u64,
        pass,
    })
}

struct Lossy {
    share: f64,
    /// From the last scan until the station knew that all had arrived.
    behind: Option<Duration>,
    frame: Duration,
    requests: usize,
    scan_p99_ms: f64,
}

impl Lossy {
    fn json(&self) -> Value {
        json!({
            "arrived_share": self.share, "last_confirmed_after_ms": self.behind.map(ms), "frame_max_ms": ms(self.frame), "requests": self.requests,
            "scan_p99_ms": self.scan_p99_ms,
        })
    }
}

/// A share of all exchanges fails, before or after the server has heard of them.
async fn lossy(house: &House, name: &str, percent: u8, codes: &[String]) -> anyhow::Result<Lossy> {
    let (folder, line) = (tempfile::tempdir()?, Meddler::new()?);
    let door = house.station_over(name, Role::Door, folder.path(), line.clone()).await?;
    let before = house.number_of("SELECT count(*) FROM scan").await?;
    let engine = Engine::start(&door);
    let chance = SeededEntropy::new(u64::from(percent));
    line.decide(move |_| match bytes::<2>(&chance) {
        [draw, _] if u16::from(draw) * 100 / 256 >= u16::from(percent) => Fate::Passes,
        [_, side] if side % 3 == 0 => Fate::NotSent,
        [_, side] if side % 3 == 1 => Fate::AnswerLost,
        _ => Fate::Silence,
    });
    let frames = Frames::watch(&door);
    let mut times = Vec::new();
    for code in codes {
        let due = Instant::now() + EVERY;
        let began = Instant::now();
        scan(house, &door, code).await?;
        times.push(began.elapsed());
        tokio::time::sleep_until(due).await;
    }
    // Still over the bad line: what was recorded arrives all the same.
    let all_sent = awaited::sent(&door, REST).await;
    let arrived = house.number_of("SELECT count(*) FROM scan").await? - before;
    let frame = frames.longest().await?;
    engine.stop().await?;
    times.sort_unstable();
    Ok(Lossy {
        share: arrived as f64 / codes.len() as f64,
        behind: all_sent.ok(),
        frame,
        requests: line.requests(),
        scan_p99_ms: percentile_ms(&times, 99.0),
    })
}

struct Dead {
    name: &'static str,
    lost_max: Duration,
    back_max: Duration,
    frame: Duration,
    false_words: u32,
}

impl Dead {
    fn json(&self) -> Value {
        json!({
            "said_no_link_max_ms": ms(self.lost_max), "said_link_again_max_ms": ms(self.back_max),
            "frame_max_ms": ms(self.frame), "said_connected_while_dead": self.false_words,
        })
    }
}

async fn dead(house: &House, rounds: u32) -> anyhow::Result<Vec<Dead>> {
    let server: std::net::SocketAddr = house.url().trim_start_matches("http://").parse()?;
    let proxy = Proxy::start(Upstream::Tcp(server)).await?;
    let folder = tempfile::tempdir()?;
    let door = house.station_at("Door over lines", Role::Door, folder.path(), &proxy.url()).await?;
    let engine = Engine::start(&door);
    let mut all = Vec::new();
    for (name, fault) in DEAD {
        let mut one =
            Dead { name, lost_max: Duration::ZERO, back_max: Duration::ZERO, frame: Duration::ZERO, false_words: 0 };
        for _ in 0..rounds {
            // Whoever was in contact a moment ago sits in its stream, where nothing happens.
            awaited::connected(&door, true, PATIENCE).await?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            let frames = Frames::watch(&door);
            proxy.set(fault);
            one.lost_max = one.lost_max.max(awaited::connected(&door, false, PATIENCE).await?);
            one.false_words += u32::from(awaited::connected(&door, true, STAYS).await.is_ok());
            proxy.set(Fault::Ok);
            one.back_max = one.back_max.max(awaited::connected(&door, true, Duration::from_secs(400)).await?);
            one.frame = one.frame.max(frames.longest().await?);
        }
        all.push(one);
    }
    engine.stop().await?;
    Ok(all)
}

async fn scan(house: &House, door: &Station, code: &str) -> anyhow::Result<()> {
    let request = ScanRequest::new(code, house.list, Direction::Entry);
    door.scan(request).await.map(drop).map_err(said)
}

/// A running engine.
struct Engine {
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Engine {
    fn start(station: &Station) -> Self {
        let stop = CancellationToken::new();
        let (station, until) = (station.clone(), stop.clone());
        Self { stop, running: tokio::spawn(async move { station.run(until).await }) }
    }

    async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.running.await.context("the engine")
    }
}

/// Somebody who looks at all screens all the time; what they wait for is what a frame would.
struct Frames {
    stop: CancellationToken,
    looking: tokio::task::JoinHandle<anyhow::Result<Duration>>,
}

impl Frames {
    fn watch(station: &Station) -> Self {
        let stop = CancellationToken::new();
        let (station, until) = (station.clone(), stop.clone());
        let looking = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !until.is_cancelled() {
                let began = Instant::now();
                station.status().await.map_err(said)?;
                station.door().await.map_err(said)?;
                longest = longest.max(began.elapsed());
                tokio::time::sleep(Duration::from_millis(16)).await;
            }
            Ok(longest)
        });
        Self { stop, looking }
    }

    async fn longest(self) -> anyhow::Result<Duration> {
        self.stop.cancel();
        self.looking.await?
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
