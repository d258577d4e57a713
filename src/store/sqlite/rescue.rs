//! A database whose file somebody has deleted while it is in use: the open connection still reads it.
//!
//! In: the connection; out: the file with all that was in it, in its old place.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::super::store_error::StoreError;
use super::super::temporary;
use super::backup::{beside, durable_rename, named};
use super::{connection, failure};

/// Writes the database into its place again, and opens it anew.
///
/// # Errors
/// If it cannot be read or written.
pub(super) fn rescue(open: &Connection, path: &Path) -> Result<Connection, StoreError> {
    let new = beside(path);
    let made = temporary::create_for_sqlite(&new).map_err(|error| named(&new, &error));
    let copied = made.and_then(|file| {
        let target = new.to_string_lossy();
        let copied = open.execute("VACUUM INTO ?1", [&*target]);
        copied.map_err(|error| failure::of(path, &error))?;
        // Logs of the deleted file would be read as the new one's.
        for ending in ["sqlite-wal", "sqlite-shm"] {
            match fs::remove_file(path.with_extension(ending)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(named(path, &error));
                }
                _ => {}
            }
        }
        durable_rename(&file, &new, path)
    });
    let rescued =
        copied.and_then(|()| connection::writer(path).map_err(|error| failure::of(path, &error)));
    rescued.inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}
