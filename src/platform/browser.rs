//! Shows an address that lets a person in, where a browser can be started without telling it to anybody else.

use std::io;

/// Shows an address in the browser that the person has chosen; `false` where it is only to be printed.
///
/// # Errors
/// If there is no program that does, or it fails at once.
pub fn show(address: &str) -> io::Result<bool> {
    system::show(address)
}

/// A browser gets the address as an argument, and all users can read the arguments of all processes (proc(5)).
#[cfg(unix)]
mod system {
    use std::io;

    pub(super) fn show(_: &str) -> io::Result<bool> {
        Ok(false)
    }
}

/// Only administrators can read the arguments of another person's processes.
#[cfg(windows)]
mod system {
    use std::io;
    use std::process::{Command, Stdio};

    /// Not by `start`: the command line's interpreter would read the address, too.
    pub(super) fn show(address: &str) -> io::Result<bool> {
        let mut command = Command::new("rundll32.exe");
        command.args(["url.dll,FileProtocolHandler", address]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status()?;
        match status.success() {
            true => Ok(true),
            false => Err(io::Error::other("no browser could be opened")),
        }
    }
}
