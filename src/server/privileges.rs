//! What this process may do, and what it gives up before it reads untrusted mail.

#[cfg(unix)]
mod capabilities;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub use system::{
    can_bind_low_ports, can_use_tproxy, can_write, give_up_root, is_root, refuses_root, user_status,
};

/// Whether this process can become a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// It can.
    CanBecome,
    /// It is that user.
    Current,
    /// Only root can.
    NeedsRoot,
    /// There is no such user.
    Unknown,
}
