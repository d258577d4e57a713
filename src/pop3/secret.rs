//! A password or a token: never shown, wiped when it is no longer needed.

use std::fmt;

use bytes::BytesMut;
use zeroize::{Zeroize, Zeroizing};

/// A value that must not appear in logs, errors or freed memory.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Keeps it.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// What it is.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a buffer grows by, at least.
const GROWTH: usize = 4 << 10;

/// Appends octets to a buffer that may have secrets in it: when it has to grow, the memory that it leaves is
/// overwritten. It grows by a quarter, so that a long line that never ends costs little more than its length.
pub fn append(buffer: &mut BytesMut, octets: &[u8]) {
    if buffer.capacity() - buffer.len() < octets.len() {
        let room = octets.len().max(buffer.len() / 4);
        let room = match buffer.is_empty() {
            true => room,
            false => room.max(GROWTH),
        };
        let mut grown = BytesMut::with_capacity(buffer.len() + room);
        grown.extend_from_slice(buffer);
        wipe(buffer);
        *buffer = grown;
    }
    buffer.extend_from_slice(octets);
}

/// Overwrites what is in a buffer, and empties it.
pub fn wipe(buffer: &mut BytesMut) {
    buffer[..].zeroize();
    buffer.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_grows_keeps_its_octets() {
        let mut buffer = BytesMut::new();
        let text: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        for piece in text.chunks(700) {
            append(&mut buffer, piece);
            assert!(buffer.capacity() <= buffer.len() + buffer.len() / 4 + GROWTH);
        }
        assert_eq!(&buffer[..], text);
        wipe(&mut buffer);
        assert!(buffer.is_empty());
    }

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        assert_eq!(format!("{:?}", Secret::new(b"open sesame")), "(secret)");
    }
}
