//! A door with 100,000 tickets: how fast it gets them, how long from the code in hand to the durable verdict, and how
//! many scans a second reach the server. The server runs in this process, its private PostgreSQL flushes (fsync on).

use crate::{
    Figure,
    closed::{Sample, closed, short},
};
use anyhow::{Context, ensure};
use serde_json::json;
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use std::sync::Arc;
use tokio::time::Instant;
use willcall_domain::{
    checkin::wire::{Class, Direction, ScanRequest},
    clock::{Clock, SystemClock},
    id::ListId,
    problem::Problem,
};
use willcall_reading::{Cascade, scene::Hold};
use willcall_server::{
    Config, Running, Server,
    config::database::{Database, Private, Source},
    seed,
};
use willcall_station::Station;
use willcall_tests::{
    crowd::{self, Ticket},
    house::open_station,
    load::percentile_ms,
    premises::passable_folder,
    record::cpu_ms,
};

const TICKETS: usize = 100_000;
const ONE_BY_ONE: usize = 5_000;
const AT_ONCE: usize = 5_000;
/// Tickets held before the camera.
const SEEN: usize = 500;
/// As many as asked the peer at once.
const SCANNERS: u64 = 16;

/// Beside the hall of [`crate::sync`].
const DOOR: &str = r#"
[[organizer.device]]
name = "Door 1"
gate = "Main entrance"
role = "door"
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

async fn measure(folder: &std::path::Path, server: &Running) -> anyhow::Result<Vec<Figure>> {
    let plan = folder.join("plan.toml");
    std::fs::write(&plan, [crate::sync::HALL, DOOR].concat())?;
    let seeded = seed::run(server.app(), &plan).await?;
    let house = seeded.organizers.first().context("an organizer")?;
    let event = house.events.first().context("an event")?;
    let ticket = Ticket {
        organizer: house.organizer_id,
        event: event.event_id,
        item: *event.items.get("Adult").context("a product")?,
    };
    let list = *event.lists.values().next().context("a list")?;
    let token = house.devices.first().and_then(|d| d.token.as_deref()).context("a token")?;
    let socket = folder.join("pg-socket");
    let options = PgConnectOptions::new_without_pgpass().socket(socket).username("willcall_admin").database("willcall");
    let mut admin = PgConnection::connect_with(&options).await?;
    let positions = crowd::write(&mut admin, ticket, SystemClock::new().now(), TICKETS).await?;

    let station = tempfile::tempdir()?;
    let door = open_station(station.path(), Arc::new(SystemClock::new()))?;
    door.enrol(&server.url(), token).await.map_err(said)?;
    let began = Instant::now();
    door.sync_once().await.map_err(said)?;
    let took = began.elapsed().as_secs_f64();
    let tickets = door.status().await.map_err(said)?.tickets;
    ensure!(tickets as usize >= TICKETS, "{tickets} tickets arrived");
    let first = Figure {
        what: "first sync of a door",
        measured: format!("{:.0} rows/s", TICKETS as f64 / took),
        values: json!({ "rows_per_s": TICKETS as f64 / took, "took_s": took }),
        peer: "349 rows/s",
        method: format!("100,000 orders over loopback into SQLCipher, {took:.1} s in all; the peer: 20,000 in 57 s"),
        n: TICKETS as u64,
    };

    let scanned = positions.into_iter().step_by(TICKETS / (ONE_BY_ONE + AT_ONCE + SEEN));
    let codes = crowd::codes_of(server.app(), ticket, scanned).await?;
    let mut codes: Vec<String> = codes.into_iter().map(|(_, code)| code).collect();
    let mut at_once = codes.split_off(ONE_BY_ONE);
    let mut seen = at_once.split_off(AT_ONCE);
    seen.truncate(SEEN);
    let one_by_one = scans(&door, list, codes, 1).await?;
    door.sync_once().await.map_err(said)?;
    let mut figures = vec![first];
    figures.push(Figure {
        what: "code in hand → durable verdict",
        measured: one_by_one.text(),
        values: one_by_one.values(),
        peer: "–",
        method: "one door, 100,000 tickets; verify, history, journal entry, synchronous=FULL; one after the other"
            .to_owned(),
        n: one_by_one.n(),
    });
    figures.push(before_the_camera(&door, list, &seen).await?);
    door.sync_once().await.map_err(said)?;
    figures.extend(crowd_at_the_door(&door, &mut admin, list, at_once).await?);
    Ok(figures)
}

/// From the picture to the verdict: each ticket is held as in the hard mixed set of [`crate::reading`], and the first of
/// its pictures that is read is the one that counts.
async fn before_the_camera(door: &Station, list: ListId, codes: &[String]) -> anyhow::Result<Figure> {
    let (mut cascade, mut times) = (Cascade::standard(), Vec::new());
    let begun = Instant::now();
    for (seed, code) in (0..).zip(codes) {
        let hold = Hold::hard_of(code, seed);
        for number in 0..crate::reading::A_SECOND {
            let frame = hold.frame(number);
            let began = Instant::now();
            let Some(reading) = cascade.read(&frame, || false) else { continue };
            let verdict = door.scan(ScanRequest::new(reading.text, list, Direction::Entry)).await.map_err(said)?;
            times.push(began.elapsed());
            ensure!(verdict.class == Class::Admitted, "{verdict:?}");
            break;
        }
    }
    let sample = Sample::of(begun.elapsed(), times);
    let [p50, p99] = [50.0, 99.0].map(|percent| short(percentile_ms(&sample.times, percent)));
    Ok(Figure {
        what: "frame in hand → durable verdict",
        measured: format!("p50 {p50} · p99 {p99} ms"),
        values: sample.values(),
        peer: "–",
        method: format!(
            "100,000 tickets; a 720p frame of the hard mixed set that is read, by the schedule that ships, then as above; \
             {} of {} tickets within a second",
            sample.n(),
            codes.len()
        ),
        n: sample.n(),
    })
}

/// As the peer was asked: sixteen at once; then until the server has all of it.
async fn crowd_at_the_door(
    door: &Station,
    admin: &mut PgConnection,
    list: ListId,
    codes: Vec<String>,
) -> anyhow::Result<Vec<Figure>> {
    let here = "SELECT count(*) FROM scan WHERE class = 'admitted'";
    let before: i64 = sqlx::query_scalar(here).fetch_one(&mut *admin).await?;
    let began = Instant::now();
    let burst = scans(door, list, codes, SCANNERS).await?;
    let report = door.sync_once().await.map_err(said)?;
    let took = began.elapsed().as_secs_f64();
    ensure!(report.waiting == 0 && report.problems.is_empty(), "{report:?}");
    let after: i64 = sqlx::query_scalar(here).fetch_one(admin).await?;
    ensure!(after - before == i64::try_from(burst.n())?, "{} scans arrived", after - before);
    let rate = burst.n() as f64 / took;
    Ok(vec![
        Figure {
            what: "scans at one door, sixteen at once",
            measured: burst.text(),
            values: burst.values(),
            peer: "43.5 /s · p50 343 · p99 681 ms · CPU 40–43 ms",
            method: format!("{SCANNERS} at once on one station; the peer: {SCANNERS} clients over HTTP"),
            n: burst.n(),
        },
        Figure {
            what: "… until the server has them",
            measured: format!("{} /s", short(rate)),
            values: json!({ "per_s": rate }),
            peer: "23 /s",
            method: "the same, until each entry is checked, applied and confirmed".to_owned(),
            n: burst.n(),
        },
    ])
}

async fn scans(door: &Station, list: ListId, codes: Vec<String>, at_once: u64) -> anyhow::Result<Sample> {
    let (door, codes) = (door.clone(), Arc::new(codes));
    let spent = cpu_ms(std::process::id());
    let sample = closed(at_once, codes.len() as u64, move |n| {
        let (door, codes) = (door.clone(), Arc::clone(&codes));
        async move {
            let code = codes.get(usize::try_from(n)?).context("a code")?.clone();
            let request = ScanRequest::new(code, list, Direction::Entry);
            let verdict = door.scan(request).await.map_err(said)?;
            ensure!(verdict.class == Class::Admitted, "{verdict:?}");
            Ok(())
        }
    });
    Ok(sample.await?.costing(cpu_ms(std::process::id()) - spent))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
