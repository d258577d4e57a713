//! How many messages a second come with features for the history: so many that neither the cores nor the disk notice.
//!
//! In: a message that is to be judged; out: whether its features are recorded, too. Features of a message take about as
//! much time to extract, pack and write as all the rest of what is remembered of it, and twenty times the octets. Mail as
//! people get it stays far below; what exceeds it, such as a thousand new mailboxes at once, is recorded without.

use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::Instant;

/// So many a second for each core.
const EACH_SECOND: u32 = 100;

/// So many at once: a mailbox whose messages are all new.
const AT_ONCE: u32 = 500;

/// See the module.
#[derive(Debug)]
pub(super) struct FeatureRate {
    /// The time that one takes.
    each: Duration,
    /// When all that were let through are paid for: as if each waited for those before it.
    paid_at: Mutex<Option<Instant>>,
}

impl Default for FeatureRate {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, |it| it.get() as u32);
        Self::new(EACH_SECOND.saturating_mul(cores))
    }
}

impl FeatureRate {
    fn new(each_second: u32) -> Self {
        Self {
            each: Duration::from_secs(1) / each_second,
            paid_at: Mutex::default(),
        }
    }

    /// Whether one more is let through now.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = paid_at.map_or(now, |at| at.max(now));
        let is_admitted = begin.duration_since(now) < self.each * AT_ONCE;
        if is_admitted {
            *paid_at = Some(begin + self.each);
        }
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_and_then_so_many_a_second() {
        let rate = FeatureRate::new(200);
        let begun = Instant::now();
        let admitted = |seconds: u64, asked: usize| {
            let now = begun + Duration::from_secs(seconds);
            (0..asked).filter(|_| rate.admits(now)).count()
        };
        assert_eq!(admitted(0, 10_000), 500);
        assert_eq!(admitted(1, 10_000), 200);
        // What is not used is not saved up beyond what may come at once.
        assert_eq!(admitted(100, 100), 100);
        assert_eq!(admitted(100, 10_000), 400);
    }
}
