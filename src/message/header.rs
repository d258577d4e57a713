//! Finds the raw header fields.
//!
//! In: a message or its beginning; out: where each field begins and ends. It decodes nothing and refuses nothing: lines
//! that are not fields (RFC 5322 section 2.2) are skipped, CRLF and bare LF both end a line, and a field's value
//! includes its continuation lines.

use std::ops::Range;

use memchr::memchr;

use crate::message::blocks;

/// One header field, as byte offsets into the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name, without the colon and any white space before it.
    pub name: Range<usize>,
    /// Everything after the colon, folding included, without the last line end.
    pub value: Range<usize>,
    /// From the name to the end of the last line, including its line end.
    pub whole: Range<usize>,
}

impl Field {
    /// Whether the field has this name, ignoring case.
    pub fn is(&self, raw: &[u8], name: &str) -> bool {
        raw[self.name.clone()].eq_ignore_ascii_case(name.as_bytes())
    }
}

/// Iterates over the header fields of a message; ends at the blank line.
pub fn fields(raw: &[u8]) -> Fields<'_> {
    Fields { raw, at: 0 }
}

/// The offset after the blank line that ends the header, if it has arrived.
pub fn header_end(raw: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match raw.get(at)? {
            b'\n' => return Some(at + 1),
            b'\r' if raw.get(at + 1) == Some(&b'\n') => return Some(at + 2),
            // Asked after each read: a line may be long, and memchr is the fastest on it.
            _ => at += memchr(b'\n', &raw[at..])? + 1,
        }
    }
}

/// Whether a name may have this octet: printable US-ASCII without the colon (RFC 5322 section 2.2).
fn is_in_name(octet: u8) -> bool {
    (octet.wrapping_sub(b'!') <= b'~' - b'!') & (octet != b':')
}

/// See [`fields`].
#[derive(Debug)]
pub struct Fields<'a> {
    raw: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    /// The field that begins here, or nothing if the line is none; `None` at the end of the header.
    fn here(&mut self) -> Option<Option<Field>> {
        let (raw, start) = (self.raw, self.at);
        match raw.get(start..)? {
            [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..] => return None,
            _ => {}
        }
        let after_name = blocks::find::<16>(raw, start, 0, |window, at| !is_in_name(window[at]));
        let after_name = after_name.unwrap_or(raw.len());
        // White space before the colon is obsolete syntax (RFC 5322 section 4.5.8) that still occurs.
        let mut colon = after_name;
        let is_blank = |octet: &u8| octet.is_ascii_whitespace() && *octet != b'\n';
        while raw.get(colon).is_some_and(is_blank) {
            colon += 1;
        }
        let mut end = blocks::after_line(raw, colon);
        while matches!(raw.get(end), Some(b' ' | b'\t')) {
            end = blocks::after_line(raw, end);
        }
        self.at = end;
        if after_name == start || raw.get(colon) != Some(&b':') {
            return Some(None);
        }
        let value_end = start + trim_line_end(&raw[start..end]).len();
        Some(Some(Field {
            name: start..after_name,
            value: colon + 1..value_end,
            whole: start..end,
        }))
    }
}

impl Iterator for Fields<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        loop {
            if let Some(field) = self.here()? {
                return Some(field);
            }
        }
    }
}

/// The fields whose names begin with this small letter, in either case. The others are passed over.
pub fn fields_beginning(raw: &[u8], letter: u8) -> impl Iterator<Item = Field> {
    let mut fields = fields(raw);
    std::iter::from_fn(move || {
        loop {
            let first = *raw.get(fields.at)?;
            if first | 0x20 == letter || matches!(first, b'\r' | b'\n') {
                if let Some(field) = fields.here()? {
                    return Some(field);
                }
            } else {
                let before = blocks::find::<17>(raw, fields.at, 0, |window, at| {
                    let next = window[at + 1];
                    (window[at] == b'\n')
                        & ((next | 0x20 == letter) | (next == b'\r') | (next == b'\n'))
                });
                fields.at = before? + 1;
            }
        }
    })
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Vec<(String, String)> {
        fields(raw.as_bytes())
            .map(|field| (raw[field.name].to_owned(), raw[field.value].to_owned()))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let expected = expected.iter();
        expected
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn fields_include_their_continuation_lines() {
        let raw = "From: a\r\nSubject: one\r\n two\r\n\tthree\r\nX :y\r\n\r\nBody: no\r\n";
        let expected = pairs(&[
            ("From", " a"),
            ("Subject", " one\r\n two\r\n\tthree"),
            ("X", "y"),
        ]);
        assert_eq!(shown(raw), expected);
        let bare = raw.replace('\r', "");
        assert_eq!(shown(&bare).len(), 3);
    }

    #[test]
    fn lines_that_are_not_fields_are_skipped() {
        let raw = " folded first\r\nFrom me Mon\r\n: empty\r\nbad name: x\r\nTo: b\r\n junk";
        assert_eq!(shown(raw), pairs(&[("To", " b\r\n junk")]));
    }

    #[test]
    fn fields_are_found_by_their_first_letter() {
        let table = [
            "A: 1\r\nCc: 2\r\n c: no\r\nC:3\r\nDc: no\r\ncontent: 4\r\n\r\nC: body",
            "\rC: a\nC no\nC: b\r\n\r\n",
            " c: folded first\nc: d",
            "",
            "c",
        ];
        for raw in table {
            let of_letter = |field: &Field| raw[field.name.clone()].starts_with(['c', 'C']);
            let expected: Vec<_> = fields(raw.as_bytes()).filter(of_letter).collect();
            let found: Vec<_> = fields_beginning(raw.as_bytes(), b'c').collect();
            assert_eq!(found, expected, "{raw:?}");
        }
    }

    /// As the module defines them, line by line.
    fn plain_fields(raw: &[u8]) -> (Vec<Field>, Option<usize>) {
        let (mut found, mut at) = (Vec::<Field>::new(), 0);
        for line in raw.split_inclusive(|octet| *octet == b'\n') {
            let start = at;
            at += line.len();
            let content = trim_line_end(line);
            if content.is_empty() {
                let is_whole = line.ends_with(b"\n");
                return (found, is_whole.then_some(at));
            }
            if matches!(content[0], b' ' | b'\t') && start > 0 {
                if let Some(field) = found.last_mut().filter(|field| field.whole.end == start) {
                    field.whole.end = at;
                    field.value.end = start + content.len();
                }
                continue;
            }
            let name = content.split(|octet| *octet == b':').next().unwrap();
            let name = name.trim_ascii_end();
            let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
            if let Some(colon) = content.iter().position(|octet| *octet == b':')
                && is_name
            {
                found.push(Field {
                    name: start..start + name.len(),
                    value: start + colon + 1..start + content.len(),
                    whole: start..at,
                });
            }
        }
        (found, None)
    }

    #[test]
    fn fields_of_any_octets_are_found() {
        let pieces = [
            "A",
            "c",
            "Content-Type",
            ":",
            ": ",
            " ",
            "\t",
            "\r",
            "\n",
            "\r\n",
            "\r\n",
            "\r\n ",
            "\u{e9}",
            "\0",
            "X-Some-Header-Of-Usual-Length: and a value of the usual length, too\r\n",
            "\x0c",
            "\x0b",
        ];
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..50_000 {
            let raw: String = (0..random.usize(..14))
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            let raw = raw.as_bytes();
            let (expected, end) = plain_fields(raw);
            let shown = raw.escape_ascii();
            assert_eq!(fields(raw).collect::<Vec<_>>(), expected, "{shown}");
            assert_eq!(header_end(raw), end, "{shown}");
            let is_of_letter = |field: &Field| raw[field.name.start] | 0x20 == b'c';
            let expected: Vec<_> = expected.into_iter().filter(is_of_letter).collect();
            let found: Vec<_> = fields_beginning(raw, b'c').collect();
            assert_eq!(found, expected, "{shown}");
        }
    }

    #[test]
    fn the_header_ends_at_the_blank_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), Some(8));
        assert_eq!(header_end(b"A: b\n\nbody"), Some(6));
        assert_eq!(header_end(b"\r\nbody"), Some(2));
        assert_eq!(header_end(b"A: b\r\n\r"), None);
        assert_eq!(header_end(b"A: b\r\n"), None);
        assert_eq!(header_end(b""), None);
    }
}
