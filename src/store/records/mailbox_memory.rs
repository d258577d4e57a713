//! What is remembered of a mailbox: all that a session needs, from one look-up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ListEntry, OwnEntry, RememberedMessage, Timestamp};
use crate::filter::receiving_server::ReceivingServer;
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// A person's settings of a mailbox (`tag_at`, `drop_at`, `drop_mode`, …), by key.
pub type MailboxSettings = BTreeMap<Arc<str>, Arc<str>>;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MailboxMemory {
    /// What is known of each message that was asked about, in that order.
    pub messages: Vec<Option<RememberedMessage>>,
    /// Those of them that [`super::Change::StillListed`] should be said of: the store has not heard of them for
    /// days.
    pub stale: Vec<Uidl>,
    /// popgate's own messages in this mailbox, the oldest first.
    pub own_entries: Vec<OwnEntry>,
    /// The settings of the mailbox.
    pub settings: MailboxSettings,
    /// The lists of the mailbox, and those for everybody.
    pub lists: Vec<ListEntry>,
    /// When its last digest was made.
    pub last_digest: Option<Timestamp>,
    /// Whose checks of senders count, as far as its mail says it.
    pub receiving_server: Option<ReceivingServer>,
}

/// A mailbox that the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxSummary {
    /// Which one.
    pub mailbox: MailboxId,
    /// Messages in quarantine.
    pub held: u64,
    /// Rows of the history.
    pub history: u64,
    /// Its settings.
    pub settings: MailboxSettings,
    /// When the last message was judged, if the history says so.
    pub last_judged: Option<Timestamp>,
}

/// How much there is about a mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MailboxContents {
    /// Messages that are remembered.
    pub messages: u64,
    /// Rows of the history.
    pub history: u64,
    /// Addresses and domains that have written.
    pub senders: u64,
    /// Entries of its lists.
    pub lists: u64,
    /// Settings.
    pub settings: u64,
    /// popgate's own messages.
    pub own_entries: u64,
    /// Messages that were taught.
    pub lessons: u64,
    /// Rows of the quarantine, in whatever state.
    pub quarantine: u64,
}
