//! Names the file in an error of the system.

use std::io;
use std::path::Path;

/// The same error, whose message begins with the path.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
