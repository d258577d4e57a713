//! Keeps passwords and mail in memory from being written to disk when the process crashes, and from other processes
//! of the same user.

/// Forbids core dumps, and debuggers of other processes that are not root's. To be called again after the process
/// has become another user: that may permit them. On Windows none is written unless the administrator asks for them.
pub fn forbid() {
    system::forbid();
}

#[cfg(unix)]
mod system {
    use rlimit::Resource;

    pub(super) fn forbid() {
        // Enough where core dumps are files.
        if let Err(error) = rlimit::setrlimit(Resource::CORE, 0, 0) {
            tracing::warn!(%error, "core dumps cannot be limited");
        }
        // Where a program gets them (core_pattern with a pipe), the limit has no effect.
        #[cfg(target_os = "linux")]
        if let Err(error) = nix::sys::prctl::set_dumpable(false) {
            tracing::warn!(%error, "core dumps cannot be forbidden");
        }
    }
}

#[cfg(windows)]
mod system {
    pub(super) fn forbid() {}
}

#[cfg(test)]
mod tests {
    use rlimit::Resource;

    use super::*;

    #[test]
    fn no_core_dump_is_written() {
        forbid();
        assert_eq!(rlimit::getrlimit(Resource::CORE).unwrap(), (0, 0));
        #[cfg(target_os = "linux")]
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
    }
}
