//! Visible text in display order.
//!
//! In: boxes and control characters that set the writing direction, and the text between them; out: the line in display
//! order, appended to the visible text.

use super::VisibleTextBuilder;
use super::bidi_text::{ALL, LINE, Open};
use crate::message::bidi;

impl VisibleTextBuilder {
    /// Begins an inline box whose text has a direction of its own.
    pub(crate) fn open(&mut self, control: char) {
        self.bidi_text.open(control, true);
    }

    /// Whether a direction is set.
    #[inline]
    pub(crate) fn has_direction(&self) -> bool {
        self.bidi_text.is_open()
    }

    /// Ends an inline box.
    pub(crate) fn close(&mut self, control: char) {
        self.bidi_text.close(control);
        if !self.bidi_text.is_open() {
            self.settle();
        }
    }

    /// Begins a block whose lines have a direction of their own; returns the controls that were open around it.
    pub(crate) fn begin_block(&mut self, control: Option<char>) -> Vec<Open> {
        self.settle();
        self.bidi_text.line.clear();
        let outer = std::mem::take(&mut self.bidi_text.open);
        if let Some(control) = control {
            self.bidi_text.open(control, true);
        }
        outer
    }

    /// Ends a block.
    pub(crate) fn end_block(&mut self, outer: Vec<Open>) {
        self.settle();
        self.bidi_text.line.clear();
        self.bidi_text
            .line
            .extend(outer.iter().map(|(control, _)| control));
        self.bidi_text.open = outer;
    }

    /// Takes text up to where the last control is closed; returns the rest.
    pub(super) fn push_bidi_text<'p>(&mut self, piece: &'p str) -> &'p str {
        for (at, letter) in piece.char_indices() {
            let next = at + letter.len_utf8();
            if bidi::opens(letter) {
                self.bidi_text.open(letter, false);
            } else if bidi::closes(letter) {
                self.bidi_text.close(letter);
            } else if letter == '\n' && self.keeps_lines {
                // The end of a paragraph ends all controls (UAX 9, X8).
                self.settle();
                self.bidi_text.open.clear();
                self.bidi_text.line.clear();
                return &piece[at..];
            } else {
                self.bidi_text.line.push(letter);
                self.bidi_text.last = Some(letter);
            }
            if !self.bidi_text.is_open() {
                self.settle();
                return &piece[next..];
            }
            if self.bidi_text.line.len() >= LINE {
                self.settle();
            }
        }
        ""
    }

    /// Ends a line. Controls that elements opened stay open.
    #[inline]
    pub(super) fn end_line(&mut self) {
        if self.bidi_text.is_open() {
            self.settle();
            self.bidi_text.open.retain(|(_, is_element)| *is_element);
            self.bidi_text.line.clear();
            let open = self.bidi_text.open.iter();
            self.bidi_text.line.extend(open.map(|(control, _)| control));
        }
    }

    /// Appends the text taken so far. Open controls stay open.
    pub(crate) fn settle(&mut self) {
        if self.bidi_text.line.is_empty() {
            return;
        }
        self.bidi_text.last = None;
        let line = std::mem::take(&mut self.bidi_text.line);
        let open = std::mem::take(&mut self.bidi_text.open);
        let is_text = |letter: char| !bidi::opens(letter) && !bidi::closes(letter);
        let room = ALL.saturating_sub(self.bidi_text.all);
        if line.contains(is_text) {
            if room >= line.len() && bidi::may_reorder(&line) {
                self.bidi_text.all += line.len();
                let read = bidi::in_display_order(&line);
                if line.contains(bidi::RLO) {
                    self.turned_words += read.split_ascii_whitespace().count();
                }
                self.push_plain(&read);
            } else {
                let line: String = line.chars().filter(|letter| is_text(*letter)).collect();
                self.push_plain(&line);
            }
        }
        self.bidi_text
            .line
            .extend(open.iter().map(|(control, _)| control));
        self.bidi_text.open = open;
    }
}
