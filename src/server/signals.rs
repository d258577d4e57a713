//! What stops and reloads a server from outside: signals on Unix, the console's keys and the service manager on Windows.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::{ReloadSignal, StopSignals};
#[cfg(windows)]
pub use windows::{ReloadSignal, StopSignals, reload_service, stop_service};
