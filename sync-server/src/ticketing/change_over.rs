//! Changing over to the next key of an event. It was made and sent to the stations long before, so that a gate that is
//! cut off while the keys change verifies what is sold from then on. The key that signed until then still verifies, or,
//! where it is no secret any more, lets in only tickets that are known.

use super::{keys, store};
use crate::http::problem::Failure;
use crate::{
    app::{App, Tx},
    sync::{Subject, note},
};
use willcall_domain::{
    clock::UtcMillis,
    id::EventId,
    problem::{Code, Problem},
    ticketing::KeyStatus,
};

/// A key of an event, as the office lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFull {
    pub number: u8,
    pub status: KeyStatus,
    /// It signs next.
    pub next: bool,
    pub created_at: UtcMillis,
    pub backed_up: bool,
    /// Names of stations of the event that have not been heard of since it was made, and so may not have it.
    pub missing_at: Vec<String>,
}

/// The keys of an event, the newest first.
///
/// # Errors
/// When the database is away.
pub async fn all(tx: &mut Tx, event: EventId) -> Result<Vec<KeyFull>, Failure> {
    let mut found = store::keys(tx, event).await?;
    for key in found.iter_mut().filter(|key| key.next) {
        key.missing_at = store::not_heard_since(tx, event, key.created_at).await?;
    }
    Ok(found)
}

/// From now on the next key signs, and another one is made and sent out to be the next. What was signed until now still
/// verifies; with `compromised` only tickets that are known are let in by it, and others are looked at. Answers the
/// number of the key that signs.
///
/// # Errors
/// `conflict` when there is no next key yet, or, unless in an emergency, when it is in no finished backup though there
/// are backups: put back from one, the server would make another key under its number.
pub async fn change_over(tx: &mut Tx, app: &App, event: EventId, compromised: bool) -> Result<u8, Failure> {
    let all = store::lock_keys(tx, event).await?;
    let Some(next) = all.iter().find(|key| key.next) else {
        keys::signer(tx, app, event).await?;
        let detail = "There was no next key yet; one was made now. Wait until the stations have it.";
        return Err(Problem::new(Code::Conflict, detail).into());
    };
    if !compromised && !next.backed_up && store::makes_backups(tx).await? {
        let detail = "The next key is in no finished backup yet. Make one first.";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let status = if compromised { KeyStatus::Compromised } else { KeyStatus::Retired };
    for key in all.iter().filter(|key| key.status == KeyStatus::Active) {
        store::set_status(tx, event, key.number, status).await?;
        note(tx, Subject::Key(event, key.number)).await?;
    }
    store::set_status(tx, event, next.number, KeyStatus::Active).await?;
    note(tx, Subject::Key(event, next.number)).await?;
    keys::make_next(tx, app, event).await?;
    tracing::warn!(event = event.0, number = next.number, compromised, "the next event key signs");
    Ok(next.number)
}

/// A key that signs no more is no secret any more: its codes let in only tickets that are known.
///
/// # Errors
/// `not-found` when there is no such key, `conflict` when it signs now or next.
pub async fn set_compromised(tx: &mut Tx, event: EventId, number: u8) -> Result<(), Failure> {
    let all = store::lock_keys(tx, event).await?;
    let key = all.iter().find(|key| key.number == number);
    let key = key.ok_or_else(|| Problem::new(Code::NotFound, "There is no such key."))?;
    if key.next || key.status == KeyStatus::Active {
        return Err(Problem::new(Code::Conflict, "Change over to the next key first.").into());
    }
    if key.status == KeyStatus::Retired {
        store::set_status(tx, event, number, KeyStatus::Compromised).await?;
        note(tx, Subject::Key(event, number)).await?;
        tracing::warn!(event = event.0, number, "an event key is compromised");
    }
    Ok(())
}

/// A backup begins: it will have the keys there are.
///
/// # Errors
/// When the database is away.
pub async fn backup_begins(tx: &mut Tx) -> sqlx::Result<()> {
    store::backup_begins(tx).await
}

/// A backup is finished that began when [`backup_begins`] was called last, or at an instant.
///
/// # Errors
/// When the database is away.
pub async fn backup_finished(tx: &mut Tx, began: Option<UtcMillis>) -> sqlx::Result<()> {
    store::backup_finished(tx, began).await
}
