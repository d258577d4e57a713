//! Visible text in display order.
//!
//! In: boxes and control characters that set the writing direction, and the text between them; out: the line in display
//! order, appended to the visible text.

use super::VisibleTextBuilder;
use super::turned::{ALL, LINE, Open};
use crate::message::bidi;

impl VisibleTextBuilder {
    /// Begins an inline box whose text has a direction of its own.
    pub(crate) fn open(&mut self, control: char) {
        self.turned.open(control, true);
    }

    /// Whether a direction is set.
    pub(crate) fn is_turned(&self) -> bool {
        self.turned.is_open()
    }

    /// Ends an inline box.
    pub(crate) fn close(&mut self, control: char) {
        self.turned.close(control);
        if !self.turned.is_open() {
            self.settle();
        }
    }

    /// Begins a block whose lines have a direction of their own; returns the controls that were open around it.
    pub(crate) fn begin_block(&mut self, control: Option<char>) -> Vec<Open> {
        self.settle();
        self.turned.line.clear();
        let outer = std::mem::take(&mut self.turned.open);
        if let Some(control) = control {
            self.turned.open(control, true);
        }
        outer
    }

    /// Ends a block.
    pub(crate) fn end_block(&mut self, outer: Vec<Open>) {
        self.settle();
        self.turned.line.clear();
        self.turned
            .line
            .extend(outer.iter().map(|(control, _)| control));
        self.turned.open = outer;
    }

    /// Takes text up to where the last control is closed; returns the rest.
    pub(super) fn push_turned<'p>(&mut self, piece: &'p str) -> &'p str {
        for (at, letter) in piece.char_indices() {
            let next = at + letter.len_utf8();
            if bidi::opens(letter) {
                self.turned.open(letter, false);
            } else if bidi::closes(letter) {
                self.turned.close(letter);
            } else if letter == '\n' && self.keeps_lines {
                // The end of a paragraph ends all controls (UAX 9, X8).
                self.settle();
                self.turned.open.clear();
                self.turned.line.clear();
                return &piece[at..];
            } else {
                self.turned.line.push(letter);
                self.turned.last = Some(letter);
            }
            if !self.turned.is_open() {
                self.settle();
                return &piece[next..];
            }
            if self.turned.line.len() >= LINE {
                self.settle();
            }
        }
        ""
    }

    /// Ends a line. Controls that elements opened stay open.
    pub(super) fn end_line(&mut self) {
        if self.turned.is_open() {
            self.settle();
            self.turned.open.retain(|(_, is_element)| *is_element);
            self.turned.line.clear();
            let open = self.turned.open.iter();
            self.turned.line.extend(open.map(|(control, _)| control));
        }
    }

    /// Appends the text taken so far. Open controls stay open.
    pub(crate) fn settle(&mut self) {
        if self.turned.line.is_empty() {
            return;
        }
        self.turned.last = None;
        let line = std::mem::take(&mut self.turned.line);
        let open = std::mem::take(&mut self.turned.open);
        let is_text = |letter: char| !bidi::opens(letter) && !bidi::closes(letter);
        let room = ALL.saturating_sub(self.turned.all);
        if line.contains(is_text) {
            if room >= line.len() && bidi::turns(&line) {
                self.turned.all += line.len();
                let read = bidi::as_read(&line);
                if line.contains(bidi::OVERRIDES_RIGHT) {
                    self.turned_words += read.split_ascii_whitespace().count();
                }
                self.push_plain(&read);
            } else {
                let line: String = line.chars().filter(|letter| is_text(*letter)).collect();
                self.push_plain(&line);
            }
        }
        self.turned
            .line
            .extend(open.iter().map(|(control, _)| control));
        self.turned.open = open;
    }
}
