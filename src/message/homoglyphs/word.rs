//! Reads one word that is not plain ASCII.
//!
//! In: a word, and which letters the whole text has; out: how a person reads it, if its letters are not those it shows.

use std::borrow::Cow;
use std::cell::LazyCell;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::Script;

use super::look_alike::Glyph;

/// Longer runs of letters are not words.
pub(super) const WORD_LIMIT: usize = 64;

/// Which letters a text has.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Alphabets {
    latin: usize,
    accented: usize,
    /// ASCII letters among the Latin ones, and accents beyond those of Latin-1.
    ascii: usize,
    rarely_accented: usize,
    /// Accents that no 8-bit charset has: combining marks, and letters of Latin Extended Additional.
    never_misread: usize,
    /// Words, and words with accents.
    words: usize,
    accented_words: usize,
    /// Letters typical of languages with many accents; a dotless i as Turkish has it.
    is_vietnamese: bool,
    is_turkish: bool,
    /// Letters of Berber languages, which spell with a gamma.
    is_berber: bool,
    /// Cyrillic letters, and those among them that look like no Latin ones: Cyrillic text has many of these.
    cyrillic: usize,
    own_cyrillic: usize,
    pub(super) is_cjk: bool,
}

impl Alphabets {
    pub(super) fn of(text: &str) -> Self {
        let mut found = Self::default();
        let (mut latin, mut accented) = (0, 0);
        let mut vowels = Vowels::default();
        let (mut harmonious, mut inharmonious) = (0, 0);
        // Whether the previous letter has an accent: two on one letter, as in Vietnamese, count once.
        let mut is_marked = false;
        for letter in text.chars().chain([' ']) {
            // Most letters.
            if letter.is_ascii_alphabetic() {
                latin += 1;
                found.ascii += 1;
                is_marked = false;
                vowels.front += usize::from(matches!(letter, 'e' | 'i' | 'E'));
                continue;
            }
            vowels.take(letter);
            match letter {
                ' ' => {
                    match std::mem::take(&mut vowels) {
                        Vowels { dotless: 0, .. } => {}
                        Vowels { front: 0, .. } => harmonious += 1,
                        _ => inharmonious += 1,
                    }
                    found.words += usize::from(latin >= 3);
                    found.accented_words += usize::from(latin >= 3 && accented > 0);
                    found.latin += latin;
                    found.accented += accented;
                    (latin, accented) = (0, 0);
                }
                '\u{c0}'..='\u{2af}'
                | '\u{1d80}'..='\u{1d9a}'
                | '\u{1e00}'..='\u{1eff}'
                | '\u{2c60}'..='\u{2c7f}' => {
                    latin += 1;
                    is_marked = matches!(Glyph::of(letter), Glyph::Latin(base) if base.is_ascii());
                    accented += usize::from(is_marked);
                    found.rarely_accented += usize::from(is_marked && letter > '\u{ff}');
                    found.never_misread += usize::from(is_marked && letter >= '\u{1e00}');
                    found.is_vietnamese |=
                        matches!(letter, 'ơ' | 'ư' | 'Ơ' | 'Ư' | 'ắ' | 'ấ' | 'ế' | 'ố');
                    found.is_turkish |= matches!(letter, 'ğ' | 'ş' | 'İ');
                    found.is_berber |= matches!(letter, 'ḍ' | 'ẓ' | 'ṭ' | 'ɛ');
                }
                // Combining accents and strokes.
                '\u{300}'..='\u{36f}'
                | '\u{483}'..='\u{489}'
                | '\u{1ab0}'..='\u{1aff}'
                | '\u{1dc0}'..='\u{1dff}'
                | '\u{20d0}'..='\u{20ff}'
                | '\u{fe20}'..='\u{fe2f}' => {
                    accented += usize::from(!is_marked);
                    found.rarely_accented += 1;
                    found.never_misread += 1;
                    is_marked = true;
                    // The horn of Vietnamese.
                    found.is_vietnamese |= letter == '\u{31b}';
                }
                '\u{400}'..='\u{52f}' => {
                    found.cyrillic += 1;
                    let is_own = Glyph::of(letter) == Glyph::Own;
                    found.own_cyrillic += usize::from(is_own);
                }
                '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => {
                    found.is_cjk = true;
                }
                _ => {}
            }
        }
        found.is_turkish |= harmonious >= 2 && inharmonious == 0;
        found
    }

    /// Whether the text is in a language written in Cyrillic.
    fn is_cyrillic(&self) -> bool {
        self.own_cyrillic * 20 > self.cyrillic
    }

    /// Whether there are more accents than in any language: Vietnamese has one on every fourth letter, and no other
    /// language in this many words. Text decoded with a wrong charset has hardly a letter without an accent, and only
    /// accents of Latin-1.
    fn is_overaccented(&self) -> bool {
        let by_letters =
            self.accented * 5 > self.latin * 2 && self.rarely_accented * 8 >= self.accented;
        let by_words = !self.is_vietnamese
            && self.words >= 20
            && self.accented_words * 10 >= self.words * 9
            && self.ascii * 2 >= self.latin;
        let is_misread = self.ascii * 8 < self.latin && self.never_misread * 4 < self.accented;
        self.latin >= 20 && !is_misread && (by_letters || by_words)
    }
}

/// The vowels of a word. In a Turkish word a dotless i stands among back vowels only (vowel harmony); in `verıfy` it stands
/// for an i.
#[derive(Debug, Default)]
struct Vowels {
    dotless: usize,
    front: usize,
}

impl Vowels {
    fn take(&mut self, letter: char) {
        match letter {
            'ı' => self.dotless += 1,
            'ö' | 'ü' | 'İ' | 'Ö' | 'Ü' => self.front += 1,
            _ => {}
        }
    }
}

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// With letters and combining marks that compose to one letter (UAX 15).
    Decomposed,
    /// Letters of two scripts, or stray combining marks.
    Mixed,
    /// Styled letters, this many of them.
    Styled(usize),
    /// Full-width, as is usual in Chinese, Japanese and Korean text.
    FullWidth,
    /// Look-alikes only, or one or two styled letters: a disguise if other words are disguised.
    Perhaps,
    /// A letter that is unusual among Latin ones: a disguise if many words have one.
    Unusual,
}

/// A word as a person reads it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) plain: String,
    pub(super) writing: Writing,
}

/// Counts of the kinds of letters in a word.
#[derive(Default)]
struct Made {
    latin: usize,
    own: usize,
    /// Lower-case ASCII letters.
    small: usize,
    foreign: usize,
    greek: usize,
    small_greek: usize,
    cyrillic: usize,
    rare: usize,
    styled: usize,
    unusual: usize,
    phonetic: usize,
    wide: usize,
    marks: usize,
    row: usize,
    longest_row: usize,
    accented: usize,
    /// `æ`, which Ossetic has among Cyrillic letters.
    ash: usize,
    /// Letters of two scripts are adjacent: in `α-helix` they are not.
    touching: bool,
    before: Option<bool>,
    /// The same for styled and plain letters.
    touching_style: bool,
    style_before: Option<bool>,
}

pub(super) fn read(
    word: &str,
    alphabets: &LazyCell<Alphabets, impl FnOnce() -> Alphabets>,
) -> Option<Reading> {
    if word.len() > 6 * WORD_LIMIT {
        return None;
    }
    let composed: Cow<'_, str> = if word.contains(is_ligature) {
        Cow::Owned(word.nfkc().collect())
    } else if word.contains(is_combining_mark) {
        Cow::Owned(word.nfc().collect())
    } else {
        Cow::Borrowed(word)
    };
    let mut plain = String::with_capacity(composed.len());
    let mut made = Made::default();
    for letter in composed.chars().take(WORD_LIMIT) {
        made.take(letter, &mut plain);
    }
    let rest = composed.chars().skip(WORD_LIMIT);
    plain.extend(rest);
    let writing = match made.is_plain() || made.is_of_a_language() {
        true => None,
        false => made.writing(alphabets),
    };
    match writing {
        Some(writing) => Some(Reading { plain, writing }),
        None if composed != word => Some(Reading {
            plain: composed.into_owned(),
            writing: Writing::Decomposed,
        }),
        None => None,
    }
}

/// `ﬁ` and the like, from typesetting programs, and the long s of old print.
fn is_ligature(letter: char) -> bool {
    matches!(letter, '\u{fb00}'..='\u{fb06}' | 'ſ')
}

impl Made {
    fn take(&mut self, letter: char, plain: &mut String) {
        let glyph = Glyph::of(letter);
        self.touch(glyph);
        match glyph {
            Glyph::Latin(base) => {
                self.latin += 1;
                self.small += usize::from(letter.is_ascii_lowercase());
                self.ash += usize::from(base == 'æ');
                self.accented += usize::from(!letter.is_ascii() && base.is_ascii());
                self.phonetic += usize::from(matches!(
                    base,
                    'æ' | 'ð' | 'ŋ' | 'ə' | '\u{250}'..='\u{2af}'
                ));
                plain.push(base);
            }
            Glyph::Foreign(base, script) => {
                self.foreign += 1;
                match script {
                    Script::Greek => {
                        self.greek += 1;
                        self.small_greek += usize::from(letter.is_lowercase());
                    }
                    Script::Cyrillic => self.cyrillic += 1,
                    Script::Cherokee
                    | Script::Lisu
                    | Script::Coptic
                    | Script::Canadian_Aboriginal
                    | Script::Deseret
                    | Script::Osage
                    | Script::Old_Italic => self.rare += 1,
                    _ => {}
                }
                plain.push(base);
            }
            Glyph::Styled(base) => {
                self.styled += usize::from(base.is_ascii_alphabetic());
                self.wide += usize::from(matches!(letter, '\u{ff00}'..='\u{ffef}'));
                plain.push(base);
            }
            Glyph::Unusual(base) => {
                self.unusual += 1;
                plain.push(base);
            }
            // A mark of the letter's own script is spelling, one of another script is a disguise.
            Glyph::Mark(script) => {
                self.marks += usize::from(script != Script::Inherited || self.latin > 0);
            }
            Glyph::Own => {
                self.own += 1;
                plain.push(letter);
            }
            Glyph::Other => plain.push(letter),
        }
    }

    /// Notes whether a letter differs in kind from the one before it.
    fn touch(&mut self, glyph: Glyph) {
        self.row = match glyph {
            Glyph::Mark(_) => self.row + 1,
            _ => 0,
        };
        self.longest_row = self.longest_row.max(self.row);
        let is_native = match glyph {
            Glyph::Latin(_) => Some(true),
            Glyph::Foreign(..) => Some(false),
            Glyph::Mark(_) => self.before,
            _ => None,
        };
        self.touching |= is_native.is_some() && self.before.is_some() && is_native != self.before;
        self.before = is_native;
        let is_styled = match glyph {
            Glyph::Latin(_) => Some(false),
            Glyph::Styled(base) if base.is_ascii_alphabetic() => Some(true),
            _ => None,
        };
        self.touching_style |=
            is_styled.is_some() && self.style_before.is_some() && is_styled != self.style_before;
        self.style_before = is_styled;
    }

    /// Whether the word has ordinary Latin letters and signs only.
    fn is_plain(&self) -> bool {
        let counts = [
            self.own,
            self.foreign,
            self.styled,
            self.unusual,
            self.phonetic,
            self.wide,
            self.marks,
            self.longest_row,
            self.accented,
        ];
        counts.into_iter().sum::<usize>() == 0 && !self.touching && !self.touching_style
    }

    /// Whether it has a letter that looks like no Latin one: a word of some language.
    fn is_of_a_language(&self) -> bool {
        self.own > 0 && self.wide == 0
    }

    /// How any other word is written. Only such a word asks which letters the text has.
    fn writing(&self, alphabets: &Alphabets) -> Option<Writing> {
        // Formulas have Greek letters next to one or two Latin ones, biology has `TNFα`, and people who write Cyrillic
        // mistype single Latin letters.
        let is_mixed = self.latin > 0
            && self.foreign > 0
            && self.touching
            && (self.greek == 0 || self.latin >= 3)
            && (self.small_greek == 0 || self.small > 0)
            && (!alphabets.is_cyrillic() || self.latin - self.ash > self.foreign);
        let is_strewn = self.latin >= 3 && (self.marks >= 3 || self.longest_row >= 2);
        let is_overaccented = alphabets.is_overaccented() && self.accented + self.marks > 0;
        if is_mixed && self.own == 0 || is_strewn || is_overaccented {
            return Some(Writing::Mixed);
        }
        if self.wide > 0 && (alphabets.is_cjk || self.wide > self.styled) {
            return Some(Writing::FullWidth);
        }
        let is_spelling = alphabets.is_turkish || alphabets.is_berber;
        if self.own > 0 || is_spelling && self.styled == 0 {
            return None;
        }
        // Phonetic transcription has special letters.
        if self.phonetic > 0 {
            return None;
        }
        if self.touching_style && self.latin + self.styled >= 3 {
            return Some(Writing::Mixed);
        }
        if self.styled > 0 || self.unusual > 0 {
            return Some(match self.styled {
                3.. => Writing::Styled(self.styled),
                // Short words such as `of`, in a style of which longer words have more letters.
                1.. => Writing::Perhaps,
                0 if self.latin == 0 && self.unusual >= 3 => Writing::Styled(self.unusual),
                0 if self.latin >= 3 => Writing::Unusual,
                0 => Writing::Perhaps,
            });
        }
        if self.touching && self.latin > 0 && self.foreign > 0 && !alphabets.is_cyrillic() {
            return Some(Writing::Perhaps);
        }
        let is_look_alike = self.foreign > 0 && self.latin == 0 && self.own == 0;
        match is_look_alike {
            // Few people read Cherokee or Lisu, and their words do not consist of look-alikes alone.
            true if self.rare >= 3 => Some(Writing::Styled(self.rare)),
            true if !alphabets.is_cyrillic() || self.cyrillic == 0 => Some(Writing::Perhaps),
            _ => None,
        }
    }
}
