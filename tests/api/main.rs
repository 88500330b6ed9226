//! The promises at the border, one folder a slice: happy, refused, repeated. Each test has its own database and server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands, and says where")]

mod office;
mod orders;
mod shop;
