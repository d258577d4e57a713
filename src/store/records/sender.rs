//! Who has written to a mailbox before.

use std::sync::Arc;

use super::{Label, Timestamp};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// A message of a sender. Each message counts once, however often this is said; with another label it is counted as
/// that one, and with none it is no longer counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderSeen {
    /// Who got the message.
    pub mailbox: MailboxId,
    /// The message, which has a record.
    pub uidl: Uidl,
    /// The sender's address in lower case; its domain is counted, too.
    pub address: Arc<str>,
    /// Whether the sender is authenticated.
    pub authenticated: bool,
    /// What the message is; `None` takes the message back.
    pub label: Option<Label>,
    /// When it was seen.
    pub at: Timestamp,
}

/// What is known of an address, or of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderRecord {
    /// The first message.
    pub first_seen: Timestamp,
    /// The last message.
    pub last_seen: Timestamp,
    /// Messages that were authenticated.
    pub authenticated: u64,
    /// Messages that are not spam.
    pub ham: u64,
    /// Messages that are spam.
    pub spam: u64,
}

/// What is known of a sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SenderHistory {
    /// Of the address.
    pub address: Option<SenderRecord>,
    /// Of its domain.
    pub domain: Option<SenderRecord>,
}

/// A sender of whom something is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSender {
    /// An address, or a domain with its `@`.
    pub name: Arc<str>,
    /// What is known.
    pub record: SenderRecord,
}
