//! A station on real SQLite: what it promises in process, and through its command line.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails; the lint only knows functions marked as tests"
)]

#[cfg(unix)]
mod cli;
mod copies;
mod door;
mod hand_over;
mod let_go;
mod lives;
mod promises;
mod rights;
mod single_use;
mod support;
mod undo;
