//! Text as a reader sees it on one line.
//!
//! In: text in pieces; out: the same with every run of white space and control characters as one
//! space, and without the characters that show nothing, so that `v<ZWSP>iagra` reads as it looks.
//! It never grows past the room it was given.

/// Builds folded text.
#[derive(Debug, Default)]
pub struct Folded {
    text: String,
    space: bool,
    limit: usize,
}

impl Folded {
    /// An empty text that holds at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Appends a piece; a word may go on from the piece before.
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
                    self.append(&piece[run..at]);
                    run = next;
                }
                at = next;
            }
        }
        self.append(&piece[run..]);
    }

    /// The words before and after are apart.
    pub fn space(&mut self) {
        self.space = true;
    }

    /// How long the text is, in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is no text yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// What was written since an earlier [`Folded::len`].
    pub fn since(&self, start: usize) -> &str {
        self.text.get(start..).unwrap_or_default().trim()
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }

    fn append(&mut self, run: &str) {
        if run.is_empty() {
            return;
        }
        if self.space && !self.text.is_empty() {
            self.text.push(' ');
        }
        self.space = false;
        let room = self.limit.saturating_sub(self.text.len());
        let part = cut(run, room);
        self.text.push_str(part);
        if part.len() < run.len() {
            self.limit = self.text.len();
        }
    }
}

/// Folds a text.
pub fn folded(text: &str) -> String {
    let mut folded = Folded::new(text.len());
    folded.push(text);
    folded.finish()
}

/// The longest beginning of at most `limit` bytes that ends between characters.
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
    fn white_space_is_one_space_and_the_invisible_is_gone() {
        assert_eq!(folded(" a\r\n\tb\u{a0}\u{3000}c "), "a b c");
        assert_eq!(folded("v\u{200b}i\u{ad}agra \u{feff}é"), "viagra é");
        let mut text = Folded::new(100);
        text.push("fr");
        text.push("ee ");
        text.push(" now");
        assert_eq!(text.finish(), "free now");
    }

    #[test]
    fn the_limit_holds_at_a_character_boundary() {
        let mut text = Folded::new(4);
        text.push("abcé");
        text.push("more");
        assert_eq!(text.finish(), "abc");
    }
}
