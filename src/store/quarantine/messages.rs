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
            up_to: HeldState::Released,
            limit: PAGE,
            ..QuarantineQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = store.quarantine(&query).map_err(io::Error::other)?;
            let is_last = page.len() < PAGE;
            query.after = page.last().map(|it| (it.held_at, it.id.clone()));
            let there = page.into_iter();
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

#[cfg(test)]
mod tests {
    use super::super::entry_of;
    use super::super::{Maildir, Quarantine};
    use super::*;
    use crate::mailbox_id::{MailboxId, UpstreamId};
    use crate::pop3::Uidl;
    use crate::store::sqlite::Sqlite;

    /// A store whose table has a place for messages.
    fn store(dir: &Path) -> Arc<dyn Store> {
        Arc::new(Sqlite::open(dir).unwrap())
    }

    fn entry(id: &str, uidl: &str) -> Quarantined {
        Quarantined {
            mailbox: MailboxId::new(UpstreamId::from_stored("pop.example.net"), "ann"),
            uidl: Uidl::new(uidl.as_bytes()),
            ..entry_of(PopgateId::new(id).unwrap(), b"Subject: x\r\n\r\n")
        }
    }

    #[test]
    fn a_store_holds_each_message_once() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        let quarantine = Quarantine::Store(Arc::clone(&store));
        let put = |id: &str, uidl: &str, message: &[u8]| {
            let held = quarantine.put(entry(id, uidl), false, message);
            held.unwrap().to_string()
        };
        assert_eq!(put("a-1", "one", b"1"), "a-1");
        assert_eq!(put("a-2", "one", b"1"), "a-1");
        assert_eq!(put("a-3", "two", b"2"), "a-3");
        // A server that uses a UIDL twice.
        assert_eq!(put("a-4", "one", b"other"), "a-4");
        let messages = HeldMessages::Store(Arc::clone(&store));
        let texts = || -> Vec<_> {
            let all = messages.all().unwrap();
            all.iter().map(|kept| kept.message().unwrap()).collect()
        };
        assert_eq!(texts().len(), 3);
        let first = messages.find("a-1").unwrap().unwrap();
        assert_eq!(first.message().unwrap(), b"1");
        first.leave(Left::Deleted).unwrap();
        assert!(messages.find("a-1").unwrap().is_none());
        assert!(first.message().is_err());
        assert_eq!(put("a-5", "one", b"1"), "a-5");
        // What is released as a file is there no longer, as from a Maildir.
        let second = messages.find("a-3").unwrap().unwrap();
        second.leave(Left::Released).unwrap();
        assert!(messages.find("a-3").unwrap().is_none());
        assert_eq!(texts(), [b"other".to_vec(), b"1".to_vec()]);
    }

    #[test]
    fn what_a_store_cannot_take_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path());
        std::fs::remove_dir_all(dir.path()).unwrap();
        let quarantine = Quarantine::Store(store);
        let held = quarantine.put(entry("a-1", "one"), false, b"1");
        assert!(held.is_err());
    }

    #[test]
    fn the_messages_of_a_maildir_move_into_a_store() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [index, shared] = [store(dirs[0].path()), store(dirs[1].path())];
        let maildir = Maildir::new(dirs[0].path());
        let messages = [
            ("a-1", &b"From: b\r\n\r\n1"[..]),
            ("a-2", b"From: c\r\n\r\n2"),
        ];
        for (id, message) in messages {
            let entry = entry(id, id);
            maildir.put(entry.clone(), false, message).unwrap();
            let held = Change::Held {
                entry: Box::new(entry),
                hidden: false,
            };
            index.apply(&[held]).unwrap();
        }
        // One that no index knows, and one that another node holds already.
        maildir
            .put(entry("a-3", "x"), false, b"From: d\r\n\r\n3")
            .unwrap();
        let other = Quarantine::Store(Arc::clone(&shared));
        other
            .put(entry("b-1", "a-2"), false, b"From: c\r\n\r\n2")
            .unwrap();
        let moved = move_into(&*shared, dirs[0].path(), Some(&*index)).unwrap();
        assert_eq!(moved, 3);
        assert_eq!(kept::kept(dirs[0].path()).unwrap(), []);
        let held = HeldMessages::Store(Arc::clone(&shared));
        assert_eq!(held.all().unwrap().len(), 4);
        let row = |id| {
            shared
                .quarantined(&PopgateId::new(id).unwrap())
                .unwrap()
                .unwrap()
        };
        assert_eq!(row("a-1").mailbox, entry("a-1", "a-1").mailbox);
        assert_eq!(row("a-1").body.as_deref(), Some(messages[0].1));
        assert_eq!(row("a-2").uidl, None);
        assert_eq!((row("a-3").mailbox, &*row("a-3").from), (None, "d"));
        assert_eq!(move_into(&*shared, dirs[0].path(), None).unwrap(), 0);
    }
}
