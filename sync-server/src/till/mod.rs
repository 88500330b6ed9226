//! Sales of tills, as their journals bring them. What a receipt says is the sale: it is never recomputed, and what does
//! not fit what the server knows becomes a case.

mod counter;
mod record;
mod store;
mod undo;
mod vouchers;

pub use record::{record_payment, record_receipt, record_sale};
pub use undo::{record_refund, record_void};
