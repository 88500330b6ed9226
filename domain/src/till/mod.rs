//! What the money box must hold, and every receipt number. Owns receipt; not what was sold (see [`crate::orders`]).

pub mod void;
pub mod wire;
