//! What may be sold, when, how many, for how much. Owns event, date, item, variation, quota; not who bought (see [`crate::orders`]).

pub mod article;
pub mod choose;
pub mod draft;
pub mod voucher;
pub mod wire;
pub use article::Article;
pub use voucher::VoucherEffect;
pub use wire::{DateRow, EventRow, ItemRow, QuotaRow, VariationRow};
