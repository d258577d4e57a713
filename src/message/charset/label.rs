//! Charset labels.
//!
//! In: the label in a header field or a page; out: its decoder.

use encoding_rs::Encoding;
use mail_parser::decoders::charsets::map::charset_decoder;

use super::utf::Order;

/// The decoder for a charset.
pub(super) enum Charset {
    /// US-ASCII: text with this label is often UTF-8.
    Ascii,
    /// A charset of the Encoding Standard.
    Standard(&'static Encoding),
    /// Any of ISO-2022-JP, -KR and -CN (RFC 1468, 1554, 1557, 1922): their escape sequences do not conflict.
    Iso2022,
    /// HZ-GB-2312 (RFC 1843).
    Hz,
    /// UTF-7 (RFC 2152).
    Utf7,
    /// UTF-16 (RFC 2781), in the byte order that the label names.
    Utf16(Order),
    /// UTF-32.
    Utf32(Order),
    /// A charset that only the mail parser knows, such as IBM850.
    Other(fn(&[u8]) -> String),
}

impl Charset {
    /// The charset of a label, misspelled ones included.
    pub(super) fn of(label: &str) -> Option<Self> {
        // RFC 2231 section 5: a language tag may follow.
        let label = label.split('*').next().unwrap_or_default();
        let label = label.trim_matches(|letter: char| {
            letter.is_ascii_whitespace() || letter.is_ascii_control() || "\"';,".contains(letter)
        });
        if label.len() > 45 {
            return None;
        }
        let letters = label.bytes().filter(u8::is_ascii_alphanumeric);
        let letters: String = letters
            .map(|letter| char::from(letter.to_ascii_lowercase()))
            .collect();
        let plain = letters.strip_prefix('x').unwrap_or(&letters);
        if let Some(own) = Self::beside_the_standard(plain) {
            return Some(own);
        }
        if let Some(encoding) = Encoding::for_label_no_replacement(label.as_bytes()) {
            return Some(Self::Standard(encoding));
        }
        if let Some(encoding) = respelled(plain) {
            return Some(Self::Standard(encoding));
        }
        charset_decoder(label.as_bytes()).map(Self::Other)
    }

    /// Looked up by the letters and digits of the label.
    fn beside_the_standard(label: &str) -> Option<Self> {
        Some(match label {
            "usascii" | "ascii" | "ansix341968" | "iso646us" | "csascii" => Self::Ascii,
            "utf7" | "csutf7" | "unicode11utf7" | "unicode20utf7" | "csunicode11utf7"
            | "imap4modifiedutf7" | "utf7imap" | "cp65000" | "windows65000" => Self::Utf7,
            "hz" | "hzgb2312" | "hzgb" | "chinesehz" | "gb2312hz" => Self::Hz,
            "utf16" | "utf16le" | "ucs2" | "ucs2le" | "unicode" | "csunicode" | "iso10646ucs2"
            | "unicodefeff" => Self::Utf16(Order::Little),
            "utf16be" | "ucs2be" | "unicodefffe" => Self::Utf16(Order::Big),
            "utf32" | "utf32be" | "ucs4" | "ucs4be" | "iso10646ucs4" => Self::Utf32(Order::Big),
            "utf32le" | "ucs4le" => Self::Utf32(Order::Little),
            "jis" | "jis7" | "jisencoding" => Self::Iso2022,
            _ if label.starts_with("iso2022") || label.starts_with("csiso2022") => Self::Iso2022,
            _ => return None,
        })
    }
}

/// Whether text in this charset can encode non-ASCII characters as ASCII octets.
pub(super) fn may_hide_in_ascii(label: &str) -> bool {
    matches!(
        Charset::of(label),
        Some(Charset::Iso2022 | Charset::Hz | Charset::Utf7)
    )
}

/// Labels of the standard with other punctuation or none, and code pages by number.
fn respelled(letters: &str) -> Option<&'static Encoding> {
    let number = |prefixes: &[&str]| {
        let mut prefixes = prefixes.iter();
        prefixes.find_map(|prefix| letters.strip_prefix(prefix)?.parse::<u16>().ok())
    };
    let latin = |number: u16| match number {
        1..=4 => Some(number),
        5 => Some(9),
        6 => Some(10),
        9 => Some(15),
        _ => None,
    };
    let label = match letters {
        _ if letters.starts_with("utf8") || letters == "unicodeutf8" => "utf-8",
        "shiftjis" | "sjis" | "mskanji" => "shift_jis",
        "eucjp" | "ujis" => "euc-jp",
        "euckr" | "uhc" | "ksc56011987" | "ksc5601" => "euc-kr",
        "euccn" | "gb23121980" | "gb2312" => "gb2312",
        "euctw" | "big5eten" | "big5" => "big5",
        "koi8r" | "koi8" => "koi8-r",
        "koi8u" | "koi8ru" => "koi8-u",
        "macroman" | "macintosh" => "macintosh",
        "maccyrillic" => "x-mac-cyrillic",
        _ => {
            let iso = number(&["iso8859", "8859", "iso", "iso88591987"])
                .or_else(|| number(&["latin", "l"]).and_then(latin));
            if let Some(part @ 1..=16) = iso {
                return Encoding::for_label(format!("iso-8859-{part}").as_bytes());
            }
            match number(&["windows", "win", "cp", "ms", "ibm", "codepage"])? {
                page @ 1250..=1258 => {
                    return Encoding::for_label(format!("windows-{page}").as_bytes());
                }
                page @ 28591..=28606 => {
                    let part = page - 28590;
                    return Encoding::for_label(format!("iso-8859-{part}").as_bytes());
                }
                866 => "ibm866",
                874 => "windows-874",
                932 | 943 => "shift_jis",
                936 => "gbk",
                949 | 51949 => "euc-kr",
                950 => "big5",
                20866 => "koi8-r",
                51932 => "euc-jp",
                54936 => "gb18030",
                65001 => "utf-8",
                _ => return None,
            }
        }
    };
    Encoding::for_label(label.as_bytes())
}
