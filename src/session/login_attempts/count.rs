//! The logins of one account, or of one address: those that failed, and those that are under way.
//!
//! In: how each ended, and the time; out: whether one more may be sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an account that has logged in from an address is not affected by failures of others there.
pub(super) const KNOWN: Duration = Duration::from_secs(24 * 3600);

/// The logins of one account, or of one address.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) failures: u32,
    last_failure: Option<Instant>,
    pub(super) in_flight: u32,
    /// How many more may be under way, since others succeeded.
    extra: u32,
    last_success: Option<Instant>,
    /// Wakes the logins that wait for their turn.
    turn: Arc<Notify>,
}

/// Why a login may not be sent now.
pub(super) enum NotYet {
    Paused(Duration),
    Later(Arc<Notify>),
}

impl Count {
    /// Whether one more login may be sent.
    pub(super) fn admits(&self, most: u32, pause: Duration, now: Instant) -> Result<(), NotYet> {
        let failures = self.recent_failures(pause, now);
        if failures >= most {
            let since = self.last_failure.map(|last| now.duration_since(last));
            let left = pause.saturating_sub(since.unwrap_or_default());
            return Err(NotYet::Paused(left));
        }
        match self.has_room(failures, most) {
            true => Ok(()),
            false => Err(NotYet::Later(Arc::clone(&self.turn))),
        }
    }

    fn has_room(&self, failures: u32, most: u32) -> bool {
        failures.saturating_add(self.in_flight) < most.saturating_add(self.extra)
    }

    pub(super) fn succeeded(&mut self, most: u32, now: Instant) {
        let was_full = !self.has_room(0, most);
        self.failures = 0;
        self.last_failure = None;
        self.last_success = Some(now);
        if was_full {
            self.extra = self.extra.saturating_add(1);
        }
    }

    /// Failures before the last pause no longer count.
    pub(super) fn recent_failures(&self, pause: Duration, now: Instant) -> u32 {
        let last = self.last_failure;
        match last.is_some_and(|last| now.duration_since(last) < pause) {
            true => self.failures,
            false => 0,
        }
    }

    pub(super) fn failed(&mut self, pause: Duration, now: Instant) {
        self.failures = self.recent_failures(pause, now).saturating_add(1);
        self.extra = 0;
        self.last_failure = Some(now);
    }

    pub(super) fn is_known(&self, now: Instant) -> bool {
        let last = self.last_success;
        last.is_some_and(|last| now.duration_since(last) < KNOWN)
    }

    pub(super) fn is_idle(&self) -> bool {
        // A login that waits has a copy.
        self.in_flight == 0 && Arc::strong_count(&self.turn) == 1
    }

    /// One login less is under way.
    pub(super) fn answered(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.in_flight == 0 {
            self.extra = 0;
        }
        self.turn.notify_one();
    }
}
