//! What hide mode must do to a mailbox before its client is told any number, for the model of sessions with memory.

use std::collections::BTreeSet;
use std::time::Duration;

use popgate::pop3::dot::{stuff, unstuff};
use popgate::rewrite::{Mark, MarkText, Piece, Plan};
use popgate::session::exchange::{MessageId, PrefetchLimits};

use super::choices::Choices;
use super::exchange_driver::Setup;
use super::remembered::Remembered;

/// Enough for all messages, or for some of them.
const LIMITS: [PrefetchLimits; 8] = [
    limits(1 << 20),
    limits(1 << 20),
    limits(1 << 20),
    limits(50),
    limits(100),
    limits(150),
    limits(200),
    limits(250),
];

const fn limits(octets: u64) -> PrefetchLimits {
    PrefetchLimits {
        time: Duration::from_secs(12),
        octets,
    }
}

/// What may go wrong, and how much may be fetched.
#[derive(Clone, Copy, Debug)]
pub struct Hiding {
    /// How much may be fetched.
    pub limits: &'static PrefetchLimits,
    /// Whether the server deletes what was fetched.
    pub expires: bool,
    /// Whether no original can be stored.
    pub quarantine_fails: bool,
    /// Whether messages cannot be kept for the client.
    pub spool_fails: bool,
}

impl Hiding {
    pub fn new(from: &mut Choices<'_>) -> Self {
        Self {
            limits: &LIMITS[from.below(LIMITS.len())],
            expires: from.below(8) == 1,
            quarantine_fails: from.below(8) == 1,
            spool_fails: from.below(6) == 1,
        }
    }

    /// The places of the messages that popgate fetches, the newest first while there are octets left. Messages are pairs
    /// of unique-id and octets.
    pub fn fetched(
        self,
        messages: &[(&str, usize)],
        remembered: Option<&Remembered>,
    ) -> BTreeSet<usize> {
        let Some(remembered) = remembered.filter(|it| it.hides && !self.expires) else {
            return BTreeSet::new();
        };
        let mut left = self.limits.octets;
        let fits = |(place, (uidl, octets)): (usize, &(&str, usize))| {
            let octets = *octets as u64;
            let known = remembered.messages.get(uidl.as_bytes());
            let is_new = known.is_none_or(|it| it.is_hidden && it.octets != octets);
            let fits = is_new && octets <= left;
            left -= if fits { octets } else { 0 };
            fits.then_some(place)
        };
        messages.iter().enumerate().rev().filter_map(fits).collect()
    }
}

/// A message with the mark of its verdict, as it is sent by a driven exchange.
pub fn marked(setup: &Setup, id: MessageId, original: &[u8]) -> Vec<u8> {
    let verdict = setup.filter.judge(original);
    let text = MarkText::new(&Mark::Spam(&verdict), &id.to_string(), setup.style);
    let wire = stuff(original);
    let pieces = Plan::new(&wire, true, &text).apply(wire.len());
    let marked: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| match piece {
            Piece::Original(range) => wire[range.clone()].to_vec(),
            Piece::Inserted(bytes) => bytes.to_vec(),
        })
        .collect();
    unstuff(&marked).into_owned()
}
