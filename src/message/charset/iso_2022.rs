//! 7-bit charsets that switch between character sets: ISO-2022-JP, -KR and -CN (RFC 1468, 1554, 1557, 1922), and HZ
//! (RFC 1843).
//!
//! In: octets; out: text. The sets are decoded with the 8-bit charsets that contain them. An escape sequence for an
//! unknown set is dropped, as no client shows it.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS};

/// A character set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Ascii,
    /// JIS X 0201: one octet per character.
    Katakana,
    Jis0208,
    Jis0212,
    Gb2312,
    KsX1001,
    /// A set that no charset here contains, such as CNS 11643.
    Other,
}

impl Set {
    /// The charset that contains it, and the octets that precede each character there.
    fn charset(self) -> (&'static Encoding, Option<u8>) {
        match self {
            Self::Ascii | Self::Jis0208 | Self::Other => (EUC_JP, None),
            Self::Jis0212 => (EUC_JP, Some(0x8f)),
            Self::Katakana => (SHIFT_JIS, None),
            Self::Gb2312 => (GB18030, None),
            Self::KsX1001 => (EUC_KR, None),
        }
    }
}

/// Decodes text that switches by escape sequences, shift-out and shift-in.
pub(super) fn decode(bytes: &[u8]) -> String {
    let mut text = Runs::new(bytes.len());
    let (mut first, mut second, mut is_shifted) = (Set::Ascii, Set::Ascii, false);
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            0x1b => match designation(rest) {
                Some((Some(Place::First(set)), after)) => (first, rest) = (set, after),
                Some((Some(Place::Second(set)), after)) => (second, rest) = (set, after),
                Some((None, after)) => rest = after,
                None => {}
            },
            0x0e => is_shifted = true,
            0x0f => is_shifted = false,
            b'\n' => {
                // RFC 1468 and RFC 1557: each line starts in the initial state.
                (first, is_shifted) = (Set::Ascii, false);
                text.push(Set::Ascii, &[byte]);
            }
            _ => {
                let set = if is_shifted { second } else { first };
                rest = text.letter(set, byte, rest);
            }
        }
    }
    text.finish()
}

/// What a set is designated to.
enum Place {
    First(Set),
    Second(Set),
}

/// The designation of an escape sequence, if it is a known one, and the text after it.
fn designation(rest: &[u8]) -> Option<(Option<Place>, &[u8])> {
    let between = rest.iter().take_while(|byte| (0x20..0x30).contains(*byte));
    let between = between.count().min(3);
    let (sequence, after) = rest.split_at_checked(between + 1)?;
    if between == 0 || !(0x30..0x7f).contains(&sequence[between]) {
        return None;
    }
    let place = match sequence {
        b"(I" => Place::First(Set::Katakana),
        // ASCII, JIS X 0201 Roman, and others that differ in a few characters.
        [b'(', _] => Place::First(Set::Ascii),
        b"$@" | b"$B" | b"$(@" | b"$(B" => Place::First(Set::Jis0208),
        b"$(D" => Place::First(Set::Jis0212),
        b"$A" | b"$(A" => Place::First(Set::Gb2312),
        b"$(C" => Place::First(Set::KsX1001),
        [b'$', _] | [b'$', b'(', _] => Place::First(Set::Other),
        b"$)A" => Place::Second(Set::Gb2312),
        b"$)C" => Place::Second(Set::KsX1001),
        [b'$', b')', _] => Place::Second(Set::Other),
        _ => return Some((None, after)),
    };
    Some((Some(place), after))
}

/// Decodes HZ: `~{` and `~}` switch, `~~` is a tilde, and `~` before a line end joins the lines.
pub(super) fn decode_hz(bytes: &[u8]) -> String {
    let mut text = Runs::new(bytes.len());
    let mut set = Set::Ascii;
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        (set, rest) = match (byte, after) {
            (b'~', [b'{', after @ ..]) => (Set::Gb2312, after),
            (b'~', [b'}', after @ ..]) => (Set::Ascii, after),
            (b'~', [b'~', after @ ..]) if set == Set::Ascii => {
                text.push(set, b"~");
                (set, after)
            }
            (b'~', [b'\r', b'\n', after @ ..] | [b'\n', after @ ..]) => (Set::Ascii, after),
            (b'\n', _) => {
                text.push(Set::Ascii, b"\n");
                (Set::Ascii, after)
            }
            _ => (set, text.letter(set, byte, after)),
        };
    }
    text.finish()
}

/// Text in runs of one set each.
struct Runs {
    text: String,
    run: Vec<u8>,
    set: Set,
}

impl Runs {
    fn new(length: usize) -> Self {
        Self {
            text: String::with_capacity(length),
            run: Vec::new(),
            set: Set::Ascii,
        }
    }

    /// Takes a character that begins with this octet; returns the text after it.
    fn letter<'b>(&mut self, set: Set, byte: u8, rest: &'b [u8]) -> &'b [u8] {
        let is_letter = |byte: u8| (0x21..0x7f).contains(&byte);
        match (set, rest.split_first()) {
            (Set::Ascii, _) => self.push(set, &[byte]),
            (Set::Katakana, _) if (0x21..0x60).contains(&byte) => self.push(set, &[byte | 0x80]),
            (Set::Katakana, _) => self.push(Set::Ascii, &[byte]),
            (Set::Other, Some((&second, after))) if is_letter(byte) && is_letter(second) => {
                self.end_run();
                self.text.push(char::REPLACEMENT_CHARACTER);
                return after;
            }
            (_, Some((&second, after))) if is_letter(byte) && is_letter(second) => {
                let letter = [byte | 0x80, second | 0x80];
                match set.charset().1 {
                    Some(prefix) => self.push(set, &[prefix, letter[0], letter[1]]),
                    None => self.push(set, &letter),
                }
                return after;
            }
            // Spaces and line ends between characters, and octets that begin no character.
            _ => self.push(Set::Ascii, &[byte]),
        }
        rest
    }

    fn push(&mut self, set: Set, octets: &[u8]) {
        if set != self.set {
            self.end_run();
            self.set = set;
        }
        self.run.extend_from_slice(octets);
    }

    fn end_run(&mut self) {
        if self.set == Set::Ascii {
            // 8-bit octets do not belong to this charset and are kept as they are.
            match str::from_utf8(&self.run) {
                Ok(run) => self.text.push_str(run),
                Err(_) => self.text.extend(self.run.iter().copied().map(char::from)),
            }
        } else if !self.run.is_empty() {
            let decoded = self.set.charset().0.decode_without_bom_handling(&self.run);
            self.text.push_str(&decoded.0);
        }
        self.run.clear();
    }

    fn finish(mut self) -> String {
        self.end_run();
        self.text
    }
}
