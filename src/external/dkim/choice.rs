//! Which signatures of a header are verified, and whether any are.
//!
//! In: a header, or a message; out: the fields that the library may see, and findings for those that it may not. What costs
//! more than in proportion to its length is bounded here: signatures, their length, the names in them, the fields of the
//! header. A header that the library would divide otherwise than this module is refused: those bounds would not hold for it.

use std::borrow::Cow;
use std::ops::Range;

use super::super::dns::Failure;
use crate::filter::findings::{FailureKind, SignatureFinding, SignatureResult};
use crate::message::header::{self, Field, header_end};
use crate::message::url::registrable;

/// Signatures that are verified: the sender's own, its mailer's, and a few more.
pub(super) const SIGNATURES: usize = 5;

/// Octets of a signature's field; a real one with RSA-4096 and many names has 2,000.
const FIELD: usize = 8 << 10;

/// Octets of a signature: RSA-4096, which is the longest in use (RFC 8301 section 3.2).
pub(super) const SIGNATURE: usize = 512;

/// Names of fields in a signature, and fields of a header: each name is looked for among all fields.
pub(super) const NAMES: usize = 200;
const FIELDS: usize = 2000;

/// Octets of a header: all of it is read on the session's thread.
const HEADER: usize = 128 << 10;

const DKIM: &str = "dkim-signature";

/// Fields that the library reads, in a time that grows with the square of their length, though nothing is done with them.
const OTHERS: [&str; 2] = ["dkim2-signature", "message-instance"];

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Those that are verified.
    pub(super) signatures: Vec<Candidate>,
    /// What is known of others without the library.
    pub(super) findings: Vec<SignatureFinding>,
    /// Why none is verified, if so.
    pub(super) refused: Option<Failure>,
    /// Fields that the library does not see, in order.
    left_out: Vec<Range<usize>>,
}

/// A signature that is verified.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) domain: String,
    pub(super) selector: String,
    whole: Range<usize>,
    is_own: bool,
}

impl Chosen {
    /// The message without what is left out.
    pub(super) fn message<'m>(&self, raw: &'m [u8]) -> Cow<'m, [u8]> {
        if self.left_out.is_empty() {
            return Cow::Borrowed(raw);
        }
        let mut message = Vec::with_capacity(raw.len());
        let mut at = 0;
        for range in &self.left_out {
            message.extend_from_slice(&raw[at..range.start]);
            at = range.end;
        }
        message.extend_from_slice(&raw[at..]);
        Cow::Owned(message)
    }

    fn found(&mut self, domain: String, selector: String, result: SignatureResult) {
        if self.findings.len() < SIGNATURES {
            self.findings.push(SignatureFinding {
                domain,
                selector,
                result,
                is_test: false,
                covers: None,
            });
        }
    }

    /// Nothing is verified.
    fn refuse(mut self, (kind, why): (FailureKind, &str)) -> Self {
        let result = match kind {
            FailureKind::TooLarge => SignatureResult::TooLong,
            _ => SignatureResult::Unreadable,
        };
        for Candidate {
            domain, selector, ..
        } in std::mem::take(&mut self.signatures)
        {
            self.found(domain, selector, result);
        }
        self.refused = Some(Failure::new(
            kind,
            format!("no signature is verified: {why}"),
        ));
        self
    }
}

/// Chooses signatures within the bounds: those of the sender's domain come first.
pub(super) fn choose(raw: &[u8], from: Option<&str>) -> Chosen {
    let header = &raw[..header_end(raw).unwrap_or(raw.len())];
    let mut chosen = Chosen::default();
    let (mut fields, mut others): (usize, Vec<Field>) = (0, Vec::new());
    let mut is_named = false;
    for field in header::fields(header) {
        fields += 1;
        if OTHERS.iter().any(|name| field.is(header, name)) {
            others.push(field);
            continue;
        }
        if !field.is(header, DKIM) {
            continue;
        }
        let text = &header[field.value.clone()];
        let tags = Tags::of(&text[..text.len().min(FIELD)]);
        let (domain, selector) = (tags.name("d"), tags.name("s"));
        let names = || tags.value("h").split(|it| *it == b':');
        let octets = tags.value("b").len() / 4 * 3;
        let result = match text.len() > FIELD || octets > SIGNATURE + 2 || names().count() > NAMES {
            true => Some(SignatureResult::TooLong),
            false => (!tags.is_readable).then_some(SignatureResult::Unreadable),
        };
        if let Some(result) = result {
            chosen.left_out.push(field.whole);
            chosen.found(domain, selector, result);
            continue;
        }
        is_named |= names().any(|it| OTHERS.iter().any(|name| is_name(it, name)));
        let is_own = from.is_some_and(|from| {
            registrable(from).unwrap_or(from) == registrable(&domain).unwrap_or(&domain)
        });
        chosen.signatures.push(Candidate {
            domain,
            selector,
            whole: field.whole,
            is_own,
        });
    }
    if chosen.signatures.is_empty() {
        return chosen;
    }
    let signatures = &mut chosen.signatures;
    if signatures.len() > SIGNATURES {
        signatures.sort_by_key(|it| !it.is_own);
        let beyond = signatures.drain(SIGNATURES..);
        chosen.left_out.extend(beyond.map(|it| it.whole));
    }
    let octets: usize = others.iter().map(|it| it.whole.len()).sum();
    let refused = if header.len() > HEADER {
        Some((FailureKind::TooLarge, "the header is too long"))
    } else if fields > FIELDS {
        Some((FailureKind::TooLarge, "the header has too many fields"))
    } else if is_named && octets > FIELD {
        let why = "fields that are signed are too long";
        Some((FailureKind::TooLarge, why))
    } else if !is_plain(header) {
        let why = "the header has lines that are no fields";
        Some((FailureKind::Nonsense, why))
    } else {
        None
    };
    if let Some(why) = refused {
        return chosen.refuse(why);
    }
    if !is_named {
        chosen
            .left_out
            .extend(others.into_iter().map(|it| it.whole));
    }
    chosen.left_out.sort_by_key(|range| range.start);
    chosen
}

/// Whether the library finds the same fields. It ends a header at a line without colon, or goes on to the next one, and
/// passes over white space in names.
fn is_plain(header: &[u8]) -> bool {
    let lines = header.split(|it| *it == b'\n');
    let mut lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let is_blank = |line: &[u8]| matches!(line.first(), Some(b' ' | b'\t'));
    let is_field = |line: &[u8]| {
        let Some(end) = line.iter().position(|it| *it == b':') else {
            return false;
        };
        let name = line[..end].trim_ascii_end();
        if !name.iter().any(u8::is_ascii_whitespace) {
            return true;
        }
        let octets = name.iter().copied();
        let plain: Vec<u8> = octets.filter(|it| !it.is_ascii_whitespace()).collect();
        let mut special = OTHERS.iter().chain([&DKIM]);
        !special.any(|name| is_name(&plain, name))
    };
    !is_blank(header)
        // What follows the last line is empty, and so is the line that ends the header.
        && lines.all(|line| line.is_empty() || is_blank(line) || is_field(line))
}

fn is_name(octets: &[u8], name: &str) -> bool {
    octets.eq_ignore_ascii_case(name.as_bytes())
}

/// The tags of a signature (RFC 6376 section 3.2), without white space.
struct Tags {
    all: Vec<(Vec<u8>, Vec<u8>)>,
    /// Each name occurs once, and is one. The library takes others for tags, too, and the last of a name.
    is_readable: bool,
}

impl Tags {
    fn of(field: &[u8]) -> Self {
        let plain = |text: &[u8]| {
            let octets = text.iter().copied();
            octets
                .filter(|it| !it.is_ascii_whitespace())
                .collect::<Vec<_>>()
        };
        let mut tags = Self {
            all: Vec::new(),
            is_readable: true,
        };
        for tag in field.split(|it| *it == b';') {
            let Some(end) = tag.iter().position(|it| *it == b'=') else {
                tags.is_readable &= tag.trim_ascii().is_empty();
                continue;
            };
            let name = tag[..end].trim_ascii();
            let is_letter = |it: &u8| it.is_ascii_lowercase() || it.is_ascii_digit() || *it == b'_';
            let is_new = !tags.all.iter().any(|(known, _)| known == name);
            tags.is_readable &= !name.is_empty() && name.iter().all(is_letter) && is_new;
            // A field of tags alone would have thousands.
            if tags.all.len() < NAMES {
                tags.all.push((name.to_vec(), plain(&tag[end + 1..])));
            } else {
                tags.is_readable = false;
                break;
            }
        }
        tags
    }

    fn value(&self, name: &str) -> &[u8] {
        let mut all = self.all.iter();
        let found = all.find(|(it, _)| it == name.as_bytes());
        found.map_or(b"", |(_, value)| value)
    }

    /// A value that is a part of a name in the DNS.
    fn name(&self, name: &str) -> String {
        String::from_utf8_lossy(self.value(name)).to_lowercase()
    }
}
