//! Privileges of a Windows process: its account has them from the start, and there is nothing to give up. The service
//! manager starts popgate as an account that has few.

use std::io;
use std::path::Path;

use super::UserStatus;
use crate::config::Config;
use crate::schema::Problem;

/// There is no root.
pub fn refuses_root(_: &Config) -> Option<Problem> {
    None
}

/// Nothing to give up: `process.user` is refused with the other settings that Windows has not.
///
/// # Errors
/// None.
pub fn give_up_root(_: &Config) -> Result<(), Problem> {
    Ok(())
}

/// Every account may bind every port that is free.
pub fn can_bind_low_ports() -> bool {
    true
}

/// There is no TPROXY.
pub fn can_use_tproxy() -> bool {
    false
}

/// There is no root.
pub fn is_root() -> bool {
    false
}

/// Whether this process may create a file in a folder. Only an attempt tells: access lists, read-only media and
/// folders that Windows itself protects all say no in their own way.
///
/// # Errors
/// Why not.
pub fn can_write(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}

/// A process does not become another user.
pub fn user_status(_: &str) -> UserStatus {
    UserStatus::Unknown
}
