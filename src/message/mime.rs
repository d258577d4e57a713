//! The parts of a message (RFC 2045, RFC 2046).
//!
//! In: a message, possibly truncated; out: every part in order, including those of nested messages and uuencoded files
//! in texts, with their media types. It decodes no body and never refuses a message: a multipart without its boundary
//! is text, and so is anything nested too deeply. Parts for which the budget of work does not suffice are left out and
//! counted.

mod boundary;
mod kind;

use std::borrow::Cow;

use memchr::memmem;

pub use self::kind::{Kind, TextForm};
use crate::message::decode::{self, Encoding};
use crate::message::parameters::Parameters;
use crate::message::work::Work;
use crate::message::{header, uuencoded, value};
use boundary::Parts;

/// Limit on the depth of nested multiparts and messages. Real mail has five levels; each costs one pass over its bytes,
/// and a stack frame.
const DEPTH_LIMIT: usize = 128;

/// Limit on small parts: what is kept per part must not grow with the message. A digest may have a hundred. Those that follow
/// each other beyond it are read as one page.
const PART_LIMIT: usize = 3_000;

/// Octets from which a part is read however many come before it: what is encoded, or is a file, is longer, and 512 KiB have
/// room for 2,600 of these.
const SMALL: usize = 200;

/// Limit on the fields that declare the type of one part.
const TYPE_LIMIT: usize = 4;

/// Octets of a body examined to tell whether it is HTML.
const PAGE_HEAD: usize = 256;

/// Units of work per part, per empty part, per octet of a part's header, and per octet searched for a boundary.
const PART_WORK: u64 = 1500;
const BLANK_WORK: u64 = 50;
const HEADER_WORK: u64 = 12;
const BOUNDARY_WORK: u64 = 1;

/// A part; those inside a multipart follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// As declared, lower case; `None` if the part declares nothing.
    pub declared: Option<String>,
    /// How clients treat it.
    pub kind: Kind,
    /// How its text is prepared for display.
    pub form: TextForm,
    /// The declared charset.
    pub charset: Option<String>,
    /// Its file name, decoded.
    pub name: Option<String>,
    /// Whether that name contains characters that reverse the writing direction or are invisible.
    pub name_turned: bool,
    /// Whether its disposition is `attachment` (RFC 2183 section 2.2).
    pub attached: bool,
    /// Whether two fields declare different types or encodings.
    pub contradicts: bool,
    /// The index of the part that contains it, counted from 0 in visiting order.
    pub parent: Option<usize>,
    /// How its body is encoded.
    pub encoding: Encoding,
    /// The body, still encoded.
    pub body: &'a [u8],
}

/// Calls `visit` for each part, the message itself first.
pub fn walk(raw: &[u8], work: &Work<'_>, visit: &mut dyn FnMut(Part<'_>)) {
    let mut walk = Walk {
        visit,
        work,
        visited: 0,
        parent: None,
    };
    walk.entity(raw, 0, "text/plain");
}

struct Walk<'v, 's> {
    visit: &'v mut dyn FnMut(Part<'_>),
    work: &'v Work<'s>,
    /// How many parts were visited.
    visited: usize,
    parent: Option<usize>,
}

impl Walk<'_, '_> {
    fn entity(&mut self, raw: &[u8], depth: usize, default: &str) {
        let header = header_end(raw);
        if !self.takes_part(HEADER_WORK * header as u64) {
            return;
        }
        let (mut part, boundaries) = read(raw, header, default);
        part.parent = self.parent;
        let is_too_deep = depth >= DEPTH_LIMIT;
        match part.kind {
            Kind::Multipart | Kind::Message if is_too_deep => {
                self.work.leave_out(1);
                self.visit(Part {
                    kind: Kind::Plain,
                    ..part
                });
            }
            Kind::Multipart => self.multipart(part, &boundaries, depth),
            Kind::Message => {
                let (encoding, body) = (part.encoding, part.body);
                let number = self.visit(part);
                // RFC 2046 section 5.2.1 forbids encoding it, but encoded messages occur, and clients decode them.
                let body = &body[..self.work.afford(body.len(), decode::WORK)];
                let inner: Cow<'_, [u8]> = decode::bytes(encoding, body);
                self.parent = Some(number);
                self.entity(&inner, depth + 1, "text/plain");
            }
            Kind::Plain if part.encoding == Encoding::Identity => self.text(part),
            Kind::Plain | Kind::Html | Kind::Data => {
                self.visit(part);
            }
        }
    }

    /// Whether the budget covers another part, at this cost in addition to its own.
    fn takes_part(&self, units: u64) -> bool {
        let takes = self.work.spend(PART_WORK + units);
        if !takes {
            self.work.end();
            self.work.leave_out(1);
        }
        takes
    }

    /// Visits a part; returns its index.
    fn visit(&mut self, part: Part<'_>) -> usize {
        let number = self.visited;
        self.visited += 1;
        (self.visit)(part);
        number
    }

    fn multipart(&mut self, part: Part<'_>, boundaries: &[Vec<u8>], depth: usize) {
        let searched = self.work.afford(part.body.len(), BOUNDARY_WORK);
        let body = &part.body[..searched];
        let mut named = boundaries
            .iter()
            .map(|boundary| Parts::new(body, boundary).peekable());
        let parts = named.find_map(|mut parts| parts.peek().is_some().then_some(parts));
        let parts = parts.or_else(|| {
            let searched = self.work.afford(body.len(), BOUNDARY_WORK);
            let boundary = boundary::guessed(&body[..searched])?;
            Some(Parts::new(body, boundary).peekable())
        });
        let Some(parts) = parts else {
            self.text(Part {
                kind: Kind::Plain,
                ..part
            });
            return;
        };
        // RFC 2046 section 5.1.5: in a digest, a part is a message by default.
        let digest = part.declared.as_deref() == Some("multipart/digest");
        let default = if digest {
            "message/rfc822"
        } else {
            "text/plain"
        };
        let number = self.visit(part);
        let offset = |inner: &[u8]| inner.as_ptr().addr() - body.as_ptr().addr();
        // Where small parts beyond the limit begin, and how many they are.
        let mut beyond: Option<(usize, usize)> = None;
        for inner in parts {
            if inner.trim_ascii().is_empty() {
                self.work.spend(BLANK_WORK);
                continue;
            }
            if self.is_beyond_limit(inner) {
                beyond.get_or_insert((offset(inner), 0)).1 += 1;
                continue;
            }
            if let Some((from, parts)) = beyond.take() {
                self.together(&body[from..offset(inner)], number, parts);
            }
            self.parent = Some(number);
            self.entity(inner, depth + 1, default);
        }
        if let Some((from, parts)) = beyond {
            self.together(&body[from..], number, parts);
        }
    }

    /// Whether a part is not read as one.
    fn is_beyond_limit(&self, part: &[u8]) -> bool {
        self.visited >= PART_LIMIT && part.len() < SMALL
    }

    /// Visits so many small parts as one page, so that their words and links count.
    fn together(&mut self, body: &[u8], parent: usize, parts: usize) {
        self.work.end();
        self.work.leave_out(parts);
        self.visit(Part {
            kind: Kind::Html,
            declared: None,
            form: TextForm::AsIs,
            charset: None,
            name: None,
            name_turned: false,
            attached: false,
            contradicts: false,
            parent: Some(parent),
            encoding: Encoding::Identity,
            body,
        });
    }

    /// Plain text, which may contain uuencoded files: clients show them as attachments.
    fn text(&mut self, part: Part<'_>) {
        let body = part.body;
        let blocks = matches!(part.form, TextForm::AsIs | TextForm::Flowed)
            .then(|| uuencoded::blocks(body))
            .into_iter()
            .flatten();
        let mut start = 0;
        let mut parent = None;
        for found in blocks {
            if self.is_beyond_limit(&body[found.whole.clone()]) {
                self.work.end();
                self.work.leave_out(1);
                continue;
            }
            let text = &body[start..found.whole.start];
            if parent.is_none() || !text.trim_ascii().is_empty() {
                let number = self.visit(Part {
                    body: text,
                    ..part.clone()
                });
                parent.get_or_insert(number);
            }
            start = found.whole.end;
            if !self.takes_part(0) {
                return;
            }
            let name = String::from_utf8_lossy(&body[found.name]).into_owned();
            self.visit(Part {
                declared: None,
                kind: kind::of("application/octet-stream", Some(&name)),
                form: kind::form(None, Some(&name)),
                charset: None,
                name_turned: is_turned(&name),
                name: Some(name),
                attached: false,
                contradicts: false,
                parent,
                encoding: match found.is_yenc {
                    true => Encoding::Yenc,
                    false => Encoding::Uuencode,
                },
                body: &body[found.whole],
            });
        }
        let rest = &body[start..];
        if parent.is_none() || !rest.trim_ascii().is_empty() {
            self.visit(Part { body: rest, ..part });
        }
    }
}

/// The end of a part's header. A part with neither a field nor a blank line has no header.
fn header_end(raw: &[u8]) -> usize {
    header::header_end(raw).unwrap_or_else(|| match header::fields(raw).next() {
        Some(_) => raw.len(),
        None => 0,
    })
}

/// What the fields of a header declare.
#[derive(Default)]
struct Declarations<'a> {
    types: Vec<&'a [u8]>,
    disposition: Option<Parameters>,
    encodings: Vec<Encoding>,
}

impl<'a> Declarations<'a> {
    fn of(header: &'a [u8]) -> Self {
        let mut found = Self::default();
        // `Content-…`
        for field in header::fields_beginning(header, b'c') {
            let value = &header[field.value.clone()];
            if field.is(header, "Content-Type") {
                if found.types.len() < TYPE_LIMIT {
                    found.types.push(value.trim_ascii());
                }
            } else if field.is(header, "Content-Disposition") && found.disposition.is_none() {
                found.disposition = Parameters::parse(value);
            } else if field.is(header, "Content-Transfer-Encoding") {
                let encoding = Encoding::parse(value);
                if !found.encodings.contains(&encoding) {
                    found.encodings.push(encoding);
                }
            }
        }
        found
    }

    fn contradict(&self) -> bool {
        let mut types = self.types.iter();
        let differ = types.any(|one| !one.eq_ignore_ascii_case(self.types[0]));
        differ || self.encodings.len() > 1
    }
}

fn read<'a>(raw: &'a [u8], body: usize, default: &str) -> (Part<'a>, Vec<Vec<u8>>) {
    let (header, body) = raw.split_at(body);
    let declarations = Declarations::of(header);
    let contradicts = declarations.contradict();
    let Declarations {
        types,
        disposition,
        encodings,
    } = declarations;
    let content_type = shown_type(&types, body);
    // Of two declared encodings, the one that changes the octets wins.
    let mut encodings = encodings.into_iter();
    let encoding = encodings.find(|one| *one != Encoding::Identity);
    let encoding = encoding.unwrap_or(Encoding::Identity);
    let named = |of: &Option<Parameters>, name| of.as_ref().and_then(|of| of.text(name));
    let name = named(&disposition, "filename")
        .or_else(|| named(&content_type, "name"))
        .or_else(|| named(&disposition, "name"))
        .or_else(|| named(&content_type, "filename"));
    let declared = content_type.as_ref().and_then(Parameters::full);
    let mut kind = kind::of(declared.as_deref().unwrap_or(default), name.as_deref());
    let is_typed = declared.as_deref().is_some_and(|of| of.contains('/'));
    if kind == Kind::Plain && !is_typed {
        let head = decode::bytes(encoding, &body[..body.len().min(PAGE_HEAD)]);
        if kind::looks_like_a_page(&head) {
            kind = Kind::Html;
        }
    }
    let boundaries = content_type.iter().flat_map(|of| of.raw("boundary"));
    let boundaries = boundaries.take(TYPE_LIMIT).map(<[u8]>::to_vec);
    let coded = named(&content_type, "boundary").map(String::into_bytes);
    let boundaries = boundaries.chain(coded).collect();
    let part = Part {
        kind,
        form: kind::form(content_type.as_ref(), name.as_deref()),
        declared,
        charset: named(&content_type, "charset"),
        name_turned: name.as_deref().is_some_and(is_turned),
        name: name.map(|name| value::as_written(name.as_bytes())),
        attached: disposition.is_some_and(|of| of.main() == "attachment"),
        contradicts,
        parent: None,
        encoding,
        body,
    };
    (part, boundaries)
}

/// Of several declared types, the one by which most clients show the part: the one that shows more of it.
fn shown_type(values: &[&[u8]], body: &[u8]) -> Option<Parameters> {
    let types = values.iter().filter_map(|value| Parameters::parse(value));
    let mut types: Vec<Parameters> = types.collect();
    if types.len() < 2 {
        return types.pop();
    }
    types.into_iter().min_by_key(|one| {
        let mut boundaries = one.raw("boundary");
        let occurs = |boundary: &[u8]| memmem::find(body, &[b"--", boundary].concat()).is_some();
        match (one.main(), one.subtype()) {
            ("multipart", _) if boundaries.next().is_some_and(occurs) => 0,
            ("text", Some("html")) => 1,
            ("text", _) => 2,
            _ => 3,
        }
    })
}

fn is_turned(name: &str) -> bool {
    let odd = |letter: char| matches!(letter, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.contains(odd)
}

#[cfg(test)]
mod tests;
