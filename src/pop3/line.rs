//! Lines: finds their end, and converts the output of servers that send LF only to CRLF.
//!
//! In: bytes as they arrive; out: lines without their end, or bytes with CRLF line ends.
//!
//! It never touches the bytes of a server that uses CRLF, bare LF and bare CR inside its mail included: only a
//! server whose greeting ends in a bare LF is converted, and then completely.
//!
//! RFC 1939 section 3: all lines end in CRLF.

use bytes::BytesMut;
use memchr::memchr;

/// Takes the first complete line from a buffer, its line end included.
pub fn take_line(buffer: &mut BytesMut) -> Option<BytesMut> {
    let end = memchr(b'\n', buffer)?;
    Some(buffer.split_to(end + 1))
}

/// The line without CRLF or LF.
pub fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether a line ends in LF without CR.
pub fn ends_in_bare_lf(line: &[u8]) -> bool {
    line.ends_with(b"\n") && !line.ends_with(b"\r\n")
}

/// The peer's text, safe for logs and responses: printable ASCII of limited length.
pub fn printable(text: &[u8], most: usize) -> String {
    let shown = text.iter().take(most);
    let mut shown: String = shown
        .map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '?',
        })
        .collect();
    if text.len() > most {
        shown.push_str("...");
    }
    shown
}

/// Turns bare LF into CRLF, whatever the pieces.
#[derive(Debug, Clone, Default)]
pub struct LfToCrlf {
    after_cr: bool,
}

impl LfToCrlf {
    /// Converts the buffer from `from` on; returns the octets added.
    pub fn translate(&mut self, buffer: &mut BytesMut, from: usize) -> usize {
        let piece = buffer.split_off(from);
        buffer.reserve(piece.len() + piece.len() / 16);
        for &byte in &piece {
            if byte == b'\n' && !self.after_cr {
                buffer.extend_from_slice(b"\r");
            }
            buffer.extend_from_slice(&[byte]);
            self.after_cr = byte == b'\r';
        }
        buffer.len() - from - piece.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_one_by_one() {
        let mut buffer = BytesMut::from(&b"+OK a\r\nb\nrest"[..]);
        assert_eq!(&take_line(&mut buffer).unwrap()[..], b"+OK a\r\n");
        let second = take_line(&mut buffer).unwrap();
        assert!(ends_in_bare_lf(&second));
        assert_eq!(trim_end(&second), b"b");
        assert_eq!(take_line(&mut buffer), None);
        assert_eq!(&buffer[..], b"rest");
    }

    #[test]
    fn bare_lf_becomes_crlf_at_every_split() {
        let wire = b"a\nb\r\nc\n\n\r\n.\n";
        for size in 1..=wire.len() {
            let mut buffer = BytesMut::from(&b"before\n"[..]);
            let mut translate = LfToCrlf::default();
            for piece in wire.chunks(size) {
                let from = buffer.len();
                buffer.extend_from_slice(piece);
                let before = buffer.len();
                let added = translate.translate(&mut buffer, from);
                assert_eq!(buffer.len(), before + added);
            }
            assert_eq!(
                &buffer[..],
                b"before\na\r\nb\r\nc\r\n\r\n\r\n.\r\n",
                "by {size}"
            );
        }
    }

    #[test]
    fn control_characters_from_a_peer_are_escaped() {
        assert_eq!(printable(b"a\x1b[2J\r\n\xff", 99), "a?[2J???");
        assert_eq!(printable(b"abcdef", 3), "abc...");
    }
}
