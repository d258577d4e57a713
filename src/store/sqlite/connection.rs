//! Connections to the file, and the file itself: private to its owner.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::super::store_error::{StoreError, StoreErrorKind};
use crate::platform::file_identity::FileId;
use crate::platform::private_files::{create_folder as create_private, given_to_owner, owner_only};

/// The file's name in the data directory.
pub const FILE: &str = "popgate.sqlite";

/// How long a writer waits for another process.
pub(super) const WRITER_WAITS: Duration = Duration::from_secs(2);

/// How long a reader waits: readers wait for nobody but a process that recovers the log.
const READER_WAITS: Duration = Duration::from_millis(500);

/// The statements of a connection that stay compiled.
const STATEMENTS: usize = 64;

/// The file at a path; `None` if there is none, or somebody has emptied it.
pub(super) fn file_id(path: &Path) -> Option<FileId> {
    let about = std::fs::metadata(path).ok()?;
    let is_one = about.is_file() && about.len() > 0;
    is_one.then(|| FileId::at(path).ok()).flatten()
}

/// Creates the folder, if it is missing.
///
/// # Errors
/// Why it cannot be created.
pub(super) fn create_folder(data_dir: &Path) -> Result<(), StoreError> {
    create_private(data_dir).map_err(|error| unreachable(data_dir, &error))
}

/// Creates the file, if it is missing.
///
/// # Errors
/// Why it cannot be created, or is no file.
pub(super) fn create_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::metadata(path) {
        Ok(about) if about.is_file() => return Ok(()),
        Ok(_) => {
            let message = format!(
                "{}: is not a file; move it away, or name another data.dir",
                path.display()
            );
            return Err(StoreError::new(StoreErrorKind::Unreachable, message));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(unreachable(path, &error)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let created = owner_only(&mut options).open(path);
    match created {
        Ok(file) => given_to_owner(file, path).map(drop),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
    .map_err(|error| unreachable(path, &error))
}

fn unreachable(path: &Path, error: &io::Error) -> StoreError {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; data.dir must be a folder that popgate may write to"
        }
        _ => "",
    };
    let message = format!("{}: {error}{advice}", path.display());
    StoreError::new(StoreErrorKind::Unreachable, message)
}

/// The connection that writes.
pub(super) fn writer(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(WRITER_WAITS)?;
    // What is not in write-ahead log mode yet is not read by anybody yet.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    // The log shrinks again after a backup during which it grew.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Pages that many batches change are copied into the file less often than every 4 MiB.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "cache_size", -8192)?; // KiB
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// A connection that reads.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(READER_WAITS)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -4096)?; // KiB
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
