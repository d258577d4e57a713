//! The index of the quarantine: what the store knows of the messages in the Maildir.
//!
//! The Maildir is what counts: a message without a row is adopted, and a row without a message is of a message that
//! somebody deleted with a mail program.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::kept::{self, Kept, Left};
use crate::mailbox_id::MailboxId;
use crate::message::Headers;
use crate::store::contract::{QuarantineQuery, Store};
use crate::store::records::{
    Change, HeldState, MessageState, OwnBody, OwnEntry, PopgateId, Quarantined, Timestamp,
};
use crate::store::store_error::StoreError;
use crate::store::writer::Writer;

/// Octets of a message that are read for its sender and its subject.
const HEADER: u64 = 64 << 10;

/// Rows of a page, and of a transaction.
const PAGE: usize = 200;

/// How long a message waits for those that were held before it.
const CATCH_UP: Duration = Duration::from_millis(500);

/// How long a message waits for its row; a client waits for it. More than the store waits for a lock.
const COMMITTED: Duration = Duration::from_secs(3);

/// How the quarantine uses the store.
#[derive(Debug, Clone)]
pub struct QuarantineIndex {
    /// Where rows are looked up.
    pub store: Arc<dyn Store>,
    /// Where they are handed over.
    pub writer: Arc<Writer>,
}

impl QuarantineIndex {
    /// The id under which a message is held already. A store that fails says no: then it is held twice.
    pub(super) fn held_as(&self, entry: &Quarantined) -> Option<PopgateId> {
        if let Some(mailbox) = &entry.mailbox {
            self.writer.caught_up_with(mailbox, CATCH_UP);
        }
        held_id(&*self.store, entry).ok().flatten()
    }

    /// Whether the row of a message, which was handed over, will be there: it is, or the store is late. Only the row says
    /// whose message it is, and a notice leads to it.
    pub(super) fn keeps_row(&self, id: &PopgateId, mailbox: Option<&MailboxId>) -> bool {
        let Some(mailbox) = mailbox else {
            return true;
        };
        if !self.writer.caught_up_with(mailbox, COMMITTED) {
            return true;
        }
        // What did not fit into the queue, or was refused, is lost.
        !matches!(self.store.quarantined(id), Ok(None))
    }
}

/// The id under which the message of an entry is held, if it is, and is known by its UIDL.
pub(super) fn held_id(
    store: &dyn Store,
    entry: &Quarantined,
) -> Result<Option<PopgateId>, StoreError> {
    match (&entry.mailbox, &entry.uidl) {
        (Some(mailbox), Some(uidl)) => store.held_as(mailbox, uidl),
        _ => Ok(None),
    }
}

/// A row for a message of the Maildir, as far as the message tells it.
///
/// # Errors
/// The system's, with the path.
pub fn described(kept: &Kept) -> io::Result<Option<Quarantined>> {
    let Some(id) = PopgateId::new(&kept.id) else {
        return Ok(None);
    };
    Ok(Some(Quarantined {
        held_at: Timestamp::of(kept.when),
        octets: kept.size,
        ..entry_of(id, &kept.beginning(HEADER)?)
    }))
}

/// A row for a message that is held now, as far as the message tells it.
pub fn entry_of(id: PopgateId, message: &[u8]) -> Quarantined {
    let headers = Headers::of(message);
    let text = |name| Arc::from(headers.text(name).trim());
    Quarantined {
        id,
        mailbox: None,
        uidl: None,
        from: text("from"),
        subject: text("subject"),
        score: None,
        reasons: Vec::new(),
        held_at: Timestamp::now(),
        octets: message.len() as u64,
        state: HeldState::Held,
        body: None,
    }
}

/// What [`adopt`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Messages that had no row.
    pub adopted: usize,
    /// Rows whose message was gone.
    pub gone: usize,
}

/// Makes the index say what the Maildir of a data directory has.
///
/// # Errors
/// The system's, with the path, or the store's; what was done so far stays.
pub fn adopt(data_dir: &Path, store: &dyn Store) -> io::Result<Adopted> {
    let mut done = Adopted::default();
    let mut changes = Vec::new();
    let mut there = HashSet::new();
    for kept in kept::kept(data_dir)? {
        let Some(id) = PopgateId::new(&kept.id) else {
            continue;
        };
        there.insert(id.clone());
        if store.quarantined(&id).map_err(io::Error::other)?.is_some() {
            continue;
        }
        // One that was deleted meanwhile is none.
        if let Ok(Some(entry)) = described(&kept) {
            done.adopted += 1;
            changes.push(Change::Held {
                entry: Box::new(entry),
                hidden: false,
            });
        }
        if changes.len() == PAGE {
            store
                .apply(&std::mem::take(&mut changes))
                .map_err(io::Error::other)?;
        }
    }
    let gone = gone(data_dir, store, &there).map_err(io::Error::other)?;
    done.gone = gone.len();
    changes.extend(gone);
    for changes in changes.chunks(PAGE) {
        store.apply(changes).map_err(io::Error::other)?;
    }
    Ok(done)
}

/// Rows without a message, where these were there a moment ago.
fn gone(
    data_dir: &Path,
    store: &dyn Store,
    there: &HashSet<PopgateId>,
) -> Result<Vec<Change>, StoreError> {
    let mut changes = Vec::new();
    let mut query = QuarantineQuery {
        up_to: HeldState::Deleted,
        limit: PAGE,
        ..QuarantineQuery::default()
    };
    loop {
        let page = store.quarantine(&query)?;
        for entry in &page {
            // One that came since is looked for; what cannot be looked for is not gone.
            if !there.contains(&entry.id)
                && should_be_there(store, entry)?
                && matches!(kept::find(data_dir, entry.id.as_str()), Ok(None))
            {
                changes.push(Change::QuarantineDeleted {
                    id: entry.id.clone(),
                    discards: false,
                    at: Timestamp::now(),
                });
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => query.after = Some((last.held_at, last.id.clone())),
            _ => return Ok(changes),
        }
    }
}

/// Whether a message is released, and waits for a client that deletes it.
///
/// # Errors
/// The store's.
pub fn is_waiting(store: &dyn Store, row: &Quarantined) -> Result<bool, StoreError> {
    Ok(row.state == HeldState::Released && own_entry(store, row)?.is_some())
}

/// Whether a message is hidden in its mailbox: nothing there says that it exists, and its copy is what a person looks at.
///
/// # Errors
/// The store's.
pub fn is_hidden(store: &dyn Store, row: &Quarantined) -> Result<bool, StoreError> {
    let (HeldState::Held, Some(mailbox), Some(uidl)) = (row.state, &row.mailbox, &row.uidl) else {
        return Ok(false);
    };
    let record = store.message(mailbox, uidl)?;
    Ok(record.is_some_and(|record| record.state == MessageState::Hidden))
}

/// The entry of a released message in its mailbox.
pub(super) fn own_entry(
    store: &dyn Store,
    row: &Quarantined,
) -> Result<Option<OwnEntry>, StoreError> {
    let Some(mailbox) = &row.mailbox else {
        return Ok(None);
    };
    let entries = store.recall(mailbox, &[])?.own_entries.into_iter();
    let body = OwnBody::Quarantined(row.id.clone());
    Ok(entries.into_iter().find(|entry| entry.body == body))
}

/// Whether a row has a message: it is held, or released to its mailbox.
fn should_be_there(store: &dyn Store, entry: &Quarantined) -> Result<bool, StoreError> {
    match entry.state {
        HeldState::Held => Ok(true),
        HeldState::Released => is_waiting(store, entry),
        HeldState::Deleted => Ok(false),
    }
}

/// Deletes messages that were held before a time, but for those that are hidden in a mailbox; returns their number.
///
/// # Errors
/// The system's, with the path, or the store's; what was done so far stays.
pub fn delete_older(
    data_dir: &Path,
    store: Option<&dyn Store>,
    before: SystemTime,
) -> io::Result<usize> {
    let mut deleted = 0;
    for kept in kept::kept(data_dir)? {
        if kept.when >= before {
            continue;
        }
        let known = store.zip(PopgateId::new(&kept.id));
        if let Some((store, id)) = &known {
            let row = store.quarantined(id).map_err(io::Error::other)?;
            let hidden = row.map(|row| is_hidden(*store, &row)).transpose();
            if hidden.map_err(io::Error::other)?.unwrap_or(false) {
                continue;
            }
        }
        kept.leave(Left::Purged)?;
        deleted += 1;
        if let Some((store, id)) = known {
            let change = Left::Purged.change(id);
            store.apply(&[change]).map_err(io::Error::other)?;
        }
    }
    Ok(deleted)
}
