//! Mailboxes whose questions the store did not answer in time.
//!
//! A huge mailbox may take longer than any session waits: it is asked about more and more rarely, and no other mailbox
//! goes without its memory for that. If several are late one after another, the store is.

use std::collections::HashMap;

use tokio::time::Instant;

use super::breaker::{Breaker, Turn};
use crate::mailbox_id::MailboxId;

/// So many different mailboxes in a row say that the store itself is late.
const MANY: usize = 3;

/// With more, all are forgotten.
const MOST: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct LateMailboxes {
    late: HashMap<MailboxId, Breaker>,
    in_a_row: usize,
}

impl LateMailboxes {
    /// Whether the session of this mailbox that comes now asks.
    pub(super) fn turn(&mut self, mailbox: &MailboxId, now: Instant) -> Turn {
        self.late
            .get_mut(mailbox)
            .map_or(Turn::Ask, |breaker| breaker.turn(now))
    }

    /// Whether no session of this mailbox asks at this time.
    pub(super) fn is_waiting(&self, mailbox: &MailboxId, now: Instant) -> bool {
        self.late.get(mailbox).is_some_and(|it| it.is_waiting(now))
    }

    /// An answer came in time.
    pub(super) fn answered(&mut self, mailbox: &MailboxId) {
        self.late.remove(mailbox);
        self.in_a_row = 0;
    }

    /// None came in time; `true` if the store itself is late.
    pub(super) fn failed(&mut self, mailbox: &MailboxId, now: Instant) -> bool {
        if self.late.len() >= MOST {
            self.late.clear();
        }
        let breaker = self.late.entry(mailbox.clone()).or_default();
        self.in_a_row += usize::from(breaker.failed(now));
        self.in_a_row >= MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox_id::UpstreamId;

    fn mailbox(name: &str) -> MailboxId {
        MailboxId::new(UpstreamId::new("pop.example.net", 995), name).unwrap()
    }

    #[test]
    fn one_late_mailbox_is_left_out_and_several_are_the_store() {
        let (mut late, now) = (LateMailboxes::default(), Instant::now());
        let huge = mailbox("huge");
        for _ in 0..9 {
            assert!(!late.failed(&huge, now));
        }
        assert_eq!(late.turn(&huge, now), Turn::Wait);
        assert_eq!(late.turn(&mailbox("ann"), now), Turn::Ask);
        late.answered(&mailbox("ann"));
        assert!(!late.failed(&mailbox("a"), now));
        assert!(!late.failed(&mailbox("b"), now));
        assert!(late.failed(&mailbox("c"), now));
        late.answered(&huge);
        assert_eq!(late.turn(&huge, now), Turn::Ask);
        assert!(!late.failed(&huge, now));
    }
}
