//! Decodes a part: transfer encoding and charset.
//!
//! In: a part's encoded body, possibly truncated; out: bytes, then text. It never fails: spammers send broken encodings
//! because mail clients show what they can, so it decodes what it can (RFC 2045 sections 6.7 and 6.8).

use std::borrow::Cow;

use crate::message::charset;
pub use crate::message::transfer_encoding::Encoding;
use crate::message::work::Work;

/// Units of work per octet of a transfer encoding.
pub(crate) const WORK: u64 = 2;

/// Decodes the transfer encoding.
pub fn bytes(encoding: Encoding, body: &[u8]) -> Cow<'_, [u8]> {
    encoding.decode(body)
}

/// Decodes bytes of a declared charset to text, as many as the budget of work covers: text other than ASCII and UTF-8 needs
/// a decoder.
pub(crate) fn text<'a>(charset: Option<&str>, bytes: &'a [u8], work: &Work<'_>) -> Cow<'a, str> {
    charset::decode_within(charset, bytes, work)
}

/// The charset of a page: the one that the header declares, or else the one that the page declares.
pub(crate) fn page_charset<'p>(declared: Option<&'p str>, page: &'p [u8]) -> Option<&'p str> {
    match declared {
        Some(label) if charset::is_known(label) => declared,
        _ => charset::named_in_page(page).or(declared),
    }
}
