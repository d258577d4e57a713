//! One change to a message.

use bytes::Bytes;

/// One edit, by offset into the message on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where.
    pub at: usize,
    /// How many octets go.
    pub remove: usize,
    /// What comes in their place.
    pub insert: Bytes,
}
