//! Measures run time by a clock that the caller provides; the filter reads no clock itself.

use std::time::{Duration, Instant};

/// Reads a monotonic clock: `Instant::now` in production.
pub type Clock = fn() -> Instant;

/// Measures the time between laps; always zero without a clock.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    clock: Option<Clock>,
    last: Option<Instant>,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start(clock: Option<Clock>) -> Self {
        Self {
            clock,
            last: clock.map(|now| now()),
        }
    }

    /// The time since the start or the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = self.clock.map(|now| now());
        let last = std::mem::replace(&mut self.last, now);
        match (last, now) {
            (Some(last), Some(now)) => now.saturating_duration_since(last),
            _ => Duration::ZERO,
        }
    }
}
