//! May this person enter, and why not. Owns check-in list, scan, verdict; reads tickets and catalogue, stores nothing.

pub mod board;
pub mod list;
pub mod medium;
pub mod merge;
pub mod question;
pub mod rule;
pub mod scan;
pub mod simulate;
pub mod wire;

pub use scan::{Around, Candidate, Named, PastScan, ScanInput, Subject, Verdict, decide};
pub use wire::{Class, Direction, ListRow, Mark, Reason, ScanRow, VerdictView};
