//! A browser on Linux, started by xdg-open(1). All users can read the arguments of all processes (proc(5)), so the browser
//! gets another address, which works for this user alone.

use std::io::{self, IsTerminal};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::unistd::geteuid;

use super::handed_over::{Answer, hand_over, owner};

/// How long a browser may take to start: one in a container, at its first start, takes more than half a minute.
const LIMIT: Duration = Duration::from_secs(120);

pub(super) fn is_meant() -> bool {
    let has = |name| std::env::var_os(name).is_some_and(|it| !it.is_empty());
    let has_desktop = has("DISPLAY") || has("WAYLAND_DISPLAY");
    // A browser must not run as root, and root's would not reach a person's desktop.
    has_desktop && !geteuid().is_root() && io::stdout().is_terminal()
}

pub(super) fn show(address: &str) -> io::Result<()> {
    hand_over(&Answer::Address(address), open, is_of_this_user, LIMIT)
}

pub(super) fn show_text(text: &str) -> io::Result<()> {
    hand_over(&Answer::Text(text), open, is_of_this_user, LIMIT)
}

fn open(address: &str) -> io::Result<Child> {
    let mut command = Command::new("xdg-open");
    command.arg(address).stdin(Stdio::null());
    let started = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.map_err(|error| io::Error::new(error.kind(), format!("xdg-open: {error}")))
}

fn is_of_this_user(ends: [std::net::SocketAddrV4; 2]) -> bool {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    owner(&table, ends) == Some(geteuid().as_raw())
}
