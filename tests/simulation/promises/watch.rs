//! S8 as it is watched: what a station knew before and after each download.

use super::Promise;
use crate::{rows::Key, station::Station};
use std::collections::{BTreeMap, BTreeSet};
use willcall_domain::id::{DeviceId, ScanId};

/// How often all disks are looked at for what was confirmed.
const EVERY: usize = 40;

/// What is remembered between steps.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    rows: BTreeMap<usize, BTreeMap<Key, (usize, i64)>>,
    own: (usize, Vec<ScanId>),
    look: BTreeSet<usize>,
}

impl Watch {
    /// A machine has another disk: what it knew is no longer what it must know.
    pub fn forget(&mut self, slot: usize) {
        self.rows.remove(&slot);
    }

    /// A machine was started.
    pub fn must_look(&mut self, slot: usize) {
        self.look.insert(slot);
    }

    /// The machine whose confirmed facts are due to be looked for; `Some(None)` is all of them.
    #[expect(clippy::option_option, reason = "nobody, one, or all")]
    pub fn looked_at(&mut self, step: usize) -> Option<Option<usize>> {
        if step.is_multiple_of(EVERY) { Some(None) } else { self.look.pop_first().map(Some) }
    }

    /// Before a download is merged.
    pub fn before(&mut self, _slot: usize, station: &Station) {
        self.own = (station.disk.journal.len(), own_scans(station));
    }

    /// After it; what does not hold.
    pub fn after(&mut self, slot: usize, station: &Station) -> Option<(Promise, String)> {
        if station.disk.journal.len() < self.own.0 {
            return Some((Promise::S8, format!("machine {slot} lost entries by a download")));
        }
        let now = own_scans(station);
        if self.own.1.iter().any(|scan| now.binary_search(scan).is_err()) {
            return Some((Promise::S8, format!("machine {slot} lost scans of its own by a download")));
        }
        let known = self.rows.entry(slot).or_default();
        known.retain(|key, _| station.disk.rows.contains_key(key));
        for (key, kept) in &station.disk.rows {
            let before = known.insert(*key, kept.at);
            if before.is_some_and(|before| before > kept.at) {
                let what = format!("machine {slot} had {key:?} as of {before:?} and now has it as of {:?}", kept.at);
                return Some((Promise::S8, what));
            }
        }
        None
    }
}

fn own_scans(station: &Station) -> Vec<ScanId> {
    let own: BTreeSet<DeviceId> = station.disk.journal.keys().map(|(device, _, _)| *device).collect();
    station.disk.uses.values().filter(|s| own.contains(&s.of.entry.station)).map(|s| s.of.scan_id).collect()
}
