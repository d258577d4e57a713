//! A user name with a suffix, in the lines of a login.
//!
//! In: a client's command or response; out: the same with the name without its suffix, for the server. Both
//! `ann+quarantine` and `ann+quarantine@example.net` have the suffix `+quarantine`.
//!
//! It works wherever a name may be changed on the way: USER; APOP (RFC 1939 section 7) and CRAM-MD5 (RFC 2195), whose
//! digests cover the secret and the challenge alone; PLAIN (RFC 4616), LOGIN, XOAUTH2 and OAUTHBEARER (RFC 7628). In SCRAM
//! (RFC 5802) and DIGEST-MD5 (RFC 2831) the name is part of what the client proves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::{Command, Secret, sasl};

/// What a line says about the suffix.
#[derive(Debug, Clone)]
pub enum Suffix {
    /// It names nobody, or a user without the suffix.
    None,
    /// It names a user with the suffix: the line without it, and without its end.
    Removed(Secret),
    /// It names a user with the suffix, which cannot be removed.
    Bound,
}

/// The state of a login.
#[derive(Debug, Default)]
pub struct SuffixedLogin {
    /// The mechanism whose next response may contain the name.
    awaited: Option<Mechanism>,
}

#[derive(Debug, Clone, Copy)]
enum Mechanism {
    Plain,
    Login,
    Bearer,
    CramMd5,
    Scram,
    DigestMd5,
}

impl Mechanism {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "PLAIN" => Self::Plain,
            "LOGIN" => Self::Login,
            "XOAUTH2" | "OAUTHBEARER" => Self::Bearer,
            "CRAM-MD5" => Self::CramMd5,
            "DIGEST-MD5" => Self::DigestMd5,
            scram if scram.starts_with("SCRAM-") => Self::Scram,
            _ => return None,
        })
    }
}

/// A name without the suffix; `None` if it does not have it, or nothing would be left.
pub fn without_suffix(name: &[u8], suffix: &str) -> Option<Vec<u8>> {
    let strip = |name: &[u8]| {
        let at = name.len().checked_sub(suffix.len())?;
        let (user, end) = name.split_at(at);
        let has = !suffix.is_empty() && end.eq_ignore_ascii_case(suffix.as_bytes());
        (has && !user.trim_ascii().is_empty()).then(|| user.to_vec())
    };
    let name = name.trim_ascii_end();
    strip(name).or_else(|| {
        let at = name.iter().rposition(|octet| *octet == b'@')?;
        let (user, domain) = name.split_at(at);
        Some([strip(user)?.as_slice(), domain].concat())
    })
}

impl SuffixedLogin {
    /// Reads a command of a client that is not logged in yet. `None` if it names no user and begins no login.
    pub fn command(&mut self, command: &Command, line: &[u8], suffix: &str) -> Option<Suffix> {
        self.awaited = None;
        let line = line.trim_ascii_end();
        let words = || {
            let words = line.split(u8::is_ascii_whitespace);
            words.filter(|word| !word.is_empty())
        };
        let removed = |octets: Vec<u8>| Suffix::Removed(Secret::from(octets));
        Some(match command {
            Command::User => {
                let name = line.get(b"USER ".len()..).unwrap_or_default();
                match without_suffix(name, suffix) {
                    Some(name) => removed([b"USER ", &name[..]].concat()),
                    None => Suffix::None,
                }
            }
            Command::Apop => {
                let mut words = words().skip(1);
                let (name, digest) = (words.next(), words.next());
                match name.and_then(|name| without_suffix(name, suffix)) {
                    Some(name) => {
                        removed([b"APOP ", &name[..], b" ", digest.unwrap_or_default()].concat())
                    }
                    None => Suffix::None,
                }
            }
            Command::Auth { mechanism, .. } => {
                self.awaited = Mechanism::of(mechanism);
                match words().nth(2) {
                    Some(response) => match self.response(response, suffix) {
                        Suffix::Removed(response) => {
                            let response = response.reveal();
                            removed([b"AUTH ", mechanism.as_bytes(), b" ", response].concat())
                        }
                        other => other,
                    },
                    None => Suffix::None,
                }
            }
            _ => return None,
        })
    }

    /// Reads the client's response to a challenge.
    pub fn response(&mut self, line: &[u8], suffix: &str) -> Suffix {
        let Some(mechanism) = self.awaited.take() else {
            return Suffix::None;
        };
        let Some(said) = sasl::decoded(line) else {
            return Suffix::None;
        };
        let changed = match mechanism {
            Mechanism::Plain => plain(&said, suffix),
            Mechanism::Login => without_suffix(&said, suffix),
            Mechanism::Bearer => bearer(&said, suffix),
            Mechanism::CramMd5 => cram_md5(&said, suffix),
            Mechanism::Scram => return bound(between(&said, b",n=", b','), suffix),
            Mechanism::DigestMd5 => {
                return bound(between(&said, b"username=\"", b'"'), suffix);
            }
        };
        match changed.map(Zeroizing::new) {
            Some(said) => Suffix::Removed(Secret::from(STANDARD.encode(&*said).into_bytes())),
            None => Suffix::None,
        }
    }
}

/// The response of XOAUTH2 or OAUTHBEARER with the name without the suffix, if it has it.
pub fn bearer_response(response: &[u8], suffix: &str) -> Option<Secret> {
    let said = Zeroizing::new(bearer(&sasl::decoded(response)?, suffix)?);
    Some(Secret::from(STANDARD.encode(&*said).into_bytes()))
}

/// Authorization identity, name, password.
fn plain(said: &[u8], suffix: &str) -> Option<Vec<u8>> {
    let mut parts = said.splitn(3, |octet| *octet == 0);
    let (acts_for, name, password) = (parts.next()?, parts.next()?, parts.next()?);
    let name = without_suffix(name, suffix)?;
    let acts_for = without_suffix(acts_for, suffix).unwrap_or_else(|| acts_for.to_vec());
    Some([&acts_for[..], b"\0", &name, b"\0", password].concat())
}

/// `user=NAME^Aauth=…`, or `n,a=NAME,^Aauth=…`.
fn bearer(said: &[u8], suffix: &str) -> Option<Vec<u8>> {
    let old = super::sasl_name::bearer_name(said)?;
    let name = without_suffix(old, suffix)?;
    let at = said.windows(old.len()).position(|it| it == old)?;
    Some([&said[..at], &name, &said[at + old.len()..]].concat())
}

/// Name, blank, digest.
fn cram_md5(said: &[u8], suffix: &str) -> Option<Vec<u8>> {
    let at = said.iter().rposition(|octet| *octet == b' ')?;
    let name = without_suffix(&said[..at], suffix)?;
    Some([&name[..], &said[at..]].concat())
}

fn bound(name: Option<&[u8]>, suffix: &str) -> Suffix {
    match name.and_then(|name| without_suffix(name, suffix)) {
        Some(_) => Suffix::Bound,
        None => Suffix::None,
    }
}

fn between<'a>(said: &'a [u8], before: &[u8], end: u8) -> Option<&'a [u8]> {
    let at = said.windows(before.len()).position(|it| it == before)?;
    said[at + before.len()..]
        .split(|octet| *octet == end)
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = "+quarantine";

    /// What a server gets of these lines; `C: ` begins a response in plain text.
    fn sent(lines: &[&str]) -> Vec<String> {
        let mut login = SuffixedLogin::default();
        let mut sent = Vec::new();
        for line in lines {
            let (line, suffix) = match line.strip_prefix("C: ") {
                Some(said) => {
                    let line = STANDARD.encode(said);
                    let suffix = login.response(line.as_bytes(), SUFFIX);
                    (line, suffix)
                }
                None => {
                    let command = Command::parse(line.as_bytes());
                    let suffix = login.command(&command, line.as_bytes(), SUFFIX);
                    ((*line).to_owned(), suffix.unwrap_or(Suffix::None))
                }
            };
            sent.push(match suffix {
                Suffix::None => "-".to_owned(),
                Suffix::Bound => "bound".to_owned(),
                Suffix::Removed(new) => {
                    let new = String::from_utf8(new.reveal().to_vec()).unwrap();
                    match new.starts_with("USER") || new.starts_with("A") && line.contains(' ') {
                        true => new,
                        false => String::from_utf8(STANDARD.decode(&new).unwrap()).unwrap(),
                    }
                }
            });
        }
        sent
    }

    #[test]
    fn the_suffix_is_removed_wherever_the_name_may_be_changed() {
        for (lines, wanted) in [
            (
                &["USER ann+quarantine\r\n", "PASS x\r\n"][..],
                &["USER ann", "-"][..],
            ),
            (&["user Ann Bee+QUARANTINE  \r\n"], &["USER Ann Bee"]),
            (
                &["USER ann+quarantine@example.net\r\n"],
                &["USER ann@example.net"],
            ),
            (
                &["USER ann@example.net+quarantine\r\n"],
                &["USER ann@example.net"],
            ),
            (&["USER ann\r\n"], &["-"]),
            (&["USER +quarantine\r\n"], &["-"]),
            (&["USER quarantine\r\n"], &["-"]),
            (
                &["APOP ann+quarantine c4c9334bac560ecc979e58001b3e22fb\r\n"],
                &["APOP ann c4c9334bac560ecc979e58001b3e22fb"],
            ),
            (
                &["AUTH PLAIN\r\n", "C: \0ann+quarantine\0se+quarantine"],
                &["-", "\0ann\0se+quarantine"],
            ),
            (
                &[
                    "AUTH PLAIN\r\n",
                    "C: ann+quarantine\0ann+quarantine\0secret",
                ],
                &["-", "ann\0ann\0secret"],
            ),
            // The password is no name.
            (
                &["AUTH LOGIN\r\n", "C: ann+quarantine", "C: x+quarantine"],
                &["-", "ann", "-"],
            ),
            (
                &[
                    "AUTH XOAUTH2\r\n",
                    "C: user=ann+quarantine\x01auth=Bearer x\x01\x01",
                ],
                &["-", "user=ann\x01auth=Bearer x\x01\x01"],
            ),
            (
                &[
                    "AUTH OAUTHBEARER\r\n",
                    "C: n,a=ann+quarantine,\x01auth=Bearer x\x01\x01",
                ],
                &["-", "n,a=ann,\x01auth=Bearer x\x01\x01"],
            ),
            (
                &[
                    "AUTH CRAM-MD5\r\n",
                    "C: ann+quarantine b913a602c7eda7a495b4e6e7334d3890",
                ],
                &["-", "ann b913a602c7eda7a495b4e6e7334d3890"],
            ),
            (
                &["AUTH SCRAM-SHA-256\r\n", "C: n,,n=ann+quarantine,r=x"],
                &["-", "bound"],
            ),
            (&["AUTH SCRAM-SHA-256\r\n", "C: n,,n=ann,r=x"], &["-", "-"]),
            (
                &[
                    "AUTH DIGEST-MD5\r\n",
                    "C: username=\"ann+quarantine\",realm=\"x\"",
                ],
                &["-", "bound"],
            ),
            // "\0ann+quarantine\0secret"
            (
                &["AUTH PLAIN AGFubitxdWFyYW50aW5lAHNlY3JldA==\r\n"],
                &["AUTH PLAIN AGFubgBzZWNyZXQ="],
            ),
            (&["AUTH PLAIN\r\n", "C: *", "STAT\r\n"], &["-", "-", "-"]),
        ] {
            assert_eq!(sent(lines), wanted, "{lines:?}");
        }
    }
}
