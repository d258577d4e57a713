//! Why the learned state cannot be read or written.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::store::store_error::StoreError;

/// The format of the files. A change that older releases would misread increments it.
pub(super) const VERSION: u32 = 3;

/// Why the learned state cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// The system's error.
    Io(PathBuf, io::Error),
    /// The file is not popgate's, or damaged.
    Damaged(PathBuf, String),
    /// A later release wrote it.
    Newer(PathBuf, u32),
    /// Another process is learning.
    Busy(PathBuf),
    /// The store of the lessons cannot be used.
    Store(StoreError),
    /// A lesson that other nodes have taught is not one of this popgate's: a later one wrote it.
    UnknownLesson(u64),
}

impl From<StoreError> for KnowledgeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for KnowledgeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) if error.kind() == io::ErrorKind::PermissionDenied => write!(
                f,
                "{}: {error}; be the user that popgate runs as, or name another --data-dir",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged(path, why) => write!(
                f,
                "{}: {why}; `popgate train` keeps it aside and begins anew, or put back a copy",
                path.display()
            ),
            Self::Newer(path, version) => write!(
                f,
                "{}: written by a later popgate (format {version}, this one knows {}); use that one",
                path.display(),
                VERSION
            ),
            Self::Store(error) => error.fmt(f),
            Self::UnknownLesson(number) => write!(
                f,
                "lesson {number} of the store was written by a later popgate; upgrade this node, too"
            ),
            Self::Busy(path) => write!(
                f,
                "{}: another process is learning; wait until it is done",
                path.display()
            ),
        }
    }
}

impl std::error::Error for KnowledgeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
