//! "These things changed", to whoever listens: the window, the sync loop. Says what, never the content: a listener
//! reads the database, the one source of truth.

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, broadcast};
use ts_rs::TS;

/// A thing a screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Status,
    Door,
    Till,
    /// Somebody started the window's program again: the one that runs comes forward.
    Show,
    /// Kept by the window's host, not by the station.
    Settings,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Changed {
    pub topics: Vec<Topic>,
}

/// Where changes are announced.
#[derive(Debug)]
pub struct ChangeFeed {
    sender: broadcast::Sender<Changed>,
    /// Wakes the upload: a fact was written here.
    pub local_fact: Notify,
}

impl Default for ChangeFeed {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(64), local_fact: Notify::new() }
    }
}

impl ChangeFeed {
    /// Listens from now on. A listener that falls 64 announcements behind is told so by `Lagged` and refetches all.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Changed> {
        self.sender.subscribe()
    }

    /// Announces; nobody listening is fine.
    pub fn announce(&self, topics: &[Topic]) {
        let _unheard = self.sender.send(Changed { topics: topics.to_vec() });
    }

    /// Announces a fact that was written here.
    pub fn announce_fact(&self, topics: &[Topic]) {
        self.local_fact.notify_one();
        self.announce(topics);
    }
}
