//! Rows as stations get them: the present state of what the feed or a snapshot names, within a device's scope.

use super::store::rows as store;
use crate::{app::Tx, http::caller::DeviceCaller};
use std::collections::{BTreeMap, HashSet};
use willcall_domain::{
    id::EventId,
    sync::{Row, change::Gone},
};

/// The kinds of the feed, in the order a station can take them in.
pub(super) const KINDS: [&str; 8] = ["device", "event", "key", "item", "quota", "list", "position", "scan"];

/// The rows of one kind; `ids` limits them to these subjects.
pub(super) async fn load(
    tx: &mut Tx,
    caller: &DeviceCaller,
    events: &[EventId],
    kind: &str,
    ids: Option<&[String]>,
) -> sqlx::Result<Vec<(String, Row)>> {
    let numbers = || ids.map(|ids| ids.iter().filter_map(|i| i.parse().ok()).collect::<Vec<i64>>());
    let uuids = || ids.map(|ids| ids.iter().filter_map(|i| i.parse().ok()).collect::<Vec<uuid::Uuid>>());
    Ok(match kind {
        "device" => vec![(caller.device.to_string(), Row::Device(store::device(tx, caller.device, events).await?))],
        "event" => store::events(tx, events, numbers()).await?,
        "key" => store::keys(tx, events).await?,
        "item" => store::items(tx, events, numbers()).await?,
        "quota" => store::quotas(tx, events, numbers()).await?,
        "list" => store::lists(tx, events, numbers()).await?,
        "position" => store::positions(tx, events, uuids()).await?,
        "scan" => store::scans(tx, events, uuids()).await?,
        _ => Vec::new(),
    })
}

/// One subject of a page of the feed, named once however often it changed.
pub(super) struct Named {
    pub kind: String,
    pub subject: String,
    pub position: i64,
    pub gone: bool,
}

/// Turns named subjects into `(position, row)`, ascending by position; what is not there any more is a tombstone.
pub(super) async fn present(
    tx: &mut Tx,
    caller: &DeviceCaller,
    events: &[EventId],
    named: &[Named],
) -> sqlx::Result<Vec<(i64, Row)>> {
    let mut by_kind: BTreeMap<&str, Vec<&Named>> = BTreeMap::new();
    for one in named {
        by_kind.entry(&one.kind).or_default().push(one);
    }
    let mut out = Vec::with_capacity(named.len());
    for (kind, subjects) in by_kind {
        let ids: Vec<String> = subjects.iter().filter(|n| !n.gone).map(|n| n.subject.clone()).collect();
        let loaded = load(tx, caller, events, kind, Some(&ids)).await?;
        let found: HashSet<&str> = loaded.iter().map(|(id, _)| id.as_str()).collect();
        for subject in &subjects {
            if subject.gone || !found.contains(subject.subject.as_str()) {
                let gone = Gone { kind: kind.to_owned(), id: subject.subject.clone(), version: i64::MAX };
                out.push((subject.position, Row::Gone(gone)));
            }
        }
        for (id, row) in loaded {
            if let Some(subject) = subjects.iter().find(|n| n.subject == id) {
                out.push((subject.position, row));
            }
        }
    }
    out.sort_by_key(|(position, _)| *position);
    Ok(out)
}
