//! Who uses the database of a data directory: many processes, or one that replaces the file.
//!
//! A lock on a file of its own, `store.lock`: SQLite has locks of its own on the database, and where locks are emulated
//! the two would meet. The kernel gives it back when a process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use super::super::store_error::{StoreError, StoreErrorKind};
use crate::platform::private_files::{given_to_owner, owner_only};

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Beside others. Where a file system has no locks, there is none.
    pub(super) fn shared(data_dir: &Path) -> Result<Self, StoreError> {
        let file = open(data_dir)?;
        match file.try_lock_shared() {
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(
                StoreErrorKind::Busy,
                format!(
                    "{}: the store is being restored; try again when that has ended",
                    data_dir.display()
                ),
            )),
        }
    }

    /// Without others.
    pub(super) fn alone(data_dir: &Path) -> Result<Self, StoreError> {
        let file = open(data_dir)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::Error(error)) => Err(failed(data_dir, &error)),
            Err(TryLockError::WouldBlock) => Err(StoreError::new(
                StoreErrorKind::Busy,
                format!(
                    "{}: popgate is running on this data directory; stop it first",
                    data_dir.display()
                ),
            )),
        }
    }
}

fn open(data_dir: &Path) -> Result<File, StoreError> {
    let path = data_dir.join("store.lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let opened = owner_only(&mut options).open(&path);
    let opened = opened.and_then(|file| given_to_owner(file, &path));
    opened.map_err(|error| failed(&path, &error))
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    let message = format!("{}: {error}", path.display());
    StoreError::new(StoreErrorKind::Unreachable, message)
}
