//! Tickets exchanged for wristbands and the like, out of journals. Each exchange is a fact and its medium works; where
//! gates that did not know each other gave out two for one ticket, or one for two, a case names them.

use super::store::setup::{self, NewMedium};
use crate::{
    app::Tx,
    http::{caller::DeviceCaller, problem::Failure},
    sync::{Applied, Subject, note},
};
use serde::Deserialize;
use serde_json::json;
use willcall_domain::{
    checkin::medium,
    sync::{CaseKind, Entry, Fact},
};

/// What stands beside the entry.
#[derive(Deserialize)]
struct Printed {
    identifier: String,
}

/// Keeps an exchange.
///
/// # Errors
/// When the database is away, or refuses what the entry says.
pub async fn record_exchange(
    tx: &mut Tx,
    caller: &DeviceCaller,
    entry: &Entry,
    fact: &Fact,
) -> Result<Applied, Failure> {
    let Fact::Exchanged { medium_id, event_id, list_id: _, position_id, medium: kind, identifier_hash, replaces } =
        fact
    else {
        return Ok(Applied::Done);
    };
    let beside = entry.private.as_ref().and_then(|private| serde_json::from_str::<Printed>(&private.data).ok());
    // What stands beside is believed only as far as the chain bears it out.
    let identifier = beside.map(|one| one.identifier).filter(|text| medium::hash(text) == *identifier_hash);
    let new = NewMedium {
        medium: *medium_id,
        event: *event_id,
        kind: *kind,
        identifier: identifier.as_deref(),
        identifier_hash,
        position: Some(*position_id),
        expires_at: None,
        device: Some(caller.device),
        at: entry.at.ticket_time(),
    };
    if setup::insert_medium(tx, &new).await? {
        note(tx, Subject::Medium(*medium_id, *event_id)).await?;
    }
    for replaced in setup::switch_off(tx, replaces, *position_id).await? {
        note(tx, Subject::Medium(replaced, *event_id)).await?;
    }
    let others = setup::others_active(tx, &new).await?;
    if others.is_empty() {
        return Ok(Applied::Done);
    }
    let detail = json!({
        "position_id": position_id, "medium_id": medium_id, "others": others, "entry": entry.id,
    });
    Ok(Applied::Notice { kind: CaseKind::MediumTwice, event: Some(*event_id), detail })
}
