//! Temporary files: locked by the process that writes them, so that those of a killed process can be told apart.
//!
//! In: the path of a file to write, or a folder to clean; out: a locked file, or how many leftovers were removed.
//! The kernel gives the lock back when a process ends, however it ends. Where a file system has no locks, a file
//! is a leftover after the 36 hours of the Maildir convention. A file that is being written is never removed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::platform::features;
use crate::platform::file_access::without_following;
use crate::platform::file_identity::{FileId, is_deleted};
use crate::platform::private_files::{given_to_owner, owner_only};

/// Without locks, a temporary file older than this belongs to no process.
const ABANDONED_AFTER: Duration = Duration::from_secs(36 * 60 * 60);

/// The temporary files of a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Of processes that have ended.
    pub abandoned: usize,
    /// Of processes that are writing them.
    pub in_use: usize,
}

/// Creates a file, and locks it until it is closed.
pub(super) fn create(path: &Path) -> io::Result<File> {
    loop {
        let mut options = OpenOptions::new();
        owner_only(&mut options);
        // If root writes into a user's folder, a symbolic link must not redirect the write.
        without_following(options.write(true).create(true).truncate(true));
        let file = given_to_owner(options.open(path)?, path)?;
        // Without locks, the file's age decides.
        let _ = file.lock();
        // Another process may have taken it for a leftover before it was locked.
        if !is_deleted(&file)? {
            return Ok(file);
        }
    }
}

/// As [`create`], for a file that SQLite opens by itself: where locks are mandatory it could not write to one that is
/// locked, and the file's age tells whether it is a leftover.
pub(super) fn create_for_sqlite(path: &Path) -> io::Result<File> {
    let file = create(path)?;
    if features::LOCKS_ARE_MANDATORY {
        file.unlock()?;
    }
    Ok(file)
}

/// Removes what killed processes left in a folder, of the files with such names.
///
/// # Errors
/// The system's; a folder that is missing has no leftovers.
pub(super) fn remove_abandoned(
    folder: &Path,
    is_temporary: impl Fn(&str) -> bool,
) -> io::Result<Leftovers> {
    visit(folder, is_temporary, |path| fs::remove_file(path))
}

/// Counts them.
///
/// # Errors
/// As [`remove_abandoned`].
pub(super) fn count(folder: &Path, is_temporary: impl Fn(&str) -> bool) -> io::Result<Leftovers> {
    visit(folder, is_temporary, |_| Ok(()))
}

fn visit(
    folder: &Path,
    is_temporary: impl Fn(&str) -> bool,
    act: impl Fn(&Path) -> io::Result<()>,
) -> io::Result<Leftovers> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Leftovers::default()),
        Err(error) => return Err(error),
    };
    let mut found = Leftovers::default();
    for entry in entries {
        let entry = entry?;
        if !is_temporary(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        // The lock must be held until the file is gone.
        match abandoned(&path).and_then(|lock| match lock {
            Some(lock) => act(&path).map(|()| Some(lock)),
            None => Ok(None),
        }) {
            Ok(Some(_)) => found.abandoned += 1,
            Ok(None) => found.in_use += 1,
            // Completed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The file, locked, if no process writes it.
fn abandoned(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = without_following(options.read(true)).open(path)?;
    let is_abandoned = match file.try_lock() {
        // Its writer may have completed it, and begun another of that name, before it was locked.
        Ok(()) => FileId::at(path)? == FileId::of(&file)?,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(_)) => {
            file.metadata()?.modified()?.elapsed().unwrap_or_default() > ABANDONED_AFTER
        }
    };
    Ok(is_abandoned.then_some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(abandoned: usize, in_use: usize) -> Leftovers {
        Leftovers { abandoned, in_use }
    }

    #[test]
    fn only_files_that_nobody_writes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let is_temporary = |name: &str| name.ends_with(".new");
        let written = create(&path("written.new")).unwrap();
        drop(create(&path("left.new")).unwrap());
        fs::write(path("other"), "").unwrap();
        assert_eq!(count(folder.path(), is_temporary).unwrap(), found(1, 1));
        let removed = remove_abandoned(folder.path(), is_temporary).unwrap();
        assert_eq!(removed, found(1, 1));
        let there = |name| path(name).exists();
        assert!(there("written.new") && there("other") && !there("left.new"));
        drop(written);
        let removed = remove_abandoned(folder.path(), is_temporary).unwrap();
        assert_eq!(removed, found(1, 0));
        let missing = remove_abandoned(&path("missing"), is_temporary);
        assert_eq!(missing.unwrap(), found(0, 0));
    }

    /// One thread writes files while another cleans the folder: each file must arrive.
    #[test]
    fn cleaning_never_disturbs_a_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    remove_abandoned(folder.path(), |name| name.ends_with(".new")).unwrap();
                }
            });
            for number in 0..2000 {
                let (new, last) = (path(&format!("{number}.new")), path(&format!("{number}")));
                let file = create(&new).unwrap();
                fs::rename(&new, &last).unwrap();
                drop(file);
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 2000);
    }
}
