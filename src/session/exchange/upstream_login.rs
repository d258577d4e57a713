//! Logs in to the upstream with the client's credentials: USER and PASS, or a SASL mechanism.
//!
//! The server's response is relayed to the client. After a denied login the client may try again, also with
//! another user name. The password is kept only during the login. RFC 1939 section 7, RFC 5034, RFC 7628.

use bytes::Bytes;

use super::action::{Proof, UpstreamLogin};
use super::event::Event;
use super::input::FromUpstream;
use super::login_state::{Attempt, Step};
use super::pending::Response;
use super::state::Exchange;
use crate::mailbox_id::canonical_user;
use crate::pop3::{Secret, Status};
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

impl Exchange<'_> {
    /// The login is not attempted; the client may try another one.
    pub fn login_refused(&mut self, refusal: Refusal) {
        self.end_login(Bytes::from(refusal.line()));
        self.event(Event::Refused(Box::new(refusal)));
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
            // In two steps: Office 365 requires that, and tokens are longer than a command may be (RFC 5034
            // section 4).
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
            // Some servers send `+OK` instead of `+`; before any credential it cannot mean success.
            (Step::Auth(response @ Some(_)), Status::Challenge | Status::Ok) => {
                let response = response.take().unwrap_or_default();
                (response, Step::Auth(None))
            }
            (Step::Auth(None), Status::Challenge) => {
                // RFC 7628 section 3.2.3: an error challenge, which the client acknowledges.
                self.output.relay(line);
                self.response = Response::Challenge;
                return;
            }
            _ => return self.finish_login(status == Status::Ok, line),
        };
        attempt.step = step;
        self.push_up(secret.reveal());
    }

    /// The upstream's final response to a login.
    fn finish_login(&mut self, accepted: bool, line: FromUpstream) {
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let Some(Attempt {
            mechanism, user, ..
        }) = attempt
        else {
            return;
        };
        let user = canonical_user(&user);
        // The server's text is meant for the user.
        self.relay_status(accepted, line);
        self.answered();
        match accepted {
            true => {
                self.rejected_commands = 0;
                self.enter_transaction(user.clone());
            }
            false => self.disconnect(),
        }
        self.event(Event::Login {
            mechanism,
            accepted,
            user,
        });
    }

    /// Whether popgate is logging in to the upstream.
    pub(super) fn is_logging_in(&mut self) -> bool {
        self.phase
            .local()
            .is_some_and(|login| login.attempt.is_some())
    }

    /// The upstream failed during a login: the client gets an error, and may try again.
    pub(super) fn login_failed(&mut self, failure: Failure) {
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let text = failure.wire(false).unwrap_or_default();
        self.end_login(Bytes::from(text));
        self.disconnect();
        if let Some(attempt) = attempt {
            self.event(Event::LoginFailed(attempt.mechanism, Box::new(failure)));
        }
    }

    /// Answers a login with a line of popgate's own.
    fn end_login(&mut self, line: Bytes) {
        self.output.add(line);
        self.answered();
    }
}
