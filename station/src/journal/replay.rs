//! From facts to rows: what of the screen's tables follows from the journal alone. Appending, checking and recovering
//! all go this one way. Not here: names, blanks and gates, which the journal does not hold.

use crate::{checkin, devices, error::Fault, journal, leases, orders, sync::cases, ticketing, till};
use rusqlite::Transaction;
use willcall_domain::sync::{Entry, Fact};

/// Writes the rows that follow from this entry.
///
/// # Errors
/// When a row contradicts one that is there.
pub fn project(tx: &Transaction<'_>, entry: &Entry, fact: &Fact, gate: &str) -> Result<(), Fault> {
    match fact {
        Fact::Opened { .. } | Fact::OperatorIn { .. } | Fact::OperatorOut { .. } => Ok(()),
        Fact::Badge { .. } => ticketing::project_badge(tx, entry, fact),
        Fact::LeaseAccepted { .. } => leases::project_accepted(tx, entry, fact),
        Fact::Sale { lines, .. } => {
            till::project_sale(tx, entry, fact)?;
            leases::project_sold(tx, lines.iter().flat_map(|line| line.units.iter().copied()))?;
            leases::rights::project(tx, entry, fact)?;
            for line in lines.iter().filter(|line| line.blank.is_some()) {
                leases::use_blank(tx, line.position_id)?;
            }
            Ok(())
        }
        Fact::Payment { .. } | Fact::Receipt { .. } | Fact::Print { .. } | Fact::Refund { .. } => {
            leases::rights::project(tx, entry, fact)?;
            till::project_money(tx, entry, fact)
        }
        Fact::KeyChanged { .. } => devices::project_key_changed(tx, entry),
        Fact::Checkpoint { .. } => journal::project_checkpoint(tx, entry, fact),
        Fact::CaseClosed { case_id, resolution } => cases::project_closed(tx, entry, *case_id, resolution),
        Fact::Scan { .. } => checkin::project_scan(tx, entry, fact, gate),
        Fact::ScanUndone { .. } => checkin::project_undone(tx, entry, fact),
        Fact::Answers { .. } => checkin::project_answers(tx, entry, fact),
        Fact::Exchanged { .. } => checkin::project_exchanged(tx, entry, fact),
        Fact::LeaseReturned { .. } => leases::project_returned(tx, fact),
        Fact::HandOverGiven { .. } | Fact::HandOverTaken { .. } | Fact::HandOverDeclined { .. } => {
            leases::project_hand_over(tx, entry, fact)
        }
        Fact::Void { positions, back, freed, .. } => {
            till::project_void(tx, entry, fact)?;
            leases::rights::project(tx, entry, fact)?;
            leases::project_undone(tx, back, freed)?;
            orders::void_own(tx, positions)
        }
        Fact::RightTaken { .. } | Fact::RightReleased { .. } => leases::rights::project(tx, entry, fact),
        Fact::Closed { .. } => Ok(()),
    }
}
