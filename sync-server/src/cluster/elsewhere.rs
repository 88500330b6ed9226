//! Systems without unix sockets use a database that exists.

use super::ClusterError;
use crate::config::database::Private;
use sqlx::postgres::PgConnectOptions;
use std::path::Path;

/// Never made here.
#[derive(Debug)]
pub enum Cluster {}

impl Cluster {
    /// # Errors
    /// Always: there are none here.
    pub async fn start(_: &Path, _: &Private) -> Result<Self, ClusterError> {
        Err(ClusterError::Elsewhere)
    }

    #[must_use]
    pub fn is_made(_: &Path) -> bool {
        false
    }

    /// # Errors
    /// Always: there are none here.
    pub fn could_be_made(_: &Path, _: &Private) -> Result<(), ClusterError> {
        Err(ClusterError::Elsewhere)
    }

    /// # Errors
    /// Always: there are none here.
    pub fn attach(_: &Path) -> Result<PgConnectOptions, ClusterError> {
        Err(ClusterError::Elsewhere)
    }

    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        match *self {}
    }

    #[must_use]
    pub fn app(&self) -> PgConnectOptions {
        match *self {}
    }

    pub async fn stop(self) {
        match self {}
    }
}
