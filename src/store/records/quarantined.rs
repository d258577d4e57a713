//! A message that was held back, as the index of the quarantine lists it.

use std::sync::Arc;

use bytes::Bytes;

use super::{PopgateId, Timestamp};
use crate::mailbox_id::MailboxId;
use crate::pop3::Uidl;

/// What became of a message that was held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeldState {
    /// It is in quarantine.
    #[default]
    Held,
    /// A person released it.
    Released,
    /// A person or the retention time deleted it.
    Deleted,
}

/// Why a message is held: a rule, its points, and a sentence for people.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// The rule's id.
    pub rule: Arc<str>,
    /// Its points.
    pub score: f64,
    /// Its description.
    pub description: Arc<str>,
}

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub struct Quarantined {
    /// Its X-Popgate-Id.
    pub id: PopgateId,
    /// Whose message it is; `None` if a program that kept no index held it.
    pub mailbox: Option<MailboxId>,
    /// Its UIDL, if it is known.
    pub uidl: Option<Uidl>,
    /// The sender as shown.
    pub from: Arc<str>,
    /// The subject, decoded.
    pub subject: Arc<str>,
    /// The score; `None` if a program that kept no index held it.
    pub score: Option<f64>,
    /// Why it is held, the highest score first.
    pub reasons: Vec<Reason>,
    /// Since when.
    pub held_at: Timestamp,
    /// Its size.
    pub octets: u64,
    /// What became of it.
    pub state: HeldState,
    /// The message, in a store that keeps messages; with SQLite they are the Maildir's.
    pub body: Option<Bytes>,
}
