//! The connections that read: as many as threads read at a time, a few of which stay open.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use super::connection;
use crate::platform::file_identity::FileId;

/// Idle connections that stay open.
const KEPT: usize = 4;

/// See the module.
#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<(FileId, Connection)>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Reads within one snapshot of the database, which is this file. A connection on which something failed is closed,
    /// and so is one to another file that was in its place.
    pub(super) fn read<T>(
        &self,
        file: FileId,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = {
            let mut idle = self.lock();
            idle.retain(|(of, _)| *of == file);
            idle.pop()
        };
        let connection = match idle {
            Some((_, connection)) => connection,
            None => connection::reader(&self.path)?,
        };
        let found = {
            let snapshot = connection.unchecked_transaction()?;
            let found = read(&snapshot)?;
            snapshot.finish()?;
            found
        };
        let mut idle = self.lock();
        if idle.len() < KEPT {
            idle.push((file, connection));
        }
        Ok(found)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(FileId, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
