//! Text formats: HTML, SVG, XML, scripts, messages, calendars, vCards.
//!
//! In: the first bytes of a file, in a superset of ASCII or in UTF-16; out: its type, if it begins as one. It does not
//! classify prose, and does not parse scripts.

use super::kind::FileType;

/// Bytes of a file that are read; the MIME Sniffing standard reads 1445 (section 5.2).
const HEAD_LIMIT: usize = 4096;

/// Tags at the beginning of HTML that lacks `<html>` (MIME Sniffing section 7.1).
const PAGE_TAGS: &[&[u8]] = &[
    b"html", b"head", b"script", b"iframe", b"h1", b"div", b"font", b"table", b"a", b"style",
    b"title", b"b", b"body", b"br", b"p", b"meta", b"center", b"img", b"form", b"span", b"link",
];

/// Windows Script Host calls that prose does not contain, in lower case.
const SCRIPT_CALLS: &[&[u8]] = &[
    b"wscript.",
    b"activexobject(",
    b"createobject(",
    b"adodb.stream",
];

/// Fields of which a message has at least two (RFC 5322 section 3.6, RFC 2045 section 4).
const FIELDS: &[&[u8]] = &[
    b"received",
    b"return-path",
    b"delivered-to",
    b"from",
    b"to",
    b"date",
    b"subject",
    b"message-id",
    b"mime-version",
    b"content-type",
];

/// The type of a text file.
pub(super) fn of(head: &[u8]) -> Option<FileType> {
    let head = ascii(&head[..head.len().min(HEAD_LIMIT)]);
    let head = head.trim_ascii_start();
    if head.starts_with(b"<") {
        return if is_link(head) {
            Some(FileType::Link)
        } else {
            markup(head)
        };
    }
    // RFC 5545 section 3.4, RFC 6350 section 6.1.1; names ignore case.
    if head.starts_with(b"begin:vcalendar") {
        return Some(FileType::Ics);
    }
    if head.starts_with(b"begin:vcard") {
        return Some(FileType::Vcard);
    }
    if is_link(head) {
        return Some(FileType::Link);
    }
    let hash_bang = head.strip_prefix(b"#!").map(<[u8]>::trim_ascii_start);
    let says_so = hash_bang.is_some_and(|path| path.starts_with(b"/"))
        || head.starts_with(b"@echo off")
        // Encoded JScript and VBScript.
        || head.starts_with(b"#@~^");
    if says_so {
        return Some(FileType::Script);
    }
    if is_mail(head) {
        return Some(FileType::Eml);
    }
    let calls = |call: &&[u8]| memchr::memmem::find(head, call).is_some();
    SCRIPT_CALLS.iter().any(calls).then_some(FileType::Script)
}

// Internet shortcuts, desktop entries (freedesktop.org), remote desktop connections, and Windows libraries and
// searches, which show files of another computer.
fn is_link(head: &[u8]) -> bool {
    const SECTIONS: [&[u8]; 2] = [b"[internetshortcut", b"[desktop entry]"];
    const ROOTS: [&[u8]; 3] = [
        b"<librarydescription",
        b"<persistedquery",
        b"<searchconnectordescription",
    ];
    const REMOTE: [&[u8]; 2] = [b"full address:s:", b"alternate full address:s:"];
    let has = |text: &[u8]| memchr::memmem::find(head, text);
    if head.starts_with(b"[") {
        return SECTIONS.iter().any(|section| has(section).is_some());
    }
    if head.starts_with(b"<") {
        return ROOTS.iter().any(|root| has(root).is_some());
    }
    REMOTE.iter().any(|field| {
        let at = has(field);
        at.is_some_and(|at| at == 0 || head[at - 1] == b'\n')
    })
}

// The text in lower case, without a byte order mark; of UTF-16, only the ASCII characters.
fn ascii(head: &[u8]) -> Vec<u8> {
    let unit = |high: usize| {
        move |pair: &[u8]| match pair {
            [first, second] if [*first, *second][high] == 0 => [*first, *second][1 - high],
            _ => b'?',
        }
    };
    let mut head: Vec<u8> = match head {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        [0xff, 0xfe, rest @ ..] => rest.chunks(2).map(unit(1)).collect(),
        [0xfe, 0xff, rest @ ..] => rest.chunks(2).map(unit(0)).collect(),
        // XML 1.0 appendix F.1: detected by the first character if there is no byte order mark.
        [b'<', 0, ..] => head.chunks(2).map(unit(1)).collect(),
        [0, b'<', ..] => head.chunks(2).map(unit(0)).collect(),
        _ => head.to_vec(),
    };
    head.make_ascii_lowercase();
    head
}

fn markup(mut rest: &[u8]) -> Option<FileType> {
    // What may precede the root: XML 1.0 section 2.8, HTML standard 13.1.
    let mut before = None;
    while let Some(inside) = rest.strip_prefix(b"<") {
        let end: &[u8] = if inside.starts_with(b"!--") {
            before = before.or(Some(FileType::Html));
            b"-->"
        } else if inside.starts_with(b"?php") || inside.starts_with(b"?=") {
            return Some(FileType::Script);
        } else if inside.starts_with(b"?xml") {
            before = Some(FileType::Xml);
            b"?>"
        } else if let Some(root) = inside.strip_prefix(b"!doctype") {
            let root = name(root.trim_ascii_start());
            match root {
                b"html" => return Some(FileType::Html),
                b"svg" => return Some(FileType::Svg),
                // The internal subset is in brackets; the root may follow it.
                _ => before = before.or(Some(FileType::Xml)),
            }
            b">"
        } else {
            return element(inside).or(before);
        };
        let Some(found) = memchr::memmem::find(inside, end) else {
            return before;
        };
        rest = inside[found + end.len()..].trim_ascii_start();
    }
    before
}

fn element(inside: &[u8]) -> Option<FileType> {
    let name = name(inside);
    let after = inside.get(name.len());
    // `<a:svg xmlns:a=...>` is SVG, too.
    let local = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    if after.is_some_and(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'>' | b'/')) {
        return None;
    }
    if local == b"svg" {
        return Some(FileType::Svg);
    }
    PAGE_TAGS.contains(&local).then_some(FileType::Html)
}

fn name(text: &[u8]) -> &[u8] {
    let end = |byte: &u8| !byte.is_ascii_alphanumeric() && !b":-_.".contains(byte);
    &text[..text.iter().position(end).unwrap_or(text.len())]
}

// Whether two of the usual fields come before the first line that is not a field.
fn is_mail(head: &[u8]) -> bool {
    let mut known = 0;
    for (number, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let folded = line.starts_with(b" ") || line.starts_with(b"\t");
        // In mbox files (RFC 4155 appendix A), such a line precedes each message.
        if number == 0 && line.starts_with(b"from ") || number > 0 && folded {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            break;
        };
        let name = line[..colon].trim_ascii_end();
        // RFC 5322 section 2.2.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        known += usize::from(FIELDS.contains(&name));
    }
    known >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, mark: &[u8], order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let units = text.encode_utf16().flat_map(order);
        mark.iter().copied().chain(units).collect()
    }

    #[test]
    fn pages_and_drawings() {
        for page in [
            "<!DOCTYPE html>",
            "\u{feff}\r\n <HTML lang=en>",
            "<!-- saved from url -->\n<script>",
            "<!-- never closed",
            "<?xml version='1.0'?><!DOCTYPE html PUBLIC \"x\"><html>",
            "<meta charset=utf-8>",
            "<br/>",
        ] {
            assert_eq!(of(page.as_bytes()), Some(FileType::Html), "{page}");
        }
        for drawing in [
            "<svg xmlns='x'>",
            "<?xml version='1.0'?>\n<!-- made by -->\n<!DOCTYPE svg [",
            "<!-- made by --> <s:svg xmlns:s='x'>",
        ] {
            assert_eq!(of(drawing.as_bytes()), Some(FileType::Svg), "{drawing}");
        }
        for other in ["<?xml version='1.0'?><Invoice>", "<!DOCTYPE plist><plist>"] {
            assert_eq!(of(other.as_bytes()), Some(FileType::Xml), "{other}");
        }
        for text in [
            "<abc> wrote:",
            "< html",
            "<",
            "",
            "a <html> page",
            "<pre-order",
        ] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn wide_characters() {
        let page = "<html>é";
        for wide in [
            utf16(page, b"\xff\xfe", u16::to_le_bytes),
            utf16(page, b"\xfe\xff", u16::to_be_bytes),
            utf16(page, b"", u16::to_le_bytes),
            utf16(page, b"", u16::to_be_bytes),
        ] {
            for end in [wide.len(), wide.len() - 1] {
                assert_eq!(of(&wide[..end]), Some(FileType::Html));
            }
        }
        let script = utf16(
            "var s = new ActiveXObject(1)",
            b"\xff\xfe",
            u16::to_le_bytes,
        );
        assert_eq!(of(&script), Some(FileType::Script));
    }

    #[test]
    fn scripts() {
        for script in [
            "#!/bin/sh",
            "#! /usr/bin/env python",
            "<?php echo 1;",
            "@ECHO OFF\r\n",
            "#@~^AAAA==",
            "x = 1\nSet s = CreateObject(\"WScript.Shell\")",
        ] {
            assert_eq!(of(script.as_bytes()), Some(FileType::Script), "{script}");
        }
        assert_eq!(of(b"#!shout"), None);
    }

    #[test]
    fn links() {
        for link in [
            "[InternetShortcut]\r\nURL=http://a.example/\r\n",
            "[{000214A0-0000-0000-C000-000000000046}]\nx=1\n[InternetShortcut]\n",
            "screen mode id:i:2\r\nfull address:s:a.example\r\n",
            "<?xml version=\"1.0\"?>\n<libraryDescription xmlns=\"x\">",
            "<?xml version=\"1.0\"?><persistedQuery version=\"1.0\">",
            "[Desktop Entry]\nExec=x\n",
        ] {
            assert_eq!(of(link.as_bytes()), Some(FileType::Link), "{link}");
        }
        let wide = utf16("full address:s:a.example", b"\xff\xfe", u16::to_le_bytes);
        assert_eq!(of(&wide), Some(FileType::Link));
        for text in [
            "[section]\na=b",
            "the full address:s: field",
            "[1] https://a",
        ] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn messages_calendars_and_vcards() {
        for mail in [
            "Received: from a\r\n by b\r\nFrom: c\r\n\r\nhi",
            "From a@b Mon Jan  1\nX-Y: z\nDate: d\nTo: e\n",
        ] {
            assert_eq!(of(mail.as_bytes()), Some(FileType::Eml), "{mail}");
        }
        for text in ["From: a\n\nTo: b", "Note: a\nTo do: b\nFrom: c"] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
        assert_eq!(of(b"BEGIN:VCALENDAR\r\n"), Some(FileType::Ics));
        assert_eq!(of(b"Begin:vCard\r\n"), Some(FileType::Vcard));
    }

    #[test]
    fn repeated_openers_are_read_in_linear_time() {
        for unit in ["<!--", "<?xml", "<!doctype a>", "<", "from: a\n", "<!---->"] {
            of(unit.repeat(1 << 18).as_bytes());
        }
    }
}
