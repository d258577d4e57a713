//! Values with parameters: `type/subtype; attribute=value`, or `attachment; filename=…` (RFC 2045 section 5.1, RFC
//! 2183, RFC 2231).
//!
//! In: a raw value; out: its first words, and its parameters by name. It never fails, and accepts what clients accept:
//! missing semicolons, comments, unterminated quotes, file names with spaces.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::message::transfer_encoding::{after_comments, hex};
use crate::message::{charset, encoded_word};

/// A media type or a disposition, and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    main: String,
    subtype: Option<String>,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parameter {
    /// Lower case, with the asterisks and section numbers of RFC 2231.
    name: String,
    /// Without quotes.
    value: Vec<u8>,
}

impl Parameters {
    /// Parses a value; `None` if it is empty.
    pub fn parse(raw: &[u8]) -> Option<Self> {
        let rest = after_comments(raw, is_space);
        if rest.is_empty() {
            return None;
        }
        let mut parsed = Self::default();
        let (main, after) = token(rest.strip_prefix(b"\"").unwrap_or(rest));
        let mut rest = after_comments(after, is_space);
        // A value without a type may begin with a parameter.
        if rest.first() == Some(&b'=') {
            rest = raw;
        } else {
            parsed.main = lower(main);
            if let Some(after) = rest.strip_prefix(b"/") {
                let (subtype, after) = token(after_comments(after, is_space));
                parsed.subtype = (!subtype.is_empty()).then(|| lower(subtype));
                rest = after;
            }
        }
        while let Some((parameter, after)) = next(rest) {
            parsed.parameters.extend(parameter);
            rest = after;
        }
        Some(parsed)
    }

    /// The first word, lower case; empty if there is none.
    pub fn main(&self) -> &str {
        &self.main
    }

    /// The word after its slash, lower case.
    pub fn subtype(&self) -> Option<&str> {
        self.subtype.as_deref()
    }

    /// The type, with its subtype if there is one.
    pub fn full(&self) -> Option<String> {
        match &self.subtype {
            _ if self.main.is_empty() => None,
            Some(subtype) => Some([&*self.main, "/", subtype].concat()),
            None => Some(self.main.clone()),
        }
    }

    /// The raw values of all parameters with this name.
    pub fn raw<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p [u8]> + 'p {
        let named = self.parameters.iter().filter(move |one| one.name == name);
        named.map(|one| &*one.value)
    }

    /// A parameter's text: by RFC 2231 if it is in that form, else with encoded words decoded.
    pub fn text(&self, name: &str) -> Option<String> {
        // Most values have none with this name, in whatever form.
        let mut all = self.parameters.iter();
        if !all.any(|one| one.name.starts_with(name)) {
            return None;
        }
        self.extended(name)
            .or_else(|| self.continued(name))
            .or_else(|| self.raw(name).next().map(encoded_word::text))
    }

    /// `name*=charset'language'text`, RFC 2231 section 4.
    fn extended(&self, name: &str) -> Option<String> {
        let mut named = self.parameters.iter();
        let found = named.find(|one| one.name.strip_suffix('*') == Some(name))?;
        let (charset, octets) = parts_of_extended(&found.value);
        Some(charset::decode(charset, &octets).into_owned())
    }

    /// `name*0=…; name*1*=…`, RFC 2231 section 3.
    fn continued(&self, name: &str) -> Option<String> {
        let mut pieces = BTreeMap::new();
        for one in &self.parameters {
            let number = one.name.strip_prefix(name);
            let Some(number) = number.and_then(|rest| rest.strip_prefix('*')) else {
                continue;
            };
            let is_extended = number.ends_with('*');
            if let Ok(number) = number.trim_end_matches('*').parse::<u32>() {
                pieces.entry(number).or_insert((is_extended, &*one.value));
            }
        }
        let (mut charset, mut octets) = (None, Vec::new());
        let mut is_first = true;
        for (is_extended, piece) in pieces.into_values() {
            match is_extended {
                true if is_first => {
                    let (named, decoded) = parts_of_extended(piece);
                    charset = named;
                    octets.extend_from_slice(&decoded);
                }
                true => octets.extend_from_slice(&percent_decoded(piece)),
                false => octets.extend_from_slice(piece),
            }
            is_first = false;
        }
        match (is_first, charset) {
            (true, _) => None,
            (false, None) => Some(encoded_word::text(&octets)),
            (false, charset) => Some(charset::decode(charset, &octets).into_owned()),
        }
    }
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

fn lower(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).to_ascii_lowercase()
}

/// A token, and the text after it.
fn token(value: &[u8]) -> (&[u8], &[u8]) {
    let ends = |byte: &u8| is_space(*byte) || b"/;=(,\"".contains(byte);
    let end = value.iter().position(ends).unwrap_or(value.len());
    value.split_at(end)
}

/// The next parameter, if there is one, and the text after it.
fn next(rest: &[u8]) -> Option<(Option<Parameter>, &[u8])> {
    let rest = after_comments(rest, |byte| is_space(byte) || matches!(byte, b';' | b','));
    let (name, after) = token(rest);
    let after_name = after_comments(after, is_space);
    let Some(rest) = after_name.strip_prefix(b"=") else {
        // A word that is not a parameter: at least one octet is skipped.
        let after = match name {
            [] => rest.get(1..)?,
            _ => after,
        };
        return Some((None, after));
    };
    let name = lower(name);
    let rest = rest.trim_ascii_start();
    let (value, after) = match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted_string(quoted),
        None => {
            let (value, after) = unquoted(rest, name.contains("name"));
            (value.to_vec(), after)
        }
    };
    Some((Some(Parameter { name, value }), after))
}

/// RFC 5322 section 3.2.4; an unterminated quoted string extends to the end.
fn quoted_string(rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        at += 1;
        match byte {
            b'"' => break,
            b'\\' => {
                value.extend(rest.get(at));
                at += 1;
            }
            b'\r' | b'\n' => {}
            _ => value.push(byte),
        }
    }
    (value, rest.get(at..).unwrap_or_default())
}

/// An unquoted value ends at a semicolon or white space. A file name may contain spaces: it extends to the next
/// parameter.
fn unquoted(rest: &[u8], is_name: bool) -> (&[u8], &[u8]) {
    let word = |from: usize| {
        let ends = |byte: &u8| is_space(*byte) || *byte == b';';
        let end = rest[from..].iter().position(ends);
        end.map_or(rest.len(), |end| from + end)
    };
    // Where the next word of a file name ends, if there is one.
    let longer = |end: usize| {
        let blanks = rest[end..].iter().take_while(|byte| is_space(**byte));
        let start = end + blanks.count();
        let next = word(start);
        let words = &rest[start..next];
        // "=?" begins an encoded word.
        let begins_parameter = words.contains(&b'=') && !words.starts_with(b"=?");
        (start > end && !words.is_empty() && !begins_parameter).then_some(next)
    };
    let mut end = word(0);
    while let Some(next) = longer(end).filter(|_| is_name) {
        end = next;
    }
    rest.split_at(end)
}

/// The charset and the octets of an extended value. Without both apostrophes, all of it is text.
fn parts_of_extended(value: &[u8]) -> (Option<&str>, Cow<'_, [u8]>) {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (
            str::from_utf8(charset)
                .ok()
                .filter(|label| !label.is_empty()),
            percent_decoded(text),
        ),
        _ => (None, percent_decoded(value)),
    }
}

fn percent_decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (byte, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            octets.push(high << 4 | low);
            rest = after;
        } else {
            octets.push(byte);
        }
    }
    Cow::Owned(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_clients_do() {
        let table = [
            ("text/html; charset=utf-8", Some("text/html"), Some("utf-8")),
            (
                " Text/HTML charset=\"utf-8\"",
                Some("text/html"),
                Some("utf-8"),
            ),
            (
                "text / html (x) ;; charset = utf-8 ;",
                Some("text/html"),
                Some("utf-8"),
            ),
            (
                "(a;b)text/(c)html;(d)charset(e)=utf-8",
                Some("text/html"),
                Some("utf-8"),
            ),
            ("text/html, charset=utf-8", Some("text/html"), Some("utf-8")),
            (
                "text/html; junk; CHARSET=utf-8 x",
                Some("text/html"),
                Some("utf-8"),
            ),
            (
                "text/html; charset*=us-ascii'en'utf-8",
                Some("text/html"),
                Some("utf-8"),
            ),
            (
                "text/html; a=\"; charset=no\"; charset=utf-8",
                Some("text/html"),
                Some("utf-8"),
            ),
            ("charset=utf-8", None, Some("utf-8")),
            ("\"text/html\"", Some("text/html"), None),
            ("text", Some("text"), None),
            ("text/", Some("text"), None),
        ];
        for (raw, full, charset) in table {
            let read = Parameters::parse(raw.as_bytes()).expect("parameters");
            assert_eq!(read.full().as_deref(), full, "{raw}");
            assert_eq!(read.text("charset").as_deref(), charset, "{raw}");
        }
        assert_eq!(Parameters::parse(b" \r\n "), None);
    }

    #[test]
    fn names_of_files_are_decoded() {
        let table = [
            ("filename=a.exe", "a.exe"),
            ("filename=my new invoice.exe", "my new invoice.exe"),
            ("filename=my new.exe size=3", "my new.exe"),
            ("filename=\"a \\\"b\\\".exe", "a \"b\".exe"),
            ("filename=\"in\r\n voice.exe\"", "in voice.exe"),
            ("filename=a.pdf; filename*=utf-8''b%2eexe", "b.exe"),
            ("filename=a.pdf; filename*0=b.; filename*1=exe", "b.exe"),
            ("filename*1*=%A4.exe; filename*0*=utf-8'en'%C3", "ä.exe"),
            ("filename*10=e; filename*9=x; filename*0=a.e", "a.exe"),
            ("filename*=b.exe", "b.exe"),
            (
                "filename*0=\"=?utf-8?q?=C3?=\"; filename*1=\"=?utf-8?q?=A4.exe?=\"",
                "ä.exe",
            ),
            ("filename==?utf-8?B?YS5leGU=?=", "a.exe"),
            ("filename=\"=?utf-8?B?YS5l?= =?utf-8?B?eGU=?=\"", "a.exe"),
            ("filename=\"gr\u{f6}\u{df}e.exe\"", "größe.exe"),
        ];
        for (raw, expected) in table {
            let raw = format!("attachment; {raw}");
            let read = Parameters::parse(raw.as_bytes()).expect("parameters");
            assert_eq!(read.main(), "attachment");
            assert_eq!(read.text("filename").as_deref(), Some(expected), "{raw}");
        }
    }

    #[test]
    fn a_long_value_is_read_to_its_end() {
        let raw = format!("multipart/mixed; x=\"{}\"; boundary=b", "y;".repeat(50_000));
        let read = Parameters::parse(raw.as_bytes()).expect("parameters");
        assert_eq!(read.raw("boundary").next(), Some(&b"b"[..]));
    }
}
