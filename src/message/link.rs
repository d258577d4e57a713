//! Links: what a click on a message, or displaying it, would fetch.
//!
//! In: an attribute's value or plain text; out: links without the characters that browsers ignore, and with the
//! rewriting of mail gateways undone. It never resolves or fetches anything.

mod protected;

use std::ops::Range;
use std::sync::LazyLock;

use memchr::{memchr_iter, memmem::Finder};

/// Limit on a link; the target is at its beginning.
const LINK_LIMIT: usize = 2048;

// Made once: a message may have thousands of short texts.
static AFTER_SCHEME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("://"));
static MAILTO: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("mailto:"));

/// The link in an attribute, unless it points into the message itself.
pub fn from_attribute(value: &str) -> Option<String> {
    // The URL standard (section 4.4) strips leading and trailing white space, and removes tabs and line ends inside.
    let value = value.trim_matches(|c: char| c <= ' ');
    let value = crate::message::visible_text::cut(value, LINK_LIMIT);
    let (scheme, _) = value.split_once(':').unwrap_or_default();
    let has_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let outside = has_scheme || value.starts_with("//") || starts_with_www(value);
    if !outside || scheme.eq_ignore_ascii_case("cid") {
        return None;
    }
    let breaks = ['\t', '\r', '\n'];
    let link = match value.contains(breaks) {
        true => value.replace(breaks, ""),
        false => value.to_owned(),
    };
    Some(protected::target(&link).unwrap_or(link))
}

/// The links that mail clients find in plain text, at most `limit`.
pub fn in_text(text: &str, limit: usize) -> Vec<String> {
    let places = places_in_text(text, limit).into_iter();
    let links = places.map(|place| &text[place]);
    let targets = links.map(|link| protected::target(link).unwrap_or_else(|| link.to_owned()));
    targets.collect()
}

/// The ranges of these links in the text.
pub(crate) fn places_in_text(text: &str, limit: usize) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    let mut at = 0;
    let bytes = text.as_bytes();
    for colon in AFTER_SCHEME.find_iter(bytes) {
        if links.len() >= limit {
            return links;
        }
        if colon < at {
            continue;
        }
        let letters = bytes[at..colon].iter().rev().take(10);
        let letters = letters
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .count();
        if letters > 0 {
            at = colon + link_length(&text[colon..]);
            links.push(colon - letters..at);
        }
    }
    at = 0;
    for dot in memchr_iter(b'.', bytes) {
        if links.len() >= limit {
            break;
        }
        let Some(www) = dot
            .checked_sub(3)
            .filter(|www| bytes[*www..dot].eq_ignore_ascii_case(b"www"))
        else {
            continue;
        };
        let before = www.checked_sub(1).map(|before| bytes[before]);
        let apart = before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != b'/');
        if www >= at && apart {
            at = www + link_length(&text[www..]);
            links.push(www..at);
        }
    }
    let mailtos = MAILTO.find_iter(bytes);
    for mailto in mailtos.take(limit.saturating_sub(links.len())) {
        links.push(mailto..mailto + link_length(&text[mailto..]));
    }
    links
}

fn starts_with_www(value: &str) -> bool {
    let head = value.as_bytes().get(..4);
    head.is_some_and(|head| head.eq_ignore_ascii_case(b"www."))
}

// Up to white space or a delimiter (RFC 3986 appendix C), excluding trailing punctuation.
fn link_length(text: &str) -> usize {
    let text = crate::message::visible_text::cut(text, LINK_LIMIT);
    let ends = |c: char| c <= ' ' || matches!(c, '<' | '>' | '"' | '\u{7f}') || c.is_whitespace();
    let link = &text[..text.find(ends).unwrap_or(text.len())];
    let marks = ['.', ',', ';', ':', '!', '?', ')', ']', '\'', '*'];
    let trimmed = link.trim_end_matches(marks).len();
    // If only punctuation follows the scheme, its `://` is kept.
    trimmed.max(link.len().min(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_attributes_are_read_as_browsers_do() {
        let link = |value| from_attribute(value);
        assert_eq!(
            link(" ht\ntp://a.example/x "),
            Some("http://a.example/x".into())
        );
        assert_eq!(link("//a.example"), Some("//a.example".into()));
        assert_eq!(link("mailto:a@b"), Some("mailto:a@b".into()));
        for inside in ["#top", "", "/relative", "cid:image1", "?q=a:b"] {
            assert_eq!(link(inside), None, "{inside}");
        }
    }

    #[test]
    fn links_in_text_exclude_surrounding_punctuation() {
        let text = "See (https://a.example/x?y=1). Or <http://b.example>, www.c.example! \
            nowww.d.example :// http:// mailto:e@f.example";
        let links = in_text(text, 10);
        let expected = [
            "https://a.example/x?y=1",
            "http://b.example",
            "http://",
            "www.c.example",
            "mailto:e@f.example",
        ];
        assert_eq!(links, expected);
        assert_eq!(in_text(&"http://a ".repeat(50), 7).len(), 7);
    }
}
