//! The edits to one message.

use std::ops::Range;

use bytes::Bytes;

use super::edit::Edit;
use super::mark_text::MarkText;
use super::spam_headers;
use super::subject_mark;
use crate::message::header::{Field, fields};
use crate::pop3::line::ends_in_bare_lf;

/// A piece of a rewritten message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Octets of the original, by offset.
    Original(Range<usize>),
    /// Octets that popgate adds.
    Inserted(Bytes),
}

/// All edits to one message, in the order of their offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    edits: Vec<Edit>,
}

impl Plan {
    /// The edits that mark a message, found in its header.
    ///
    /// `complete` says whether the header is complete; if not, its last field may continue, and is not edited.
    ///
    /// Fields are inserted at the very top, where no signature of the message covers them
    /// (RFC 6376 section 5.4.2), so DKIM still verifies; only the subject mark breaks it, on spam.
    pub fn new(wire: &[u8], complete: bool, text: &MarkText) -> Self {
        let mut edits = Vec::new();
        let wanted = !text.fields.is_empty();
        if wanted {
            edits.push(Edit {
                at: 0,
                remove: 0,
                insert: text.fields.clone(),
            });
        }
        let mark_subject = !text.subject_mark.is_empty();
        if text.is_empty() {
            return Self { edits };
        }
        let mut subject_seen = false;
        for field in fields(wire) {
            if !complete && field.whole.end == wire.len() {
                break;
            }
            if wanted && spam_headers::is_own(&wire[field.name.clone()]) {
                edits.push(without(wire, &field));
            } else if mark_subject && !subject_seen && field.is(wire, "Subject") {
                subject_seen = true;
                edits.extend(subject_mark::edit(wire, &field, &text.subject_mark));
            }
        }
        Self { edits }
    }

    /// Whether the message is unchanged.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Octets inserted.
    pub fn added(&self) -> usize {
        self.edits.iter().map(|edit| edit.insert.len()).sum()
    }

    /// Octets removed.
    pub fn removed(&self) -> usize {
        self.edits.iter().map(|edit| edit.remove).sum()
    }

    /// A message of this length in pieces, after the edits; unchanged parts are given by their offsets.
    pub fn apply(&self, length: usize) -> Vec<Piece> {
        let mut pieces = Vec::with_capacity(2 * self.edits.len() + 1);
        let mut done = 0;
        for edit in &self.edits {
            pieces.push(Piece::Original(done..edit.at));
            pieces.push(Piece::Inserted(edit.insert.clone()));
            done = edit.at + edit.remove;
        }
        pieces.push(Piece::Original(done..length));
        pieces.retain(|piece| match piece {
            Piece::Original(range) => !range.is_empty(),
            Piece::Inserted(bytes) => !bytes.is_empty(),
        });
        pieces
    }
}

/// Removes a field: a sender must not forge popgate's own fields.
///
/// Whether a dot at the beginning of a line is stuffing, or the end of the response, depends on the line end before it.
/// If the line ends before and after the field differ, removing it would change the meaning of the next line; the field
/// is then kept under a meaningless name.
fn without(wire: &[u8], field: &Field) -> Edit {
    let bare = |at: usize| ends_in_bare_lf(&wire[..at]);
    let at = field.whole.start;
    if bare(field.whole.start) == bare(field.whole.end) {
        let remove = field.whole.len();
        let insert = Bytes::new();
        return Edit { at, remove, insert };
    }
    Edit {
        at,
        remove: 0,
        insert: Bytes::from_static(b"Old-"),
    }
}
