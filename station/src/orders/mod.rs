//! Positions this station knows: the tickets of its events, and what it sold itself. Not here: sales (see
//! [`crate::till`]) and whether anybody is let in (see [`crate::checkin`]).

mod fold;
mod store;

pub use fold::{fold, words};
pub use store::{
    addons_of, by_id, by_name, by_order_code, by_plain, by_seed, count, count_for_list, erase_names, events_here,
    forget_some, forget_some_names, gone, has_names, is_news, left_behind, of_event, put_own, put_position, unseen,
    void_own,
};
