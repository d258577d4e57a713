//! The session before its server is known, because the name that the user will log in with decides, or
//! because popgate logs in with a token of its own.
//!
//! popgate greets, answers CAPA, STLS and QUIT, and takes the login; the driver finds and connects the
//! server, popgate logs in, and the server's own answer goes to the client. A login that is denied may be
//! tried again, with another name, too. RFC 1939 section 4, RFC 2595, RFC 5034.
//!
//! The password is kept for as long as the login takes. APOP is not offered: a timestamp can only come from
//! a server that is known already.

use bytes::Bytes;

use super::action::{Action, End, LoginRequest, Proof, UpstreamLogin};
use super::event::Event;
use super::input::{ClientLine, FromUpstream};
use super::local_login::{Attempt, Awaited, Step};
use super::mechanism::Mechanism;
use super::pending::{MOST_REJECTED, Pending, Response};
use super::state::Exchange;
use crate::mailbox_id::canonical_user;
use crate::pop3::line::trim_end;
use crate::pop3::sasl::{self, Login};
use crate::pop3::{Command, Secret, Status, capa};
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

const UNREADABLE: &[u8] = b"-ERR that is no response of this mechanism\r\n";

impl Exchange<'_> {
    /// Takes a line of a client that is not logged in.
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
        self.rejected_commands +=
            u32::from(matches!(command, Command::Refused(_) | Command::Unknown));
        let exposed = self.client.exposes_passwords();
        match command {
            Command::Capa => {
                let list = capa::own(!exposed, self.client.offers_starttls());
                self.answer(format!("+OK\r\n{list}.\r\n").as_bytes());
            }
            Command::Stls => {
                if let Some(login) = self.phase.local() {
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
            Command::User | Command::Pass | Command::Auth { .. } | Command::AuthList if exposed => {
                self.refuse(Refusal::Plaintext);
            }
            Command::AuthList => {
                self.answer(b"+OK\r\nPLAIN\r\nLOGIN\r\nXOAUTH2\r\nOAUTHBEARER\r\n.\r\n");
            }
            Command::User => self.take_user(line),
            Command::Pass => return self.take_password(line),
            Command::Auth { mechanism, .. } => return self.begin_sasl(&mechanism, line),
            Command::Refused(why) => self.answer(format!("-ERR {why}\r\n").as_bytes()),
            _ => self.answer(b"-ERR log in first\r\n"),
        }
        None
    }

    fn take_user(&mut self, line: &[u8]) {
        let name = line.trim_ascii().get(b"USER".len()..);
        let name = name.and_then(sasl::name);
        match &name {
            Some(name) if name.len() > self.config.limits.user_name => {
                return self.refuse(Refusal::NameTooLong);
            }
            Some(_) => self.answer(b"+OK\r\n"),
            None => self.answer(b"-ERR USER needs a name\r\n"),
        }
        if let Some(login) = self.phase.local() {
            login.user = name;
        }
    }

    fn take_password(&mut self, line: &[u8]) -> Option<Action> {
        let Some(user) = self.phase.local().and_then(|login| login.user.take()) else {
            self.answer(b"-ERR USER comes first\r\n");
            return None;
        };
        // All of the rest, spaces included (RFC 1939 section 7).
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
            Awaited::Plain => sasl::plain(response).map(|Login { user, password }| {
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
                let user = sasl::decoded(name.reveal()).and_then(|it| sasl::name(&it));
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
                self.answer(UNREADABLE);
                None
            }
        }
    }

    /// Has the driver find and connect the user's server.
    fn request_login(
        &mut self,
        mechanism: Mechanism,
        user: String,
        proof: Proof,
    ) -> Option<Action> {
        if user.len() > self.config.limits.user_name {
            self.refuse(Refusal::NameTooLong);
            return None;
        }
        self.push_pending(Pending::Login);
        Some(Action::LogIn(LoginRequest {
            mechanism,
            user,
            proof,
        }))
    }

    /// The login is not tried; the client may try another one.
    pub fn login_refused(&mut self, refusal: Refusal) {
        self.end_login(Bytes::from(refusal.line()));
        self.event(Event::Refused(refusal));
    }

    /// The upstream has greeted: the login begins.
    pub(super) fn begin_login(&mut self, login: UpstreamLogin) {
        let UpstreamLogin {
            mechanism,
            user,
            proof,
        } = login;
        let step = match proof {
            Proof::Password(password) => {
                self.push_up(format!("USER {user}").as_bytes());
                Step::User(password)
            }
            // In two steps: Office 365 takes no other way, and a token is longer than a command may be
            // (RFC 5034 section 4).
            Proof::Bearer(name, response) => {
                self.push_up(format!("AUTH {name}").as_bytes());
                Step::Auth(Some(response))
            }
        };
        if let Some(login) = self.phase.local() {
            login.attempt = Some(Attempt {
                mechanism,
                user,
                step,
            });
        }
    }

    /// A status line of the upstream while popgate logs in.
    pub(super) fn take_login_reply(&mut self, status: Status, line: FromUpstream) {
        let Some(attempt) = self.phase.local().and_then(|login| login.attempt.as_mut()) else {
            return;
        };
        let (secret, step) = match (&mut attempt.step, status) {
            (Step::User(password), Status::Ok) => {
                let line = [b"PASS ".as_slice(), password.reveal()].concat();
                (Secret::from(line), Step::Pass)
            }
            // Some servers write `+OK` for `+`; nobody is logged in before they said who they are.
            (Step::Auth(response @ Some(_)), Status::Challenge | Status::Ok) => {
                let response = response.take().unwrap_or_default();
                (response, Step::Auth(None))
            }
            (Step::Auth(None), Status::Challenge) => {
                // RFC 7628 section 3.2.3: what is wrong, which the client acknowledges.
                self.output.relay(line);
                self.response = Response::Challenge;
                return;
            }
            _ => return self.finish_login(status == Status::Ok, line),
        };
        attempt.step = step;
        self.push_up(secret.reveal());
    }

    /// The upstream's last word on a login.
    fn finish_login(&mut self, accepted: bool, line: FromUpstream) {
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let Some(Attempt {
            mechanism, user, ..
        }) = attempt
        else {
            return;
        };
        let user = canonical_user(&user);
        // What the server says is for the user.
        self.output.relay(line);
        self.answered();
        match accepted {
            true => self.enter_transaction(user.clone()),
            false => self.disconnect(),
        }
        self.event(Event::Login {
            mechanism,
            accepted,
            user,
        });
    }

    /// Whether the upstream is being logged in to by popgate.
    pub(super) fn is_logging_in(&mut self) -> bool {
        self.phase
            .local()
            .is_some_and(|login| login.attempt.is_some())
    }

    /// The upstream failed during a login: the client hears of it, and may try again.
    pub(super) fn login_failed(&mut self, failure: Failure) {
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let text = failure.wire(false).unwrap_or_default();
        self.end_login(Bytes::from(text));
        self.disconnect();
        if let Some(attempt) = attempt {
            self.event(Event::LoginFailed(attempt.mechanism, failure));
        }
    }

    /// Answers a login with a line of our own.
    fn end_login(&mut self, line: Bytes) {
        self.output.add(line);
        self.answered();
    }
}
