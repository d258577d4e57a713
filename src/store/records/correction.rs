//! What a person says about a message.

use super::Timestamp;

/// Spam or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Label {
    /// Wanted mail.
    Ham,
    /// Spam.
    Spam,
}

/// A correction by a person: no rule overrules it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// What the message is.
    pub label: Label,
    /// When the person said so.
    pub at: Timestamp,
}
