//! Opens mail files and folders, which may belong to somebody who wants to make root read another file.
//!
//! In: a path from the command line, or one found below it; out: an open regular file. A path from the command line may
//! be a symbolic link (for root, only one owned by root), or a pipe under `/dev`, as the shell creates for `<(...)`.
//! Below it, no symbolic link is followed, not even one that replaces a folder in the meantime, and only regular files
//! are opened: a pipe without a writer would block, and opening a device may have side effects.

mod not_read;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use not_read::NotRead;
pub(super) use not_read::OTHER;
#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

/// A mail file.
#[derive(Debug, Clone)]
pub struct MailFile {
    path: PathBuf,
    /// The folder from the command line that contains it, and its path relative to that.
    inside: Option<(Arc<system::Folder>, PathBuf)>,
}

impl MailFile {
    /// A file from the command line.
    pub fn named(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            inside: None,
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for reading.
    ///
    /// # Errors
    /// If it is skipped or cannot be opened.
    pub(super) fn open(&self) -> Result<File, NotRead> {
        let Some((folder, path)) = &self.inside else {
            return system::open_named(&self.path);
        };
        let file = folder.open_below(path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(NotRead::Skipped(OTHER)),
        }
    }

    /// Its size, or 0 if unknown.
    pub(super) fn size(&self) -> u64 {
        fs::symlink_metadata(&self.path).map_or(0, |about| about.len())
    }
}

/// A folder from the command line.
#[derive(Debug)]
pub(super) struct MailFolder {
    path: PathBuf,
    folder: Arc<system::Folder>,
}

impl MailFolder {
    /// Opens the folder; `None` if the path is not a folder.
    ///
    /// # Errors
    /// If it is skipped or cannot be opened.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, NotRead> {
        if !path.is_dir() {
            return Ok(None);
        }
        system::refuse_foreign_link(path)?;
        let folder = Arc::new(system::Folder::open(path)?);
        let path = path.to_owned();
        Ok(Some(Self { path, folder }))
    }

    /// The file at this path below it.
    pub(super) fn file(&self, path: PathBuf) -> MailFile {
        let below = path.strip_prefix(&self.path).map(Path::to_owned);
        MailFile {
            inside: below.ok().map(|below| (Arc::clone(&self.folder), below)),
            path,
        }
    }
}
