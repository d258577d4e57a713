//! What a session knows of what earlier ones have left.
//!
//! In: unique-ids, and what is remembered of them; out: hidden and resized messages in the mailbox view, and what is
//! known of each decision.

use super::mailbox_view::{MailboxView, OwnEntry};
use super::verdicts::{Known, Verdicts};
use crate::pop3::{MessageNumber, UidlListing, UpstreamNumber};

/// How much of it is known in this session.
#[derive(Debug, Default)]
pub(super) enum Recall {
    /// Nothing is remembered.
    #[default]
    Off,
    /// The unique-ids were not asked for yet.
    Unasked,
    /// The upstream was asked, or the driver.
    Asked,
    /// Messages are hidden whose sizes the upstream is asked for, so that STAT can leave them out.
    Sizes(Box<Hidden>),
    /// The unique-ids of the messages that may have to be told to the store.
    Done(Box<UidlListing>),
}

/// What is hidden, until the sizes are known.
#[derive(Debug)]
pub(super) struct Hidden {
    pub(super) ids: UidlListing,
    pub(super) messages: Vec<UpstreamNumber>,
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
    /// It is relayed unchanged.
    Unchanged,
    /// It is marked, or a notice takes its place: it has so many octets more than the upstream's.
    Changed(i64),
    /// The client does not see it.
    Hidden,
}

impl Recall {
    /// Applies what is remembered, before the client has seen any number.
    pub(super) fn apply(
        mut ids: UidlListing,
        recalled: Recalled,
        view: &mut MailboxView,
        verdicts: &mut Verdicts,
    ) -> Self {
        let number = |place: usize| {
            let number = u32::try_from(place + 1).ok()?;
            MessageNumber::new(number).map(UpstreamNumber)
        };
        let mut known = Vec::with_capacity(recalled.messages.len());
        let mut hidden = Vec::new();
        for (place, message) in recalled.messages.iter().enumerate().take(ids.messages()) {
            known.push(match message {
                RecalledMessage::Unknown => Known::No,
                RecalledMessage::Unchanged => Known::Unchanged,
                RecalledMessage::Changed(grown) => {
                    if let Some(number) = number(place) {
                        view.grow(number, *grown);
                    }
                    Known::Stored
                }
                RecalledMessage::Hidden => {
                    if let Some(number) = number(place) {
                        view.hide(number, 0);
                        hidden.push(number);
                    }
                    Known::No
                }
            });
        }
        let messages = u32::try_from(ids.messages()).unwrap_or(u32::MAX);
        view.append(messages, recalled.own);
        // Nothing more is asked or told about the others.
        ids.retain(|place| !matches!(known.get(place), Some(Known::Unchanged)));
        verdicts.recall(known, recalled.may_be_corrected);
        match hidden.is_empty() {
            true => Self::Done(Box::new(ids)),
            false => Self::Sizes(Box::new(Hidden {
                ids,
                messages: hidden,
            })),
        }
    }
}
