//! Slows down who guesses the administrator's password or the one-time token.
//!
//! In: how each attempt ended; out: how long to pause. The administrator logs in from anywhere, so all addresses count
//! together. Logins of users are counted where mail programs' are.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PasswordThrottle(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    last: Option<Instant>,
}

impl PasswordThrottle {
    /// Counts an attempt before it is made: what is tried at the same time counts, too.
    ///
    /// # Errors
    /// How long to pause, after so many failures.
    pub(super) fn begin(&self, failures: u32, pause: Duration) -> Result<(), Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let since = state.last.map(|last| now.duration_since(last));
        match since {
            Some(since) if since < pause && state.count >= failures => Err(pause - since),
            Some(since) if since < pause => {
                state.count += 1;
                state.last = Some(now);
                Ok(())
            }
            _ => {
                *state = Failures {
                    count: 1,
                    last: Some(now),
                };
                Ok(())
            }
        }
    }

    /// The last attempt was right.
    pub(super) fn succeeded(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Failures::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_some_failures_there_is_a_pause() {
        let (throttle, pause) = (PasswordThrottle::default(), Duration::from_secs(60));
        for _ in 0..3 {
            assert_eq!(throttle.begin(3, pause), Ok(()));
        }
        assert_eq!(throttle.begin(3, pause), Err(pause));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(throttle.begin(3, pause), Err(Duration::from_secs(40)));
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(throttle.begin(3, pause), Ok(()));
        throttle.succeeded();
        for _ in 0..3 {
            assert_eq!(throttle.begin(3, pause), Ok(()));
        }
    }
}
