//! The session before its server is known, because the user name selects it, or because popgate logs in with an
//! OAuth token.
//!
//! popgate greets, answers CAPA, STLS and QUIT, and reads the login; then the driver finds and connects the
//! server, and `upstream_login` logs in. RFC 1939 section 4, RFC 2595, RFC 5034.
//!
//! APOP is not offered: its timestamp comes from the server, which is not known yet.

use super::action::{Action, End, LoginRequest, Proof};
use super::event::Event;
use super::input::ClientLine;
use super::login_state::Awaited;
use super::mechanism::Mechanism;
use super::pending::{MOST_REJECTED, Pending};
use super::state::Exchange;
use crate::pop3::line::trim_end;
use crate::pop3::sasl::{self, Credentials};
use crate::pop3::{Command, Secret, UserName, capa};
use crate::session::refusal::Refusal;

/// RFC 5646 section 4.4.1 recommends room for 35.
const LONGEST_TAG: usize = 64;

const UNREADABLE: &[u8] = b"-ERR invalid response for this mechanism\r\n";

impl Exchange<'_> {
    /// Processes a line of a client that is not logged in.
    pub(super) fn take_local(&mut self, line: &ClientLine) -> Option<Action> {
        let awaited = self.phase.local().and_then(|login| login.awaited.take());
        let action = match awaited {
            Some(awaited) => self.take_sasl_response(awaited, &line.0),
            None => self.take_local_command(&line.0),
        };
        if self.rejected_commands >= MOST_REJECTED {
            self.ending = Some(End::Rejected);
        }
        action
    }

    fn take_local_command(&mut self, line: &[u8]) -> Option<Action> {
        let command = Command::parse(line);
        self.event(Event::Command(command.label()));
        if self.is_late_response(&command, line) {
            return None;
        }
        self.rejected_commands +=
            u32::from(matches!(command, Command::Refused(_) | Command::Unknown));
        let is_login = matches!(
            command,
            Command::User | Command::Pass | Command::Auth { .. } | Command::AuthList
        );
        if let Some(refusal) = self.plaintext_refusal(is_login) {
            self.after_refused_auth = matches!(command, Command::Auth { .. });
            self.refuse(refusal);
            return None;
        }
        match command {
            Command::Capa => {
                let list = capa::own(
                    !self.client.exposes_passwords(),
                    self.client.offers_starttls(),
                );
                self.answer(format!("+OK\r\n{list}.\r\n").as_bytes());
            }
            Command::Stls => {
                if self.client.offers_starttls()
                    && let Some(login) = self.phase.local()
                {
                    login.user = None;
                }
                self.start_tls();
            }
            Command::Quit => {
                self.answer(b"+OK bye\r\n");
                self.ending = Some(End::Quit);
            }
            Command::Foreign => {
                self.answer(b"-ERR this is a POP3 server\r\n");
                self.ending = Some(End::Rejected);
            }
            Command::Apop => self.refuse(Refusal::Apop),
            Command::AuthList => {
                self.answer(b"+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\nOAUTHBEARER\r\n.\r\n");
            }
            Command::User => self.take_user(line),
            Command::Pass => return self.take_password(line),
            Command::Auth { mechanism, .. } => return self.begin_sasl(&mechanism, line),
            Command::Known("UTF8", _) => {
                if let Some(login) = self.phase.local() {
                    login.choices.utf8 = true;
                }
                self.answer(b"+OK the mail server is told\r\n");
            }
            Command::Known("LANG", _) => self.take_language(line),
            Command::LangList => {
                self.answer(b"-ERR log in first: the languages are those of the mail server\r\n");
            }
            Command::Refused(why) => self.answer(format!("-ERR {why}\r\n").as_bytes()),
            _ => self.answer(b"-ERR log in first\r\n"),
        }
        None
    }

    /// RFC 6856 section 3: a language tag (RFC 5646), or `*`.
    fn take_language(&mut self, line: &[u8]) {
        let tag = String::from_utf8_lossy(trim_end(line).get(b"LANG".len()..).unwrap_or_default());
        let tag = tag.trim();
        let is_tag = !tag.is_empty()
            && tag.len() <= LONGEST_TAG
            && tag
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
        if !is_tag && tag != "*" {
            return self.answer(b"-ERR LANG needs a language tag\r\n");
        }
        if let Some(login) = self.phase.local() {
            login.choices.language = Some(tag.to_owned());
        }
        self.answer(format!("+OK {tag} the mail server is told\r\n").as_bytes());
    }

    fn take_user(&mut self, line: &[u8]) {
        // The rest of the line, as the client sent it.
        let name = trim_end(line).get(b"USER ".len()..);
        let name = name.and_then(UserName::new);
        let refusal = name.as_ref();
        let refusal = refusal.and_then(|name| self.name_refusal(name.octets().len()));
        let is_named = name.is_some();
        if let Some(login) = self.phase.local() {
            login.user = name.filter(|_| refusal.is_none());
        }
        match (refusal, is_named) {
            (Some(refusal), _) => self.refuse(refusal),
            (None, true) => self.answer(b"+OK\r\n"),
            (None, false) => self.answer(b"-ERR USER needs a name\r\n"),
        }
    }

    fn take_password(&mut self, line: &[u8]) -> Option<Action> {
        let Some(user) = self.phase.local().and_then(|login| login.user.take()) else {
            self.answer(b"-ERR USER comes first\r\n");
            return None;
        };
        // The rest of the line, spaces included (RFC 1939 section 7).
        let password = trim_end(line).get(b"PASS ".len()..).unwrap_or_default();
        let proof = Proof::Password(Secret::new(password));
        self.request_login(Mechanism::UserPass, user, proof)
    }

    /// RFC 5034 section 4.
    fn begin_sasl(&mut self, mechanism: &str, line: &[u8]) -> Option<Action> {
        let words = line.split(u8::is_ascii_whitespace);
        let initial = words.filter(|word| !word.is_empty()).nth(2);
        // "Username:"
        let (awaited, challenge): (_, &[u8]) = match mechanism {
            "PLAIN" => (Awaited::Plain, b"+ \r\n"),
            "LOGIN" => (Awaited::LoginName, b"+ VXNlcm5hbWU6\r\n"),
            "XOAUTH2" => (Awaited::Bearer(Mechanism::XOauth2), b"+ \r\n"),
            "OAUTHBEARER" => (Awaited::Bearer(Mechanism::OauthBearer), b"+ \r\n"),
            _ => {
                self.after_refused_auth = true;
                self.answer(b"-ERR this mechanism is not offered\r\n");
                return None;
            }
        };
        match initial {
            Some(response) => self.take_sasl_response(awaited, response),
            None => {
                self.challenge(awaited, challenge);
                None
            }
        }
    }

    fn challenge(&mut self, awaited: Awaited, challenge: &[u8]) {
        if let Some(login) = self.phase.local() {
            login.awaited = Some(awaited);
        }
        self.answer(challenge);
    }

    fn take_sasl_response(&mut self, awaited: Awaited, response: &[u8]) -> Option<Action> {
        let response = response.trim_ascii();
        if response == b"*" {
            self.answer(b"-ERR cancelled\r\n");
            return None;
        }
        let login = match awaited {
            Awaited::Plain => sasl::plain(response).map(|Credentials { user, password }| {
                let proof = Proof::Password(password);
                (Mechanism::Plain, user, proof)
            }),
            Awaited::LoginName => {
                // "Password:"
                let name = Awaited::LoginPassword(Secret::new(response));
                self.challenge(name, b"+ UGFzc3dvcmQ6\r\n");
                return None;
            }
            Awaited::LoginPassword(name) => {
                let user = sasl::decoded(name.reveal()).and_then(|it| UserName::new(&it));
                let password = sasl::decoded(response).and_then(|it| sasl::password(&it));
                user.zip(password)
                    .map(|(user, password)| (Mechanism::Login, user, Proof::Password(password)))
            }
            Awaited::Bearer(mechanism) => sasl::bearer_name(response).map(|user| {
                let name = match mechanism {
                    Mechanism::XOauth2 => "XOAUTH2",
                    _ => "OAUTHBEARER",
                };
                let proof = Proof::Bearer(name, Secret::new(response));
                (mechanism, user, proof)
            }),
        };
        match login {
            Some((mechanism, user, proof)) => self.request_login(mechanism, user, proof),
            None => {
                self.after_refused_auth = true;
                self.answer(UNREADABLE);
                None
            }
        }
    }

    /// Asks the driver to find and connect the user's server.
    fn request_login(
        &mut self,
        mechanism: Mechanism,
        user: UserName,
        proof: Proof,
    ) -> Option<Action> {
        if let Some(refusal) = self.name_refusal(user.octets().len()) {
            self.refuse(refusal);
            return None;
        }
        let (user, proof) = self.mailbox_of_login(user, proof);
        self.push_pending(Pending::Login);
        Some(Action::LogIn(Box::new(LoginRequest {
            mechanism,
            user,
            proof,
        })))
    }
}
