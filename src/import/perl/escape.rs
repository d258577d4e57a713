//! Escapes: a backslash and what follows it.

use super::Parser;
use super::class::shorthand;
use crate::import::bytes::Bytes;
use crate::import::regex_error::RegexError;
use crate::import::tree::{Anchor, Node};

impl Parser<'_> {
    /// An escape outside a class, after its backslash.
    pub(super) fn escape(&mut self) -> Result<Node, RegexError> {
        let letter = self.next().ok_or("ends with a backslash")?;
        if let Some(set) = shorthand(letter) {
            return Ok(Node::Set(set));
        }
        Ok(match letter {
            b'b' | b'B' if self.peek() == Some(b'{') => return Err("Unicode boundary".into()),
            b'b' => Node::Anchor(Anchor::Word),
            b'B' => Node::Anchor(Anchor::NotWord),
            b'A' => Node::Anchor(Anchor::Start),
            b'z' => Node::Anchor(Anchor::End),
            b'Z' => self.end(),
            // `\K`: what precedes it must match, too.
            b'K' => Node::Empty,
            b'R' => Node::alt([
                Node::text(b"\r\n"),
                Node::Set(Bytes::of(b"\n\x0b\x0c\r\x85")),
            ]),
            b'N' if self.peek() != Some(b'{') => Node::Set(Bytes::dot()),
            b'G' => return Err("\\G".into()),
            b'X' | b'p' | b'P' => return Err(RegexError::UnicodeProperty),
            b'Q' | b'E' | b'L' | b'U' | b'l' | b'u' => {
                return Err(format!("\\{}", char::from(letter)).into());
            }
            b'g' | b'k' => return Err(RegexError::BackReference),
            b'1'..=b'9' => {
                // Two octal digits, such as \60, are a character if there are fewer groups than that.
                let is_octal = letter < b'8' && self.peek().is_some_and(|it| it.is_ascii_digit());
                if !is_octal {
                    return Err(RegexError::BackReference);
                }
                let byte = self.octal(letter);
                self.set(Bytes::one(byte))
            }
            letter => match self.character(letter)? {
                Some(byte) => self.set(Bytes::one(byte)),
                None => Node::Fail,
            },
        })
    }

    /// The byte of an escape; `None` for a character above 255.
    pub(super) fn character(&mut self, letter: u8) -> Result<Option<u8>, RegexError> {
        Ok(Some(match letter {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'f' => 12,
            b'e' => 27,
            b'a' => 7,
            b'0' => self.octal(b'0'),
            b'c' => self.next().ok_or("ends with \\c")?.to_ascii_uppercase() ^ 64,
            b'x' if self.eat("{") => {
                let digits = self.until(b'}')?;
                return number(digits, 16);
            }
            b'x' => {
                let rest = &self.text[self.at..];
                let length = rest.iter().take(2).take_while(|it| it.is_ascii_hexdigit());
                let length = length.count();
                let digits = &rest[..length];
                self.at += length;
                return number(digits, 16);
            }
            b'o' if self.eat("{") => {
                let digits = self.until(b'}')?;
                return number(digits, 8);
            }
            b'N' if self.eat("{U+") => {
                let digits = self.until(b'}')?;
                return number(digits, 16);
            }
            b'N' => return Err("named character".into()),
            byte => byte,
        }))
    }

    /// Up to three octal digits, after the first one.
    pub(super) fn octal(&mut self, first: u8) -> u8 {
        let mut value = u32::from(first - b'0');
        for _ in 0..2 {
            match self.peek() {
                Some(digit @ b'0'..=b'7') => value = value * 8 + u32::from(digit - b'0'),
                _ => break,
            }
            self.at += 1;
        }
        u8::try_from(value & 255).unwrap_or(0)
    }
}

fn number(digits: &[u8], radix: u32) -> Result<Option<u8>, RegexError> {
    let digits = str::from_utf8(digits).unwrap_or("?").trim();
    if digits.is_empty() {
        return Ok(Some(0));
    }
    let value = u32::from_str_radix(digits, radix).map_err(|_| "invalid character code")?;
    Ok(u8::try_from(value).ok())
}
