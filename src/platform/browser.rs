//! Shows an address that lets a person in, in a browser, without telling it to anybody else.

use std::io;

#[cfg(target_os = "linux")]
mod handed_over;
#[cfg(any(target_os = "linux", target_os = "macos"))]
mod html;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "macos")]
mod macos;
#[cfg(windows)]
mod windows;

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
use self::none as system;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
#[cfg(windows)]
use windows as system;

/// Whether a person who asks for an address means a browser: one is there, and no program reads what is printed.
pub fn is_meant() -> bool {
    system::is_meant()
}

/// Shows an address in the browser that the person has chosen.
///
/// # Errors
/// If there is no program that does, or it fails at once.
pub fn show(address: &str) -> io::Result<()> {
    system::show(address)
}

/// Shows a text there, for somebody who sees no terminal.
///
/// # Errors
/// As for [`show`].
pub fn show_text(text: &str) -> io::Result<()> {
    system::show_text(text)
}

#[cfg(all(unix, not(any(target_os = "linux", target_os = "macos"))))]
mod none {
    use std::io;

    pub(super) fn is_meant() -> bool {
        false
    }

    pub(super) fn show(_: &str) -> io::Result<()> {
        Err(io::Error::other("no browser is known here"))
    }

    pub(super) fn show_text(_: &str) -> io::Result<()> {
        Err(io::Error::other("no browser is known here"))
    }
}
