//! The quarantine: a Maildir, so that any mail program can read quarantined messages.
//!
//! In: a message and its id; out: a file that survives a crash. A message is stored only when this returns
//! without an error.
//!
//! The Maildir convention: written in `tmp`, moved to `new` when complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{durable_write, private};

/// A Maildir below the data directory.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
}

impl Quarantine {
    /// Opens the quarantine of a data directory, and creates it if it is missing.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join("quarantine");
        for part in ["tmp", "new", "cur"] {
            let path = folder.join(part);
            private(&path).map_err(|error| named(&path, error))?;
        }
        // The folders must survive a crash as the messages in them do.
        for path in [folder.as_path(), data_dir] {
            let synced = File::open(path).and_then(|folder| folder.sync_all());
            synced.map_err(|error| named(path, error))?;
        }
        Ok(Self { folder })
    }

    /// Stores a message under its id.
    ///
    /// # Errors
    /// The system's, as when the disk is full; nothing of the message is kept then.
    pub fn put(&self, id: &str, message: &[u8]) -> io::Result<()> {
        let name = format!("{id}.popgate");
        let tmp = self.folder.join("tmp").join(&name);
        let new = self.folder.join("new").join(&name);
        let written = durable_write::replace_through(&tmp, &new, message);
        written.map(drop).map_err(|error| named(&tmp, error))
    }
}

/// A quarantined message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id, as in the notice.
    pub id: String,
    /// When it was quarantined.
    pub when: SystemTime,
    /// Its size in octets.
    pub size: u64,
    path: PathBuf,
}

impl Kept {
    /// The message.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn message(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path).map_err(|error| named(&self.path, error))
    }

    /// Deletes it.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path).map_err(|error| named(&self.path, error))
    }
}

/// The messages in a data directory's quarantine, the oldest first; none if there is no quarantine.
///
/// # Errors
/// The system's, with the path.
pub fn kept(data_dir: &Path) -> io::Result<Vec<Kept>> {
    let folder = data_dir.join("quarantine");
    let mut all = Vec::new();
    // Mail programs move messages that were read from new to cur.
    for part in ["new", "cur"] {
        let path = folder.join(part);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(named(&path, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| named(&path, error))?;
            let name = entry.file_name();
            // Its flags come after a colon.
            let name = name.to_string_lossy();
            let Some((id, _)) = name.split_once(".popgate") else {
                continue;
            };
            let about = entry
                .metadata()
                .map_err(|error| named(&entry.path(), error))?;
            all.push(Kept {
                id: id.to_owned(),
                when: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                size: about.len(),
                path: entry.path(),
            });
        }
    }
    all.sort_by(|a, b| (a.when, &a.id).cmp(&(b.when, &b.id)));
    Ok(all)
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_stored_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(dir.path()).unwrap();
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
    fn stored_messages_are_listed_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kept(dir.path()).unwrap(), []);
        let quarantine = Quarantine::open(dir.path()).unwrap();
        quarantine.put("abc-1", b"one").unwrap();
        quarantine.put("abc-2", b"three").unwrap();
        let maildir = dir.path().join("quarantine");
        // As a mail program marks a message as read.
        let seen = maildir.join("cur/abc-2.popgate:2,S");
        fs::rename(maildir.join("new/abc-2.popgate"), seen).unwrap();
        fs::write(maildir.join("new/not-ours"), b"x").unwrap();
        let all = kept(dir.path()).unwrap();
        let mut ids: Vec<&str> = all.iter().map(|kept| &*kept.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["abc-1", "abc-2"]);
        let second = all.iter().find(|kept| kept.id == "abc-2").unwrap();
        assert_eq!(
            (second.size, second.message().unwrap()),
            (5, b"three".to_vec())
        );
        second.remove().unwrap();
        assert_eq!(kept(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_failed_store_is_an_error_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::open(dir.path()).unwrap();
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
