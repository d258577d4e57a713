//! Text as a reader sees it on one line.
//!
//! In: text in pieces; out: the same with every run of white space and control characters as one
//! space, and without invisible characters, so that `v<ZWSP>iagra` becomes `viagra`.
//! It never exceeds its limit.

/// Builds visible text from pieces.
#[derive(Debug, Default)]
pub struct VisibleTextBuilder {
    text: String,
    space: bool,
    limit: usize,
    /// Line ends since the last word: two of them separate paragraphs.
    lines: usize,
    keeps_lines: bool,
    breaks: Vec<usize>,
    split_words: usize,
}

/// Text on one line with the positions of its paragraphs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct VisibleText {
    /// All of it.
    pub text: String,
    /// Where each paragraph but the first begins.
    breaks: Vec<usize>,
    /// Number of times an invisible character separated two letters.
    pub split_words: usize,
}

impl VisibleText {
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

    /// The same for text in which a blank line begins a paragraph.
    pub fn of_lines(limit: usize) -> Self {
        Self {
            keeps_lines: true,
            ..Self::new(limit)
        }
    }

    /// Appends a piece; a word may continue from the previous piece.
    pub fn push(&mut self, piece: &str) {
        if self.text.len() >= self.limit {
            return;
        }
        let bytes = piece.as_bytes();
        let (mut run, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            if matches!(byte, b'!'..=b'~') {
                at += 1;
            } else if byte < 0x80 {
                self.append(&piece[run..at]);
                self.space = true;
                self.lines += usize::from(byte == b'\n' && self.keeps_lines);
                at += 1;
                run = at;
            } else {
                let Some(letter) = piece[at..].chars().next() else {
                    break;
                };
                let next = at + letter.len_utf8();
                if letter.is_whitespace() {
                    self.append(&piece[run..at]);
                    self.space = true;
                    run = next;
                } else if shows_nothing(letter) {
                    let before = at.checked_sub(1).map(|before| bytes[before]);
                    let letters = [before, bytes.get(next).copied()];
                    // A soft hyphen marks where a word may be hyphenated.
                    let splits = letter != '\u{ad}'
                        && letters
                            .iter()
                            .all(|of| of.is_some_and(|of| of.is_ascii_alphabetic()));
                    self.split_words += usize::from(splits);
                    self.append(&piece[run..at]);
                    run = next;
                }
                at = next;
            }
        }
        self.append(&piece[run..]);
    }

    /// Separates the words before and after.
    pub fn space(&mut self) {
        self.space = true;
    }

    /// A line ends here.
    pub fn line(&mut self) {
        self.space = true;
        self.lines += 1;
    }

    /// A paragraph ends here.
    pub fn paragraph(&mut self) {
        self.space = true;
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

    /// The text written since an earlier [`VisibleTextBuilder::len`].
    pub fn since(&self, start: usize) -> &str {
        self.text.get(start..).unwrap_or_default().trim()
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    /// The text and its paragraphs.
    pub fn finish_text(self) -> VisibleText {
        VisibleText {
            text: self.text,
            breaks: self.breaks,
            split_words: self.split_words,
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

/// The visible text of a text.
pub fn visible(text: &str) -> String {
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

// Soft hyphen, grapheme joiner, zero-width characters, directional marks and overrides, BOM.
fn shows_nothing(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_collapsed_and_invisible_characters_are_removed() {
        assert_eq!(visible(" a\r\n\tb\u{a0}\u{3000}c "), "a b c");
        assert_eq!(visible("v\u{200b}i\u{ad}agra \u{feff}é"), "viagra é");
        let mut text = VisibleTextBuilder::new(100);
        text.push("fr");
        text.push("ee ");
        text.push(" now");
        assert_eq!(text.finish(), "free now");
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
    fn the_limit_is_applied_at_a_character_boundary() {
        let mut text = VisibleTextBuilder::new(4);
        text.push("abcé");
        text.push("more");
        assert_eq!(text.finish(), "abc");
    }
}
