//! What stations and server have to say to each other: the first snapshot of a large event, a change that two hundred
//! stations wait for, journals going up. The server runs in this process, its private PostgreSQL flushes (fsync on).

use crate::{
    Figure,
    closed::{Sample, short},
};
use anyhow::{Context, ensure};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::{
    path::Path,
    process::Command as Program,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{task::JoinSet, time::Instant};
use willcall_domain::{
    checkin::wire::{Class, Direction},
    clock::{Clock, SystemClock},
    devices::{Right, Role, draft::DeviceDraft},
    id::{EventId, ItemId, ListId, OrganizerId, PositionId},
    problem::Problem,
    sync::{Entry, Fact, Outcome},
};
use willcall_server::{
    Config, Running, Server,
    config::database::{Database, Private, Source},
    devices, seed,
    sync::{Subject, note},
};
use willcall_station::{command::Command, socket};
use willcall_tests::{
    built,
    crowd::{self, Ticket},
    house::open_station,
    light::{self, Light, Told},
    premises::passable_folder,
    process::Process,
    proxy::{Fault, Proxy, Upstream},
    record::{memory_kb, peak_kb},
};

const TICKETS: usize = 100_000;
/// 10 Mb/s.
const THIN: u64 = 1_250_000;
const LISTENERS: usize = 200;
const CHANGES: usize = 50;
const UPLOADERS: usize = 8;
const PAGES_EACH: usize = 6;
const PAGE: usize = 500;

/// One event in one hall, with as many places as anybody wants.
pub const HALL: &str = r#"
[[organizer]]
slug = "bench"
name = "Bench"

[[organizer.event]]
slug = "night"
name = "A Night"
starts_at = "+1d 20:00"

[[organizer.event.item]]
name = "Adult"
price = "24.00"
tax_rate = "7"

[[organizer.event.quota]]
name = "Hall"
size = 1000000
items = ["Adult"]
"#;

pub async fn figures() -> anyhow::Result<Vec<Figure>> {
    let folder = passable_folder()?;
    let private = Private { bindir: None, throwaway: false, max_connections: None };
    let config = Config::for_testing(folder.path(), Database { source: Source::Private(private), connections: 16 });
    let server = Server::start(config).await?;
    let measured = measure(folder.path(), &server).await;
    server.stop().await;
    measured
}

struct Place<'a> {
    server: &'a Running,
    organizer: OrganizerId,
    event: EventId,
    item: ItemId,
    list: ListId,
    positions: Vec<PositionId>,
}

async fn measure(folder: &Path, server: &Running) -> anyhow::Result<Vec<Figure>> {
    let plan = folder.join("plan.toml");
    std::fs::write(&plan, HALL)?;
    let seeded = seed::run(server.app(), &plan).await?;
    let house = seeded.organizers.first().context("an organizer")?;
    let event = house.events.first().context("an event")?;
    let mut place = Place {
        server,
        organizer: house.organizer_id,
        event: event.event_id,
        item: *event.items.get("Adult").context("a product")?,
        list: *event.lists.values().next().context("a list")?,
        positions: Vec::new(),
    };
    let socket = folder.join("pg-socket");
    let options = PgConnectOptions::new_without_pgpass().socket(socket).username("willcall_admin").database("willcall");
    let mut admin = PgConnection::connect_with(&options).await?;
    let ticket = Ticket { organizer: place.organizer, event: place.event, item: place.item };
    place.positions = crowd::write(&mut admin, ticket, SystemClock::new().now(), TICKETS).await?;
    let mut figures = place.first_syncs().await?;
    figures.push(place.told_to_all().await?);
    figures.push(place.journals_up().await?);
    Ok(figures)
}

impl Place<'_> {
    async fn invite(&self, name: String) -> anyhow::Result<String> {
        let mut tx = self.server.app().begin(self.organizer).await?;
        let draft =
            DeviceDraft { gate: name.clone(), name, role: Role::Door, events: None, rights: vec![Right::Names] };
        let invited = devices::edit::create(&mut tx, &draft).await.map_err(|e| anyhow::anyhow!("{e:?}"))?;
        tx.commit().await?;
        Ok(invited.token)
    }

    /// Straight, and over a thin line; then what the station's program holds that does the same.
    async fn first_syncs(&self) -> anyhow::Result<Vec<Figure>> {
        let straight = tempfile::tempdir()?;
        let took = self.first_sync("Straight", straight.path(), &self.server.url()).await?;
        let address = self.server.url().trim_start_matches("http://").parse()?;
        let proxy = Proxy::start(Upstream::Tcp(address)).await?;
        proxy.set(Fault::Bandwidth(THIN));
        let thin = tempfile::tempdir()?;
        let thin_took = self.first_sync("Thin", thin.path(), &proxy.url()).await?;
        let megabytes = proxy.passed_down() as f64 / 1e6;
        let (rss, peak) = self.memory_mb().await?;
        let n = TICKETS as u64;
        Ok(vec![
            Figure {
                what: "first sync of 100,000 tickets",
                measured: format!("{:.1} s · {:.0} rows/s", took, TICKETS as f64 / took),
                values: json!({ "took_s": took, "rows_per_s": TICKETS as f64 / took }),
                peer: "349 rows/s",
                method: "a door that searches names, over loopback into SQLCipher; to be 20,000 rows/s".to_owned(),
                n,
            },
            Figure {
                what: "… over 10 Mb/s",
                measured: format!("{thin_took:.1} s · {megabytes:.1} MB"),
                values: json!({ "took_s": thin_took, "megabytes": megabytes }),
                peer: "–",
                method: "the same through a proxy that lets 1.25 MB/s pass, all bytes of it; to be 60 s · 20 MB"
                    .to_owned(),
                n,
            },
            Figure {
                what: "memory of a station with them",
                measured: format!("{rss:.0} MB, at most {peak:.0}"),
                values: json!({ "rss_mb": rss, "peak_mb": peak }),
                peer: "–",
                method: "resident set of `willcall-station run` after its own first sync; to be 250 MB".to_owned(),
                n,
            },
        ])
    }

    /// What the program holds after it has done its first sync by itself, and the most it held.
    async fn memory_mb(&self) -> anyhow::Result<(f64, f64)> {
        built::build(&["willcall-station"])?;
        let folder = tempfile::tempdir()?;
        let token = self.invite("Program".to_owned()).await?;
        let door = open_station(folder.path(), Arc::new(SystemClock::new()))?;
        door.enrol(&self.server.url(), &token).await.map_err(said)?;
        // The folder is the program's once nobody here has it.
        drop(door);
        let mut program = Program::new(built::program("willcall-station")?);
        program.arg("--key-in-file").arg("--data").arg(folder.path()).arg("run").env("WILLCALL_LOG", "warn");
        let engine = Process::start(&mut program)?;
        let end = Instant::now() + Duration::from_secs(120);
        while tickets_of(folder.path()).await < TICKETS {
            ensure!(Instant::now() < end, "the engine does not get its tickets");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (_, rss) = memory_kb(engine.id()).context("the engine's memory")?;
        let peak = peak_kb(engine.id()).context("the most it held")?;
        Ok((rss as f64 / 1024.0, peak as f64 / 1024.0))
    }

    async fn first_sync(&self, name: &str, folder: &Path, url: &str) -> anyhow::Result<f64> {
        let token = self.invite(name.to_owned()).await?;
        let door = open_station(folder, Arc::new(SystemClock::new()))?;
        door.enrol(url, &token).await.map_err(said)?;
        let began = Instant::now();
        let report = door.sync_once().await.map_err(said)?;
        let took = began.elapsed().as_secs_f64();
        let tickets = door.status().await.map_err(said)?.tickets;
        ensure!(report.caught_up && usize::try_from(tickets)? >= TICKETS, "{tickets} tickets arrived: {report:?}");
        Ok(took)
    }

    async fn lights(&self, what: &str, n: usize) -> anyhow::Result<Vec<Light>> {
        let http = light::client()?;
        let mut lights = Vec::with_capacity(n);
        for i in 0..n {
            let token = self.invite(format!("{what} {i}")).await?;
            lights.push(Light::enrol(&http, &self.server.url(), &token).await?);
        }
        Ok(lights)
    }

    /// One change after the other; each is over once all have heard of it.
    async fn told_to_all(&self) -> anyhow::Result<Figure> {
        let app = self.server.app();
        let lights = self.lights("Listener", LISTENERS).await?;
        willcall_server::sync::sequencer::number(app, self.organizer).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        let heads: Vec<i64> = vec![head(&lights[0]).await?; lights.len()];
        let heard: Arc<Mutex<Vec<(i64, Instant)>>> = Arc::default();
        let mut listening = JoinSet::new();
        for (light, after) in lights.into_iter().zip(heads) {
            let heard = Arc::clone(&heard);
            listening.spawn(async move {
                light
                    .listen(after, |told| {
                        if let Told::Changes(answer) = told
                            && let Ok(mut heard) = heard.lock()
                        {
                            heard.push((answer.next, Instant::now()));
                        }
                        true
                    })
                    .await
            });
        }
        wait(Duration::from_secs(30), || app.stations.listeners() >= LISTENERS as u64).await?;
        let mut times = Vec::with_capacity(LISTENERS * CHANGES);
        let began = Instant::now();
        for _ in 0..CHANGES {
            let before = heard.lock().map_or(0, |heard| heard.len());
            let mut tx = app.begin(self.organizer).await?;
            note(&mut tx, Subject::Item(self.item, self.event)).await?;
            tx.commit().await?;
            let committed = Instant::now();
            wait(Duration::from_secs(30), || heard.lock().is_ok_and(|h| h.len() >= before + LISTENERS)).await?;
            let all = heard.lock().map_err(|_| anyhow::anyhow!("a listener panicked"))?;
            times.extend(all[before..].iter().map(|(_, at)| at.saturating_duration_since(committed)));
        }
        let sample = Sample::of(began.elapsed(), times);
        Ok(Figure {
            what: "a change, told to 200 stations",
            measured: format!(
                "p50 {} · p99 {} ms",
                short(sample.values()["p50_ms"].as_f64().unwrap_or_default()),
                short(sample.values()["p99_ms"].as_f64().unwrap_or_default())
            ),
            values: sample.values(),
            peer: "–",
            method: format!("{LISTENERS} connected, {CHANGES} changes one after the other; from the commit to each"),
            n: sample.n(),
        })
    }

    /// Scans that were sealed beforehand, brought by several stations at once.
    async fn journals_up(&self) -> anyhow::Result<Figure> {
        let mut lights = self.lights("Uploader", UPLOADERS).await?;
        let mut positions = self.positions.iter().copied();
        let mut journals: Vec<Vec<Vec<Entry>>> = Vec::new();
        for light in &mut lights {
            let mut entries = vec![light.record(Fact::Opened { software: "bench".to_owned() })?];
            while entries.len() < PAGES_EACH * PAGE {
                entries.push(light.record(self.scan(positions.next().context("a ticket")?))?);
            }
            journals.push(entries.chunks(PAGE).map(<[Entry]>::to_vec).collect());
        }
        let began = Instant::now();
        let mut uploading = JoinSet::new();
        for (light, pages) in lights.into_iter().zip(journals) {
            uploading.spawn(async move {
                let mut times = Vec::new();
                for page in pages {
                    let (n, began) = (page.len(), Instant::now());
                    let answer = light.push(page).await?;
                    ensure!(answer.outcomes.len() == n, "{} of {n} answered", answer.outcomes.len());
                    ensure!(answer.outcomes.iter().all(|(_, o)| *o == Outcome::Applied), "{:?}", answer.outcomes);
                    times.push(began.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        let mut times = Vec::new();
        while let Some(done) = uploading.join_next().await {
            times.extend(done??);
        }
        let (took, n) = (began.elapsed(), UPLOADERS * PAGES_EACH * PAGE);
        let rate = n as f64 / took.as_secs_f64();
        let pages = Sample::of(took, times);
        Ok(Figure {
            what: "journal entries applied",
            measured: format!("{rate:.0} /s"),
            values: json!({ "per_s": rate, "page": pages.values() }),
            peer: "23 /s",
            method: format!("scans of {UPLOADERS} stations in pages of {PAGE}: checked, kept, applied, confirmed"),
            n: n as u64,
        })
    }

    fn scan(&self, position: PositionId) -> Fact {
        Fact::Scan {
            event_id: self.event,
            list_id: self.list,
            position_id: Some(position),
            payload_hash: None,
            direction: Direction::Entry,
            class: Class::Admitted,
            reason: None,
            time_by_hand: None,
        }
    }
}

/// The newest position of the feed.
async fn head(light: &Light) -> anyhow::Result<i64> {
    let (_, answer) = light.post("contact", &light.question(0)).await?;
    let body: serde_json::Value = serde_json::from_str(answer["body"].as_str().context("a body")?)?;
    body["head"].as_i64().context("a head")
}

/// How many tickets the program on this folder has; none while it starts.
async fn tickets_of(folder: &Path) -> usize {
    let answer = socket::ask(folder, &Command::Status).await;
    let tickets = answer.and_then(Result::ok).and_then(|status| status["tickets"].as_u64());
    tickets.and_then(|tickets| usize::try_from(tickets).ok()).unwrap_or(0)
}

async fn wait(patience: Duration, done: impl Fn() -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + patience;
    while !done() {
        ensure!(Instant::now() < end, "waited too long");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
