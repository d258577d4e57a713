//! The line ends of a message, for servers that do not end its lines in CRLF.
//!
//! In: the bytes of a message as they arrive; out: whether the last ones look like a final dot line ([`LooseEnd`]), and
//! what else tells whether it is one ([`LineEnds`]). Whether it is the end decides who knows the time (see
//! `session::exchange::silent_end`): the same octets inside a message are data.
//!
//! RFC 1939 section 3 ends a message with CRLF, dot, CRLF; `dot` finds that.

use memchr::memchr_iter;

/// What looks like a final dot line at the end of the bytes received, but is not CRLF, dot, CRLF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LooseEnd {
    /// LF, dot, CRLF.
    LfDotCrlf,
    /// CRLF, dot, LF.
    CrlfDotLf,
    /// LF, dot, LF.
    LfDotLf,
}

impl LooseEnd {
    /// Octets of the dot line.
    pub fn octets(self) -> usize {
        match self {
            Self::LfDotCrlf => b".\r\n".len(),
            Self::CrlfDotLf | Self::LfDotLf => b".\n".len(),
        }
    }
}

/// As many octets tell whether a dot line is a loose end.
const TAIL: usize = b"x\n.\r\n".len();

/// What was seen of a message's lines.
#[derive(Debug, Clone)]
pub struct LineEnds {
    /// The last octets; at first those of the status line.
    tail: [u8; TAIL],
    /// Octets of the message, its final dot line included.
    octets: u64,
    line_feeds: u64,
    /// Whether a line of the text has ended in CRLF.
    has_crlf: bool,
}

impl LineEnds {
    /// Before the first octet of a message; its status line ended in bare LF, or in CRLF.
    pub fn after_status(bare_lf: bool) -> Self {
        Self {
            tail: if bare_lf { *b"xxxx\n" } else { *b"xxx\r\n" },
            octets: 0,
            line_feeds: 0,
            has_crlf: false,
        }
    }

    /// Reads the next piece.
    pub fn see(&mut self, piece: &[u8]) {
        // A server that ends lines in CRLF does so from the first line on: then nothing more is looked for.
        if !self.has_crlf {
            self.has_crlf = memchr_iter(b'\n', piece).any(|at| {
                let is_bare = self.before(piece, at, 1) != b'\r';
                // The final dot line does not count.
                let is_dot = !is_bare
                    && self.before(piece, at, 2) == b'.'
                    && self.before(piece, at, 3) == b'\n';
                !is_bare && !is_dot
            });
        }
        self.octets += piece.len() as u64;
        self.line_feeds += memchr_iter(b'\n', piece).count() as u64;
        for &octet in &piece[piece.len().saturating_sub(TAIL)..] {
            self.tail.rotate_left(1);
            self.tail[TAIL - 1] = octet;
        }
    }

    /// The octet this far before the one at `at` of the next piece.
    fn before(&self, piece: &[u8], at: usize, distance: usize) -> u8 {
        match at.checked_sub(distance) {
            Some(at) => piece[at],
            None => self.tail[TAIL - (distance - at)],
        }
    }

    /// What the bytes so far end with.
    pub fn loose_end(&self) -> Option<LooseEnd> {
        match self.tail {
            [b'\r', b'\n', b'.', b'\r', b'\n'] => None,
            [_, b'\n', b'.', b'\r', b'\n'] => Some(LooseEnd::LfDotCrlf),
            [_, b'\r', b'\n', b'.', b'\n'] => Some(LooseEnd::CrlfDotLf),
            [_, _, b'\n', b'.', b'\n'] => Some(LooseEnd::LfDotLf),
            _ => None,
        }
    }

    /// How many of the last octets of `buffer`, which follows what was seen, may belong to a loose end: from a bare LF
    /// on, if that is in the buffer.
    pub fn may_be_end(&self, buffer: &[u8]) -> usize {
        let last = &buffer[buffer.len().saturating_sub(TAIL)..];
        let mut text = [0; 2 * TAIL];
        text[..TAIL].copy_from_slice(&self.tail);
        text[TAIL..TAIL + last.len()].copy_from_slice(last);
        let text = &text[..TAIL + last.len()];
        // The longest first: each one ends with the last one's LF.
        let dot_lines = [&b"\n.\r\n"[..], b"\n.\n", b"\n.\r", b"\n.", b"\n"];
        let found = dot_lines
            .iter()
            .find_map(|end| Some((text.strip_suffix(*end)?.last(), *end)));
        let kept = match found {
            None => 0,
            // What begins with CRLF may be CRLF, dot, LF: only its last octet is replaced.
            Some((Some(b'\r'), b"\n.\n")) => 1,
            Some((Some(b'\r'), _)) => 0,
            Some((_, end)) => end.len(),
        };
        kept.min(buffer.len())
    }

    /// Whether the first octets of `buffer`, which follows what was seen, may be more than one answer: whether behind a
    /// loose end that `may_end` takes for one, and not behind `taken`, a line begins as a status line does.
    pub fn answer_may_follow(
        &self,
        buffer: &[u8],
        taken: usize,
        may_end: impl Fn(LooseEnd, &Self) -> bool,
    ) -> bool {
        let mut ends = self.clone();
        let mut seen = 0;
        let lines = memchr_iter(b'\n', &buffer[..taken]).map(|at| at + 1);
        for begin in std::iter::once(0).chain(lines) {
            // The sign decides: the rest of the word may not have come yet.
            let is_status = matches!(buffer.get(begin), Some(b'+' | b'-'));
            if !is_status || !self.is_behind_dot(buffer, begin) {
                continue;
            }
            ends.see(&buffer[seen..begin]);
            seen = begin;
            if ends.loose_end().is_some_and(|end| may_end(end, &ends)) {
                return true;
            }
        }
        false
    }

    /// Whether the line before the one that begins here may be a dot alone.
    fn is_behind_dot(&self, buffer: &[u8], begin: usize) -> bool {
        match self.before(buffer, begin, 2) {
            b'\r' => self.before(buffer, begin, 3) == b'.',
            octet => octet == b'.',
        }
    }

    /// Whether every line of the text ends in bare LF.
    pub fn are_all_bare(&self) -> bool {
        !self.has_crlf
    }

    /// The most octets that the text can have if its lines are counted with CRLF.
    pub fn most_octets(&self) -> u64 {
        self.octets + self.line_feeds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(wire: &[u8], size: usize) -> LineEnds {
        let mut ends = LineEnds::after_status(false);
        for piece in wire.chunks(size) {
            ends.see(piece);
        }
        ends
    }

    #[test]
    fn loose_ends_are_recognized_at_every_split() {
        use LooseEnd::{CrlfDotLf, LfDotCrlf, LfDotLf};
        let table: &[(&[u8], Option<LooseEnd>, bool)] = &[
            (b"From: a\n\nHello\n.\r\n", Some(LfDotCrlf), true),
            (b"From: a\r\n\r\nHello\n.\r\n", Some(LfDotCrlf), false),
            (b"From: a\n\r\nHello\n.\r\n", Some(LfDotCrlf), false),
            (b"From: a\n\nHello\n.\n", Some(LfDotLf), true),
            (b"From: a\r\n\r\nHello\r\n.\n", Some(CrlfDotLf), false),
            (b".\n", Some(CrlfDotLf), true),
            (b"a\n.\r\nmore", None, false),
            (b"a\n..\r\n", None, false),
            (b"a\n.\r", None, true),
            (b"a\n", None, true),
            (b"", None, true),
            (b"a\r\n.\r\n", None, false),
        ];
        for (wire, end, all_bare) in table {
            for size in 1..=wire.len().max(1) {
                let ends = seen(wire, size);
                assert_eq!(ends.loose_end(), *end, "{wire:?} by {size}");
                // A dot line inside the text counts once more follows.
                if end.is_some() {
                    assert_eq!(ends.are_all_bare(), *all_bare, "{wire:?} by {size}");
                }
            }
        }
        let mut ends = LineEnds::after_status(true);
        ends.see(b".\r\n");
        assert_eq!(ends.loose_end(), Some(LfDotCrlf));
    }

    #[test]
    fn what_may_be_an_end_is_kept_back() {
        let ends = LineEnds::after_status(false);
        for (buffer, kept) in [
            (&b"a\n"[..], 1),
            (b"a\n.", 2),
            (b"a\n.\r", 3),
            (b"a\n.\r\n", 4),
            (b"a\n.\n", 3),
            (b"a\r\n.\n", 1),
            (b"a\r\n", 0),
            (b"a\r\n.", 0),
            (b"a\r\n.\r", 0),
            (b"a\n.b", 0),
            (b"\n", 1),
            (b"a", 0),
            (b"", 0),
        ] {
            assert_eq!(ends.may_be_end(buffer), kept, "{buffer:?}");
        }
        let mut after_cr = LineEnds::after_status(false);
        after_cr.see(b"a\r");
        assert_eq!(after_cr.may_be_end(b"\n"), 0);
    }

    #[test]
    fn an_answer_behind_a_loose_end_is_found_at_every_split() {
        for (wire, found) in [
            (&b"a\nb\n.\r\n+OK\r\nc\n.\r\n"[..], true),
            (b"a\nb\n.\n-ERR gone\n", true),
            (b"a\r\nb\r\n.\n+OK\n", true),
            (b"a\r\nb\n.\r\n+OK\r\n", true),
            (b".\n+OK\n", true),
            // LF, dot, LF, which `may_end` below takes for an end only in bare LF.
            (b"a\r\nb\n.\n+OK\r\nc\r\n.\r\n", false),
            (b"a\r\nb\n.\n+OK\n.\r\n+OK\r\n", true),
            (b"a\nb\n.\r\nc\n+OK\n", false),
            (b"a\n..\n+OK\n", false),
            (b"a\r\n.\r\n+OK\r\n", false),
            (b"a\n.\r\n", false),
            (b"+OK\n", false),
        ] {
            let may_end = |end, ends: &LineEnds| end != LooseEnd::LfDotLf || ends.are_all_bare();
            for split in 0..wire.len() {
                let mut ends = LineEnds::after_status(false);
                ends.see(&wire[..split]);
                let first = LineEnds::after_status(false);
                let mut is_found = first.answer_may_follow(&wire[..split], split, may_end);
                let rest = &wire[split..];
                is_found |= ends.answer_may_follow(rest, rest.len(), may_end);
                assert_eq!(is_found, found, "{wire:?} at {split}");
            }
        }
        let ends = LineEnds::after_status(false);
        // The next answer is no part of this one.
        let two = b"a\r\n.\r\n+OK\r\nb\n.\n+OK\r\n";
        assert!(!ends.answer_may_follow(two, 6, |_, _| true));
    }

    #[test]
    fn octets_are_counted_with_crlf() {
        assert_eq!(seen(b"a\nb\n.\r\n", 2).most_octets(), 7 + 3);
    }
}
