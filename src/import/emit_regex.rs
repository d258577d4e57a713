//! Writes a tree as a regex for the regex crate.
//!
//! In: a [`Node`] without look-around; out: the regex, in ASCII. If the texts have CRLF line ends, a line feed becomes
//! `\r?\n`, because the regex was written for LF.

use std::fmt::Write;

use super::bytes::Bytes;
use super::tree::{Anchor, Node, Times};

/// The regex. `crlf` means that lines end with CRLF.
pub(super) fn regex(node: &Node, crlf: bool) -> String {
    let writer = RegexWriter {
        any_case: is_any_case(node) && has_letter(node),
        lines: has_line_anchor(node),
        crlf,
    };
    let mut text = "(?".to_owned();
    for (letter, on) in [('i', writer.any_case), ('m', writer.lines), ('R', crlf)] {
        if on {
            text.push(letter);
        }
    }
    text.push_str("-u)");
    writer.alternatives(node, &mut text);
    text
}

fn every_set(node: &Node, is_it: &mut impl FnMut(Bytes) -> bool) -> bool {
    match node {
        Node::Set(set) => is_it(*set),
        Node::Concat(parts) | Node::Alt(parts) => parts.iter().all(|part| every_set(part, is_it)),
        Node::Repeat(sub, _) | Node::Look(_, sub) => every_set(sub, is_it),
        _ => true,
    }
}

fn is_any_case(node: &Node) -> bool {
    every_set(node, &mut |set| set.any_case() == set)
}

fn has_letter(node: &Node) -> bool {
    !every_set(node, &mut |set| {
        let letters = set.and(Bytes::letters());
        letters.is_empty() || letters == Bytes::letters()
    })
}

fn has_line_anchor(node: &Node) -> bool {
    match node {
        Node::Anchor(anchor) => matches!(anchor, Anchor::LineStart | Anchor::LineEnd),
        Node::Concat(parts) | Node::Alt(parts) => parts.iter().any(has_line_anchor),
        Node::Repeat(sub, _) | Node::Look(_, sub) => has_line_anchor(sub),
        _ => false,
    }
}

struct RegexWriter {
    any_case: bool,
    lines: bool,
    crlf: bool,
}

impl RegexWriter {
    fn alternatives(&self, node: &Node, text: &mut String) {
        let Node::Alt(parts) = node else {
            return self.sequence(node, text);
        };
        for (number, part) in parts.iter().enumerate() {
            if number > 0 {
                text.push('|');
            }
            self.sequence(part, text);
        }
    }

    fn sequence(&self, node: &Node, text: &mut String) {
        match node {
            Node::Empty => {}
            Node::Concat(parts) => parts.iter().for_each(|part| self.part(part, text)),
            node => self.part(node, text),
        }
    }

    fn part(&self, node: &Node, text: &mut String) {
        match node {
            Node::Set(set) => self.set(*set, text),
            Node::Anchor(anchor) => text.push_str(match (anchor, self.lines) {
                (Anchor::Start, true) => r"\A",
                (Anchor::End, true) => r"\z",
                (Anchor::Start | Anchor::LineStart, _) => "^",
                (Anchor::End | Anchor::LineEnd, _) => "$",
                (Anchor::Word, _) => r"\b",
                (Anchor::NotWord, _) => r"\B",
            }),
            Node::Repeat(sub, times) => {
                match &**sub {
                    Node::Set(set) => self.repeated_set(*set, *times, text),
                    // Parsed and printed again, (?:a{2})? would become a{2}?, which is lazy; a capturing group stays.
                    Node::Repeat(..) => {
                        text.push('(');
                        self.alternatives(sub, text);
                        text.push(')');
                    }
                    _ => self.group(sub, text),
                }
                repetition(*times, text);
            }
            Node::Fail => text.push_str(r"[^\x00-\xff]"),
            // Only occurs in messages: the regex crate rejects it.
            Node::Look(look, sub) => {
                text.push_str(match (look.ahead, look.negative) {
                    (true, false) => "(?=",
                    (true, true) => "(?!",
                    (false, false) => "(?<=",
                    (false, true) => "(?<!",
                });
                self.alternatives(sub, text);
                text.push(')');
            }
            node => self.group(node, text),
        }
    }

    fn group(&self, node: &Node, text: &mut String) {
        text.push_str("(?:");
        self.alternatives(node, text);
        text.push(')');
    }

    /// A repeated set. If the repetition has no limit, or one so high that a few more or less do not matter, the two
    /// bytes of a line end count as two.
    fn repeated_set(&self, set: Bytes, times: Times, text: &mut String) {
        let is_long = times.max.is_none_or(|max| max > 20 && set.len() > 128);
        if !self.crlf || !set.has(b'\n') || (is_long && set.has(b'\r')) {
            self.one_byte(set, text);
        } else {
            text.push_str("(?:");
            self.set(set, text);
            text.push(')');
        }
    }

    fn set(&self, set: Bytes, text: &mut String) {
        let line_feed = Bytes::one(b'\n');
        if !self.crlf || !set.has(b'\n') {
            self.one_byte(set, text);
        } else if set.minus(Bytes::one(b'\r')) == line_feed {
            text.push_str(r"\r?\n");
        } else {
            text.push_str(r"(?:\r?\n|");
            self.one_byte(set.minus(line_feed), text);
            text.push(')');
        }
    }

    fn one_byte(&self, mut set: Bytes, text: &mut String) {
        // Part of a line end; a lone one is matched separately.
        if self.crlf && !set.has(b'\n') && set.single().is_none() {
            set = set.minus(Bytes::one(b'\r'));
        }
        let dot = if self.crlf {
            Bytes::of(b"\r\n").not()
        } else {
            Bytes::dot()
        };
        let letters = set.and(Bytes::letters());
        let is_one_letter = self.any_case && set == letters && letters.len() == 2;
        if let Some(byte) = set.single() {
            literal(byte, text);
        } else if is_one_letter && set.any_case() == set {
            set.iter().skip(1).for_each(|byte| literal(byte, text));
        } else if set == Bytes::ALL {
            text.push_str("(?s:.)");
        } else if set == dot {
            text.push('.');
        } else if let Some(name) = name(set) {
            text.push_str(name);
        } else if set.len() > 128 {
            self.class("[^", set.not(), text);
        } else {
            self.class("[", set, text);
        }
    }

    fn class(&self, open: &str, mut set: Bytes, text: &mut String) {
        text.push_str(open);
        for (class, name) in [
            (Bytes::word(), r"\w"),
            (Bytes::digits(), r"\d"),
            (Bytes::spaces(), r"\s"),
        ] {
            if set.includes(class) {
                text.push_str(name);
                set = set.minus(class);
            }
        }
        if self.any_case {
            set = set.minus(Bytes::range(b'A', b'Z'));
        }
        for (first, last) in set.ranges() {
            member(first, text);
            if last - first > 1 {
                text.push('-');
            }
            if last > first {
                member(last, text);
            }
        }
        text.push(']');
    }
}

fn name(set: Bytes) -> Option<&'static str> {
    [
        (Bytes::digits(), r"\d"),
        (Bytes::spaces(), r"\s"),
        (Bytes::word(), r"\w"),
        (Bytes::digits().not(), r"\D"),
        (Bytes::spaces().not(), r"\S"),
        (Bytes::word().not(), r"\W"),
    ]
    .into_iter()
    .find_map(|(class, name)| (class == set).then_some(name))
}

fn repetition(times: Times, text: &mut String) {
    let _ = match (times.min, times.max) {
        (0, None) => write!(text, "*"),
        (1, None) => write!(text, "+"),
        (0, Some(1)) => write!(text, "?"),
        (min, None) => write!(text, "{{{min},}}"),
        (min, Some(max)) if min == max => write!(text, "{{{min}}}"),
        (min, Some(max)) => write!(text, "{{{min},{max}}}"),
    };
    if times.lazy && times.max != Some(times.min) {
        text.push('?');
    }
}

fn literal(byte: u8, text: &mut String) {
    // These need no escape outside a class.
    let is_plain = matches!(byte, b'#' | b'&' | b'~' | b'-');
    if is_plain || !regex_syntax::is_meta_character(char::from(byte)) {
        character(byte, text);
    } else {
        text.push('\\');
        text.push(char::from(byte));
    }
}

fn member(byte: u8, text: &mut String) {
    if matches!(byte, b'\\' | b'[' | b']' | b'^' | b'-' | b'&' | b'~') {
        text.push('\\');
    }
    character(byte, text);
}

fn character(byte: u8, text: &mut String) {
    match byte {
        b'\n' => text.push_str(r"\n"),
        b'\r' => text.push_str(r"\r"),
        b'\t' => text.push_str(r"\t"),
        b' '..=b'~' => text.push(char::from(byte)),
        byte => {
            let _ = write!(text, r"\x{byte:02x}");
        }
    }
}
