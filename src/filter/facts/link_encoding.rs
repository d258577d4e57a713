//! What links carry in encoded form: other links, and the recipient's address.

use std::borrow::Cow;

use crate::message::url::Link;

/// The link in a link, plain or percent-encoded.
pub(super) fn inner<'t>(link: &'t Link<'_>) -> Option<Cow<'t, str>> {
    let rest = link.text.get(8..)?;
    // A link in it has two slashes, or is percent-encoded.
    let has_slashes = || memchr::memmem::find(rest.as_bytes(), b"//").is_some();
    if memchr::memchr(b'%', rest.as_bytes()).is_none() && !has_slashes() {
        return None;
    }
    let lower = rest.to_ascii_lowercase();
    let at = ["http://", "https://", "http%3a", "https%3a"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min();
    // In a parameter, a link may lack its scheme.
    let without_scheme = || {
        let marks = ["=//", "=%2f%2f"].iter();
        marks
            .filter_map(|mark| lower.find(mark))
            .min()
            .map(|at| at + 1)
    };
    let piece = &rest[at.or_else(without_scheme)?..];
    let piece = piece.split(['&', '#']).next()?;
    Some(percent_decoded(piece))
}

pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let code = (*byte == b'%').then(|| tail.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

// RFC 4648 section 4, without the padding and the last letter, which depend on what follows.
pub(super) fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut coded = String::new();
    for group in text.as_bytes().chunks_exact(3) {
        let bits = group
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            coded.push(char::from(LETTERS[bits >> shift & 63]));
        }
    }
    coded
}

pub(super) fn hexadecimal(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    let digits = text
        .bytes()
        .map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_embedded_in_urls_are_found() {
        let carried = |text| inner(&Link::new(text)).map(|link| link.into_owned());
        assert_eq!(
            carried("https://a.example/?u=https%3A%2F%2Fb.example%2Fx&z=1"),
            Some("https://b.example/x".into())
        );
        assert_eq!(carried("https://a.example/http"), None);
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(base64("abcd"), "YWJj");
        assert_eq!(hexadecimal("a@"), "6140");
    }
}
