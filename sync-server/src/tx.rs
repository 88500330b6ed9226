//! One transaction of one tenant: the only way to a tenant's tables. Owns no SQL but how it begins.

use crate::wake::{Topics, Wake};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};
use willcall_domain::{
    clock::{Clock, UtcMillis},
    entropy::Entropy,
    id::{OrganizerId, StaffId},
};

/// A transaction in which row-level security lets exactly one organizer's rows through. Rolls back when dropped.
///
/// As an executor: `sqlx::query(…).execute(tx.conn())`.
#[derive(Debug)]
pub struct Tx {
    /// Whose rows these are; also the first key of every statement.
    pub organizer: OrganizerId,
    /// Who acts, where it is a person at the back office: changes are written down under this name.
    pub by: Option<StaffId>,
    inner: Transaction<'static, Postgres>,
    surroundings: Surroundings,
    topics: Topics,
}

/// Where a transaction takes time and randomness from, and whom it wakes.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub wake: Arc<Wake>,
}

/// How far a transaction sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Each statement sees what is committed when it starts.
    ReadCommitted,
    /// Every statement sees the same instant; reads only.
    Snapshot,
}

impl Tx {
    pub(crate) async fn begin(
        pool: &PgPool,
        surroundings: Surroundings,
        organizer: OrganizerId,
        isolation: Isolation,
    ) -> sqlx::Result<Self> {
        let begin = match isolation {
            Isolation::ReadCommitted => "BEGIN",
            // It writes nothing and holds nobody up; what it read may take longer to put into shape than a writer may rest.
            Isolation::Snapshot => {
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '60s'"
            }
        };
        // One round trip; the number is an i64, so nothing can be injected. A movement of units is written by one
        // statement here, so it is checked after each.
        let statement = format!(
            "{begin}; SET LOCAL willcall.organizer = '{}'; SET LOCAL willcall.movements = 'whole'",
            organizer.0
        );
        // In a task of its own: a request whose client hangs up is dropped wherever it stands, and a connection dropped
        // in the middle of BEGIN would go back to the pool with a transaction open.
        let pool = pool.clone();
        let begun = tokio::spawn(async move { pool.begin_with(AssertSqlSafe(statement)).await });
        let inner = begun.await.map_err(|e| sqlx::Error::Protocol(e.to_string()))??;
        Ok(Self { organizer, by: None, inner, surroundings, topics: Topics::default() })
    }

    /// What statements run on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The wall clock, now.
    #[must_use]
    pub fn now(&self) -> UtcMillis {
        self.surroundings.clock.now()
    }

    /// Where new ids and secrets take their randomness from.
    #[must_use]
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.surroundings.entropy
    }

    /// Has those who wait for `topics` look again once this transaction is committed.
    pub fn wakes(&mut self, topics: Topics) {
        self.topics = self.topics | topics;
    }

    /// Makes everything durable, then wakes whom it concerns.
    ///
    /// # Errors
    /// When the database did not confirm; nothing is stored then, or (the link died in that moment) all of it.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await?;
        self.surroundings.wake.now(self.topics);
        Ok(())
    }

    /// Undoes everything; the same as dropping, but waits until it is done.
    ///
    /// # Errors
    /// When the link to the database broke, which undoes everything as well.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.inner.rollback().await
    }
}

impl Deref for Tx {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}
