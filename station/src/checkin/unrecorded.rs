//! Scans that were decided while the disk took nothing. They count for every later verdict of this run, are shown as not
//! recorded, and become journal entries, in their order and under the time they happened, as soon as there is room. If the
//! program ends before, they are gone, as the screen has said.

use super::store;
use crate::{
    db::Writer,
    error::Fault,
    journal::{self, Pen},
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use willcall_domain::{
    checkin::{
        Class, PastScan, VerdictView,
        merge::Use,
        wire::{Delivery, SawRef},
    },
    id::{DeviceId, EntryId, ListId, PositionId},
    sync::{At, Fact},
};

/// Most scans kept. Beyond that a scan is not answered: forgetting an earlier one could admit its ticket twice.
const MOST: usize = 20_000;
/// Recorded in one transaction.
const TOGETHER: usize = 200;

/// A scan as it will be recorded.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: EntryId,
    pub station: DeviceId,
    pub at: At,
    pub gate: String,
    pub fact: Fact,
    pub private: Option<String>,
    /// What was answered with it.
    pub answers: Option<(Fact, String)>,
    pub saw: Vec<SawRef>,
    /// As it was shown.
    pub view: VerdictView,
}

/// The scans that are in memory only, oldest first.
#[derive(Debug, Default)]
pub struct Unrecorded {
    kept: Mutex<Vec<Kept>>,
}

impl Unrecorded {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept().len()
    }

    /// As they were shown, newest first, `most` of them.
    #[must_use]
    pub fn views(&self, most: usize) -> Vec<VerdictView> {
        self.kept().iter().rev().take(most).map(|scan| scan.view.clone()).collect()
    }

    /// Keeps one more; answers whether there was room for it.
    pub(super) fn keep(&self, scan: Kept) -> bool {
        let mut kept = self.kept();
        if kept.len() < MOST {
            kept.push(scan);
            return true;
        }
        false
    }

    /// Counted uses of a ticket on a list among them. They stand in no journal yet: their number is 0.
    pub(super) fn uses(&self, list: ListId, position: Option<PositionId>, hash: Option<&[u8; 32]>) -> Vec<PastScan> {
        let hash = hash.map(hex::encode);
        self.kept().iter().filter_map(|scan| scan.use_of(list, position, hash.as_deref())).collect()
    }

    /// Makes them journal entries, oldest first, as far as the disk takes them. Answers how many it took. Scans of an
    /// earlier enrolment have no journal any more.
    ///
    /// # Errors
    /// When the disk does not take the next ones, or they cannot be recorded for another reason; they stay.
    pub fn record(&self, writer: &mut Writer<'_>, pen: &Pen) -> Result<usize, Fault> {
        let mut recorded = 0;
        self.drop_foreign(pen.station);
        loop {
            let next: Vec<Kept> = self.kept().iter().take(TOGETHER).cloned().collect();
            if next.is_empty() {
                return Ok(recorded);
            }
            writer.write(|tx| {
                for scan in &next {
                    let pen = Pen { at: scan.at, gate: scan.gate.clone(), ..pen.clone() };
                    let (private, saw) = (scan.private.clone(), scan.saw.clone());
                    let entry = journal::append_as(tx, &pen, scan.id, &scan.fact, private, saw)?;
                    store::remember_verdict(
                        tx,
                        &entry,
                        &VerdictView { delivery: Delivery::Here, ..scan.view.clone() },
                    )?;
                    if let Some((fact, private)) = &scan.answers {
                        journal::append(tx, &pen, fact, Some(private.clone()), Vec::new())?;
                    }
                }
                Ok(())
            })?;
            self.kept().drain(..next.len());
            recorded += next.len();
            tracing::warn!(scans = next.len(), "scans that a full disk had refused were recorded");
        }
    }

    fn drop_foreign(&self, station: DeviceId) {
        let mut kept = self.kept();
        let before = kept.len();
        kept.retain(|scan| scan.station == station);
        if kept.len() < before {
            tracing::error!(scans = before - kept.len(), "scans of an earlier enrolment were never recorded");
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn use_of(&self, list: ListId, position: Option<PositionId>, hash: Option<&str>) -> Option<PastScan> {
        let Fact::Scan { list_id, position_id, payload_hash, direction, class, .. } = &self.fact else { return None };
        let same = position.is_some() && *position_id == position || hash.is_some() && payload_hash.as_deref() == hash;
        let counts = matches!(class, Class::Admitted | Class::Look) && *list_id == list;
        (same && counts).then(|| {
            // It stands in no journal yet: its number is 0.
            let entry = SawRef { station: self.station, incarnation: 0, seq: 0 };
            let scan = Use {
                scan_id: self.view.scan_id,
                entry,
                saw: self.saw.clone(),
                direction: *direction,
                at: self.at.ticket_time(),
                uncertainty_ms: self.at.uncertainty_ms,
                undone: false,
            };
            PastScan { scan, gate: self.gate.clone() }
        })
    }
}
