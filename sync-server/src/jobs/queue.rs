//! Writing jobs, in the transaction of their cause.

use super::{Job, store};
use crate::app::Tx;
use willcall_domain::clock::UtcMillis;

/// To be done as soon as this transaction is committed.
///
/// # Errors
/// When the database does not take it.
pub async fn enqueue<J: Job>(tx: &mut Tx, job: &J) -> sqlx::Result<()> {
    let now = tx.now();
    write(tx, now, None, job).await
}

/// To be done at `at`, or right after the commit if that is past.
///
/// # Errors
/// When the database does not take it.
pub async fn enqueue_at<J: Job>(tx: &mut Tx, at: UtcMillis, job: &J) -> sqlx::Result<()> {
    write(tx, at, None, job).await
}

/// Like [`enqueue`], unless a job with this `name` already waits for the organizer.
///
/// # Errors
/// When the database does not take it.
pub async fn enqueue_once<J: Job>(tx: &mut Tx, name: &str, job: &J) -> sqlx::Result<()> {
    let now = tx.now();
    write(tx, now, Some(name), job).await
}

async fn write<J: Job>(tx: &mut Tx, at: UtcMillis, dedupe: Option<&str>, job: &J) -> sqlx::Result<()> {
    let payload = serde_json::to_value(job).map_err(|e| sqlx::Error::Encode(e.into()))?;
    store::insert(tx, &store::NewJob { class: J::CLASS, kind: J::KIND, payload, dedupe, at }).await?;
    tx.wakes(J::CLASS.topic());
    Ok(())
}
