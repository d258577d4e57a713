//! Opens the store that a configuration names: the one place that knows which databases there are.
//!
//! In: a configuration; out: an open store, nothing if there is none, or an error that says what to do.

use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, PostgresAddress, StoreEncryption, StoreKind};
use crate::platform::host_name::host_name;
use crate::store::postgres::{Postgres, Target};
use crate::store::quarantine::HeldMessages;
use crate::store::sqlite::{self, Sqlite};
use crate::store::{ReopenedStore, SharedLessons, Store, StoreError};
use crate::upstream::client_config;

/// An open store.
#[derive(Debug, Clone)]
pub enum OpenStore {
    /// A file in the data directory.
    Sqlite(Arc<ReopenedStore>),
    /// A database that several nodes share.
    Postgres(Arc<Postgres>),
}

impl OpenStore {
    /// What both are.
    pub fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::<ReopenedStore>::clone(store),
            Self::Postgres(store) => Arc::<Postgres>::clone(store),
        }
    }

    /// The lessons that nodes share in it, if they do.
    pub fn lessons(&self) -> Option<SharedLessons> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(_) => Some(SharedLessons::new(self.store(), &host_name())),
        }
    }

    /// Tries to open it at once, if it is not open; returns why it cannot be.
    pub fn open_now(&self) -> Option<StoreError> {
        match self {
            Self::Sqlite(store) => store.open_now(),
            Self::Postgres(store) => store.prepare().err(),
        }
    }

    /// Where the messages in quarantine are, if this is the store of a data directory.
    pub fn held_messages(&self, data_dir: &Path) -> HeldMessages {
        match self {
            Self::Sqlite(_) => HeldMessages::Maildir(data_dir.to_owned()),
            Self::Postgres(_) => HeldMessages::Store(self.store()),
        }
    }
}

/// Whether several nodes share the store.
pub fn is_shared(config: &Config) -> bool {
    matches!(config.store.kind, StoreKind::Postgres(_))
}

/// The store of a server, created if it is missing; `None` if there is to be none. Whether it is open,
/// [`OpenStore::open_now`] says; if not, it is tried again when it is needed.
///
/// # Errors
/// Why it cannot be tried.
pub fn open_for_serving(config: &Config) -> Result<Option<OpenStore>, StoreError> {
    match &config.store.kind {
        _ if config.data_dir.as_os_str().is_empty() => Ok(None),
        StoreKind::Off => Ok(None),
        StoreKind::Sqlite => {
            let data_dir = config.data_dir.clone();
            let store = ReopenedStore::new(Box::new(move || open_sqlite(&data_dir)));
            Ok(Some(OpenStore::Sqlite(Arc::new(store))))
        }
        StoreKind::Postgres(address) => {
            let store = Postgres::new(&target(address)?)?;
            Ok(Some(OpenStore::Postgres(Arc::new(store))))
        }
    }
}

/// Opens the database of a data directory, or what can be read of one that is damaged.
fn open_sqlite(data_dir: &Path) -> Result<Arc<dyn Store>, StoreError> {
    let (store, salvaged) = Sqlite::open_or_salvage(data_dir)?;
    if let Some(salvaged) = salvaged {
        tracing::error!("{salvaged}");
    }
    Ok(Arc::new(store))
}

/// Opens the store for a command beside a server, or without one; `None` if there is none: it is not created.
///
/// # Errors
/// Why it cannot be used.
pub fn open_existing(config: &Config) -> Result<Option<OpenStore>, StoreError> {
    match &config.store.kind {
        StoreKind::Sqlite if !config.data_dir.join(sqlite::FILE).exists() => Ok(None),
        StoreKind::Postgres(address) => {
            let store = Postgres::new(&target(address)?)?;
            store.expect_tables()?;
            Ok(Some(OpenStore::Postgres(Arc::new(store))))
        }
        StoreKind::Sqlite | StoreKind::Off => open_or_create(config),
    }
}

/// Opens the store for a command that writes to it; `None` if there is to be none.
///
/// # Errors
/// Why it cannot be used.
pub fn open_or_create(config: &Config) -> Result<Option<OpenStore>, StoreError> {
    let opened = match &config.store.kind {
        StoreKind::Off => return Ok(None),
        StoreKind::Sqlite => {
            let data_dir = config.data_dir.clone();
            let open: Open = Box::new(move || Ok(Arc::new(Sqlite::open_unchecked(&data_dir)?)));
            OpenStore::Sqlite(Arc::new(ReopenedStore::new(open)))
        }
        StoreKind::Postgres(address) => {
            let store = Postgres::new(&target(address)?)?;
            OpenStore::Postgres(Arc::new(store))
        }
    };
    match opened.open_now() {
        Some(error) => Err(error),
        None => Ok(Some(opened)),
    }
}

/// Opens the database of a data directory.
type Open = Box<dyn Fn() -> Result<Arc<dyn Store>, StoreError> + Send + Sync>;

/// How the database is reached.
pub(super) fn target(address: &PostgresAddress) -> Result<Target, StoreError> {
    let unusable = |why: String| StoreError::unreachable(format!("{}: {why}", address.name));
    let tls = match &address.encryption {
        StoreEncryption::Off => None,
        StoreEncryption::Verified { ca_file } => {
            let tls = client_config(ca_file.as_deref(), &[]);
            Some(tls.map_err(|error| unusable(error.to_string()))?)
        }
    };
    let password = address.password.as_ref().map(|it| it.reveal());
    Target::new(&address.url, password, tls, &address.name).map_err(|why| unusable(why.to_string()))
}
