//! Character references as programs write them (HTML standard 13.2.5.72): with a semicolon, by number or by a name that
//! mail has.

/// Names of characters in mail; any other is odd.
const NAMED: [(&str, &str); 56] = [
    ("Auml", "Ä"),
    ("Ouml", "Ö"),
    ("Uuml", "Ü"),
    ("aacute", "á"),
    ("acirc", "â"),
    ("agrave", "à"),
    ("amp", "&"),
    ("apos", "'"),
    ("aring", "å"),
    ("atilde", "ã"),
    ("auml", "ä"),
    ("bull", "•"),
    ("ccedil", "ç"),
    ("cent", "¢"),
    ("copy", "©"),
    ("deg", "°"),
    ("eacute", "é"),
    ("ecirc", "ê"),
    ("egrave", "è"),
    ("emsp", "\u{2003}"),
    ("ensp", "\u{2002}"),
    ("euro", "€"),
    ("gt", ">"),
    ("hellip", "…"),
    ("iacute", "í"),
    ("iexcl", "¡"),
    ("iquest", "¿"),
    ("laquo", "«"),
    ("ldquo", "“"),
    ("lsquo", "‘"),
    ("lt", "<"),
    ("mdash", "—"),
    ("middot", "·"),
    ("nbsp", "\u{a0}"),
    ("ndash", "–"),
    ("ntilde", "ñ"),
    ("oacute", "ó"),
    ("ocirc", "ô"),
    ("otilde", "õ"),
    ("ouml", "ö"),
    ("pound", "£"),
    ("quot", "\""),
    ("raquo", "»"),
    ("rarr", "→"),
    ("rdquo", "”"),
    ("reg", "®"),
    ("rsaquo", "›"),
    ("rsquo", "’"),
    ("sect", "§"),
    ("shy", "\u{ad}"),
    ("szlig", "ß"),
    ("trade", "™"),
    ("uacute", "ú"),
    ("uuml", "ü"),
    ("zwj", "\u{200d}"),
    ("zwnj", "\u{200c}"),
];

/// Digits of the number of a character.
const DIGITS: usize = 7;

/// Appends a text with its references decoded; `None` if one is odd.
pub(super) fn decoded(text: &str, is_attribute: bool, out: &mut String) -> Option<()> {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let octets = rest.as_bytes();
        let length = match octets.first() {
            Some(b'#') => {
                let digits = octets[1..].iter().take(DIGITS + 2);
                let digits = digits.take_while(|octet| octet.is_ascii_alphanumeric());
                1 + digits.count()
            }
            _ => {
                let letters = octets.iter();
                letters
                    .take_while(|octet| octet.is_ascii_alphanumeric())
                    .count()
            }
        };
        match octets.get(length) {
            // Not the beginning of a reference.
            _ if length == 0 => out.push('&'),
            Some(b';') => {
                match rest[..length].strip_prefix('#') {
                    Some(number) => out.push(numbered(number)?),
                    None => out.push_str(named(&rest[..length])?),
                }
                rest = &rest[length + 1..];
            }
            // As between two arguments of a query (13.2.5.73).
            Some(b'=') if is_attribute && !octets.starts_with(b"#") => out.push('&'),
            _ => return None,
        }
    }
    out.push_str(rest);
    Some(())
}

fn named(name: &str) -> Option<&'static str> {
    let place = NAMED.binary_search_by(|(known, _)| (*known).cmp(name));
    Some(NAMED[place.ok()?].1)
}

/// The character of a number, unless another is shown in its place (13.2.5.80).
fn numbered(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() || digits.len() > DIGITS {
        return None;
    }
    let number = u32::from_str_radix(digits, radix).ok()?;
    let is_replaced = number == 0 || (0x80..0xa0).contains(&number);
    char::from_u32(number).filter(|_| !is_replaced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_order() {
        assert!(NAMED.is_sorted());
    }
}
