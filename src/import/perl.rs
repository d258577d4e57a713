//! Parses Perl regexes.
//!
//! In: the bytes between the delimiters, and the flags; out: a [`Node`], or why the regex is refused. Texts are bytes,
//! as in SpamAssassin: a character above 255 never matches.
//!
//! perlre and perlrecharclass describe the syntax.

use super::bytes::Bytes;
use super::regex_error::RegexError;
use super::tree::{Anchor, Node, Times};

mod atomic;
mod class;
mod escape;

/// Flags of a regex.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) any_case: bool,
    pub(super) lines: bool,
    pub(super) dot_all: bool,
    pub(super) spaced: bool,
    /// Texts may end with a line end, before which `$` also matches.
    pub(super) line_ends: bool,
}

impl Flags {
    /// Sets the flag of a letter; other letters have no effect here.
    pub(super) fn switch(&mut self, letter: u8, on: bool) -> Result<(), RegexError> {
        match letter {
            b'i' => self.any_case = on,
            b'm' => self.lines = on,
            b's' => self.dot_all = on,
            b'x' => self.spaced = on,
            b'a' | b'd' | b'g' | b'l' | b'n' | b'o' | b'p' | b'u' | b'c' => {}
            _ => return Err(format!("flag {}", char::from(letter)).into()),
        }
        Ok(())
    }
}

/// Limit on nesting.
const DEEPEST: u32 = 100;

/// Limit on repetitions: with more, the regex is too big to compile.
const MOST: u32 = 10_000;

/// Reads a regex.
pub(super) fn parse(text: &[u8], flags: Flags) -> Result<Node, RegexError> {
    let mut parser = Parser {
        text,
        at: 0,
        flags,
        depth: 0,
    };
    let node = parser.alternatives()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err("unopened group".into()),
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    flags: Flags,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_next = self.text[self.at..].starts_with(text.as_bytes());
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    /// The text before `end`; the parser moves past it.
    fn until(&mut self, end: u8) -> Result<&[u8], RegexError> {
        let rest = &self.text[self.at..];
        let length = memchr::memchr(end, rest).ok_or("unclosed group")?;
        self.at += length + 1;
        Ok(&rest[..length])
    }

    fn set(&self, set: Bytes) -> Node {
        Node::set(if self.flags.any_case {
            set.any_case()
        } else {
            set
        })
    }

    fn alternatives(&mut self) -> Result<Node, RegexError> {
        let mut branches = vec![self.sequence()?];
        while self.eat("|") {
            branches.push(self.sequence()?);
        }
        Ok(Node::alt(branches))
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            if matches!(self.peek(), None | Some(b'|' | b')')) {
                return Ok(Node::concat(parts));
            }
            let Some(atom) = self.atom()? else {
                continue;
            };
            self.skip_space();
            parts.push(self.repeated(atom)?);
        }
    }

    fn skip_space(&mut self) {
        loop {
            if self.eat("(?#") {
                while !matches!(self.next(), None | Some(b')')) {}
                continue;
            }
            match self.peek() {
                Some(byte) if self.flags.spaced && byte.is_ascii_whitespace() => self.at += 1,
                Some(b'#') if self.flags.spaced => {
                    while !matches!(self.next(), None | Some(b'\n')) {}
                }
                _ => return,
            }
        }
    }

    /// A group; `None` if it only sets flags.
    fn atom(&mut self) -> Result<Option<Node>, RegexError> {
        let Some(byte) = self.next() else {
            return Ok(None);
        };
        Ok(Some(match byte {
            b'(' => return self.group(),
            b'[' => self.class()?,
            b'.' if self.flags.dot_all => Node::Set(Bytes::ALL),
            b'.' => Node::Set(Bytes::dot()),
            b'^' if self.flags.lines => Node::Anchor(Anchor::LineStart),
            b'^' => Node::Anchor(Anchor::Start),
            b'$' if self.flags.lines => Node::Anchor(Anchor::LineEnd),
            b'$' => self.end(),
            b'\\' => self.escape()?,
            b'*' | b'+' | b'?' => return Err("nothing to repeat".into()),
            byte => self.set(Bytes::one(byte)),
        }))
    }

    /// The end of the text, or a line end there.
    fn end(&self) -> Node {
        let end = Node::Anchor(Anchor::End);
        if !self.flags.line_ends {
            return end;
        }
        let line_end = Node::byte(b'\n').repeat(Times {
            min: 0,
            max: Some(1),
            lazy: false,
        });
        Node::concat([line_end, end])
    }

    fn group(&mut self) -> Result<Option<Node>, RegexError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("nested too deeply".into());
        }
        let outer = self.flags;
        let node = self.group_inside()?;
        self.depth -= 1;
        if node.is_some() {
            self.flags = outer;
        }
        Ok(node)
    }

    fn group_inside(&mut self) -> Result<Option<Node>, RegexError> {
        if self.peek() == Some(b'*') {
            return Err("backtracking verb".into());
        }
        if !self.eat("?") {
            return self.closed().map(Some);
        }
        for (mark, ahead, negative) in [
            ("=", true, false),
            ("!", true, true),
            ("<=", false, false),
            ("<!", false, true),
        ] {
            if self.eat(mark) {
                let sub = self.closed()?;
                return Ok(Some(sub.look(ahead, negative)));
            }
        }
        if self.eat(":") || self.eat("|") {
            return self.closed().map(Some);
        }
        if self.eat(">") {
            let sub = self.closed()?;
            return atomic::group(&sub).map(Some);
        }
        if self.eat("<") || self.eat("P<") {
            self.until(b'>')?;
            return self.closed().map(Some);
        }
        if self.eat("'") {
            self.until(b'\'')?;
            return self.closed().map(Some);
        }
        match self.peek() {
            Some(b'(') => return Err("condition".into()),
            Some(b'{' | b'?') => return Err("code".into()),
            Some(b'&' | b'R' | b'P' | b'+' | b'0'..=b'9') => return Err("recursion".into()),
            _ => {}
        }
        let mut on = true;
        loop {
            match self.next() {
                Some(b'^') => {
                    let line_ends = self.flags.line_ends;
                    self.flags = Flags {
                        line_ends,
                        ..Flags::default()
                    };
                }
                Some(b'-') => on = false,
                Some(b')') => return Ok(None),
                Some(b':') => return self.closed().map(Some),
                Some(letter) => self.flags.switch(letter, on)?,
                None => return Err("unclosed group".into()),
            }
        }
    }

    fn closed(&mut self) -> Result<Node, RegexError> {
        let node = self.alternatives()?;
        if self.eat(")") {
            Ok(node)
        } else {
            Err("unclosed group".into())
        }
    }

    fn repeated(&mut self, atom: Node) -> Result<Node, RegexError> {
        let Some((min, max)) = self.times()? else {
            return Ok(atom);
        };
        let mut times = Times {
            min,
            max,
            lazy: false,
        };
        if self.eat("+") {
            return atomic::repeat(&atom, times);
        }
        times.lazy = self.eat("?");
        if matches!(self.peek(), Some(b'*' | b'+' | b'?')) {
            return Err("nested quantifiers".into());
        }
        // It matches only the empty text, so repeating it means once or not at all.
        if matches!(atom, Node::Anchor(_) | Node::Look(..)) {
            return Ok(if min == 0 { Node::Empty } else { atom });
        }
        Ok(atom.repeat(times))
    }

    fn times(&mut self) -> Result<Option<(u32, Option<u32>)>, RegexError> {
        let times = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => {
                let Some((length, min, max)) = braces(&self.text[self.at..]) else {
                    return Ok(None);
                };
                self.at += length;
                if min.max(max.unwrap_or(0)) > MOST || max.is_some_and(|max| max < min) {
                    return Err("too many repetitions".into());
                }
                return Ok(Some((min, max)));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(times))
    }
}

/// `{n}`, `{n,}`, `{n,m}` or `{,m}`: its length and numbers. Any other brace is a literal.
fn braces(text: &[u8]) -> Option<(usize, u32, Option<u32>)> {
    let length = memchr::memchr(b'}', text)?;
    let inside = str::from_utf8(&text[1..length]).ok()?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u32::MAX))
    };
    let (min, max) = match inside.split_once(',') {
        None => (number(inside)?, Some(number(inside)?)),
        Some(("", max)) => (0, Some(number(max)?)),
        Some((min, "")) => (number(min)?, None),
        Some((min, max)) => (number(min)?, Some(number(max)?)),
    };
    Some((length + 1, min, max))
}

#[cfg(test)]
mod tests;
