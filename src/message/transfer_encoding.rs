//! Content transfer encodings (RFC 2045 section 6, and those of Usenet).
//!
//! In: the value of Content-Transfer-Encoding, or an encoded body, possibly truncated; out: which encoding it is, or
//! the decoded octets. It never fails: clients show what they can of a broken encoding, so it decodes what it can.

use std::borrow::Cow;

use crate::message::{blocks, uuencoded};

/// RFC 2045 section 6.1, and others that clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary, and unknown ones.
    Identity,
    /// Section 6.8.
    Base64,
    /// Section 6.7.
    QuotedPrintable,
    /// As written by uuencode(1); POSIX specifies the format.
    Uuencode,
    /// yEnc, of Usenet.
    Yenc,
}

impl Encoding {
    /// Parses the value of Content-Transfer-Encoding: the first token counts, as in Thunderbird.
    pub fn parse(value: &[u8]) -> Self {
        let token = first_token(value);
        let is = |names: &[&str]| {
            let mut names = names.iter();
            names.any(|name| token.eq_ignore_ascii_case(name.as_bytes()))
        };
        if is(&["base64"]) {
            Self::Base64
        } else if is(&["quoted-printable"]) {
            Self::QuotedPrintable
        } else if is(&["uuencode", "x-uuencode", "uue", "x-uue"]) {
            Self::Uuencode
        } else if is(&["yenc", "x-yenc", "yencode", "x-yencode"]) {
            Self::Yenc
        } else {
            Self::Identity
        }
    }

    /// Decodes a body.
    pub fn decode(self, body: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Identity => Cow::Borrowed(body),
            Self::Base64 => Cow::Owned(base64(body)),
            Self::QuotedPrintable => Cow::Owned(quoted_printable(body)),
            Self::Uuencode => Cow::Owned(uuencoded::decode(body)),
            Self::Yenc => Cow::Owned(uuencoded::decode_yenc(body)),
        }
    }
}

/// The first token; comments (RFC 5322 section 3.2.2), quotes and what follows the token are skipped.
fn first_token(value: &[u8]) -> &[u8] {
    let rest = after_comments(value, |byte| {
        byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b';' | b',')
    });
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let end = rest.iter().position(|byte| !letter(byte));
    &rest[..end.unwrap_or(rest.len())]
}

/// The text after comments, and after octets that are skipped like white space.
pub(crate) fn after_comments(value: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    let mut at = 0;
    let mut depth = 0_usize;
    while let Some(&byte) = value.get(at) {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => at += 1,
            _ if depth > 0 || is_skipped(byte) => {}
            _ => break,
        }
        at += 1;
    }
    value.get(at..).unwrap_or_default()
}

/// RFC 2045 section 6.8: octets outside the alphabet are ignored. Padding ends a group, not the body: data after it is
/// decoded, too, as clients do.
pub(crate) fn base64(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    let mut rest = body;
    loop {
        // A line is whole groups for the most part.
        if count == 0 {
            rest = whole_groups(rest, &mut decoded);
        }
        let Some((&byte, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        let value = BASE64_VALUES[usize::from(byte)];
        if value < 64 {
            bits = bits << 6 | u32::from(value);
            count += 1;
            if count == 4 {
                decoded.extend_from_slice(&bits.to_be_bytes()[1..]);
                (bits, count) = (0, 0);
            }
        } else if byte == b'=' {
            end_group(bits, count, &mut decoded);
            (bits, count) = (0, 0);
        }
    }
    end_group(bits, count, &mut decoded);
    decoded
}

/// Decodes groups of the alphabet up to the first octet that is not of it; returns the rest.
fn whole_groups<'b>(body: &'b [u8], decoded: &mut Vec<u8>) -> &'b [u8] {
    let mut rest = body;
    // Four at a time, and then one.
    while let Some((some, after)) = rest.split_first_chunk::<16>() {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *some;
        let (first, second) = (group(a, b, c, d), group(e, f, g, h));
        let (third, fourth) = (group(i, j, k, l), group(m, n, o, p));
        if (first | second | third | fourth) >> 24 != 0 {
            break;
        }
        let high = u64::from(first) << 40 | u64::from(second) << 16 | u64::from(third) >> 8;
        let low = third << 24 | fourth;
        let mut octets = [0; 12];
        octets[..8].copy_from_slice(&high.to_be_bytes());
        octets[8..].copy_from_slice(&low.to_be_bytes());
        decoded.extend_from_slice(&octets);
        rest = after;
    }
    while let Some((&[a, b, c, d], after)) = rest.split_first_chunk() {
        let group = group(a, b, c, d);
        if group >> 24 != 0 {
            break;
        }
        decoded.extend_from_slice(&group.to_be_bytes()[1..]);
        rest = after;
    }
    rest
}

/// The 24 bits of a group; more if an octet is not of the alphabet.
#[inline]
fn group(a: u8, b: u8, c: u8, d: u8) -> u32 {
    let bits = |place: usize, octet: u8| BASE64_BITS[place][usize::from(octet)];
    bits(0, a) | bits(1, b) | bits(2, c) | bits(3, d)
}

/// By place in a group, and octet: its bits, or a higher one if it is not of the alphabet.
static BASE64_BITS: [[u32; 256]; 4] = {
    let mut bits = [[1 << 24; 256]; 4];
    let mut octet = 0;
    while octet < 256 {
        let value = BASE64_VALUES[octet] as u32;
        let mut place = 0;
        while place < 4 && value < 64 {
            bits[place][octet] = value << (18 - 6 * place);
            place += 1;
        }
        octet += 1;
    }
    bits
};

fn end_group(bits: u32, count: u32, decoded: &mut Vec<u8>) {
    let octets = (bits << (6 * (4 - count))).to_be_bytes();
    match count {
        2 => decoded.push(octets[1]),
        3 => decoded.extend_from_slice(&octets[1..3]),
        _ => {}
    }
}

const BASE64_VALUES: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut values = [u8::MAX; 256];
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// RFC 2045 section 6.7. An invalid "=" is left unchanged, note (2); white space before a line end is removed, rule
/// (3), even after the "=" of a soft line break.
pub(crate) fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(body.len());
    let mut from = 0;
    // What is taken after an equals sign never holds another one.
    while let Some(at) = blocks::find::<16>(body, from, 0, |window, at| window[at] == b'=') {
        decoded.extend_from_slice(&body[from..at]);
        let rest = &body[at + 1..];
        let taken = if let [b'\r', b'\n', ..] = rest {
            2
        } else if let [high, low, ..] = rest
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            decoded.push(high << 4 | low);
            2
        } else if let Some(after) = after_soft_break(rest) {
            rest.len() - after.len()
        } else {
            decoded.push(b'=');
            0
        };
        from = at + 1 + taken;
    }
    decoded.extend_from_slice(&body[from..]);
    decoded
}

fn after_soft_break(rest: &[u8]) -> Option<&[u8]> {
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    match &rest[blanks..] {
        [b'\r', b'\n', after @ ..] | [b'\r' | b'\n', after @ ..] => Some(after),
        [] => Some(&[]),
        _ => None,
    }
}

#[inline]
pub(crate) fn hex(digit: u8) -> Option<u8> {
    const VALUES: [u8; 256] = {
        let mut values = [u8::MAX; 256];
        let mut octet = 0;
        while octet < 256 {
            if let Some(value) = (octet as u8 as char).to_digit(16) {
                values[octet] = value as u8;
            }
            octet += 1;
        }
        values
    };
    let value = VALUES[usize::from(digit)];
    (value < 16).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_names_the_encoding() {
        let table = [
            (Encoding::Base64, &b"base64"[..]),
            (Encoding::Base64, b" BASE64;"),
            (Encoding::Base64, b" (a \\) (nested)) base64 (text)"),
            (Encoding::Base64, b"\"base64\""),
            (Encoding::Base64, b"\r\n base64 7bit"),
            (Encoding::Base64, b"base64, 8bit"),
            (Encoding::Base64, b"base64(x)"),
            (Encoding::QuotedPrintable, b"Quoted-Printable; x=y"),
            (Encoding::Uuencode, b"x-uuencode"),
            (Encoding::Uuencode, b"X-UUE"),
            (Encoding::Uuencode, b"uuencode"),
            (Encoding::Uuencode, b"uue"),
            (Encoding::Yenc, b"x-yencode"),
            (Encoding::Identity, b"(base64"),
            (Encoding::Identity, b"base64x"),
            (Encoding::Identity, b"8bit"),
            (Encoding::Identity, b""),
        ];
        for (expected, value) in table {
            let shown = value.escape_ascii();
            assert_eq!(Encoding::parse(value), expected, "{shown}");
        }
    }

    #[test]
    fn broken_encodings_are_decoded_as_far_as_possible() {
        let quoted: &[(&[u8], &[u8])] = &[
            (b"a=3Db=\r\nc", b"a=bc"),
            (b"50=% off=3D=\nnow=4", b"50=% off=now=4"),
            (b"Via=\rgra", b"Viagra"),
            (b"Via= \t\r\ngra", b"Viagra"),
            (b"=c3=A4=", b"\xc3\xa4"),
            (b"= =3D", b"= ="),
            (b"==3D", b"=="),
            (b"=ZZ=3", b"=ZZ=3"),
        ];
        for (body, expected) in quoted {
            let decoded = Encoding::QuotedPrintable.decode(body);
            assert_eq!(&*decoded, *expected, "{}", body.escape_ascii());
        }
        let base64: &[(&[u8], &[u8])] = &[
            (b"SGVs\r\nbG8=", b"Hello"),
            (b"SG!Vs\x00bG8", b"Hello"),
            (b"SGVsbG", b"Hell"),
            (b"SGVsbG8=IGFsbA==Lg==", b"Hello all."),
            (b"====SGVsbG8", b"Hello"),
            (b"S", b""),
            (b"", b""),
            (
                b"SGVsbG8gSGVsbG8gSGVsbG8g\r\nSGVsbG8gSGVs=bG8gSGVsbG8g",
                b"Hello Hello Hello Hello Hello Hello ",
            ),
            (
                b"SGVsbG8gSGVsbG8-gSGVsbG8gSGVsbG8gSGVsbG8",
                b"Hello Hello Hello Hello Hello",
            ),
        ];
        for (body, expected) in base64 {
            let decoded = Encoding::Base64.decode(body);
            assert_eq!(&*decoded, *expected, "{}", body.escape_ascii());
        }
    }
}
