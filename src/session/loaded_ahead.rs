//! Decisions of earlier sessions, read from the store some at a time for a client that fetches one message after another.
//!
//! In: the unique-ids of messages that are fetched, and decisions on those that follow; out: the decision on the next one.
//! Without it such a client waits for the store at each message that was marked.
//!
//! A decision is kept for a second: what a person says takes effect in running sessions no later than that.

use std::mem::size_of_val;
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::{Loaded, Stored};
use crate::pop3::Uidl;

/// So many are read together.
pub(super) const MOST_AHEAD: usize = 15;

/// Octets of the decisions that are kept.
const MOST_OCTETS: usize = 64 << 10;

/// How long a decision counts after it was read.
const LASTS: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct LoadedAhead {
    /// The message whose decision was asked for last.
    last: Option<Uidl>,
    decisions: Vec<(Uidl, Loaded)>,
    read_at: Instant,
}

impl Default for LoadedAhead {
    fn default() -> Self {
        Self {
            last: None,
            decisions: Vec::new(),
            read_at: Instant::now(),
        }
    }
}

impl LoadedAhead {
    /// The decision on this message, if it was read a moment ago.
    pub(super) fn take(&mut self, uidl: &Uidl) -> Option<Loaded> {
        if self.read_at.elapsed() > LASTS {
            self.decisions = Vec::new();
        }
        let place = self.decisions.iter().position(|(of, _)| of == uidl)?;
        Some(self.decisions.swap_remove(place).1)
    }

    /// Whether the client has fetched the message before and is likely to go on.
    pub(super) fn follows(&self, before: Option<&Uidl>) -> bool {
        self.last.as_ref() == before
    }

    /// These were asked for at this time. What could not be read is read again when it is asked for.
    pub(super) fn keep(&mut self, decisions: Vec<(Uidl, Loaded)>, asked_at: Instant) {
        self.read_at = asked_at;
        self.decisions = decisions;
        let mut octets = 0;
        self.decisions.retain(|(_, loaded)| {
            octets += octets_of(loaded);
            octets <= MOST_OCTETS && *loaded != Loaded::Unreadable
        });
    }

    /// The decision on this message was asked for.
    pub(super) fn loaded(&mut self, uidl: Uidl) {
        self.last = Some(uidl);
    }
}

fn octets_of(loaded: &Loaded) -> usize {
    let text = match loaded {
        Loaded::Decision(Stored::Mark(text, _)) => text.fields.len() + text.subject_mark.len(),
        Loaded::Decision(Stored::Notice(notice)) => notice.len(),
        Loaded::Decision(Stored::Unchanged) | Loaded::Outdated | Loaded::Unreadable => 0,
    };
    text + size_of_val(loaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uidl(name: &str) -> Uidl {
        Uidl::new(name.as_bytes()).unwrap()
    }

    fn notice(octets: usize) -> Loaded {
        Loaded::Decision(Stored::Notice(vec![b'a'; octets].into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_decision_is_given_once_and_for_a_moment() {
        let mut ahead = LoadedAhead::default();
        let both = vec![(uidl("b"), notice(1)), (uidl("c"), notice(2))];
        ahead.keep(both, Instant::now());
        assert_eq!(ahead.take(&uidl("a")), None);
        assert_eq!(ahead.take(&uidl("c")), Some(notice(2)));
        assert_eq!(ahead.take(&uidl("c")), None);
        tokio::time::advance(LASTS).await;
        assert_eq!(ahead.take(&uidl("b")), Some(notice(1)));
        ahead.keep(vec![(uidl("b"), notice(1))], Instant::now());
        tokio::time::advance(LASTS + Duration::from_millis(1)).await;
        assert_eq!(ahead.take(&uidl("b")), None);
    }

    #[tokio::test]
    async fn only_so_many_octets_are_kept_and_nothing_unreadable() {
        let mut ahead = LoadedAhead::default();
        let all = vec![
            (uidl("a"), Loaded::Unreadable),
            (uidl("b"), notice(MOST_OCTETS / 2)),
            (uidl("c"), notice(MOST_OCTETS / 2)),
        ];
        ahead.keep(all, Instant::now());
        assert_eq!(ahead.take(&uidl("a")), None);
        assert!(ahead.take(&uidl("b")).is_some());
        assert_eq!(ahead.take(&uidl("c")), None);
    }

    #[tokio::test]
    async fn a_client_goes_on_from_the_message_before_or_begins() {
        let mut ahead = LoadedAhead::default();
        assert!(ahead.follows(None));
        assert!(!ahead.follows(Some(&uidl("a"))));
        ahead.loaded(uidl("a"));
        assert!(ahead.follows(Some(&uidl("a"))));
        assert!(!ahead.follows(None));
    }
}
