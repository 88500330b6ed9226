//! Numbers and cursors while writers do what writers do: commit late, roll back, hang, or die; while whoever numbers is
//! killed; and while several servers work on one database.

use anyhow::Context;
use sqlx::{Connection as _, PgConnection};
use std::{collections::BTreeSet, time::Duration};
use willcall_domain::{
    devices::{Right, Role},
    entropy::{SeededEntropy, bytes},
    id::{ItemId, ScanId},
};
use willcall_server::{
    App, Server, devices,
    sync::{Subject, note, sequencer},
};
use willcall_tests::{
    house::{House, Plan},
    server::until,
};

/// Every position that was given, with its subject, as a superuser sees them.
async fn numbered(house: &House) -> Vec<(i64, String)> {
    sqlx::query_as("SELECT position, subject FROM change WHERE position IS NOT NULL ORDER BY position")
        .fetch_all(&mut house.admin().await.unwrap())
        .await
        .unwrap()
}

fn has_no_gap(numbered: &[(i64, String)]) -> bool {
    numbered.iter().zip(1..).all(|((position, _), expected)| *position == expected)
}

/// A second server process on the same database, as far as one process can be two.
async fn second_server(house: &House) -> willcall_server::Running {
    let mut config = house.database.config();
    config.bind.address = ([127, 0, 0, 1], 0).into();
    Server::start_in(config, house.nature.clone()).await.unwrap()
}

/// Writes `count` changes, some in transactions that commit late, some in such that roll back; answers the subjects that
/// were committed.
async fn write(
    app: App,
    house: (willcall_domain::id::OrganizerId, willcall_domain::id::EventId),
    seed: u64,
) -> Vec<String> {
    let (organizer, event) = house;
    let chance = SeededEntropy::new(seed);
    let mut committed = Vec::new();
    for _ in 0..40 {
        let scan = ScanId(willcall_domain::entropy::uuid_v7(app.now(), &chance));
        let mut tx = app.begin(organizer).await.unwrap();
        note(&mut tx, Subject::Scan(scan, event)).await.unwrap();
        let [dawdles, breaks] = bytes::<2>(&chance);
        for _ in 0..dawdles % 8 {
            // Others write, commit and are numbered meanwhile.
            sqlx::query("SELECT pg_sleep(0.002)").execute(tx.conn()).await.unwrap();
        }
        if breaks % 4 == 0 {
            tx.rollback().await.unwrap();
        } else {
            tx.commit().await.unwrap();
            committed.push(scan.to_string());
        }
    }
    committed
}

/// Reads the feed as a station does, page by page, until it has seen all of `wanted`.
async fn follow(mut admin: PgConnection, first: i64, wanted: usize) -> Vec<String> {
    let mut after = first;
    let mut seen = Vec::new();
    while seen.len() < wanted {
        let page: Vec<(i64, String)> =
            sqlx::query_as("SELECT position, subject FROM change WHERE position > $1 ORDER BY position LIMIT 7")
                .bind(after)
                .fetch_all(&mut admin)
                .await
                .unwrap();
        for (position, subject) in page {
            assert_eq!(position, after + 1, "no cursor ever sees a gap that is filled later");
            after = position;
            seen.push(subject);
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_commits_late_or_rolls_back_on_two_servers_leaves_no_gap_and_nobody_misses_a_change() {
    let house = House::build(Plan::default()).await.unwrap();
    let second = second_server(&house).await;
    let (one, two) = (house.app().unwrap().clone(), second.app().clone());
    house.number().await.unwrap();
    let first = house.number_of("SELECT max(position) FROM change").await.unwrap();
    let place = (house.organizer, house.event);
    let mut writers = tokio::task::JoinSet::new();
    for seed in 0..8 {
        let app = if seed % 2 == 0 { one.clone() } else { two.clone() };
        writers.spawn(write(app, place, seed));
    }
    let counting = tokio::spawn(async move {
        let mut committed = BTreeSet::new();
        while let Some(written) = writers.join_next().await {
            committed.extend(written.unwrap());
        }
        committed
    });
    let reading = tokio::spawn(follow(house.admin().await.unwrap(), first, 200));
    let committed = counting.await.unwrap();
    // Both number by themselves; whoever comes first.
    until("all to be numbered", || async {
        let left = house.number_of("SELECT count(*) FROM change WHERE position IS NULL").await?;
        Ok((left == 0).then_some(()))
    })
    .await
    .unwrap();
    let all = numbered(&house).await;
    assert!(has_no_gap(&all));
    let given: Vec<&String> = all.iter().skip(usize::try_from(first).unwrap()).map(|(_, subject)| subject).collect();
    assert_eq!(given.len(), committed.len(), "each committed change has one number, and no other has");
    assert_eq!(given.iter().map(|s| (*s).clone()).collect::<BTreeSet<_>>(), committed);
    let seen = reading.await.unwrap();
    assert_eq!(seen.iter().collect::<Vec<_>>(), given[..seen.len()], "who read along saw them in their order");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_hangs_is_ended_by_the_database_and_delays_nobody_else() {
    let house = House::build(Plan::default()).await.unwrap();
    let app = house.app().unwrap();
    let mut hangs = app.begin(house.organizer).await.unwrap();
    note(&mut hangs, Subject::Item(house.adult, house.event)).await.unwrap();
    let mut works = app.begin(house.organizer).await.unwrap();
    let busy = tokio::spawn(async move {
        note(&mut works, Subject::Item(ItemId(99), willcall_domain::id::EventId(1))).await.unwrap();
        sqlx::query("SELECT pg_sleep(60)").execute(works.conn()).await
    });
    let mut tx = app.begin(house.organizer).await.unwrap();
    note(&mut tx, Subject::Item(house.programme, house.event)).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
    let last = numbered(&house).await.pop().unwrap();
    assert_eq!(last.1, house.programme.to_string(), "who committed is numbered while the others hang");
    let stopped = busy.await.unwrap().unwrap_err();
    assert!(stopped.to_string().contains("statement timeout"), "{stopped}");
    // The one that says nothing at all is cut off as well.
    until("the idle writer to be ended", || async {
        let idle = house
            .number_of("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()")
            .await?;
        Ok((idle == 0).then_some(()))
    })
    .await
    .unwrap();
    assert!(sqlx::query("SELECT 1").execute(hangs.conn()).await.is_err());
    drop(hangs);
    house.number().await.unwrap();
    let all = numbered(&house).await;
    assert!(has_no_gap(&all), "what they wrote was never there");
    assert!(!all.iter().any(|(_, subject)| subject == "99"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_numbers_is_killed_in_the_middle_and_another_goes_on_without_a_gap() {
    let house = House::build(Plan::default()).await.unwrap();
    house.number().await.unwrap();
    let app = house.app().unwrap();
    // What the sequencer does, stopped between giving numbers and saying how far it is.
    let mut dies = PgConnection::connect_with(&house.database.admin()).await.unwrap();
    let mut tx = app.begin(house.organizer).await.unwrap();
    note(&mut tx, Subject::Item(house.adult, house.event)).await.unwrap();
    let mut half = dies.begin().await.unwrap();
    let key = "SELECT pg_advisory_xact_lock(hashtextextended('willcall change numbering', $1))";
    sqlx::query(key).bind(house.organizer.0).execute(&mut *half).await.unwrap();
    tx.commit().await.unwrap();
    let taken = sqlx::query("UPDATE change SET position = 1000 WHERE position IS NULL").execute(&mut *half);
    assert_eq!(taken.await.unwrap().rows_affected(), 1);
    assert_eq!(sequencer::try_number(app, house.organizer).await.unwrap(), None, "somebody is at it");
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *half).await.unwrap();
    sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut house.admin().await.unwrap()).await.unwrap();
    // The task that numbers by itself may be faster than we are.
    until("the change to be numbered", || async {
        sequencer::number(app, house.organizer).await?;
        let left = house.number_of("SELECT count(*) FROM change WHERE position IS NULL").await?;
        Ok((left == 0).then_some(()))
    })
    .await
    .unwrap();
    drop(half);
    let all = numbered(&house).await;
    assert!(has_no_gap(&all), "{all:?}");
    assert_eq!(all.last().unwrap().1, house.adult.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_made_at_one_server_is_heard_by_a_station_at_another_within_a_second() {
    let house = House::build(Plan::default()).await.unwrap();
    let second = second_server(&house).await;
    let folder = tempfile::tempdir().unwrap();
    let door = house.station_at("Gate A", Role::Door, folder.path(), &second.url()).await.unwrap();
    let device = door.status().await.unwrap().enrolment.unwrap().device_id;
    let mut tx = house.app().unwrap().begin(house.organizer).await.unwrap();
    devices::edit::set_rights(&mut tx, device, &[Right::Search]).await.unwrap();
    tx.commit().await.unwrap();
    house.number().await.unwrap();
    door.sync_once().await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn({
        let (door, stop) = (door.clone(), stop.clone());
        async move { door.run(stop).await }
    });
    until("the station to listen", || async { Ok((second.app().stations.listeners() == 1).then_some(())) })
        .await
        .unwrap();
    for _ in 0..3 {
        let bought = house.buy().await.unwrap();
        let began = tokio::time::Instant::now();
        until("the ticket to be known", || async {
            let tickets = door.search(house.list, &code_of(&house, bought.order_id).await?).await;
            Ok(tickets.is_ok_and(|found| !found.is_empty()).then_some(()))
        })
        .await
        .unwrap();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
    stop.cancel();
    running.await.unwrap();
    second.stop().await;
}

async fn code_of(house: &House, order: willcall_domain::id::OrderId) -> anyhow::Result<String> {
    sqlx::query_scalar("SELECT code FROM orders WHERE order_id = $1")
        .bind(order.0)
        .fetch_one(&mut house.admin().await?)
        .await
        .context("an order")
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_the_feed_is_behind_is_a_metric_with_an_alarm() {
    let house = House::build(Plan::default()).await.unwrap();
    house.number().await.unwrap();
    let metric = async |name: &str| -> f64 {
        let text = reqwest::get(format!("{}/metrics", house.url())).await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap().to_owned();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(metric("willcall_change_feed_lag_seconds").await < 10.0);
    assert!(metric("willcall_change_feed_lag_alarm").await < 0.5);
    // Nobody can number while this is held, and the change is of a minute ago.
    let mut holds = house.admin().await.unwrap();
    let mut held = holds.begin().await.unwrap();
    let key = "SELECT pg_advisory_xact_lock(hashtextextended('willcall change numbering', $1))";
    sqlx::query(key).bind(house.organizer.0).execute(&mut *held).await.unwrap();
    let old = "INSERT INTO change (organizer_id, kind, subject, at) VALUES ($1, 'item', '1', $2)";
    let minute_ago = house.app().unwrap().now().0 - 60_000;
    let mut admin = house.admin().await.unwrap();
    sqlx::query(old).bind(house.organizer.0).bind(minute_ago).execute(&mut admin).await.unwrap();
    assert!(metric("willcall_change_feed_lag_seconds").await > 59.0);
    assert!(metric("willcall_change_feed_lag_alarm").await > 0.5);
    assert!(metric("willcall_change_feed_lag_alarm_seconds").await > 1.0);
    held.rollback().await.unwrap();
    house.number().await.unwrap();
    assert!(metric("willcall_change_feed_lag_alarm").await < 0.5);
}
