//! The values of header fields, decoded.
//!
//! In: the bytes after a field's colon, folding included; out: text with encoded words (RFC 2047)
//! decoded, addresses (RFC 5322 section 3.4), or a media type (RFC 2045 section 5.1). It never
//! fails: what cannot be parsed is raw text, or absent.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Attribute, ContentType, HeaderValue};
use memchr::memmem;

use crate::message::decode;
use crate::message::visible_text::{VisibleTextBuilder, visible};

/// Limit of a value. Real ones are below 10 KiB; the parsers' work on one value may be more than
/// linear.
const VALUE_LIMIT: usize = 16 << 10;

/// Limit of addresses in one value: even `To` of a list has only hundreds.
const MAILBOX_LIMIT: usize = 1000;

/// A sender or recipient (a mailbox in RFC 5322).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAddress {
    /// The display name.
    pub name: Option<String>,
    /// The address, normally `local@domain`.
    pub addr: Option<String>,
}

/// The value as text on one line, in the order in which it is displayed.
pub fn text(raw: &[u8]) -> String {
    decoded(raw, VisibleTextBuilder::of_page)
}

/// The same in the order in which it is written, as programs take the name of a file.
pub(crate) fn as_written(raw: &[u8]) -> String {
    decoded(raw, VisibleTextBuilder::new)
}

fn decoded(raw: &[u8], builder: fn(usize) -> VisibleTextBuilder) -> String {
    let mut rest = &raw[..raw.len().min(VALUE_LIMIT)];
    // No charset turns a byte into more than three.
    let mut text = builder(3 * rest.len());
    let mut after_word = false;
    let mut looked = 0;
    while let Some(found) = memmem::find(&rest[looked..], b"=?") {
        let at = looked + found;
        let mut stream = MessageStream::new(&rest[at + 1..]);
        let Some(word) = stream.decode_rfc2047() else {
            looked = at + 2;
            continue;
        };
        // RFC 2047 section 6.2: white space between encoded words is not shown.
        if !after_word || !rest[..at].trim_ascii().is_empty() {
            text.push(&decode::text(None, &rest[..at]));
        }
        text.push(&word);
        after_word = true;
        rest = &rest[at + 1 + stream.offset()..];
        looked = 0;
    }
    text.push(&decode::text(None, rest));
    text.finish()
}

/// The addresses of an address field.
pub fn addresses(raw: &[u8]) -> Vec<NamedAddress> {
    parsed(raw, |stream| match stream.parse_address() {
        HeaderValue::Address(address) => {
            let all = address.iter().take(MAILBOX_LIMIT);
            all.map(named_address).collect()
        }
        _ => Vec::new(),
    })
}

fn named_address(addr: &Addr<'_>) -> NamedAddress {
    NamedAddress {
        name: addr.name().map(visible),
        addr: addr.address().map(visible),
    }
}

/// A value of the form `type/subtype; attribute=value`, or `attachment; filename=…`.
pub fn content_type(raw: &[u8]) -> Option<ContentType<'static>> {
    parsed(raw, |stream| match stream.parse_content_type() {
        HeaderValue::ContentType(content_type) => Some(owned(content_type)),
        _ => None,
    })
}

fn owned(content_type: ContentType<'_>) -> ContentType<'static> {
    let attributes = content_type.attributes.unwrap_or_default().into_iter();
    let attributes = attributes.map(|attribute| Attribute {
        name: attribute.name.into_owned().into(),
        value: attribute.value.into_owned().into(),
    });
    ContentType {
        c_type: content_type.c_type.into_owned().into(),
        c_subtype: content_type.c_subtype.map(|of| of.into_owned().into()),
        attributes: Some(attributes.collect()),
    }
}

// The parsers find the end of a value by its line end, so it must have one.
fn parsed<T>(raw: &[u8], parse: impl FnOnce(&mut MessageStream<'_>) -> T) -> T {
    let raw = &raw[..raw.len().min(VALUE_LIMIT)];
    let mut line = Vec::with_capacity(raw.len() + 1);
    line.extend_from_slice(raw);
    line.push(b'\n');
    parse(&mut MessageStream::new(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_unfolded_and_encoded_words_are_decoded() {
        assert_eq!(text(b" plain  text\r\n goes on"), "plain text goes on");
        let encoded = b" =?utf-8?B?R3LDvMOf?= =?iso-8859-1?Q?e=20?=\r\n =?utf-8?q?an?= all";
        assert_eq!(text(encoded), "Grüße an all");
        assert_eq!(text("größe".as_bytes()), "größe");
        assert_eq!(text(b" =?utf-8?b?!!!?= left"), "=?utf-8?b?!!!?= left");
        assert_eq!(text(b"fr=?utf-8?q?ee?=(=?utf-8?q?now?=)"), "free(now)");
        assert_eq!(text(b"caf\xe9"), "café");
        assert_eq!(text(b""), "");
    }

    #[test]
    fn names_and_addresses_of_mailboxes_are_parsed() {
        let raw = b" \"Bank, Inc.\" <a@example.org>, b@example.net, =?utf-8?q?J=C3=BCrg?= <c@d>";
        let found = addresses(raw);
        let names: Vec<_> = found.iter().map(|one| one.name.as_deref()).collect();
        let addrs: Vec<_> = found.iter().map(|one| one.addr.as_deref()).collect();
        assert_eq!(names, [Some("Bank, Inc."), None, Some("Jürg")]);
        assert_eq!(
            addrs,
            [Some("a@example.org"), Some("b@example.net"), Some("c@d")]
        );
    }

    #[test]
    fn media_types_are_lower_case() {
        let read = content_type(b" Text/HTML; charset=\"utf-8\";\r\n name*=utf-8''a%20b.html");
        let read = read.expect("a media type");
        assert_eq!((read.ctype(), read.subtype()), ("text", Some("html")));
        assert_eq!(read.attribute("name"), Some("a b.html"));
        assert_eq!(content_type(b""), None);
    }
}
