//! The quarantine: a Maildir, so that any mail program can read quarantined messages; or a store that keeps messages, so
//! that every node can.
//!
//! In: a message and its id; out: a file or a row that survives a crash. A message is stored only when this returns
//! without an error.
//!
//! The Maildir convention: written in `tmp`, moved to `new` when complete. The file is synchronised before it is
//! moved, and the folder after that.

mod index;
mod kept;
mod messages;
mod release;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::contract::Store;
use super::durable_write;
use super::records::{Change, PopgateId, Quarantined, Timestamp};
use super::temporary::{self, Leftovers};
use crate::platform::durable_folder;
use crate::platform::private_files::create_folder;
pub use index::{
    Adopted, QuarantineIndex, adopt, delete_older, described, entry_of, is_hidden, is_waiting,
};
use kept::{ENDING, id_of, is_same, named};
pub use kept::{Kept, Left, find, kept};
pub use messages::{HeldMessages, move_into};
pub use release::{ReleaseError, as_mail, release, take_back};

/// See the module.
#[derive(Debug)]
pub enum Quarantine {
    /// A Maildir below the data directory.
    Maildir(Maildir),
    /// A store that keeps messages.
    Store(Arc<dyn Store>),
}

impl Quarantine {
    /// The Maildir of a data directory, without an index.
    pub fn new(data_dir: &Path) -> Self {
        Self::Maildir(Maildir::new(data_dir))
    }

    /// Opens it, where there is something to open; see [`Maildir::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(&self) -> io::Result<()> {
        match self {
            Self::Maildir(maildir) => maildir.open(),
            Self::Store(_) => Ok(()),
        }
    }

    /// Stores a message under its id, and returns that; if the message is held already, as is known by its mailbox and
    /// UIDL, returns the id under which it is. `hidden` says that no notice takes its place.
    ///
    /// # Errors
    /// The system's, as when the disk is full, or the store's; nothing of the message is kept then.
    pub fn put(&self, entry: Quarantined, hidden: bool, message: &[u8]) -> io::Result<PopgateId> {
        match self {
            Self::Maildir(maildir) => maildir.put(entry, hidden, message),
            Self::Store(store) => messages::put_into(&**store, entry, hidden, message),
        }
    }

    /// Whether the original of a message is there.
    ///
    /// # Errors
    /// The system's, with the path, or the store's.
    pub fn has(&self, id: &PopgateId) -> io::Result<bool> {
        let messages = match self {
            Self::Maildir(maildir) => HeldMessages::Maildir(maildir.data_dir.clone()),
            Self::Store(store) => HeldMessages::Store(Arc::clone(store)),
        };
        messages.find(id.as_str()).map(|kept| kept.is_some())
    }
}

/// A Maildir below the data directory.
#[derive(Debug)]
pub struct Maildir {
    data_dir: PathBuf,
    folder: PathBuf,
    is_open: AtomicBool,
    index: Option<QuarantineIndex>,
}

impl Maildir {
    /// The Maildir of a data directory. It is opened before a message is stored.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            folder: data_dir.join("quarantine"),
            is_open: AtomicBool::new(false),
            index: None,
        }
    }

    /// The same, with an index.
    pub fn with_index(mut self, index: QuarantineIndex) -> Self {
        self.index = Some(index);
        self
    }

    /// Opens it, and creates it if it is missing: once, so that it is not created anew where a file system was
    /// unmounted meanwhile.
    ///
    /// # Errors
    /// The system's, with the path. A later call may succeed.
    pub fn open(&self) -> io::Result<()> {
        if self.is_open.load(Ordering::Acquire) {
            return Ok(());
        }
        for part in ["tmp", "new", "cur"] {
            let path = self.folder.join(part);
            create_folder(&path).map_err(|error| named(&path, error))?;
        }
        // The folders must survive a crash as the messages in them do.
        for path in [Some(self.folder.as_path()), self.folder.parent()] {
            let Some(path) = path else { continue };
            let synced = durable_folder::sync(path);
            synced.map_err(|error| named(path, error))?;
        }
        self.is_open.store(true, Ordering::Release);
        Ok(())
    }

    fn put(&self, mut entry: Quarantined, hidden: bool, message: &[u8]) -> io::Result<PopgateId> {
        let held = self.index.as_ref().and_then(|index| index.held_as(&entry));
        let mut changes = Vec::new();
        if let Some(id) = held {
            match find(&self.data_dir, id.as_str())? {
                Some(kept) if is_same(&kept.message()?, message) => return Ok(id),
                // A server uses the UIDL for another message (RFC 1939 section 7 forbids it): this one is kept, too.
                Some(_) => entry.uidl = None,
                None => {
                    // Somebody deleted it with a mail program.
                    let at = Timestamp::now();
                    changes.push(Change::QuarantineDeleted {
                        id,
                        discards: false,
                        at,
                    });
                }
            }
        }
        self.store(&entry.id, message)?;
        let (id, mailbox) = (entry.id.clone(), entry.mailbox.clone());
        let entry = Box::new(entry);
        changes.push(Change::Held { entry, hidden });
        if let Some(index) = &self.index {
            index.writer.record_all(changes);
            // Nothing leads to a hidden message before its row is there; without one it is judged anew.
            if !hidden && !index.keeps_row(&id, mailbox.as_ref()) {
                if let Some(kept) = find(&self.data_dir, id.as_str())? {
                    kept.leave(Left::Purged)?;
                }
                return Err(io::Error::other("the store does not take its row"));
            }
        }
        Ok(id)
    }

    fn store(&self, id: &PopgateId, message: &[u8]) -> io::Result<()> {
        self.open()?;
        let name = format!("{id}{ENDING}");
        let tmp = self.folder.join("tmp").join(&name);
        let new = self.folder.join("new").join(&name);
        let written = durable_write::replace_through(&tmp, &new, message);
        written.map(drop).map_err(|error| named(&tmp, error))
    }
}

/// The unfinished messages in a data directory's quarantine.
///
/// # Errors
/// The system's, with the path.
pub fn leftovers(data_dir: &Path) -> io::Result<Leftovers> {
    let tmp = data_dir.join("quarantine/tmp");
    temporary::count(&tmp, is_message).map_err(|error| named(&tmp, error))
}

/// Removes those of processes that were killed: their clients got no notice, and get the message again.
///
/// # Errors
/// The system's, with the path.
pub fn remove_leftovers(data_dir: &Path) -> io::Result<Leftovers> {
    let tmp = data_dir.join("quarantine/tmp");
    temporary::remove_abandoned(&tmp, is_message).map_err(|error| named(&tmp, error))
}

fn is_message(name: &str) -> bool {
    id_of(name).is_some()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::records::HeldState;
    use super::super::sqlite::Sqlite;
    use super::super::writer::{QueueLimits, Writer};
    use super::*;
    use crate::mailbox_id::{MailboxId, UpstreamId};
    use crate::pop3::Uidl;

    impl Maildir {
        fn put_as(&self, id: &str, message: &[u8]) -> io::Result<()> {
            self.store(&PopgateId::new(id).unwrap(), message)
        }
    }

    #[test]
    fn a_message_is_stored_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Maildir::new(dir.path());
        quarantine
            .put_as("abc-1", b"Subject: x\r\n\r\n.y\r\n")
            .unwrap();
        let kept = fs::read(dir.path().join("quarantine/new/abc-1.popgate")).unwrap();
        assert_eq!(kept, b"Subject: x\r\n\r\n.y\r\n");
        assert_eq!(
            fs::read_dir(dir.path().join("quarantine/tmp"))
                .unwrap()
                .count(),
            0
        );
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Maildir::new(dir.path());
        quarantine.open().unwrap();
        let tmp = dir.path().join("quarantine/tmp");
        fs::write(tmp.join("abc-1.popgate"), "half a mes").unwrap();
        fs::write(tmp.join("a mail program's"), "").unwrap();
        let written = temporary::create(&tmp.join("abc-2.popgate")).unwrap();
        quarantine.put_as("abc-3", b"x").unwrap();
        let found = Leftovers {
            abandoned: 1,
            in_use: 1,
        };
        assert_eq!(leftovers(dir.path()).unwrap(), found);
        assert_eq!(remove_leftovers(dir.path()).unwrap(), found);
        drop(written);
        assert_eq!(remove_leftovers(dir.path()).unwrap().abandoned, 1);
        assert_eq!(leftovers(dir.path()).unwrap(), Leftovers::default());
        assert_eq!(fs::read_dir(&tmp).unwrap().count(), 1);
        assert_eq!(kept(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_opened_is_opened_once_it_can() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("quarantine");
        fs::write(&file, "in the way").unwrap();
        let quarantine = Maildir::new(dir.path());
        let error = quarantine.open().unwrap_err();
        assert!(error.to_string().contains("quarantine"), "{error}");
        assert!(quarantine.put_as("abc-1", b"x").is_err());
        fs::remove_file(&file).unwrap();
        quarantine.put_as("abc-1", b"x").unwrap();
        assert_eq!(kept(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_failed_store_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Maildir::new(dir.path());
        quarantine.open().unwrap();
        fs::remove_dir(dir.path().join("quarantine/new")).unwrap();
        let error = quarantine.put_as("abc-2", b"x").unwrap_err();
        assert!(error.to_string().contains("abc-2"), "{error}");
        assert_eq!(
            fs::read_dir(dir.path().join("quarantine/tmp"))
                .unwrap()
                .count(),
            0
        );
    }

    /// An entry of a message that is known by its UIDL.
    fn entry(id: &str, uidl: &str) -> Quarantined {
        let upstream = UpstreamId::from_stored("pop.example.net");
        Quarantined {
            mailbox: MailboxId::new(upstream, "ann"),
            uidl: Uidl::new(uidl.as_bytes()),
            ..entry_of(PopgateId::new(id).unwrap(), b"Subject: x\r\n\r\n")
        }
    }

    #[test]
    fn the_row_of_a_message_with_a_notice_is_there_before_the_notice() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(dir.path()).unwrap());
        let limits = QueueLimits {
            collected: Duration::from_secs(600),
            ..QueueLimits::default()
        };
        let writer = Writer::start(Arc::clone(&store), limits, Arc::new(|_| {})).unwrap();
        let quarantine = Maildir::new(dir.path()).with_index(QuarantineIndex {
            store: Arc::clone(&store),
            writer: Arc::new(writer),
        });
        for (id, uidl) in [("abc-1", "one"), ("abc-2", "two"), ("abc-3", "three")] {
            let id = quarantine.put(entry(id, uidl), false, b"x").unwrap();
            let row = store.quarantined(&id).unwrap().unwrap();
            assert_eq!(row.mailbox, entry("x", uidl).mailbox);
        }
    }

    #[test]
    fn a_message_whose_row_is_lost_is_not_held() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(dir.path()).unwrap());
        let limits = QueueLimits {
            changes: 0,
            ..QueueLimits::default()
        };
        let writer = Writer::start(Arc::clone(&store), limits, Arc::new(|_| {})).unwrap();
        let quarantine = Maildir::new(dir.path()).with_index(QuarantineIndex {
            store,
            writer: Arc::new(writer),
        });
        let lost = quarantine.put(entry("abc-1", "one"), false, b"x");
        assert!(lost.unwrap_err().to_string().contains("row"));
        assert_eq!(kept(dir.path()).unwrap(), []);
    }

    #[test]
    fn a_message_is_held_once_however_often_it_is_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(dir.path()).unwrap());
        let limits = QueueLimits::default();
        let writer = Writer::start(Arc::clone(&store), limits, Arc::new(|_| {})).unwrap();
        let writer = Arc::new(writer);
        let quarantine = Maildir::new(dir.path()).with_index(QuarantineIndex {
            store: Arc::clone(&store),
            writer: Arc::clone(&writer),
        });
        let put = |id: &str, uidl: &str| {
            let held = quarantine.put(entry(id, uidl), false, b"x").unwrap();
            assert!(writer.caught_up(Duration::from_secs(60)));
            held.to_string()
        };
        assert_eq!(put("abc-1", "one"), "abc-1");
        assert_eq!(put("abc-2", "one"), "abc-1");
        assert_eq!(put("abc-3", "two"), "abc-3");
        // The server has written into the message meanwhile.
        let read = quarantine.put(entry("abc-7", "one"), false, b"Status: RO\r\nx");
        assert_eq!(read.unwrap().as_str(), "abc-1");
        // It uses the UIDL for another message.
        let other = quarantine.put(entry("abc-8", "one"), false, b"y").unwrap();
        assert!(writer.caught_up(Duration::from_secs(60)));
        assert_eq!(other.as_str(), "abc-8");
        let row = store.quarantined(&other).unwrap().unwrap();
        assert_eq!((row.state, row.uidl), (HeldState::Held, None));
        let other = find(dir.path(), "abc-8").unwrap().unwrap();
        other.leave(Left::Purged).unwrap();
        // As a mail program moves it.
        let maildir = dir.path().join("quarantine");
        let seen = maildir.join("cur/abc-1.popgate:2,S");
        fs::rename(maildir.join("new/abc-1.popgate"), &seen).unwrap();
        assert_eq!(put("abc-4", "one"), "abc-1");
        assert_eq!(kept(dir.path()).unwrap().len(), 2);
        // What was deleted with a mail program is not held.
        fs::remove_file(seen).unwrap();
        assert_eq!(put("abc-5", "one"), "abc-5");
        let row = store.quarantined(&PopgateId::new("abc-1").unwrap());
        assert_eq!(row.unwrap().unwrap().state, HeldState::Deleted);
        // While the store is gone, a message is held, or not at all.
        fs::remove_file(dir.path().join("popgate.sqlite")).unwrap();
        let held = quarantine.put(entry("abc-6", "one"), false, b"x");
        let is_there = find(dir.path(), "abc-6").unwrap().is_some();
        assert_eq!(held.is_ok(), is_there);
    }
}
