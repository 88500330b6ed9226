//! How much may be sold with nobody to ask. Owns lease, grant, hand-over.
//!
//! A unit is in one place: free → leased → sold, returned, given to another station, or written off. The server's account
//! and the promise it keeps are in [`ledger`], the station's in [`holding`]; how units travel from till to till is in [`passing`].

pub mod grant;
pub mod holding;
pub mod ledger;
pub mod passing;
pub mod right_view;
pub mod rights;
pub mod size;
pub mod take;
pub mod units;
pub mod view;
pub mod wire;

pub use grant::{GrantError, check_grant, check_right, prove_grant, sign_grant, sign_right};
pub use holding::{GiveBack, HandOut, HeldLease};
pub use ledger::Ledger;
pub use rights::{Guarded, HeldRight, RightAccount, RightState};
pub use take::{Held, Spent, Taken, UnitRef, take};
pub use units::{UnitRange, Units};
pub use wire::{
    BlankCodes, BlankRange, CounterLine, Grant, GrantBody, HandOverRow, LeaseRow, LeaseState, OrderTerms, RightBody,
    RightGrant, RightKind, RightRequest, RightRow, RightSubject, VoucherTerms,
};
