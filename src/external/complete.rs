//! What is known of a message when it is complete.

use bytes::Bytes;

/// A message that is complete, as far as it is held.
#[derive(Debug, Clone)]
pub struct Complete {
    /// Its octets as they came, without dot-stuffing; none if they are not [wanted](super::Pending::wants_message).
    pub message: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
    /// The hosts of its links, if they were [asked for](super::Pending::wants_links).
    pub hosts_of_links: Vec<String>,
    /// The name of the mailbox, if it is known.
    pub recipient: Option<String>,
}
