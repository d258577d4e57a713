//! The user name of a login, read from the commands that popgate relays.
//!
//! In: what a client sends and a server answers before the login; out: the name that is tried, and the one that was
//! accepted. RFC 1939 sections 4 and 7 (USER, APOP), and SASL as [`NamedBy`] reads it. Only names are kept: no password, no
//! token.

use std::collections::VecDeque;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::mailbox_id::canonical_user;
use crate::pop3::sasl_name::NamedBy;
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
    /// Boxed: idle sessions are small.
    names: Box<Names>,
    /// The mechanism whose next response may contain the name.
    awaited: Option<Awaited>,
}

/// Names that were sent.
#[derive(Debug, Default, Clone)]
struct Names {
    /// The last one.
    last: Option<Arc<str>>,
    /// Of USER commands that are not answered yet.
    sent: VecDeque<Option<Arc<str>>>,
    /// Of the last USER that was answered, if it was accepted: after a refusal it is up to the server whose password PASS
    /// is.
    user: Option<Arc<str>>,
    /// Of the last APOP.
    apop: Option<Arc<str>>,
    /// Of the last AUTH, if there is one name and no other that a server might take.
    sasl: Option<Arc<str>>,
}

/// What the next response of an AUTH exchange may contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// A response of this mechanism.
    ResponseOf(NamedBy),
    /// LOGIN had a name as initial response, which some servers ignore: their first challenge asks for a name.
    NameAgain,
}

impl LoginName {
    /// The name that was sent last, in lower case: few servers distinguish case, and users do not.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.names.last.as_ref()
    }

    /// Whose mailbox it is once the server has accepted this command; `None` if that is not certain.
    pub fn proved<N>(&self, command: &Command<N>) -> Option<Arc<str>> {
        match command {
            Command::Pass => self.names.user.clone(),
            Command::Apop => self.names.apop.clone(),
            Command::Auth { .. } => self.names.sasl.clone(),
            _ => None,
        }
    }

    /// Whether the next response is a name without a password: the first one of LOGIN.
    pub fn awaits_name_alone(&self) -> bool {
        self.awaited == Some(Awaited::ResponseOf(NamedBy::Login))
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
                self.names.last = canonical(name);
                self.names.sent.push_back(self.names.last.clone());
            }
            Command::Apop => {
                self.names.last = canonical(words.nth(1).unwrap_or_default());
                self.names.apop = self.names.last.clone();
            }
            Command::Auth { mechanism, .. } => {
                // The name is in a response of the exchange, or not exposed.
                self.names.last = None;
                self.names.sasl = None;
                self.awaited = NamedBy::of(mechanism).map(Awaited::ResponseOf);
                if let Some(initial) = words.nth(2) {
                    let is_login = self.awaits_name_alone();
                    self.response(initial);
                    if is_login {
                        self.awaited = Some(Awaited::NameAgain);
                    }
                }
            }
            _ => {}
        }
    }

    /// The server has answered a USER.
    pub fn user_answered(&mut self, is_accepted: bool) {
        let sent = self.names.sent.pop_front().flatten();
        self.names.user = sent.filter(|_| is_accepted);
    }

    /// The server has refused a login: a PASS that comes next proves who USER has named.
    pub fn login_refused(&mut self) {
        self.awaited = None;
        let sent = self.names.sent.back().cloned().flatten();
        self.names.last = sent.or_else(|| self.names.user.clone());
    }

    /// Reads the server's challenge.
    pub fn challenge(&mut self, line: &[u8]) {
        if self.awaited != Some(Awaited::NameAgain) {
            return;
        }
        let text = line
            .trim_ascii()
            .strip_prefix(b"+")
            .unwrap_or_default()
            .trim_ascii();
        let text = LENIENT.decode(text).unwrap_or_default();
        let text = text.to_ascii_lowercase();
        self.awaited = None;
        if text.starts_with(b"pass") {
            return;
        }
        // The initial response was ignored, or perhaps not.
        self.names.sasl = None;
        if text.starts_with(b"user") {
            self.awaited = Some(Awaited::ResponseOf(NamedBy::Login));
        }
    }

    /// Reads the client's response to a challenge.
    pub fn response(&mut self, line: &[u8]) {
        let Some(Awaited::ResponseOf(mechanism)) = self.awaited.take() else {
            return;
        };
        let Ok(said) = LENIENT.decode(line.trim_ascii()).map(Zeroizing::new) else {
            return;
        };
        let named = mechanism.name_in(&said);
        self.names.last = named.as_ref().and_then(|it| canonical(&it.name));
        let is_certain = named.is_some_and(|it| it.is_certain);
        self.names.sasl = self.names.last.clone().filter(|_| is_certain);
    }
}

fn canonical(name: &[u8]) -> Option<Arc<str>> {
    let name = UserName::new(name.trim_ascii());
    name.and_then(|name| canonical_user(&name.text()))
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
            // "ann" without a digest
            &["AUTH CRAM-MD5\r\n", "C: YW5u\r\n"],
            &["AUTH GSSAPI\r\n", "C: YW5u\r\n"],
            &["AUTH PLAIN =\r\n"],
            &["AUTH PLAIN\r\n", "C: *\r\n"],
            &["USER \x07\r\n"],
            &["STAT\r\n"],
        ] {
            assert_eq!(after(lines), None, "{lines:?}");
        }
    }

    /// What the server has accepted, after these lines of both: `S:` is an answer or a challenge.
    fn proved(lines: &[&str]) -> Option<String> {
        let mut login = LoginName::default();
        let mut last = None;
        for line in lines {
            if let Some(response) = line.strip_prefix("C: ") {
                login.response(response.as_bytes());
            } else if let Some(challenge) = line.strip_prefix("S: ") {
                match challenge.as_bytes()[..2] {
                    [b'+', b' '] => login.challenge(challenge.as_bytes()),
                    _ => login.user_answered(challenge.starts_with("+OK")),
                }
            } else {
                let command = Command::parse(line.as_bytes());
                login.command(&command, line.as_bytes());
                last = Some(command);
            }
        }
        login.proved(&last?).map(|name| name.to_string())
    }

    fn base64(text: &str) -> String {
        LENIENT.encode(text)
    }

    #[test]
    fn the_mailbox_is_that_of_the_name_that_the_server_accepted() {
        let login = format!("AUTH LOGIN {}", base64("ann"));
        let (bob, ann) = (format!("C: {}", base64("bob")), "ann");
        let password = format!("C: {}", base64("secret"));
        let name_asked = format!("S: + {}", base64("Username:"));
        let password_asked = format!("S: + {}", base64("Password:"));
        let plain = |text: &str| format!("AUTH PLAIN {}", base64(text));
        let xoauth2 = |text: &str| format!("AUTH XOAUTH2 {}", base64(text));
        let bearer = |text: &str| format!("AUTH OAUTHBEARER {}", base64(text));
        let own = plain("\0ann\0x");
        let (same, other) = (plain("ann\0ann\0x"), plain("bob\0ann\0x"));
        let (one, two) = (
            xoauth2("user=ann\x01auth=Bearer x\x01\x01"),
            xoauth2("user=ann\x01user=bob\x01auth=Bearer x\x01\x01"),
        );
        let (comma, gs2) = (
            xoauth2("user=a,a=ann\x01auth=Bearer x\x01\x01"),
            bearer("n,a=ann,\x01user=bob\x01auth=Bearer x\x01\x01"),
        );
        let escaped = bearer("n,a=ann=2Cbob,\x01auth=Bearer x\x01\x01");
        let cram = format!("C: {}", base64("ann b913a602c7eda7a495b4e6e7334d3890"));
        let scram = format!("C: {}", base64("n,,n=ann,r=fyko+d2lbbFgONRv9qkxdawL"));
        let scram_for = base64("n,a=bob,n=ann,r=fyko+d2lbbFgONRv9qkxdawL");
        let scram_for = format!("AUTH SCRAM-SHA-256 {scram_for}");
        let table: &[(&[&str], Option<&str>)] = &[
            (&["USER ann", "S: +OK", "PASS x"], Some(ann)),
            (&["USER ann", "PASS x", "S: +OK"], Some(ann)),
            (
                &["USER bob", "S: +OK", "USER ann", "S: +OK", "PASS x"],
                Some(ann),
            ),
            (
                &["USER ann", "S: +OK", "USER bob", "S: -ERR", "PASS x"],
                None,
            ),
            (
                &["USER bob", "S: -ERR", "USER ann", "S: +OK", "PASS x"],
                Some(ann),
            ),
            (
                &["USER ann", "USER bob", "S: +OK", "S: -ERR", "PASS x"],
                None,
            ),
            // A refused APOP says nothing about USER and PASS.
            (
                &["USER ann", "S: +OK", "APOP bob 0123", "PASS x"],
                Some(ann),
            ),
            (&["USER bob", "S: +OK", "APOP ann 0123"], Some(ann)),
            (&["APOP bob 0123", "AUTH CRAM-MD5"], None),
            (&[&login, &password_asked, &password], Some(ann)),
            (
                &[&login, &name_asked, &bob, &password_asked, &password],
                Some("bob"),
            ),
            (&[&login, "S: + what", &bob, &password], None),
            (
                &["AUTH LOGIN", &name_asked, &bob, &password_asked, &password],
                Some("bob"),
            ),
            (&[&own], Some(ann)),
            (&[&same], Some(ann)),
            (&[&other], None),
            (&[&one], Some(ann)),
            (&[&two], None),
            (&[&comma], Some("a,a=ann")),
            (&[&gs2], Some(ann)),
            (&[&escaped], None),
            (&["AUTH CRAM-MD5", "S: + PDE4Pg==", &cram], Some(ann)),
            (&["AUTH SCRAM-SHA-1", "S: + ", &scram], Some(ann)),
            (&[&scram_for], None),
        ];
        for (lines, wanted) in table {
            assert_eq!(proved(lines).as_deref(), *wanted, "{lines:?}");
        }
    }
}
