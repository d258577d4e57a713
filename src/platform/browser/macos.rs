//! A browser on macOS. All users can read the arguments of all processes, so the browser gets the name of a file that only
//! its owner can read, and that leads to the address. It has not run on macOS yet.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::unistd::geteuid;

use super::html::escaped;

pub(super) fn is_meant() -> bool {
    let is_remote = std::env::var_os("SSH_CONNECTION").is_some();
    !is_remote && !geteuid().is_root() && io::stdout().is_terminal()
}

pub(super) fn show(address: &str) -> io::Result<()> {
    let address = escaped(address);
    show_page(&format!(
        "<meta name=\"referrer\" content=\"no-referrer\"><meta http-equiv=\"refresh\" content=\"0; url={address}\">"
    ))
}

pub(super) fn show_text(text: &str) -> io::Result<()> {
    show_page(&format!("<h1>popgate</h1><p>{}</p>", escaped(text)))
}

/// The folder for temporary files is the person's own; the system removes what is old there.
fn show_page(body: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix("popgate-")
        .suffix(".html")
        .tempfile()?;
    write!(
        file,
        "<!doctype html><meta charset=\"utf-8\"><title>popgate</title>{body}\n"
    )?;
    // The browser reads it later.
    let (_, path) = file.keep().map_err(|error| error.error)?;
    open(&path)
}

fn open(path: &Path) -> io::Result<()> {
    let mut command = Command::new("open");
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.stderr(Stdio::null()).status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other("no browser could be opened")),
    }
}
