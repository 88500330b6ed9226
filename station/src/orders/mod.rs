//! Positions this station knows: the tickets of its events, and what it sold itself. Not here: sales (see
//! [`crate::till`]) and whether anybody is let in (see [`crate::checkin`]).

mod fold;
mod store;

pub use fold::{fold, words};
pub use store::{
    by_id, by_name, by_order_code, by_plain, by_seed, count, count_for_list, erase_names, forget_event, forget_names,
    gone, is_news, left_behind, put_own, put_position, unseen, void_own,
};
