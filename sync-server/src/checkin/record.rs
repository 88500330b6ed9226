//! A scan into the grow-only set, and double admissions out of it.

use super::store;
use crate::http::problem::Failure;
use crate::{
    app::Tx,
    http::caller::DeviceCaller,
    sync::{Applied, Subject, note},
};
use serde_json::json;
use willcall_domain::{
    checkin::{Class, Direction, ScanRow},
    id::ScanId,
    sync::{Entry, Fact},
};

/// Records a scan. Two entries of one ticket, neither of which knew the other, are a case that names both.
///
/// # Errors
/// When the database is away.
pub async fn record_scan(tx: &mut Tx, caller: &DeviceCaller, entry: &Entry, fact: &Fact) -> Result<Applied, Failure> {
    let Fact::Scan { event_id, list_id, position_id, payload_hash, direction, class, reason, .. } = fact else {
        return Ok(Applied::Done);
    };
    let Some(list) = store::list(tx, *list_id).await?.filter(|l| l.event_id == *event_id) else {
        let detail = json!({ "list_id": list_id, "entry": entry.id });
        return Ok(Applied::Parked { kind: "unknown_list", event: None, detail });
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
        at: entry.at.wall,
        undone: false,
        saw: entry.saw.clone(),
    };
    store::insert(tx, &scan).await?;
    note(tx, Subject::Scan(scan.scan_id, *event_id)).await?;
    let admitted = matches!(class, Class::Admitted | Class::Look) && *direction == Direction::Entry;
    if !admitted || list.allow_multiple_entries {
        return Ok(Applied::Done);
    }
    let others = store::scans_of_ticket(tx, &scan).await?;
    let left_between = |a: &ScanRow, b: &ScanRow| {
        let (from, until) = (a.at.min(b.at), a.at.max(b.at));
        list.allow_entry_after_exit
            && others.iter().any(|s| s.direction == Direction::Exit && s.at >= from && s.at <= until)
    };
    let entries = others.iter().filter(|s| s.direction == Direction::Entry);
    let unknown: Vec<_> = entries.filter(|o| !knew(&scan, o) && !knew(o, &scan) && !left_between(&scan, o)).collect();
    if unknown.is_empty() {
        return Ok(Applied::Done);
    }
    let mut both: Vec<_> =
        unknown.iter().map(|o| json!({ "scan_id": o.scan_id, "gate": o.gate, "at": o.at })).collect();
    both.push(json!({ "scan_id": scan.scan_id, "gate": scan.gate, "at": scan.at }));
    let detail = json!({ "position_id": position_id, "list_id": list_id, "scans": both });
    Ok(Applied::Notice { kind: "double_admission", event: Some(*event_id), detail })
}

/// Whether `later` was decided with `earlier` known: it saw that entry or a later one of the same station, or comes
/// from the same journal.
fn knew(later: &ScanRow, earlier: &ScanRow) -> bool {
    let same_journal = later.station == earlier.station && later.incarnation == earlier.incarnation;
    (same_journal && later.seq > earlier.seq)
        || later
            .saw
            .iter()
            .any(|s| s.station == earlier.station && s.incarnation == earlier.incarnation && s.seq >= earlier.seq)
}
