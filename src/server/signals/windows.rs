//! What stops and reloads a server on Windows: Ctrl-C, Ctrl-Break, the window that is closed and the end of the session stop
//! it; the service manager stops and reloads it. There is no signal that reloads.

use std::io;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};
use tokio::sync::Notify;

/// The service manager calls a function of its own thread: this is how it reaches the server.
static SERVICE_STOPS: Notify = Notify::const_new();
static SERVICE_RELOADS: Notify = Notify::const_new();

/// Stops the server, as the service manager wants it.
pub fn stop_service() {
    SERVICE_STOPS.notify_one();
}

/// Reloads the server, as the service manager wants it.
pub fn reload_service() {
    SERVICE_RELOADS.notify_one();
}

/// What stops a server. Once this exists, none of it ends the process by itself.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl StopSignals {
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
            _ = self.close.recv() => {}
            _ = self.shutdown.recv() => {}
            () = SERVICE_STOPS.notified() => {}
        }
    }
}

/// What reloads a server.
#[derive(Debug)]
pub struct ReloadSignal(());

impl ReloadSignal {
    /// # Errors
    /// None.
    pub fn new() -> io::Result<Self> {
        Ok(Self(()))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        SERVICE_RELOADS.notified().await;
    }
}
