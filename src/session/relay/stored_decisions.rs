//! Decisions of earlier sessions, for messages that the client fetches again.

use tokio::time::Instant;

use super::{Relay, now};
use crate::pop3::Uidl;
use crate::session::exchange::Loaded;
use crate::session::loaded_ahead::MOST_AHEAD;
use crate::session::mailbox_memory;

impl Relay<'_> {
    /// Answers the exchange that asks for the decision on a message.
    pub(super) async fn load(&mut self, uidl: Uidl) {
        let ahead = self.known.as_mut();
        let loaded = match ahead.and_then(|known| known.ahead.take(&uidl)) {
            Some(loaded) => loaded,
            None => self.load_with_next(uidl.clone()).await,
        };
        if let Some(known) = &mut self.known {
            known.ahead.loaded(uidl);
        }
        self.exchange.loaded(loaded, now());
    }

    /// For a client that fetches one message after another, the decisions on the next ones are read with this one.
    async fn load_with_next(&mut self, uidl: Uidl) -> Loaded {
        let (before, mut next) = self.exchange.stored_beside(MOST_AHEAD);
        let known = self.known.as_ref();
        if known.is_none_or(|known| !known.ahead.follows(before.as_ref())) {
            next.clear();
        }
        let asked_at = Instant::now();
        let load = mailbox_memory::load(self.service, self.mailbox(), uidl, next);
        let (loaded, others) = load.await;
        if let Some(known) = &mut self.known {
            known.ahead.keep(others, asked_at);
        }
        loaded
    }
}
