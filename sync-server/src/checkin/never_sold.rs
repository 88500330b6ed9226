//! Tickets that a gate admitted on the strength of a till's blank, though the till's journal, complete by now, shows no
//! sale of it: somebody printed and did not book. One case for each ticket, once.

use super::store;
use crate::{
    app::Tx,
    http::{Failure, caller::DeviceCaller},
    leases,
    sync::cases::{self, NewCase},
};
use serde_json::json;
use willcall_domain::{clock::UtcMillis, sync::CaseKind};

/// A sale and its ticket's way to the gate take longer than clocks that were compared are apart.
const MARGIN_MS: i64 = 60_000;

/// Looks through what was admitted of a till's blanks; its journal is here up to now.
///
/// # Errors
/// When the database is away.
pub async fn never_sold(tx: &mut Tx, till: &DeviceCaller) -> Result<(), Failure> {
    let blanks = leases::blanks_of(tx, till.device).await?;
    let ranges: Vec<_> = blanks.iter().map(|(_, first, last)| (*first, *last)).collect();
    let before = UtcMillis(tx.now().0 - MARGIN_MS);
    for scan in store::admitted_without_sale(tx, till.device, &ranges, before).await? {
        let position = scan.position_id;
        let of = blanks.iter().find(|(_, first, last)| (*first..=*last).contains(&position));
        let Some((lease, ..)) = of else { continue };
        // What was handed on, or given back, another may have sold.
        if !leases::is_left(tx, *lease, position).await? {
            continue;
        }
        let about = position.to_string();
        // What a person has looked at is not opened again.
        if !cases::standing(tx, CaseKind::AdmittedNeverSold, std::slice::from_ref(&about)).await?.is_empty() {
            continue;
        }
        let detail = json!({
            "position_id": scan.position_id, "scan_id": scan.scan_id, "list_id": scan.list_id, "gate": scan.gate,
            "at": scan.at,
        });
        let (device, event) = (till.device, Some(scan.event_id));
        let case = NewCase { device, event, kind: CaseKind::AdmittedNeverSold, detail };
        cases::open_once(tx, &about, &case).await?;
    }
    Ok(())
}
