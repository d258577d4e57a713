//! Which messages the driver keeps for the client, and what is known of each.
//!
//! In: messages that were fetched before the client asked for them; out: whether a command is answered with one of them.

use std::collections::BTreeMap;

use super::event::DecidedMessage;
use super::input::FromUpstream;
use super::pending::Spooling;
use crate::pop3::UpstreamNumber;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Spooled {
    messages: BTreeMap<UpstreamNumber, Kept>,
    /// Octets of the upstream that are kept.
    octets: u64,
    /// Whether any message was fetched: what the server says to LAST is not about the client then.
    pub(super) has_fetched: bool,
}

/// What is known of one.
#[derive(Debug)]
pub(super) struct Kept {
    /// The upstream's `+OK` line.
    pub(super) status: FromUpstream,
    octets: usize,
    /// The decision, if it counts only once the client has the message.
    pub(super) decided: Option<Box<DecidedMessage>>,
    /// Whether a command that takes it is pending: the next one goes to the upstream.
    is_claimed: bool,
}

impl Spooled {
    pub(super) fn insert(&mut self, spooling: Spooling) {
        let octets = spooling.octets + spooling.status.len();
        self.octets += octets as u64;
        let kept = Kept {
            status: spooling.status,
            octets,
            decided: spooling.decided,
            is_claimed: false,
        };
        self.messages.insert(spooling.message, kept);
    }

    pub(super) fn has(&self, message: UpstreamNumber) -> bool {
        self.messages.contains_key(&message)
    }

    pub(super) fn remove(&mut self, message: UpstreamNumber) -> Option<Kept> {
        let kept = self.messages.remove(&message)?;
        self.octets -= kept.octets as u64;
        Some(kept)
    }

    /// A command wants a message; whether it is answered with what is kept. The first one that wants the whole message
    /// takes it.
    pub(super) fn claim(&mut self, message: UpstreamNumber, is_whole: bool) -> bool {
        match self.messages.get_mut(&message) {
            Some(kept) if !kept.is_claimed => {
                kept.is_claimed = is_whole;
                true
            }
            _ => false,
        }
    }

    /// Such a command was not answered with the message.
    pub(super) fn unclaim(&mut self, message: UpstreamNumber) {
        if let Some(kept) = self.messages.get_mut(&message) {
            kept.is_claimed = false;
        }
    }

    /// Octets of the upstream that are kept.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// Octets in memory of what is known of them.
    pub(super) fn octets_in_memory(&self) -> usize {
        self.messages.len() * 2 * size_of::<Kept>()
    }

    /// The session ends.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.octets = 0;
    }
}
