//! Text under controls of writing direction, until it is known in which order it is displayed.
//!
//! In: the controls and the text between them; out: which of them are open. What is turned of one text is limited.

use crate::message::bidi;

/// Limit of a line; a longer one is displayed in several.
pub(super) const LINE: usize = 8 << 10;

/// Limit of what is turned in a text, in bytes: it costs about 200 nanoseconds each.
pub(super) const ALL: usize = 32 << 10;

/// Limit of controls within each other (UAX 9, BD2).
const DEPTH: usize = 125;

/// A control, and whether it is an element's: that of a letter ends with its line (UAX 9, X8).
pub(crate) type Open = (char, bool);

/// The controls that are open, and the text since the first.
#[derive(Debug, Default)]
pub(super) struct Turned {
    pub(super) open: Vec<Open>,
    pub(super) line: String,
    /// The last letter of the line.
    pub(super) last: Option<char>,
    /// What was turned, in bytes.
    pub(super) all: usize,
}

impl Turned {
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

    /// Closes the last control; what closes one that is not there does nothing.
    pub(super) fn close(&mut self, control: char) {
        let isolates = |open: &Open| matches!(open.0, bidi::ISOLATES_LEFT..=bidi::ISOLATES_FIRST);
        let fits = |open: &Open| isolates(open) == (control == bidi::POPS_ISOLATE);
        if control == bidi::POPS_ISOLATE {
            if let Some(at) = self.open.iter().rposition(fits) {
                self.open.truncate(at);
                self.line.push(control);
            }
        } else if self.open.last().is_some_and(fits) {
            self.open.pop();
            self.line.push(control);
        }
    }

    /// The last letter.
    pub(super) fn last(&self) -> Option<char> {
        self.last
    }
}
