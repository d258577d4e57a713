//! The index of the quarantine, for a verb of the command line: beside a running server, or without one.
//!
//! The Maildir is what counts. Where there is no store, or it cannot be used, messages are listed, released and deleted
//! all the same; a server that runs later brings the index up to date.

use std::sync::Arc;

use crate::config::{Config, StoreKind};
use crate::store::Store;
use crate::store::quarantine::{self, Kept};
use crate::store::records::{Change, PopgateId, Timestamp};
use crate::store::sqlite::{FILE, Sqlite};

/// See the module.
#[derive(Debug)]
pub(super) struct Index(Option<Arc<dyn Store>>);

/// Why a message is in quarantine no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Released,
    /// A person deleted it.
    Deleted,
    /// It was there for too long.
    Purged,
}

impl Index {
    /// Opens the store if there is one; none is created.
    pub(super) fn open(config: &Config) -> Self {
        let exists = config.data_dir.join(FILE).exists();
        if config.store.kind == StoreKind::Off || !exists {
            return Self(None);
        }
        match Sqlite::open_unchecked(&config.data_dir) {
            Ok(store) => Self(Some(Arc::new(store))),
            Err(error) => {
                eprintln!(
                    "popgate: without mailboxes and scores, since the store cannot be used: {error}"
                );
                Self(None)
            }
        }
    }

    pub(super) fn reader(&self) -> Option<&dyn Store> {
        self.0.as_deref()
    }

    /// Whether a message is released, and waits in its mailbox. If the store cannot tell, it does: it is not deleted then.
    pub(super) fn is_waiting(&self, kept: &Kept) -> bool {
        let (Some(store), Some(id)) = (&self.0, PopgateId::new(&kept.id)) else {
            return false;
        };
        let row = store.quarantined(&id);
        let waiting = row.and_then(|row| match row {
            Some(row) => quarantine::is_waiting(&**store, &row),
            None => Ok(false),
        });
        waiting.unwrap_or(true)
    }

    /// Says what became of a message.
    pub(super) fn left(&self, kept: &Kept, left: Left) {
        let (Some(store), Some(id)) = (&self.0, PopgateId::new(&kept.id)) else {
            return;
        };
        let at = Timestamp::now();
        let change = match left {
            Left::Released => Change::Released { id, at },
            Left::Deleted | Left::Purged => Change::QuarantineDeleted {
                id,
                discards: left == Left::Deleted,
                at,
            },
        };
        if let Err(error) = store.apply(&[change]) {
            eprintln!("popgate: the store does not know it yet: {error}");
        }
    }
}
