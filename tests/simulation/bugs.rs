//! Mistakes that are planted one at a time, each changing a single decision of the simulated world, with the promise that
//! breaks by it. A simulator that does not find them for that reason finds nothing.

use super::promises::Promise;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident breaks $promise:ident),+ $(,)?) => {
        /// Which mistake this world makes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $($(#[doc = $doc])+ $name),+
        }

        impl Bug {
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What must break by it.
            pub fn breaks(self) -> Promise {
                match self {
                    $(Self::$name => Promise::$promise),+
                }
            }
        }
    };
}

bugs! {
    /// A till asks the server before each sale.
    SaleAsksServer breaks S1,
    /// What a full disk refused is shown as done.
    NotWritten breaks S2,
    /// The server frees the units of a station it has not heard of for a while.
    ExpiringLease breaks S3,
    /// A till that is cut off sells without a lease, and the upload is forced.
    ForceUpload breaks S3,
    /// A station put back from a backup goes on in the same incarnation.
    RestoreWithoutIncarnation breaks S4,
    /// A grant that is offered again is taken in again, as another lease.
    GrantAppliedTwice breaks S3,
    /// The giver of a hand-over keeps the units.
    HandOverDoubles breaks S3,
    /// The receiver of a hand-over takes none, and says it took them.
    HandOverLoses breaks Units,
    /// An entry whose number is known counts as sent again, whatever it says.
    CopiedStation breaks S5,
    /// The server is put back and keeps its history.
    ServerPutBack breaks S5,
    /// A smaller quota counts at once, whatever stations hold.
    QuotaCutUnderLeases breaks S3,
    /// A right that somebody holds is granted to who asks next.
    RightGrantedToTwo breaks Rights,
    /// A web order is changed in the shop while a till holds its right.
    OrderChangedUnderRight breaks Rights,
    /// An entry that is sent again is applied again.
    SentAgainAppliedAgain breaks S4,
    /// The server checks every entry with the first key of its device.
    KeyNotFollowed breaks S5,
    /// The server takes no offers of rows it has lost.
    OffersIgnored breaks S5,
    /// A station forgets its own scans once the server has them.
    ForgetsOwnScans breaks S6,
    /// Of two entries that did not know each other the later by the clocks counts as having known the other.
    ClockDecides breaks S7,
    /// A station lets an older row overwrite a tombstone.
    LostDeletion breaks S8,
    /// A station that lets go of an event lets go of the scans it wrote itself.
    ScopeTakesOwnFacts breaks S8,
    /// The age of the data is counted by the clock on the wall.
    AgeByWallClock breaks S9,
    /// Changes are numbered when they are written, not when they are committed.
    CursorThatSkips breaks Replicas,
    /// A station that is moved to another event only follows the feed.
    MovedWithoutSnapshot breaks Replicas,
    /// A till that is moved to another event keeps the units of the first.
    MovedWithUnits breaks Units,
    /// A ticket of one evening takes a unit of the other.
    WrongEvening breaks Units,
    /// The money of a sale that is undone is counted as kept.
    RefundForgotten breaks Money,
}
