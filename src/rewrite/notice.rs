//! The short message that a client gets in place of a dropped one.

use std::fmt::Write as _;

use bytes::Bytes;
use mail_parser::{Address, MessageParser};

use crate::filter::Verdict;
use crate::message::header::{Field, fields};
use crate::pop3::Lines;
use crate::pop3::dot;

/// The original subject is copied unchanged, encoded words and folds included, if it is no longer than this.
const SUBJECT: usize = 400;
/// The sender's texts are truncated to this many characters.
const SHOWN: usize = 200;

/// The notice as on the wire, without the terminating dot line.
///
/// `message` is the un-stuffed original; `console` is where the console is reached, without a slash at the end.
pub fn notice(message: &[u8], verdict: &Verdict, id: &str, console: Option<&str>) -> Bytes {
    // `None` if there is no field; an empty message has no header to read.
    let header = MessageParser::new().parse_headers(message);
    let header = header.as_ref();
    let sender = header
        .and_then(|header| header.from())
        .map_or_else(|| "unknown".to_owned(), |from| sender(from));
    let subject = header.and_then(|header| header.subject());
    let subject = harmless(subject.unwrap_or("(none)"));
    let date = raw_field(message, "Date").unwrap_or(b" Thu, 01 Jan 1970 00:00:00 +0000");
    let mut text = Vec::with_capacity(2048);
    let mut top =
        format!("X-Popgate-Id: {id}\r\nX-Spam-Flag: YES\r\nMessage-ID: <{id}@popgate.invalid>\r\n");
    top.push_str("From: popgate <popgate@localhost>\r\nSubject: [held back as spam]");
    text.extend_from_slice(top.as_bytes());
    text.extend_from_slice(raw_field(message, "Subject").unwrap_or(b""));
    text.extend_from_slice(b"\r\nDate:");
    text.extend_from_slice(date);
    let mut body = String::from(
        "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n",
    );
    let _ = write!(
        body,
        "popgate held a message back as spam.\r\n\r\n    From:    {sender}\r\n    Subject: {subject}\r\n\
         \x20   Size:    {} octets\r\n\r\nWhy: {:.1} points; {:.1} are enough to hold a message back.\r\n\r\n",
        message.len(),
        verdict.score,
        verdict
            .thresholds
            .drop_at
            .unwrap_or(verdict.thresholds.tag_at),
    );
    if let Some(because) = verdict.because() {
        let _ = write!(body, "{}\r\n\r\n", harmless(&because));
    }
    for hit in &verdict.hits {
        let _ = write!(
            body,
            "  {:5.1}  {} ({})\r\n",
            hit.score,
            harmless(&hit.description),
            hit.rule
        );
    }
    if let Some(console) = console {
        let _ = write!(
            body,
            "\r\nTo see it, or to get it back, open its page (it asks for the name and the password of this mailbox):\r\n\r\n\
             \x20   {console}/m/{id}\r\n"
        );
    }
    let _ = write!(
        body,
        "\r\nThe original is kept in the quarantine of the machine that runs popgate, a Maildir in\r\n\
         its data directory, under the id {id}. Any mail program can open it; the file's name\r\n\
         contains the id. Deleting this notice does not delete the original there.\r\n\r\n\
         The administrator can put the original into this mailbox with\r\n\r\n\
         \x20   popgate quarantine release {id}\r\n",
    );
    text.extend_from_slice(body.as_bytes());
    Bytes::from(dot::stuff(&text).into_owned())
}

/// The part of a message that TOP returns: the header, the blank line and some lines (RFC 1939 section 7).
pub fn top_of(wire: &Bytes, lines: Lines) -> Bytes {
    let Some(header) = crate::message::header::header_end(wire) else {
        return wire.clone();
    };
    let most = usize::try_from(lines.0).unwrap_or(usize::MAX);
    let ends = memchr::memchr_iter(b'\n', &wire[header..]);
    let end = match most {
        0 => header,
        most => ends.take(most).last().map_or(header, |at| header + at + 1),
    };
    wire.slice(..end)
}

fn raw_field<'a>(message: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let usable = |field: &Field| field.is(message, name);
    let field = fields(message).find(usable)?;
    let value = &message[field.value];
    // A bare line end in the value would end the notice's header early.
    let whole = !value.contains(&0) && bare_ends(value) == 0;
    (whole && value.len() <= SUBJECT).then_some(value)
}

/// Counts the line ends that are not a CRLF followed by folding white space.
fn bare_ends(value: &[u8]) -> usize {
    let marks = value
        .iter()
        .enumerate()
        .filter(|(_, byte)| matches!(byte, b'\r' | b'\n'));
    marks
        .filter(|&(at, byte)| match byte {
            b'\r' => value.get(at + 1) != Some(&b'\n'),
            _ => {
                at == 0
                    || value[at - 1] != b'\r'
                    || !matches!(value.get(at + 1), Some(b' ' | b'\t'))
            }
        })
        .count()
}

fn sender(from: &Address<'_>) -> String {
    let Some(first) = from.first() else {
        return "unknown".to_owned();
    };
    let address = harmless(first.address().unwrap_or("no address"));
    match first.name() {
        Some(name) => format!("{} <{address}>", harmless(name)),
        None => address,
    }
}

/// A sender's text without control characters and bidi controls, truncated.
pub(super) fn harmless(words: &str) -> String {
    let shown = words.chars().take(SHOWN);
    shown
        .map(|c| match c {
            c if c.is_control() => ' ',
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => ' ',
            c => c,
        })
        .collect()
}
