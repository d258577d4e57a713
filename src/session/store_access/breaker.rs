//! Whether a store that has failed is asked again.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause after a failure.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(30);

/// See the module. It is closed at first: everybody asks.
#[derive(Debug, Default)]
pub(super) struct Breaker(Option<Open>);

/// After a failure: one asks at this time, and the others do not.
#[derive(Debug)]
struct Open {
    next: Instant,
    pause: Duration,
    /// Whether one is asking.
    is_asked: bool,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It asks.
    Ask,
    /// It goes on without.
    Wait,
}

impl Breaker {
    /// Whether the session that comes now asks.
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        match &mut self.0 {
            None => Turn::Ask,
            Some(open) if now >= open.next => {
                // The others wait for what this one learns.
                open.next = now + open.pause;
                open.is_asked = true;
                Turn::Ask
            }
            Some(_) => Turn::Wait,
        }
    }

    /// Whether nobody asks at this time.
    pub(super) fn is_waiting(&self, now: Instant) -> bool {
        self.0.as_ref().is_some_and(|open| now < open.next)
    }

    /// Whether the last question failed.
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// An answer came; `true` if the store had failed before.
    pub(super) fn answered(&mut self) -> bool {
        self.0.take().is_some()
    }

    /// No answer came; `true` if it is the first failure.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let (pause, is_first) = match &self.0 {
            None => (FIRST, true),
            Some(open) if open.is_asked => ((open.pause * 2).min(LONGEST), false),
            // Those that asked before the first failure say nothing new.
            Some(_) => return false,
        };
        self.0 = Some(Open {
            next: now + pause,
            pause,
            is_asked: false,
        });
        is_first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_asks_after_each_pause_and_the_pauses_double() {
        let mut breaker = Breaker::default();
        let mut now = Instant::now();
        assert_eq!(breaker.turn(now), Turn::Ask);
        assert_eq!(breaker.turn(now), Turn::Ask);
        assert!(breaker.failed(now));
        assert!(!breaker.failed(now));
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            let pause = Duration::from_secs(pause);
            assert_eq!(breaker.turn(now + pause / 2), Turn::Wait);
            now += pause;
            assert_eq!(breaker.turn(now), Turn::Ask);
            assert_eq!(breaker.turn(now), Turn::Wait);
            assert!(!breaker.failed(now));
        }
        now += LONGEST;
        assert_eq!(breaker.turn(now), Turn::Ask);
        assert!(breaker.answered());
        assert!(!breaker.answered());
        assert_eq!(breaker.turn(now), Turn::Ask);
    }
}
