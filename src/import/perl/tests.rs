//! Tests of Perl regexes and their conversion.

use super::*;
use crate::import::emit_regex;

fn shown(regex: &str, flags: &str) -> String {
    let mut set = Flags::default();
    for letter in flags.bytes() {
        set.switch(letter, true).expect("a flag");
    }
    match parse(regex.as_bytes(), set) {
        Ok(node) => emit_regex::regex(&node, false),
        Err(reason) => reason.to_string(),
    }
}

fn matches(regex: &str, flags: &str, text: &[u8]) -> bool {
    let shown = shown(regex, flags);
    let pattern = crate::filter::pattern::Pattern::new(&shown);
    pattern
        .expect("a pattern")
        .regex()
        .expect("a regex")
        .is_match(text)
}

#[test]
fn common_syntax_is_unchanged() {
    assert_eq!(
        shown(r"^win \d{2,} (?:now|today)!$", "i"),
        r"(?i-u)^win \d{2,} (?:now|today)!$"
    );
    assert_eq!(shown("a.{0,3}?b+", ""), "(?-u)a.{0,3}?b+");
    assert_eq!(shown(r"\bx\B", ""), r"(?-u)\bx\B");
    assert_eq!(shown(r"^a$", "m"), r"(?m-u)^a$");
    assert_eq!(shown(r"\Aa\z|\Z", ""), r"(?-u)^a$|$");
}

#[test]
fn nested_repetition_is_not_read_as_lazy() {
    assert_eq!(shown("(?:a{2})?b", ""), "(?-u)(a{2})?b");
    assert!(matches("^(?:a{2})?b", "", b"b"));
}

#[test]
fn perl_only_escapes() {
    assert_eq!(shown(r"\@\#\/\!\%\&\<\:\'", ""), r"(?-u)@#/!%&<:'");
    assert_eq!(shown(r"a{b}{,x{1", ""), r"(?-u)a\{b\}\{,x\{1");
    assert_eq!(
        shown(r"\x41\x{42}\0103\o{104}\e\cA", ""),
        r"(?-u)AB\x083D\x1b\x01"
    );
    assert_eq!(
        shown(r"\h+\N\R\K", ""),
        r"(?-u)[\t \xa0]+.(?:\r\n|[\n-\r\x85])"
    );
    assert_eq!(shown(r"\x{2019}", ""), r"(?-u)[^\x00-\xff]");
    assert!(matches(r"é", "", "é".as_bytes()));
    assert!(matches(r"\xe9", "i", b"\xe9"));
    assert!(!matches(r"\xe9", "i", b"\xc9"));
}

#[test]
fn classes() {
    assert_eq!(shown(r"[]a-c^-]", ""), r"(?-u)[\-\]\^a-c]");
    assert_eq!(
        shown(r"[^\s\w[:punct:]]", ""),
        r"(?-u)[^\w\s!-/:-@\[-\^`{-\~]"
    );
    assert_eq!(shown(r"[a-\d\b\]&~[]", ""), r"(?-u)[\d\x08\&\-\[\]a\~]");
    assert_eq!(shown("[b-d]", "i"), "(?i-u)[b-d]");
    assert_eq!(shown(r"[\x{430}x]", ""), "(?-u)x");
    assert_eq!(shown("[[:^digit:]]", ""), r"(?-u)\D");
}

#[test]
fn flags_apply_to_the_end_of_their_group() {
    assert_eq!(shown("a(?i)b(?-i)c", ""), "(?-u)a[Bb]c");
    assert_eq!(shown("(?:(?i)a|b)c", ""), "(?-u)[ABab]c");
    assert_eq!(shown("(?i:a)(?s:.)(?^:B)", "i"), "(?-u)[Aa](?s:.)B");
    assert_eq!(shown("a b # c\n d\\ [ ]", "x"), "(?-u)abd  ");
    assert_eq!(shown("a(?#b)c", ""), "(?-u)ac");
    assert_eq!(shown("(?<n>a)(?'m'b)(?P<o>c)", ""), "(?-u)abc");
}

#[test]
fn possessive_and_atomic_groups() {
    assert_eq!(shown("a++", ""), shown("a+(?!a)", ""));
    assert!(matches("(?>ab|cd)e", "", b"cde"));
    assert_eq!(shown("(?>a*b?)c", ""), "atomic group");
    assert_eq!(shown("(?:a|ab)++c", ""), "atomic group");
}

#[test]
fn unsupported_syntax_is_reported() {
    for (regex, reason) in [
        (r"(a)\1", "back-reference"),
        (r"(?<a>b)\k<a>", "back-reference"),
        (r"(a)?(?(1)b|c)", "condition"),
        (r"a(?R)", "recursion"),
        (r"\p{Lu}", "Unicode property"),
        (r"(?{ 1 })", "code"),
        (r"(a", "unclosed group"),
        (r"a)", "unopened group"),
        (r"[a", "unclosed class"),
        (r"*a", "nothing to repeat"),
        (r"(*FAIL)", "backtracking verb"),
    ] {
        assert_eq!(shown(regex, ""), reason, "{regex}");
    }
}
