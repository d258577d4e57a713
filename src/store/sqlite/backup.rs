//! Copies of the database: made while it is in use, and put back while it is not.
//!
//! In: a data directory and a file; out: a copy that is on disk when this returns, or an error, and then nothing is
//! changed. The messages in quarantine, what was learned and the tokens are folders of their own, which any program can
//! copy.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::super::records::Timestamp;
use super::super::store_error::{StoreError, StoreErrorKind};
use super::super::{durable_write, temporary};
use super::connection::{self, FILE};
use super::failure;
use super::integrity::{self, Checked};
use super::lock::Lock;
use super::migrations::{self, Unfit};
use crate::platform::file_identity::FileId;

/// What is wrong with a file takes as long to find as it takes.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Copies the database of a data directory into a file, while servers use it. An older backup is replaced.
///
/// # Errors
/// Why it cannot be read or copied; the file stays as it was then.
pub fn backup(data_dir: &Path, to: &Path) -> Result<u64, StoreError> {
    let from = data_dir.join(FILE);
    may_be_replaced(&from, to)?;
    let source = open(&from)?;
    let new = beside(to);
    // Private from the start: SQLite writes into an empty file that exists.
    let made = temporary::create_for_sqlite(&new).map_err(|error| named(&new, &error));
    let copied = made.and_then(|file| {
        let target = new.to_string_lossy();
        let copied = source.execute("VACUUM INTO ?1", [&*target]);
        copied.map_err(|error| failure::of(&from, &error))?;
        durable_rename(&file, &new, to)?;
        let about = file.metadata().map_err(|error| named(to, &error))?;
        Ok(about.len())
    });
    copied.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// What is at a path is no backup: it is not overwritten.
fn may_be_replaced(from: &Path, to: &Path) -> Result<(), StoreError> {
    let Ok(there) = FileId::at(to) else {
        return Ok(());
    };
    let refused = |why: &str| {
        let message = format!("{}: {why}; name another file", to.display());
        Err(StoreError::new(StoreErrorKind::Refused, message))
    };
    let source = FileId::at(from).map_err(|error| named(from, &error))?;
    if there == source {
        return refused("is the store itself");
    }
    match open(to) {
        Ok(_) => Ok(()),
        Err(_) => refused("exists, and is not a backup of popgate's store"),
    }
}

/// Puts a copy in the place of the database of a data directory that no process uses. What was there is kept; returns
/// its new path, if there was something.
///
/// # Errors
/// Why it cannot be done; nothing is changed then.
pub fn restore(data_dir: &Path, from: &Path) -> Result<Option<PathBuf>, StoreError> {
    let to = data_dir.join(FILE);
    let _lock = Lock::alone(data_dir)?;
    let mut source = open(from)?;
    let checked = integrity::check(&mut source, NO_LIMIT);
    if let Checked::Damaged(problem) = checked.map_err(|error| failure::of(from, &error))? {
        let message = format!("{}: the backup is damaged: {problem}", from.display());
        return Err(StoreError::new(StoreErrorKind::Corrupt, message));
    }
    let new = beside(&to);
    let made = temporary::create_for_sqlite(&new).map_err(|error| named(&new, &error));
    let kept = made.and_then(|file| {
        let target = new.to_string_lossy();
        let copied = source.execute("VACUUM INTO ?1", [&*target]);
        copied.map_err(|error| failure::of(from, &error))?;
        let kept = put_aside(&to, "before")?;
        durable_rename(&file, &new, &to)?;
        Ok(kept)
    });
    kept.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Renames the database with its log: a log that stayed would be read as the new database's.
pub(super) fn put_aside(path: &Path, why: &str) -> Result<Option<PathBuf>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let aside = with_ending(path, &format!(".{why}-{}", Timestamp::now()));
    for ending in ["-wal", "-shm", ""] {
        let (old, new) = (with_ending(path, ending), with_ending(&aside, ending));
        match fs::rename(&old, &new) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(&old, &error)),
        }
    }
    Ok(Some(aside))
}

pub(super) fn durable_rename(file: &File, from: &Path, to: &Path) -> Result<(), StoreError> {
    let renamed = || {
        file.sync_all()?;
        fs::rename(from, to)?;
        durable_write::sync_folder(to)
    };
    renamed().map_err(|error| named(to, &error))
}

/// Opens a database of popgate's for reading, whatever its log's mode.
fn open(path: &Path) -> Result<Connection, StoreError> {
    let opened = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(connection::WRITER_WAITS)?;
        match migrations::version(&connection)? {
            0 => Err(Unfit::Foreign(StoreError::new(
                StoreErrorKind::Incompatible,
                "it is empty",
            ))),
            _ => Ok(connection),
        }
    };
    match fs::metadata(path) {
        Ok(about) if about.is_file() => {}
        Ok(_) => return Err(named(path, &io::Error::other("is not a file"))),
        Err(error) => return Err(named(path, &error)),
    }
    opened().map_err(|unfit| match unfit {
        Unfit::Failed(error) => failure::of(path, &error),
        Unfit::Foreign(error) => {
            StoreError::new(error.kind(), format!("{}: {error}", path.display()))
        }
    })
}

/// A temporary file's path beside a file.
pub(super) fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}", fastrand::u64(..)))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

pub(super) fn named(path: &Path, error: &io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull => StoreErrorKind::Full,
        _ => StoreErrorKind::Unreachable,
    };
    StoreError::new(kind, format!("{}: {error}", path.display()))
}
