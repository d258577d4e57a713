//! One change to a message.

use bytes::Bytes;

/// One edit, by offset into the message on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Its offset.
    pub at: usize,
    /// Octets removed.
    pub remove: usize,
    /// Octets inserted.
    pub insert: Bytes,
}
