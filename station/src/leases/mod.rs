//! Units lent to this station and the codes that came with them: asking, taking in, handing to other tills, giving back. How many and whether
//! enough is decided in [`willcall_domain::leases`].

pub mod accept;
mod file;
pub mod give;
pub mod give_back;
pub mod list;
pub mod request;
pub mod rights;
mod store;
pub mod take;

pub use store::{
    Blank, answered, code_of, drop_until, held, held_leases, holds_unsold, holds_unsold_seed, known, next_blank,
    open_ids, open_request, project_accepted, project_hand_over, project_returned, project_sold, project_undone,
    put_blanks, put_hand_over_word, put_word, remember_request, use_blank,
};

pub use willcall_domain::leases::HeldLease;
