//! What a session holds of `limits.held_bytes`, from the octets' arrival until they are with the client.
//!
//! The rule:
//!
//! - [`UNCOUNTED`] octets of each session are not counted: with them a session can always go on, so there is no
//!   deadlock, and a message of that size is judged whole however much others hold.
//! - Buffers that are larger are reserved first. Without memory a held message is not read further. While others
//!   give memory back, it waits, at most for its hold time; when nobody does ([`STANDSTILL`]), it is decided by
//!   what is there, as a message beyond `hold_bytes` is. The rest is relayed in pieces of [`UNCOUNTED`].
//! - Octets that wait for a client which does not read are counted until they are written, even beyond the limit:
//!   they are in memory already. So nobody can hold much by not reading, and it is others that are slowed down by
//!   50 ms for a large message, not stopped.
//! - A buffer is counted as long as it is allocated. While memory is short, what is left of a message that is
//!   written slowly is copied into a smaller buffer each time half of it is written.
//!
//! It waits for nothing itself: the relay does.

use std::time::Duration;

use tokio::time::Instant;

use super::exchange::UNCOUNTED;
use super::service::Service;

/// If nobody gives memory back for this long, those who have it are waiting for their clients: it is not waited for.
const STANDSTILL: Duration = Duration::from_millis(50);

/// Memory is short when less than this part of it is left.
const SHORT: usize = 8;

/// Memory is plentiful while less than this part of it is taken.
const PLENTY: usize = 2;

/// See the module.
#[derive(Debug)]
pub(super) struct HeldOctets<'s> {
    service: &'s Service,
    octets: usize,
    /// Boxed: nearly always there is none, and idle sessions are small.
    waiting: Option<Box<Waiting>>,
}

/// The wait for memory.
#[derive(Debug)]
struct Waiting {
    /// The number of times that others had given memory back when it began.
    returns: usize,
    until: Instant,
}

impl<'s> HeldOctets<'s> {
    /// None yet.
    pub(super) fn new(service: &'s Service) -> Self {
        Self {
            service,
            octets: 0,
            waiting: None,
        }
    }

    /// Octets that are counted for this session.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Whether there is hardly any memory left for anyone.
    pub(super) fn is_short(&self) -> bool {
        let most = self.service.limits.held_bytes;
        self.service.quotas.held.taken() > most - most / SHORT
    }

    /// Whether so much is left that messages may be kept for clients that have not asked for them.
    pub(super) fn is_plentiful(&self) -> bool {
        self.service.quotas.held.taken() <= self.service.limits.held_bytes / PLENTY
    }

    /// Reserves octets, if it has fewer; returns whether it has them. What it has it keeps.
    pub(super) fn reserve(&mut self, octets: usize) -> bool {
        let more = octets.saturating_sub(self.octets);
        let Service { quotas, limits, .. } = self.service;
        if more > 0 && !quotas.held.take(more, limits.held_bytes) {
            return false;
        }
        self.took(more);
        self.waiting = None;
        true
    }

    /// Counts octets that are in memory, if it has fewer.
    pub(super) fn charge(&mut self, in_memory: usize) {
        let more = in_memory.saturating_sub(UNCOUNTED + self.octets);
        if more > 0 {
            self.service.quotas.held.take_anyway(more);
            self.took(more);
        }
    }

    /// Reserves memory for a copy of some of the octets that it holds. Returns how many of them are to be [given
    /// back](Self::give_back) with the copy; `None` if there is no memory.
    pub(super) fn reserve_copy(&mut self, in_memory: usize, copy: usize) -> Option<usize> {
        let before = self.octets;
        let wanted = (in_memory + copy).saturating_sub(UNCOUNTED);
        self.reserve(wanted).then(|| self.octets - before)
    }

    /// Gives octets back that it has.
    pub(super) fn give_back(&mut self, octets: usize) {
        let less = octets.min(self.octets);
        if less > 0 {
            self.octets -= less;
            self.service.metrics.holds(-(less as i64));
            self.service.quotas.held.give_back(less);
        }
    }

    fn took(&mut self, more: usize) {
        if more > 0 {
            self.octets += more;
            self.service.metrics.holds(more as i64);
        }
    }

    /// Gives back what it has beyond the octets that are in memory.
    pub(super) fn shrink(&mut self, in_memory: usize) {
        let less = self
            .octets
            .saturating_sub(in_memory.saturating_sub(UNCOUNTED));
        self.give_back(less);
    }

    /// No memory is left: until when to wait for it.
    pub(super) fn wait_until(&mut self) -> Instant {
        let returns = self.service.quotas.held.returns();
        let metrics = &self.service.metrics;
        let waiting = self.waiting.get_or_insert_with(|| {
            metrics.waits_for_memory();
            Box::new(Waiting {
                returns,
                until: Instant::now() + STANDSTILL,
            })
        });
        waiting.until
    }

    /// Whether it has waited in vain. If others gave memory back meanwhile, it waits once more.
    pub(super) fn stands_still(&mut self) -> bool {
        let now = Instant::now();
        let Some(waiting) = self.waiting.as_mut().filter(|it| now >= it.until) else {
            return false;
        };
        let returns = self.service.quotas.held.returns();
        let stands_still = waiting.returns == returns;
        **waiting = Waiting {
            returns,
            until: now + STANDSTILL,
        };
        stands_still
    }

    /// It does not wait for memory, or no longer.
    pub(super) fn waits_no_more(&mut self) {
        self.waiting = None;
    }
}

impl Drop for HeldOctets<'_> {
    fn drop(&mut self) {
        self.shrink(0);
    }
}
