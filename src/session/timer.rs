//! One timer for a session, cheap to leave alone.
//!
//! A message takes some tens of microseconds; to set and clear a timer for each read of it would
//! cost a good part of that. So the timer only ever fires too early, and is set again then.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer is never set further ahead than this, so that a nearer deadline seldom resets it.
const AHEAD: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Timer {
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    pub(super) fn new() -> Self {
        Self {
            sleep: Box::pin(sleep_until(Instant::now() + AHEAD)),
        }
    }

    /// Ready when `due` has passed.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        if due < self.sleep.deadline() {
            self.sleep.as_mut().reset(due);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if now >= due {
                // Set again at the next call, by a deadline that lies ahead then.
                self.sleep.as_mut().reset(now + AHEAD);
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(due.min(now + AHEAD));
        }
        Poll::Pending
    }
}
