//! The quarantine: a Maildir, so that any mail program can read what was dropped.
//!
//! In: a message and its id; out: a file that survives a crash. A message is in it only when this
//! returns without an error.
//!
//! The Maildir convention: written in `tmp`, moved to `new` when complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A Maildir below the data directory.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
}

impl Quarantine {
    /// Opens the quarantine of a data directory, and makes it if it is not there.
    ///
    /// # Errors
    /// The system's, with the path.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join("quarantine");
        for part in ["tmp", "new", "cur"] {
            let path = folder.join(part);
            private(&path).map_err(|error| named(&path, error))?;
        }
        // The folders' names must outlive a crash as the messages in them do.
        for path in [folder.as_path(), data_dir] {
            let synced = File::open(path).and_then(|folder| folder.sync_all());
            synced.map_err(|error| named(path, error))?;
        }
        Ok(Self { folder })
    }

    /// Keeps a message under its id.
    ///
    /// # Errors
    /// The system's, as when the disk is full; nothing of the message is kept then.
    pub fn put(&self, id: &str, message: &[u8]) -> io::Result<()> {
        let name = format!("{id}.popgate");
        let tmp = self.folder.join("tmp").join(&name);
        let written = write(&tmp, message).and_then(|()| {
            let new = self.folder.join("new");
            fs::rename(&tmp, new.join(&name))?;
            // The name is safe only when the folder is.
            File::open(&new)?.sync_all()
        });
        written.map_err(|error| {
            let _ = fs::remove_file(&tmp);
            named(&tmp, error)
        })
    }
}

/// Mail is nobody else's business.
fn private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn write(path: &Path, message: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(message)?;
    file.sync_all()
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_kept_as_it_is() {
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
    fn what_cannot_be_kept_is_an_error_and_leaves_nothing() {
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
