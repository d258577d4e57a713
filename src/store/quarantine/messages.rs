//! The messages in quarantine, wherever they are: in the Maildir of a data directory, or in a store that keeps messages.
//!
//! In: a place; out: its messages. With SQLite they are in the Maildir, so that any mail program can read them; with
//! PostgreSQL they are in the database, so that each node can.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::kept::{self, Kept, Left};
use super::{described, index};
use crate::store::contract::{QuarantineQuery, Store};
use crate::store::records::{Change, HeldState, PopgateId, Quarantined};

/// Rows of a page.
const PAGE: usize = 200;

/// See the module.
#[derive(Debug, Clone)]
pub enum HeldMessages {
    /// The Maildir of this data directory.
    Maildir(PathBuf),
    /// A store that keeps messages.
    Store(Arc<dyn Store>),
}

impl HeldMessages {
    /// All of them, also those that were released to their mailboxes, the oldest first.
    ///
    /// # Errors
    /// The system's, with the path, or the store's.
    pub fn all(&self) -> io::Result<Vec<Kept>> {
        let store = match self {
            Self::Maildir(data_dir) => return kept::kept(data_dir),
            Self::Store(store) => store,
        };
        let mut query = QuarantineQuery {
            all_states: true,
            limit: PAGE,
            ..QuarantineQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = store.quarantine(&query).map_err(io::Error::other)?;
            let is_last = page.len() < PAGE;
            query.after = page.last().map(|it| (it.held_at, it.id.clone()));
            let there = page.into_iter().filter(|it| it.state != HeldState::Deleted);
            all.extend(there.map(|entry| Kept::in_store(store, entry)));
            if is_last {
                all.reverse();
                return Ok(all);
            }
        }
    }

    /// The message with this id, also if it was released.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn find(&self, id: &str) -> io::Result<Option<Kept>> {
        let store = match self {
            Self::Maildir(data_dir) => return kept::find(data_dir, id),
            Self::Store(store) => store,
        };
        let Some(id) = PopgateId::new(id) else {
            return Ok(None);
        };
        let row = store.quarantined(&id).map_err(io::Error::other)?;
        let entry = row.filter(|row| row.body.is_some()).map(without_body);
        Ok(entry.map(|entry| Kept::in_store(store, entry)))
    }
}

fn without_body(entry: Quarantined) -> Quarantined {
    Quarantined {
        body: None,
        ..entry
    }
}

/// Moves the messages of a data directory's Maildir into a store that keeps messages, with what an index that was used
/// before knows of them; returns their number.
///
/// # Errors
/// The system's, with the path, or the store's; what was done so far stays, and no message is lost.
pub fn move_into(
    store: &dyn Store,
    data_dir: &Path,
    index: Option<&dyn Store>,
) -> io::Result<usize> {
    let mut moved = 0;
    for kept in kept::kept(data_dir)? {
        let Some(described) = described(&kept)? else {
            continue;
        };
        let known = index.map(|index| index.quarantined(&described.id));
        let known = known.transpose().map_err(io::Error::other)?.flatten();
        let mut entry = Quarantined {
            body: Some(kept.message()?.into()),
            ..known.unwrap_or(described)
        };
        let id = entry.id.clone();
        let held = (entry.mailbox.as_ref().zip(entry.uidl.as_ref()))
            .map(|(mailbox, uidl)| store.held_as(mailbox, uidl));
        if held
            .transpose()
            .map_err(io::Error::other)?
            .flatten()
            .is_some()
        {
            // Another node holds a message of that name.
            entry.uidl = None;
        }
        let change = Change::Held {
            entry: Box::new(entry),
            hidden: false,
        };
        store.apply(&[change]).map_err(io::Error::other)?;
        let row = store.quarantined(&id).map_err(io::Error::other)?;
        if row.is_some_and(|row| row.body.is_some()) {
            kept.leave(Left::Purged)?;
            moved += 1;
        }
    }
    Ok(moved)
}

/// Stores a message in a store that keeps messages; see [`super::Quarantine::put`]. It is committed when this returns.
pub(super) fn put_into(
    store: &dyn Store,
    mut entry: Quarantined,
    hidden: bool,
    message: &[u8],
) -> io::Result<PopgateId> {
    if let Some(held) = index::held_id(store, &entry).map_err(io::Error::other)? {
        if has_message(store, &held, message)? {
            return Ok(held);
        }
        // A server uses the UIDL for another message (RFC 1939 section 7 forbids it): this one is kept, too.
        entry.uidl = None;
    }
    let id = entry.id.clone();
    let whose = (entry.mailbox.clone(), entry.uidl.clone());
    entry.body = Some(bytes::Bytes::copy_from_slice(message));
    let entry = Box::new(entry);
    let change = Change::Held { entry, hidden };
    store.apply(&[change]).map_err(io::Error::other)?;
    let (Some(mailbox), Some(uidl)) = whose else {
        // Nothing but its id could have been there.
        return Ok(id);
    };
    match store.held_as(&mailbox, &uidl).map_err(io::Error::other)? {
        Some(held) if held == id => Ok(id),
        // Another node was faster.
        Some(held) if has_message(store, &held, message)? => Ok(held),
        _ => Err(io::Error::other(format!("{id}: is not in the store"))),
    }
}

fn has_message(store: &dyn Store, id: &PopgateId, message: &[u8]) -> io::Result<bool> {
    let row = store.quarantined(id).map_err(io::Error::other)?;
    let body = row.and_then(|row| row.body);
    Ok(body.is_some_and(|body| kept::is_same(&body, message)))
}
