//! `simulate`: decides a check-in from one document without storing anything. The shape is described in
//! `docs/API.md`.

use super::{
    merge::{self, Allowed, Certainty, Splits, Use},
    scan::{PastScan, ScanInput, Subject, Verdict, decide},
    wire::{Class, Direction, ListRow, Mark, Reason, SawRef},
};
use crate::{
    catalog::{EventRow, ItemRow},
    clock::UtcMillis,
    id::{DeviceId, ScanId},
    orders::PositionRow,
    ticketing::{self, EventKey, KeyRow, Verification, blank::VoidWhy},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One earlier scan of the ticket on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedScan {
    pub at: UtcMillis,
    pub direction: Direction,
    #[serde(default)]
    pub gate: String,
    /// How far `at` may be wrong, in milliseconds; -1 where it says nothing.
    #[serde(default)]
    pub uncertainty_ms: i64,
    /// The station that recorded it.
    #[serde(default)]
    pub station: i64,
    /// Its place in that station's journal; without one, its place by time among these.
    #[serde(default)]
    pub seq: Option<u64>,
    /// The last use of each station it was decided with.
    #[serde(default)]
    pub saw: Vec<SawRef>,
    #[serde(default)]
    pub undone: bool,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateCase {
    pub event: EventRow,
    pub list: ListRow,
    /// The position, if the station would have it.
    #[serde(default)]
    pub ticket: Option<PositionRow>,
    #[serde(default)]
    pub item: Option<ItemRow>,
    #[serde(default)]
    pub history: Vec<SimulatedScan>,
    /// As scanned. Where it is absent, the ticket is taken as found.
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub keys: Vec<KeyRow>,
    /// Why the code is one of a void blank, if the station would know it as one.
    #[serde(default)]
    pub void: Option<VoidWhy>,
    pub now: UtcMillis,
    /// How far `now` may be wrong, in milliseconds.
    #[serde(default)]
    pub uncertainty_ms: i64,
    pub direction: Direction,
    #[serde(default)]
    pub gate: Option<i64>,
    #[serde(default)]
    pub admit_unpaid: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateAnswer {
    pub class: Class,
    pub reason: Option<Reason>,
    pub marks: Vec<Mark>,
    pub first_use_at: Option<UtcMillis>,
    pub valid_from: Option<UtcMillis>,
    pub valid_until: Option<UtcMillis>,
    /// Double admissions among the scans of the history, before this one.
    #[serde(default)]
    pub doubles: Vec<SimulatedDouble>,
}

/// Entries of the history that did not know each other and are more than the list allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulatedDouble {
    /// Their places in the history, from 0, in their most probable order.
    pub scans: Vec<usize>,
    pub certainty: Certainty,
}

/// Decides the case.
///
/// # Errors
/// When a key of the document cannot be read.
pub fn simulate(case: &SimulateCase) -> Result<SimulateAnswer, ticketing::key::KeyError> {
    let keys = case.keys.iter().map(EventKey::parse).collect::<Result<Vec<_>, _>>()?;
    let history: Vec<PastScan> =
        case.history.iter().enumerate().map(|(nth, scan)| past_scan(case, nth, scan)).collect();
    let verification = case.code.as_ref().map(|code| verify_typed(code, &keys));
    let subject = match (&verification, &case.ticket) {
        (None, Some(position)) => Subject::Known { position, signed: None },
        (Some(Verification::Good(signed)), Some(position)) if ticketing_matches(signed, position) => {
            Subject::Known { position, signed: Some(signed) }
        }
        (Some(Verification::Good(signed)), _) => Subject::SignatureOnly { signed, void: case.void },
        (Some(Verification::Plain(text)), Some(position)) if position.plain.as_ref() == Some(text) => {
            Subject::Known { position, signed: None }
        }
        (Some(Verification::UnknownKey), _) => Subject::UnknownKey,
        (Some(Verification::Forged | Verification::Plain(_)) | None, _) => Subject::Unreadable,
    };
    let verdict: Verdict = decide(&ScanInput {
        now: case.now,
        uncertainty_ms: case.uncertainty_ms,
        direction: case.direction,
        event: &case.event,
        list: &case.list,
        gate: case.gate,
        subject,
        item: case.item.as_ref(),
        history: &history,
        admit_unpaid: case.admit_unpaid,
    });
    Ok(SimulateAnswer {
        class: verdict.class,
        reason: verdict.reason,
        marks: verdict.marks,
        first_use_at: verdict.first_use.map(|past| past.scan.at),
        valid_from: verdict.valid_from,
        valid_until: verdict.valid_until,
        doubles: doubles(&history, &case.list),
    })
}

fn doubles(history: &[PastScan], list: &ListRow) -> Vec<SimulatedDouble> {
    let uses: Vec<Use> = history.iter().map(|past| past.scan.clone()).collect();
    let place = |id: &ScanId| uses.iter().position(|one| one.scan_id == *id);
    merge::doubles(&uses, Allowed::from(list), &Splits::new())
        .into_iter()
        .map(|double| SimulatedDouble {
            scans: double.scans.iter().filter_map(place).collect(),
            certainty: double.certainty,
        })
        .collect()
}

/// Whether a verified code is one of this position: by the id it carries, or by its seed.
#[must_use]
pub fn ticketing_matches(signed: &ticketing::Signed, position: &PositionRow) -> bool {
    match (&signed.position_id, &signed.seed) {
        (Some(id), _) => *id == position.position_id,
        (None, Some(seed)) => *seed == ticketing::sig1::seed(position.position_id, position.issue),
        (None, None) => false,
    }
}

/// Verifies what a scanner typed: as it is, then once for each usual layout mistake. The first signed reading that
/// verifies wins; else what the text itself was.
#[must_use]
pub fn verify_typed(typed: &str, keys: &[EventKey]) -> Verification {
    let as_typed = ticketing::verify(ticketing::read(typed), keys);
    if matches!(as_typed, Verification::Good(_)) {
        return as_typed;
    }
    ticketing::wedge::readings(typed)
        .into_iter()
        .skip(1)
        .map(|reading| ticketing::verify(ticketing::read(&reading), keys))
        .find(|v| matches!(v, Verification::Good(_)))
        .unwrap_or(as_typed)
}

fn past_scan(case: &SimulateCase, nth: usize, scan: &SimulatedScan) -> PastScan {
    // Without a place in a journal its time gives it one.
    let earlier = case.history.iter().enumerate().filter(|(at, other)| (other.at, *at) < (scan.at, nth)).count();
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let seq = scan.seq.unwrap_or_else(|| number(earlier).saturating_add(1));
    let of = Use {
        scan_id: ScanId(Uuid::from_u128(u128::from(number(nth)))),
        entry: SawRef { station: DeviceId(scan.station), incarnation: 1, seq },
        saw: scan.saw.clone(),
        direction: scan.direction,
        at: scan.at,
        uncertainty_ms: scan.uncertainty_ms,
        undone: scan.undone,
    };
    PastScan { scan: of, gate: scan.gate.clone() }
}
