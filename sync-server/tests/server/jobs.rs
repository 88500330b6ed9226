//! Jobs are written with their cause, run at least once, and outlive whoever runs them.

use crate::support::World;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use std::{sync::Mutex, time::Duration};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use willcall_domain::id::OrganizerId;
use willcall_server::{
    App,
    jobs::{
        self, Class, Job,
        registry::{Hopeless, Registry},
        worker,
    },
};

const SOON: Duration = Duration::from_secs(20);

/// Who waits for jobs of a test; handlers are plain functions and cannot carry a channel.
static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

struct Listener {
    test: u32,
    hears: mpsc::UnboundedSender<&'static str>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Probe {
    test: u32,
}

impl Job for Probe {
    const KIND: &'static str = "test.probe";
    const CLASS: Class = Class::Mail;
}

fn listen(test: u32) -> mpsc::UnboundedReceiver<&'static str> {
    let (hears, receive) = mpsc::unbounded_channel();
    LISTENERS.lock().unwrap().push(Listener { test, hears });
    receive
}

fn tell(test: u32, what: &'static str) {
    let listeners = LISTENERS.lock().unwrap();
    listeners.iter().filter(|l| l.test == test).for_each(|l| _ = l.hears.send(what));
}

async fn never_ends(_: App, _: OrganizerId, job: Probe) -> anyhow::Result<()> {
    tell(job.test, "begun");
    std::future::pending().await
}

async fn does(_: App, _: OrganizerId, job: Probe) -> anyhow::Result<()> {
    tell(job.test, "done");
    Ok(())
}

async fn fails(_: App, _: OrganizerId, job: Probe) -> anyhow::Result<()> {
    tell(job.test, "failed");
    anyhow::bail!("the mail server is away")
}

async fn is_hopeless(_: App, _: OrganizerId, job: Probe) -> anyhow::Result<()> {
    tell(job.test, "failed");
    Err(Hopeless("no such address".into()).into())
}

async fn panics(_: App, _: OrganizerId, job: Probe) -> anyhow::Result<()> {
    tell(job.test, "failed");
    panic!("by mistake")
}

struct Worker {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    fn start(world: &World, registry: Registry) -> Self {
        let stop = CancellationToken::new();
        Self { task: tokio::spawn(worker::run(world.app.clone(), registry, stop.clone())), stop }
    }

    /// Lets what runs finish.
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// As `kill -9` would: nothing is written down.
    async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

async fn enqueue(world: &World, organizer: OrganizerId, test: u32) {
    let mut tx = world.app.begin(organizer).await.unwrap();
    jobs::enqueue(&mut tx, &Probe { test }).await.unwrap();
    tx.commit().await.unwrap();
}

/// (state, attempts, last error) of every job of the tests.
async fn rows(world: &World) -> Vec<(String, i64, Option<String>)> {
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    sqlx::query_as("SELECT state, attempts, last_error FROM job WHERE kind = 'test.probe' ORDER BY job_id")
        .fetch_all(&mut admin)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_job_of_a_killed_worker_is_taken_again_once_its_lock_is_over() {
    let world = World::new().await;
    let organizer = world.organizer().await;
    let mut seen = listen(1);
    enqueue(&world, organizer, 1).await;
    let killed = Worker::start(&world, Registry::default().on(never_ends));
    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("begun"));
    killed.kill().await;
    assert_eq!(rows(&world).await, [("running".to_owned(), 1, None)], "nobody wrote down that it ended");

    let early = Worker::start(&world, Registry::default().on(does));
    let stays = timeout(Duration::from_millis(300), seen.recv()).await;
    assert!(stays.is_err(), "while the lock holds it is nobody else's");
    early.stop().await;

    world.clock.advance(Duration::from_secs(121));
    let later = Worker::start(&world, Registry::default().on(does));
    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("done"));
    later.stop().await;
    assert_eq!(rows(&world).await, [("done".to_owned(), 2, None)]);
}

#[tokio::test]
async fn a_job_exists_only_if_its_cause_was_committed_and_wakes_a_waiting_worker() {
    let world = World::new().await;
    let organizer = world.organizer().await;
    let mut seen = listen(2);
    let worker = Worker::start(&world, Registry::default().on(does));
    let mut tx = world.app.begin(organizer).await.unwrap();
    jobs::enqueue(&mut tx, &Probe { test: 2 }).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(rows(&world).await, []);
    enqueue(&world, organizer, 2).await;
    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("done"));
    worker.stop().await;
    assert_eq!(rows(&world).await.len(), 1);
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_later_and_stays_in_the_table_after_ten_times() {
    let world = World::new().await;
    let organizer = world.organizer().await;
    let mut seen = listen(3);
    enqueue(&world, organizer, 3).await;
    for attempt in 1..=10_i64 {
        let worker = Worker::start(&world, Registry::default().on(fails));
        assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("failed"));
        worker.stop().await;
        let state = if attempt < 10 { "queued" } else { "failed" };
        assert_eq!(rows(&world).await, [(state.to_owned(), attempt, Some("the mail server is away".to_owned()))]);
        world.clock.advance(Duration::from_secs(1_801));
    }
    let worker = Worker::start(&world, Registry::default().on(does));
    enqueue(&world, organizer, 3).await;
    assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("done"), "the next job");
    worker.stop().await;
    assert_eq!(rows(&world).await[0].0, "failed", "a failed job is not tried again by itself");
}

#[tokio::test]
async fn what_cannot_help_fails_at_once_and_a_panic_is_a_failure_like_others() {
    let world = World::new().await;
    let organizer = world.organizer().await;
    let mut seen = listen(4);
    enqueue(&world, organizer, 4).await;
    let worker = Worker::start(&world, Registry::default().on(is_hopeless));
    timeout(SOON, seen.recv()).await.unwrap();
    worker.stop().await;
    enqueue(&world, organizer, 4).await;
    let worker = Worker::start(&world, Registry::default().on(panics));
    timeout(SOON, seen.recv()).await.unwrap();
    worker.stop().await;
    let expected = [
        ("failed".to_owned(), 1, Some("no such address".to_owned())),
        ("queued".to_owned(), 1, Some("it panicked: by mistake".to_owned())),
    ];
    assert_eq!(rows(&world).await, expected);
}

#[tokio::test]
async fn a_named_job_waits_once_and_jobs_of_all_tenants_are_done() {
    let world = World::new().await;
    let made = world.twins().await;
    for organizer in &made.organizers {
        let mut tx = world.app.begin(organizer.organizer_id).await.unwrap();
        jobs::enqueue_once(&mut tx, "the one", &Probe { test: 5 }).await.unwrap();
        jobs::enqueue_once(&mut tx, "the one", &Probe { test: 5 }).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut seen = listen(5);
    let worker = Worker::start(&world, Registry::default().on(does));
    for _ in 0..2 {
        assert_eq!(timeout(SOON, seen.recv()).await.unwrap(), Some("done"));
    }
    worker.stop().await;
    assert_eq!(rows(&world).await.len(), 2, "one for each organizer");
}

#[tokio::test]
async fn a_job_nobody_knows_stays_and_says_so() {
    let world = World::new().await;
    let organizer = world.organizer().await;
    enqueue(&world, organizer, 6).await;
    let mut known = listen(7);
    let worker = Worker::start(&world, Registry::default());
    let mut admin = PgConnection::connect_with(&world.database.admin()).await.unwrap();
    let said = async {
        loop {
            let row: Option<String> = sqlx::query_scalar("SELECT last_error FROM job WHERE kind = 'test.probe'")
                .fetch_one(&mut admin)
                .await
                .unwrap();
            if let Some(error) = row {
                return error;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(timeout(SOON, said).await.unwrap(), "this program does not know such jobs");
    worker.stop().await;
    assert!(known.try_recv().is_err());
}
