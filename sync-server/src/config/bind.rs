//! Where the server listens, how it is reached from outside, and what it lets through.

use super::{ConfigError, number, switch, variable};
use std::net::SocketAddr;
use url::Url;

/// Listening and what stands in front of it.
#[derive(Debug, Clone)]
pub struct Bind {
    /// `WILLCALL_BIND`, by default `127.0.0.1:8750`; port 0 takes any free one.
    pub address: SocketAddr,
    /// `WILLCALL_PUBLIC_URL`: how browsers and stations reach this server. Unset: the address it listens on.
    pub public_url: Option<Url>,
    /// `WILLCALL_TRUST_PROXY`: whether the last address in `X-Forwarded-For` is believed.
    pub trust_proxy: bool,
    /// `WILLCALL_RATE_LIMITS`: limits per client; off only where something in front limits.
    pub rate_limits: bool,
    /// `WILLCALL_MAX_BODY`: bytes of a request, after unpacking. By default 4 MiB.
    pub max_body: usize,
    /// `WILLCALL_TIMEOUT_MS`: milliseconds after which a request is given up; more than a station waits for changes.
    pub timeout_ms: u64,
}

impl Bind {
    /// # Errors
    /// When a variable is set to something that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        let address = match variable("WILLCALL_BIND") {
            None => SocketAddr::from(([127, 0, 0, 1], 8750)),
            Some(text) => text.trim().parse().map_err(|_| {
                ConfigError::of("WILLCALL_BIND", format!("{text:?} is no address and port like 127.0.0.1:8750"))
            })?,
        };
        let public_url = variable("WILLCALL_PUBLIC_URL")
            .map(|text| match Url::parse(text.trim()) {
                Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
                Ok(_) => Err(ConfigError::of("WILLCALL_PUBLIC_URL", "it must begin with http:// or https://")),
                Err(e) => Err(ConfigError::of("WILLCALL_PUBLIC_URL", e)),
            })
            .transpose()?;
        Ok(Self {
            address,
            public_url,
            trust_proxy: switch("WILLCALL_TRUST_PROXY", false)?,
            rate_limits: switch("WILLCALL_RATE_LIMITS", true)?,
            max_body: number("WILLCALL_MAX_BODY", 4 << 20)?,
            timeout_ms: number("WILLCALL_TIMEOUT_MS", 30_000)?,
        })
    }

    /// Any free loopback port, no rate limits.
    #[must_use]
    pub fn for_testing() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            trust_proxy: false,
            rate_limits: false,
            max_body: 4 << 20,
            timeout_ms: 30_000,
        }
    }
}
