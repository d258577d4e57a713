//! The octets that all sessions hold together (`limits.held_bytes`): a count, and a signal when it falls.
//!
//! It knows neither sessions nor messages; [`HeldOctets`](super::held_octets::HeldOctets) has the rule by which a
//! session uses it.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct HeldBudget {
    taken: AtomicUsize,
    /// Number of times that octets were given back.
    returns: AtomicUsize,
    freed: Notify,
}

impl HeldBudget {
    /// Takes this many octets, unless more than `most` would be taken then.
    pub(super) fn take(&self, octets: usize, most: usize) -> bool {
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                taken.checked_add(octets).filter(|all| *all <= most)
            });
        taken.is_ok()
    }

    /// Takes octets that are in memory already, even beyond the limit.
    pub(super) fn take_anyway(&self, octets: usize) {
        self.taken.fetch_add(octets, Ordering::Relaxed);
    }

    /// Gives octets back.
    pub(super) fn give_back(&self, octets: usize) {
        self.taken.fetch_sub(octets, Ordering::Relaxed);
        self.returns.fetch_add(1, Ordering::Relaxed);
        // Waking one is enough: it wakes the next when it gives its own octets back.
        self.freed.notify_one();
    }

    /// Octets that are taken now.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many times octets were given back so far.
    pub(super) fn returns(&self) -> usize {
        self.returns.load(Ordering::Relaxed)
    }

    /// Ready when octets were given back.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_octets_that_are_there_already_exceed_the_limit() {
        let budget = HeldBudget::default();
        assert!(budget.take(60, 100));
        assert!(!budget.take(60, 100));
        assert!(budget.take(40, 100));
        budget.take_anyway(10);
        assert_eq!(budget.taken(), 110);
        budget.give_back(60);
        assert!(budget.take(50, 100));
        assert_eq!((budget.taken(), budget.returns()), (100, 1));
    }
}
