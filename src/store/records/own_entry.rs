//! A message that popgate itself puts into the view of a mailbox: a released message, or a digest.

use super::{PopgateId, Timestamp};
use crate::pop3::Uidl;

/// Where its text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnBody {
    /// The text of the entry, which [`super::super::Store::own_text`] reads.
    Stored,
    /// A message in quarantine.
    Quarantined(PopgateId),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEntry {
    /// Its UIDL, which begins with `popgate-`.
    pub uidl: Uidl,
    /// Its size.
    pub octets: u64,
    /// Where its text is.
    pub body: OwnBody,
    /// The message that it replaces: it is not shown where the server still lists that one.
    pub unless_listed: Option<Uidl>,
    /// Since when it is there.
    pub created: Timestamp,
}
