//! What a session knows for reading ahead: whether its client fetches in order, which messages there are, and those that
//! were fetched before the client asked for them.
//!
//! In: the client's commands, rows of listings, and messages that have come; out: the next message to ask for, and a message
//! that is kept. Messages are bounded by the setting, their octets by [`MOST_OCTETS`];
//! the sizes that LIST gave are as many as the mailbox has messages.

use std::collections::VecDeque;

use super::action::Judgement;
use super::mailbox_view::Listing;
use super::retrieval_state::Decided;
use crate::pop3::{ClientNumber, MessageNumber, UpstreamNumber};

/// The most octets of a session that are asked for ahead, or kept.
pub(super) const MOST_OCTETS: usize = 1 << 20;

/// A message of unknown size counts as so many octets while it is on its way, or as many as the mailbox's have on average.
const UNKNOWN_OCTETS: usize = 32 << 10;

/// After QUIT so many octets of messages that nobody wants are read; then the connection is closed instead, unless
/// deletions depend on it.
pub(super) const MOST_DRAINED: usize = 256 << 10;

/// A row of LIST or UIDL that is longer tells no number and size.
const LONGEST_ROW: usize = 64;

/// Whether the client fetches one message after the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    /// It has fetched none.
    #[default]
    Unknown,
    /// It has fetched one, with this number.
    One(ClientNumber),
    /// It has fetched at least two successive ones, this one last. Up to `asked` popgate has asked, too.
    Ascending {
        last: ClientNumber,
        asked: ClientNumber,
    },
    /// Nothing more is read ahead in this session.
    Ended,
}

/// A message that was asked for ahead and has not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) message: UpstreamNumber,
    /// What it counts towards the octets of the session.
    octets: usize,
    /// Whether it is kept when it comes.
    pub(super) is_wanted: bool,
}

/// A message that has come before the client has asked for it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) decided: Decided,
    /// The filter's result, if it had one.
    pub(super) judgement: Option<Judgement>,
}

impl Ready {
    fn octets(&self) -> usize {
        self.decided.status.len() + self.decided.wire.len()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    order: Order,
    /// The server's messages, as far as an answer has told: none is asked for that may not exist.
    messages: u32,
    /// What they have on average, as STAT tells it.
    average: usize,
    /// As LIST tells them; ascending.
    sizes: Vec<(UpstreamNumber, u32)>,
    /// The row that has begun, of a listing that is relayed in pieces.
    row: Vec<u8>,
    /// Whether the server deletes what is fetched, if it was asked for its capabilities since the login.
    pub(super) expires: Option<bool>,
    kept: VecDeque<(UpstreamNumber, Ready)>,
    /// Octets of the server that are kept, and those of the status line of the message that arrives.
    octets: usize,
    /// The connection to the server has ended while a message was on its way or kept: what is kept is still the client's.
    pub(super) is_cut_off: bool,
    /// The client has sent a command that may have deleted messages without popgate's knowing.
    pub(super) is_unclear: bool,
    /// Octets that were read and discarded since the client has said QUIT, if it has.
    pub(super) drained: Option<usize>,
}

impl Ahead {
    /// The client's next command fetches this message. Returns whether that breaks the order: what was read ahead will
    /// hardly be asked for then.
    pub(super) fn fetched(&mut self, number: ClientNumber) -> bool {
        let is_next = |last: ClientNumber| last.0.value().checked_add(1) == Some(number.0.value());
        self.order = match self.order {
            Order::One(last) if is_next(last) => Order::Ascending {
                last: number,
                asked: number,
            },
            Order::Unknown | Order::One(_) => Order::One(number),
            Order::Ascending { last, asked } if is_next(last) => Order::Ascending {
                last: number,
                asked: asked.max(number),
            },
            Order::Ascending { .. } => {
                self.order = Order::Ended;
                return true;
            }
            Order::Ended => Order::Ended,
        };
        false
    }

    /// Nothing more is read ahead in this session.
    pub(super) fn end(&mut self) {
        self.order = Order::Ended;
    }

    /// The number of the message to ask for next, if the client fetches in order.
    pub(super) fn next(&self) -> Option<ClientNumber> {
        match self.order {
            Order::Ascending { asked, .. } => {
                MessageNumber::new(asked.0.value().checked_add(1)?).map(ClientNumber)
            }
            _ => None,
        }
    }

    /// Whether the server has this message, and probably not longer than this.
    pub(super) fn may_ask(&self, message: UpstreamNumber, longest: usize) -> bool {
        let octets = self.size(message).unwrap_or(self.average);
        message.0.value() <= self.messages && octets <= longest
    }

    /// The message is asked for, which has this number for the client.
    pub(super) fn ask(&mut self, number: ClientNumber, message: UpstreamNumber) -> Asked {
        if let Order::Ascending { asked, .. } = &mut self.order {
            *asked = number;
        }
        Asked {
            message,
            octets: self.expected(message),
            is_wanted: true,
        }
    }

    /// Whether one more message may be on its way or kept, of so many and of these octets.
    pub(super) fn has_room(
        &self,
        most: usize,
        under_way: impl Iterator<Item = Asked>,
        next: UpstreamNumber,
    ) -> bool {
        let (messages, octets) = under_way.fold((0, 0_usize), |(messages, octets), asked| {
            (messages + 1, asked.octets.saturating_add(octets))
        });
        self.kept.len() + messages < most
            && self
                .octets
                .saturating_add(octets)
                .saturating_add(self.expected(next))
                <= MOST_OCTETS
    }

    fn size(&self, message: UpstreamNumber) -> Option<usize> {
        let place = self.sizes.binary_search_by_key(&message, |(it, _)| *it);
        let (_, octets) = self.sizes[place.ok()?];
        usize::try_from(octets).ok()
    }

    fn expected(&self, message: UpstreamNumber) -> usize {
        let unknown = || self.average.max(UNKNOWN_OCTETS);
        self.size(message).unwrap_or_else(unknown)
    }

    /// The server has at least so many messages.
    pub(super) fn note_messages(&mut self, messages: u32) {
        self.messages = self.messages.max(messages);
    }

    /// STAT tells that it has so many, of so many octets.
    pub(super) fn note_totals(&mut self, messages: u32, octets: u64) {
        self.note_messages(messages);
        let average = octets / u64::from(messages).max(1);
        self.average = usize::try_from(average).unwrap_or(usize::MAX);
    }

    /// LIST tells the size of a message.
    pub(super) fn note_size(&mut self, message: UpstreamNumber, octets: u64) {
        self.note_messages(message.0.value());
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        let place = self.sizes.binary_search_by_key(&message, |(it, _)| *it);
        match place {
            Ok(place) => self.sizes[place].1 = octets,
            // Only at the end: rows in any order would take time.
            Err(place) if place == self.sizes.len() => self.sizes.push((message, octets)),
            Err(_) => {}
        }
    }

    /// A row of LIST or UIDL: a number and more.
    pub(super) fn note_row(&mut self, row: &[u8], listing: Listing) {
        let mut words = row.split(|octet| *octet == b' ');
        let number = words.next().and_then(MessageNumber::parse);
        let Some(message) = number.map(UpstreamNumber) else {
            return;
        };
        self.note_messages(message.0.value());
        let octets = words.next().and_then(|it| std::str::from_utf8(it).ok());
        if listing == Listing::List
            && let Some(octets) = octets.and_then(|it| it.parse().ok())
        {
            self.note_size(message, octets);
        }
    }

    /// A piece of such a listing.
    pub(super) fn note_rows(&mut self, piece: &[u8], listing: Listing) {
        for part in piece.split_inclusive(|octet| *octet == b'\n') {
            let room = LONGEST_ROW.saturating_sub(self.row.len());
            self.row.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let row = std::mem::take(&mut self.row);
                self.note_row(row.trim_ascii_end(), listing);
            }
        }
    }

    /// Octets of the server that are kept, or belong to the message that arrives.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Octets in memory.
    pub(super) fn octets_in_memory(&self) -> usize {
        self.octets + self.sizes.capacity() * size_of::<(UpstreamNumber, u32)>()
    }

    /// A status line has come, or its message is now the client's or nobody's.
    pub(super) fn add_octets(&mut self, octets: usize) {
        self.octets += octets;
    }

    pub(super) fn take_octets(&mut self, octets: usize) {
        self.octets -= octets;
    }

    /// Keeps a message, whose status line is counted already.
    pub(super) fn keep(&mut self, message: UpstreamNumber, mut ready: Ready) {
        ready.decided.status.detach();
        // A copy of its own: it would keep the whole buffer that it came in.
        ready.decided.wire.detach();
        self.octets += ready.decided.wire.len();
        self.kept.push_back((message, ready));
    }

    pub(super) fn has(&self, message: UpstreamNumber) -> bool {
        self.kept.iter().any(|(it, _)| *it == message)
    }

    pub(super) fn has_kept(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Takes a message that is kept.
    pub(super) fn take(&mut self, message: UpstreamNumber) -> Option<Ready> {
        let place = self.kept.iter().position(|(it, _)| *it == message)?;
        let (_, ready) = self.kept.remove(place)?;
        Some(ready)
    }

    /// The message is on its way to the client, or is thrown away.
    pub(super) fn give_back(&mut self, ready: &Ready) {
        self.octets -= ready.octets();
    }

    /// Throws away what is kept; returns how many messages that is.
    pub(super) fn clear(&mut self) -> usize {
        let kept = std::mem::take(&mut self.kept);
        for (_, ready) in &kept {
            self.give_back(ready);
        }
        kept.len()
    }

    /// The session ends: nothing of it is relayed any more.
    pub(super) fn forget(&mut self) {
        self.kept.clear();
        self.octets = 0;
    }
}
