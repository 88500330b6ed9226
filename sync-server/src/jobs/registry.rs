//! The table of jobs: one line each.

use super::Job;
use crate::{app::App, orders, ticketing};
use std::{collections::HashMap, future::Future, pin::Pin, sync::Arc};
use willcall_domain::id::OrganizerId;

type Running = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;
type Handler = Arc<dyn Fn(App, OrganizerId, serde_json::Value) -> Running + Send + Sync>;

/// Every job this program knows.
#[must_use]
pub fn all() -> Registry {
    Registry::default().on(orders::expire::run).on(orders::send_confirmation::run).on(ticketing::ticket_pdf::run)
}

/// An error after which trying again cannot help: the job fails at once and stays in the table.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Hopeless(pub String);

/// From a job's kind to what does it.
#[derive(Clone, Default)]
pub struct Registry(HashMap<&'static str, Handler>);

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Registry {
    /// `run` does jobs of the kind of its argument. It may be run again for the same job, and no transaction is open
    /// while it runs.
    #[must_use]
    pub fn on<J: Job, F>(mut self, run: fn(App, OrganizerId, J) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |app, organizer, payload| {
            Box::pin(async move {
                let job = serde_json::from_value(payload)
                    .map_err(|e| anyhow::Error::new(Hopeless(format!("its payload cannot be read: {e}"))))?;
                run(app, organizer, job).await
            })
        });
        self.0.insert(J::KIND, handler);
        self
    }

    pub(super) fn get(&self, kind: &str) -> Option<&Handler> {
        self.0.get(kind)
    }
}
