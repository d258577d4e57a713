//! The work that a session's messages take of its thread: which message may be judged there, and when other sessions have
//! their turn.
//!
//! In: work as it is done; out: whether the next message is expected to take little, and a pause.

/// Up to this size a message may be judged on the session's thread: to hand an ordinary one to another thread costs
/// more than to judge it.
const INLINE: usize = 32 << 10;

/// Up to so much work, about a millisecond, a message is judged on the session's thread.
pub(super) const INLINE_WORK: u64 = 1_500_000;

/// After so much work of one session, the other sessions of its thread have their turn.
const TURN_WORK: u64 = 500_000;

/// Whether the session's thread itself judges a message of so many octets that takes so much work.
pub fn is_little(octets: usize, work: u64) -> bool {
    octets <= INLINE && work <= INLINE_WORK
}

/// The work of a digest: about an octet each nanosecond.
fn digest_work(wire: &[u8]) -> u64 {
    wire.len() as u64
}

/// The work of a session's messages.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Pace {
    /// That of the last message: the next one is expected to take as much.
    last: u64,
    /// That on the session's thread since other sessions had their turn.
    pub(super) since_turn: u64,
}

impl Pace {
    /// Whether a message is expected to take little work.
    pub(super) fn expects_little(&self, wire: &[u8]) -> bool {
        wire.len() <= INLINE && self.last <= INLINE_WORK
    }

    /// Whether a message's digest is computed on the session's thread; if so, that is counted.
    pub(super) fn hashes_inline(&mut self, wire: &[u8]) -> bool {
        let is_little = wire.len() <= INLINE;
        if is_little {
            self.worked(digest_work(wire));
        }
        is_little
    }

    /// The last message took so much.
    pub(super) fn judged(&mut self, work: u64) {
        self.last = work;
    }

    /// So much was done on the session's thread.
    pub(super) fn worked(&mut self, work: u64) {
        self.since_turn = self.since_turn.saturating_add(work);
    }

    /// Lets the other sessions of the thread run, if this one has worked long enough.
    pub(super) async fn give_way(&mut self) {
        if self.since_turn >= TURN_WORK {
            self.since_turn = 0;
            tokio::task::yield_now().await;
        }
    }
}
