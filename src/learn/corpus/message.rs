//! A message of a corpus, and whether its owner deleted it.

use std::path::Path;

use crate::message::header::fields;

/// A message, or as much of its beginning as is judged.
#[derive(Debug)]
pub struct Message {
    /// Its file; for mbox files, also its number, counted from 1.
    pub path: String,
    /// The bytes to be judged.
    pub raw: Vec<u8>,
    /// The full length of the message.
    pub length: u64,
    /// Whether it was deleted or moved, and is only waiting for its folder to be compacted.
    pub deleted: bool,
}

/// Whether a Maildir file name has the flag `T` of a deleted message.
pub(super) fn is_trashed(name: &str) -> bool {
    let path = Path::new(name);
    let in_cur = path.parent().is_some_and(|folder| folder.ends_with("cur"));
    let flags = name.rsplit_once(":2,").map(|(_, flags)| flags);
    in_cur && flags.is_some_and(|flags| !flags.contains('/') && flags.contains('T'))
}

/// Thunderbird's flag for messages that were deleted or moved.
const EXPUNGED: u16 = 0x0008;

/// Whether the header of a message in an mbox file says that it was deleted: Thunderbird uses the first
/// X-Mozilla-Status, which precedes the sender's fields, others use Status and X-Status.
pub(super) fn is_expunged(raw: &[u8]) -> bool {
    let mut mozilla = None;
    for field in fields(raw) {
        let value = raw[field.value.clone()].trim_ascii();
        if field.is(raw, "X-Mozilla-Status") {
            let value = std::str::from_utf8(value).unwrap_or_default();
            mozilla = mozilla.or(u16::from_str_radix(value, 16).ok());
        } else if (field.is(raw, "Status") || field.is(raw, "X-Status"))
            && value.len() <= 8
            && value.contains(&b'D')
        {
            return true;
        }
    }
    mozilla.is_some_and(|flags| flags & EXPUNGED != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_messages_are_recognized() {
        let table = [
            ("X-Mozilla-Status: 0009\n", true),
            ("X-Mozilla-Status: 0008\nX-Mozilla-Status: 0001\n", true),
            ("X-Mozilla-Status: 0001\nX-Mozilla-Status: 0008\n", false),
            (
                "X-Mozilla-Status: 1001\nX-Mozilla-Status2: 00000008\n",
                false,
            ),
            ("Status: RO\nX-Status: D\n", true),
            ("Status: D\n", true),
            ("Status: RO\nX-Status: AF\n", false),
            ("Status: Delivered to many\n", false),
        ];
        for (fields, deleted) in table {
            assert_eq!(
                is_expunged(format!("{fields}From: a\n\nStatus: D").as_bytes()),
                deleted,
                "{fields}"
            );
        }
        for (name, deleted) in [
            ("m/cur/1.a:2,ST", true),
            ("m/cur/1.a:2,S", false),
            ("m/cur/T", false),
            ("m/other/1.a:2,T", false),
        ] {
            assert_eq!(is_trashed(name), deleted, "{name}");
        }
    }
}
