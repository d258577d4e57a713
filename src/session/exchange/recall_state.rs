//! What a session knows of what earlier ones have left.
//!
//! In: unique-ids, and what is remembered of them; out: hidden and resized messages in the mailbox view, and what is
//! known of each decision.

use super::mailbox_view::{MailboxView, OwnEntry};
use super::verdicts::{Known, Verdicts};
use crate::message::MessageDigest;
use crate::pop3::{MessageNumber, UidlListing, UpstreamNumber};

/// How much of it is known in this session.
#[derive(Debug, Default)]
pub(super) enum Recall {
    /// Nothing is remembered.
    #[default]
    Off,
    /// The unique-ids were not asked for yet.
    Unasked(Asks),
    /// The upstream was asked, or the driver. Whether the client has been told numbers before.
    Asked(bool),
    /// The client is to see other messages than the upstream's: the upstream is asked for their sizes, so that STAT is
    /// right, and so that the numbers are.
    Sizes(Box<Sizes>),
    /// The unique-ids.
    Done(Box<UidlListing>),
}

/// Whether popgate asks for unique-ids by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Before the client's first command about messages.
    First,
    /// Only before the client does: the server writes them into the messages then.
    WithClient {
        /// Whether the client has been told numbers.
        has_told: bool,
    },
}

/// What is to be hidden, until the sizes are known.
#[derive(Debug)]
pub(super) struct Sizes {
    ids: UidlListing,
    /// With the sizes that they must have; ascending.
    hidden: Vec<(UpstreamNumber, u64)>,
    /// Those of them that a person wants to be gone.
    discarded: Vec<UpstreamNumber>,
    /// Those that have another size: they are other messages.
    others: Vec<UpstreamNumber>,
    rows: usize,
}

/// What is remembered of a mailbox.
#[derive(Debug, Default)]
pub struct Recalled {
    /// By message, in the order of the unique-ids.
    pub messages: Vec<RecalledMessage>,
    /// What the client sees after the upstream's messages.
    pub own: Vec<OwnEntry>,
    /// Whether a person may have corrected decisions since: known messages are held until the driver says that this one
    /// was not.
    pub may_be_corrected: bool,
}

/// What is remembered of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecalledMessage {
    /// Nothing.
    #[default]
    Unknown,
    /// Something that is not valid any more; what is decided now replaces it.
    Outdated,
    /// The message with this digest is relayed unchanged.
    Unchanged(MessageDigest),
    /// The message with this digest is marked, or a notice takes its place: it has so many octets more than the
    /// upstream's.
    Changed(i64, MessageDigest),
    /// The client does not see it while the upstream lists it with this size.
    Hidden(u64),
    /// The same, and it is deleted before the client's QUIT: a person wants it to be gone.
    Discarded(u64),
}

/// The most messages that popgate deletes by itself in a session: the client waits for the answer to its QUIT.
const MOST_DISCARDED: usize = 100;

/// Messages that popgate deletes at the upstream by itself, and how many the upstream has marked so far.
#[derive(Debug, Default)]
pub(super) struct Discards {
    /// The next one is the last of these.
    left: Vec<UpstreamNumber>,
    pub(super) marked: u32,
}

impl Discards {
    pub(super) fn new(mut messages: Vec<UpstreamNumber>) -> Self {
        messages.truncate(MOST_DISCARDED);
        messages.reverse();
        Self {
            left: messages,
            marked: 0,
        }
    }

    pub(super) fn has_next(&self) -> bool {
        !self.left.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<UpstreamNumber> {
        self.left.pop()
    }
}

impl Recall {
    /// Applies what is remembered. The view changes only if the client has seen no number yet.
    pub(super) fn apply(
        ids: UidlListing,
        recalled: Recalled,
        has_told: bool,
        view: &mut MailboxView,
        verdicts: &mut Verdicts,
    ) -> Self {
        let mut known = Vec::with_capacity(recalled.messages.len());
        let (mut hidden, mut discarded) = (Vec::new(), Vec::new());
        for (place, message) in recalled.messages.iter().enumerate().take(ids.messages()) {
            let Some(number) = number(place) else { break };
            known.push(match *message {
                RecalledMessage::Unknown => Known::No,
                RecalledMessage::Outdated => Known::Outdated,
                RecalledMessage::Unchanged(digest) => Known::Unchanged(digest),
                RecalledMessage::Changed(grown, digest) => {
                    if !has_told {
                        view.grow(number, grown);
                    }
                    Known::Stored(digest)
                }
                RecalledMessage::Hidden(octets) | RecalledMessage::Discarded(octets) => {
                    if !has_told {
                        view.hide(number, octets);
                        hidden.push((number, octets));
                        if matches!(message, RecalledMessage::Discarded(_)) {
                            discarded.push(number);
                        }
                    }
                    Known::No
                }
            });
        }
        if !has_told {
            let messages = u32::try_from(ids.messages()).unwrap_or(u32::MAX);
            view.append(messages, recalled.own);
        }
        verdicts.recall(known, recalled.may_be_corrected);
        match hidden.is_empty() && view.own().is_none() {
            true => Self::Done(Box::new(ids)),
            false => Self::Sizes(Box::new(Sizes {
                ids,
                hidden,
                discarded,
                others: Vec::new(),
                rows: 0,
            })),
        }
    }

    /// Octets that it takes.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Off | Self::Unasked(_) | Self::Asked(_) => 0,
            Self::Sizes(sizes) => sizes.ids.octets(),
            Self::Done(ids) => ids.octets(),
        }
    }
}

impl Sizes {
    /// A row of the answer to LIST.
    pub(super) fn note(&mut self, number: UpstreamNumber, octets: u64) {
        self.rows += 1;
        let found = self.hidden.binary_search_by_key(&number, |(it, _)| *it);
        if let Ok(place) = found
            && self.hidden[place].1 != octets
        {
            self.others.push(number);
        }
    }

    /// All rows have come: shows what must not be hidden, and gives what is to be deleted. If LIST and UIDL do not have the
    /// same messages, numbers are the upstream's.
    pub(super) fn finish(mut self, view: &mut MailboxView) -> (UidlListing, Vec<UpstreamNumber>) {
        match self.rows == self.ids.messages() {
            true => self.others.iter().for_each(|number| view.show(*number)),
            false => view.show_upstreams(),
        }
        self.discarded
            .retain(|number| view.to_client(*number).is_none());
        (self.ids, self.discarded)
    }
}

fn number(place: usize) -> Option<UpstreamNumber> {
    let number = u32::try_from(place + 1).ok()?;
    MessageNumber::new(number).map(UpstreamNumber)
}
