//! Converts a regex of a rule file to one that popgate runs.

use super::bytes::Bytes;
use super::emit_regex;
use super::lookaround;
use super::lookaround::split::{SplitRegex, split};
use super::perl::{self, Flags};
use super::report::{Group, Reason};
use super::tree::{Anchor, Node};
use crate::filter::RuleError;
use crate::filter::pattern::Pattern;

/// Whether all matches of a regex begin at the start of the text.
pub(super) fn is_at_start(text: &str) -> bool {
    delimited(text).is_ok_and(|(regex, flags)| {
        tree(regex, flags, Texts::default()).is_ok_and(|node| begins_at_start(&node))
    })
}

fn begins_at_start(node: &Node) -> bool {
    match node {
        Node::Anchor(anchor) => *anchor == Anchor::Start,
        Node::Concat(parts) => begins_at_start(&parts[0]),
        Node::Alt(parts) => parts.iter().all(begins_at_start),
        _ => false,
    }
}

/// A converted regex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Regex {
    One(String),
    /// Several regexes on the same text: all of the first and none of the second must match.
    Several(Vec<String>, Vec<String>),
}

/// Properties of the texts that the regex runs on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts {
    /// Lines end with CRLF, and the text may, too.
    pub(super) is_raw: bool,
    /// A message has at most one such text.
    pub(super) is_one: bool,
}

/// Converts the text between the delimiters.
pub(super) fn convert(regex: &str, flags: &str, texts: Texts) -> Result<Regex, Reason> {
    let node = tree(regex, flags, texts)?;
    let refused = match lookaround::without_look_around(&node) {
        Ok(node) => match shown(&node, texts) {
            Ok(regex) => return Ok(Regex::One(regex)),
            // Separate regexes are smaller than a combined one.
            Err(reason) => reason,
        },
        Err(error) => error.into(),
    };
    let Some(SplitRegex { all, none }) = texts.is_one.then(|| split(&node)).flatten() else {
        return Err(refused);
    };
    let shown = |nodes: Vec<Node>| -> Result<Vec<String>, Reason> {
        nodes.iter().map(|node| shown(node, texts)).collect()
    };
    Ok(Regex::Several(shown(all)?, shown(none)?))
}

fn tree(regex: &str, letters: &str, texts: Texts) -> Result<Node, Reason> {
    let mut flags = Flags {
        line_ends: texts.is_raw,
        ..Flags::default()
    };
    for letter in letters.bytes() {
        flags.switch(letter, true)?;
    }
    // Each character stands for a byte here.
    let bytes: Vec<u8> = regex
        .chars()
        .map(|letter| u8::try_from(u32::from(letter)).unwrap_or(b'?'))
        .collect();
    let node = perl::parse(&bytes, flags)?;
    Ok(if texts.is_raw {
        with_stray_returns(&node)
    } else {
        node
    })
}

/// If lines end with CRLF, a carriage return in a regex means one that does not belong to a line end.
fn with_stray_returns(node: &Node) -> Node {
    match node {
        Node::Set(set) if *set == Bytes::one(b'\r') => {
            Node::concat([node.clone(), Node::byte(b'\n').look(true, true)])
        }
        Node::Concat(parts) => Node::concat(parts.iter().map(with_stray_returns)),
        Node::Alt(parts) => Node::alt(parts.iter().map(with_stray_returns)),
        Node::Repeat(sub, times) => with_stray_returns(sub).repeat(*times),
        Node::Look(look, sub) => with_stray_returns(sub).look(look.ahead, look.negative),
        node => node.clone(),
    }
}

fn shown(node: &Node, texts: Texts) -> Result<String, Reason> {
    let regex = emit_regex::regex(node, texts.is_raw);
    match Pattern::new(&regex) {
        Ok(_) => Ok(regex),
        Err(RuleError::RegexTooBig) => Err(Reason::new(Group::TooBig, "")),
        Err(error) => Err(Reason::new(Group::Regex, error.to_string())),
    }
}

/// The regex between its delimiters, and its flags.
pub(super) fn delimited(text: &str) -> Result<(&str, &str), Reason> {
    let wrong = || Reason::new(Group::Regex, "no delimiters");
    let inside = match text.strip_prefix('/') {
        Some(_) => text,
        None => text
            .strip_prefix('m')
            .or_else(|| text.strip_prefix("qr"))
            .ok_or_else(wrong)?,
    };
    let open = inside.chars().next().ok_or_else(wrong)?;
    if open.is_ascii_alphanumeric() || open == '\\' {
        return Err(wrong());
    }
    let close = match open {
        '{' => '}',
        '(' => ')',
        '<' => '>',
        '[' => ']',
        same => same,
    };
    let inside = &inside[open.len_utf8()..];
    let (regex, flags) = inside.rsplit_once(close).ok_or_else(wrong)?;
    if !flags.bytes().all(|flag| flag.is_ascii_lowercase()) {
        return Err(wrong());
    }
    Ok((regex, flags))
}

/// Whether the regex matches a text.
pub(super) fn is_match(regex: &Regex, text: &str) -> bool {
    let matches = |regex: &String| {
        Pattern::new(regex).is_ok_and(|pattern| {
            pattern
                .regex()
                .is_some_and(|regex| regex.is_match(text.as_bytes()))
        })
    };
    match regex {
        Regex::One(regex) => matches(regex),
        Regex::Several(all, none) => all.iter().all(matches) && !none.iter().any(matches),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found() {
        for (text, parts) in [
            ("/a\\/b/i", ("a\\/b", "i")),
            ("m{a{2}}x", ("a{2}", "x")),
            ("m'a'", ("a", "")),
            ("qr!a!sm", ("a", "sm")),
            ("m,a,", ("a", "")),
            ("m<a>i", ("a", "i")),
        ] {
            assert_eq!(delimited(text), Ok(parts), "{text}");
        }
        for wrong in ["a", "/a", "m", "/a/I", "mxax"] {
            assert!(delimited(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn line_anchors_in_raw_text_accept_crlf() {
        let raw = Texts {
            is_raw: true,
            is_one: false,
        };
        let one = |regex, flags, texts| match convert(regex, flags, texts) {
            Ok(Regex::One(regex)) => regex,
            other => format!("{other:?}"),
        };
        assert_eq!(one(r"a$\n^b", "m", raw), r"(?mR-u)a$\r?\n^b");
        assert_eq!(one("a$", "", raw), r"(?R-u)a(?:\r?\n)?$");
        assert_eq!(one("a$", "", Texts::default()), "(?-u)a$");
        assert_eq!(one(r"a\sb", "", raw), r"(?R-u)a(?:\r?\n|[\t\x0b\x0c ])b");
        assert_eq!(
            one(r"a\s{2}[^b]*", "", raw),
            r"(?R-u)a(?:(?:\r?\n|[\t\x0b\x0c ])){2}[^b]*"
        );
    }

    #[test]
    fn oversized_regexes_become_conditions() {
        let regex = "^(?!.*[ab].{12}c)(?=.*[de].{12}f)x.*y";
        let one = Texts {
            is_raw: false,
            is_one: true,
        };
        let converted = convert(regex, "", one).expect("conditions");
        assert!(
            matches!(&converted, Regex::Several(all, none) if all.len() == 2 && none.len() == 1)
        );
        assert!(is_match(&converted, "xd123456789012fy"));
        assert!(!is_match(&converted, "xd123456789012fya123456789012c"));
        let refused = convert(regex, "", Texts::default());
        assert_eq!(refused, Err(Reason::new(Group::LookAround, "")));
    }
}
