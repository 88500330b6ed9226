//! What may be sold, when, how many, for how much. Owns event, item, quota; not who bought (see [`crate::orders`]).

pub mod draft;
pub mod voucher;
pub mod wire;
pub use voucher::VoucherEffect;
pub use wire::{EventRow, ItemRow, QuotaRow};
