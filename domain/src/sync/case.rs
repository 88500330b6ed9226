//! Cases: what a person must look at and close. Each kind says in the screens' words what happened and what is safe, and
//! has the ways in which it can be closed. Nothing closes by itself without a line that says so.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A kind of case. Its word is what is stored and sent; a word this version does not know is shown as it is and can be
/// closed as seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CaseKind {
    /// More was sold of a quota than it holds: by an override, a write-off that proved wrong, a copied station, a backup.
    Excess,
    /// One ticket entered more often than allowed, at gates that did not know each other.
    DoubleAdmission,
    PriceDiffers,
    SumDiffers,
    /// More money came in for an order than it costs: two payments.
    Overpaid,
    SaleByADoor,
    TicketSoldTwice,
    OrderExists,
    UnknownEvent,
    UnknownProduct,
    UnknownOrder,
    UnknownList,
    UnknownLease,
    /// An entry of a kind this server does not know.
    UnknownKind,
    /// An entry that refers to one that is parked.
    RefersToParked,
    /// One entry number, two entries: a copied station or one put back from a backup.
    Fork,
    /// An entry written after the device was switched off.
    AfterRevocation,
    /// An entry written after its journal was closed for good.
    AfterClosed,
    /// An entry whose signature or hash is not right, or that is no entry of a station known here: kept aside.
    BadEntry,
    /// An entry that is whole and known, and whose rows the database does not take.
    CannotApply,
    /// Entries before this one are missing. What came is applied; the case is closed when they arrive.
    Gap,
    /// A ticket was let in whose till says it never sold it.
    AdmittedNeverSold,
    /// The station doubts that it is itself; its leases and rights are frozen.
    SuspectStation,
    /// The server was put back, and this station has not reported since: what it may hold counts as sold.
    StationNotHeard,
    /// A row a station has and the server, put back to an earlier instant, has no longer.
    LostRow,
    /// A sale came after its units had been written off.
    WriteOffWrong,
    /// What may happen once happened again, or at a station that did not hold the right to it. It is honoured, and counted.
    RightTwice,
    /// Units are on their way between two tills and have not arrived.
    HandOverStuck,
    /// A machine has not confirmed that it erased personal data.
    NotErased,
    /// A time was given by hand without the right to.
    TimeByHand,
    /// A scan was undone without the right to.
    UndoWithoutRight,
    /// Two wristbands were given out for one ticket, or one for two, by gates that did not know each other.
    MediumTwice,
    /// The clock of a station is far off.
    ClockSkew,
}

/// A way to close a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Looked at; nothing more to do.
    Seen,
    /// Apply the parked entry again: what it missed is there now.
    Retry,
    /// Leave the parked entry unapplied for good.
    LeaveOut,
    /// The units of the station are given up as lost.
    WriteOffLost,
    /// The units of the station are given up as stolen.
    WriteOffStolen,
    /// The station is gone: what it may hold counts no longer.
    Release,
    /// Take the row a station offers back in.
    Adopt,
    /// Money will be given back by hand; noted with the order.
    RefundByHand,
}

impl CaseKind {
    /// Every kind, for screens and tests.
    pub const ALL: [Self; 33] = [
        Self::Excess,
        Self::DoubleAdmission,
        Self::PriceDiffers,
        Self::SumDiffers,
        Self::Overpaid,
        Self::SaleByADoor,
        Self::TicketSoldTwice,
        Self::OrderExists,
        Self::UnknownEvent,
        Self::UnknownProduct,
        Self::UnknownOrder,
        Self::UnknownList,
        Self::UnknownLease,
        Self::UnknownKind,
        Self::RefersToParked,
        Self::Fork,
        Self::AfterRevocation,
        Self::AfterClosed,
        Self::BadEntry,
        Self::CannotApply,
        Self::Gap,
        Self::AdmittedNeverSold,
        Self::SuspectStation,
        Self::StationNotHeard,
        Self::LostRow,
        Self::WriteOffWrong,
        Self::RightTwice,
        Self::HandOverStuck,
        Self::NotErased,
        Self::TimeByHand,
        Self::UndoWithoutRight,
        Self::MediumTwice,
        Self::ClockSkew,
    ];

    /// How it can be closed, the most usual first; never empty.
    #[must_use]
    pub fn resolutions(self) -> &'static [Resolution] {
        use Resolution::{Adopt, LeaveOut, RefundByHand, Release, Retry, Seen, WriteOffLost, WriteOffStolen};
        match self {
            Self::Excess
            | Self::DoubleAdmission
            | Self::PriceDiffers
            | Self::AdmittedNeverSold
            | Self::WriteOffWrong
            | Self::RightTwice
            | Self::TimeByHand
            | Self::UndoWithoutRight
            | Self::MediumTwice
            | Self::ClockSkew
            | Self::Gap
            | Self::NotErased => &[Seen],
            Self::Overpaid => &[RefundByHand, Seen],
            // Such a sale waited as a whole where an earlier server took it in.
            Self::TicketSoldTwice => &[RefundByHand, Seen, Retry, LeaveOut],
            Self::SumDiffers
            | Self::SaleByADoor
            | Self::OrderExists
            | Self::UnknownEvent
            | Self::UnknownProduct
            | Self::UnknownOrder
            | Self::UnknownList
            | Self::UnknownLease
            | Self::UnknownKind
            | Self::RefersToParked
            | Self::BadEntry
            | Self::CannotApply
            | Self::AfterRevocation
            | Self::AfterClosed => &[Retry, LeaveOut],
            Self::Fork | Self::SuspectStation | Self::HandOverStuck => &[WriteOffLost, WriteOffStolen, Seen],
            Self::StationNotHeard => &[Release],
            Self::LostRow => &[Adopt, LeaveOut],
        }
    }

    /// How a case of this kind can be closed, the most usual first. Where no entry waits with it there is nothing to try
    /// again or to leave out.
    #[must_use]
    pub fn choices(self, entries_wait: bool) -> Vec<Resolution> {
        let about_entries = |r: &Resolution| matches!(r, Resolution::Retry | Resolution::LeaveOut);
        // Not a row that is offered: it waits on a station, and leaving it out is a decision of its own.
        let keep = entries_wait || self == Self::LostRow;
        let mut choices: Vec<Resolution> =
            self.resolutions().iter().copied().filter(|r| keep || !about_entries(r)).collect();
        if choices.is_empty() {
            choices.push(Resolution::Seen);
        }
        choices
    }

    /// The kind of a stored word; `None` for one of another version.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The word that is stored and sent.
    #[must_use]
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

impl Resolution {
    /// Every way, for screens and tests.
    pub const ALL: [Self; 8] = [
        Self::Seen,
        Self::Retry,
        Self::LeaveOut,
        Self::WriteOffLost,
        Self::WriteOffStolen,
        Self::Release,
        Self::Adopt,
        Self::RefundByHand,
    ];

    /// Whether only the office may do it: it gives units up or takes rows in, for the whole house.
    #[must_use]
    pub fn only_in_the_office(self) -> bool {
        match self {
            Self::WriteOffLost | Self::WriteOffStolen | Self::Release | Self::Adopt => true,
            Self::Seen | Self::Retry | Self::LeaveOut | Self::RefundByHand => false,
        }
    }

    /// Whether it is done on a page of its own, where the worst case is told first, and closes the case from there.
    #[must_use]
    pub fn is_a_write_off(self) -> bool {
        matches!(self, Self::WriteOffLost | Self::WriteOffStolen)
    }

    /// The way of a stored word; `None` for one of another version.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resolution| resolution.word() == word)
    }

    /// The word that is stored and sent.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Retry => "retry",
            Self::LeaveOut => "leave_out",
            Self::WriteOffLost => "write_off_lost",
            Self::WriteOffStolen => "write_off_stolen",
            Self::Release => "release",
            Self::Adopt => "adopt",
            Self::RefundByHand => "refund_by_hand",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_can_be_closed_and_its_word_reads_back() {
        for kind in CaseKind::ALL {
            assert!(!kind.resolutions().is_empty(), "{kind:?} could never be closed");
            assert_eq!(CaseKind::of_word(&kind.word()), Some(kind));
            for wait in [false, true] {
                assert!(!kind.choices(wait).is_empty(), "{kind:?} could not be closed");
            }
        }
        let distinct: std::collections::BTreeSet<_> = CaseKind::ALL.into_iter().collect();
        assert_eq!(distinct.len(), CaseKind::ALL.len());
    }

    #[test]
    fn every_way_to_close_has_the_word_it_is_sent_by() {
        for resolution in Resolution::ALL {
            assert_eq!(serde_json::to_value(resolution).unwrap(), resolution.word());
            assert_eq!(Resolution::of_word(resolution.word()), Some(resolution));
        }
        assert_eq!(Resolution::of_word("forget"), None);
    }

    #[test]
    fn what_waits_can_be_tried_again_and_what_does_not_can_be_seen() {
        use Resolution::{Adopt, LeaveOut, Retry, Seen};
        assert_eq!(CaseKind::SumDiffers.choices(true), [Retry, LeaveOut]);
        assert_eq!(CaseKind::SumDiffers.choices(false), [Seen], "a receipt that was applied");
        assert_eq!(CaseKind::LostRow.choices(false), [Adopt, LeaveOut]);
    }
}
