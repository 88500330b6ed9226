//! How mail leaves the house.

use super::{ConfigError, variable};
use std::path::{Path, PathBuf};

/// By SMTP, or into a folder where a person can look at it.
#[derive(Debug, Clone)]
pub struct Mail {
    pub way: Way,
    /// `WILLCALL_MAIL_FROM`: the sender of every mail; the organizer's name is put before it.
    pub from: String,
}

/// Where a mail goes.
#[derive(Debug, Clone)]
pub enum Way {
    /// `WILLCALL_SMTP`: `smtp://user:password@host:port`, `smtps://…`, `smtp://…?tls=required`.
    Smtp(String),
    /// No mail server: one `.eml` file a mail.
    Folder(PathBuf),
}

impl Mail {
    /// # Errors
    /// When a variable is set to something that cannot be used.
    pub fn from_env(data: &Path) -> Result<Self, ConfigError> {
        let from = variable("WILLCALL_MAIL_FROM").unwrap_or_else(|| "tickets@localhost".to_owned());
        from.parse::<lettre::Address>().map_err(|e| ConfigError::of("WILLCALL_MAIL_FROM", e))?;
        let way = variable("WILLCALL_SMTP").map_or_else(|| Way::Folder(data.join("mail")), Way::Smtp);
        Ok(Self { way, from })
    }

    /// Into the folder `mail` under `data`.
    #[must_use]
    pub fn for_testing(data: &Path) -> Self {
        Self { way: Way::Folder(data.join("mail")), from: "tickets@example.org".to_owned() }
    }
}
