//! When a batch that failed is tried again, and what the log says about it.

use std::time::Duration;

use super::super::store_error::StoreError;

/// The first pause.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(super) struct Retries {
    failures: u32,
}

impl Retries {
    pub(super) fn new() -> Self {
        Self { failures: 0 }
    }

    /// Says it once for each batch; a metric counts the rest.
    pub(super) fn report(&mut self, error: &StoreError) {
        if self.failures == 0 {
            tracing::warn!("the store cannot be written to; it is tried again: {error}");
        }
        self.failures += 1;
    }

    pub(super) fn report_success(&self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the store is written to again");
        }
    }

    /// Doubles each time.
    pub(super) fn next_delay(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        (FIRST * 2_u32.pow(doublings)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::store_error::StoreErrorKind;
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut retries = Retries::new();
        let error = StoreError::new(StoreErrorKind::Busy, "locked");
        let pauses: Vec<_> = (0..9)
            .map(|_| {
                retries.report(&error);
                retries.next_delay().as_millis()
            })
            .collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
