//! Text as a reader sees it on one line.
//!
//! In: pieces of text; out: the same in display order, with each run of white space as one space, and without invisible
//! characters, so that `v<ZWSP>iagra` becomes `viagra`. It never exceeds its limit.

pub(crate) mod bidi_text;
mod direction;

use std::ops::Range;

use crate::message::homoglyphs::{self, invisible_run_at, is_far_from_ignorable};
use crate::message::{bidi, blocks};
use bidi_text::BidiText;

/// Builds visible text from pieces.
#[derive(Debug, Default)]
pub struct VisibleTextBuilder {
    text: String,
    space: bool,
    limit: usize,
    /// Line ends since the last word: two separate paragraphs.
    lines: usize,
    keeps_lines: bool,
    /// Whether text is put into display order. A file name keeps its stored order.
    reorders: bool,
    breaks: Vec<usize>,
    split_words: usize,
    bidi_text: BidiText,
    turned_words: usize,
}

/// Text on one line with the positions of its paragraphs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VisibleText {
    /// All of it.
    pub text: String,
    /// Where each paragraph but the first begins.
    breaks: Vec<usize>,
    /// Number of times that invisible characters separated two letters.
    pub split_words: usize,
    /// Number of words whose display order differs from their stored order.
    pub turned_words: usize,
}

impl VisibleText {
    /// Adds another text's paragraphs, up to a limit.
    pub(crate) fn add(&mut self, other: &Self, limit: usize) {
        for paragraph in other.paragraphs().filter(|paragraph| !paragraph.is_empty()) {
            if self.text.len() + paragraph.len() >= limit {
                return;
            }
            if !self.text.is_empty() {
                self.text.push(' ');
                self.breaks.push(self.text.len());
            }
            self.text.push_str(paragraph);
        }
    }

    /// Replaces parts of the text, which are in order and within paragraphs.
    pub(crate) fn edit(&mut self, edits: &[(Range<usize>, String)]) {
        let mut breaks = self.breaks.iter_mut().peekable();
        let (mut longer, mut shorter) = (0, 0);
        for (range, plain) in edits {
            while let Some(at) = breaks.next_if(|at| **at <= range.start) {
                *at = *at + longer - shorter;
            }
            longer += plain.len();
            shorter += range.len();
        }
        breaks.for_each(|at| *at = *at + longer - shorter);
        self.text = homoglyphs::edited(&self.text, edits);
    }

    /// The paragraphs.
    pub fn paragraphs(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.breaks.iter().copied());
        let ends = self.breaks.iter().copied();
        let ends = ends.chain(std::iter::once(self.text.len()));
        begins
            .zip(ends)
            .filter_map(|(begin, end)| Some(self.text.get(begin..end)?.trim_end()))
    }
}

impl VisibleTextBuilder {
    /// An empty text that holds at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The same for text in which a blank line begins a paragraph, and of which most is visible.
    pub fn of_lines(limit: usize) -> Self {
        Self {
            text: String::with_capacity(limit),
            keeps_lines: true,
            ..Self::of_page(limit)
        }
    }

    /// The same for the text of an HTML page, in display order.
    pub(crate) fn of_page(limit: usize) -> Self {
        Self {
            reorders: true,
            ..Self::new(limit)
        }
    }

    /// Appends a piece; a word may continue from the previous piece.
    pub fn push(&mut self, piece: &str) {
        let mut rest = piece;
        while !rest.is_empty() && self.text.len() < self.limit {
            rest = match self.bidi_text.is_open() {
                true => self.push_bidi_text(rest),
                false => self.push_plain(rest),
            };
        }
    }

    /// Appends a piece up to the next bidi control; returns the rest.
    fn push_plain<'p>(&mut self, piece: &'p str) -> &'p str {
        let bytes = piece.as_bytes();
        let (mut run, mut at) = (0, 0);
        // Each further space is one of the piece.
        let pending = usize::from(self.space && !self.text.is_empty());
        let fits = self.text.len() + pending + piece.len() <= self.limit;
        let is_visible = |byte: &u8| matches!(byte, b'!'..=b'~');
        loop {
            // One space between two words stays as it is.
            let is_between = || at > run && bytes.get(at + 1).is_some_and(is_visible);
            match bytes.get(at) {
                Some(b'!'..=b'~') if fits => at = after_words(bytes, at),
                Some(b' ') if fits && is_between() => at = after_words(bytes, at),
                _ => {}
            }
            while bytes.get(at).is_some_and(is_visible) {
                at += 1;
            }
            let Some(byte) = bytes.get(at) else {
                break;
            };
            if *byte < 0x80 {
                self.append(&piece[run..at]);
                let start = at;
                while let Some(blank @ (b'\t'..=b'\r' | b' ')) = bytes.get(at) {
                    self.lines += usize::from(*blank == b'\n' && self.keeps_lines);
                    at += 1;
                }
                self.space |= at > start;
                // Other control characters, such as NUL, are invisible.
                at = at.max(start + 1);
                run = at;
            } else {
                let Some(letter) = piece[at..].chars().next() else {
                    break;
                };
                let next = at + letter.len_utf8();
                // Most letters.
                if is_far_from_ignorable(letter) {
                    at = next;
                    continue;
                }
                let reorders = self.reorders;
                let is_bidi_control = |letter| reorders && bidi::opens(letter);
                if let Some(invisible) = invisible_run_at(piece, at, is_bidi_control) {
                    self.split_words += usize::from(invisible.is_within_word);
                    self.append(&piece[run..at]);
                    run = invisible.end;
                    at = invisible.end;
                    continue;
                }
                if letter.is_whitespace() {
                    self.append(&piece[run..at]);
                    self.space = true;
                    run = next;
                } else if is_bidi_control(letter) {
                    self.append(&piece[run..at]);
                    self.bidi_text.open(letter, false);
                    return &piece[next..];
                }
                at = next;
            }
        }
        self.append(&piece[run..]);
        ""
    }

    /// Separates the words before and after.
    pub fn space(&mut self) {
        self.settle();
        self.space = true;
    }

    /// Whether the next letter would continue a word.
    pub(crate) fn is_within_word(&self) -> bool {
        let last = match self.bidi_text.is_open() {
            true => self.bidi_text.last(),
            false => self.text.chars().next_back(),
        };
        !self.space && last.is_some_and(char::is_alphanumeric)
    }

    /// Ends a line.
    pub fn line(&mut self) {
        self.end_line();
        self.space();
        self.lines += 1;
    }

    /// Ends a paragraph.
    pub fn paragraph(&mut self) {
        self.end_line();
        self.space();
        self.lines = 2;
    }

    /// The length of the text in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is no text yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text appended since an earlier [`VisibleTextBuilder::len`].
    pub fn since(&self, start: usize) -> &str {
        self.text.get(start..).unwrap_or_default().trim()
    }

    /// The text.
    pub fn finish(mut self) -> String {
        self.settle();
        self.text
    }

    /// The text and its paragraphs.
    pub fn finish_text(mut self) -> VisibleText {
        self.settle();
        VisibleText {
            text: self.text,
            breaks: self.breaks,
            split_words: self.split_words,
            turned_words: self.turned_words,
        }
    }

    fn append(&mut self, run: &str) {
        if run.is_empty() {
            return;
        }
        if self.space && !self.text.is_empty() {
            self.text.push(' ');
            if self.lines >= 2 {
                self.breaks.push(self.text.len());
            }
        }
        self.space = false;
        self.lines = 0;
        let room = self.limit.saturating_sub(self.text.len());
        let part = cut(run, room);
        self.text.push_str(part);
        if part.len() < run.len() {
            self.limit = self.text.len();
        }
    }
}

/// The end of visible octets with single spaces between them, the first of which is here.
pub(crate) fn after_words(bytes: &[u8], from: usize) -> usize {
    let is_visible = |octet: u8| octet.wrapping_sub(b'!') <= b'~' - b'!';
    let end = blocks::find::<17>(bytes, from, 0, |window, at| {
        let is_between = (window[at] == b' ') & is_visible(window[at + 1]);
        !(is_visible(window[at]) | is_between)
    });
    end.unwrap_or(bytes.len())
}

/// The visible text of a text.
pub fn visible(text: &str) -> String {
    // Most names, and texts that people write in settings and rules, are visible as they are.
    if !text.starts_with(' ') && after_words(text.as_bytes(), 0) == text.len() {
        return text.to_owned();
    }
    let mut builder = VisibleTextBuilder::new(text.len());
    builder.push(text);
    builder.finish()
}

/// The longest prefix of at most `limit` bytes that ends at a character boundary.
pub fn cut(text: &str, limit: usize) -> &str {
    if limit >= text.len() {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_collapsed_and_invisible_characters_are_removed() {
        assert_eq!(visible(" a\r\n\tb\u{a0}\u{3000}c "), "a b c");
        assert_eq!(visible("v\u{200b}i\u{ad}agra \u{feff}é"), "viagra é");
        assert_eq!(visible("vi\u{200a}ag\u{3164}ra 1\u{2009}km"), "viagra 1 km");
        assert_eq!(visible("a\u{202e}fdp.exe"), "afdp.exe");
        assert_eq!(visible("v\0i\u{80}a\u{9f}g\u{7}ra"), "viagra");
        let mut text = VisibleTextBuilder::new(100);
        text.push("fr");
        text.push("ee ");
        text.push(" now");
        assert_eq!(text.finish(), "free now");
    }

    #[test]
    fn long_runs_are_as_short_ones() {
        let pieces = [
            "a",
            "bcd",
            " ",
            "  ",
            "\t",
            "\u{7f}",
            "é",
            "\u{200b}",
            "long word",
            "\n",
        ];
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..2_000 {
            let text: String = (0..20).map(|_| pieces[random.usize(..10)]).collect();
            let mut by_letter = VisibleTextBuilder::new(1000);
            text.split_inclusive(|_| true)
                .for_each(|letter| by_letter.push(letter));
            // Invisible characters are looked at with those around them.
            if !text.contains('\u{200b}') {
                assert_eq!(visible(&text), by_letter.finish(), "{text:?}");
            }
        }
    }

    #[test]
    fn lines_are_read_in_display_order() {
        let mut text = VisibleTextBuilder::of_lines(100);
        text.push("\u{202e}yub\u{202c} it \u{202e}won\nhere a\u{202e}c");
        text.push("b\u{202c}.");
        let text = text.finish_text();
        assert_eq!(
            (&*text.text, text.turned_words),
            ("buy it now here abc.", 3)
        );
    }

    #[test]
    fn paragraph_starts_are_recorded() {
        let mut text = VisibleTextBuilder::of_lines(100);
        text.push("\n\na\nb\n \nc\n\n\n\nd\n\n");
        let text = text.finish_text();
        assert_eq!(text.text, "a b c d");
        assert_eq!(text.paragraphs().collect::<Vec<_>>(), ["a b", "c", "d"]);
        assert_eq!(
            VisibleText::default().paragraphs().collect::<Vec<_>>(),
            [""]
        );
    }

    #[test]
    fn edits_keep_paragraphs() {
        let mut text = VisibleTextBuilder::of_lines(100);
        text.push("аа b\n\nc аа\n\nаа аа\n\nd");
        let mut text = text.finish_text();
        let starts = text.text.match_indices("аа").map(|(at, _)| at);
        let edits: Vec<_> = starts
            .zip(["", "xxxxxxxxx", "y", "zzzz"])
            .map(|(at, plain)| (at..at + 4, plain.to_owned()))
            .collect();
        text.edit(&edits);
        let paragraphs: Vec<_> = text.paragraphs().collect();
        assert_eq!(paragraphs, [" b", "c xxxxxxxxx", "y zzzz", "d"]);
    }

    #[test]
    fn the_limit_is_applied_at_a_character_boundary() {
        let mut text = VisibleTextBuilder::new(4);
        text.push("abcé");
        text.push("more");
        assert_eq!(text.finish(), "abc");
    }
}
