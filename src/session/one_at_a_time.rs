//! The mailboxes to whose servers commands go one at a time although they announced PIPELINING.
//!
//! In: the mailbox of a session in which the end of a message could not be told (see `exchange::silent_end`); out:
//! whether a mailbox is one of these. It is kept until the process ends, and bounded.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::mailbox_id::MailboxId;

/// With more, all are forgotten: each would be found again by one failed session.
const MOST: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct OneAtATime {
    mailboxes: Mutex<HashSet<MailboxId>>,
}

impl OneAtATime {
    pub(super) fn add(&self, mailbox: MailboxId) {
        let mut mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if mailboxes.len() >= MOST {
            mailboxes.clear();
        }
        mailboxes.insert(mailbox);
    }

    pub(super) fn has(&self, mailbox: &MailboxId) -> bool {
        let mailboxes = self
            .mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        mailboxes.contains(mailbox)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox_id::UpstreamId;

    #[test]
    fn it_is_bounded() {
        let known = OneAtATime::default();
        let mailbox = |number: usize| {
            MailboxId::new(
                UpstreamId::new("pop.example.net", 995),
                &format!("u{number}"),
            )
            .unwrap()
        };
        for number in 0..=MOST {
            assert!(!known.has(&mailbox(number)));
            known.add(mailbox(number));
            assert!(known.has(&mailbox(number)));
        }
        assert!(!known.has(&mailbox(0)));
    }
}
