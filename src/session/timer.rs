//! One timer per session, cheap while it is not reset.
//!
//! A message takes some tens of microseconds; setting and clearing a timer for each read would cost a good part
//! of that. So the timer may fire too early, and is then set again.

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
