//! What the sender wrote, of any copy of a message.
//!
//! In: a message as a mail program, a mailbox or popgate left it; out: the message without popgate's fields and
//! subject mark and without what mail programs keep in its header, and whether popgate itself wrote it.

use std::borrow::Cow;
use std::ops::Range;

use crate::filter::classifier::header_names::{is_bookkeeping, is_popgates};
use crate::filter::findings::virus_mark_length;
use crate::message::header::{Field, fields};

/// The mark before the subject of spam unless another is configured.
pub const SUBJECT_MARK: &str = "[SPAM] ";

/// The rule for the marks of servers before popgate, and the field that stands for them where popgate's block has
/// taken their place: the message is judged again as it was on its way.
const MARKED_BEFORE: &[u8] = b"UPSTREAM_SAYS_SPAM";
const MARK_BEFORE: &[u8] = b"X-Spam-Flag: YES";

/// Few messages have more fields.
const USUAL: usize = 50;

/// A message as it was before popgate marked it and mail programs kept it.
pub fn original<'m>(raw: &'m [u8], subject_mark: &str) -> Cow<'m, [u8]> {
    let begin = after_from_lines(raw);
    let raw = &raw[begin..];
    let mut all = Vec::with_capacity(USUAL);
    all.extend(fields(raw));
    let name = |field: &Field| &raw[field.name.clone()];
    let ours = all.iter().any(|field| field.is(raw, "X-Popgate-Id"));
    let mut removed: Vec<Range<usize>> = Vec::new();
    let mut marked_before = false;
    let mut subject_seen = false;
    for field in &all {
        if ours && is_popgates(name(field)) {
            let value = &raw[field.value.clone()];
            marked_before |= memchr::memmem::find(value, MARKED_BEFORE).is_some();
            removed.push(field.whole.clone());
        } else if is_bookkeeping(name(field)) {
            removed.push(field.whole.clone());
        } else if !subject_seen && field.is(raw, "Subject") {
            subject_seen = true;
            removed.extend(mark_of(raw, field, subject_mark, ours));
        }
    }
    if removed.is_empty() {
        return Cow::Borrowed(raw);
    }
    let mut original = Vec::with_capacity(raw.len());
    if marked_before {
        original.extend_from_slice(MARK_BEFORE);
        original.extend_from_slice(line_end(raw));
    }
    let mut at = 0;
    for range in removed {
        original.extend_from_slice(&raw[at..range.start]);
        at = range.end;
    }
    original.extend_from_slice(&raw[at..]);
    Cow::Owned(original)
}

/// Where popgate's mark is in a subject.
fn mark_of(raw: &[u8], field: &Field, subject_mark: &str, ours: bool) -> Option<Range<usize>> {
    let value = &raw[field.value.clone()];
    let start = field.value.start + usize::from(value.first() == Some(&b' '));
    if ours && let Some(length) = virus_mark_length(&raw[start..field.value.end]) {
        return Some(start..start + length);
    }
    // The mark may have been another when the message was marked.
    let marks = [subject_mark, if ours { SUBJECT_MARK } else { "" }];
    let is_there = |mark: &&str| !mark.is_empty() && raw[start..].starts_with(mark.as_bytes());
    let mark = marks.into_iter().find(is_there)?;
    Some(start..start + mark.len())
}

/// The line end that the message uses.
fn line_end(raw: &[u8]) -> &'static [u8] {
    match memchr::memchr(b'\n', raw) {
        Some(at) if at > 0 && raw[at - 1] == b'\r' => b"\r\n",
        _ => b"\n",
    }
}

/// The length of the lines before the header that a mailbox format put there.
pub(super) fn after_from_lines(raw: &[u8]) -> usize {
    let mut at = 0;
    while raw[at..].starts_with(b"From ") || raw[at..].starts_with(b">From ") {
        match memchr::memchr(b'\n', &raw[at..]) {
            Some(end) => at += end + 1,
            None => break,
        }
    }
    at
}

/// Whether popgate wrote the message itself: the notice in place of one that it holds back, or a digest.
pub fn is_popgates_own(raw: &[u8]) -> bool {
    let (mut from, mut id) = (false, false);
    for field in fields(raw) {
        let value = raw[field.value.clone()].trim_ascii();
        if field.is(raw, "From") {
            from |= value.ends_with(b"<popgate@localhost>");
        } else if field.is(raw, "Message-ID") {
            id |= value.ends_with(b"@popgate.invalid>");
        }
    }
    from && id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> String {
        String::from_utf8_lossy(&original(raw.as_bytes(), "[SPAM] ")).into_owned()
    }

    #[test]
    fn what_popgate_and_mail_programs_added_is_taken_off() {
        let mail = "Received: by b\r\nSubject: x\r\n\r\nbody";
        let table = [
            // As it was.
            mail.to_owned(),
            // Tagged.
            format!(
                "X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\nX-Spam-Report: a\r\n\tb\r\n{}",
                mail.replace("Subject: ", "Subject: [SPAM] ")
            ),
            // Tagged with another mark than the one that is configured now.
            format!(
                "X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\n{}",
                mail.replace("Subject: ", "Subject: [SPAM] ")
            ),
            // Tagged with the name of a virus.
            format!(
                "X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\n{}",
                mail.replace("Subject: ", "Subject: [VIRUS Eicar-1.x] ")
            ),
            // Tagged in the subject only.
            mail.replace("Subject: ", "Subject: [SPAM] "),
            // Passed with headers.
            format!("X-Popgate-Id: 1\r\nX-Spam-Status: No, score=1\r\n{mail}"),
            // Kept by Thunderbird, by an mbox server, by Apple Mail.
            format!("X-Mozilla-Status: 0001\r\nX-Mozilla-Keys:      \r\n{mail}"),
            format!("From a@b Mon Nov 23 04:00:00 2026\r\nStatus: RO\r\n{mail}"),
            mail.replace("Subject:", "X-UID: 7\r\nX-Apple-A: b\r\n c\r\nSubject:"),
        ];
        for copy in table {
            assert_eq!(of(&copy), mail, "{copy}");
        }
        // A sender hides no words in it.
        let forged = "Subject: [VIRUS cheap-pills] x\n\nbody";
        assert_eq!(of(forged), forged);
        let tagged = |mark: &str| format!("X-Popgate-Id: 1\nSubject: {mark}\n\nbody");
        assert_eq!(of(&tagged("[VIRUS Eicar] ")), "Subject: \n\nbody");
        assert_eq!(of(&tagged("[VIRUS Eicar]")), "Subject: \n\nbody");
        let long = format!("[VIRUS {}] ", "x".repeat(49));
        assert!(of(&tagged(&long)).contains(&long));
        let other = "Subject: [SPAM] x\n\nbody";
        assert_eq!(original(other.as_bytes(), "*** "), other.as_bytes());
    }

    #[test]
    fn another_servers_mark_stays_and_comes_back() {
        let marked = "X-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=7\r\nSubject: x\r\n\r\nbody";
        assert_eq!(of(marked), marked);
        let tagged = "X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\nX-Spam-Status: Yes, score=9 tests=A,\r\n\t\
                      UPSTREAM_SAYS_SPAM version=popgate/0.1\r\nSubject: [SPAM] x\r\n\r\nbody";
        assert_eq!(of(tagged), "X-Spam-Flag: YES\r\nSubject: x\r\n\r\nbody");
    }

    #[test]
    fn popgates_own_messages_are_recognised() {
        let notice = "X-Popgate-Id: 1\r\nX-Spam-Flag: YES\r\nMessage-ID: <1@popgate.invalid>\r\n\
                      From: popgate <popgate@localhost>\r\nSubject: [held back as spam] x\r\n\r\n";
        assert!(is_popgates_own(notice.as_bytes()));
        let read = format!("X-Mozilla-Status: 0001\n{}", notice.replace('\r', ""));
        assert!(is_popgates_own(read.as_bytes()));
        let other = notice.replace("popgate@localhost", "a@b.example");
        assert!(!is_popgates_own(other.as_bytes()));
    }
}
