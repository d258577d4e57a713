//! What a session knows of what earlier ones have left.
//!
//! In: unique-ids, and what is remembered of them; out: hidden and resized messages in the mailbox view, what is known of
//! each decision, and which messages have none.

use std::time::Instant;

use super::mailbox_view::{MailboxView, OwnEntry};
use super::prefetch_state::{Candidate, Prefetch};
use super::verdicts::{Known, Verdicts};
use crate::message::MessageDigest;
use crate::pop3::{UidlListing, UpstreamNumber};

/// How much of it is known in this session.
#[derive(Debug, Default)]
pub(super) enum Recall {
    /// Nothing is remembered.
    #[default]
    Off,
    /// The unique-ids were not asked for yet.
    Unasked(Asks),
    /// The upstream was asked, or the driver.
    Asked(Asked),
    /// The client is to see other messages than the upstream's: the upstream is asked for their sizes, so that STAT is
    /// right, and so that the numbers are.
    Sizes(Box<Sizes>),
    /// In hide mode: messages without a verdict are fetched.
    Prefetching(Box<Prefetch>),
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

/// When the upstream was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// The client waits since then.
    pub(super) at: Instant,
    /// Whether the client has been told numbers before.
    pub(super) has_told: bool,
}

/// What is to be hidden or fetched, until the sizes are known.
#[derive(Debug)]
pub(super) struct Sizes {
    ids: UidlListing,
    /// The client waits since then.
    began: Instant,
    /// With the sizes that they must have; ascending.
    hidden: Vec<(UpstreamNumber, u64)>,
    /// Those of them that are to be deleted at the upstream.
    discarded: Vec<(UpstreamNumber, DiscardReason)>,
    /// Those that have another size: they are other messages, or the server has written into them.
    others: Vec<UpstreamNumber>,
    /// In hide mode, the messages without a verdict; ascending.
    unjudged: Vec<UpstreamNumber>,
    is_hide_mode: bool,
    candidates: Vec<Candidate>,
    rows: usize,
}

/// What the upstream's sizes say.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) ids: UidlListing,
    pub(super) began: Instant,
    pub(super) discarded: Vec<(UpstreamNumber, DiscardReason)>,
    /// In hide mode, the messages without a verdict, in the order of their numbers.
    pub(super) candidates: Vec<Candidate>,
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
    /// Whether messages that are held back are hidden, so that those without a verdict are fetched before the client is
    /// told any number.
    pub hides: bool,
    /// Messages that were judged and that no client has got; ascending.
    pub undelivered: Vec<UpstreamNumber>,
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
    /// The same, and it is deleted before the client's QUIT.
    Discarded(u64, DiscardReason),
}

/// Why popgate deletes a message at the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiscardReason {
    /// A person has deleted it from quarantine.
    Person,
    /// It was hidden for as long as `data.hide_delete_after` says.
    Age,
}

/// The most messages that popgate deletes by itself in a session: the client waits for the answer to its QUIT.
const MOST_DISCARDED: usize = 100;

/// Messages that popgate deletes at the upstream by itself, and how many the upstream has marked so far.
#[derive(Debug, Default)]
pub(super) struct Discards {
    /// The next one is the last of these.
    left: Vec<(UpstreamNumber, DiscardReason)>,
    marked: [u32; 2],
}

impl Discards {
    /// What a person has deleted comes first.
    pub(super) fn new(mut messages: Vec<(UpstreamNumber, DiscardReason)>) -> Self {
        messages.sort_by_key(|(number, reason)| (*reason, *number));
        messages.truncate(MOST_DISCARDED);
        messages.reverse();
        Self {
            left: messages,
            marked: [0; 2],
        }
    }

    /// The upstream has marked one.
    pub(super) fn note(&mut self, reason: DiscardReason) {
        self.marked[reason as usize] += 1;
    }

    pub(super) fn marked(&self, reason: DiscardReason) -> u32 {
        self.marked[reason as usize]
    }

    pub(super) fn has_next(&self) -> bool {
        !self.left.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<(UpstreamNumber, DiscardReason)> {
        self.left.pop()
    }
}

impl Recall {
    /// Applies what is remembered. The view changes only if the client has seen no number yet.
    pub(super) fn apply(
        ids: UidlListing,
        recalled: Recalled,
        asked: Asked,
        view: &mut MailboxView,
        verdicts: &mut Verdicts,
    ) -> Self {
        let has_told = asked.has_told;
        let is_hide_mode = recalled.hides && !has_told;
        let mut known = Vec::with_capacity(recalled.messages.len());
        let (mut hidden, mut discarded, mut unjudged) = (Vec::new(), Vec::new(), Vec::new());
        for (place, message) in recalled.messages.iter().enumerate().take(ids.messages()) {
            let Some(number) = UpstreamNumber::at(place) else {
                break;
            };
            let has_no_verdict = matches!(
                message,
                RecalledMessage::Unknown | RecalledMessage::Outdated
            );
            if is_hide_mode && has_no_verdict && ids.uidl(number).is_some() {
                unjudged.push(number);
            }
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
                RecalledMessage::Hidden(octets) | RecalledMessage::Discarded(octets, _) => {
                    if !has_told {
                        view.hide(number, octets);
                        hidden.push((number, octets));
                        if let RecalledMessage::Discarded(_, reason) = *message {
                            discarded.push((number, reason));
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
        verdicts.not_delivered_yet(recalled.undelivered);
        match hidden.is_empty() && unjudged.is_empty() && view.own().is_none() {
            true => Self::Done(Box::new(ids)),
            false => Self::Sizes(Box::new(Sizes {
                ids,
                began: asked.at,
                hidden,
                discarded,
                others: Vec::new(),
                unjudged,
                is_hide_mode,
                candidates: Vec::new(),
                rows: 0,
            })),
        }
    }

    /// Octets that it takes.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Off | Self::Unasked(_) | Self::Asked(_) => 0,
            Self::Sizes(sizes) => sizes.octets(),
            Self::Prefetching(prefetch) => prefetch.octets(),
            Self::Done(ids) => ids.octets(),
        }
    }
}

impl Sizes {
    fn octets(&self) -> usize {
        let unjudged = self.unjudged.capacity() * size_of::<UpstreamNumber>();
        self.ids.octets() + unjudged + self.candidates.capacity() * size_of::<Candidate>()
    }

    /// A row of the answer to LIST.
    pub(super) fn note(&mut self, message: UpstreamNumber, octets: u64) {
        self.rows += 1;
        let candidate = Candidate { message, octets };
        let found = self.hidden.binary_search_by_key(&message, |(it, _)| *it);
        match found {
            Ok(place) if self.hidden[place].1 != octets => {
                self.others.push(message);
                if self.is_hide_mode && self.ids.uidl(message).is_some() {
                    self.candidates.push(candidate);
                }
            }
            Ok(_) => {}
            Err(_) if self.unjudged.binary_search(&message).is_ok() => {
                self.candidates.push(candidate);
            }
            Err(_) => {}
        }
    }

    /// All rows have come: shows what must not be hidden, and gives what is to be deleted or fetched. If LIST and UIDL do
    /// not have the same messages, numbers are the upstream's.
    pub(super) fn finish(mut self, view: &mut MailboxView, verdicts: &mut Verdicts) -> Listed {
        match self.rows == self.ids.messages() {
            true => {
                for number in &self.others {
                    view.show(*number);
                    verdicts.set_recalled(*number, Known::Outdated);
                }
            }
            false => {
                view.show_upstreams();
                self.candidates.clear();
            }
        }
        self.discarded
            .retain(|(number, _)| view.to_client(*number).is_none());
        self.candidates.sort_by_key(|it| it.message);
        self.candidates.dedup_by_key(|it| it.message);
        Listed {
            ids: self.ids,
            began: self.began,
            discarded: self.discarded,
            candidates: self.candidates,
        }
    }
}
