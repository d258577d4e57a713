//! The end of a listing: of LIST, UIDL, CAPA, AUTH or LANG.
//!
//! In: the bytes after the status line, in pieces of any size; out: where the listing ends. Its end is a line with a
//! dot alone, whether lines end in CRLF or in bare LF: none of its other lines can be that, because the server itself
//! makes them, and they begin with a number or a word. A message is different, see `dot` and `line_ends`.
//!
//! RFC 1939 section 3 (multi-line responses).

use memchr::memchr;

/// Finds the final dot line of a listing, whatever the pieces.
#[derive(Debug, Clone, Default)]
pub struct EndOfListing {
    state: State,
    after_cr: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// At the beginning of a line.
    #[default]
    Begin,
    /// The line is a dot so far.
    Dot,
    /// The line is a dot and CR so far.
    DotCr,
    /// In any other line.
    Inside,
}

impl EndOfListing {
    /// Scans the next piece; `Some(n)` if the listing ends with the piece's first `n` bytes.
    pub fn find(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            at += 1;
            self.state = match (self.state, byte) {
                (State::Dot | State::DotCr, b'\n') => return Some(at),
                (State::Begin, b'.') => State::Dot,
                (State::Dot, b'\r') => State::DotCr,
                (_, b'\n') => State::Begin,
                _ => {
                    self.state = State::Inside;
                    let end = memchr(b'\n', &piece[at..])?;
                    at += end + 1;
                    State::Begin
                }
            };
        }
        None
    }

    /// Whether all of the listing has come but the line end behind the final dot.
    pub fn lacks_line_end(&self) -> bool {
        matches!(self.state, State::Dot | State::DotCr)
    }

    /// The same piece with CRLF for each bare LF; `None` if there is none. To be called once for each piece.
    pub fn in_crlf(&mut self, piece: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        let mut kept = 0;
        for at in memchr::memchr_iter(b'\n', piece) {
            let is_bare = match at.checked_sub(1) {
                Some(before) => piece[before] != b'\r',
                None => !self.after_cr,
            };
            if is_bare {
                let text = changed.get_or_insert_with(Vec::new);
                text.extend_from_slice(&piece[kept..at]);
                text.extend_from_slice(b"\r\n");
                kept = at + 1;
            }
        }
        self.after_cr = piece.last().map_or(self.after_cr, |last| *last == b'\r');
        if let Some(text) = &mut changed {
            text.extend_from_slice(&piece[kept..]);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_with_either_line_end_at_every_split() {
        for listing in [
            &b".\r\n"[..],
            b".\n",
            b"1 120\r\n2 7\r\n.\r\n",
            b"1 120\n2 7\n.\n",
            b"1 120\n2 7\r\n.\n",
            b"1 120\n.\r\n",
            b"1 a.\r\n.x\n..\n\r\n\n.\rx\n.\r\n",
        ] {
            let wire = [listing, b"+OK next\n.\n"].concat();
            for size in 1..=wire.len() {
                let mut end = EndOfListing::default();
                let mut seen = 0;
                let mut shown = Vec::new();
                for piece in wire.chunks(size) {
                    let found = end.find(piece);
                    let piece = &piece[..found.unwrap_or(piece.len())];
                    seen += piece.len();
                    shown.extend(end.in_crlf(piece).unwrap_or_else(|| piece.to_vec()));
                    if found.is_some() {
                        break;
                    }
                }
                assert_eq!(seen, listing.len(), "{listing:?} by {size}");
                let text = String::from_utf8(listing.to_vec()).unwrap();
                let crlf = text.replace("\r\n", "\n").replace('\n', "\r\n");
                assert_eq!(shown, crlf.as_bytes(), "{listing:?} by {size}");
            }
        }
    }

    #[test]
    fn a_listing_without_its_last_line_end_is_recognized() {
        for (listing, lacks) in [
            ("1 a\r\n.", true),
            ("1 a\n.\r", true),
            ("1 a\r\n2", false),
            ("", false),
        ] {
            let mut end = EndOfListing::default();
            assert_eq!(end.find(listing.as_bytes()), None);
            assert_eq!(end.lacks_line_end(), lacks, "{listing:?}");
        }
    }
}
