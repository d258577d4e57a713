//! The store, for a verb that reads or changes it: beside a running server, or without one.

use std::sync::Arc;

use super::exit::Error;
use crate::config::Config;
use crate::mailbox_id::MailboxId;
use crate::server::mailbox_name::{self, NameError};
use crate::server::open_store::{self, OpenStore};
use crate::store::Store;

/// Opens it, and creates it if it is missing.
pub(super) fn open(config: &Config) -> Result<OpenStore, Error> {
    let opened = open_store::open_or_create(config).map_err(Error::failed)?;
    opened.ok_or_else(|| {
        Error::failed("data.store is \"off\": there are no lists, settings and history")
    })
}

/// Opens it if there is one; none is created.
pub(super) fn open_existing(config: &Config) -> Result<Option<Arc<dyn Store>>, Error> {
    let opened = open_store::open_existing(config).map_err(Error::failed)?;
    Ok(opened.map(|it| it.store()))
}

/// The mailbox that a person names.
pub(super) fn mailbox(config: &Config, store: &dyn Store, name: &str) -> Result<MailboxId, Error> {
    let known = store.mailboxes().map_err(Error::failed)?;
    let known: Vec<_> = known.into_iter().map(|it| it.mailbox).collect();
    mailbox_name::find(config, &known, name).map_err(|error| match error {
        NameError::Unknown(_) => Error::NotFound(error.to_string()),
        NameError::NoName(_) | NameError::Ambiguous(..) => Error::Usage(error.to_string()),
    })
}
