//! A user name as the client sent it: octets, in whatever character set the user's system has.
//!
//! In: the argument of USER or a part of a SASL response; out: the same octets for the server, and a text for
//! routes, limits and the log. RFC 1939 section 3 knows no character set; RFC 6856 section 2 adds UTF-8.

/// See the module. It is not blank and has no control characters, so it fits a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(Vec<u8>);

impl UserName {
    /// `None` if there is nothing in it, or a control character.
    pub fn new(octets: &[u8]) -> Option<Self> {
        let fits = !octets.trim_ascii().is_empty() && !octets.iter().any(u8::is_ascii_control);
        fits.then(|| Self(octets.to_vec()))
    }

    /// What the server gets: spaces at the ends are the client's, too.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The name without spaces around it, as UTF-8; another character set is read as Latin-1, so that different
    /// names have different texts.
    pub fn text(&self) -> String {
        let octets = self.0.trim_ascii();
        match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.iter().copied().map(char::from).collect(),
        }
    }

    /// The name on the server that a route chose, which is [`Self::text`] or a part of it.
    pub fn on_server(&self, text: &str) -> Self {
        if text == self.text() {
            return self.clone();
        }
        match std::str::from_utf8(&self.0) {
            Ok(_) => Self(text.as_bytes().to_vec()),
            Err(_) => {
                let octets = text
                    .chars()
                    .map(|letter| u8::try_from(letter).unwrap_or(b'?'));
                Self(octets.collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_octets() {
        let latin = UserName::new(b"m\xfcller@example.net").unwrap();
        assert_eq!(latin.text(), "müller@example.net");
        assert_eq!(latin.octets(), b"m\xfcller@example.net");
        assert_eq!(latin.on_server("müller").octets(), b"m\xfcller");
        let utf8 = UserName::new("müller".as_bytes()).unwrap();
        assert_eq!(utf8.text(), "müller");
        assert_eq!(utf8.on_server("mü").octets(), "mü".as_bytes());
        // Shift JIS, with octets that are controls in Latin-1.
        assert!(UserName::new(b"\x83\x81\x81[").is_some());
        let spaced = UserName::new(b" ann bee  ").unwrap();
        assert_eq!(spaced.octets(), b" ann bee  ");
        assert_eq!(spaced.text(), "ann bee");
        assert_eq!(spaced.on_server("ann bee").octets(), b" ann bee  ");
        for none in [
            &b""[..],
            b"  ",
            b"a\rb",
            b"a\0b",
            b"\x07",
            b"a\x7f",
            b"a\tb",
        ] {
            assert_eq!(UserName::new(none), None);
        }
    }
}
