//! Rights of this station: what may happen once, and only here now. A voucher is spent and a web order paid or refunded
//! by its right alone, whether there is a link or not; what is not here is asked of the server. The rule stands in
//! [`willcall_domain::leases::rights`].

pub mod ask;
pub mod give_back;
pub mod list;
mod store;

pub use store::{
    Act, Acted, TakenRight, acts, by_entry, drop_until, held, held_of_order, open_ids, project, put_voucher, put_word,
    voucher_word,
};
