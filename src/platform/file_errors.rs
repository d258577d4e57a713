//! Errors of files that each system has its own numbers for, and for which the standard library has no kind.

use std::io;

/// Whether it has nothing to do with the file: the process or the system has no more files or memory.
pub fn is_exhausted(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| system::EXHAUSTED.contains(&code))
}

/// Whether a file system has no hard links, or no more of them for this file: FAT and some network file systems.
pub fn has_no_links(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| system::NO_LINKS.contains(&code))
}

/// Whether what was opened is no file, but a socket or the end of a pipe without the other one.
pub fn is_no_file(error: &io::Error) -> bool {
    error
        .raw_os_error()
        .is_some_and(|code| system::NO_FILE.contains(&code))
}

#[cfg(unix)]
mod system {
    use nix::errno::Errno;

    pub(super) const EXHAUSTED: &[i32] = &[
        Errno::EMFILE as i32,
        Errno::ENFILE as i32,
        Errno::ENOMEM as i32,
    ];
    pub(super) const NO_LINKS: &[i32] = &[
        Errno::EPERM as i32,
        Errno::EOPNOTSUPP as i32,
        Errno::ENOSYS as i32,
        Errno::EMLINK as i32,
    ];
    pub(super) const NO_FILE: &[i32] = &[Errno::ENXIO as i32];
}

/// Numbers of winerror.h.
#[cfg(windows)]
mod system {
    /// ERROR_TOO_MANY_OPEN_FILES, ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_NO_SYSTEM_RESOURCES.
    pub(super) const EXHAUSTED: &[i32] = &[4, 8, 14, 1450];
    /// ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED, ERROR_CALL_NOT_IMPLEMENTED, ERROR_TOO_MANY_LINKS.
    pub(super) const NO_LINKS: &[i32] = &[1, 50, 120, 1142];
    pub(super) const NO_FILE: &[i32] = &[];
}
