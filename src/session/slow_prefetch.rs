//! The mailboxes whose messages are not fetched ahead for a while: their clients had to wait for too long.
//!
//! In: the mailbox of a session in which that took far longer than `filter.hide_seconds`; out: whether a mailbox is one of
//! these. It is bounded, and forgotten with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::mailbox_id::MailboxId;

/// With more, all are forgotten: each would be found again by one slow session.
const MOST: usize = 4096;

/// After so long it is tried again.
const FOR: Duration = Duration::from_secs(60 * 60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SlowPrefetch {
    mailboxes: Mutex<HashMap<MailboxId, Instant>>,
}

impl SlowPrefetch {
    pub(super) fn add(&self, mailbox: MailboxId) {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if mailboxes.len() >= MOST {
            mailboxes.clear();
        }
        mailboxes.insert(mailbox, Instant::now());
    }

    pub(super) fn has(&self, mailbox: &MailboxId) -> bool {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match mailboxes.get(mailbox) {
            Some(since) if since.elapsed() < FOR => true,
            Some(_) => {
                mailboxes.remove(mailbox);
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox_id::UpstreamId;

    #[tokio::test(start_paused = true)]
    async fn it_is_bounded_and_forgotten_after_an_hour() {
        let known = SlowPrefetch::default();
        let mailbox = |number: usize| {
            let upstream = UpstreamId::new("pop.example.net", 995);
            MailboxId::new(upstream, &format!("u{number}")).unwrap()
        };
        known.add(mailbox(0));
        tokio::time::advance(FOR - Duration::from_secs(1)).await;
        assert!(known.has(&mailbox(0)) && !known.has(&mailbox(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!known.has(&mailbox(0)));
        for number in 0..=MOST {
            known.add(mailbox(number));
        }
        assert!(known.has(&mailbox(MOST)) && !known.has(&mailbox(1)));
    }
}
