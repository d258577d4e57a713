//! How a decision is kept in the store: as the edit that gives the message the same octets again.
//!
//! In: a decision; out: an [`Edit`], and back. An edit that cannot be read is none: the message is judged anew then.
//!
//! The block is the mark before the subject, and the fields; or the notice. The flags say which, and how long the mark is.

use bytes::{Bytes, BytesMut};

use super::exchange::Stored;
use crate::metrics::MessageAction;
use crate::rewrite::MarkText;
use crate::store::records::Edit;

const NOTICE: u32 = 1;
const TAGGED: u32 = 2;
/// Above the other flags: octets of the mark before the subject.
const SUBJECT_MARK: u32 = 8;

/// The edit of a decision; `None` leaves the message as it is, or cannot be kept.
pub(super) fn edit_of(decision: &Stored) -> Option<Edit> {
    let mut block = BytesMut::new();
    let flags = match decision {
        Stored::Unchanged => return None,
        Stored::Notice(notice) => {
            block.extend_from_slice(notice);
            NOTICE
        }
        Stored::Mark(text, action) => {
            block.extend_from_slice(text.subject_mark.as_bytes());
            block.extend_from_slice(&text.fields);
            let octets = u32::try_from(text.subject_mark.len()).ok()?;
            let tagged = match action {
                MessageAction::Tag => TAGGED,
                _ => 0,
            };
            tagged | octets.checked_shl(SUBJECT_MARK)?
        }
    };
    Some(Edit {
        block: block.freeze(),
        flags,
    })
}

/// The decision of an edit.
pub(super) fn decision_of(edit: &Edit) -> Option<Stored> {
    let mut block: Bytes = edit.block.clone();
    Some(match edit.flags & NOTICE {
        NOTICE => Stored::Notice(block),
        _ => {
            let octets = usize::try_from(edit.flags >> SUBJECT_MARK).ok()?;
            let subject_mark = (octets <= block.len()).then(|| block.split_to(octets))?;
            let action = match edit.flags & TAGGED {
                TAGGED => MessageAction::Tag,
                _ => MessageAction::Pass,
            };
            let text = MarkText {
                fields: block,
                subject_mark: std::str::from_utf8(&subject_mark).ok()?.into(),
            };
            Stored::Mark(text, action)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_what_they_were() {
        let mark = |subject_mark: &str, action| {
            let text = MarkText {
                fields: Bytes::from_static(b"X-Popgate-Id: 1-2\r\n"),
                subject_mark: subject_mark.into(),
            };
            Stored::Mark(text, action)
        };
        for decision in [
            mark("[SPAM] ", MessageAction::Tag),
            mark("", MessageAction::Pass),
            mark("\u{26a0} ", MessageAction::Tag),
            Stored::Notice(Bytes::from_static(b"Subject: x\r\n\r\n..\r\n")),
            Stored::Notice(Bytes::new()),
        ] {
            let edit = edit_of(&decision).unwrap();
            assert_eq!(decision_of(&edit), Some(decision));
        }
        assert_eq!(edit_of(&Stored::Unchanged), None);
    }

    #[test]
    fn a_damaged_edit_is_none() {
        let edit = |block: &'static [u8], flags| Edit {
            block: Bytes::from_static(block),
            flags,
        };
        for damaged in [
            edit(b"", 1 << SUBJECT_MARK),
            edit(b"ab", 3 << SUBJECT_MARK),
            edit(b"\xff\xfe", 1 << SUBJECT_MARK),
        ] {
            assert_eq!(decision_of(&damaged), None, "{damaged:?}");
        }
    }
}
