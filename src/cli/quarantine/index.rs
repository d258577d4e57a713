//! The messages in quarantine and their index, for a verb of the command line: beside a running server, or without one.
//!
//! With SQLite the Maildir is what counts: where there is no store, or it cannot be used, messages are listed, released and
//! deleted all the same; a server that runs later brings the index up to date. With PostgreSQL both are in the database.

use std::sync::Arc;

use super::super::exit::Error;
use crate::config::{Config, StoreKind};
use crate::server::open_store::{self, OpenStore};
use crate::store::quarantine::{self, HeldMessages, Kept, Left};
use crate::store::records::{PopgateId, Quarantined};
use crate::store::{Store, StoreError};

/// See the module.
#[derive(Debug)]
pub(super) struct Index {
    store: Option<OpenStore>,
    messages: HeldMessages,
}

impl Index {
    /// Opens the store if there is one; none is created.
    pub(super) fn open(config: &Config) -> Result<Self, Error> {
        let maildir = || HeldMessages::Maildir(config.data_dir.clone());
        let store = match open_store::open_existing(config) {
            Ok(store) => store,
            Err(error) if matches!(config.store.kind, StoreKind::Postgres(_)) => {
                return Err(Error::failed(error));
            }
            Err(error) => {
                eprintln!(
                    "popgate: without mailboxes and scores, since the store cannot be used: {error}"
                );
                None
            }
        };
        let messages = store
            .as_ref()
            .map_or_else(maildir, |store| store.held_messages(&config.data_dir));
        Ok(Self { store, messages })
    }

    pub(super) fn reader(&self) -> Option<Arc<dyn Store>> {
        self.store.as_ref().map(OpenStore::store)
    }

    /// Whether a message is released, and waits in its mailbox. If the store cannot tell, it does: it is not deleted then.
    pub(super) fn is_waiting(&self, kept: &Kept) -> bool {
        self.is(kept, quarantine::is_waiting)
    }

    /// Whether a message is hidden in its mailbox; likewise.
    pub(super) fn is_hidden(&self, kept: &Kept) -> bool {
        self.is(kept, quarantine::is_hidden)
    }

    fn is(
        &self,
        kept: &Kept,
        question: fn(&dyn Store, &Quarantined) -> Result<bool, StoreError>,
    ) -> bool {
        let (Some(store), Some(id)) = (self.reader(), PopgateId::new(&kept.id)) else {
            return false;
        };
        let row = store.quarantined(&id);
        let answer = row.and_then(|row| row.map_or(Ok(false), |row| question(&*store, &row)));
        answer.unwrap_or(true)
    }

    pub(super) fn messages(&self) -> &HeldMessages {
        &self.messages
    }

    /// Takes a message out of quarantine.
    pub(super) fn leave(&self, kept: &Kept, left: Left) -> Result<(), Error> {
        kept.leave(left)?;
        if let (Some(OpenStore::Sqlite(store)), Some(id)) = (&self.store, PopgateId::new(&kept.id))
            && let Err(error) = store.apply(&[left.change(id)])
        {
            eprintln!("popgate: the store does not know it yet: {error}");
        }
        Ok(())
    }
}
