//! The values of header fields, decoded.
//!
//! In: the bytes after a field's colon, folding included; out: text with encoded words (RFC 2047) decoded, or addresses
//! (RFC 5322 section 3.4). It never fails: a value that cannot be parsed is raw text, or absent.

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, HeaderValue};

use crate::message::charset;
use crate::message::encoded_word::{self, Piece};
use crate::message::mailboxes;
use crate::message::visible_text::{VisibleTextBuilder, after_words, visible};

/// Limit on a value. Real ones are below 10 KiB; the parsers may take more than linear time.
const VALUE_LIMIT: usize = 16 << 10;

/// Limit on the addresses in one value: even the `To` of a list has only hundreds.
const MAILBOX_LIMIT: usize = 1000;

/// A sender or recipient (a mailbox in RFC 5322).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAddress {
    /// The display name.
    pub name: Option<String>,
    /// The address, normally `local@domain`.
    pub addr: Option<String>,
}

/// The value as text on one line, in display order.
pub fn text(raw: &[u8]) -> String {
    plain_text(raw).unwrap_or_else(|| decoded(raw, VisibleTextBuilder::of_page))
}

/// The same for a value of printable ASCII without encoded words, as most are.
fn plain_text(raw: &[u8]) -> Option<String> {
    let raw = &raw[..raw.len().min(VALUE_LIMIT)];
    if encoded_word::has_marks(raw) {
        return None;
    }
    let written = str::from_utf8(raw).ok()?;
    let mut text = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(octet) = raw.get(at) {
        match octet {
            b'!'..=b'~' => {
                let end = after_words(raw, at);
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&written[at..end]);
                at = end;
            }
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => return None,
        }
    }
    Some(text)
}

/// The same in stored order, in which programs use a file name.
pub(crate) fn as_written(raw: &[u8]) -> String {
    decoded(raw, VisibleTextBuilder::new)
}

fn decoded(raw: &[u8], builder: fn(usize) -> VisibleTextBuilder) -> String {
    let raw = &raw[..raw.len().min(VALUE_LIMIT)];
    let label = charset::label_of_value(raw);
    // No charset turns one byte into more than three.
    let mut text = builder(3 * raw.len());
    for piece in encoded_word::pieces(raw) {
        match piece {
            Piece::Plain(plain) => text.push(&charset::decode(label, plain)),
            Piece::Words(words) => text.push(&words),
        }
    }
    text.finish()
}

/// The addresses of an address field.
pub fn addresses(raw: &[u8]) -> Vec<NamedAddress> {
    let raw = &raw[..raw.len().min(VALUE_LIMIT)];
    let usual = match encoded_word::has_marks(raw) {
        true => None,
        false => mailboxes::usual(raw),
    };
    let Some(usual) = usual else {
        return parsed_addresses(raw);
    };
    let usual = usual.into_iter().take(MAILBOX_LIMIT);
    let named = usual.map(|(name, address)| NamedAddress {
        name: name.map(visible),
        addr: Some(visible(address)),
    });
    named.collect()
}

/// The same of a value in any form.
fn parsed_addresses(raw: &[u8]) -> Vec<NamedAddress> {
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

// The parsers find the end of a value by its line end, so it must have one.
fn parsed<T>(raw: &[u8], parse: impl FnOnce(&mut MessageStream<'_>) -> T) -> T {
    let raw = &encoded_word::quoted_strings(raw);
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
        assert_eq!(text(b"\r\n\t a =  ? b\r\n c \r\n"), "a = ? b c");
        assert_eq!(text(b"a\x0bb\x0cc\x7fd"), "ab cd");
        assert_eq!(
            text(b"one two three four=?five  six \tseven\x01"),
            "one two three four=?five six seven"
        );
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
    fn addresses_in_the_usual_form_are_those_of_the_parser() {
        let pieces = [
            " ",
            " ",
            ",",
            ",",
            "<",
            ">",
            "<a@b.example>",
            "<c_d=e@f.example>",
            "g@h.example",
            "Ann",
            "Bank Inc.",
            "\"Quoted, Name\"",
            "\"",
            "\"<x@y>\"",
            "@",
            "=",
            "?",
            "\t",
            "\r\n ",
            "\n\t",
            "\r\n",
            "\n",
            "\r",
            "(c)",
            ":",
            ";",
            "\\",
            "'",
            "\u{e9}",
            "\x01",
            " Ann B <a@b>, ",
            "\"C\"\r\n <c@d>",
            "e@f, ",
        ];
        let mut random = fastrand::Rng::with_seed(12);
        let mut usual = 0;
        for _ in 0..100_000 {
            let raw: String = (0..random.usize(1..6))
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            usual += usize::from(mailboxes::usual(raw.as_bytes()).is_some());
            let expected = parsed_addresses(raw.as_bytes());
            assert_eq!(addresses(raw.as_bytes()), expected, "{raw:?}");
        }
        assert!(usual > 5_000, "{usual}");
    }

    #[test]
    fn words_are_read_as_clients_do() {
        let table: &[(&[u8], &str)] = &[
            // A character split between two words, with and without a fold between them.
            (b"=?utf-8?B?w7bD?= =?utf-8?B?nw==?=", "\u{f6}\u{df}"),
            (b"=?utf-8?Q?=C3?=\r\n =?UTF-8?q?=B6?=", "\u{f6}"),
            (b"=?utf-8?Q?a=C3?==?utf-8?b?tg==?=", "a\u{f6}"),
            (b"=?utf-8*de?Q?=C3=B6?=", "\u{f6}"),
            (
                b"=?gb2312?B?xOM=?= =?utf-8?Q?=E5=A5=BD?=",
                "\u{4f60}\u{597d}",
            ),
            (b"=?hz-gb-2312?Q?cheap_Viagra?=", "cheap Viagra"),
            (b"=?no-such?Q?cheap_caf=E9?=", "cheap caf\u{e9}"),
            (b"=?utf-8?Q?a b?c?=", "a b?c"),
            (b"\"=?utf-8?Q?x?=\"", "\"x\""),
            (b"=?utf-8?Q?cheap", "=?utf-8?Q?cheap"),
            (b"=??Q?cheap?=", "=??Q?cheap?="),
            (b"=?utf-8?X?cheap?=", "=?utf-8?X?cheap?="),
            (b"Via\x00gra", "Viagra"),
        ];
        for (raw, expected) in table {
            assert_eq!(text(raw), *expected, "{}", raw.escape_ascii());
        }
    }

    #[test]
    fn encoded_names_are_whole() {
        let table: &[(&[u8], &str)] = &[
            (b"=?utf-8?B?w7bD?= =?utf-8?B?nw==?= <a@b>", "\u{f6}\u{df}"),
            (b"\"=?utf-8?Q?Bank=2C_Inc.?=\" <a@b>", "Bank, Inc."),
            (b"=?utf-8?Q?Bank=2C_=22Inc=22?= <a@b>", "Bank, \"Inc\""),
            (b"a@b (=?utf-8?Q?J=C3=BCrg?=)", "J\u{fc}rg"),
            (b"=?utf-8?Q?J=C3=BCrg?= Max <a@b>", "J\u{fc}rg Max"),
            (b"J\xfcrg <a@b>", "J\u{fc}rg"),
        ];
        for (raw, expected) in table {
            let found = addresses(raw);
            let names: Vec<_> = found.iter().map(|one| one.name.as_deref()).collect();
            let addrs: Vec<_> = found.iter().map(|one| one.addr.as_deref()).collect();
            let shown = raw.escape_ascii();
            assert_eq!(
                (names, addrs),
                (vec![Some(*expected)], vec![Some("a@b")]),
                "{shown}"
            );
        }
    }
}
