//! Units lent to this station and the codes that came with them: asking, taking in, handing out. How many and whether
//! enough is decided in [`willcall_domain::leases`].

pub mod accept;
pub mod give_back;
pub mod request;
mod store;

pub use store::{
    Blank, answered, code_of, drop_until, held, held_leases, holds_unsold, holds_unsold_seed, known, next_blank,
    open_ids, open_request, project_accepted, project_returned, project_sold, put_blanks, put_word, remember_request,
    use_blank,
};

pub use willcall_domain::leases::HeldLease;
