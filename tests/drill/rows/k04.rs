//! K04: old data. A door is told everything once more, out of its order and again and again: pages of changes it has had
//! long ago, their rows shuffled, and snapshots of earlier days. Nothing it knows changes by that. What was revoked is
//! refused after one sync. The age of its data stands at each verdict and is right within a second; beyond a quarter of
//! an hour it is marked, and a product that does not allow data so old is refused until the next sync.

use crate::{engine, town::scaled};
use anyhow::{Context, ensure};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use willcall_domain::{
    catalog::ItemRow,
    checkin::wire::{Class, Direction, Mark, Reason, ScanRequest, VerdictView},
    clock::{Clock, SystemClock, UtcMillis},
    devices::Role,
    entropy::{self, OsEntropy, SeededEntropy},
    id::{HistoryId, PositionId},
    problem::Problem,
    sync::{Change, ChangesAnswer, Row},
};
use willcall_station::{Host, Station};
use willcall_tests::{
    crowd,
    house::{House, Plan, open_station_in},
    meddler::Meddler,
    record::Outcome,
};

const TICKETS: u32 = 5_000;
/// Between two of them much changes at the server.
const DAYS: usize = 6;
const REPLAYS: u32 = 300;
/// How long the age is watched, a verdict each second.
const WATCHED: u32 = 30;
/// The age beyond which data is called old.
const OLD: Duration = Duration::from_secs(15 * 60);
/// A product's own limit.
const LIMIT_MIN: u32 = 10;
/// What may change while nothing is learnt: where it stands in the feed, and when it was last in contact.
const ASIDE: [&str; 5] = ["cursor", "contact", "resume", "standing", "history"];

pub async fn run(scale: f64) -> anyhow::Result<Outcome> {
    let tickets = scaled(TICKETS, scale, 300) as usize;
    let house = House::build(Plan { places: 1_000_000, ..Plan::default() }).await?;
    let positions = crowd::fill(&house, tickets).await?;
    let codes = crowd::codes(&house, positions).await?;
    let mut door = Door::enrol(&house).await?;
    let beside = tempfile::tempdir()?;
    let other = house.station("Gate B", Role::Door, beside.path()).await?;
    let (mut snapshots, mut found) = (vec![door.line.last_snapshot()], Found::default());
    for day in 0..DAYS {
        let revoked: Vec<_> = codes.iter().skip(day).step_by(DAYS * 4).collect();
        change(&house, &revoked, day).await?;
        for (_, code) in codes.iter().skip(day + DAYS).step_by(DAYS * 20) {
            door.scan_at(&house, &other, code).await?;
        }
        other.sync_once().await.map_err(said)?;
        house.number().await?;
        door.sync().await?;
        for (_, code) in &revoked {
            let verdict = door.scan(&house, code).await?;
            found.revoked += 1;
            found.revoked_admitted += u32::from(verdict.class != Class::Refused);
        }
        snapshots.push(snapshot_of(&house, day).await?);
    }
    // The newest is no old one.
    snapshots.pop();
    // What it wrote goes up first: that the server has it is news, too.
    door.sync().await?;
    door.sync().await?;
    let replays = scaled(REPLAYS, scale, 30);
    replay(&house, &door, &snapshots, replays, &mut found).await?;
    watch_age(&house, door, &codes, scaled(WATCHED, scale, 5), &mut found).await?;
    let pass = found.revoked_admitted == 0 && found.changed.is_empty() && found.age_wrong.is_empty();
    Ok(Outcome {
        measured: json!({
            "revoked_scanned_after_one_sync": found.revoked, "revoked_admitted": found.revoked_admitted,
            "replays_of_pages": found.pages, "replays_of_snapshots": found.snapshots,
            "snapshots_refused": found.refused, "changed_by_a_replay": found.changed, "rows_compared": found.rows,
            "ages_looked_at": found.ages, "age_off_by_max_s": found.off_by, "age_wrong": found.age_wrong,
        }),
        bar: json!({ "revoked_admitted": 0, "changed_by_a_replay": [], "age_wrong": [], "age_off_by_max_s": 1 }),
        n: u64::from(found.revoked + replays + found.ages),
        pass,
    })
}

#[derive(Default)]
struct Found {
    revoked: u32,
    revoked_admitted: u32,
    pages: u32,
    snapshots: u32,
    refused: u32,
    changed: Vec<String>,
    rows: usize,
    ages: u32,
    off_by: u64,
    age_wrong: Vec<String>,
}

/// A clock that jumps when told to, both ways it can be asked.
#[derive(Debug)]
struct Jumping {
    machine: SystemClock,
    by_ms: AtomicI64,
}

impl Clock for Jumping {
    fn now(&self) -> UtcMillis {
        UtcMillis(self.machine.now().0.saturating_add(self.by_ms.load(Ordering::SeqCst)))
    }

    fn monotonic_ms(&self) -> u64 {
        self.machine.monotonic_ms().saturating_add_signed(self.by_ms.load(Ordering::SeqCst))
    }
}

struct Door {
    folder: tempfile::TempDir,
    clock: Arc<Jumping>,
    line: Arc<Meddler>,
    station: Station,
    /// When it was last caught up, by this process's own clock and without its jumps.
    caught_up: Instant,
}

impl Door {
    async fn enrol(house: &House) -> anyhow::Result<Self> {
        let (folder, line) = (tempfile::tempdir()?, Meddler::new()?);
        let clock = Arc::new(Jumping { machine: SystemClock::new(), by_ms: AtomicI64::new(0) });
        let station = open(folder.path(), &clock, &line)?;
        let token = house.invite("Gate A", Role::Door).await?;
        station.enrol(&house.url(), &token).await.map_err(said)?;
        let mut door = Self { folder, clock, line, station, caught_up: Instant::now() };
        door.sync().await?;
        Ok(door)
    }

    async fn sync(&mut self) -> anyhow::Result<()> {
        let report = self.station.sync_once().await.map_err(said)?;
        ensure!(report.caught_up && report.problems.is_empty(), "{report:?}");
        self.caught_up = Instant::now();
        Ok(())
    }

    async fn scan(&self, house: &House, code: &str) -> anyhow::Result<VerdictView> {
        self.scan_at(house, &self.station, code).await
    }

    async fn scan_at(&self, house: &House, station: &Station, code: &str) -> anyhow::Result<VerdictView> {
        let request = ScanRequest::new(code.to_owned(), house.list, Direction::Entry);
        station.scan(request).await.map_err(said)
    }

    fn jump(&self, by: Duration) -> anyhow::Result<()> {
        self.clock.by_ms.fetch_add(i64::try_from(by.as_millis())?, Ordering::SeqCst);
        Ok(())
    }

    /// The program ends and starts again.
    fn reopen(self) -> anyhow::Result<Self> {
        let Self { folder, clock, line, station, caught_up } = self;
        drop(station);
        let station = open(folder.path(), &clock, &line)?;
        Ok(Self { folder, clock, line, station, caught_up })
    }
}

fn open(folder: &Path, clock: &Arc<Jumping>, line: &Arc<Meddler>) -> anyhow::Result<Station> {
    let machine = willcall_station::copies::machine::digest();
    open_station_in(folder, Host { clock: clock.clone(), entropy: Arc::new(OsEntropy), machine }, line.clone())
}

/// What happens in a day: these tickets are cancelled, and the product is called something else.
async fn change(house: &House, revoked: &[&(PositionId, String)], day: usize) -> anyhow::Result<()> {
    let positions: Vec<PositionId> = revoked.iter().map(|(position, _)| *position).collect();
    crowd::cancel(house, &positions).await?;
    let ids: Vec<uuid::Uuid> = positions.iter().map(|position| position.0).collect();
    let mut admin = house.admin().await?;
    sqlx::query("UPDATE item SET name = $2, version = version + 1 WHERE item_id = $1")
        .bind(house.adult.0)
        .bind(format!("Adult, day {day}"))
        .execute(&mut admin)
        .await?;
    sqlx::query(
        "INSERT INTO change (organizer_id, event_id, kind, subject, at)
         SELECT $1, $2, t.kind, t.id, $3
         FROM (SELECT 'position' AS kind, id::text FROM unnest($4::uuid[]) AS p (id)
               UNION ALL SELECT 'item', $5) AS t (kind, id)",
    )
    .bind(house.organizer.0)
    .bind(house.event.0)
    .bind(house.nature.clock.now().0)
    .bind(&ids)
    .bind(house.adult.to_string())
    .execute(&mut admin)
    .await?;
    Ok(())
}

/// The snapshot a door is given on this day.
async fn snapshot_of(house: &House, day: usize) -> anyhow::Result<Vec<u8>> {
    let (folder, line) = (tempfile::tempdir()?, Meddler::new()?);
    drop(house.station_over(&format!("Visitor {day}"), Role::Door, folder.path(), line.clone()).await?);
    Ok(line.last_snapshot())
}

/// Everything again, as it comes; after each the door knows what it knew.
async fn replay(
    house: &House,
    door: &Door,
    snapshots: &[Vec<u8>],
    times: u32,
    found: &mut Found,
) -> anyhow::Result<()> {
    let (history, pages) = (house.app()?.history, door.line.passed_pages());
    ensure!(pages.iter().map(|page| page.changes.len()).sum::<usize>() > DAYS, "changes came in pages");
    let chance = SeededEntropy::new(20_261_123);
    let draw = |of: usize| usize::try_from(u64::from_le_bytes(entropy::bytes(&chance)) % of.max(1) as u64).unwrap_or(0);
    let before = knows(door.folder.path())?;
    found.rows = before.values().map(Vec::len).sum();
    ensure!(found.rows > 300, "it knows something: {} rows", found.rows);
    for nth in 0..times {
        let what = if nth % 3 == 0 {
            let which = draw(snapshots.len());
            door.line.next_page(nothing_but_a_snapshot(history));
            door.line.next_snapshot(snapshots[which].clone());
            found.snapshots += 1;
            format!("the snapshot of day {which}")
        } else {
            let which = draw(pages.len());
            let mut page = pages[which].clone();
            for at in (1..page.changes.len()).rev() {
                page.changes.swap(at, draw(at + 1));
            }
            door.line.next_page(page);
            found.pages += 1;
            format!("page {which}")
        };
        let report = door.station.sync_once().await.map_err(said)?;
        found.refused += u32::from(report.problems.iter().any(|p| p.detail.contains("recover")));
        let after = knows(door.folder.path())?;
        for (table, rows) in &before {
            if after.get(table) != Some(rows) && found.changed.len() < 20 {
                found.changed.push(format!("{table} by {what}: {}", differing(rows, after.get(table))));
            }
        }
    }
    door.line.be_honest();
    Ok(())
}

fn nothing_but_a_snapshot(history: HistoryId) -> ChangesAnswer {
    ChangesAnswer {
        history,
        changes: Vec::new(),
        next: 0,
        head: 0,
        snapshot_needed: true,
        urgent: None,
        again_within_ms: None,
    }
}

/// The rows of every table, as text and in order.
fn knows(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let database = engine::database(folder)?;
    let mut tables =
        database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    let mut all = BTreeMap::new();
    for name in names.into_iter().filter(|name| !ASIDE.contains(&name.as_str())) {
        let mut statement = database.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
            let values = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        };
        let mut rows = statement.query_map([], row)?.collect::<Result<Vec<_>, _>>()?;
        rows.sort_unstable();
        all.insert(name, rows);
    }
    Ok(all)
}

fn differing(before: &[String], after: Option<&Vec<String>>) -> String {
    let after = after.map_or(&[][..], Vec::as_slice);
    let new = after.iter().find(|row| !before.contains(row));
    let gone = before.iter().find(|row| !after.contains(row));
    format!("{} rows are {}; new {new:?}, gone {gone:?}", before.len(), after.len())
}

/// The age at verdicts and in the status: as it grows, beyond a quarter of an hour, after a restart, and after a sync.
async fn watch_age(
    house: &House,
    mut door: Door,
    codes: &[(PositionId, String)],
    seconds: u32,
    found: &mut Found,
) -> anyhow::Result<()> {
    let good: Vec<&String> = codes.iter().skip(DAYS * 2).step_by(DAYS * 4).map(|(_, code)| code).collect();
    let mut good = good.into_iter().cycle();
    let mut next = || good.next().context("a ticket");
    door.sync().await?;
    let mut every = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..seconds {
        every.tick().await;
        let verdict = door.scan(house, next()?).await?;
        look(found, &door, &verdict, Duration::ZERO);
        let status = door.station.status().await.map_err(said)?;
        off(found, &door, status.data_age_s, Duration::ZERO);
    }
    hold(found, !door.scan(house, next()?).await?.marks.contains(&Mark::OldData), "data of seconds is not old");
    let jump = OLD + Duration::from_secs(60);
    door.jump(jump)?;
    let verdict = door.scan(house, next()?).await?;
    look(found, &door, &verdict, jump);
    hold(found, verdict.marks.contains(&Mark::OldData), "data of a quarter of an hour is marked");
    hold(found, verdict.class != Class::Refused, "a product without a limit is admitted all the same");
    limit(house, &mut door).await?;
    hold(found, door.scan(house, next()?).await?.class != Class::Refused, "a product with a limit is admitted at once");
    door.jump(jump)?;
    let verdict = door.scan(house, next()?).await?;
    let stale = verdict.class == Class::Refused && verdict.reason == Some(Reason::StaleData);
    hold(found, stale, &format!("a product with a limit is refused: {:?} {:?}", verdict.class, verdict.reason));
    hold(found, verdict.max_data_age_min == Some(LIMIT_MIN), "and the limit is told");
    let mut back = door.reopen()?;
    let status = back.station.status().await.map_err(said)?;
    hold(found, status.data_age_at_least, "after a restart the age is a lower bound");
    let age = status.data_age_s.unwrap_or(0);
    hold(found, age + 35 >= jump.as_secs(), &format!("and not forgotten: {age} s"));
    back.sync().await?;
    let verdict = back.scan(house, next()?).await?;
    look(found, &back, &verdict, Duration::ZERO);
    hold(found, verdict.class != Class::Refused, "after one sync it is admitted again");
    Ok(())
}

/// From now on the product does not allow data older than [`LIMIT_MIN`].
async fn limit(house: &House, door: &mut Door) -> anyhow::Result<()> {
    let (_, items) = door.station.catalog().await.map_err(said)?;
    let now = items.into_iter().find(|item| item.item_id == house.adult).context("the product")?;
    let mut limited = ItemRow { version: now.version + 1, ..now };
    limited.door.max_data_age_min = Some(LIMIT_MIN);
    let head = house.number_of("SELECT max(position) FROM change_head").await?;
    door.line.next_page(ChangesAnswer {
        changes: vec![Change { position: head, row: Row::Item(limited) }],
        next: head,
        head,
        snapshot_needed: false,
        ..nothing_but_a_snapshot(house.app()?.history)
    });
    door.sync().await
}

fn hold(found: &mut Found, holds: bool, what: &str) {
    if !holds {
        found.age_wrong.push(what.to_owned());
    }
}

fn look(found: &mut Found, door: &Door, verdict: &VerdictView, jumped: Duration) {
    off(found, door, verdict.data_age_s, jumped);
}

/// Holds a shown age against the time that has passed.
fn off(found: &mut Found, door: &Door, shown: Option<u64>, jumped: Duration) {
    let age = (door.caught_up.elapsed() + jumped).as_secs();
    found.ages += 1;
    match shown {
        Some(shown) => {
            found.off_by = found.off_by.max(shown.abs_diff(age));
            hold(found, shown.abs_diff(age) <= 1, &format!("{shown} s were shown after {age} s"));
        }
        None => hold(found, false, "no age is shown"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` takes")]
fn said(problem: Problem) -> anyhow::Error {
    anyhow::anyhow!("{problem}")
}
