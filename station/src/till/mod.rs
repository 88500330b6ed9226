//! The till: selling from leases, undoing what was sold, what its screen shows, the papers of a sale. Prices, units and numbers are decided
//! in the domain; printing itself is the window's business.

pub mod counter;
pub mod print;
pub mod sell;
mod store;
pub mod view;
pub mod void;
mod vouchers;

pub use counter::counter_order;
pub use sell::own_positions;
pub use store::{drop_until, is_own, project_money, project_sale, project_void, sold_since};
