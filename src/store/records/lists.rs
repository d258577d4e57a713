//! Senders that a person allows or blocks.

use super::Timestamp;
use crate::filter::{ListKind, ListPattern};
use crate::mailbox_id::MailboxId;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Which list.
    pub list: ListKind,
    /// Whose list; `None` = everybody's.
    pub mailbox: Option<MailboxId>,
    /// Whom it is about.
    pub pattern: ListPattern,
    /// Whether it holds for senders that are not authenticated, too.
    pub trusts_unauthenticated: bool,
    /// When it was added.
    pub added: Timestamp,
}
