//! The user name of a login, read from the commands that popgate relays.
//!
//! RFC 1939 sections 4 and 7 (USER, APOP), RFC 4616 (PLAIN), the LOGIN mechanism, and the `user=` and `n,a=` of
//! XOAUTH2 and OAUTHBEARER (RFC 7628). Other mechanisms do not expose it. Only the name is kept: no password,
//! no token.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::mailbox_id::canonical_user;
use crate::pop3::{Command, UserName};

/// As servers read it: some clients leave the padding out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The state of the login.
#[derive(Debug, Default, Clone)]
pub struct LoginName {
    name: Option<Arc<str>>,
    /// The mechanism whose next response may contain the name.
    awaited: Option<Mechanism>,
}

#[derive(Debug, Clone, Copy)]
enum Mechanism {
    Plain,
    Login,
    OAuth,
}

impl LoginName {
    /// The name in lower case: few servers distinguish case, and users do not.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Whether the next response is a name without a password: the first one of LOGIN.
    pub fn awaits_name_alone(&self) -> bool {
        matches!(self.awaited, Some(Mechanism::Login))
    }

    /// Reads a command of a client that is not logged in yet.
    pub fn command(&mut self, command: &Command, line: &[u8]) {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        self.awaited = None;
        match command {
            // The rest of the line: a name may contain spaces.
            Command::User => {
                let name = line.trim_ascii().get(b"USER".len()..).unwrap_or_default();
                self.take(name);
            }
            Command::Apop => self.take(words.nth(1).unwrap_or_default()),
            Command::Auth { mechanism, .. } => {
                // The name is in a response of the exchange, or not exposed.
                self.name = None;
                self.awaited = match mechanism.as_str() {
                    "PLAIN" => Some(Mechanism::Plain),
                    "LOGIN" => Some(Mechanism::Login),
                    "XOAUTH2" | "OAUTHBEARER" => Some(Mechanism::OAuth),
                    _ => None,
                };
                if let Some(initial) = words.nth(2) {
                    self.response(initial);
                }
            }
            _ => {}
        }
    }

    /// Reads the client's response to a challenge.
    pub fn response(&mut self, line: &[u8]) {
        let Some(mechanism) = self.awaited.take() else {
            return;
        };
        let Ok(said) = LENIENT.decode(line.trim_ascii()).map(Zeroizing::new) else {
            return;
        };
        match mechanism {
            // Authorization identity, name, password.
            Mechanism::Plain => self.take(said.split(|byte| *byte == 0).nth(1).unwrap_or_default()),
            Mechanism::Login => self.take(&said),
            Mechanism::OAuth => self.take(bearer_name(&said).unwrap_or_default()),
        }
    }

    fn take(&mut self, name: &[u8]) {
        let name = UserName::new(name.trim_ascii());
        self.name = name.and_then(|name| canonical_user(&name.text()));
    }
}

/// The `user=` of XOAUTH2 or the `a=` of OAUTHBEARER (RFC 7628 section 3.1).
pub(super) fn bearer_name(said: &[u8]) -> Option<&[u8]> {
    let mut parts = said.split(|byte| matches!(byte, 1 | b','));
    parts.find_map(|part| {
        let part = part
            .strip_prefix(b"user=")
            .or_else(|| part.strip_prefix(b"a="));
        part.filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str]) -> Option<String> {
        let mut login = LoginName::default();
        for line in lines {
            match line.strip_prefix("C: ") {
                Some(response) => login.response(response.as_bytes()),
                None => login.command(&Command::parse(line.as_bytes()), line.as_bytes()),
            }
        }
        login.name().map(|name| name.to_string())
    }

    #[test]
    fn the_user_name_is_read_from_every_mechanism_that_exposes_it() {
        for (lines, name) in [
            (
                &["USER Ann@Example.net\r\n", "PASS geheim wort\r\n"][..],
                "ann@example.net",
            ),
            (&["user  ann bee \n"], "ann bee"),
            (&["APOP ann c4c9334bac560ecc979e58001b3e22fb\r\n"], "ann"),
            // "\0ann\0secret"
            (&["AUTH PLAIN AGFubgBzZWNyZXQ=\r\n"], "ann"),
            (&["AUTH PLAIN\r\n", "C: AGFubgBzZWNyZXQ=\r\n"], "ann"),
            (&["AUTH LOGIN\r\n", "C: YW5u\r\n", "C: c2VjcmV0\r\n"], "ann"),
            // "user=ann@example.net\1auth=Bearer x\1\1"
            (
                &["AUTH XOAUTH2 dXNlcj1hbm5AZXhhbXBsZS5uZXQBYXV0aD1CZWFyZXIgeAEB\r\n"],
                "ann@example.net",
            ),
            // "n,a=ann@example.net,\1auth=Bearer x\1\1"
            (
                &[
                    "AUTH OAUTHBEARER\r\n",
                    "C: bixhPWFubkBleGFtcGxlLm5ldCwBYXV0aD1CZWFyZXIgeAEB\r\n",
                ],
                "ann@example.net",
            ),
            (&["USER bob\r\n", "USER ann\r\n"], "ann"),
        ] {
            assert_eq!(after(lines).as_deref(), Some(name), "{lines:?}");
        }
    }

    #[test]
    fn other_commands_expose_no_user_name() {
        for lines in [
            &["USER\r\n"][..],
            &["AUTH CRAM-MD5\r\n", "C: YW5u\r\n"],
            &["AUTH PLAIN =\r\n"],
            &["AUTH PLAIN\r\n", "C: *\r\n"],
            &["USER \x07\r\n"],
            &["STAT\r\n"],
        ] {
            assert_eq!(after(lines), None, "{lines:?}");
        }
    }
}
