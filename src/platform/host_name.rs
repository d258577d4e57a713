//! What this machine is called.

/// The name, for people; empty if it has none.
pub fn host_name() -> String {
    system::host_name()
}

#[cfg(unix)]
mod system {
    pub(super) fn host_name() -> String {
        let name = nix::unistd::gethostname().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

#[cfg(windows)]
mod system {
    pub(super) fn host_name() -> String {
        std::env::var("COMPUTERNAME").unwrap_or_default()
    }
}
