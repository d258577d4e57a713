//! Reads Rust source as far as the rooms test needs.
//!
//! In: the text of a file; out: its code without comments and literals, its code without tests, its
//! `use` declarations, its paths, the names it defines, its functions. The source must be formatted by
//! rustfmt; macros are not expanded.

use std::collections::BTreeSet;

/// Keywords that precede a defined name.
const DEFINING: [&str; 8] = [
    "fn", "struct", "enum", "trait", "type", "const", "static", "union",
];

/// One name imported by `use`.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// Where it comes from, as written: `super::a::B` in three pieces; the last may be `*`.
    pub(crate) path: Vec<String>,
    /// Its local name.
    pub(crate) name: String,
    /// Whether it is re-exported: `pub use`, `pub(crate) use`.
    pub(crate) passed_on: bool,
}

pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) lines: usize,
}

/// The code with comments and the contents of literals blanked; line breaks stay.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let literal = match rest {
            [b'/', b'/', ..] => find(rest, b"\n").unwrap_or(rest.len()),
            [b'/', b'*', ..] => comment(rest),
            [b'"', ..] => quoted(rest, b'"'),
            [b'r', b'"' | b'#', ..] if !in_a_word(bytes, at) => raw(rest),
            [b'b', b'r', b'"' | b'#', ..] if !in_a_word(bytes, at) => 1 + raw(&rest[1..]),
            [b'\'', b'\\', ..] => quoted(rest, b'\''),
            // `'a'` is a character, `'a` a lifetime; a character may be four bytes long.
            [b'\'', ..] => match find(&rest[1..], b"'") {
                Some(end) if text[at + 1..at + 1 + end].chars().count() == 1 => end + 2,
                _ => 0,
            },
            _ => 0,
        };
        for byte in &mut out[at..at + literal] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at += literal.max(1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|it| it == what)
}

fn in_a_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at.min(text.len())
}

fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

fn raw(text: &[u8]) -> usize {
    let marks = text[1..].iter().take_while(|it| **it == b'#').count();
    if text.get(1 + marks) != Some(&b'"') {
        return 0; // `r#type` is a name
    }
    let end = [b"\"".as_slice(), &vec![b'#'; marks]].concat();
    let begin = 2 + marks;
    find(&text[begin..], &end).map_or(text.len(), |at| begin + at + end.len())
}

/// The code without items under `#[cfg(test)]`, and the names of the modules that were among them.
pub(crate) fn without_tests(code: &str) -> (String, BTreeSet<String>) {
    let mut kept = code.to_owned();
    let mut modules = BTreeSet::new();
    while let Some(begin) = kept.find("#[cfg(test)]") {
        let end = begin + item(&kept[begin..]);
        let cut = &kept[begin..end];
        if let Some(name) = cut.strip_suffix(';').and_then(|it| it.split_once("mod ")) {
            modules.insert(name.1.trim().to_owned());
        }
        let blank: String = cut.chars().filter(|c| *c == '\n').collect();
        kept.replace_range(begin..end, &blank);
    }
    (kept, modules)
}

/// The length of an item with the attributes before it.
fn item(text: &str) -> usize {
    let mut at = 0;
    while text[at..].trim_start().starts_with('#') {
        at += matching(&text[at..], '[', ']');
    }
    let word: String = text[at..]
        .trim_start()
        .chars()
        .take_while(char::is_ascii_lowercase)
        .collect();
    let declares = DEFINING.contains(&word.as_str())
        || ["pub", "mod", "use", "impl", "async", "macro_rules"].contains(&word.as_str());
    let mut depth = 0;
    for (offset, c) in text[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return at + matching(&text[at..], '{', '}'),
            ';' if depth == 0 => return at + offset + 1,
            // A field or a variant.
            ',' if depth == 0 && !declares => return at + offset + 1,
            _ => {}
        }
    }
    text.len()
}

/// The offset after the bracket that closes the first one.
fn matching(text: &str, open: char, close: char) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close && depth > 0 {
            depth -= 1;
            if depth == 0 {
                return at + c.len_utf8();
            }
        }
    }
    text.len()
}

/// Identifiers and punctuation; `::` is one token.
pub(crate) fn tokens(code: &str) -> Vec<&str> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let long = bytes[at..].iter().take_while(|it| is_word(**it)).count();
        let long = match long {
            0 if bytes[at..].starts_with(b"::") => 2,
            0 => code[at..].chars().next().map_or(1, char::len_utf8),
            long => long,
        };
        if !bytes[at].is_ascii_whitespace() {
            found.push(&code[at..at + long]);
        }
        at += long;
    }
    found
}

/// The imports, and the tokens of the remaining code.
pub(crate) fn imports<'a>(tokens: &[&'a str]) -> (Vec<Import>, Vec<&'a str>) {
    let mut found = Vec::new();
    let mut rest = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `+ use<'a>` captures lifetimes.
        if tokens[at] != "use" || tokens.get(at + 1) == Some(&"<") {
            rest.push(tokens[at]);
            at += 1;
            continue;
        }
        let passed_on = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
        let end = at + tokens[at..].iter().position(|it| *it == ";").unwrap_or(0);
        let begin = at + 1 + usize::from(tokens[at + 1] == "::");
        tree(&tokens[begin..end], &[], passed_on, &mut found);
        at = end + 1;
    }
    (found, rest)
}

fn tree(tokens: &[&str], before: &[String], passed_on: bool, found: &mut Vec<Import>) {
    let mut path = before.to_vec();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at] {
            "::" => {}
            "{" => {
                for branch in branches(&tokens[at + 1..tokens.len() - 1]) {
                    tree(branch, &path, passed_on, found);
                }
                return;
            }
            "as" => break,
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        at += 1;
    }
    if let Some(name) = tokens
        .get(at + 1)
        .copied()
        .or(path.last().map(String::as_str))
    {
        let name = name.to_owned();
        found.push(Import {
            path,
            name,
            passed_on,
        });
    }
}

/// The parts separated by commas outside braces.
fn branches<'a, 'b>(tokens: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += i32::from(*token == "{") - i32::from(*token == "}");
        *token == "," && depth == 0
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// Every path of two or more names.
pub(crate) fn paths(tokens: &[&str]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut path = vec![tokens[at].to_owned()];
        while tokens.get(at + 1) == Some(&"::")
            && is_word(tokens[at].as_bytes()[0])
            && tokens
                .get(at + 2)
                .is_some_and(|it| is_word(it.as_bytes()[0]))
        {
            at += 2;
            path.push(tokens[at].to_owned());
        }
        if path.len() > 1 {
            found.push(path);
        }
        at += 1;
    }
    found
}

/// The names defined by the module itself, outside any braces.
pub(crate) fn defined(tokens: &[&str]) -> BTreeSet<String> {
    let mut depth = 0;
    let mut found = BTreeSet::new();
    for pair in tokens.windows(2) {
        depth += i32::from(pair[0] == "{") - i32::from(pair[0] == "}");
        if depth == 0 && DEFINING.contains(&pair[0]) {
            found.insert(pair[1].to_owned());
        }
    }
    found
}

/// Every function that has a body.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let rest = &code[at + 3..];
        let name: String = rest.chars().take_while(|c| is_word(*c as u8)).collect();
        if name.is_empty() || in_a_word(code.as_bytes(), at) {
            continue;
        }
        let Some(body) = body(rest) else { continue };
        let body = &rest[..body + matching(&rest[body..], '{', '}')];
        let lines = body.lines().count();
        found.push(Function { name, lines });
    }
    found
}

/// Where the body begins; `None` for a declaration.
fn body(function: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in function.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}
