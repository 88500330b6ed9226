//! Carrying a journal on foot: a till whose line is dead writes what the server lacks into a file, and any station of the
//! organizer that has a link brings it up; so it does with the mirror of a machine that is dead. Who carries it can read
//! nothing of it, and a second time changes nothing.

use crate::{change_feed::Topic, copies::mirror, devices, journal, station::Station};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};
use willcall_domain::{
    id::DeviceId,
    problem::{Code, Problem},
    sync::mirror::{CarriedAnswer, CarriedJournal, Parts, split},
};

/// Records of one request.
const PIECE: usize = 500;
/// Bytes of one request, below what a server takes.
const PIECE_BYTES: usize = 2 << 20;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportView {
    pub file: PathBuf,
    /// Entries the server had not confirmed, all of which are in it.
    pub entries: u64,
}

/// What became of what was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CarriedView {
    pub files: u64,
    /// By station and incarnation.
    pub journals: Vec<CarriedJournal>,
    /// Records nobody could open.
    pub unreadable: u64,
    /// Files that end in half a record: their station stopped while writing it.
    pub cut_off: u64,
}

impl Station {
    /// Writes what the server has not confirmed into a file that another station can carry to it.
    ///
    /// # Errors
    /// When this station was never in contact, nothing waits, or the file is there already or cannot be written.
    pub async fn export_journal(&self, file: PathBuf) -> Result<ExportView, Problem> {
        let who = self.enrolled()?;
        let device = who.device_id;
        let read = self.db().read(move |tx| {
            let mut entries = Vec::new();
            for incarnation in journal::incarnations_waiting(tx, device)? {
                entries.extend(journal::unacknowledged(tx, device, incarnation, u32::MAX)?);
            }
            Ok((entries, devices::sealing_key(tx, device)?))
        });
        let (entries, to) = read.await?;
        let to = to.ok_or_else(|| {
            let detail =
                "Only the server may read what is written, and this station never heard from it. Sync once first.";
            Problem::new(Code::NeedsLink, detail)
        })?;
        if entries.is_empty() {
            return Err(Problem::new(Code::NotFound, "Nothing is to be carried: the server has every entry."));
        }
        let (key, entropy) = (self.keeper().mirror_key(), self.host().entropy.clone());
        let view = ExportView { file: file.clone(), entries: entries.len() as u64 };
        let write = move || mirror::write_file(&file, &entries, &key, &to, &*entropy);
        tokio::task::spawn_blocking(write).await.map_err(|e| Problem::new(Code::Internal, e.to_string()))??;
        Ok(view)
    }

    /// Brings a file, or every file of a mirror's folder, to the server.
    ///
    /// # Errors
    /// When nothing of the kind is there, the server is not reached or takes none of it; what was brought before stays.
    pub async fn carry_journal(&self, from: PathBuf) -> Result<CarriedView, Problem> {
        let server = self.server(&self.enrolled()?)?;
        let files = files_of(&from)?;
        let mut view = CarriedView { files: files.len() as u64, journals: Vec::new(), unreadable: 0, cut_off: 0 };
        let mut journals: BTreeMap<(DeviceId, u32), CarriedJournal> = BTreeMap::new();
        for file in files {
            let bytes = tokio::fs::read(&file).await.map_err(|error| unreadable(&file, &error))?;
            let parts =
                split(&bytes).map_err(|error| Problem::new(Code::Invalid, format!("{}: {error}.", file.display())))?;
            view.cut_off += u64::from(parts.cut_off > 0);
            for piece in pieces(&parts) {
                let speaking = self.link().speaking().await;
                let CarriedAnswer { journals: taken, unreadable } =
                    self.transport().carry(&server, piece).await.map_err(Problem::from)?;
                drop(speaking);
                view.unreadable += unreadable;
                taken.iter().for_each(|one| add(&mut journals, one));
            }
        }
        view.journals = journals.into_values().collect();
        self.feed().announce(&[Topic::Status]);
        Ok(view)
    }
}

fn add(journals: &mut BTreeMap<(DeviceId, u32), CarriedJournal>, one: &CarriedJournal) {
    let sum = journals.entry((one.station, one.incarnation)).or_insert(CarriedJournal {
        applied: 0,
        with_case: 0,
        parked: 0,
        ..one.clone()
    });
    sum.applied += one.applied;
    sum.with_case += one.with_case;
    sum.parked += one.parked;
}

/// The file itself, or those of the folder.
fn files_of(from: &Path) -> Result<Vec<PathBuf>, Problem> {
    let meta = fs::metadata(from).map_err(|error| unreadable(from, &error))?;
    let files = if meta.is_dir() { mirror::files(from) } else { vec![from.to_owned()] };
    if files.is_empty() {
        return Err(Problem::new(Code::NotFound, format!("In {} is no journal of a station.", from.display())));
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    let code = if error.kind() == ErrorKind::NotFound { Code::NotFound } else { Code::Unavailable };
    Problem::new(code, format!("{} cannot be read: {error}.", path.display()))
}

/// The file in requests of a size that servers take; each begins as the file does.
fn pieces(parts: &Parts<'_>) -> Vec<Vec<u8>> {
    let mut all: Vec<(Vec<u8>, usize)> = Vec::new();
    for record in &parts.records {
        match all.last_mut() {
            Some((bytes, records)) if *records < PIECE && bytes.len() + record.len() <= PIECE_BYTES => {
                bytes.extend_from_slice(record);
                *records += 1;
            }
            Some(_) | None => all.push(([parts.head, record].concat(), 1)),
        }
    }
    all.into_iter().map(|(bytes, _)| bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_goes_up_in_pieces_that_each_stand_for_themselves() {
        let record = |n: u8, length: usize| vec![n; length];
        let records: Vec<Vec<u8>> = (0..1_201_u32)
            .map(|n| record(1, 10 + (n as usize % 3)))
            .chain([record(2, PIECE_BYTES), record(3, 1)])
            .collect();
        let parts = Parts { head: b"head", records: records.iter().map(Vec::as_slice).collect(), cut_off: 0 };
        let pieces = pieces(&parts);
        assert!(pieces.iter().all(|piece| piece.starts_with(b"head")));
        let sizes: Vec<usize> = pieces.iter().map(|piece| piece.len() - 4).collect();
        assert_eq!(sizes.iter().sum::<usize>(), records.iter().map(Vec::len).sum::<usize>());
        assert_eq!(sizes.len(), 5, "500, 500, 201, one that is large, one behind it");
    }
}
