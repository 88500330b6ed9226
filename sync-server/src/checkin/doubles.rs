//! Double admissions: what the scans of a ticket say together, as one case for the ticket on the list. It is judged anew
//! whenever something of the ticket came, so that it says the same whatever came first. What is a double is
//! [`willcall_domain::checkin::merge`]'s.

use super::store::{self, ListFacts};
use crate::{
    app::Tx,
    http::Failure,
    sync::cases::{self, Moot, NewCase, Standing},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use willcall_domain::{
    checkin::{
        Direction, ScanRow,
        merge::{self, Allowed, Certainty, Double, Use},
    },
    id::{CaseId, DeviceId, ListId, ScanId},
    sync::CaseKind,
};

const KIND: CaseKind = CaseKind::DoubleAdmission;

/// What has just come.
pub(super) struct News<'a> {
    /// Whose journal brought it.
    pub device: DeviceId,
    /// Scans that are here and that something is new of.
    pub scans: &'a [&'a ScanRow],
    pub lists: &'a HashMap<ListId, ListFacts>,
    /// Those of which a person gave the time who may not.
    pub by_hand: &'a HashSet<ScanId>,
}

/// Judges the tickets of these scans; answers the case of each that is part of a double.
///
/// # Errors
/// When the database is away.
pub(super) async fn judge(tx: &mut Tx, news: &News<'_>) -> Result<HashMap<ScanId, CaseId>, Failure> {
    let allowed = |scan: &ScanRow| news.lists.get(&scan.list_id).map(|list| list.allowed);
    let watched: Vec<&ScanRow> = news
        .scans
        .iter()
        .copied()
        .filter(|scan| Use::of(scan).is_some() && allowed(scan).is_some_and(|a| !a.multiple_entries))
        .collect();
    // Two gates' journals that arrive at the same time do not see each other's scans before they are committed: whoever
    // is second waits here, and then sees them.
    store::hold_lists(tx, &watched).await?;
    let uses = store::uses(tx, &watched).await?;
    let tickets: Vec<Ticket<'_>> = tickets(&uses)
        .into_iter()
        .filter(|ticket| ticket.entries() > 1 && watched.iter().any(|scan| ticket.has(scan.scan_id)))
        .collect();
    if tickets.is_empty() {
        return Ok(HashMap::new());
    }
    let stations: Vec<DeviceId> = tickets.iter().flat_map(|t| &t.scans).map(|scan| scan.station).collect();
    let splits = store::splits(tx, &stations).await?;
    let names: Vec<String> = tickets.iter().flat_map(Ticket::names).collect();
    let mut standing = cases::standing(tx, KIND, &names).await?;
    let mut found = HashMap::new();
    for ticket in tickets {
        let Some(allowed) = ticket.scans.first().and_then(|scan| allowed(scan)) else { continue };
        let doubles = ticket.doubles(allowed, &splits);
        let of_ticket: Vec<Standing> =
            ticket.names().iter().flat_map(|n| standing.remove(n).unwrap_or_default()).collect();
        if let Some(case) = list(tx, news, &ticket, &doubles, of_ticket).await? {
            found.extend(doubles.iter().flat_map(|double| &double.scans).map(|scan| (*scan, case)));
        }
    }
    Ok(found)
}

/// Opens, refreshes or closes the case of a ticket.
async fn list(
    tx: &mut Tx,
    news: &News<'_>,
    ticket: &Ticket<'_>,
    doubles: &[Double],
    standing: Vec<Standing>,
) -> Result<Option<CaseId>, Failure> {
    let open = standing.iter().find(|case| case.open);
    if doubles.is_empty() {
        if let Some(case) = open {
            cases::close_by_itself(tx, KIND, &case.about, Moot::NoDouble).await?;
        }
        return Ok(None);
    }
    let told_before = open.and_then(|case| case.detail.get("time_by_hand")).and_then(Value::as_bool).unwrap_or(false);
    let detail = ticket.detail(doubles, news.by_hand, told_before);
    let event = ticket.scans.first().map(|scan| scan.event_id);
    if let Some(case) = open {
        if case.detail != detail {
            cases::refresh(tx, case.case_id, event, &detail).await?;
        }
        return Ok(Some(case.case_id));
    }
    // What a person has looked at is not opened again for what they saw.
    let seen: HashSet<&str> = standing.iter().flat_map(|case| scans_of(&case.detail)).collect();
    if doubles.iter().flat_map(|double| &double.scans).all(|scan| seen.contains(scan.to_string().as_str())) {
        return Ok(None);
    }
    let Some(about) = ticket.names().into_iter().next() else { return Ok(None) };
    let case = NewCase { device: news.device, event, kind: KIND, detail };
    Ok(Some(cases::open_once(tx, &about, &case).await?.0))
}

fn scans_of(detail: &Value) -> impl Iterator<Item = &str> {
    let scans = detail.get("scans").and_then(Value::as_array).into_iter().flatten();
    scans.filter_map(|scan| scan.get("scan_id")?.as_str())
}

/// The scans of one ticket on one list that let somebody in or out.
struct Ticket<'a> {
    scans: Vec<&'a ScanRow>,
}

/// A code of the other signed format is known by its payload at one gate and by its position at another: both are one
/// ticket as soon as one scan names both.
fn tickets(uses: &[ScanRow]) -> Vec<Ticket<'_>> {
    let mut group_of: Vec<usize> = (0..uses.len()).collect();
    let mut first: HashMap<(ListId, String), usize> = HashMap::new();
    for (at, scan) in uses.iter().enumerate() {
        for key in keys(scan) {
            let other = *first.entry((scan.list_id, key)).or_insert(at);
            let (one, other) = (group_of[at], group_of[other]);
            if one != other {
                group_of.iter_mut().filter(|group| **group == one).for_each(|group| *group = other);
            }
        }
    }
    let mut by_group: BTreeMap<usize, Vec<&ScanRow>> = BTreeMap::new();
    for (scan, group) in uses.iter().zip(group_of) {
        by_group.entry(group).or_default().push(scan);
    }
    by_group.into_values().map(|scans| Ticket { scans }).collect()
}

fn keys(scan: &ScanRow) -> impl Iterator<Item = String> {
    scan.position_id.map(|id| id.to_string()).into_iter().chain(scan.payload_hash.clone())
}

impl Ticket<'_> {
    fn entries(&self) -> usize {
        self.scans.iter().filter(|scan| scan.direction == Direction::Entry).count()
    }

    fn has(&self, id: ScanId) -> bool {
        self.scans.iter().any(|scan| scan.scan_id == id)
    }

    /// What its case may be about, the best name first: a position rather than a payload.
    fn names(&self) -> Vec<String> {
        let list = self.scans.first().map_or(ListId(0), |scan| scan.list_id);
        let positions: BTreeSet<String> = self.scans.iter().filter_map(|s| Some(s.position_id?.to_string())).collect();
        let payloads: BTreeSet<String> = self.scans.iter().filter_map(|s| s.payload_hash.clone()).collect();
        positions.into_iter().chain(payloads).map(|key| format!("{list}/{key}")).collect()
    }

    fn doubles(&self, allowed: Allowed, splits: &merge::Splits) -> Vec<Double> {
        let uses: Vec<Use> = self.scans.iter().filter_map(|scan| Use::of(scan)).collect();
        merge::doubles(&uses, allowed, splits)
    }

    fn detail(&self, doubles: &[Double], by_hand: &HashSet<ScanId>, told_before: bool) -> Value {
        let of = |id: &ScanId| self.scans.iter().find(|scan| scan.scan_id == *id);
        let scans: Vec<Value> = doubles
            .iter()
            .enumerate()
            .flat_map(|(nth, double)| double.scans.iter().filter_map(of).map(move |scan| (nth, scan)))
            .map(|(nth, scan)| {
                json!({
                    "scan_id": scan.scan_id, "gate": scan.gate, "at": scan.at, "uncertainty_ms": scan.uncertainty_ms,
                    "device_id": scan.station, "undone": scan.undone, "double": nth,
                })
            })
            .collect();
        let certainty = doubles.iter().map(|double| double.certainty).max().map_or("", Certainty::word);
        let hand = told_before || doubles.iter().flat_map(|d| &d.scans).any(|scan| by_hand.contains(scan));
        let first = self.scans.first();
        json!({
            "position_id": self.scans.iter().find_map(|scan| scan.position_id),
            "payload_hash": self.scans.iter().find_map(|scan| scan.payload_hash.as_deref()),
            "list_id": first.map(|scan| scan.list_id), "certainty": certainty, "scans": scans, "time_by_hand": hand,
        })
    }
}
