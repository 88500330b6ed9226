//! The Willcall server: HTTP skin and server engine, shop, back office, API, PostgreSQL, jobs.
//!
//! [`router`] has every route on one screen, [`app::App`] is what a handler is given, [`server::Server`] starts it all.
//! Tables of a tenant are reached through [`app::App::begin`] and nothing else: its [`tx::Tx`] carries the tenant, and
//! row-level security in the database checks it again.

pub mod access;
pub mod app;
pub mod catalog;
pub mod checkin;
pub mod cluster;
pub mod config;
pub mod database;
pub mod demo;
pub mod devices;
pub mod doctor;
pub mod http;
pub mod jobs;
pub mod leases;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod office;
pub mod orders;
pub mod payments;
pub mod router;
pub mod secrets;
pub mod seed;
pub mod server;
pub mod shop;
pub mod sync;
pub mod testing;
pub mod ticketing;
pub mod till;
pub mod tx;
pub mod wake;

pub use app::App;
pub use config::Config;
pub use server::{Running, Server};
pub use tx::Tx;
