//! Names and strings in PDF.
//!
//! In: bytes and an offset; out: the name or string there and its end. It never builds objects, and each call costs at
//! most the length of its result, or a fixed limit. ISO 32000-1 sections 7.2 and 7.3.

/// Limit on a name in bytes, long enough for all names searched for, even with each character as `#xx`.
const NAME_LIMIT: usize = 48;

/// Units of work per octet searched for names.
pub(super) const SEARCH_WORK: u64 = 1;

/// A decoded name without its slash.
pub(super) struct Name {
    bytes: [u8; NAME_LIMIT],
    length: usize,
    /// Where it ends.
    pub(super) end: usize,
}

impl Name {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The name whose slash is at `slash`; truncated if it is too long.
pub(super) fn name(data: &[u8], slash: usize) -> Name {
    let rest = data.get(slash + 1..).unwrap_or_default();
    let most = rest.iter().take(NAME_LIMIT);
    let plain = most
        .take_while(|byte| IS_PLAIN[usize::from(**byte)])
        .count();
    let mut name = Name {
        bytes: [0; NAME_LIMIT],
        length: plain,
        end: slash + 1 + plain,
    };
    name.bytes[..plain].copy_from_slice(&rest[..plain]);
    while name.length < NAME_LIMIT {
        let rest = data.get(name.end..).unwrap_or_default();
        let (byte, taken) = match rest {
            // 7.3.5: `#` and two digits are a character. A lone `#` is literal.
            [b'#', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), 3)
            }
            [byte, ..] if *byte == b'#' || IS_PLAIN[usize::from(*byte)] => (*byte, 1),
            _ => break,
        };
        name.bytes[name.length] = byte;
        name.length += 1;
        name.end += taken;
    }
    name
}

/// The first offset from `at` on that is not white space.
pub(super) fn skip_space(data: &[u8], at: usize) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_space(**byte)).count()
}

/// The string at `at`, up to `limit` bytes of it, and where it ends.
pub(super) fn string(data: &[u8], at: usize, limit: usize) -> Option<(Vec<u8>, usize)> {
    match data.get(at..)? {
        [b'(', ..] => Some(literal(data, at + 1, limit)),
        [b'<', b'<', ..] => None,
        [b'<', ..] => Some(hexadecimal(data, at + 1, limit)),
        _ => None,
    }
}

// 7.3.4.2.
fn literal(data: &[u8], mut at: usize, limit: usize) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut depth = 0_usize;
    while text.len() < limit {
        let Some(byte) = data.get(at) else {
            break;
        };
        at += 1;
        match byte {
            b')' if depth == 0 => break,
            b')' => depth -= 1,
            b'(' => depth += 1,
            b'\\' => {
                at = escape(data, at, &mut text);
                continue;
            }
            _ => {}
        }
        text.push(*byte);
    }
    (text, at)
}

fn escape(data: &[u8], at: usize, text: &mut Vec<u8>) -> usize {
    let rest = data.get(at..).unwrap_or_default();
    let digits = rest.iter().take(3);
    let digits = digits
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    if digits > 0 {
        // High-order overflow is ignored.
        let value = |value: u8, digit: &u8| value << 3 | (digit - b'0');
        text.push(rest[..digits].iter().fold(0, value));
        return at + digits;
    }
    match rest {
        [b'\r', b'\n', ..] => return at + 2,
        [b'\r' | b'\n', ..] => {}
        [b'n', ..] => text.push(b'\n'),
        [b'r', ..] => text.push(b'\r'),
        [b't', ..] => text.push(b'\t'),
        [b'b', ..] => text.push(8),
        [b'f', ..] => text.push(12),
        [byte, ..] => text.push(*byte),
        [] => return at,
    }
    at + 1
}

// 7.3.4.3.
fn hexadecimal(data: &[u8], mut at: usize, limit: usize) -> (Vec<u8>, usize) {
    let mut text = Vec::new();
    let mut high = None;
    // White space and invalid characters are skipped, up to a limit.
    let end = data.len().min(at.saturating_add(4 * limit));
    while at < end && text.len() < limit {
        let byte = data[at];
        at += 1;
        match (byte, high) {
            (b'>', _) => break,
            (byte, _) if !byte.is_ascii_hexdigit() => {}
            (byte, None) => high = Some(digit(byte)),
            (byte, Some(first)) => {
                text.push(first << 4 | digit(byte));
                high = None;
            }
        }
    }
    // A missing last digit is 0.
    text.extend(high.map(|first| first << 4));
    (text, at)
}

fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20).wrapping_sub(b'a' - 10) & 15,
    }
}

// 7.2.2, table 1.
fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

/// 7.2.2, table 2: regular characters. `#` may begin another.
static IS_PLAIN: [bool; 256] = {
    let mut is_plain = [true; 256];
    let others = b"\0\t\n\x0c\r ()<>[]{}/%#";
    let mut at = 0;
    while at < others.len() {
        is_plain[others[at] as usize] = false;
        at += 1;
    }
    is_plain
};

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(text: &str) -> String {
        String::from_utf8(name(text.as_bytes(), 0).as_bytes().to_vec()).unwrap()
    }

    fn string_of(text: &str) -> (String, usize) {
        let (bytes, end) = string(text.as_bytes(), 0, 40).unwrap();
        (String::from_utf8(bytes).unwrap(), end)
    }

    #[test]
    fn names() {
        assert_eq!(name_of("/JavaScript("), "JavaScript");
        assert_eq!(name_of("/J#61va#53cript /x"), "JavaScript");
        assert_eq!(name_of("/A#4Z#"), "A#4Z#");
        assert_eq!(name_of("/"), "");
        assert_eq!(name_of("/ab%c"), "ab");
        let long = name(&[b"/", &[b'a'; 99][..]].concat(), 0);
        assert_eq!((long.length, long.end), (NAME_LIMIT, NAME_LIMIT + 1));
    }

    /// A name read character by character.
    fn defined(data: &[u8], slash: usize) -> (Vec<u8>, usize) {
        let (mut text, mut at) = (Vec::new(), slash + 1);
        while text.len() < NAME_LIMIT {
            let digits = data.get(at + 1..at + 3);
            match (data.get(at), digits) {
                (Some(b'#'), Some(digits)) if digits.iter().all(u8::is_ascii_hexdigit) => {
                    text.push(digit(digits[0]) << 4 | digit(digits[1]));
                    at += 2;
                }
                (Some(byte), _) if !is_space(*byte) && !b"()<>[]{}/%".contains(byte) => {
                    text.push(*byte);
                }
                _ => break,
            }
            at += 1;
        }
        (text, at)
    }

    #[test]
    fn names_of_any_octets() {
        let mut random = fastrand::Rng::with_seed(6);
        for round in 0..20_000 {
            let octets = b"#A1f/ (%bcdeghijklm";
            let most = random.usize(1..=octets.len());
            let octet = |_| match round % 3 {
                0 => random.u8(..),
                1 => octets[random.usize(..most)],
                _ => octets[octets.len() - random.usize(1..=most)],
            };
            let data: Vec<u8> = (0..round % 70).map(octet).collect();
            let slash = round % 75 / 9;
            let found = name(&data, slash);
            assert_eq!(
                (found.as_bytes().to_vec(), found.end),
                defined(&data, slash)
            );
        }
    }

    #[test]
    fn literals() {
        for (source, text) in [
            (r"(http://a/\(x\))", "http://a/(x)"),
            ("(a(b)c)", "a(b)c"),
            (r"(\150\164tp\72\0571)", "http:/1"),
            ("(a\\\r\nb\\\nc)", "abc"),
            (r"(\n\r\t\b\f\q\\)", "\n\r\t\x08\x0cq\\"),
            ("()", ""),
        ] {
            assert_eq!(
                string_of(source),
                (text.to_owned(), source.len()),
                "{source}"
            );
        }
        assert_eq!(string_of("(cut off").0, "cut off");
        assert_eq!(string_of("(cut\\").0, "cut");
        let long = format!("({})", "a".repeat(99));
        assert_eq!(string_of(&long), ("a".repeat(40), 41));
    }

    #[test]
    fn hexadecimals() {
        assert_eq!(string_of("<68 7474\n70>").0, "http");
        assert_eq!(string_of("<6A7>").0, "jp");
        assert_eq!(string_of("<>").0, "");
        assert!(string(b"<<6a>>", 0, 9).is_none());
        assert!(string(b"12 0 R", 0, 9).is_none());
        assert!(string(b"", 0, 9).is_none());
    }
}
