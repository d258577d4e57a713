//! Which database, and how it is reached.

use std::sync::Arc;

use tokio_postgres::{Config, Error};
use tokio_rustls::rustls::ClientConfig;

/// See the module.
#[derive(Debug, Clone)]
pub struct Target {
    /// Hosts, ports, user, password and database.
    pub(super) config: Config,
    /// How the server is verified; `None` = the connection is not encrypted.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// The database in messages.
    pub(super) name: String,
}

impl Target {
    /// A database by its URL, which has no password and says nothing of TLS.
    ///
    /// # Errors
    /// If it is no URL of a database.
    pub fn new(
        url: &str,
        password: Option<&str>,
        tls: Option<Arc<ClientConfig>>,
        name: &str,
    ) -> Result<Self, Error> {
        let mut config: Config = url.parse()?;
        if let Some(password) = password {
            config.password(password);
        }
        Ok(Self {
            config,
            tls,
            name: name.to_owned(),
        })
    }
}
