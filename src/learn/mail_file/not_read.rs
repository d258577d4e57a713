//! Why a mail file is not read: it is none, or the system says so.

use std::fmt;
use std::io;

/// Why a file is not read.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotRead {
    /// It is not mail.
    Skipped(&'static str),
    /// The operating system's error.
    Io(io::Error),
}

impl fmt::Display for NotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Skipped(what) => write!(f, "{what}; skipped"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for NotRead {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Anything that is neither a file, a folder nor a symbolic link.
pub(in crate::learn) const OTHER: &str = "is a pipe, a socket or a device";
