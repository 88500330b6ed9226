//! Things that arrive one by one, and waiting for the n-th of them: how tests wait for events and never for time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// A list that only grows and that can be waited for.
#[derive(Debug)]
pub struct Tally<T> {
    all: Mutex<Vec<T>>,
    count: watch::Sender<usize>,
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self { all: Mutex::new(Vec::new()), count: watch::Sender::new(0) }
    }
}

impl<T: Clone> Tally<T> {
    /// Adds one.
    pub fn push(&self, one: T) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(one);
        self.count.send_replace(all.len());
    }

    /// All so far, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<T> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many so far.
    #[must_use]
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Whether none came yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until `n` have come, and gives all there are then.
    ///
    /// # Errors
    /// When they do not come within `patience`.
    pub async fn wait_for(&self, n: usize, patience: Duration) -> anyhow::Result<Vec<T>> {
        let mut count = self.count.subscribe();
        let come = tokio::time::timeout(patience, count.wait_for(|c| *c >= n)).await;
        match come {
            Ok(_) => Ok(self.all()),
            Err(_) => anyhow::bail!("{} of {n} came within {patience:?}", self.len()),
        }
    }

    /// Waits for the first that `wanted` likes.
    ///
    /// # Errors
    /// When none comes within `patience`.
    pub async fn wait_until(&self, patience: Duration, wanted: impl Fn(&T) -> bool) -> anyhow::Result<T> {
        let mut count = self.count.subscribe();
        let search = async {
            loop {
                count.borrow_and_update();
                let found = {
                    let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.iter().find(|one| wanted(one)).cloned()
                };
                if let Some(found) = found {
                    return found;
                }
                // The sender lives as long as `self`, so this fails only when the tally itself goes away.
                if count.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(found) => Ok(found),
            Err(_) => anyhow::bail!("none of {} that came within {patience:?} was the one", self.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test]
    async fn waiting_ends_with_the_nth_arrival() {
        let tally = Arc::new(Tally::default());
        let waiting = tokio::spawn({
            let tally = Arc::clone(&tally);
            async move { tally.wait_for(2, Duration::from_secs(10)).await }
        });
        tally.push('a');
        tally.push('b');
        assert_eq!(waiting.await.unwrap().unwrap(), ['a', 'b']);
        assert_eq!(tally.wait_until(Duration::from_secs(10), |c| *c == 'b').await.unwrap(), 'b');
    }

    #[tokio::test]
    async fn waiting_for_what_does_not_come_says_how_many_came() {
        let tally = Tally::default();
        tally.push(1);
        let error = tally.wait_for(2, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 came within 20ms");
    }
}
