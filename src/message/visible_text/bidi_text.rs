//! Text under bidi controls, until its display order is known.
//!
//! In: controls and the text between them; out: which controls are open. It limits how much of a text is reordered.

use crate::message::bidi;

/// Limit on a line in bytes; a longer one is displayed as several.
pub(super) const LINE: usize = 8 << 10;

/// Limit on the text that is reordered, in bytes: each costs about 200 nanoseconds.
pub(super) const ALL: usize = 32 << 10;

/// Limit on nested controls (UAX 9, BD2).
const DEPTH: usize = 125;

/// A control, and whether an element opened it: a character's control ends with its line (UAX 9, X8).
pub(crate) type Open = (char, bool);

/// The open controls, and the text since the first.
#[derive(Debug, Default)]
pub(super) struct BidiText {
    pub(super) open: Vec<Open>,
    pub(super) line: String,
    /// The last character of the line.
    pub(super) last: Option<char>,
    /// The bytes reordered so far.
    pub(super) all: usize,
}

impl BidiText {
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Opens a control.
    pub(super) fn open(&mut self, control: char, is_element: bool) {
        if self.open.len() < DEPTH {
            self.open.push((control, is_element));
            self.line.push(control);
        }
    }

    /// Closes the last control; a control that closes nothing is ignored.
    pub(super) fn close(&mut self, control: char) {
        let isolates = |open: &Open| matches!(open.0, bidi::LRI..=bidi::FSI);
        let fits = |open: &Open| isolates(open) == (control == bidi::PDI);
        if control == bidi::PDI {
            if let Some(at) = self.open.iter().rposition(fits) {
                self.open.truncate(at);
                self.line.push(control);
            }
        } else if self.open.last().is_some_and(fits) {
            self.open.pop();
            self.line.push(control);
        }
    }

    /// The last character.
    pub(super) fn last(&self) -> Option<char> {
        self.last
    }
}
