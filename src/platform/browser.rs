//! Opens the person's browser.

use std::io;
use std::process::Stdio;

/// Shows an address in the browser that the person has chosen.
///
/// # Errors
/// If there is no program that does, or it fails at once.
pub fn open(address: &str) -> io::Result<()> {
    let mut command = system::command(address);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other("no browser could be opened")),
    }
}

#[cfg(unix)]
mod system {
    use std::process::Command;

    pub(super) fn command(address: &str) -> Command {
        let opener = match cfg!(target_os = "macos") {
            true => "open",
            false => "xdg-open",
        };
        let mut command = Command::new(opener);
        command.arg(address);
        command
    }
}

#[cfg(windows)]
mod system {
    use std::process::Command;

    /// Not by `start`: the command line's interpreter would read the address, too.
    pub(super) fn command(address: &str) -> Command {
        let mut command = Command::new("rundll32.exe");
        command.args(["url.dll,FileProtocolHandler", address]);
        command
    }
}
