//! The till: selling from leases, what its screen shows, the papers of a sale. Prices, units and numbers are decided
//! in the domain; printing itself is the window's business.

pub mod print;
pub mod sell;
mod store;
pub mod view;

pub use sell::own_positions;
pub use store::{drop_until, project_money, project_sale, sold_since};
