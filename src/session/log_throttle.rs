//! Limits the log lines of one kind: a flood must not fill the disk.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind per second.
const MOST_LINES: u32 = 20;

/// Counts lines by kind; kept across reloads.
#[derive(Debug, Default)]
pub(super) struct LogThrottle(Mutex<HashMap<&'static str, Lines>>);

#[derive(Debug)]
struct Lines {
    since: Instant,
    count: u32,
}

/// How many lines of a kind were left out before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suppressed(u32);

impl Suppressed {
    /// For the log: nothing if there were none.
    pub(super) fn lines(self) -> Option<u32> {
        Some(self.0).filter(|lines| *lines > 0)
    }
}

impl LogThrottle {
    /// Whether the log may have one more line of this kind.
    pub(super) fn admit(&self, kind: &'static str) -> Option<Suppressed> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let lines = kinds.entry(kind).or_insert(Lines {
            since: now,
            count: 0,
        });
        if now.duration_since(lines.since) >= Duration::from_secs(1) {
            let suppressed = lines.count.saturating_sub(MOST_LINES);
            *lines = Lines {
                since: now,
                count: 1,
            };
            return Some(Suppressed(suppressed));
        }
        lines.count += 1;
        (lines.count <= MOST_LINES).then_some(Suppressed(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_logged_in_a_few_lines() {
        let log = LogThrottle::default();
        let lines = (0..1000).filter(|_| log.admit("loop").is_some());
        // Each further second on a slow machine adds a few lines.
        assert!((1..=200).contains(&lines.count()));
        assert!(log.admit("plaintext").is_some());
    }
}
