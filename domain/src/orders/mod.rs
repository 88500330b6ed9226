//! Place, change, cancel, expire; every total. Owns order, position, tax; not the money that moves
//! (see [`crate::payments`]).

pub mod buyer;
pub mod code;
pub mod order;
pub mod place;
pub mod totals;
pub mod wire;

pub use order::{Order, OrderError, OrderStatus};
pub use place::{Cart, NewOrder, NewPosition, Place, place};
pub use totals::{TaxLine, Totals, totals};
pub use wire::{PositionRow, SoldAt};
