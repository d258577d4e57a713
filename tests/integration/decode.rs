//! Golden messages: each `messages/NAME.eml` decodes to `messages/NAME.txt`, with LF and with CRLF.
//!
//! After an intended change run with `GOLDEN=write` and review the diff.

#![allow(clippy::expect_used)]

use std::fmt::Write;
use std::fs;

use popgate::message::{Content, Wanted, Work, header, value};

use crate::support::messages_in;

const ALL: Wanted = Wanted {
    text: true,
    source: false,
    tags: false,
    parts: true,
    files: false,
};

#[test]
fn messages_decode_to_their_golden_files() {
    let paths = messages_in("messages");
    for path in paths {
        let raw = fs::read(&path).expect("a message");
        let golden = path.with_extension("txt");
        let found = shown(&raw);
        if std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
            fs::write(&golden, &found).expect("a file to write");
        }
        let expected = fs::read_to_string(&golden).expect("an expectation");
        assert_eq!(found, expected, "{}", path.display());
        assert_eq!(
            shown(&with_crlf(&raw)),
            expected,
            "{} with CRLF",
            path.display()
        );
    }
}

fn shown(raw: &[u8]) -> String {
    let mut shown = String::new();
    for field in header::fields(raw) {
        let bytes = &raw[field.value.clone()];
        if field.is(raw, "Subject") {
            line(&mut shown, "subject", &value::text(bytes));
        } else if field.is(raw, "From") || field.is(raw, "To") {
            for mailbox in value::addresses(bytes) {
                line(&mut shown, "name", mailbox.name.as_deref().unwrap_or("-"));
                line(
                    &mut shown,
                    "address",
                    mailbox.addr.as_deref().unwrap_or("-"),
                );
            }
        }
    }
    let content = Content::of(raw, ALL, &Work::new(1 << 30));
    for text in &content.texts {
        line(&mut shown, "body", &text.text.text);
    }
    for link in &content.links {
        line(&mut shown, "link", link);
    }
    for anchor in content
        .anchors
        .iter()
        .filter(|anchor| !anchor.text.is_empty())
    {
        let text = format!("{} -> {}", anchor.text, anchor.target);
        line(&mut shown, "anchor", &text);
    }
    for name in content.parts.iter().filter_map(|part| part.name.as_ref()) {
        line(&mut shown, "attachment", name);
    }
    for declared in content.types() {
        line(&mut shown, "type", declared);
    }
    shown
}

fn line(shown: &mut String, kind: &str, text: &str) {
    writeln!(shown, "{kind}: {text}").expect("memory");
}

fn with_crlf(raw: &[u8]) -> Vec<u8> {
    let lines = raw.split_inclusive(|byte| *byte == b'\n');
    lines
        .flat_map(|line| match line.strip_suffix(b"\n") {
            Some(line) => [line, b"\r\n"].concat(),
            None => line.to_owned(),
        })
        .collect()
}
