//! The system's clock.

/// What sets it, as a sentence.
pub const HOW_TO_SET: &str = system::HOW_TO_SET;

#[cfg(target_os = "linux")]
mod system {
    pub(super) const HOW_TO_SET: &str = "set the time: `timedatectl set-ntp true`";
}

#[cfg(windows)]
mod system {
    pub(super) const HOW_TO_SET: &str = "set the time: `w32tm /resync`, as administrator";
}

#[cfg(not(any(target_os = "linux", windows)))]
mod system {
    pub(super) const HOW_TO_SET: &str = "set the time in the system's settings";
}
