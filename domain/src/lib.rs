//! The rules of Willcall: pure types and decisions, shared by device and server.
//!
//! Nothing here reads a clock, a disk, a socket or a random generator by itself: time and randomness come in as
//! [`clock::Clock`] and [`entropy::Entropy`], whose one system implementation each stands beside its trait.
//!
//! Slices, in the order in which they may know each other: [`access`], [`devices`], [`catalog`] → [`ticketing`], [`leases`] →
//! [`orders`] → [`payments`] → [`till`]; [`checkin`] uses ticketing and catalog; [`sync`] uses the wire types of all
//! and is used by none. [`paper`] draws what tickets and receipts look like.
//!
//! Invariants kept here: money is whole minor units of one currency; a ticket code has exactly one spelling; use is
//! keyed by position (or by the hash of the signed payload), never by text; a station sells only units it was lent.

pub mod access;
pub mod catalog;
pub mod checkin;
pub mod clock;
pub mod devices;
pub mod entropy;
pub mod id;
pub mod leases;
pub mod money;
pub mod orders;
pub mod paper;
pub mod payments;
pub mod problem;
pub mod sync;
pub mod ticketing;
pub mod till;
