//! A breaker: who fails again and again is not asked for a while, so that no message waits for them.
//!
//! In: successes and failures, with the time; out: whether to ask. It opens after some failures in a row. From then on one
//! question is let through after each pause, and the pauses become longer until one succeeds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first pause, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(300)];

/// See the module.
#[derive(Debug)]
pub(super) struct Breaker {
    /// So many failures in a row open it.
    limit: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    pause: Duration,
    /// When the next question is let through.
    next: Instant,
    /// Whether one was let through: only what becomes of that one counts.
    is_tried: bool,
}

/// What has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    /// Nothing.
    Nothing,
    /// It is open now.
    Opened,
    /// It is closed again.
    Closed,
}

impl Breaker {
    /// So many failures in a row open it.
    pub(super) fn new(limit: u32) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Whether to ask now.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut state.open {
            None => true,
            Some(open) if now < open.next => false,
            Some(open) => {
                // The answer may never be told, as when the session ends.
                open.next = now + open.pause;
                open.is_tried = true;
                true
            }
        }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.is_some()
    }

    /// There was a usable answer.
    pub(super) fn succeeded(&self) -> Changed {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = 0;
        match state.open.take() {
            Some(_) => Changed::Closed,
            None => Changed::Nothing,
        }
    }

    /// There was none.
    pub(super) fn failed(&self, now: Instant) -> Changed {
        let mut locked = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *locked;
        state.failures = state.failures.saturating_add(1);
        let [first, longest] = PAUSES;
        match &mut state.open {
            Some(open) if open.is_tried => {
                open.pause = (open.pause * 2).min(longest);
                open.next = now + open.pause;
                open.is_tried = false;
            }
            // It was under way when the breaker opened.
            Some(_) => {}
            None if state.failures >= self.limit => {
                state.open = Some(Open {
                    pause: first,
                    next: now + first,
                    is_tried: false,
                });
                return Changed::Opened;
            }
            None => {}
        }
        Changed::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_question_through_after_each_pause() {
        let (breaker, begin) = (Breaker::new(3), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(breaker.failed(at(0)), Changed::Nothing);
        assert_eq!(breaker.failed(at(0)), Changed::Nothing);
        assert_eq!(breaker.succeeded(), Changed::Nothing);
        assert_eq!(breaker.failed(at(1)), Changed::Nothing);
        assert_eq!(breaker.failed(at(1)), Changed::Nothing);
        assert!(breaker.admits(at(1)));
        assert_eq!(breaker.failed(at(1)), Changed::Opened);
        assert!(!breaker.admits(at(1)) && !breaker.admits(at(10)));
        // What was under way before does not count.
        assert_eq!(breaker.failed(at(5)), Changed::Nothing);
        // One of many is asked, and one more after a pause if nothing becomes of it.
        assert!(breaker.admits(at(11)) && !breaker.admits(at(12)));
        assert!(breaker.admits(at(21)) && !breaker.admits(at(22)));
        assert_eq!(breaker.succeeded(), Changed::Closed);
        assert!(breaker.admits(at(22)));
    }

    #[test]
    fn pauses_become_longer_up_to_a_bound() {
        let (breaker, begin) = (Breaker::new(1), Instant::now());
        let mut now = begin;
        assert_eq!(breaker.failed(now), Changed::Opened);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let failed = now;
            while !breaker.admits(now) {
                now += Duration::from_secs(1);
            }
            pauses.push((now - failed).as_secs());
            assert_eq!(breaker.failed(now), Changed::Nothing);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
    }
}
