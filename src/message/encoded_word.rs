//! Encoded words (RFC 2047) as clients read them: also inside quoted strings, next to other text without a space, and
//! with spaces in them.
//!
//! In: a raw value; out: its text, or the value with the words decoded. The octets of adjacent words in one charset are
//! joined before they are decoded, because mailers split multi-octet characters.

use std::borrow::Cow;

use memchr::memmem;

use crate::message::transfer_encoding::{base64, hex};
use crate::message::{blocks, charset};

/// A piece of a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'v> {
    /// Text that is not encoded.
    Plain(&'v [u8]),
    /// One or more adjacent words, decoded.
    Words(String),
}

/// The pieces of a value, without the white space between adjacent words (RFC 2047 section 6.2).
pub fn pieces(value: &[u8]) -> Vec<Piece<'_>> {
    // Most values have none.
    if memchr::memchr(b'?', value).is_none() {
        return match value {
            [] => Vec::new(),
            value => vec![Piece::Plain(value)],
        };
    }
    // No encoded word ends after this offset, so the search stops there.
    let last = memmem::rfind(value, b"?=").unwrap_or(0);
    let mut pieces = Vec::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let (mut plain, mut at) = (0, 0);
    while let Some(found) = memmem::find(&value[at..], b"=?") {
        let start = at + found;
        if start >= last {
            break;
        }
        let Some(word) = Word::parse(&value[start..]) else {
            at = start + 2;
            continue;
        };
        let between = &value[plain..start];
        if let Some((charset, octets)) = &mut open
            && between.trim_ascii().is_empty()
        {
            if *charset == word.charset {
                octets.extend_from_slice(&word.octets);
            } else {
                pieces.push(decoded(charset, octets));
                open = Some((word.charset, word.octets));
            }
        } else {
            pieces.extend(
                open.take()
                    .map(|(charset, octets)| decoded(&charset, &octets)),
            );
            if !between.is_empty() {
                pieces.push(Piece::Plain(between));
            }
            open = Some((word.charset, word.octets));
        }
        at = start + word.length;
        plain = at;
    }
    pieces.extend(open.map(|(charset, octets)| decoded(&charset, &octets)));
    if plain < value.len() {
        pieces.push(Piece::Plain(&value[plain..]));
    }
    pieces
}

/// A value's text, invisible characters included.
pub fn text(value: &[u8]) -> String {
    let label = charset::label_of_value(value);
    let mut text = String::with_capacity(value.len());
    for piece in pieces(value) {
        match piece {
            Piece::Plain(plain) => text.push_str(&charset::decode(label, plain)),
            Piece::Words(words) => text.push_str(&words),
        }
    }
    text
}

fn decoded<'v>(label: &str, octets: &[u8]) -> Piece<'v> {
    // A value may have very many words, so no charset is detected for each.
    let label = match charset::is_known(label) {
        true => label,
        false => "us-ascii",
    };
    Piece::Words(charset::decode(Some(label), octets).into_owned())
}

/// An encoded word.
struct Word {
    /// Lower case, without the language tag of RFC 2231 section 5.
    charset: String,
    octets: Vec<u8>,
    /// Its length with all delimiters.
    length: usize,
}

impl Word {
    /// Parses a value that begins with `=?`.
    fn parse(value: &[u8]) -> Option<Self> {
        const CHARSET_LIMIT: usize = 80;
        let label = &value[2..];
        let label = &label[..memchr::memchr(b'?', &label[..label.len().min(CHARSET_LIMIT)])?];
        if label.is_empty() || !label.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let start = 2 + label.len() + 3;
        let [b'?', encoding, b'?'] = *value.get(start - 3..start)? else {
            return None;
        };
        let content = &value[start..];
        let (octets, end) = match encoding {
            b'B' | b'b' => {
                let end = memchr::memchr(b'?', content)?;
                let known = |byte: &u8| {
                    byte.is_ascii_alphanumeric()
                        || byte.is_ascii_whitespace()
                        || b"+/=".contains(byte)
                };
                let is_word =
                    content.get(end + 1) == Some(&b'=') && content[..end].iter().all(known);
                (is_word.then(|| base64(&content[..end]))?, end)
            }
            b'Q' | b'q' => {
                let end = memmem::find(content, b"?=")?;
                (quoted(&content[..end]), end)
            }
            _ => return None,
        };
        let label = label.split(|byte| *byte == b'*').next().unwrap_or_default();
        Some(Self {
            charset: String::from_utf8_lossy(label).to_ascii_lowercase(),
            octets,
            length: start + end + 2,
        })
    }
}

/// The Q encoding, RFC 2047 section 4.2.
fn quoted(content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'_', _) => octets.push(b' '),
            (b'=', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    octets.push(high << 4 | low);
                    rest = after;
                }
                _ => octets.push(b'='),
            },
            _ => octets.push(byte),
        }
    }
    octets
}

/// Whether an encoded word may begin somewhere.
pub(super) fn has_marks(raw: &[u8]) -> bool {
    blocks::find::<17>(raw, 0, 0, |window, at| {
        (window[at] == b'=') & (window[at + 1] == b'?')
    })
    .is_some()
}

/// An address field with its encoded words turned into quoted strings, for a parser that decodes each word by itself.
pub fn quoted_strings(value: &[u8]) -> Cow<'_, [u8]> {
    let label = charset::label_of_value(value);
    if label.is_none() && !has_marks(value) {
        return Cow::Borrowed(value);
    }
    let mut all = Vec::with_capacity(value.len() * 2);
    let mut place = Place::default();
    for piece in pieces(value) {
        match piece {
            Piece::Plain(plain) => {
                place.follow(plain);
                all.extend_from_slice(charset::decode(label, plain).as_bytes());
            }
            Piece::Words(text) => {
                let is_open = place.is_quoted || place.comments > 0;
                if !is_open {
                    all.extend_from_slice(b" \"");
                }
                for letter in text.chars() {
                    match letter {
                        '"' | '\\' => all.extend([b'\\', letter as u8]),
                        '(' | ')' if place.comments > 0 => all.extend([b'\\', letter as u8]),
                        '\r' | '\n' => all.push(b' '),
                        _ => all.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
                if !is_open {
                    all.extend_from_slice(b"\" ");
                }
            }
        }
    }
    Cow::Owned(all)
}

/// Whether the current position is in a quoted string or a comment (RFC 5322 section 3.2).
#[derive(Default)]
struct Place {
    is_quoted: bool,
    comments: usize,
}

impl Place {
    fn follow(&mut self, plain: &[u8]) {
        let mut octets = plain.iter();
        while let Some(byte) = octets.next() {
            match byte {
                b'\\' => {
                    octets.next();
                }
                b'"' if self.comments == 0 => self.is_quoted = !self.is_quoted,
                b'(' if !self.is_quoted => self.comments += 1,
                b')' if !self.is_quoted => self.comments = self.comments.saturating_sub(1),
                _ => {}
            }
        }
    }
}
