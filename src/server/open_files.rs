//! The limit of open files: two a session, and the usual soft limit of 1024 ends at 500 sessions.

use std::io;

/// Raises the limit as far as the system allows.
pub fn raise_limit() {
    system::raise_limit();
}

/// How far it can be raised.
///
/// # Errors
/// The system's.
pub fn highest_limit() -> io::Result<u64> {
    system::highest_limit()
}

#[cfg(unix)]
mod system {
    use std::io;

    pub(super) fn raise_limit() {
        if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
            tracing::warn!(%error, "the limit of open files is unchanged");
        }
    }

    pub(super) fn highest_limit() -> io::Result<u64> {
        rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(_, hard)| hard)
    }
}

/// Windows limits handles by memory only.
#[cfg(windows)]
mod system {
    use std::io;

    pub(super) fn raise_limit() {}

    pub(super) fn highest_limit() -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
