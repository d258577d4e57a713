//! What a server has announced in its answer to CAPA, as far as popgate acts on it.
//!
//! In: one line of the answer after the other; out: a set of [`Capability`]. RFC 2449 section 6, RFC 5034 section 6
//! (SASL), RFC 6856 (UTF8, LANG).

use super::line::trim_end;

/// A capability, or a mechanism of SASL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// USER and PASS.
    User,
    /// AUTH PLAIN.
    Plain,
    /// AUTH LOGIN.
    Login,
    /// Commands may be sent before earlier ones are answered.
    Pipelining,
    /// The command UTF8.
    Utf8,
    /// The command LANG.
    Lang,
}

/// A set of capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced(u8);

impl Announced {
    /// Reads one line of the answer.
    pub fn note(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(trim_end(line)).to_ascii_uppercase();
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("USER") => self.add(Capability::User),
            Some("PIPELINING") => self.add(Capability::Pipelining),
            Some("UTF8") => self.add(Capability::Utf8),
            Some("LANG") => self.add(Capability::Lang),
            Some("SASL") => {
                for mechanism in words {
                    match mechanism {
                        "PLAIN" => self.add(Capability::Plain),
                        "LOGIN" => self.add(Capability::Login),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether it is announced.
    pub fn has(self, capability: Capability) -> bool {
        self.0 & bit(capability) != 0
    }

    fn add(&mut self, capability: Capability) {
        self.0 |= bit(capability);
    }
}

fn bit(capability: Capability) -> u8 {
    1 << capability as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_noted() {
        let mut announced = Announced::default();
        for line in [
            &b"TOP\r\n"[..],
            b"user\r\n",
            b"SASL CRAM-MD5 plain\r\n",
            b"UTF8 USER\n",
        ] {
            announced.note(line);
        }
        for capability in [Capability::User, Capability::Plain, Capability::Utf8] {
            assert!(announced.has(capability), "{capability:?}");
        }
        for capability in [Capability::Login, Capability::Pipelining, Capability::Lang] {
            assert!(!announced.has(capability), "{capability:?}");
        }
    }
}
