//! What a station may still write by the room on its disk: sales end first, while there is room for every scan of a long
//! evening; then downloads; scans go on to the last byte. Not here: measuring and making room.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Bytes of the ballast: a file beside the database that is thrown off when the disk is full, so that scans go on.
pub const BALLAST_BYTES: u64 = 64 << 20;
/// Bytes that must be free beyond the ballast for a sale to begin: more than the largest one needs.
pub const SALE_BYTES: u64 = 16 << 20;
/// Bytes that are left to scans alone once the ballast is gone.
pub const SCAN_BYTES: u64 = 32 << 20;

/// The disk of the data folder, as it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskReading {
    /// Bytes this program may still take; `None` where the system does not say.
    pub free_bytes: Option<u64>,
    /// Bytes of the ballast; 0 while it is thrown off or was never taken on.
    pub ballast_bytes: u64,
    /// The disk has refused to take something since it was last seen to take anything.
    pub refused: bool,
    /// Scans that were decided and that the disk did not take.
    pub not_recorded: u64,
}

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// For everything.
    Enough,
    /// Scans are recorded; sales are refused before money is taken.
    ScansOnly,
    /// Nothing is recorded: scans are decided from memory and shown as not recorded.
    Nothing,
}

impl DiskReading {
    /// What there is room for.
    #[must_use]
    pub fn room(&self) -> Room {
        if self.not_recorded > 0 {
            return Room::Nothing;
        }
        if self.refused || self.short_of_a_sale_by() > 0 { Room::ScansOnly } else { Room::Enough }
    }

    /// Bytes to be freed until sales may go on; 0 when they may, as far as the system says.
    #[must_use]
    pub fn short_of_a_sale_by(&self) -> u64 {
        let wanted = (BALLAST_BYTES + SALE_BYTES).saturating_sub(self.ballast_bytes);
        self.free_bytes.map_or(0, |free| wanted.saturating_sub(free))
    }

    /// Whether what is downloaded may be stored: not from the room that is left to scans.
    #[must_use]
    pub fn takes_downloads(&self) -> bool {
        self.ballast_bytes > 0 || self.free_bytes.is_none_or(|free| free >= SCAN_BYTES)
    }

    /// Whether the ballast is to be taken on: only where it leaves room for sales, and a little more, so that it is not
    /// thrown off again at once.
    #[must_use]
    pub fn takes_ballast(&self) -> bool {
        self.ballast_bytes == 0 && self.free_bytes.is_none_or(|free| free >= BALLAST_BYTES + 2 * SALE_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn reading(free_mb: u64, ballast: bool) -> DiskReading {
        let ballast_bytes = if ballast { BALLAST_BYTES } else { 0 };
        DiskReading { free_bytes: Some(free_mb * MB), ballast_bytes, ..DiskReading::default() }
    }

    #[test]
    fn sales_end_first_then_downloads_and_scans_never() {
        let cases = [
            // free MB, ballast, room, downloads, takes ballast, short of a sale by MB
            (1000, true, Room::Enough, true, false, 0),
            (16, true, Room::Enough, true, false, 0),
            (15, true, Room::ScansOnly, true, false, 1),
            (0, true, Room::ScansOnly, true, false, 16),
            (1000, false, Room::Enough, true, true, 0),
            (96, false, Room::Enough, true, true, 0),
            (95, false, Room::Enough, true, false, 0),
            (79, false, Room::ScansOnly, true, false, 1),
            (32, false, Room::ScansOnly, true, false, 48),
            (31, false, Room::ScansOnly, false, false, 49),
            (0, false, Room::ScansOnly, false, false, 80),
        ];
        for (free, ballast, room, downloads, takes, short) in cases {
            let disk = reading(free, ballast);
            let said = (disk.room(), disk.takes_downloads(), disk.takes_ballast(), disk.short_of_a_sale_by() / MB);
            assert_eq!(said, (room, downloads, takes, short), "{free} MB free, ballast {ballast}");
        }
    }

    #[test]
    fn a_disk_that_refused_or_holds_less_than_it_says_sells_nothing() {
        let refused = DiskReading { refused: true, ..reading(1000, true) };
        assert_eq!(refused.room(), Room::ScansOnly);
        let lost = DiskReading { not_recorded: 1, ..reading(1000, true) };
        assert_eq!(lost.room(), Room::Nothing);
    }

    #[test]
    fn where_the_system_does_not_say_everything_is_tried() {
        let unknown = DiskReading::default();
        assert_eq!((unknown.room(), unknown.takes_downloads(), unknown.takes_ballast()), (Room::Enough, true, true));
    }
}
