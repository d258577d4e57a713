//! Bracketed character classes.

use super::Parser;
use crate::import::bytes::Bytes;
use crate::import::regex_error::RegexError;
use crate::import::tree::Node;

/// A member of a class: a single byte may begin a range.
enum Member {
    Byte(u8),
    Many(Bytes),
}

impl Parser<'_> {
    /// A class, after its `[`.
    pub(super) fn class(&mut self) -> Result<Node, RegexError> {
        let negative = self.eat("^");
        let mut set = Bytes::NONE;
        let mut is_first = true;
        loop {
            let byte = self.next().ok_or("unclosed class")?;
            if byte == b']' && !is_first {
                break;
            }
            is_first = false;
            match self.member(byte)? {
                Member::Many(many) => set = set.or(many),
                Member::Byte(first) => match self.range_end()? {
                    Some(last) if last < first => return Err("reversed range".into()),
                    Some(last) => set = set.or(Bytes::range(first, last)),
                    None => set = set.or(Bytes::one(first)),
                },
            }
        }
        if self.flags.any_case {
            set = set.any_case();
        }
        Ok(Node::set(if negative { set.not() } else { set }))
    }

    /// The end of a range, if a hyphen and one byte follow.
    fn range_end(&mut self) -> Result<Option<u8>, RegexError> {
        let is_range =
            self.peek() == Some(b'-') && !matches!(self.text.get(self.at + 1), None | Some(b']'));
        if !is_range {
            return Ok(None);
        }
        let before = self.at;
        self.at += 1;
        let byte = self.next().ok_or("unclosed class")?;
        match self.member(byte)? {
            Member::Byte(last) => Ok(Some(last)),
            // As in [a-\d]: the hyphen is literal.
            Member::Many(_) => {
                self.at = before;
                Ok(None)
            }
        }
    }

    fn member(&mut self, byte: u8) -> Result<Member, RegexError> {
        if byte == b'['
            && self.peek() == Some(b':')
            && let Some(set) = self.posix()
        {
            return Ok(Member::Many(set));
        }
        if byte != b'\\' {
            return Ok(Member::Byte(byte));
        }
        let letter = self.next().ok_or("ends with a backslash")?;
        if let Some(set) = shorthand(letter) {
            return Ok(Member::Many(set));
        }
        Ok(match letter {
            b'b' => Member::Byte(8),
            b'p' | b'P' => return Err(RegexError::UnicodeProperty),
            b'1'..=b'7' => Member::Byte(self.octal(letter)),
            letter => match self.character(letter)? {
                Some(byte) => Member::Byte(byte),
                None => Member::Many(Bytes::NONE),
            },
        })
    }

    /// `[:alpha:]` and similar, after its `[`.
    fn posix(&mut self) -> Option<Bytes> {
        let rest = &self.text[self.at + 1..];
        let length = memchr::memmem::find(rest, b":]")?;
        let name = str::from_utf8(&rest[..length]).ok()?;
        let (name, negative) = match name.strip_prefix('^') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let graph = Bytes::range(b'!', b'~');
        let set = match name {
            "alpha" => Bytes::letters(),
            "digit" => Bytes::digits(),
            "alnum" => Bytes::letters().or(Bytes::digits()),
            "upper" => Bytes::range(b'A', b'Z'),
            "lower" => Bytes::range(b'a', b'z'),
            "space" => Bytes::spaces(),
            "blank" => Bytes::of(b" \t"),
            "punct" => graph.minus(Bytes::letters()).minus(Bytes::digits()),
            "graph" => graph,
            "print" => Bytes::range(b' ', b'~'),
            "cntrl" => Bytes::range(0, 31).or(Bytes::one(127)),
            "xdigit" => Bytes::digits().or(Bytes::of(b"abcdefABCDEF")),
            "word" => Bytes::word(),
            "ascii" => Bytes::range(0, 127),
            _ => return None,
        };
        self.at += length + 3;
        Some(if negative { set.not() } else { set })
    }
}

/// The class of a letter after a backslash, if it is one.
pub(super) fn shorthand(letter: u8) -> Option<Bytes> {
    // perlrecharclass: in byte texts, \h includes the no-break space, and \v includes NEL.
    let blank = Bytes::of(b" \t\xa0");
    let vertical = Bytes::of(b"\n\x0b\x0c\r\x85");
    Some(match letter {
        b'd' => Bytes::digits(),
        b'D' => Bytes::digits().not(),
        b's' => Bytes::spaces(),
        b'S' => Bytes::spaces().not(),
        b'w' => Bytes::word(),
        b'W' => Bytes::word().not(),
        b'h' => blank,
        b'H' => blank.not(),
        b'v' => vertical,
        b'V' => vertical.not(),
        _ => return None,
    })
}
