//! Decodes a part: transfer encoding and charset.
//!
//! In: a part's encoded body, possibly truncated; out: bytes, then text.
//! It never fails: spammers send broken encodings because mail clients show what they can, so it
//! decodes what it can (RFC 2045 sections 6.7 and 6.8).

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::{
    quoted_printable_decode, quoted_printable_decode_char,
};

/// Units of work to decode an octet of a transfer encoding.
pub(crate) const WORK: u64 = 2;

/// Units of work to decode an octet of a charset: what is not ASCII or UTF-8 goes through a decoder.
pub(crate) fn text_work(charset: Option<&str>, bytes: &[u8]) -> u64 {
    const DECODER: u64 = 8;
    let charset = charset.unwrap_or("us-ascii");
    match (utf8_or_ascii(charset), extends_ascii(charset)) {
        (true, _) if str::from_utf8(bytes).is_ok() => 1,
        (_, true) if bytes.is_ascii() => 1,
        _ => DECODER,
    }
}

/// RFC 2045 section 6.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, and unknown ones.
    Identity,
    /// Section 6.8.
    Base64,
    /// Section 6.7.
    QuotedPrintable,
}

impl Encoding {
    /// Parses the value of Content-Transfer-Encoding.
    pub fn parse(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        if value.eq_ignore_ascii_case(b"base64") {
            Self::Base64
        } else if value.eq_ignore_ascii_case(b"quoted-printable") {
            Self::QuotedPrintable
        } else {
            Self::Identity
        }
    }
}

/// Decodes the transfer encoding.
pub fn bytes(encoding: Encoding, body: &[u8]) -> Cow<'_, [u8]> {
    match encoding {
        Encoding::Identity => Cow::Borrowed(body),
        Encoding::Base64 => Cow::Owned(base64_decode(body).unwrap_or_else(|| base64_anyway(body))),
        Encoding::QuotedPrintable => {
            Cow::Owned(quoted_printable_decode(body).unwrap_or_else(|| quoted_anyway(body)))
        }
    }
}

/// Bytes of a declared charset as text.
pub fn text<'a>(charset: Option<&str>, bytes: &'a [u8]) -> Cow<'a, str> {
    let charset = charset.unwrap_or("us-ascii");
    // UTF-8 under an ASCII label is common, and clients show it as UTF-8.
    if extends_ascii(charset) && bytes.is_ascii() || utf8_or_ascii(charset) {
        if let Ok(text) = str::from_utf8(bytes) {
            return Cow::Borrowed(text);
        }
        if charset.eq_ignore_ascii_case("utf-8") {
            return String::from_utf8_lossy(bytes);
        }
    }
    let known = charset_decoder(charset.trim().as_bytes());
    match known.or_else(|| charset_decoder(b"windows-1252")) {
        Some(decode) => Cow::Owned(decode(bytes)),
        None => String::from_utf8_lossy(bytes),
    }
}

fn utf8_or_ascii(charset: &str) -> bool {
    let known = ["utf-8", "utf8", "us-ascii", "ascii"];
    known
        .iter()
        .any(|known| charset.eq_ignore_ascii_case(known))
}

fn extends_ascii(charset: &str) -> bool {
    let starts = |start: &str| {
        let head = charset.as_bytes().get(..start.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
    };
    starts("iso-8859-") || starts("windows-125") || utf8_or_ascii(charset)
}

// RFC 2045 section 6.8: characters outside of the alphabet must be ignored.
fn base64_anyway(body: &[u8]) -> Vec<u8> {
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let clean: Vec<u8> = body.iter().copied().filter(known).collect();
    base64_decode(&clean).unwrap_or_default()
}

// RFC 2045 section 6.7, note (2): an invalid "=" sequence is left unchanged.
fn quoted_anyway(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr(b'=', rest) {
        decoded.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        match rest {
            [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => rest = tail,
            [high, low, tail @ ..] => match quoted_printable_decode_char(*high, *low) {
                Some(byte) => {
                    decoded.push(byte);
                    rest = tail;
                }
                None => decoded.push(b'='),
            },
            _ => decoded.push(b'='),
        }
    }
    decoded.extend_from_slice(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_encodings_are_decoded_as_far_as_possible() {
        let quoted = |body| bytes(Encoding::QuotedPrintable, body).into_owned();
        assert_eq!(quoted(b"a=3Db=\r\nc"), b"a=bc");
        assert_eq!(quoted(b"50=% off=3D=\nnow=4"), b"50=% off=now=4");
        let base64 = |body| bytes(Encoding::Base64, body).into_owned();
        assert_eq!(base64(b"SGVs\r\nbG8="), b"Hello");
        assert_eq!(base64(b"SG!Vs\x00bG8"), b"Hello");
        assert_eq!(base64(b"SGVsbG"), b"Hell");
    }

    #[test]
    fn charsets_are_decoded_and_unknown_ones_are_guessed() {
        assert_eq!(text(Some("koi8-r"), b"\xf0\xf2\xe9\xf7\xe5\xf4"), "ПРИВЕТ");
        assert_eq!(text(Some("shift_jis"), b"\x82\xa0"), "あ");
        assert_eq!(text(Some("gb2312"), b"\xc4\xe3\xba\xc3"), "你好");
        assert_eq!(text(Some("ISO-2022-JP"), b"\x1b$B$\"\x1b(B"), "あ");
        assert_eq!(text(Some("utf-7"), b"+AOk-"), "é");
        assert_eq!(text(Some("no-such"), b"caf\xe9"), "café");
        assert_eq!(text(None, "größe".as_bytes()), "größe");
        assert_eq!(text(None, b"gr\xf6\xdfe"), "größe");
        assert_eq!(text(Some("utf-8"), b"a\xffb"), "a\u{fffd}b");
    }
}
