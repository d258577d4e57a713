//! Custom properties: values that declarations reference with `var()` (CSS Custom Properties 1).
//!
//! In: style sheets and style attributes; out: the same with values in place of `var()`. A property has one value for
//! the whole page: the root element's, or else the last one set. Only CSS with such names costs anything.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use cssparser::{ParseError, Parser, Token};
use memchr::memmem;

/// Limits on the properties of a page, and on a value in bytes.
const PROPERTIES: usize = 500;
const VALUE: usize = 1 << 10;

/// Limit on nested `var()` and nested blocks.
const DEPTH: usize = 4;

/// Limit on the bytes that substituted values may add to a text.
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

/// Every style attribute is searched for these.
static DASHES: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"--"));

/// Whether a text may reference a custom property.
pub(crate) fn uses_any(css: &str) -> bool {
    names_any(css) && find_var(css).is_some()
}

/// Whether a text contains the name of a custom property: `.a--b`, `<!--` and `-->` do not count.
fn names_any(css: &str) -> bool {
    let bytes = css.as_bytes();
    let mut found = DASHES.find_iter(bytes);
    found.any(|at| {
        let before = at.checked_sub(1).map_or(b' ', |before| bytes[before]);
        let after = bytes.get(at + 2).copied().unwrap_or(b'>');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        !is_name(before) && !matches!(before, b'-' | b'!') && (is_name(after) || after == b'\\')
    })
}

impl CustomProperties {
    /// Collects the properties that a sheet or an attribute sets. Returns whether any is new.
    pub(crate) fn collect(&mut self, css: &str, applies: fn(&str) -> bool) -> bool {
        if !names_any(css) {
            return false;
        }
        self.block(&mut Parser::new(css), "", applies, 0)
    }

    /// The text with values substituted for `var()`.
    pub(crate) fn substituted<'c>(&self, css: &'c str) -> Cow<'c, str> {
        if !uses_any(css) {
            return Cow::Borrowed(css);
        }
        let mut text = String::with_capacity(css.len());
        let limit = css.len() + GROWTH;
        self.substitute(css, 0, limit, &mut text);
        Cow::Owned(text)
    }

    /// Parses declarations, and rules with their blocks; `around` is the selector of the block.
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

/// The text before the closing parenthesis, and the text after it.
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

/// A value, up to the next declaration.
fn value<'i>(input: &mut Parser<'i>) -> &'i str {
    let start = input.position();
    while input.next().is_ok_and(|token| *token != Token::Semicolon) {}
    input.slice_from(start).trim().trim_end_matches(';').trim()
}

/// Whether a selector matches the root element, from which all others inherit; a style attribute has no selector.
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
    fn values_are_substituted_for_var() {
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
    fn growth_by_substitution_is_limited() {
        let a = format!("--a:{}", "var(--b)".repeat(100));
        let b = format!("--b:{}", "var(--c)".repeat(100));
        let c = format!("--c:{}", "x".repeat(1000));
        let text = read(&[&a, &b, &c], &"var(--a)".repeat(100));
        assert!(text.len() <= 800 + GROWTH, "{}", text.len());
    }
}
