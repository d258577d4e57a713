//! Which servers popgate does not ask for unique-ids by itself.
//!
//! In: how a server has answered UIDL that no client had asked for; out: whether it is asked in the next session. Some
//! write the ids into the messages then (GNU Mailutils), close the connection, or take minutes.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::{Asks, UidlTrouble};
use crate::mailbox_id::UpstreamId;

/// With more, all are forgotten: each would be found again by one session.
const MOST: usize = 1024;

/// After so long a server is asked again: it may be another program now.
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// See the module. It is kept until the process ends, and bounded.
#[derive(Debug, Default)]
pub(super) struct UidlPolicy {
    troubles: Mutex<HashMap<UpstreamId, (UidlTrouble, Instant)>>,
}

impl UidlPolicy {
    /// A server has answered like this; `true` if that is news.
    pub(super) fn note(&self, upstream: UpstreamId, trouble: UidlTrouble) -> bool {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if troubles.len() >= MOST {
            troubles.clear();
        }
        let before = troubles.insert(upstream, (trouble, Instant::now()));
        before.is_none_or(|(before, _)| before != trouble)
    }

    /// Who asks this server; `None` = nobody.
    pub(super) fn asks(&self, upstream: &UpstreamId) -> Option<Asks> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((trouble, since)) = troubles.get(upstream) else {
            return Some(Asks::First);
        };
        let over = |limit| since.elapsed() >= limit;
        match trouble {
            // It has written those that there are; the client's own question writes those of new messages.
            UidlTrouble::Written => Some(Asks::WithClient { has_told: false }),
            UidlTrouble::Refused => over(HOUR).then_some(Asks::First),
            UidlTrouble::Slow | UidlTrouble::Closed => over(DAY).then_some(Asks::First),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_is_asked_again_after_a_while_unless_it_writes_ids() {
        let policy = UidlPolicy::default();
        let upstream = |name: &str| UpstreamId::new(name, 995);
        let first = Some(Asks::First);
        let with_client = Some(Asks::WithClient { has_told: false });
        let table = [
            (UidlTrouble::Refused, None, first),
            (UidlTrouble::Slow, None, first),
            (UidlTrouble::Closed, None, first),
            (UidlTrouble::Written, with_client, with_client),
        ];
        for (trouble, ..) in table {
            let name = format!("{trouble:?}");
            assert_eq!(policy.asks(&upstream(&name)), first);
            assert!(policy.note(upstream(&name), trouble));
            assert!(!policy.note(upstream(&name), trouble));
        }
        let asks = |trouble: UidlTrouble| policy.asks(&upstream(&format!("{trouble:?}")));
        for (trouble, at_once, ..) in table {
            assert_eq!(asks(trouble), at_once, "{trouble:?}");
        }
        tokio::time::advance(HOUR).await;
        assert_eq!(asks(UidlTrouble::Refused), first);
        assert_eq!(asks(UidlTrouble::Slow), None);
        tokio::time::advance(DAY).await;
        for (trouble, _, later) in table {
            assert_eq!(asks(trouble), later, "{trouble:?}");
        }
    }
}
