//! How much may be sold with nobody to ask. Owns lease, grant, hand-over.
//!
//! A unit is in one place: free → leased → sold, returned, given to another station, or written off. The server's account
//! and the promise it keeps are in [`ledger`], the station's in [`holding`].

pub mod grant;
pub mod holding;
pub mod ledger;
pub mod size;
pub mod take;
pub mod units;
pub mod wire;

pub use grant::{GrantError, check_grant, prove_grant, sign_grant};
pub use holding::{GiveBack, HandOut, HeldLease};
pub use ledger::Ledger;
pub use take::{Held, Spent, Taken, UnitRef, take};
pub use units::{UnitRange, Units};
pub use wire::{
    BlankCodes, BlankRange, Grant, GrantBody, HandOverRow, LeaseRow, LeaseState, RightBody, RightGrant, RightRequest,
    RightRow, RightSubject,
};
