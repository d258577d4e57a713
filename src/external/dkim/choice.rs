//! Which signatures of a header are verified, and whether any are.
//!
//! In: a header, or a message; out: the fields that the library needs, and findings for those that it may not see. What
//! costs more than in proportion to its length is bounded here: signatures, their length, the names in them, the fields of the
//! header. A header that the library would divide otherwise than this module is refused: those bounds would not hold for it.

use std::borrow::Cow;
use std::collections::HashSet;
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
#[derive(Debug, Clone, Default)]
pub(in crate::external) struct Chosen {
    /// Those that are verified.
    pub(super) signatures: Vec<Candidate>,
    /// What is known of others without the library.
    pub(super) findings: Vec<SignatureFinding>,
    /// Why none is verified, if so.
    pub(super) refused: Option<Failure>,
    /// Where the header ends.
    header: usize,
    /// Names of fields that the library sees all of, in lower case; others are of no signature.
    names: HashSet<Vec<u8>>,
    /// Fields that the library does not see, in order.
    left_out: Vec<Range<usize>>,
}

/// How near a signature's domain is to the sender's, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kinship {
    /// It is the same.
    Same,
    /// They are of one owner.
    Registered,
    /// They have nothing in common, or there is no sender.
    None,
}

/// A signature that is verified.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) domain: String,
    pub(super) selector: String,
    whole: Range<usize>,
    kinship: Kinship,
    /// The names of the fields that it signs, in lower case.
    names: Vec<Vec<u8>>,
}

impl Chosen {
    /// Whether it is of a message with this header, whose end was found again.
    pub(super) fn is_of(&self, raw: &[u8]) -> bool {
        self.header == header_end(raw).unwrap_or(raw.len())
    }

    /// The header without what is left out, and the body.
    pub(super) fn parts<'m>(&self, raw: &'m [u8]) -> (Cow<'m, [u8]>, &'m [u8]) {
        let (header, body) = raw.split_at(self.header.min(raw.len()));
        if self.left_out.is_empty() {
            return (Cow::Borrowed(header), body);
        }
        let mut kept = Vec::with_capacity(header.len());
        let mut at = 0;
        for range in &self.left_out {
            kept.extend_from_slice(header.get(at..range.start).unwrap_or_default());
            at = range.end;
        }
        kept.extend_from_slice(header.get(at..).unwrap_or_default());
        (Cow::Owned(kept), body)
    }

    /// Whether the library sees all fields with these names.
    pub(super) fn has_all<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> bool {
        let mut names = names.into_iter();
        names.all(|it| self.names.contains(&it.as_bytes().to_ascii_lowercase()))
    }

    fn found(&mut self, domain: String, selector: String, result: SignatureResult) {
        let same = self.findings.iter().filter(|it| it.result == result);
        if same.count() < SIGNATURES {
            self.findings.push(SignatureFinding {
                domain,
                selector,
                result,
                is_test: false,
                covers: None,
            });
        }
    }

    /// Nothing is verified, so that nothing is known of any of them.
    fn refuse(mut self, (kind, why): (FailureKind, &str)) -> Self {
        let not_verified = std::mem::take(&mut self.signatures);
        self.findings
            .extend(not_verified.iter().map(Candidate::not_checked));
        self.refused = Some(Failure::new(
            kind,
            format!("no signature is verified: {why}"),
        ));
        self
    }
}

impl Candidate {
    /// What is known of it if it is not verified.
    pub(super) fn not_checked(&self) -> SignatureFinding {
        SignatureFinding {
            domain: self.domain.clone(),
            selector: self.selector.clone(),
            result: SignatureResult::NotChecked,
            is_test: false,
            covers: None,
        }
    }
}

/// Chooses signatures within the bounds: those of the sender's domain come first.
pub(in crate::external) fn choose(raw: &[u8], from: Option<&str>) -> Chosen {
    let header = &raw[..header_end(raw).unwrap_or(raw.len())];
    let mut chosen = Chosen {
        header: header.len(),
        ..Chosen::default()
    };
    let (mut fields, mut others): (usize, Vec<Field>) = (0, Vec::new());
    for field in header::fields(header) {
        fields += 1;
        if !field.is(header, DKIM) {
            // Beyond that nothing is verified.
            if fields <= FIELDS {
                others.push(field);
            }
            continue;
        }
        let text = &header[field.value.clone()];
        let tags = Tags::of(&text[..text.len().min(FIELD)]);
        let (domain, selector) = (tags.name("d"), tags.name("s"));
        let names = || tags.value("h").split(|it| *it == b':');
        let digits = tags.value("b").iter();
        let octets = digits.filter(|it| !it.is_ascii_whitespace()).count() / 4 * 3;
        let result = match text.len() > FIELD || octets > SIGNATURE + 2 || names().count() > NAMES {
            true => Some(SignatureResult::TooLong),
            false => (!tags.is_readable).then_some(SignatureResult::Unreadable),
        };
        if let Some(result) = result {
            chosen.left_out.push(field.whole);
            chosen.found(domain, selector, result);
            continue;
        }
        let kinship = match from {
            Some(from) if *from == *domain => Kinship::Same,
            Some(from)
                if registrable(from).unwrap_or(from) == registrable(&domain).unwrap_or(&domain) =>
            {
                Kinship::Registered
            }
            _ => Kinship::None,
        };
        chosen.signatures.push(Candidate {
            domain,
            selector,
            whole: field.whole,
            kinship,
            names: names().map(plain).collect(),
        });
    }
    if chosen.signatures.is_empty() {
        return chosen;
    }
    let signatures = &mut chosen.signatures;
    if signatures.len() > SIGNATURES {
        signatures.sort_by_key(|it| it.kinship);
        // One tells of all: the sender's own are the first of those that are cut, too.
        let first = signatures[SIGNATURES].not_checked();
        chosen.findings.push(first);
        let beyond = signatures.drain(SIGNATURES..);
        chosen.left_out.extend(beyond.map(|it| it.whole));
    }
    // Who may have sent the message is signed, or the signature does not count.
    chosen.names.insert(b"from".to_vec());
    for signature in &mut chosen.signatures {
        chosen.names.extend(std::mem::take(&mut signature.names));
    }
    let is_named = OTHERS.iter().any(|it| chosen.names.contains(it.as_bytes()));
    let costly = others
        .iter()
        .filter(|it| OTHERS.iter().any(|name| it.is(header, name)));
    let octets: usize = costly.map(|it| it.whole.len()).sum();
    let refused = if header.len() > HEADER {
        Some((FailureKind::TooLarge, "the header is too long"))
    } else if fields > FIELDS {
        Some((FailureKind::TooLarge, "the header has too many fields"))
    } else if is_named && octets > FIELD {
        let why = "fields that are signed are too long";
        Some((FailureKind::TooLarge, why))
    } else if others
        .iter()
        .any(|it| chosen.names.contains(&name_of(header, it)) && is_spaced(it))
    {
        // The library takes it for another field, and mail programs do not.
        let why = "a field that is signed has white space before its colon";
        Some((FailureKind::Nonsense, why))
    } else if !is_plain(header) {
        let why = "the header has lines that are no fields";
        Some((FailureKind::Nonsense, why))
    } else {
        None
    };
    if let Some(why) = refused {
        return chosen.refuse(why);
    }
    // What no signature names is of no use to the library.
    for field in others {
        if !chosen.names.contains(&name_of(header, &field)) {
            chosen.left_out.push(field.whole);
        }
    }
    chosen.left_out.sort_by_key(|range| range.start);
    chosen
}

fn name_of(header: &[u8], field: &Field) -> Vec<u8> {
    header[field.name.clone()].to_ascii_lowercase()
}

/// Whether there is more than the colon between a field's name and its value.
fn is_spaced(field: &Field) -> bool {
    field.name.end + 1 != field.value.start
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

/// A text in lower case without white space.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = text.to_ascii_lowercase();
    plain.retain(|it| !it.is_ascii_whitespace());
    plain
}

/// The tags of a signature (RFC 6376 section 3.2).
struct Tags<'m> {
    all: Vec<(&'m [u8], &'m [u8])>,
    /// Each name occurs once, and is one. The library takes others for tags, too, and the last of a name.
    is_readable: bool,
}

impl<'m> Tags<'m> {
    fn of(field: &'m [u8]) -> Self {
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
            let is_new = !tags.all.iter().any(|(known, _)| *known == name);
            tags.is_readable &= !name.is_empty() && name.iter().all(is_letter) && is_new;
            // A field of tags alone would have thousands.
            if tags.all.len() < NAMES {
                tags.all.push((name, &tag[end + 1..]));
            } else {
                tags.is_readable = false;
                break;
            }
        }
        tags
    }

    /// A value as it is written.
    fn value(&self, name: &str) -> &'m [u8] {
        let mut all = self.all.iter();
        let found = all.find(|(it, _)| *it == name.as_bytes());
        found.map_or(b"", |(_, value)| value)
    }

    /// A value that is a part of a name in the DNS.
    fn name(&self, name: &str) -> String {
        String::from_utf8_lossy(&plain(self.value(name))).to_lowercase()
    }
}
