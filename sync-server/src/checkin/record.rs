//! Scans into the grow-only set, what undoes them, and double admissions out of it.

use super::{
    doubles::{self, News},
    store::{self, Undoing},
};
use crate::http::problem::Failure;
use crate::{
    app::Tx,
    http::caller::DeviceCaller,
    sync::{Applied, Subject, note, note_all},
};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use willcall_domain::{
    checkin::ScanRow,
    clock::UtcMillis,
    devices::Right,
    id::{CaseId, DeviceId, ListId, ScanId},
    sync::{CaseKind, Entry, Fact},
};

/// Records scans of one author, all together. More entries of one ticket than its list allows, none of which knew the
/// others, are one case that names them all; so is a time given by hand by a device that has no right to, now. One entry
/// opens one case: where both are, the double admission says that a time was given by hand.
///
/// # Errors
/// When the database is away, or refuses what one of them says.
pub async fn record_scans(
    tx: &mut Tx,
    caller: &DeviceCaller,
    scans: &[(&Entry, &Fact)],
) -> Result<Vec<Applied>, Failure> {
    let read: Vec<Option<Read>> = scans.iter().map(|(entry, fact)| read(caller, entry, fact)).collect();
    let wanted: Vec<ListId> = read.iter().flatten().map(|r| r.scan.list_id).collect();
    let lists = store::lists(tx, &wanted).await?;
    let known = |scan: &ScanRow| lists.get(&scan.list_id).is_some_and(|l| l.event_id == scan.event_id);
    let kept: Vec<&ScanRow> = read.iter().flatten().map(|r| &r.scan).filter(|scan| known(scan)).collect();
    store::insert(tx, &kept).await?;
    let subjects: Vec<Subject> = kept.iter().map(|scan| Subject::Scan(scan.scan_id, scan.event_id)).collect();
    note_all(tx, &subjects).await?;
    let by_hand: HashSet<ScanId> =
        read.iter().flatten().filter(|r| r.by_hand.is_some()).map(|r| r.scan.scan_id).collect();
    let news = News { device: caller.device, scans: &kept, lists: &lists, by_hand: &by_hand };
    let listed = doubles::judge(tx, &news).await?;
    let judged = |read: &Read| if known(&read.scan) { judged(read, &listed) } else { unknown_list(&read.scan) };
    Ok(read.iter().map(|one| one.as_ref().map_or(Applied::Done, judged)).collect())
}

/// A scan as its entry says it.
struct Read {
    scan: ScanRow,
    /// The time that a person gave who may not.
    by_hand: Option<UtcMillis>,
}

fn read(caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Option<Read> {
    let Fact::Scan { event_id, list_id, position_id, payload_hash, direction, class, reason, time_by_hand } = fact
    else {
        return None;
    };
    let scan = ScanRow {
        scan_id: ScanId(entry.id.0),
        event_id: *event_id,
        list_id: *list_id,
        position_id: *position_id,
        payload_hash: payload_hash.clone(),
        station: caller.device,
        incarnation: entry.incarnation,
        seq: entry.seq,
        gate: if caller.gate.is_empty() { caller.name.clone() } else { caller.gate.clone() },
        direction: *direction,
        class: *class,
        reason: *reason,
        at: entry.at.ticket_time(),
        uncertainty_ms: entry.at.uncertainty_ms,
        undone: false,
        saw: entry.saw.clone(),
    };
    let by_hand = time_by_hand.filter(|_| !caller.rights.contains(&Right::TimeByHand));
    Some(Read { scan, by_hand })
}

fn unknown_list(scan: &ScanRow) -> Applied {
    let detail = json!({ "list_id": scan.list_id, "entry": scan.scan_id });
    Applied::Parked { kind: CaseKind::UnknownList, event: None, detail }
}

fn judged(read: &Read, listed: &HashMap<ScanId, CaseId>) -> Applied {
    let Read { scan, by_hand } = read;
    match (listed.get(&scan.scan_id), by_hand) {
        (Some(case), _) => Applied::InCase(*case),
        (None, Some(at)) => {
            let detail = json!({
                "position_id": scan.position_id, "list_id": scan.list_id, "entry": scan.scan_id, "at": at
            });
            Applied::Notice { kind: CaseKind::TimeByHand, event: Some(scan.event_id), detail }
        }
        (None, None) => Applied::Done,
    }
}

/// A scan is as if it never was, now or when it comes. Where the device has no right to, now, it counts all the same,
/// and a case says so.
///
/// # Errors
/// When the database is away.
pub async fn record_undo(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::ScanUndone { scan_id, event_id, list_id } = fact else { return Ok(Applied::Done) };
    let lists = store::lists(tx, &[*list_id]).await?;
    if lists.get(list_id).is_none_or(|list| list.event_id != *event_id) {
        let detail = json!({ "list_id": list_id, "entry": entry.id });
        return Ok(Applied::Parked { kind: CaseKind::UnknownList, event: None, detail });
    }
    let undoing = Undoing {
        scan: *scan_id,
        event: *event_id,
        list: *list_id,
        device: caller.device,
        entry: entry.id,
        at: entry.at.ticket_time(),
    };
    if let Some(scan) = store::undo(tx, &undoing).await? {
        note(tx, Subject::Scan(scan.scan_id, scan.event_id)).await?;
        let news = News { device: caller.device, scans: &[&scan], lists: &lists, by_hand: &HashSet::new() };
        doubles::judge(tx, &news).await?;
    }
    if caller.rights.contains(&Right::Undo) {
        return Ok(Applied::Done);
    }
    let detail = json!({ "scan_id": scan_id, "list_id": list_id, "entry": entry.id });
    Ok(Applied::Notice { kind: CaseKind::UndoWithoutRight, event: Some(*event_id), detail })
}

/// A journal proved forked from a number on: what its scans knew, and who knew of them, is no longer what it seemed.
///
/// # Errors
/// When the database is away.
pub async fn forked(tx: &mut Tx, device: DeviceId, incarnation: u32, from: u64) -> Result<(), Failure> {
    let scans = store::of_journal(tx, device, incarnation, from).await?;
    let wanted: Vec<ListId> = scans.iter().map(|scan| scan.list_id).collect();
    let lists = store::lists(tx, &wanted).await?;
    let scans: Vec<&ScanRow> = scans.iter().collect();
    doubles::judge(tx, &News { device, scans: &scans, lists: &lists, by_hand: &HashSet::new() }).await?;
    Ok(())
}
