//! How much may be sold with nobody to ask. Owns lease and grant.
//!
//! A unit is in one place: free → leased → sold. For every quota, at every instant:
//! `sold + Σ outstanding ≤ size + excess`, and per lease `outstanding = granted − sold from it`, never below 0.

pub mod grant;
pub mod size;
pub mod take;
pub mod wire;

pub use grant::{GrantError, check_grant, sign_grant};
pub use take::{Held, Spent, Taken, UnitRef, take};
pub use wire::{BlankCodes, BlankRange, Grant, GrantBody};
