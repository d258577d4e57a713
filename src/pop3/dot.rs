//! Dot-stuffing and the end of a multi-line response.
//!
//! In: the bytes after a status line, in pieces of any size; out: where the response ends. And whole texts,
//! stuffed or un-stuffed.
//!
//! It never takes `LF.LF` for the end: a server that treats bare LF as data would let a sender cut a message
//! short and smuggle in a second response. Responses of servers that send LF only are converted before this
//! (see `line::LfToCrlf`).
//!
//! RFC 1939 section 3 (multi-line responses).

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;

/// The end of a multi-line response, the preceding line's end included.
const END: &[u8] = b"\r\n.\r\n";
static END_FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(END));

/// Finds the final dot line, whatever the pieces.
#[derive(Debug, Clone)]
pub struct EndOfAnswer {
    /// How many bytes of [`END`] the bytes so far end with.
    matched: usize,
}

impl Default for EndOfAnswer {
    fn default() -> Self {
        Self::new()
    }
}

impl EndOfAnswer {
    /// Starts at the first byte after the status line, which is the beginning of a line.
    pub fn new() -> Self {
        Self { matched: 2 }
    }

    /// Scans the next piece; `Some(n)` if the response ends with the piece's first `n` bytes.
    pub fn find(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        // Byte by byte only while the bytes may be part of an end.
        while self.matched > 0 {
            let &byte = piece.get(at)?;
            at += 1;
            self.step(byte);
            if self.matched == END.len() {
                return Some(at);
            }
        }
        let rest = &piece[at..];
        if let Some(found) = END_FINDER.find(rest) {
            self.matched = END.len();
            return Some(at + found + END.len());
        }
        // A partial end can only be in the last four bytes.
        let tail = rest.len() - rest.len().min(END.len() - 1);
        for &byte in &rest[tail..] {
            self.step(byte);
        }
        None
    }

    fn step(&mut self, byte: u8) {
        self.matched = match (self.matched, byte) {
            (matched, byte) if END.get(matched) == Some(&byte) => matched + 1,
            (_, b'\r') => 1,
            _ => 0,
        };
    }
}

/// Whether a response's text has any dot-stuffing: without it [`unstuff`] makes no copy.
pub fn is_stuffed(wire: &[u8]) -> bool {
    wire.first() == Some(&b'.') || memmem::find(wire, b"\r\n.").is_some()
}

/// Removes the dot-stuffing from a response's text (without its final dot line).
///
/// Borrowed where there is none, as in most mail.
pub fn unstuff(wire: &[u8]) -> Cow<'_, [u8]> {
    let mut stuffed = memmem::find_iter(wire, b"\r\n.").peekable();
    let first = wire.first() == Some(&b'.');
    if !first && stuffed.peek().is_none() {
        return Cow::Borrowed(wire);
    }
    let mut plain = Vec::with_capacity(wire.len());
    let mut kept = usize::from(first);
    for at in stuffed {
        plain.extend_from_slice(&wire[kept..at + 2]);
        kept = at + 3;
    }
    plain.extend_from_slice(&wire[kept..]);
    Cow::Owned(plain)
}

/// Stuffs a text whose lines end in CRLF; its first byte is the beginning of a line.
pub fn stuff(plain: &[u8]) -> Cow<'_, [u8]> {
    let mut dots = memmem::find_iter(plain, b"\r\n.").peekable();
    let first = plain.first() == Some(&b'.');
    if !first && dots.peek().is_none() {
        return Cow::Borrowed(plain);
    }
    let mut wire = Vec::with_capacity(plain.len() + 16);
    let mut kept = 0;
    if first {
        wire.push(b'.');
    }
    for at in dots {
        wire.extend_from_slice(&plain[kept..at + 2]);
        wire.push(b'.');
        kept = at + 2;
    }
    wire.extend_from_slice(&plain[kept..]);
    Cow::Owned(wire)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes on the wire that end right after the final dot line.
    const ANSWERS: &[&[u8]] = &[
        b".\r\n",
        b"\r\n.\r\n",
        b"a\r\n.\r\n",
        b"..\r\n.\r\n",
        b"a\r\n..\r\n.\r\n",
        b"\r\r\n.\r\n",
        b"a\r\n.\r\r\n.\r\n",
        b"a\n.\nb\r\n.\r\n",
        b"a\r\n.\nb\r\n.\r\n",
        b"a\n.\r\nb\r\n.\r\n",
        b"\r\n.\rx\r\n\r\n.\r\n",
        b"a\r.\r\nb\r\n.\r\n",
    ];

    fn end_in_pieces(bytes: &[u8], size: usize) -> Option<usize> {
        let mut end = EndOfAnswer::new();
        let mut seen = 0;
        for piece in bytes.chunks(size) {
            if let Some(at) = end.find(piece) {
                return Some(seen + at);
            }
            seen += piece.len();
        }
        None
    }

    #[test]
    fn trap_03_the_final_dot_is_found_at_every_split_and_later_bytes_are_left() {
        for answer in ANSWERS {
            let mut wire = answer.to_vec();
            wire.extend_from_slice(b"+OK next\r\n.\r\n");
            for size in 1..=wire.len() {
                assert_eq!(
                    end_in_pieces(&wire, size),
                    Some(answer.len()),
                    "{answer:?} by {size}"
                );
            }
            for first in 0..=answer.len() {
                let mut end = EndOfAnswer::new();
                let before = end.find(&wire[..first]);
                let found = before.or_else(|| end.find(&wire[first..]).map(|at| first + at));
                assert_eq!(found, Some(answer.len()), "{answer:?} at {first}");
            }
        }
    }

    #[test]
    fn trap_04_bare_lf_does_not_end_a_message() {
        for wire in [
            &b"a\n.\n"[..],
            b"\n.\n",
            b".\n",
            b"a\r\n.\n",
            b"a\n.\r\n",
            b"a\r.\r",
        ] {
            assert_eq!(end_in_pieces(wire, 1), None, "{wire:?}");
            assert_eq!(end_in_pieces(wire, wire.len()), None, "{wire:?}");
        }
    }

    #[test]
    fn trap_05_the_first_byte_counts_as_a_line_start() {
        assert_eq!(&*stuff(b".a\r\n.b\r\nc\r\n"), b"..a\r\n..b\r\nc\r\n");
        assert_eq!(&*unstuff(b"..a\r\n..b\r\nc\r\n"), b".a\r\n.b\r\nc\r\n");
        assert!(matches!(unstuff(b"a\n.b\r\n"), Cow::Borrowed(_)));
    }

    /// Bytes in which ends and near-ends are frequent.
    fn dotty() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"\r\n.ab".to_vec()), 0..60)
    }

    proptest! {
        #[test]
        fn stuffing_and_unstuffing_round_trip(plain in dotty()) {
            let wire = stuff(&plain).into_owned();
            prop_assert_eq!(unstuff(&wire).into_owned(), plain);
        }

        #[test]
        fn a_stuffed_text_contains_no_earlier_final_dot(mut plain in dotty(), size in 1usize..9) {
            plain.extend_from_slice(b"\r\n");
            let mut wire = stuff(&plain).into_owned();
            wire.extend_from_slice(b".\r\n");
            prop_assert_eq!(end_in_pieces(&wire, size), Some(wire.len()));
        }

        #[test]
        fn the_end_does_not_depend_on_the_split(wire in dotty(), size in 1usize..9) {
            prop_assert_eq!(end_in_pieces(&wire, size), end_in_pieces(&wire, 60));
        }
    }
}
