//! The signal to stop: sent once to all sessions, and the wait until they have ended.
//!
//! Each session holds a [`Drain`]; the server holds the [`DrainSignal`]. Sessions end when no response is
//! pending; [`DrainSignal::drained`] returns when all their `Drain`s are dropped.

use tokio::sync::watch;

/// The server's side.
#[derive(Debug)]
pub struct DrainSignal(watch::Sender<bool>);

/// A session's side.
#[derive(Debug, Clone)]
pub struct Drain(watch::Receiver<bool>);

impl Default for DrainSignal {
    fn default() -> Self {
        Self::new()
    }
}

impl DrainSignal {
    /// Not stopping yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// A side for one more session.
    pub fn drain(&self) -> Drain {
        Drain(self.0.subscribe())
    }

    /// Signals all sessions to stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether the signal was given.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until every [`Drain`] is dropped.
    pub async fn drained(&self) {
        self.0.closed().await;
    }
}

impl Drain {
    /// Waits for the signal.
    pub async fn stopping(mut self) {
        // An error means that the sender was dropped, which is a stop, too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
