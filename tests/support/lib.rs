//! What suites, drills and benchmarks share: faults, load, sinks, processes, and the record of a measurement.
//!
//! Nothing here knows a rule of the business. Everything listens on loopback at a port the system chose, writes to
//! temporary folders, and takes itself away when dropped.

pub mod awaited;
pub mod built;
pub mod crowd;
pub mod disk;
pub mod frames;
pub mod gateway;
pub mod hand;
pub mod keychain;
pub mod light;
pub mod load;
pub mod meddler;
pub mod night;
pub mod picture;
pub mod premises;
pub mod process;
pub mod proxy;
pub mod record;
pub mod screen;
pub mod server;
pub mod smtp_sink;
pub mod tally;
pub mod trouble;
pub mod webdriver;
pub mod webhook_sink;

use std::sync::Once;

/// Chooses the TLS library for this process, once; needed before the first HTTP client is made.
pub fn choose_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of this process has chosen already, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

pub mod fuzz;
pub mod house;
