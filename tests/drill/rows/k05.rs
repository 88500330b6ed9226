//! K05: ten tills on one quota of 500, with lines that come and go and lose questions and answers, clocks up to an hour
//! off, engines that are dropped in the middle of what they do and opened again. However it goes, nowhere is more sold
//! than there is, at any moment; once all is healed the quota is sold out to the last unit. Seats are no part of this
//! yet: the product sells none.

use crate::town::scaled;
use anyhow::{Context, ensure};
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use willcall_domain::{
    clock::{Clock, SystemClock, UtcMillis},
    devices::Role,
    entropy::{self, Entropy, OsEntropy, SeededEntropy},
    id::PositionId,
    problem::{Code, Problem},
    till::wire::SellRequest,
};
use willcall_station::{Host, Station};
use willcall_tests::{
    house::{House, Plan, open_station_in},
    meddler::{Fate, Meddler},
    record::Outcome,
};

const TILLS: usize = 10;
const QUOTA: i64 = 500;
const SEEDS: u32 = 50;
/// Clocks are off by this at most.
const SKEW_MS: i64 = 3_600_000;
/// Rounds of faults, in each of which every till does something.
const ROUNDS: usize = 16;
/// Rounds after the healing in which the last units must find a seller.
const LAST_ROUNDS: usize = 40;

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let seeds = scaled(SEEDS, scale, 2);
    let mut found = Found::default();
    for seed in 0..u64::from(seeds) {
        one(seed, &mut found).await.with_context(|| format!("seed {seed}"))?;
    }
    let pass = found.oversold.is_empty() && found.not_sold_out.is_empty() && found.wrong.is_empty();
    Ok(Outcome {
        measured: json!({
            "seeds": seeds, "oversold": found.oversold, "not_sold_out": found.not_sold_out, "wrong": found.wrong,
            "sold": found.sold, "sold_without_a_link": found.alone, "refused_for_want_of_units": found.refused,
            "engines_dropped": found.crashes, "lines_changed": found.lines, "clock_skew_max_s": found.skew_ms / 1000,
        }),
        bar: json!({ "oversold": [], "not_sold_out": [], "wrong": [], "quota": QUOTA, "tills": TILLS }),
        n: u64::from(seeds),
        pass,
    })
}

#[derive(Default)]
struct Found {
    oversold: Vec<String>,
    not_sold_out: Vec<String>,
    wrong: Vec<String>,
    sold: usize,
    /// Sold while the line was down.
    alone: usize,
    refused: u64,
    crashes: u64,
    lines: u64,
    skew_ms: i64,
}

/// A machine's clock that is off.
#[derive(Debug)]
struct Skewed {
    machine: SystemClock,
    by_ms: i64,
}

impl Clock for Skewed {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.machine.now().0.saturating_add(self.by_ms))
    }

    fn monotonic_ms(&self) -> u64 {
        self.machine.monotonic_ms()
    }
}

/// What a line does, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    Down,
    /// A third of everything is lost on one of the two ways.
    Rough,
}

struct Till {
    folder: PathBuf,
    skew_ms: i64,
    line: Arc<Meddler>,
    weather: Weather,
    station: Option<Station>,
    engine: Option<(CancellationToken, JoinHandle<()>)>,
    /// Asked and not answered: asked again with the same number.
    pending: Option<SellRequest>,
}

/// Everything that was ever sold, by its till: the same position twice is a unit sold twice.
#[derive(Default)]
struct Sold(BTreeMap<PositionId, usize>);

struct World {
    chance: Arc<SeededEntropy>,
    house: House,
    tills: Vec<Till>,
    sold: Sold,
    _folders: tempfile::TempDir,
}

async fn one(seed: u64, found: &mut Found) -> anyhow::Result<()> {
    let mut world = World::build(seed, found).await?;
    for round in 0..ROUNDS {
        for n in 0..TILLS {
            world.turn(n, found).await.with_context(|| format!("round {round}, till {n}"))?;
        }
        let told = world.sold.0.len();
        if told > usize::try_from(QUOTA)? {
            found.oversold.push(format!("seed {seed}, round {round}: {told}"));
        }
        let (sold, leased, excess) = world.house.counted().await?;
        ensure!(sold + leased <= QUOTA && excess == 0, "{sold} sold, {leased} lent, {excess} beyond");
    }
    world.heal(found).await?;
    let (sold, leased, excess) = world.house.counted().await?;
    let told = world.sold.0.len();
    found.sold += told;
    if (sold, leased, excess) != (QUOTA, 0, 0) || i64::try_from(told)? != QUOTA {
        found.not_sold_out.push(format!("seed {seed}: {told} told, {sold} counted, {leased} lent, {excess} beyond"));
    }
    // That its clock is off is the one thing each till has a case for.
    let cases: Vec<String> = sqlx::query_scalar("SELECT kind FROM station_case WHERE kind <> 'clock_skew'")
        .fetch_all(&mut world.house.admin().await?)
        .await?;
    if !cases.is_empty() {
        found.wrong.push(format!("seed {seed}: cases {cases:?}"));
    }
    for till in &world.tills {
        let report = till.station()?.verify_journal().await.map_err(said)?;
        if !report.ok {
            found.wrong.push(format!("seed {seed}: {:?} {:?}", report.problems, report.differences));
        }
    }
    Ok(())
}

impl Till {
    fn station(&self) -> anyhow::Result<&Station> {
        self.station.as_ref().context("the till is open")
    }

    fn open(&mut self) -> anyhow::Result<()> {
        let clock: Arc<dyn Clock> = Arc::new(Skewed { machine: SystemClock::new(), by_ms: self.skew_ms });
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let host = Host { clock, entropy, machine: willcall_station::copies::machine::digest() };
        self.station = Some(open_station_in(&self.folder, host, self.line.clone())?);
        Ok(())
    }

    /// The engine of the till keeps in touch by itself.
    fn run(&mut self) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let (station, until) = (self.station()?.clone(), stop.clone());
        self.engine = Some((stop, tokio::spawn(async move { station.run(until).await })));
        Ok(())
    }

    /// Everything it was doing ends where it is.
    async fn drop_engine(&mut self) {
        if let Some((_, running)) = self.engine.take() {
            running.abort();
            // It was aborted: that is no news.
            _ = running.await;
        }
        self.station = None;
    }

    fn set(&mut self, weather: Weather, chance: &Arc<SeededEntropy>) {
        self.weather = weather;
        match weather {
            Weather::Fair => self.line.be_honest(),
            Weather::Down => self.line.decide(|_| Fate::NotSent),
            Weather::Rough => {
                let chance = chance.clone();
                self.line.decide(move |_| match draw(&chance, 6) {
                    0 => Fate::NotSent,
                    1 => Fate::AnswerLost,
                    2 => Fate::Twice,
                    _ => Fate::Passes,
                });
            }
        }
    }
}

impl World {
    async fn build(seed: u64, found: &mut Found) -> anyhow::Result<Self> {
        let chance = Arc::new(SeededEntropy::new(5_000 + seed));
        let house = House::build(Plan { places: QUOTA, ..Plan::default() }).await?;
        let folders = tempfile::tempdir()?;
        let mut tills = Vec::new();
        for n in 0..TILLS {
            let skew_ms = i64::try_from(draw(&chance, u64::try_from(2 * SKEW_MS)?))? - SKEW_MS;
            found.skew_ms = found.skew_ms.max(skew_ms.abs());
            let (folder, line) = (folders.path().join(format!("{n}")), Meddler::new()?);
            let mut till =
                Till { folder, skew_ms, line, weather: Weather::Fair, station: None, engine: None, pending: None };
            till.open()?;
            let token = house.invite(&format!("Till {}", n + 1), Role::Till).await?;
            till.station()?.enrol(&house.url(), &token).await.map_err(said)?;
            till.station()?.sync_once().await.map_err(said)?;
            till.run()?;
            tills.push(till);
        }
        Ok(Self { chance, house, tills, sold: Sold::default(), _folders: folders })
    }

    /// One till's turn: the weather changes, it crashes, it sells.
    async fn turn(&mut self, n: usize, found: &mut Found) -> anyhow::Result<()> {
        let till = &mut self.tills[n];
        match draw(&self.chance, 6) {
            0 => till.set(Weather::Down, &self.chance),
            1 => till.set(Weather::Rough, &self.chance),
            2 => till.set(Weather::Fair, &self.chance),
            _ => {}
        }
        found.lines += 1;
        let quantity = u32::try_from(1 + draw(&self.chance, 8))?;
        let request = till.pending.take().unwrap_or_else(|| self.house.adults(quantity));
        if draw(&self.chance, 8) == 0 {
            // The engine ends somewhere in the middle of the sale, and of whatever else it does.
            let (station, asked) = (till.station()?.clone(), request.clone());
            let selling = tokio::spawn(async move { station.sell(asked).await });
            for _ in 0..draw(&self.chance, 40) {
                tokio::task::yield_now().await;
            }
            selling.abort();
            let _nobody_was_answered = selling.await;
            till.drop_engine().await;
            found.crashes += 1;
            till.pending = Some(request);
            till.open()?;
            return till.run();
        }
        self.sell(n, request, found).await
    }

    async fn sell(&mut self, n: usize, request: SellRequest, found: &mut Found) -> anyhow::Result<()> {
        let till = &self.tills[n];
        match till.station()?.sell(request).await {
            Ok(sale) => {
                if till.weather == Weather::Down {
                    found.alone += sale.positions.len();
                }
                for position in sale.positions {
                    if self.sold.0.insert(position.position_id, n).is_some_and(|other| other != n) {
                        found.oversold.push(format!("{:?} twice", position.position_id));
                    }
                }
                Ok(())
            }
            Err(problem) if problem.code == Code::LeaseSpent => {
                found.refused += 1;
                Ok(())
            }
            Err(problem) => Err(said(problem)),
        }
    }

    /// All lines are fair; whoever holds units sells them, until nobody has any.
    async fn heal(&mut self, found: &mut Found) -> anyhow::Result<()> {
        for till in &mut self.tills {
            till.set(Weather::Fair, &self.chance);
            if let Some((stop, running)) = till.engine.take() {
                // From here on each round of syncing is asked for.
                stop.cancel();
                running.await?;
            }
        }
        for n in 0..TILLS {
            if let Some(request) = self.tills[n].pending.take() {
                self.sell(n, request, found).await?;
            }
        }
        for _ in 0..LAST_ROUNDS {
            for n in 0..TILLS {
                self.tills[n].station()?.sync_once().await.map_err(said)?;
                let mut before = usize::MAX;
                while before != self.sold.0.len() {
                    before = self.sold.0.len();
                    let request = self.house.adults(1);
                    self.sell(n, request, found).await?;
                }
                self.tills[n].station()?.sync_once().await.map_err(said)?;
            }
            if self.house.counted().await? == (QUOTA, 0, 0) {
                break;
            }
        }
        Ok(())
    }
}

fn draw(chance: &SeededEntropy, of: u64) -> u64 {
    u64::from_le_bytes(entropy::bytes(chance)) % of.max(1)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
