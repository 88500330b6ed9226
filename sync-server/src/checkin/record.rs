//! Scans into the grow-only set, and double admissions out of it.

use super::store;
use crate::http::problem::Failure;
use crate::{
    app::Tx,
    http::caller::DeviceCaller,
    sync::{Applied, Subject, note_all},
};
use serde_json::json;
use willcall_domain::{
    checkin::{Class, Direction, ScanRow},
    clock::UtcMillis,
    devices::Right,
    id::{ListId, ScanId},
    sync::{CaseKind, Entry, Fact},
};

/// Records scans of one author, all together. Two entries of one ticket, neither of which knew the other, are a case that
/// names both; so is a time given by hand by a device that has no right to, now. One entry opens one case: where both
/// are, the double admission says that a time was given by hand.
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
    let list = |scan: &ScanRow| lists.get(&scan.list_id).filter(|l| l.event_id == scan.event_id);
    let kept: Vec<&ScanRow> = read.iter().flatten().map(|r| &r.scan).filter(|scan| list(scan).is_some()).collect();
    store::insert(tx, &kept).await?;
    let subjects: Vec<Subject> = kept.iter().map(|scan| Subject::Scan(scan.scan_id, scan.event_id)).collect();
    note_all(tx, &subjects).await?;
    let watched = |scan: &ScanRow| enters(scan) && list(scan).is_some_and(|l| !l.allow_multiple_entries);
    let entries: Vec<&ScanRow> = kept.iter().copied().filter(|scan| watched(scan)).collect();
    let uses = store::uses(tx, &entries).await?;
    let judge = |read: &Read| match list(&read.scan) {
        None => {
            let detail = json!({ "list_id": read.scan.list_id, "entry": read.scan.scan_id });
            Applied::Parked { kind: CaseKind::UnknownList, event: None, detail }
        }
        Some(list) if watched(&read.scan) => judged(read, strangers(&read.scan, list, &uses)),
        Some(_) => judged(read, Vec::new()),
    };
    Ok(read.iter().map(|one| one.as_ref().map_or(Applied::Done, judge)).collect())
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
        at: entry.at.wall,
        undone: false,
        saw: entry.saw.clone(),
    };
    let by_hand = time_by_hand.filter(|_| !caller.rights.contains(&Right::TimeByHand));
    Some(Read { scan, by_hand })
}

fn enters(scan: &ScanRow) -> bool {
    matches!(scan.class, Class::Admitted | Class::Look) && scan.direction == Direction::Entry
}

fn judged(read: &Read, strangers: Vec<&ScanRow>) -> Applied {
    let Read { scan, by_hand } = read;
    let (position_id, list_id, event) = (scan.position_id, scan.list_id, Some(scan.event_id));
    if strangers.is_empty() {
        let detail = json!({ "position_id": position_id, "list_id": list_id, "entry": scan.scan_id, "at": by_hand });
        return match by_hand {
            Some(_) => Applied::Notice { kind: CaseKind::TimeByHand, event, detail },
            None => Applied::Done,
        };
    }
    let both: Vec<_> = strangers
        .into_iter()
        .chain([scan])
        .map(|o| json!({ "scan_id": o.scan_id, "gate": o.gate, "at": o.at }))
        .collect();
    let detail = json!({
        "position_id": position_id, "list_id": list_id, "scans": both, "time_by_hand": by_hand.is_some()
    });
    Applied::Notice { kind: CaseKind::DoubleAdmission, event, detail }
}

/// Entries of the same ticket that this scan did not know and that did not know it.
fn strangers<'a>(scan: &ScanRow, list: &store::ListFacts, uses: &'a [ScanRow]) -> Vec<&'a ScanRow> {
    let same = |o: &ScanRow| {
        let position = scan.position_id.is_some() && o.position_id == scan.position_id;
        let payload = scan.payload_hash.is_some() && o.payload_hash == scan.payload_hash;
        (position || payload) && o.list_id == scan.list_id && o.scan_id != scan.scan_id
    };
    let others: Vec<&ScanRow> = uses.iter().filter(|o| same(o)).collect();
    let left_between = |a: &ScanRow, b: &ScanRow| {
        let (from, until) = (a.at.min(b.at), a.at.max(b.at));
        list.allow_entry_after_exit
            && others.iter().any(|s| s.direction == Direction::Exit && s.at >= from && s.at <= until)
    };
    let entries = others.iter().copied().filter(|s| s.direction == Direction::Entry);
    entries.filter(|o| !knew(scan, o) && !knew(o, scan) && !left_between(scan, o)).collect()
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
