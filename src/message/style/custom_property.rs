//! Custom properties: values that declarations use by `var()` (CSS Custom Properties 1).
//!
//! In: sheets and style attributes; out: the same with values in place of `var()`. A property is the same for the whole
//! page here: what the root says, or else what is said last. Only CSS with such names costs anything.

use std::borrow::Cow;
use std::collections::HashMap;

use cssparser::{ParseError, Parser, Token};
use memchr::memmem;

/// Limits of the properties of a page, and of a value in bytes.
const PROPERTIES: usize = 500;
const VALUE: usize = 1 << 10;

/// Values within values, and blocks within blocks.
const DEPTH: usize = 4;

/// By how many bytes values may make a text longer.
const GROWTH: usize = 64 << 10;

/// The custom properties of a page.
#[derive(Debug, Default)]
pub(crate) struct CustomProperties {
    values: HashMap<String, Value>,
}

#[derive(Debug, PartialEq, Eq)]
struct Value {
    text: String,
    is_of_root: bool,
}

/// Whether a text may use a custom property.
pub(crate) fn uses_any(css: &str) -> bool {
    names_any(css) && find_var(css).is_some()
}

/// Whether a text has the name of a custom property: `.a--b`, `<!--` and `-->` are none.
fn names_any(css: &str) -> bool {
    let bytes = css.as_bytes();
    let mut found = memmem::find_iter(bytes, b"--");
    found.any(|at| {
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let after = bytes.get(at + 2).copied().unwrap_or(b'>');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        !is_name(before) && !matches!(before, b'-' | b'!') && (is_name(after) || after == b'\\')
    })
}

impl CustomProperties {
    /// Takes what a sheet or an attribute sets. Returns whether anything is new.
    pub(crate) fn collect(&mut self, css: &str, applies: fn(&str) -> bool) -> bool {
        if !names_any(css) {
            return false;
        }
        self.block(&mut Parser::new(css), "", applies, 0)
    }

    /// The text with values in place of `var()`.
    pub(crate) fn substituted<'c>(&self, css: &'c str) -> Cow<'c, str> {
        if !uses_any(css) {
            return Cow::Borrowed(css);
        }
        let mut text = String::with_capacity(css.len());
        let limit = css.len() + GROWTH;
        self.substitute(css, 0, limit, &mut text);
        Cow::Owned(text)
    }

    /// Declarations, and rules with their blocks; `around` is what selects the elements of the block.
    fn block(
        &mut self,
        input: &mut Parser<'_>,
        around: &str,
        applies: fn(&str) -> bool,
        depth: usize,
    ) -> bool {
        let mut is_new = false;
        let mut from = input.position();
        while let Ok(token) = input.next() {
            match token {
                Token::Ident(name) if name.starts_with("--") => {
                    let name = name.to_string();
                    if input.try_parse(Parser::expect_colon).is_ok() {
                        let value = value(input);
                        is_new |= self.set(name, value, is_root(around));
                        from = input.position();
                    }
                }
                Token::Semicolon => from = input.position(),
                Token::CurlyBracketBlock => {
                    let prelude = input.slice_from(from).trim_end_matches('{').trim();
                    let media = prelude.strip_prefix("@media");
                    let is_at_rule = prelude.starts_with('@');
                    let inner = if is_at_rule { around } else { prelude };
                    if depth < DEPTH && media.is_none_or(applies) {
                        let _ = input.parse_nested_block(|input| {
                            is_new |= self.block(input, inner, applies, depth + 1);
                            Ok::<_, ParseError<()>>(())
                        });
                    }
                    from = input.position();
                }
                _ => {}
            }
        }
        is_new
    }

    fn set(&mut self, name: String, text: &str, is_of_root: bool) -> bool {
        let known = self.values.get(&name);
        let is_weaker = known.is_some_and(|known| known.is_of_root && !is_of_root);
        if is_weaker || text.len() > VALUE || known.is_none() && self.values.len() == PROPERTIES {
            return false;
        }
        let value = Value {
            text: text.to_owned(),
            is_of_root,
        };
        let is_new = known != Some(&value);
        self.values.insert(name, value);
        is_new
    }

    fn substitute(&self, css: &str, depth: usize, limit: usize, text: &mut String) {
        let mut rest = css;
        while let Some(at) = find_var(rest) {
            text.push_str(&rest[..at]);
            let (inner, after) = parenthesized(&rest[at + VAR.len()..]);
            let (name, fallback) = inner.split_once(',').unwrap_or((inner, ""));
            let name = name.rsplit("*/").next().unwrap_or(name).trim();
            let value = self.values.get(name).map_or(fallback, |value| &*value.text);
            if depth < DEPTH && text.len() + value.len() < limit {
                self.substitute(value.trim(), depth + 1, limit, text);
            }
            rest = after;
        }
        let room = limit.saturating_sub(text.len());
        text.push_str(crate::message::visible_text::cut(rest, room));
    }
}

const VAR: &str = "var(";

fn find_var(css: &str) -> Option<usize> {
    let bytes = css.as_bytes();
    let mut parentheses = memchr::memchr_iter(b'(', bytes);
    parentheses.find_map(|at| {
        let start = at.checked_sub(3)?;
        let is_var = bytes[start..at].eq_ignore_ascii_case(b"var");
        let before = start.checked_sub(1).map(|before| bytes[before]);
        let is_whole = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
        (is_var && is_whole).then_some(start)
    })
}

/// What precedes the closing parenthesis, and what follows it.
fn parenthesized(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 0 => return (&text[..at], &text[at + 1..]),
            b')' => depth -= 1,
            _ => {}
        }
    }
    (text, "")
}

/// The value up to the next declaration.
fn value<'i>(input: &mut Parser<'i>) -> &'i str {
    let start = input.position();
    while input.next().is_ok_and(|token| *token != Token::Semicolon) {}
    input.slice_from(start).trim().trim_end_matches(';').trim()
}

/// Whether a selector is for the element from which all inherit; a style attribute has none.
fn is_root(selector: &str) -> bool {
    let mut selectors = selector.split(',').map(str::trim);
    selectors.any(|one| [":root", "html", "body", "*"].contains(&&*one.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(css: &[&str], used: &str) -> String {
        let mut properties = CustomProperties::default();
        for css in css {
            properties.collect(css, |media| !media.contains("print"));
        }
        properties.substituted(used).into_owned()
    }

    #[test]
    fn values_stand_in_place_of_their_names() {
        for (css, used, expected) in [
            (":root{--a:none}", "display:var(--a)", "display:none"),
            (
                "p{color:red;--a : none ; }",
                "x{display:VAR( --a )}",
                "x{display:none}",
            ),
            (
                ":root{--a:none} p{--a:block}",
                "display:var(--a)",
                "display:none",
            ),
            (
                "p{--a:none} p{--a:block}",
                "display:var(--a)",
                "display:block",
            ),
            (
                "@media print{:root{--a:none}}",
                "display:var(--a, block)",
                "display:block",
            ),
            (
                "@media screen{:root{--a:none}}",
                "display:var(--a, block)",
                "display:none",
            ),
            (
                "--a:var(--b);--b:calc(1px*(0))",
                "width:var(--a);top:0",
                "width:calc(1px*(0));top:0",
            ),
            ("--a:var(--a)", "width:var(--a)", "width:"),
            ("", "width:var(--a, var(--b, 1px)) x", "width:1px x"),
            ("--a:1", "width:somevar(--a)", "width:somevar(--a)"),
            ("--a:1", "width:var(--a", "width:1"),
        ] {
            assert_eq!(read(&[css], used), expected, "{css} {used}");
        }
    }

    #[test]
    fn what_grows_is_limited() {
        let a = format!("--a:{}", "var(--b)".repeat(100));
        let b = format!("--b:{}", "var(--c)".repeat(100));
        let c = format!("--c:{}", "x".repeat(1000));
        let text = read(&[&a, &b, &c], &"var(--a)".repeat(100));
        assert!(text.len() <= 800 + GROWTH, "{}", text.len());
    }
}
