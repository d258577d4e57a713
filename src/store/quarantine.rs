//! The quarantine: a Maildir, so that any mail program can read quarantined messages.
//!
//! In: a message and its id; out: a file that survives a crash. A message is stored only when this returns
//! without an error.
//!
//! The Maildir convention: written in `tmp`, moved to `new` when complete. The file is synchronised before it is
//! moved, and the folder after that.

mod kept;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::temporary::{self, Leftovers};
use super::{durable_write, private};
use kept::{ENDING, id_of, named};
pub use kept::{Kept, kept};

/// A Maildir below the data directory.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
    is_open: AtomicBool,
}

impl Quarantine {
    /// The quarantine of a data directory. It is opened before a message is stored.
    pub fn new(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("quarantine"),
            is_open: AtomicBool::new(false),
        }
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
            private(&path).map_err(|error| named(&path, error))?;
        }
        // The folders must survive a crash as the messages in them do.
        for path in [Some(self.folder.as_path()), self.folder.parent()] {
            let Some(path) = path else { continue };
            let synced = File::open(path).and_then(|folder| folder.sync_all());
            synced.map_err(|error| named(path, error))?;
        }
        self.is_open.store(true, Ordering::Release);
        Ok(())
    }

    /// Stores a message under its id.
    ///
    /// # Errors
    /// The system's, as when the disk is full; nothing of the message is kept then.
    pub fn put(&self, id: &str, message: &[u8]) -> io::Result<()> {
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

    use super::*;

    #[test]
    fn a_message_is_stored_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::new(dir.path());
        quarantine
            .put("abc-1", b"Subject: x\r\n\r\n.y\r\n")
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
        let quarantine = Quarantine::new(dir.path());
        quarantine.open().unwrap();
        let tmp = dir.path().join("quarantine/tmp");
        fs::write(tmp.join("abc-1.popgate"), "half a mes").unwrap();
        fs::write(tmp.join("a mail program's"), "").unwrap();
        let written = temporary::create(&tmp.join("abc-2.popgate")).unwrap();
        quarantine.put("abc-3", b"x").unwrap();
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
        let quarantine = Quarantine::new(dir.path());
        let error = quarantine.open().unwrap_err();
        assert!(error.to_string().contains("quarantine"), "{error}");
        assert!(quarantine.put("abc-1", b"x").is_err());
        fs::remove_file(&file).unwrap();
        quarantine.put("abc-1", b"x").unwrap();
        assert_eq!(kept(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_failed_store_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::new(dir.path());
        quarantine.open().unwrap();
        fs::remove_dir(dir.path().join("quarantine/new")).unwrap();
        let error = quarantine.put("abc-2", b"x").unwrap_err();
        assert!(error.to_string().contains("abc-2"), "{error}");
        assert_eq!(
            fs::read_dir(dir.path().join("quarantine/tmp"))
                .unwrap()
                .count(),
            0
        );
    }
}
