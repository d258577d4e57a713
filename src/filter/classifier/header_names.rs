//! Which header fields a sender writes, which a mail program or a mailbox adds, and which are marks of filters.
//!
//! Fields that a copy of a message has and another copy of it has not are no evidence: neither what clients keep
//! about a message (read, moved, labelled) nor what a filter thought of it.

/// Exact names of fields that mail programs, mailbox formats and mailbox servers keep about a message.
const BOOKKEEPING: &[&str] = &[
    "status",
    "x-status",
    "x-keywords",
    "x-label",
    "x-labels",
    "x-folder",
    "x-account-key",
    "x-mailbox-line",
    "content-length",
    "lines",
    "x-universally-unique-identifier",
    "x-uniform-type-identifier",
];

/// Beginnings of such names.
const BOOKKEEPING_BEGIN: &[&str] = &[
    "x-mozilla-",
    "x-uid",
    "x-gmail-",
    "x-gm-",
    "x-apple-",
    "x-evolution-",
    "x-imap",
    "x-getmail-",
    "x-fetchmail-",
    "x-kmail-",
    "x-claws-",
    "x-sylpheed-",
    "x-offlineimap",
    "x-dovecot-",
];

/// Fields that popgate writes above a message, without an inbound copy of them.
const POPGATES: &[&str] = &[
    "x-spam-flag",
    "x-spam-status",
    "x-spam-level",
    "x-spam-report",
    "x-popgate-id",
];

/// Beginnings of the names of filters' marks, popgate's among them.
const MARKS: &[&str] = &[
    "x-spam-",
    "x-popgate-",
    "x-bogosity",
    "x-spambayes-",
    "x-spamprobe",
    "x-crm114-",
    "x-dspam-",
    "x-rspamd-",
];

/// What the sender writes: a message is told from others by these fields and its body. All others are added on the
/// way, or at the end of it.
const SENDERS: &[&str] = &[
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "date",
    "message-id",
    "subject",
    "in-reply-to",
    "references",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
];

/// The third letter is compared first: all beginnings have the first two in common.
fn begins(name: &[u8], begin: &str) -> bool {
    let begin = begin.as_bytes();
    name.get(..begin.len())
        .is_some_and(|name| name[2] | 0x20 == begin[2] && name.eq_ignore_ascii_case(begin))
}

fn is_in(name: &[u8], names: &[&str]) -> bool {
    let mut alike = names.iter().filter(|known| known.len() == name.len());
    alike.any(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a mail program or a mailbox added the field.
pub(super) fn is_bookkeeping(name: &[u8]) -> bool {
    // Nearly all others begin with other letters.
    match name.first() {
        Some(b'x' | b'X' | b's' | b'S' | b'c' | b'C' | b'l' | b'L') => {
            is_in(name, BOOKKEEPING) || BOOKKEEPING_BEGIN.iter().any(|it| begins(name, it))
        }
        _ => false,
    }
}

/// Whether popgate writes fields of this name.
pub(super) fn is_popgates(name: &[u8]) -> bool {
    is_in(name, POPGATES)
}

/// Whether the classifier learns from the field.
pub(super) fn is_evidence(name: &[u8]) -> bool {
    let is_mark =
        matches!(name.first(), Some(b'x' | b'X')) && MARKS.iter().any(|mark| begins(name, mark));
    !is_mark && !is_bookkeeping(name)
}

/// The place of a sender's field among all of them; `None` if it is another's.
pub(super) fn senders(name: &[u8]) -> Option<usize> {
    SENDERS
        .iter()
        .position(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// The name of a sender's field.
pub(super) fn senders_name(place: usize) -> &'static str {
    SENDERS[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_apart_by_their_names() {
        let table = [
            ("X-Mozilla-Status2", true, false),
            ("Status", true, false),
            ("X-UIDL", true, false),
            ("X-Gmail-Labels", true, false),
            ("x-apple-mail-flags", true, false),
            ("Content-Length", true, false),
            ("X-IMAPbase", true, false),
            ("X-Spam-Status", false, false),
            ("X-Bogosity", false, false),
            ("X-Popgate-Id", false, false),
            ("X-Mailer", false, true),
            ("Subject", false, true),
            ("Content-Type", false, true),
            ("Received", false, true),
            ("List-Id", false, true),
        ];
        for (name, bookkeeping, evidence) in table {
            assert_eq!(is_bookkeeping(name.as_bytes()), bookkeeping, "{name}");
            assert_eq!(is_evidence(name.as_bytes()), evidence, "{name}");
        }
        assert!(senders(b"MESSAGE-ID").is_some());
        assert!(senders(b"Received").is_none());
    }
}
