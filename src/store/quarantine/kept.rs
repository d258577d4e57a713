//! The messages in quarantine, for those who list, read, release and delete them.
//!
//! In: a data directory, or a store that keeps messages; out: the messages of its quarantine. A link, a device or a file
//! with another name is none of them: root may read a folder that belongs to somebody else.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::contract::Store;
use super::super::records::{Change, PopgateId, Quarantined, Timestamp};
use super::super::{durable_write, temporary};
use crate::message::MessageDigest;
use crate::platform::file_access::{able_to_touch, without_following};

/// The end of a message's file name, before a mail program's flags.
pub(super) const ENDING: &str = ".popgate";

/// A quarantined message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id, as in the notice.
    pub id: String,
    /// When it was quarantined.
    pub when: SystemTime,
    /// Its size in octets.
    pub size: u64,
    place: Place,
}

/// Where a message is.
#[derive(Debug, Clone)]
enum Place {
    /// A file of the Maildir.
    File(PathBuf),
    /// A row of a store that keeps messages.
    Row(Arc<dyn Store>, Box<Quarantined>),
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Row(_, one), Self::Row(_, other)) => one.id == other.id,
            _ => false,
        }
    }
}

impl Eq for Place {}

impl Kept {
    fn new(id: &str, about: &Metadata, path: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            when: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            size: about.len(),
            place: Place::File(path),
        }
    }

    /// A message that a store keeps.
    pub(super) fn in_store(store: &Arc<dyn Store>, entry: Quarantined) -> Self {
        let age = u64::try_from(entry.held_at.seconds()).unwrap_or(0);
        Self {
            id: entry.id.to_string(),
            when: SystemTime::UNIX_EPOCH + Duration::from_secs(age),
            size: entry.octets,
            place: Place::Row(Arc::clone(store), Box::new(entry)),
        }
    }

    /// What is known of it, where that is kept with it.
    pub fn entry(&self) -> Option<&Quarantined> {
        match &self.place {
            Place::File(_) => None,
            Place::Row(_, entry) => Some(entry),
        }
    }

    /// The message.
    ///
    /// # Errors
    /// The system's, with the path, or the store's.
    pub fn message(&self) -> io::Result<Vec<u8>> {
        match &self.place {
            Place::File(path) => {
                let read = || {
                    let mut message = Vec::new();
                    open(path)?.read_to_end(&mut message)?;
                    Ok(message)
                };
                read().map_err(|error| named(path, error))
            }
            Place::Row(store, entry) => {
                let row = store.quarantined(&entry.id).map_err(io::Error::other)?;
                let body = row.and_then(|row| row.body);
                let gone = || {
                    io::Error::new(
                        io::ErrorKind::NotFound,
                        format!("{}: was deleted", entry.id),
                    )
                };
                body.map(Vec::from).ok_or_else(gone)
            }
        }
    }

    /// Its first octets, so many at most.
    ///
    /// # Errors
    /// As [`Self::message`].
    pub fn beginning(&self, octets: u64) -> io::Result<Vec<u8>> {
        let Place::File(path) = &self.place else {
            let mut message = self.message()?;
            message.truncate(usize::try_from(octets).unwrap_or(usize::MAX));
            return Ok(message);
        };
        let read = || {
            let mut read = Vec::new();
            open(path)?.take(octets).read_to_end(&mut read)?;
            Ok(read)
        };
        read().map_err(|error| named(path, error))
    }

    /// Copies the message, which is this, to a file, or to `ID.eml` in a folder. It is on disk when this returns; a file
    /// that is this copy already, of a release that was interrupted, is left as it is.
    ///
    /// # Errors
    /// The system's, with the path; also if there is another file of that name.
    pub fn copy_to(&self, to: &Path, message: &[u8]) -> io::Result<PathBuf> {
        let copy = format!("{}.eml", self.id);
        // A name without an ending is more likely a folder that is missing.
        let path = match to.is_dir() || to.extension().is_none() {
            true => to.join(copy),
            false => to.to_owned(),
        };
        let copied = match durable_write::create(&path, message) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                same_copy(&path, message).and_then(|same| if same { Ok(()) } else { Err(error) })
            }
            created => created,
        };
        // An interrupted release may have left one there.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_temporary = |other: &str| durable_write::is_temporary_for(&name, other);
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let _ = temporary::remove_abandoned(folder.unwrap_or(Path::new(".")), is_temporary);
        copied.map_err(|error| named(&path, error))?;
        Ok(path)
    }

    /// Says that it came now: it is kept as long as one that is held now. A store keeps what is released as long as its
    /// mailbox needs it.
    ///
    /// # Errors
    /// The system's, with the path.
    pub(super) fn touch(&self) -> io::Result<()> {
        let Place::File(path) = &self.place else {
            return Ok(());
        };
        let touched = open_to_touch(path).and_then(|file| file.set_modified(SystemTime::now()));
        touched.map_err(|error| named(path, error))
    }

    /// Takes it out of the quarantine: its file is gone from the disk when this returns, or its row says what became of
    /// it, and has it no longer.
    ///
    /// # Errors
    /// The system's, with the path, or the store's.
    pub fn leave(&self, left: Left) -> io::Result<()> {
        match &self.place {
            Place::File(path) => {
                let removed = fs::remove_file(path).and_then(|()| durable_write::sync_folder(path));
                removed.map_err(|error| named(path, error))
            }
            Place::Row(store, entry) => {
                let gone = Left::Purged.change(entry.id.clone());
                let changes = match left {
                    Left::Released => vec![left.change(entry.id.clone()), gone],
                    Left::Deleted => vec![left.change(entry.id.clone())],
                    Left::Purged => vec![gone],
                };
                store.apply(&changes).map_err(io::Error::other)
            }
        }
    }
}

/// Why a message is in quarantine no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// A person released it.
    Released,
    /// A person deleted it.
    Deleted,
    /// It was there for too long.
    Purged,
}

impl Left {
    /// What the store is told.
    pub fn change(self, id: PopgateId) -> Change {
        let at = Timestamp::now();
        match self {
            Self::Released => Change::Released { id, at },
            Self::Deleted | Self::Purged => Change::QuarantineDeleted {
                id,
                discards: self == Self::Deleted,
                at,
            },
        }
    }
}

/// Whether two copies are of one message, whatever the server has written into it meanwhile.
pub(super) fn is_same(one: &[u8], other: &[u8]) -> bool {
    MessageDigest::of(one, true).matches(other, true) == Some(true)
}

/// Whether a file has these octets; it is on disk then.
fn same_copy(path: &Path, message: &[u8]) -> io::Result<bool> {
    let mut file = open_to_touch(path)?;
    if file.metadata()?.len() != message.len() as u64 {
        return Ok(false);
    }
    let mut there = Vec::new();
    file.read_to_end(&mut there)?;
    file.sync_all()?;
    durable_write::sync_folder(path)?;
    Ok(there == message)
}

/// Without waiting for the other end of a pipe, and without following a link.
fn open(path: &Path) -> io::Result<File> {
    opened(OpenOptions::new().read(true), path)
}

/// The same, to set its time or to synchronise it.
fn open_to_touch(path: &Path) -> io::Result<File> {
    opened(able_to_touch(OpenOptions::new().read(true)), path)
}

fn opened(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = without_following(options).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("is not a regular file")),
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
            let Some(id) = name.to_str().and_then(id_of) else {
                continue;
            };
            let about = match entry.metadata() {
                Ok(about) if about.is_file() => about,
                Ok(_) => continue,
                // Moved or deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(named(&entry.path(), error)),
            };
            all.push(Kept::new(id, &about, entry.path()));
        }
    }
    all.sort_by(|a, b| (a.when, &a.id).cmp(&(b.when, &b.id)));
    Ok(all)
}

/// The message with this id in a data directory's quarantine.
///
/// # Errors
/// The system's, with the path.
pub fn find(data_dir: &Path, id: &str) -> io::Result<Option<Kept>> {
    let name = format!("{id}{ENDING}");
    if id_of(&name) != Some(id) {
        return Ok(None);
    }
    // Where it is put; a mail program renames it.
    let path = data_dir.join("quarantine/new").join(name);
    match fs::symlink_metadata(&path) {
        Ok(about) if about.is_file() => Ok(Some(Kept::new(id, &about, path))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(kept(data_dir)?.into_iter().find(|kept| kept.id == id))
        }
        Err(error) => Err(named(&path, error)),
    }
}

/// The id in the name of a message's file; a mail program adds flags after a colon.
pub(super) fn id_of(name: &str) -> Option<&str> {
    let (id, flags) = name.split_once(ENDING)?;
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_shown_safely = id.bytes().all(is_id) && !id.starts_with('-');
    (!id.is_empty() && is_shown_safely && (flags.is_empty() || flags.starts_with(':')))
        .then_some(id)
}

pub(super) fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::Maildir;
    use super::*;

    #[test]
    fn stored_messages_are_listed_and_can_be_removed() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(kept(dir.path()).unwrap(), []);
        let quarantine = Maildir::new(dir.path());
        let put = |id, message: &[u8]| {
            quarantine
                .store(&PopgateId::new(id).unwrap(), message)
                .unwrap();
        };
        put("abc-1", b"one");
        put("abc-2", b"three");
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
        second.leave(Left::Deleted).unwrap();
        assert_eq!(kept(dir.path()).unwrap().len(), 1);
    }

    #[test]
    fn links_pipes_and_odd_names_are_no_messages() {
        let dir = tempfile::tempdir().unwrap();
        Maildir::new(dir.path()).open().unwrap();
        let new = dir.path().join("quarantine/new");
        let secret = dir.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, new.join("abc-1.popgate")).unwrap();
        let pipe = new.join("abc-2.popgate");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        fs::create_dir(new.join("abc-3.popgate")).unwrap();
        for odd in [
            "\u{1b}[2J.popgate",
            "-x.popgate",
            ".popgate",
            "abc-5.popgate.eml",
        ] {
            fs::write(new.join(odd), "x").unwrap();
        }
        assert_eq!(kept(dir.path()).unwrap(), []);
        // A file that is replaced after it was listed.
        let path = new.join("abc-4.popgate");
        fs::write(&path, "x").unwrap();
        let listed = kept(dir.path()).unwrap().remove(0);
        for replace in [
            &|path: &Path| symlink(&secret, path).unwrap(),
            &|path: &Path| fs::rename(&pipe, path).unwrap(),
        ] as [&dyn Fn(&Path); 2]
        {
            fs::remove_file(&path).unwrap();
            replace(&path);
            let error = listed.message().unwrap_err().to_string();
            assert!(error.contains("abc-4"), "{error}");
        }
    }
}
