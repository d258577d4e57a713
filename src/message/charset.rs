//! Charsets: octets as text.
//!
//! In: octets and the label of their charset, if there is one; out: text. Labels are those of the Encoding Standard,
//! those of 7-bit charsets that browsers have dropped but mail programs have not, and misspellings of them. It never
//! fails: what a decoder cannot read is kept octet by octet, so that ASCII stays readable, and unlabelled text is
//! detected as browsers do.

mod iso_2022;
mod label;
mod utf;

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::memmem;

use crate::message::work::Work;
use label::Charset;

/// Octets from which a charset is detected.
const DETECTION_LIMIT: usize = 4 << 10;

/// Octets of a page in which it may declare its charset. The HTML standard requires the first 1024, but browsers honour
/// a later declaration, too.
const PAGE_HEAD_LIMIT: usize = 16 << 10;

/// Units of work to detect the charset of a header field's value.
pub(crate) const VALUE_DETECTION_WORK: u64 = 40_000;

/// Units of work to decode an octet: text other than ASCII and UTF-8 needs a decoder, and without a label it also runs
/// through the decoders of all charsets, up to a limit.
fn work(label: Option<&str>, octets: Octets<'_>) -> u64 {
    const DECODER: u64 = 8;
    const DETECTOR: u64 = 150;
    let bytes = octets.bytes;
    let has_escape = || octets.has_control && bytes.contains(&0x1b);
    if octets.is_plain_ascii() && !label.is_some_and(label::may_hide_in_ascii) {
        1
    } else if octets.utf_8.is_some() && !has_escape() {
        3
    } else if label.is_some_and(is_known) {
        DECODER
    } else {
        let detected = DETECTOR * bytes.len().min(DETECTION_LIMIT) as u64;
        DECODER + detected.div_ceil(bytes.len().max(1) as u64)
    }
}

/// Decodes octets to text. A byte order mark outranks the label, as in browsers (Encoding Standard, "decode").
pub fn decode<'a>(label: Option<&str>, bytes: &'a [u8]) -> Cow<'a, str> {
    decode_known(label, Octets::of(bytes))
}

/// As many octets decoded as the budget of work covers.
pub(crate) fn decode_within<'a>(
    label: Option<&str>,
    bytes: &'a [u8],
    budget: &Work<'_>,
) -> Cow<'a, str> {
    let octets = Octets::of(bytes);
    let covered = budget.afford(bytes.len(), work(label, octets));
    match covered == bytes.len() {
        true => decode_known(label, octets),
        false => decode(label, &bytes[..covered]),
    }
}

fn decode_known<'a>(label: Option<&str>, octets: Octets<'a>) -> Cow<'a, str> {
    let is_ascii = octets.is_plain_ascii() && !label.is_some_and(label::may_hide_in_ascii);
    match octets.utf_8 {
        Some(text) if is_ascii => Cow::Borrowed(text),
        _ => match decode_marked(label, octets) {
            // These are all octets, unchanged: what is known of them holds for the text.
            Cow::Borrowed(text) if text.len() == octets.bytes.len() => {
                without_controls(Cow::Borrowed(text), octets.has_control)
            }
            text => {
                let has_control = Octets::control_in(text.as_bytes());
                without_controls(text, has_control)
            }
        },
    }
}

fn decode_marked<'a>(label: Option<&str>, octets: Octets<'a>) -> Cow<'a, str> {
    let bytes = octets.bytes;
    let utf_8 = octets.utf_8.map(Cow::Borrowed);
    match bytes {
        [0xff, 0xfe, 0, 0, rest @ ..] => return Cow::Owned(utf::utf_32(rest, utf::Order::Little)),
        [0, 0, 0xfe, 0xff, rest @ ..] => return Cow::Owned(utf::utf_32(rest, utf::Order::Big)),
        _ => {}
    }
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0;
    }
    match label.and_then(Charset::of) {
        Some(Charset::Ascii) => utf_8.unwrap_or_else(|| by(WINDOWS_1252, bytes)),
        Some(Charset::Standard(encoding)) if encoding == UTF_8 => {
            utf_8.unwrap_or_else(|| as_utf_8(bytes))
        }
        Some(Charset::Standard(encoding)) => by(encoding, bytes),
        Some(Charset::Iso2022) => Cow::Owned(iso_2022::decode(bytes)),
        Some(Charset::Hz) => Cow::Owned(iso_2022::decode_hz(bytes)),
        Some(Charset::Utf7) => Cow::Owned(utf::utf_7(bytes)),
        Some(Charset::Utf16(order)) => match utf::is_wide(bytes, 2) {
            true => Cow::Owned(utf::utf_16(bytes, utf::order(bytes, 2).unwrap_or(order))),
            false => detected(octets),
        },
        Some(Charset::Utf32(order)) => match utf::is_wide(bytes, 4) {
            true => Cow::Owned(utf::utf_32(bytes, utf::order(bytes, 4).unwrap_or(order))),
            false => detected(octets),
        },
        Some(Charset::Other(decode)) => Cow::Owned(decode(bytes)),
        None => detected(octets),
    }
}

/// Whether the label names a supported charset.
pub fn is_known(label: &str) -> bool {
    Charset::of(label).is_some()
}

/// The charset that a page declares: `<meta charset=…>`, `charset=…` in the content of another meta element (HTML
/// standard, "prescan a byte stream"), or the encoding of an XML declaration.
pub fn named_in_page(page: &[u8]) -> Option<&str> {
    const TAG_LIMIT: usize = 512;
    let head = &page[..page.len().min(PAGE_HEAD_LIMIT)];
    let mut tags = memchr::memchr_iter(b'<', head);
    tags.find_map(|at| {
        let tag = &head[at..head.len().min(at + TAG_LIMIT)];
        let tag = &tag[..memchr::memchr(b'>', tag).unwrap_or(tag.len())];
        let starts = |name: &[u8]| {
            let start = tag.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        let name = if starts(b"<meta") {
            "charset"
        } else if starts(b"<?xml") {
            "encoding"
        } else {
            return None;
        };
        let found = value_of(tag, name)?;
        // A page whose UTF-16 declaration can be read as ASCII is not in UTF-16.
        let wide = matches!(Charset::of(found)?, Charset::Utf16(_) | Charset::Utf32(_));
        Some(if wide { "utf-8" } else { found })
    })
}

/// The value after `name=` in a tag, in quotes or up to a delimiter.
fn value_of<'t>(tag: &'t [u8], name: &str) -> Option<&'t str> {
    let places = memchr::memchr2_iter(
        name.as_bytes()[0],
        name.as_bytes()[0].to_ascii_uppercase(),
        tag,
    );
    let mut values = places.filter_map(|at| {
        let (word, rest) = tag[at..].split_at_checked(name.len())?;
        if !word.eq_ignore_ascii_case(name.as_bytes()) {
            return None;
        }
        let rest = rest.trim_ascii_start().strip_prefix(b"=")?;
        let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
        let start = rest.iter().position(|byte| !blank(byte))?;
        let rest = &rest[start..];
        let end = rest.iter().position(|byte| {
            byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b';' | b'/' | b'?')
        });
        str::from_utf8(&rest[..end.unwrap_or(rest.len())]).ok()
    });
    values.find(|value| !value.is_empty())
}

/// Decodes text without a label: as UTF-8, a 7-bit charset, UTF-16 without a byte order mark, or the charset it looks
/// like.
fn detected(octets: Octets<'_>) -> Cow<'_, str> {
    let bytes = octets.bytes;
    if octets.has_control && has_escapes(bytes) {
        return Cow::Owned(iso_2022::decode(bytes));
    }
    if let Some(order) = utf::evident_order(bytes) {
        return Cow::Owned(utf::utf_16(bytes, order));
    }
    let utf_8 = octets.utf_8.map(Cow::Borrowed);
    utf_8.unwrap_or_else(|| by(looks_like(bytes, DETECTION_LIMIT), bytes))
}

/// The charset that octets look like that are not UTF-8, judged by at most `limit` of them.
fn looks_like(bytes: &[u8], limit: usize) -> &'static Encoding {
    // One or two accented letters of a Western name fit any charset.
    const LEAST: usize = 6;
    if bytes.iter().filter(|byte| !byte.is_ascii()).count() < LEAST {
        return WINDOWS_1252;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    // Detection starts at the first octet that is not ASCII.
    let start = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or(0);
    let start = start.saturating_sub(limit / 4);
    let end = bytes.len().min(start + limit);
    detector.feed(&bytes[start..end], end == bytes.len());
    detector.guess(None, Utf8Detection::Allow)
}

/// A label for the unencoded pieces of a header field's value; `None` if they are UTF-8.
pub(crate) fn label_of_value(value: &[u8]) -> Option<&'static str> {
    const LIMIT: usize = 256;
    match is_utf_8(value) {
        true => None,
        false => Some(looks_like(value, LIMIT).name()),
    }
}

/// Whether it contains escape sequences of ISO 2022.
fn has_escapes(bytes: &[u8]) -> bool {
    let mut escapes = memmem::find_iter(bytes, b"\x1b");
    escapes.any(|at| {
        matches!(
            bytes[at + 1..],
            [b'$', b'@' | b'A' | b'B' | b'(' | b')', ..] | [b'(', b'B' | b'I' | b'J', ..]
        )
    })
}

/// Octets as UTF-8, with invalid ones replaced. Replacing works octet by octet, so decoding without it is tried first.
pub(crate) fn as_utf_8(bytes: &[u8]) -> Cow<'_, str> {
    utf_8(bytes).unwrap_or_else(|| String::from_utf8_lossy(bytes))
}

/// Whether the octets are UTF-8. Most are ASCII, which is seen sooner.
pub(crate) fn is_utf_8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || str::from_utf8(bytes).is_ok()
}

fn utf_8(bytes: &[u8]) -> Option<Cow<'_, str>> {
    str::from_utf8(bytes).ok().map(Cow::Borrowed)
}

fn by<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Cow<'a, str> {
    if encoding == UTF_8 {
        return as_utf_8(bytes);
    }
    encoding.decode_without_bom_handling(bytes).0
}

/// Removes control characters that clients neither show nor treat as white space: a word with NULs in it is one word.
fn without_controls(text: Cow<'_, str>, has_control: bool) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // In UTF-8, C1 controls begin with this octet.
    let mut wide = memchr::memchr_iter(0xc2, bytes);
    let has_wide = wide.any(|at| bytes.get(at + 1).is_some_and(|next| *next < 0xa0));
    if !has_wide && !has_control {
        return text;
    }
    let shown = |letter: &char| match *letter {
        // NEL is a line end.
        '\u{85}' => true,
        '\u{80}'..'\u{a0}' => false,
        letter => !u8::try_from(letter).is_ok_and(is_control),
    };
    Cow::Owned(text.chars().filter(shown).collect())
}

fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1f | 0x7f)
}

/// Whether one of these is such a character. As numbers, the tests fit a vector of octets.
#[inline]
fn any_control(bytes: &[u8]) -> bool {
    let control = |byte: u8| {
        let is_white = (byte.wrapping_sub(b'\t') < 5) & (byte != 0x0b);
        u8::from((byte < b' ') & !is_white) | u8::from(byte == 0x7f)
    };
    bytes.iter().fold(0, |any, byte| any | control(*byte)) != 0
}

/// Octets and what is known of them.
#[derive(Clone, Copy)]
struct Octets<'o> {
    bytes: &'o [u8],
    /// As UTF-8, if they are.
    utf_8: Option<&'o str>,
    is_ascii: bool,
    has_control: bool,
}

impl<'o> Octets<'o> {
    fn of(bytes: &'o [u8]) -> Self {
        Self {
            bytes,
            utf_8: str::from_utf8(bytes).ok(),
            is_ascii: bytes.is_ascii(),
            has_control: Self::control_in(bytes),
        }
    }

    fn is_plain_ascii(&self) -> bool {
        self.is_ascii && !self.has_control
    }

    /// In blocks without branches, so that compilers vectorize it.
    fn control_in(bytes: &[u8]) -> bool {
        let (blocks, rest) = bytes.as_chunks::<64>();
        blocks.iter().any(|block| any_control(block)) || any_control(rest)
    }
}

#[cfg(test)]
mod tests;
