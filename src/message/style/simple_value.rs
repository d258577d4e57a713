//! Values as programs write them: a few keywords, numbers and colours.
//!
//! In: a value that ends where its declaration ends; out: its components as a tokenizer reads them, and whether it is
//! marked `!important`. Of anything else nothing is said.

use cssparser::Token;

use super::plain::{blanks_end, name_end};

/// Numbers of so many digits are exact.
const DIGITS: usize = 9;

/// The components of a value, separated by blanks.
#[derive(Clone)]
pub(super) struct Components<'v> {
    value: &'v str,
    at: usize,
}

impl<'v> Components<'v> {
    #[inline]
    pub(super) fn new(value: &'v str) -> Self {
        Self { value, at: 0 }
    }

    /// The next component, unless it is anything but a keyword, a whole number with or without a unit, or a colour.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Token<'v>> {
        let octets = self.value.as_bytes();
        let begin = blanks_end(octets, self.at);
        let (token, end) = match octets.get(begin)? {
            b'#' => self.hash(begin + 1)?,
            b'0'..=b'9' => self.number(begin)?,
            b'-' if octets.get(begin + 1)?.is_ascii_digit() => self.number(begin)?,
            _ => {
                let end = name_end(octets, begin);
                (Token::Ident(self.value.get(begin..end)?.into()), end)
            }
        };
        let is_whole = match octets.get(end) {
            None => end > begin,
            Some(next) => end > begin && matches!(next, b' ' | b'!' | b'\t' | b'\n' | b'\r' | 0x0c),
        };
        self.at = end;
        is_whole.then_some(token)
    }

    /// `#fff`
    #[inline]
    fn hash(&self, begin: usize) -> Option<(Token<'v>, usize)> {
        let rest = &self.value.as_bytes()[begin..];
        let length = rest.iter().position(|octet| !octet.is_ascii_hexdigit());
        let length = length.unwrap_or(rest.len());
        let hex = &self.value[begin..begin + length];
        (length > 0).then(|| (Token::Hash(hex.into()), begin + length))
    }

    /// `12`, `-3px`, `50%`
    #[inline]
    fn number(&self, begin: usize) -> Option<(Token<'v>, usize)> {
        let octets = self.value.as_bytes();
        let has_sign = octets[begin] == b'-';
        let begin = begin + usize::from(has_sign);
        let (mut end, mut number) = (begin, 0_i32);
        while let Some(digit) = octets.get(end).filter(|octet| octet.is_ascii_digit()) {
            if end - begin == DIGITS {
                return None;
            }
            number = 10 * number + i32::from(digit - b'0');
            end += 1;
        }
        // Zero has a sign, too.
        let sign = if has_sign { -1.0 } else { 1.0 };
        let value = sign * f64::from(number);
        let int_value = Some(if has_sign { -number } else { number });
        if octets.get(end) == Some(&b'%') {
            let token = Token::Percentage {
                has_sign,
                unit_value: (value / 100.0) as f32,
                int_value,
            };
            return Some((token, end + 1));
        }
        let value = value as f32;
        let rest = &octets[end..];
        // With a digit or a hyphen after it, an `e` begins an exponent.
        let length = rest.iter().position(|octet| !octet.is_ascii_alphabetic());
        let unit = &self.value[end..end + length.unwrap_or(rest.len())];
        let token = match unit {
            "" => Token::Number {
                has_sign,
                value,
                int_value,
            },
            unit => Token::Dimension {
                has_sign,
                value,
                int_value,
                unit: unit.into(),
            },
        };
        Some((token, end + unit.len()))
    }

    /// Whether nothing follows but perhaps `!important`, and whether that does.
    #[inline]
    pub(super) fn importance(&self) -> Option<bool> {
        let octets = self.value.as_bytes();
        let at = blanks_end(octets, self.at);
        match octets.get(at) {
            None => Some(false),
            Some(b'!') => {
                let word = octets[at + 1..].trim_ascii();
                word.eq_ignore_ascii_case(b"important").then_some(true)
            }
            Some(_) => None,
        }
    }
}
