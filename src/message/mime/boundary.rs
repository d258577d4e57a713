//! The parts of a multipart's body (RFC 2046 section 5.1).
//!
//! In: a body and a boundary; out: its parts one by one, or a boundary that the body seems to have.

use memchr::memmem::{self, Finder};

/// The parts between the delimiter lines of a boundary. Preamble and epilogue are not shown, and are left out.
pub(super) struct Parts<'a> {
    body: &'a [u8],
    delimiter: Finder<'static>,
    /// Where the current part begins.
    start: Option<usize>,
    at: usize,
    is_over: bool,
}

impl<'a> Parts<'a> {
    pub(super) fn new(body: &'a [u8], boundary: &[u8]) -> Self {
        // A boundary cannot end with white space.
        let delimiter = [b"--", boundary.trim_ascii_end()].concat();
        Self {
            body,
            delimiter: Finder::new(&delimiter).into_owned(),
            start: None,
            at: 0,
            is_over: boundary.trim_ascii_end().is_empty(),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let body = self.body;
        while !self.is_over {
            let Some(found) = self.delimiter.find(&body[self.at..]) else {
                self.is_over = true;
                return Some(&body[self.start?..]);
            };
            let line = self.at + found;
            self.at = line + self.delimiter.needle().len();
            // RFC 2046 section 5.1.1: a delimiter is at the beginning of a line, and only white space follows it.
            let rest = &body[self.at..];
            let (is_last, rest) = match rest.strip_prefix(b"--") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            let begins_line = line == 0 || matches!(body[line - 1], b'\n' | b'\r');
            if !begins_line || !rest.first().is_none_or(u8::is_ascii_whitespace) {
                continue;
            }
            let part = self
                .start
                .map(|start| without_line_end(&body[start..line.max(start)]));
            // A closing delimiter before the first part is ignored.
            self.is_over = is_last && part.is_some();
            if !is_last {
                let end = memchr::memchr(b'\n', rest);
                self.at = body.len() - rest.len() + end.map_or(rest.len(), |end| end + 1);
                self.start = Some(self.at);
            }
            if part.is_some() {
                return part;
            }
        }
        None
    }
}

// RFC 2046 section 5.1.1: the line end before a delimiter belongs to the delimiter.
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// A boundary found in the body, whatever its header says: a line that begins with `--`, followed by a Content- field.
pub(super) fn guessed(body: &[u8]) -> Option<&[u8]> {
    let mut dashes = memmem::find_iter(body, b"--");
    dashes.find_map(|at| {
        let begins_line = at == 0 || body[at - 1] == b'\n';
        if !begins_line {
            return None;
        }
        let rest = &body[at + 2..];
        // RFC 2046 section 5.1.1: a boundary has up to 70 characters.
        let end = memchr::memchr(b'\n', &rest[..rest.len().min(256)])?;
        let (line, next) = (rest[..end].trim_ascii_end(), &rest[end + 1..]);
        let field = b"content-";
        let describes = next.get(..field.len())?.eq_ignore_ascii_case(field);
        (describes && !line.is_empty()).then_some(line)
    })
}
