//! Mistakes that are planted one at a time, each changing a single decision of the simulated world. A simulator that does
//! not find them finds nothing.

/// Which mistake this world makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bug {
    /// The server frees the units of a station it has not heard of for a while.
    ExpiringLease,
    /// Changes are numbered when they are written, not when they are committed.
    CursorThatSkips,
    /// A till that is cut off sells without a lease, and the upload is forced.
    ForceUpload,
    /// A station lets an older row overwrite a tombstone.
    LostDeletion,
    /// A station put back from a backup goes on in the same incarnation.
    RestoreWithoutIncarnation,
    /// A grant that is offered again is taken in again, as another lease.
    GrantAppliedTwice,
    /// The giver of a hand-over keeps the units.
    HandOverDoubles,
    /// The receiver of a hand-over takes none, and says it took them.
    HandOverLoses,
    /// Nobody looks whether a station is a copy, and an entry whose number is known counts as sent again.
    CopiedStation,
    /// The server is put back and keeps its history.
    ServerPutBack,
    /// A smaller quota counts at once, whatever stations hold.
    QuotaCutUnderLeases,
    /// A right that somebody holds is granted to who asks next.
    RightGrantedToTwo,
}

impl Bug {
    pub const ALL: [Self; 12] = [
        Self::ExpiringLease,
        Self::CursorThatSkips,
        Self::ForceUpload,
        Self::LostDeletion,
        Self::RestoreWithoutIncarnation,
        Self::GrantAppliedTwice,
        Self::HandOverDoubles,
        Self::HandOverLoses,
        Self::CopiedStation,
        Self::ServerPutBack,
        Self::QuotaCutUnderLeases,
        Self::RightGrantedToTwo,
    ];
}
