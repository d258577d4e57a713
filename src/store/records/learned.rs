//! What a person taught, for the nodes that share a database.

use std::sync::Arc;

use bytes::Bytes;

use super::{Label, Timestamp};
use crate::mailbox_id::MailboxId;

/// A learned message: its features, not its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// Unique among all nodes: a lesson that is stored twice counts once.
    pub id: Arc<str>,
    /// The node where it was taught.
    pub node: Arc<str>,
    /// For whom; `None` = for all.
    pub mailbox: Option<MailboxId>,
    /// What the message is; `None` unlearns it.
    pub label: Option<Label>,
    /// The digest that identifies the message.
    pub identity: Bytes,
    /// What the learned filter sees of it.
    pub features: Bytes,
    /// When it was taught.
    pub at: Timestamp,
}
