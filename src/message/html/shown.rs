//! Which text of a page people see, and which is hidden from them.
//!
//! In: text in page order, with the reason why it is not seen, if it is not; out: the visible text, and how much is
//! hidden. Hidden text within a word neither splits nor joins it. Hidden text that most newsletters have is not
//! counted: a preheader at the top, and repetitions of the visible text for another screen size.

use std::cell::LazyCell;
use std::hash::Hasher;

use super::look::Unseen;
use crate::message::page_traits::{HiddenText, PageTraits};
use crate::message::prehashed::{HashesSet, hasher};
use crate::message::visible_text::{VisibleText, VisibleTextBuilder};
use crate::message::work::Work;

/// Text is at the top while at most this many bytes are visible, such as a link to the page in a browser.
const TOP: usize = 120;

/// Limit on the letters of a preheader, in bytes; clients show the first hundred. Anything longer is not a preheader.
const PREVIEW: usize = 400;

/// Limit on the hidden text that is kept, in bytes.
const KEPT: usize = 64 << 10;

/// Units of work per octet of text whose words are compared.
const WORD_WORK: u64 = 12;

/// A piece of hidden text.
struct Piece {
    why: Unseen,
    text: String,
    /// Whether nothing is visible before it.
    is_first: bool,
}

/// The text of a page.
pub(super) struct Shown {
    pub(super) text: VisibleTextBuilder,
    /// Text in the colour of its background: it may be visible on an image.
    faint: VisibleTextBuilder,
    /// Text that most programs show, held until it is known not to be within a word.
    undecided: String,
    limit: usize,
    unseen: Vec<Piece>,
    kept: usize,
    /// Letters of hidden text at the top, in bytes.
    preview: usize,
    begins_in_word: bool,
    in_words: usize,
}

impl Shown {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            text: VisibleTextBuilder::of_page(limit),
            faint: VisibleTextBuilder::new(limit.min(KEPT)),
            undecided: String::new(),
            limit,
            unseen: Vec::new(),
            kept: 0,
            preview: 0,
            begins_in_word: false,
            in_words: 0,
        }
    }

    /// Adds text that people see.
    pub(super) fn show(&mut self, text: &str) {
        if self.begins_in_word {
            self.begins_in_word = false;
            if self.text.is_within_word() && text.starts_with(char::is_alphanumeric) {
                self.in_words += 1;
                self.undecided.clear();
            }
        }
        self.decide();
        self.text.push(text);
    }

    /// Adds text that people do not see.
    pub(super) fn conceal(&mut self, text: &str, why: Unseen) {
        if !text.contains(|letter: char| !letter.is_whitespace()) {
            if matches!(why, Unseen::Faint | Unseen::BySome) {
                self.decide();
                self.text.space();
            }
            return;
        }
        self.begins_in_word |= self.text.is_within_word();
        match why {
            Unseen::BySome => self.undecided.push_str(text),
            Unseen::Faint => self.faint.push(text),
            Unseen::Hidden | Unseen::Tiny => {}
        }
        if why == Unseen::BySome {
            return;
        }
        let letters = letters(text);
        if self.text.len() < TOP {
            self.preview += letters;
        }
        self.kept += text.len();
        if self.kept <= KEPT {
            let is_top = self.text.len() < TOP;
            match self.unseen.last_mut() {
                Some(last) if last.why == why && !is_top => last.text.push_str(text),
                _ => self.unseen.push(Piece {
                    why,
                    text: text.to_owned(),
                    is_first: self.text.is_empty(),
                }),
            }
        }
    }

    /// Notes where a box begins or ends.
    #[inline]
    pub(super) fn part(&mut self) {
        self.decide();
        self.faint.space();
    }

    /// Adds the undecided text: it is not within a word.
    #[inline]
    pub(super) fn decide(&mut self) {
        if !self.undecided.is_empty() {
            self.text.push(&std::mem::take(&mut self.undecided));
        }
    }

    /// The visible text; what is hidden is counted in the traits.
    pub(super) fn finish(mut self, traits: &mut PageTraits, work: &Work<'_>) -> VisibleText {
        self.decide();
        self.text.settle();
        traits.in_words += self.in_words;
        let text = std::mem::take(&mut self.text).finish_text();
        // A preheader is no longer than the text it introduces.
        let has_preview = self.preview <= PREVIEW && self.preview <= text.text.len();
        let (mut skipped, mut preview) = (0, VisibleTextBuilder::new(PREVIEW));
        let compared = text.text.len() + self.kept.min(KEPT);
        if !self.unseen.is_empty() && work.spend(WORD_WORK * compared as u64) {
            // Most newsletters hide nothing but a preheader.
            let seen = LazyCell::new(|| words(&text.text));
            for piece in &self.unseen {
                if has_preview && skipped < self.preview {
                    skipped += letters(&piece.text);
                    // Message lists show it. With `display: none` it is not read: it repeats the text.
                    if piece.why != Unseen::Hidden && piece.is_first {
                        preview.push(&piece.text);
                    }
                    continue;
                }
                let of = match piece.why {
                    Unseen::Faint => &mut traits.faint,
                    Unseen::Tiny => &mut traits.tiny,
                    Unseen::Hidden | Unseen::BySome => &mut traits.hidden,
                };
                count(&piece.text, &seen, of);
            }
        }
        let mut text = text;
        text.add(&preview.finish_text(), self.limit);
        let faint = self.faint.finish_text();
        if text.text.len() < faint.text.len() {
            text.add(&faint, self.limit);
        }
        text
    }
}

/// Whether a character is a letter or a digit. Of spaces and punctuation, with which preheaders are filled up, this is known
/// without a search.
fn is_alphanumeric(letter: char) -> bool {
    !matches!(letter, '\u{80}'..='\u{a9}' | '\u{2000}'..='\u{206f}') && letter.is_alphanumeric()
}

/// The words of a text: its letters and digits in a row.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let (false, length @ 1..) = letter_at(text, at) {
            at += length;
        }
        let start = at;
        while let (true, length) = letter_at(text, at) {
            at += length;
        }
        (at > start).then(|| &text[start..at])
    })
}

/// Whether there is a letter or a digit at a place, and the length of the character there; 0 at the end.
#[inline]
fn letter_at(text: &str, at: usize) -> (bool, usize) {
    match text.as_bytes().get(at) {
        Some(octet) if octet.is_ascii() => (octet.is_ascii_alphanumeric(), 1),
        Some(_) => match text[at..].chars().next() {
            Some(letter) => (is_alphanumeric(letter), letter.len_utf8()),
            None => (false, 0),
        },
        None => (false, 0),
    }
}

/// Counts the words that are not among the visible ones.
fn count(unseen: &str, seen: &HashesSet, of: &mut HiddenText) {
    for word in words_of(unseen) {
        if !seen.contains(&hash(word)) {
            of.add(word);
        }
    }
}

/// The hashes of a text's words.
pub(super) fn words(text: &str) -> HashesSet {
    let mut all = HashesSet::default();
    all.reserve(text.len() / 16);
    all.extend(words_of(text).map(hash));
    all
}

/// The letters of a text's words that are not among others, in bytes.
pub(super) fn new_letters(text: &str, among: &HashesSet) -> usize {
    words_of(text)
        .filter(|word| !among.contains(&hash(word)))
        .map(str::len)
        .sum()
}

fn hash(word: &str) -> u64 {
    let mut hasher = hasher();
    for piece in word.as_bytes().chunks(16) {
        let mut octets = [0; 16];
        octets[..piece.len()].copy_from_slice(piece);
        octets.make_ascii_lowercase();
        hasher.write_u128(u128::from_le_bytes(octets));
    }
    hasher.write_usize(word.len());
    hasher.finish()
}

fn letters(text: &str) -> usize {
    words_of(text).map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_those_of_unicode() {
        let all = '\0'..=char::MAX;
        let wrong = all.filter(|it| is_alphanumeric(*it) != it.is_alphanumeric());
        assert_eq!(wrong.collect::<String>(), "");
    }

    #[test]
    fn words_are_those_between_other_characters() {
        let pieces = [
            "a", "B7", "é", "ж", "٣", " ", "-", "\u{a0}", "\u{200c}", "\u{fffd}", "漢",
        ];
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..2_000 {
            let count = random.usize(..20);
            let text: String = (0..count)
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            let words = words.filter(|word| !word.is_empty());
            assert!(words_of(&text).eq(words), "{text:?}");
        }
    }
}
