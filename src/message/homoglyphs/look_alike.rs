//! Letters that look like Latin ones.
//!
//! In: a character; out: the ASCII letter that a person takes it for, and which kind of character it is. What is not in
//! the tables of this file is looked up in the confusables of Unicode Technical Standard 39 and in the compatibility
//! decompositions of Unicode Standard Annex 15.

use std::sync::LazyLock;

use super::flags;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_script::{Script, UnicodeScript};

/// What a character is to a reader of Latin text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glyph {
    /// A Latin letter that some language spells with, without its accents.
    Latin(char),
    /// A letter of another script that looks like a Latin one.
    Foreign(char, Script),
    /// A styled Latin letter or digit: mathematical, circled, full-width, a small capital.
    Styled(char),
    /// A styled letter that also occurs in ordinary words: superscripts as in `2ᵉ`, the dotless i of Turkish, the
    /// gamma of Berber languages.
    Unusual(char),
    /// A combining mark on the previous letter.
    Mark(Script),
    /// A letter that looks like no Latin one.
    Own,
    /// Punctuation, a digit, a symbol.
    Other,
}

/// The glyphs of the characters up to Armenian, which most texts consist of: finding each takes several tables.
static COMMON: LazyLock<Vec<Glyph>> =
    LazyLock::new(|| ('\0'..'\u{590}').map(Glyph::found).collect());

impl Glyph {
    pub(super) fn of(letter: char) -> Self {
        if letter.is_ascii() {
            return match letter.is_ascii_alphabetic() {
                true => Self::Latin(letter.to_ascii_lowercase()),
                false => Self::Other,
            };
        }
        match COMMON.get(letter as usize) {
            Some(glyph) => *glyph,
            None => Self::of_block(letter).unwrap_or_else(|| Self::found(letter)),
        }
    }

    /// The glyph of a character in blocks whose characters are all alike to a reader of Latin text: ideographs, kana and
    /// Hangul syllables, or punctuation, symbols and emoji.
    fn of_block(letter: char) -> Option<Self> {
        match letter {
            '\u{3041}'..='\u{3096}'
            | '\u{30a1}'..='\u{30fa}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{ac00}'..='\u{d7a3}' => Some(Self::Own),
            '\u{2010}'..='\u{2027}'
            | '\u{2030}'..='\u{205e}'
            | '\u{20a0}'..='\u{20c0}'
            | '\u{2190}'..='\u{23ff}'
            | '\u{2500}'..='\u{2767}'
            | '\u{3000}'..='\u{3004}'
            | '\u{3008}'..='\u{3020}'
            | '\u{ff01}'..='\u{ff0f}'
            | '\u{ff1a}'..='\u{ff20}'
            | '\u{1f300}'..='\u{1f64f}'
            | '\u{1f680}'..='\u{1f6ff}'
            | '\u{1f900}'..='\u{1f9ff}' => Some(Self::Other),
            _ => None,
        }
    }

    fn found(letter: char) -> Self {
        if is_combining_mark(letter) {
            return Self::Mark(letter.script());
        }
        if let Some(plain) = negative(letter).or_else(|| flags::letter(letter)) {
            return Self::Styled(plain);
        }
        if !letter.is_alphanumeric() {
            return match letter {
                // Parenthesized letters are symbols.
                '\u{249c}'..='\u{24b5}' => compatible(letter).map_or(Self::Other, Self::Styled),
                _ => Self::Other,
            };
        }
        match letter.script() {
            Script::Latin => latin(letter),
            Script::Common => compatible(letter)
                .or_else(|| confusable(letter))
                .map_or(Self::Other, Self::Styled),
            // Nobody takes a stroke or a circle of these scripts for a letter of a Latin word.
            Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul => Self::Own,
            script => match similar(letter) {
                Some(plain) => Self::Foreign(plain, script),
                None => Self::Own,
            },
        }
    }
}

fn latin(letter: char) -> Glyph {
    if let Some(base) = letter.nfd().next().filter(char::is_ascii_alphabetic) {
        return Glyph::Latin(base.to_ascii_lowercase());
    }
    match letter {
        'ı' => return Glyph::Unusual('i'),
        'ɣ' | 'Ɣ' => return Glyph::Unusual('y'),
        // Ordinal indicators are read as they are, and occur in text decoded with a wrong charset.
        'ª' | 'º' => return Glyph::Other,
        'ß' | 'ð' | 'þ' | 'æ' | 'œ' | 'ŋ' | 'ə' => return Glyph::Latin(letter),
        _ => {}
    }
    let is_modifier = matches!(letter, '\u{2b0}'..='\u{2ff}' | '\u{1d2c}'..='\u{1d6a}' | '\u{1d78}'..='\u{1dbf}' | '\u{2071}'..='\u{209c}' | '\u{2c7c}'..='\u{2c7d}');
    let compatible = compatible(letter);
    if let Some(plain) = compatible.filter(|_| is_modifier) {
        return Glyph::Unusual(plain);
    }
    match small_capital(letter).or(compatible) {
        Some(plain) => Glyph::Styled(plain),
        // With a stroke or a hook, as in Polish, Danish and Hausa.
        None => match stroked(letter) {
            Some(base) => Glyph::Latin(base),
            None => confusable(letter).map_or(Glyph::Latin(letter), Glyph::Styled),
        },
    }
}

/// The letter without its stroke or hook. UTS 39 has a mark for some of these.
fn stroked(letter: char) -> Option<char> {
    const STROKED: &str = "aⱥaᶏbƀbɓcȼcƈdɗdđeɇfƒgǥgɠhħhɦiɨkƙlłmɱnɲoøpƥrɍsʂtŧtƭuʉvʋyɏyƴzƶzȥ";
    let small = letter.to_lowercase().next()?;
    if let Some(at) = STROKED.find(small) {
        return STROKED[..at].chars().next_back();
    }
    let mut octets = [0; 4];
    let mut prototype = unicode_security::skeleton(letter.encode_utf8(&mut octets));
    let base = prototype.next().filter(char::is_ascii_alphabetic)?;
    let is_marked =
        prototype.next().is_some_and(is_combining_mark) && prototype.all(is_combining_mark);
    is_marked.then(|| base.to_ascii_lowercase())
}

/// `LATIN LETTER SMALL CAPITAL …` of the Unicode names list; UTS 39 has only some of them.
fn small_capital(letter: char) -> Option<char> {
    const CAPITALS: &str = "aᴀbʙcᴄdᴅeᴇfꜰgɢhʜiɪjᴊkᴋlʟmᴍnɴoᴏpᴘqꞯrʀsꜱtᴛuᴜvᴠwᴡyʏzᴢ";
    if !matches!(letter, '\u{250}'..='\u{2af}' | '\u{1d00}'..='\u{1d2b}' | '\u{a720}'..='\u{a7ff}')
    {
        return None;
    }
    let at = CAPITALS.find(letter)?;
    CAPITALS[..at].chars().next_back()
}

/// White letters on black circles and squares, which have no decomposition.
fn negative(letter: char) -> Option<char> {
    let first = match letter {
        '\u{1f130}'..='\u{1f149}' => 0x1f130,
        '\u{1f150}'..='\u{1f169}' => 0x1f150,
        '\u{1f170}'..='\u{1f189}' => 0x1f170,
        _ => return None,
    };
    let number = u8::try_from(u32::from(letter) - first).ok()?;
    Some(char::from(b'a' + number))
}

/// The first letter or digit of the compatibility decomposition (UAX 15).
fn compatible(letter: char) -> Option<char> {
    let base = letter.nfkd().find(char::is_ascii_alphanumeric)?;
    Some(base.to_ascii_lowercase())
}

/// The prototype in UTS 39, if it is a Latin letter.
fn confusable(letter: char) -> Option<char> {
    let mut octets = [0; 4];
    let mut prototype = unicode_security::skeleton(letter.encode_utf8(&mut octets));
    match (prototype.next()?, prototype.next(), prototype.next()) {
        // UTS 39's prototype of a capital i is a small l.
        ('l', None, _) if letter.is_uppercase() => Some('i'),
        (plain, None, _) if plain.is_ascii_alphabetic() => Some(plain.to_ascii_lowercase()),
        ('r', Some('n'), None) => Some('m'),
        _ => None,
    }
}

/// The Latin letter that a letter of another script looks like, alone or among Latin ones.
fn similar(letter: char) -> Option<char> {
    let base = letter.nfd().next().filter(|base| *base != letter);
    near(letter)
        .or_else(|| confusable(letter))
        .or_else(|| base.and_then(near))
}

/// The Latin letter that a Greek, Cyrillic, Armenian, Cherokee or Coptic one resembles in common fonts, where UTS 39 is
/// stricter or chooses the other case.
fn near(letter: char) -> Option<char> {
    Some(match letter {
        'а' | 'А' | 'α' | 'Α' | 'Ꭺ' => 'a',
        'В' | 'в' | 'Β' | 'β' | 'Ᏼ' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' | 'Ꮯ' => 'c',
        'ԁ' | 'Ꭰ' | 'ժ' => 'd',
        'е' | 'Е' | 'Ε' | 'є' | 'Є' | 'ε' | 'ҽ' | 'Ꭼ' | 'ё' | 'Ё' => 'e',
        'ғ' | 'Ғ' | 'ϝ' => 'f',
        'ɡ' | 'ց' | 'Ԍ' | 'Ꮐ' => 'g',
        'һ' | 'Н' | 'н' | 'Η' | 'հ' | 'Ꮋ' | 'Һ' => 'h',
        'і' | 'І' | 'ι' | 'Ι' | 'ї' | 'Ї' | 'Ꭵ' => 'i',
        'ј' | 'Ј' | 'ϳ' | 'Ꭻ' => 'j',
        'к' | 'К' | 'κ' | 'Κ' | 'Ꮶ' => 'k',
        'ӏ' | 'Ӏ' | 'ⅼ' | 'Ꮮ' => 'l',
        'м' | 'М' | 'Μ' | 'Ꮇ' => 'm',
        'п' | 'Ν' | 'η' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' | 'Օ' | 'σ' | 'ө' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' | 'Ꮲ' => 'p',
        'ԛ' | 'զ' => 'q',
        'г' | 'Ꮢ' => 'r',
        'ѕ' | 'Ѕ' | 'Ꮪ' | 'տ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' | 'Ꭲ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' | 'Ꮩ' => 'v',
        'ԝ' | 'ω' | 'ա' | 'Ꮃ' | 'ш' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'γ' | 'Υ' | 'ү' | 'Ү' => 'y',
        'Ζ' | 'Ꮓ' => 'z',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_of_blocks_have_the_glyphs_that_are_found() {
        let blocks = ('\0'..=char::MAX).filter_map(|it| Some((it, Glyph::of_block(it)?)));
        let wrong = blocks.filter(|(letter, glyph)| *glyph != Glyph::found(*letter));
        assert_eq!(wrong.map(|(letter, _)| letter).collect::<String>(), "");
    }

    #[test]
    fn letters_are_taken_for_latin_ones() {
        for (letters, plain) in [
            ("ᴠɪᴀɢʀᴀ", "viagra"),
            ("𝕧𝒾𝖆𝚐𝗿𝐚", "viagra"),
            ("ⓥⒾ🅐🄶🆁⒜", "viagra"),
            ("𝜌𝛢𝜈", "pav"),
            ("ⅤⅰƖǀ", "viil"),
            ("ｖｉＡｇｒａ", "viagra"),
        ] {
            let read: String = letters
                .chars()
                .filter_map(|letter| match Glyph::of(letter) {
                    Glyph::Styled(plain) => Some(plain),
                    _ => None,
                })
                .collect();
            assert_eq!(read, plain, "{letters}");
        }
        for (letters, plain) in [("аеорсхІ", "aeopcxi"), ("ᎪᏢ", "ap"), ("ꓲ", "l"), ("ѵ", "v")]
        {
            let read: String = letters
                .chars()
                .filter_map(|letter| match Glyph::of(letter) {
                    Glyph::Foreign(plain, _) => Some(plain),
                    _ => None,
                })
                .collect();
            assert_eq!(read, plain, "{letters}");
        }
    }

    #[test]
    fn letters_of_languages_are_their_own() {
        for letter in "éßøłđñșğčœæəŋƙ".chars() {
            assert!(matches!(Glyph::of(letter), Glyph::Latin(_)), "{letter}");
        }
        for letter in "жлфдλψ漢工かアの한ش".chars() {
            assert_eq!(Glyph::of(letter), Glyph::Own, "{letter}");
        }
    }
}
