//! The identity of a message: the same for every copy of what a sender wrote.
//!
//! In: a message; out: a digest of the sender's fields and the body. Left out are the fields that servers and mail
//! programs add, their order and folding, popgate's subject mark, line ends and white space before them, dot-stuffing
//! (RFC 1939 section 3), quoted From lines of mbox files (RFC 4155) and blank lines at the end.

use ring::digest::{SHA256, digest as sha256};

use crate::filter::classifier::hash::Hash;
use crate::filter::classifier::header_names::{senders, senders_name};
use crate::filter::classifier::learned_messages::Digest;
use crate::filter::classifier::original::{SUBJECT_MARK, after_from_lines};
use crate::filter::findings::virus_mark_length;
use crate::message::header::{fields, header_end};

/// As much of a body is looked at: copies of longer messages are cut in different places when they are judged.
const BODY: usize = 128 << 10;

/// Units of work for an octet.
const OCTETS_PER_UNIT: usize = 2;

/// The work of [`digest`].
pub fn work(raw: &[u8]) -> u64 {
    (raw.len() / OCTETS_PER_UNIT) as u64
}

/// Identifies what the sender wrote. A cryptographic hash: a person's word on a message outranks all rules, so nobody
/// may be able to make another one with the same digest.
pub fn digest(raw: &[u8], subject_mark: &str) -> Digest {
    let raw = &raw[after_from_lines(raw)..];
    let mut text = Vec::with_capacity(raw.len().min(BODY) + 1024);
    let mut found: Vec<(usize, std::ops::Range<usize>)> = fields(raw)
        .filter_map(|field| Some((senders(&raw[field.name])?, field.value)))
        .collect();
    // Stable: fields of the same name keep their order, which some servers change for the others.
    found.sort_by_key(|(place, _)| *place);
    for (place, value) in found {
        let name = senders_name(place);
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        let begin = text.len();
        for word in raw[value]
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
        {
            text.push(b' ');
            text.extend_from_slice(word);
        }
        if name == "subject" {
            unmark(&mut text, begin, subject_mark);
        }
        text.push(b'\n');
    }
    if let Some(body) = header_end(raw) {
        text.push(b'\n');
        add_body(&mut text, &raw[body..]);
    }
    let mut identity = Digest::default();
    let length = identity.len();
    identity.copy_from_slice(&sha256(&SHA256, &text).as_ref()[..length]);
    identity
}

/// Takes a mark off the subject whose words begin here.
fn unmark(text: &mut Vec<u8>, begin: usize, subject_mark: &str) {
    // The words begin behind a space, and so does what is left.
    if let Some(words) = text.get(begin + 1..)
        && let Some(length) = virus_mark_length(words)
    {
        let end = match length == words.len() {
            // Nothing is left.
            true => begin + 1 + length,
            false => begin + length,
        };
        text.drain(begin..end);
        return;
    }
    for mark in [subject_mark, SUBJECT_MARK] {
        let words: Vec<&str> = mark.split_ascii_whitespace().collect();
        let mark = format!(" {}", words.join(" "));
        if mark.len() > 1 && text[begin..].starts_with(mark.as_bytes()) {
            text.drain(begin..begin + mark.len());
            // A mark without a space after it.
            if !matches!(text.get(begin), None | Some(b' ')) {
                text.insert(begin, b' ');
            }
            return;
        }
    }
}

fn add_body(text: &mut Vec<u8>, body: &[u8]) {
    let end = text.len() + BODY;
    let mut blank = 0;
    for line in body.split(|byte| *byte == b'\n') {
        let mut line = line.trim_ascii_end();
        while let Some(rest) = line.strip_prefix(b".") {
            line = rest;
        }
        let quotes = line.iter().take_while(|byte| **byte == b'>').count();
        if line[quotes..].starts_with(b"From ") {
            line = &line[quotes..];
        }
        if line.is_empty() {
            blank += 1;
            continue;
        }
        text.resize((text.len() + blank).min(end), b'\n');
        blank = 0;
        let room = end - text.len();
        if line.len() >= room {
            text.extend_from_slice(&line[..room]);
            return;
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
}

/// Who sent a message, as a hash of the domain that it names; 0 if it names none.
pub fn sender(raw: &[u8]) -> u32 {
    let Some((_, host)) = last_address(raw) else {
        return 0;
    };
    let host = host.to_ascii_lowercase();
    // The upper half is mixed best.
    (Hash::salted(1004).with(&host).whole() >> 32) as u32
}

/// The address that a message claims to be from, in lower case; empty if it names none.
pub fn from_address(raw: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    last_address(raw).map_or_else(String::new, |(local, host)| {
        format!("{}@{}", text(local), text(host))
    })
}

/// Local part and host of the last address of From.
fn last_address(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let from = fields(raw).find(|field| field.is(raw, "From"))?;
    let value = &raw[from.value];
    let at = memchr::memrchr(b'@', value)?;
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let host = &value[at + 1..];
    let length = host.iter().take_while(|byte| is_host(byte)).count();
    let is_local = |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'<' | b'"' | b',');
    let local = value[..at].iter().rev().take_while(|byte| is_local(byte));
    let begin = at - local.count();
    Some((&value[begin..at], &host[..length]))
}

/// The identity that popgate 0.1 gave a message: its octets without popgate's fields at the top. What was learned
/// then is known by it.
pub fn first_digest(raw: &[u8]) -> Digest {
    let raw = without_block(raw);
    let half = |salt| Hash::salted(salt).with(raw).whole().to_le_bytes();
    let mut digest = Digest::default();
    digest[..8].copy_from_slice(&half(1001));
    digest[8..].copy_from_slice(&half(1002));
    digest
}

fn without_block(raw: &[u8]) -> &[u8] {
    let is = |name: &[u8], begin: &[u8]| {
        name.get(..begin.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(begin))
    };
    let mut end = 0;
    for field in fields(raw) {
        let name = &raw[field.name.clone()];
        let ours = match end {
            0 => is(name, b"x-popgate-id"),
            _ => is(name, b"x-spam-"),
        };
        if !ours || field.whole.start != end {
            break;
        }
        end = field.whole.end;
    }
    &raw[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Received: by relay\r\nFrom: a@b.example\r\nTo: c@d.example\r\nSubject: One two\r\n \
                        three\r\nMessage-ID: <1@b.example>\r\n\r\nHello\r\n.dot\r\n\r\nFrom here on.\r\nbye\r\n";

    fn of(raw: &str) -> Digest {
        digest(raw.as_bytes(), "[SPAM] ")
    }

    #[test]
    fn all_copies_of_a_message_have_one_identity() {
        let tagged = MAIL.replace("Subject: ", "Subject: [SPAM] ");
        let infected = MAIL.replace("Subject: ", "Subject: [VIRUS Eicar-1.x] ");
        let copies = [
            ("with a virus", infected),
            ("LF", MAIL.replace('\r', "")),
            (
                "tagged",
                format!("X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\n{tagged}"),
            ),
            (
                "read",
                format!("X-Mozilla-Status: 0001\r\nX-Mozilla-Keys: $label1\r\n{MAIL}"),
            ),
            (
                "mbox",
                format!(
                    "From a@b Mon Nov 23 04:00:00 2026\nStatus: RO\n{}\n\n",
                    MAIL.replace('\r', "")
                ),
            ),
            ("mbox quoted", MAIL.replace("From here", ">From here")),
            (
                "delivered again",
                format!("Return-Path: <a@b>\r\nDelivered-To: x\r\nReceived: y\r\n{MAIL}"),
            ),
            ("dot-stuffed", MAIL.replace("\r\n.dot", "\r\n..dot")),
            ("blank lines", format!("{MAIL}\r\n\r\n")),
            ("no last line end", MAIL.trim_end().to_owned()),
            (
                "folded otherwise",
                MAIL.replace("One two\r\n three", "One\r\n\ttwo three"),
            ),
            (
                "labelled",
                MAIL.replace("Message-ID", "X-Gmail-Labels: Spam\r\nMessage-ID"),
            ),
            (
                "another order",
                MAIL.replace("To: c@d.example\r\n", "")
                    .replace("\r\n\r\nHello", "\r\nTo: c@d.example\r\n\r\nHello"),
            ),
        ];
        for (name, copy) in copies {
            assert_eq!(of(&copy), of(MAIL), "{name}");
        }
        let empty = MAIL.replace("One two\r\n three", "");
        for mark in ["[SPAM] ", "[VIRUS Eicar-1.x] ", "[VIRUS ] "] {
            let marked = empty.replace("Subject: ", &format!("Subject: {mark}"));
            assert_eq!(of(&marked), of(&empty), "{mark} alone");
        }
        let mark = digest(
            MAIL.replace("Subject: ", "Subject: SPAM:").as_bytes(),
            "SPAM:",
        );
        assert_eq!(mark, of(MAIL));
    }

    #[test]
    fn other_messages_have_others() {
        for (from, to) in [
            ("One two", "One"),
            ("<1@b", "<2@b"),
            ("bye", "buy"),
            ("c@d", "e@d"),
            ("here on", "there on"),
        ] {
            assert_ne!(of(&MAIL.replace(from, to)), of(MAIL), "{from}");
        }
        // Words that popgate would not write as the name of a virus.
        for mark in [
            "[VIRUS cheap,pills]",
            &format!("[VIRUS {}]", "x".repeat(49)),
        ] {
            let longer = MAIL.replace("Subject: ", &format!("Subject: {mark} "));
            assert_ne!(of(&longer), of(MAIL), "{mark}");
        }
        // Beyond what is looked at.
        let long = |end: &str| format!("{MAIL}{}{end}", "x".repeat(BODY));
        assert_eq!(of(&long("1")), of(&long("2")));
    }

    #[test]
    fn the_first_releases_identity_has_not_changed() {
        let mail = b"Subject: x\r\nX-Spam-Flag: NO\r\n\r\nbody";
        let block = b"X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\nX-Spam-Report: a\r\n\tb\r\n";
        assert_eq!(
            first_digest(&[&block[..], mail].concat()),
            first_digest(mail)
        );
        assert_ne!(first_digest(mail), first_digest(b"Subject: y\r\n\r\nbody"));
    }
}
