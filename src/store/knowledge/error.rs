//! Why the learned state cannot be read or written.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The format of the files. A change that older releases would misread increments it.
pub(super) const VERSION: u32 = 2;

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
            _ => None,
        }
    }
}
