//! Rows as stations get them: the present state of what the feed or a snapshot names, within a device's scope.

use super::{
    scope::Scope,
    store::{cases, erase, rows as store, setup},
};
use crate::{access::organizer, app::Tx, catalog::voucher, checkin, http::caller::DeviceCaller, leases};
use std::collections::{BTreeMap, HashMap};
use willcall_domain::sync::{Row, change::Gone};

/// The kinds of the feed, in the order a station can take them in. There may be very many of the last two.
pub(super) const KINDS: [&str; 22] = [
    "device",
    "organizer",
    "operator",
    "gate",
    "event",
    "key",
    "item",
    "date",
    "quota",
    "list",
    "question",
    "badge",
    "lease",
    "hand_over",
    "right",
    "voucher",
    "void_blanks",
    "case",
    "erase",
    "position",
    "medium",
    "scan",
];

/// Whether there may be so many rows of this kind that they are never held at once.
pub(super) fn are_many(kind: &str) -> bool {
    matches!(kind, "position" | "scan")
}

/// Whether rows of this kind are one device's own: it hears of them whatever events it sees. A till that was moved takes
/// units back that another declined, and gives them back in its turn.
pub(super) fn is_own(kind: &str) -> bool {
    matches!(kind, "lease" | "hand_over" | "right")
}

/// The rows of one kind; `ids` limits them to these subjects.
pub(super) async fn load(
    tx: &mut Tx,
    caller: &DeviceCaller,
    scope: &Scope,
    kind: &str,
    ids: Option<&[String]>,
) -> sqlx::Result<Vec<(String, Row)>> {
    match kind {
        "device" => {
            let row = setup::device(tx, caller.device, &scope.events).await?;
            Ok(vec![(caller.device.to_string(), Row::Device(row))])
        }
        "lease" => {
            let rows = leases::rows(tx, caller, uuids(ids)).await?;
            Ok(rows.into_iter().map(|row| (row.lease_id.to_string(), Row::Lease(row))).collect())
        }
        "hand_over" => {
            let rows = leases::hand_over_rows(tx, caller, uuids(ids)).await?;
            Ok(rows.into_iter().map(|row| (row.hand_over_id.to_string(), Row::HandOver(row))).collect())
        }
        "right" => {
            let rows = leases::right_rows(tx, caller, uuids(ids)).await?;
            Ok(rows.into_iter().map(|row| (row.right_id.to_string(), Row::Right(row))).collect())
        }
        "voucher" => {
            let only = ids.map(|ids| ids.iter().filter_map(|i| i.parse().ok()).collect());
            let rows = voucher::rows(tx, caller.device, &scope.events, only).await?;
            Ok(rows.into_iter().map(|row| (row.voucher_id.to_string(), Row::Voucher(row))).collect())
        }
        "case" => cases::rows(tx, caller.device, &scope.events, uuids(ids)).await,
        "erase" => erase::rows(tx, &scope.events, uuids(ids)).await,
        _ => shared(tx, scope, kind, ids).await,
    }
}

fn uuids(ids: Option<&[String]>) -> Option<Vec<uuid::Uuid>> {
    ids.map(|ids| ids.iter().filter_map(|i| i.parse().ok()).collect())
}

/// The same of a kind that says the same to every device of the scope. Of those there may be many of, only named ones.
pub(super) async fn shared(
    tx: &mut Tx,
    scope: &Scope,
    kind: &str,
    ids: Option<&[String]>,
) -> sqlx::Result<Vec<(String, Row)>> {
    let events = &scope.events[..];
    let numbers = || ids.map(|ids| ids.iter().filter_map(|i| i.parse().ok()).collect::<Vec<i64>>());
    let uuids = || ids.unwrap_or_default().iter().filter_map(|i| i.parse().ok()).collect::<Vec<uuid::Uuid>>();
    Ok(match kind {
        "organizer" => vec![(scope.organizer.to_string(), Row::Organizer(organizer::row(tx).await?))],
        "event" => store::events(tx, events, numbers()).await?,
        "key" => store::keys(tx, events).await?,
        "item" => store::items(tx, events, numbers()).await?,
        "date" => store::dates(tx, events, numbers()).await?,
        "quota" => store::quotas(tx, events, numbers()).await?,
        "operator" => setup::operators(tx, numbers()).await?,
        "gate" => setup::gates(tx, numbers()).await?,
        "list" => setup::lists(tx, events, numbers()).await?,
        "question" => setup::questions(tx, events, numbers()).await?,
        "badge" => setup::badges(tx, events, numbers()).await?,
        "void_blanks" => {
            let named = ids.map(|_| uuids());
            let rows = leases::void_blanks(tx, events, named).await?;
            rows.into_iter().map(|row| (row.lease_id.to_string(), Row::VoidBlanks(row))).collect()
        }
        "medium" => checkin::medium_rows(tx, events, ids.map(|_| uuids())).await?,
        "position" => store::positions(tx, events, uuids(), scope.names).await?,
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
    scope: &Scope,
    named: &[Named],
) -> sqlx::Result<Vec<(i64, Row)>> {
    let mut by_kind: BTreeMap<&str, Vec<&Named>> = BTreeMap::new();
    for one in named.iter().filter(|one| scope.wants(&one.kind)) {
        by_kind.entry(&one.kind).or_default().push(one);
    }
    let mut out = Vec::with_capacity(named.len());
    for (kind, subjects) in by_kind {
        let ids: Vec<String> = subjects.iter().filter(|n| !n.gone).map(|n| n.subject.clone()).collect();
        let mut loaded: HashMap<String, Vec<Row>> = HashMap::new();
        if !ids.is_empty() {
            for (id, row) in load(tx, caller, scope, kind, Some(&ids)).await? {
                loaded.entry(id).or_default().push(row);
            }
        }
        for subject in subjects {
            match loaded.remove(&subject.subject) {
                Some(rows) => out.extend(rows.into_iter().map(|row| (subject.position, row))),
                // A position that admits nobody is no ticket, and no station has heard of it; what is one device's own
                // is nothing to the others.
                None if (kind == "position" || !Scope::shares(kind)) && !subject.gone => {}
                // Another station's: nobody here has heard of it.
                None if matches!(kind, "lease" | "hand_over" | "void_blanks") => {}
                None => {
                    let gone = Gone { kind: kind.to_owned(), id: subject.subject.clone(), version: i64::MAX };
                    out.push((subject.position, Row::Gone(gone)));
                }
            }
        }
    }
    out.retain(|(_, row)| scope.reads(row));
    out.sort_by_key(|(position, _)| *position);
    Ok(out)
}
