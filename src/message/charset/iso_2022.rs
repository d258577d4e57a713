//! Charsets of seven bits that switch between sets of letters: ISO-2022-JP, -KR and -CN (RFC 1468, 1554, 1557, 1922),
//! and HZ (RFC 1843).
//!
//! In: octets; out: text. The sets are decoded by the eight-bit charsets that contain them. A sequence that designates
//! no known set is left out, as nobody sees it.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS};

/// A set of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Ascii,
    /// JIS X 0201: one octet for a letter.
    Katakana,
    Jis0208,
    Jis0212,
    Gb2312,
    KsX1001,
    /// One that no charset here contains, such as CNS 11643.
    Other,
}

impl Set {
    /// The charset that contains it, and what precedes each letter there.
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

/// Decodes what switches by escape sequences, shift-out and shift-in.
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
                // Each line begins anew in RFC 1468 and RFC 1557.
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

/// Where a set is designated to.
enum Place {
    First(Set),
    Second(Set),
}

/// What an escape sequence designates, if it is known, and what follows it.
fn designation(rest: &[u8]) -> Option<(Option<Place>, &[u8])> {
    let between = rest.iter().take_while(|byte| (0x20..0x30).contains(*byte));
    let between = between.count().min(3);
    let (sequence, after) = rest.split_at_checked(between + 1)?;
    if between == 0 || !(0x30..0x7f).contains(&sequence[between]) {
        return None;
    }
    let place = match sequence {
        b"(I" => Place::First(Set::Katakana),
        // ASCII, JIS X 0201 Roman, and others that differ in a few signs.
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

    /// Takes a letter that begins with this octet; returns what follows it.
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
            // Blanks and line ends between letters, and what is not a letter.
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
            // Octets of eight bits are not of this charset: they fall back to themselves.
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
