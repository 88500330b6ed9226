//! Taking jobs and running them. A worker that dies leaves its lock to run out; the job is then anybody's again.

use super::{
    Class,
    registry::{Hopeless, Registry},
    store::{self, After, Taken},
};
use crate::{app::App, logging::panic_text};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};
use tokio_util::sync::CancellationToken;
use willcall_domain::entropy;

/// How long a taken job is nobody else's; a handler that takes longer is stopped.
const LOCK: Duration = Duration::from_secs(120);
/// Runs before a job is left as failed.
const ATTEMPTS: i64 = 10;
/// How long a worker waits at most before it looks by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How long jobs that run may finish when the process is asked to stop.
const GRACE: Duration = Duration::from_secs(10);

/// Runs jobs of every class until `stop`.
pub async fn run(app: App, registry: Registry, stop: CancellationToken) {
    let registry = Arc::new(registry);
    let mut classes = JoinSet::new();
    for class in Class::ALL {
        classes.spawn(run_class(app.clone(), class, Arc::clone(&registry), stop.clone()));
    }
    classes.join_all().await;
}

async fn run_class(app: App, class: Class, registry: Arc<Registry>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(class.limit()));
    let mut wake = app.wake.waiter(class.topic());
    let mut running = JoinSet::new();
    while !stop.is_cancelled() {
        if places.available_permits() == 0 {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = places.acquire() => {}
            }
        }
        wake.mark_unchanged();
        let taken = take(&app, class, places.available_permits()).await;
        let more = !taken.is_empty();
        for job in taken {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { break };
            let (app, registry) = (app.clone(), Arc::clone(&registry));
            running.spawn(async move {
                run_one(&app, &registry, job).await;
                drop(place);
            });
        }
        while running.try_join_next().is_some() {}
        if more {
            continue;
        }
        let wait = until_next(&app, class).await;
        tokio::select! {
            () = stop.cancelled() => break,
            _ = wake.changed() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    if tokio::time::timeout(GRACE, running.join_all()).await.is_err() {
        tracing::warn!(class = class.as_str(), "jobs were cut off; they run again when their lock is over");
    }
}

async fn take(app: &App, class: Class, free: usize) -> Vec<Taken> {
    store::take(app.untenanted(), class, free, app.now(), LOCK).await.unwrap_or_else(|error| {
        tracing::warn!(%error, class = class.as_str(), "cannot take jobs");
        Vec::new()
    })
}

/// How long to wait for the next due job of this class.
async fn until_next(app: &App, class: Class) -> Duration {
    let next = store::next_at(app.untenanted(), class).await.ok().flatten();
    let ms = next.map_or(i64::MAX, |at| at.since(app.now())).max(20);
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX)).min(LOOK_AGAIN)
}

async fn run_one(app: &App, registry: &Registry, job: Taken) {
    let started = app.clock.monotonic_ms();
    let result = attempt(app, registry, &job).await;
    let after = judge(app, &job, result);
    let ms = app.clock.monotonic_ms().saturating_sub(started);
    let (organizer, kind, attempt) = (job.organizer.0, job.kind.as_str(), job.attempt);
    match &after {
        After::Done => tracing::info!(job = job.job_id, organizer, kind, attempt, ms, "job done"),
        After::Again(_, error) => {
            tracing::warn!(job = job.job_id, organizer, kind, attempt, ms, error, "job will be tried again")
        }
        After::Failed(error) => tracing::error!(job = job.job_id, organizer, kind, attempt, ms, error, "job failed"),
    }
    let settled = async {
        let mut tx = app.begin(job.organizer).await?;
        let mine = store::settle(&mut tx, &job, &after).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(mine)
    };
    match settled.await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(job = job.job_id, kind, "this job was taken over meanwhile"),
        Err(error) => tracing::warn!(job = job.job_id, kind, %error, "cannot settle the job; it runs again"),
    }
}

async fn attempt(app: &App, registry: &Registry, job: &Taken) -> anyhow::Result<()> {
    let Some(handler) = registry.get(&job.kind) else {
        anyhow::bail!("this program does not know such jobs");
    };
    let run = handler(app.clone(), job.organizer, job.payload.clone());
    match tokio::time::timeout(LOCK, AssertUnwindSafe(run).catch_unwind()).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => anyhow::bail!("it panicked: {}", panic_text(&*panic)),
        Err(_) => anyhow::bail!("it took longer than {} s", LOCK.as_secs()),
    }
}

fn judge(app: &App, job: &Taken, result: anyhow::Result<()>) -> After {
    let Err(error) = result else { return After::Done };
    let text = format!("{error:#}");
    if error.is::<Hopeless>() || job.attempt >= ATTEMPTS {
        return After::Failed(text);
    }
    After::Again(app.now() + backoff(job.attempt, entropy::bytes::<4>(&*app.entropy)), text)
}

/// 2 s, 4 s, 8 s … at most 30 min; the second half of it by chance, so that what failed together does not come back
/// together.
fn backoff(attempt: i64, chance: [u8; 4]) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 11)).unwrap_or(11);
    let whole_ms = (1_000_u64 << doublings).min(1_800_000);
    let half = whole_ms / 2;
    Duration::from_millis(half + u64::from(u32::from_be_bytes(chance)) * half / u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_up_to_half_an_hour_and_is_never_shorter_than_half() {
        for (attempt, most_ms) in [(1, 2_000), (2, 4_000), (5, 32_000), (11, 1_800_000), (1_000, 1_800_000)] {
            assert_eq!(backoff(attempt, [255; 4]).as_millis(), most_ms, "attempt {attempt}");
            assert_eq!(backoff(attempt, [0; 4]).as_millis(), most_ms / 2, "attempt {attempt}");
        }
    }
}
