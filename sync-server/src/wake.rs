//! "There is something new", to whoever waits, in this process and in others on the same database. A wake-up is a hint:
//! waiters look by themselves every few seconds too, so a lost one costs time and nothing else.

use sqlx::{PgPool, postgres::PgListener};
use std::{
    ops::BitOr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, watch};

const CHANNEL: &str = "willcall";

/// Which waiters a wake-up is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Topics(u32);

impl Topics {
    /// Changes wait for their numbers.
    pub const CHANGES: Self = Self(1);
    /// Changes have been numbered; stations may fetch.
    pub const FEED: Self = Self(1 << 1);
    /// How many topics there are; job classes take the last five.
    pub(crate) const COUNT: usize = 7;

    /// Jobs of the class with this index have been written.
    pub(crate) const fn jobs(index: usize) -> Self {
        Self(1 << (2 + index))
    }

    fn each(self) -> impl Iterator<Item = usize> {
        (0..Self::COUNT).filter(move |i| self.0 & (1 << i) != 0)
    }
}

impl BitOr for Topics {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Waiters and wakers.
#[derive(Debug)]
pub struct Wake {
    /// A counter each, so that nobody who was busy at the moment misses it.
    rounds: [watch::Sender<u64>; Topics::COUNT],
    /// Topics other processes have not been told of yet.
    untold: AtomicU32,
    tell: Notify,
}

impl Default for Wake {
    fn default() -> Self {
        Self { rounds: std::array::from_fn(|_| watch::Sender::new(0)), untold: AtomicU32::new(0), tell: Notify::new() }
    }
}

impl Wake {
    /// Wakes waiters here now, and those of other processes in a moment.
    pub fn now(&self, topics: Topics) {
        if topics == Topics::default() {
            return;
        }
        self.here(topics);
        self.untold.fetch_or(topics.0, Ordering::SeqCst);
        self.tell.notify_one();
    }

    /// A waiter for one topic: `changed()` returns at once if there was a wake-up since the last time.
    #[must_use]
    pub fn waiter(&self, topic: Topics) -> watch::Receiver<u64> {
        let index = topic.each().next().unwrap_or(0);
        self.rounds[index].subscribe()
    }

    fn here(&self, topics: Topics) {
        for index in topics.each() {
            self.rounds[index].send_modify(|round| *round = round.wrapping_add(1));
        }
    }

    /// Tells other processes, at most twenty times a second and outside of every transaction: a `NOTIFY` inside one
    /// would make all commits of the cluster wait for each other's flush.
    pub(crate) async fn tell_others(self: Arc<Self>, pool: PgPool) {
        loop {
            self.tell.notified().await;
            let topics = self.untold.swap(0, Ordering::SeqCst);
            if topics != 0
                && let Err(error) = crate::database::store::notify(&pool, CHANNEL, &topics.to_string()).await
            {
                tracing::debug!(%error, "could not wake other processes; they look by themselves");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Hears other processes; reconnects by itself.
    pub(crate) async fn hear_others(self: Arc<Self>, pool: PgPool) {
        loop {
            match Self::listen(&pool).await {
                Ok(mut listener) => {
                    // Something may have been said while nobody listened.
                    self.here(Topics(u32::MAX));
                    while let Ok(heard) = listener.recv().await {
                        self.here(Topics(heard.payload().parse().unwrap_or(0)));
                    }
                }
                Err(error) => tracing::debug!(%error, "cannot listen for wake-ups; looking every few seconds"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn listen(pool: &PgPool) -> sqlx::Result<PgListener> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(listener)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_waiter_that_was_busy_still_hears_of_what_happened_meanwhile() {
        let wake = Wake::default();
        let mut changes = wake.waiter(Topics::CHANGES);
        let feed = wake.waiter(Topics::FEED);
        wake.now(Topics::CHANGES | Topics::jobs(0));
        changes.changed().await.unwrap();
        assert!(!changes.has_changed().unwrap(), "one wake-up is heard once");
        assert!(!feed.has_changed().unwrap(), "another topic is not woken");
    }
}
