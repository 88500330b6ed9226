//! The server's own promises, on a real PostgreSQL: what holds whatever is sold.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers too")]

mod database;
mod http;
mod jobs;
#[cfg(target_os = "linux")]
mod killed;
mod mail;
mod organizers;
#[cfg(unix)]
mod start;
mod support;
mod tenancy;
