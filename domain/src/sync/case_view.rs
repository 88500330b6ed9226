//! Cases as a station shows them: what happened, and the ways in which it can be closed here.

use super::{CaseKind, Resolution, change::CaseRow};
use crate::{
    clock::UtcMillis,
    id::{CaseId, DeviceId, EventId},
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CaseView {
    pub case_id: CaseId,
    /// A word of [`CaseKind`]; a newer server may send others.
    pub kind: String,
    pub event_id: Option<EventId>,
    /// What the event is called, where it is known here; and the zone its times are told in, `UTC` where it is not.
    pub event_name: Option<String>,
    pub zone: String,
    /// The station it is about.
    pub device_id: DeviceId,
    pub device_name: String,
    /// Numbers, ids, order codes; no personal data.
    #[ts(type = "unknown")]
    pub detail: serde_json::Value,
    pub opened_at: UtcMillis,
    pub closed_at: Option<UtcMillis>,
    /// How it was closed, here or elsewhere.
    pub resolution: Option<String>,
    /// When it was tried again here in vain.
    pub tried_at: Option<UtcMillis>,
    /// How it can be closed here, the most usual first. Empty where it is closed, or only the office can close it.
    pub choices: Vec<Resolution>,
    /// How only the office can close it; empty where it is closed.
    pub in_the_office: Vec<Resolution>,
}

/// The cases of this station's events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct CasesView {
    /// The oldest first.
    pub open: Vec<CaseView>,
    /// The newest first.
    pub closed: Vec<CaseView>,
}

/// A case to be closed by a person at this station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CloseCaseRequest {
    pub case_id: CaseId,
    pub resolution: Resolution,
}

/// The ways in which a case of this kind can be closed at a station; `waits` where entries wait with it.
#[must_use]
pub fn choices_here(kind: &str, waits: bool) -> Vec<Resolution> {
    let Some(kind) = CaseKind::of_word(kind) else { return vec![Resolution::Seen] };
    kind.choices(waits).into_iter().filter(|r| !r.only_in_the_office()).collect()
}

/// The ways in which only the office can close a case of this kind; `waits` where entries wait with it.
#[must_use]
pub fn choices_of_office(kind: &str, waits: bool) -> Vec<Resolution> {
    let all = CaseKind::of_word(kind).map(|kind| kind.choices(waits)).unwrap_or_default();
    all.into_iter().filter(|r| r.only_in_the_office()).collect()
}

/// The event a case belongs to, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfEvent {
    pub name: String,
    /// IANA name.
    pub zone: String,
}

impl CaseView {
    /// A case as the server sent it, and how it was closed here where the server has not heard of it yet.
    #[must_use]
    pub fn of(row: CaseRow, event: Option<OfEvent>, closed_here: Option<(UtcMillis, String)>) -> Self {
        let (closed_at, resolution) = match (row.closed_at, closed_here) {
            (None, Some((at, how))) => (Some(at), Some(how)),
            (closed_at, _) => (closed_at, row.resolution),
        };
        let (choices, in_the_office) = match closed_at {
            Some(_) => (Vec::new(), Vec::new()),
            None => (choices_here(&row.kind, row.waits), choices_of_office(&row.kind, row.waits)),
        };
        let (event_name, zone) = match event {
            Some(event) => (Some(event.name), event.zone),
            None => (None, "UTC".to_owned()),
        };
        Self {
            case_id: row.case_id,
            kind: row.kind,
            event_id: row.event_id,
            event_name,
            zone,
            device_id: row.device_id,
            device_name: row.device_name,
            detail: row.detail,
            opened_at: row.opened_at,
            closed_at,
            resolution,
            tried_at: None,
            choices,
            in_the_office,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn row(kind: &str, closed_at: Option<UtcMillis>) -> CaseRow {
        CaseRow {
            case_id: CaseId(Uuid::nil()),
            kind: kind.into(),
            event_id: None,
            device_id: DeviceId(1),
            device_name: "Till 1".into(),
            detail: serde_json::json!({}),
            opened_at: UtcMillis(1),
            closed_at,
            resolution: closed_at.map(|_| "seen".to_owned()),
            waits: true,
            refused: Vec::new(),
            version: 1,
        }
    }

    #[test]
    fn what_the_office_decides_cannot_be_closed_here_and_what_is_not_known_can_be_seen() {
        let case = |kind| CaseView::of(row(kind, None), None, None);
        let choices = |kind| case(kind).choices;
        assert_eq!(choices("overpaid"), [Resolution::RefundByHand, Resolution::Seen]);
        assert_eq!(choices("fork"), [Resolution::Seen]);
        assert_eq!(case("fork").in_the_office, [Resolution::WriteOffLost, Resolution::WriteOffStolen]);
        assert_eq!(choices("station_not_heard"), []);
        assert_eq!(case("station_not_heard").in_the_office, [Resolution::Release]);
        assert_eq!(case("of_a_newer_server").in_the_office, []);
        assert_eq!(choices("of_a_newer_server"), [Resolution::Seen]);
    }

    #[test]
    fn what_was_applied_is_seen_and_what_waits_is_tried_again_or_left_out_as_the_server_has_it() {
        use Resolution::{LeaveOut, Retry, Seen};
        for kind in ["sum_differs", "unknown_lease"] {
            let choices = |waits| CaseView::of(CaseRow { waits, ..row(kind, None) }, None, None).choices;
            assert_eq!((choices(true), choices(false)), (vec![Retry, LeaveOut], vec![Seen]), "{kind}");
        }
        let mut older = serde_json::to_value(row("sum_differs", None)).unwrap();
        older.as_object_mut().unwrap().remove("waits");
        let older: CaseRow = serde_json::from_value(older).unwrap();
        assert!(older.waits && older.refused.is_empty(), "an older server tells neither");
    }

    #[test]
    fn a_case_closed_here_is_closed_before_the_server_hears_of_it() {
        let here = CaseView::of(row("excess", None), None, Some((UtcMillis(5), "seen".into())));
        assert_eq!(
            (here.closed_at, here.resolution.as_deref(), here.choices.len()),
            (Some(UtcMillis(5)), Some("seen"), 0)
        );
        let elsewhere = CaseView::of(row("excess", Some(UtcMillis(3))), None, Some((UtcMillis(5), "seen".into())));
        assert_eq!(elsewhere.closed_at, Some(UtcMillis(3)), "the office was first");
    }
}
