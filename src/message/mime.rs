//! The parts of a message (RFC 2045, RFC 2046).
//!
//! In: a message, possibly truncated; out: every leaf part in order, nested messages
//! included, and the media types of all. It decodes no leaf and never refuses a message: a
//! multipart without its boundary is text, and so is what is nested too deeply. What the budget of work does not
//! suffice for is left out.

use std::borrow::Cow;

use mail_parser::ContentType;
use memchr::memmem::Finder;

use crate::message::decode::{self, Encoding};
use crate::message::work::Work;
use crate::message::{header, value};

/// Limit of nested multiparts and messages. Real mail has five; each costs one pass over its
/// bytes, and a stack frame.
const DEPTH_LIMIT: usize = 16;

/// Limit of parts. A digest may have a hundred.
const PART_LIMIT: usize = 2000;

/// Limit of header fields of one part.
const FIELD_LIMIT: usize = 1000;

/// Units of work for a part, for an octet of its header, and for an octet that is searched for a boundary.
const PART_WORK: u64 = 1500;
const HEADER_WORK: u64 = 12;
const BOUNDARY_WORK: u64 = 1;

/// A part; the body of a multipart is in its own parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// As declared, lower case; `None` if the part declares nothing.
    pub declared: Option<String>,
    /// How it is treated.
    pub kind: Kind,
    /// The declared charset.
    pub charset: Option<String>,
    /// Its file name, decoded.
    pub name: Option<String>,
    /// Whether that name contains characters that reverse the writing direction or are invisible.
    pub name_turned: bool,
    /// Whether its disposition is `attachment` (RFC 2183 section 2.2).
    pub attached: bool,
    /// The index of the parent part, counted from 0 in visiting order.
    pub parent: Option<usize>,
    /// How its body is encoded.
    pub encoding: Encoding,
    /// The body, still encoded.
    pub body: &'a [u8],
}

/// How a part is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Plain text.
    Plain,
    /// HTML.
    Html,
    /// Anything else: an image, a document.
    Data,
    /// A multipart; its parts follow.
    Multipart,
    /// A message; its parts follow.
    Message,
}

/// Calls `visit` for each part, the message itself first.
pub fn walk(raw: &[u8], work: &Work<'_>, visit: &mut dyn FnMut(&Part<'_>)) {
    let mut walk = Walk {
        visit,
        work,
        left: PART_LIMIT,
        parent: None,
    };
    walk.entity(raw, 0, "text/plain");
}

struct Walk<'v, 's> {
    visit: &'v mut dyn FnMut(&Part<'_>),
    work: &'v Work<'s>,
    left: usize,
    parent: Option<usize>,
}

impl Walk<'_, '_> {
    fn entity(&mut self, raw: &[u8], depth: usize, default: &str) {
        let header = header::header_end(raw).unwrap_or(raw.len());
        if self.left == 0 || !self.work.spend(PART_WORK + HEADER_WORK * header as u64) {
            self.work.end();
            return;
        }
        let number = PART_LIMIT - self.left;
        self.left -= 1;
        let (mut part, boundary) = read(raw, header, default);
        part.parent = self.parent;
        let deeper = depth < DEPTH_LIMIT;
        match part.kind {
            Kind::Multipart => {
                let parts = boundary.filter(|_| deeper).map(|boundary| {
                    let searched = self.work.afford(part.body.len(), BOUNDARY_WORK);
                    split(&part.body[..searched], &boundary)
                });
                // RFC 2046 section 5.1.5: in a digest, a part is a message by default.
                let digest = part.declared.as_deref() == Some("multipart/digest");
                let default = if digest {
                    "message/rfc822"
                } else {
                    "text/plain"
                };
                match parts {
                    Some(parts) if !parts.is_empty() => {
                        (self.visit)(&part);
                        for inner in parts {
                            self.parent = Some(number);
                            self.entity(inner, depth + 1, default);
                        }
                    }
                    _ => (self.visit)(&Part {
                        kind: Kind::Plain,
                        ..part
                    }),
                }
            }
            Kind::Message if deeper => {
                (self.visit)(&part);
                // RFC 2046 section 5.2.1 forbids encoding it, but it occurs, and clients decode it.
                let body = &part.body[..self.work.afford(part.body.len(), decode::WORK)];
                let inner: Cow<'_, [u8]> = decode::bytes(part.encoding, body);
                self.parent = Some(number);
                self.entity(&inner, depth + 1, "text/plain");
            }
            Kind::Message => (self.visit)(&Part {
                kind: Kind::Plain,
                ..part
            }),
            Kind::Plain | Kind::Html | Kind::Data => (self.visit)(&part),
        }
    }
}

fn read<'a>(raw: &'a [u8], body: usize, default: &str) -> (Part<'a>, Option<String>) {
    let mut content_type: Option<ContentType<'static>> = None;
    let mut disposition: Option<ContentType<'static>> = None;
    let mut encoding = Encoding::Identity;
    for field in header::fields(&raw[..body]).take(FIELD_LIMIT) {
        let value = &raw[field.value.clone()];
        // The first one counts, as in most clients.
        if field.is(raw, "Content-Type") && content_type.is_none() {
            content_type = value::content_type(value);
        } else if field.is(raw, "Content-Disposition") && disposition.is_none() {
            disposition = value::content_type(value);
        } else if field.is(raw, "Content-Transfer-Encoding") && encoding == Encoding::Identity {
            encoding = Encoding::parse(value);
        }
    }
    let attribute = |of: &Option<ContentType<'static>>, name| {
        let value = of.as_ref().and_then(|of| of.attribute(name));
        value.map(str::to_owned)
    };
    let name = attribute(&disposition, "filename").or_else(|| attribute(&content_type, "name"));
    let declared = content_type.as_ref().map(|of| match of.subtype() {
        Some(subtype) => format!("{}/{subtype}", of.ctype()),
        None => of.ctype().to_owned(),
    });
    let part = Part {
        kind: kind(declared.as_deref().unwrap_or(default), name.as_deref()),
        declared,
        charset: attribute(&content_type, "charset"),
        name_turned: name.as_deref().is_some_and(is_turned),
        name: name.map(|name| value::as_written(name.as_bytes())),
        attached: disposition.is_some_and(|of| of.ctype() == "attachment"),
        parent: None,
        encoding,
        body: &raw[body..],
    };
    (part, attribute(&content_type, "boundary"))
}

fn kind(declared: &str, name: Option<&str>) -> Kind {
    match declared.split_once('/') {
        Some(("multipart", _)) => Kind::Multipart,
        Some(("message", "rfc822" | "global")) => Kind::Message,
        Some(("text", "html")) | Some(("application", "xhtml+xml")) => Kind::Html,
        // Opened in a browser, including scripts.
        Some(("image", "svg+xml")) => Kind::Html,
        // Attached HTML opens in a browser whatever its declared type.
        _ if name.is_some_and(names_a_page) => Kind::Html,
        Some(("text", _)) => Kind::Plain,
        // RFC 2045 section 5.2: an invalid type is plain text.
        None => Kind::Plain,
        _ => Kind::Data,
    }
}

fn is_turned(name: &str) -> bool {
    let odd = |letter: char| matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // As a parameter it should be encoded by RFC 2231, but is as often an encoded word.
    name.contains(odd) || name.contains("=?") && name.to_ascii_lowercase().contains("=e2=80=ae")
}

fn names_a_page(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.trim());
    let pages = ["htm", "html", "shtml", "xhtml", "svg"];
    ending.is_some_and(|ending| pages.iter().any(|page| ending.eq_ignore_ascii_case(page)))
}

/// The parts of a multipart's body; preamble and epilogue are not shown.
fn split<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let finder = Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut start = None;
    let mut at = 0;
    while let Some(found) = finder.find(&body[at..]) {
        let line = at + found;
        at = line + delimiter.len();
        // RFC 2046 section 5.1.1: at the beginning of a line, and only white space after it.
        let rest = &body[at..];
        let (last, rest) = match rest.strip_prefix(b"--") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let begins_line = line == 0 || body[line - 1] == b'\n';
        if !begins_line || !rest.first().is_none_or(u8::is_ascii_whitespace) {
            continue;
        }
        if let Some(start) = start.take() {
            parts.push(without_line_end(&body[start..line.max(start)]));
        }
        // Limited: the list must not grow with the message.
        if last || parts.len() > PART_LIMIT {
            return parts;
        }
        at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        start = Some(at);
    }
    if let Some(start) = start {
        parts.push(&body[start..]);
    }
    parts
}

// RFC 2046 section 5.1.1: the line end before a delimiter belongs to the delimiter.
fn without_line_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(raw: &str) -> Vec<String> {
        let mut shown = Vec::new();
        walk(raw.as_bytes(), &Work::new(1 << 30), &mut |part| {
            let body = match part.kind {
                Kind::Multipart | Kind::Message => "…".into(),
                _ => String::from_utf8_lossy(part.body),
            };
            shown.push(format!("{:?} {body:?}", part.kind));
        });
        shown
    }

    #[test]
    fn nested_parts_are_found_in_order() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\n\nplain\n--a \n\
            Content-Type: multipart/alternative; boundary=\"ab\"\n\n--ab\n\
            Content-Type: text/html\n\n<b>\n--ab--\nno\n--a\nContent-Type: message/rfc822\n\n\
            Subject: x\n\ninner\n--a--\nepilogue\n";
        let expected = [
            "Multipart \"…\"",
            "Plain \"plain\"",
            "Multipart \"…\"",
            "Html \"<b>\"",
            "Message \"…\"",
            "Plain \"inner\"",
        ];
        assert_eq!(shown(raw), expected);
        assert_eq!(shown(&raw.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn a_multipart_without_a_boundary_is_text() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\nhello --a\n";
        assert_eq!(shown(raw), ["Plain \"hello --a\\n\""]);
        let cut = "Content-Type: multipart/mixed; boundary=a\n\n--a\n\nhalf a pa";
        assert_eq!(shown(cut), ["Multipart \"…\"", "Plain \"half a pa\""]);
    }

    #[test]
    fn depth_and_number_of_parts_are_limited() {
        let deep = "Content-Type: message/rfc822\n\n".repeat(20_000);
        assert_eq!(shown(&deep).len(), DEPTH_LIMIT + 1);
        let wide = "--a\n\nx\n".repeat(20_000);
        let wide = format!("Content-Type: multipart/mixed; boundary=a\n\n{wide}");
        assert_eq!(shown(&wide).len(), PART_LIMIT);
    }
}
