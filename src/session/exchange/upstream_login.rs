//! Logs in to the upstream with the client's credentials, by a method that the server offers.
//!
//! First it is asked for its capabilities (RFC 2449 section 5) and told what the client has chosen by UTF8 and LANG
//! (RFC 6856). A server that closes, or says nothing, before it was sent the password is connected once more and not
//! asked: some do not know CAPA and hang up. While the password has not been sent, the next method may be tried;
//! after that never: a server that counts failed logins would lock the account.
//!
//! The server's response is relayed to the client. After a denied login the client may try again, also with
//! another user name. The password is kept only during the login. RFC 1939 section 7, RFC 5034, RFC 7628.

use std::time::Duration;

use bytes::Bytes;

use super::action::{Proof, UpstreamLogin};
use super::event::Event;
use super::input::FromUpstream;
use super::login_method::{self, Method, methods};
use super::login_state::{Attempt, AuthStep, Step};
use super::mechanism::Mechanism;
use super::pending::Response;
use super::state::Exchange;
use crate::mailbox_id::canonical_user;
use crate::pop3::announced::{Announced, Capability};
use crate::pop3::login_answer::is_unknown_command;
use crate::pop3::{LoginAnswer, Secret, Status};
use crate::session::failure::Failure;
use crate::session::refusal::Refusal;

/// A server that has not said what it offers after this time is not asked.
const CAPA_PATIENCE: Duration = Duration::from_secs(20);

/// The most lines of an answer to CAPA.
const MOST_CAPABILITIES: u32 = 200;

/// What is done next in a login.
enum Next {
    Send(Secret, Step),
    TryMethod,
    Finish,
}

impl Exchange<'_> {
    /// The login is not attempted; the client may try another one.
    pub fn login_refused(&mut self, refusal: Refusal) {
        self.end_login(Bytes::from(refusal.line()));
        self.event(Event::Refused(Box::new(refusal)));
    }

    /// The upstream has greeted: the login begins.
    pub(super) fn begin_login(&mut self, login: UpstreamLogin, greeting: &FromUpstream) {
        let Some(local) = self.phase.local() else {
            return;
        };
        let mut attempt = Attempt::new(login, local.choices.clone());
        attempt.greeting = greeting.bytes().to_vec();
        local.attempt = Some(Box::new(attempt));
        self.push_up(b"CAPA");
    }

    /// The upstream has greeted again: the login continues, and nothing is asked.
    pub(super) fn resume_login(&mut self, greeting: &FromUpstream) {
        if let Some(attempt) = self.attempt() {
            attempt.greeting = greeting.bytes().to_vec();
            attempt.announced = None;
            attempt.is_second = true;
        }
        self.prepare_methods();
        self.try_method(FromUpstream::default());
    }

    fn attempt(&mut self) -> Option<&mut Attempt> {
        self.phase
            .local()
            .and_then(|login| login.attempt.as_deref_mut())
    }

    /// A line of the upstream while popgate logs in.
    pub(super) fn take_login_reply(&mut self, status: Status, line: FromUpstream) {
        let Some(step) = self.attempt().map(|attempt| attempt.step) else {
            return;
        };
        match step {
            Step::Capa | Step::Capabilities => self.take_capability(step, status, &line),
            // Whatever it said: the login is possible without.
            Step::Choice => self.continue_login(),
            Step::Reconnecting => {}
            Step::User | Step::Auth(_) | Step::Last | Step::Acknowledged => {
                match self.next(step, status, line.bytes()) {
                    Next::Send(secret, step) => self.send_login(&secret, step),
                    Next::TryMethod => self.try_method(line),
                    Next::Finish if status == Status::Challenge && self.sent_token() => {
                        // RFC 7628 section 3.2.3: an error challenge, which the client acknowledges.
                        self.relay_line(line);
                        self.response = Response::Challenge;
                    }
                    Next::Finish => self.finish_login(status, line),
                }
            }
        }
    }

    /// Whether the client itself sent a token, and expects challenges. To PASS, or with a password by AUTH, the next
    /// line of the client would be lost as the response to one.
    fn sent_token(&mut self) -> bool {
        self.attempt().is_some_and(|attempt| {
            matches!(
                attempt.login.mechanism,
                Mechanism::XOauth2 | Mechanism::OauthBearer
            )
        })
    }

    /// The answer to CAPA: an error is that of a server that announces nothing.
    fn take_capability(&mut self, step: Step, status: Status, line: &FromUpstream) {
        let asked = self.capability_lines;
        let Some(attempt) = self.attempt() else {
            return;
        };
        let text = line.bytes().trim_ascii();
        match (step, status) {
            (Step::Capa, Status::Ok) => {
                attempt.step = Step::Capabilities;
                attempt.announced = Some(Announced::default());
                self.capability_lines = 0;
            }
            (Step::Capabilities, _) if asked >= MOST_CAPABILITIES => {
                self.login_failed(Failure::UpstreamFlood(line.len()));
            }
            (Step::Capabilities, _) if text != b"." => {
                if let Some(announced) = &mut attempt.announced {
                    announced.note(text);
                }
                self.capability_lines += 1;
            }
            _ => {
                let announced = attempt.announced;
                if let Some(upstream) = &mut self.upstream {
                    upstream.announced = announced;
                }
                self.prepare_methods();
                self.continue_login();
            }
        }
    }

    fn prepare_methods(&mut self) {
        if let Some(attempt) = self.attempt() {
            attempt.methods = methods(&attempt.login, attempt.announced, &attempt.greeting);
        }
    }

    /// Sends the next command before the login, or begins that.
    fn continue_login(&mut self) {
        let Some(attempt) = self.attempt() else {
            return;
        };
        let offers = |capability| attempt.announced.is_some_and(|it| it.has(capability));
        let (utf8, lang) = (offers(Capability::Utf8), offers(Capability::Lang));
        let choices = &mut attempt.choices;
        if std::mem::take(&mut choices.utf8) && utf8 {
            attempt.step = Step::Choice;
            self.push_up(b"UTF8");
        } else if let Some(language) = choices.language.take().filter(|_| lang) {
            attempt.step = Step::Choice;
            self.push_up(format!("LANG {language}").as_bytes());
        } else {
            self.try_method(FromUpstream::default());
        }
    }

    /// Tries the next method; without one, `line` is what the server said to the last.
    fn try_method(&mut self, line: FromUpstream) {
        let Some(attempt) = self.attempt() else {
            return;
        };
        let UpstreamLogin { user, proof, .. } = &attempt.login;
        let begun = attempt
            .methods
            .pop_front()
            .and_then(|method| match (method, proof) {
                (Method::Bearer(name), _) => {
                    let line = format!("AUTH {name}").into_bytes();
                    Some((Secret::from(line), Step::Auth(AuthStep::Token)))
                }
                (Method::UserPass, _) => {
                    Some((Secret::from(login_method::user_line(user)), Step::User))
                }
                (Method::Plain, _) => {
                    Some((Secret::new(b"AUTH PLAIN"), Step::Auth(AuthStep::Plain)))
                }
                (Method::Login, _) => {
                    Some((Secret::new(b"AUTH LOGIN"), Step::Auth(AuthStep::LoginName)))
                }
                (Method::PlainAtOnce, Proof::Password(password)) => {
                    login_method::plain_at_once(user, password).map(|line| (line, Step::Last))
                }
                (Method::Apop(timestamp), Proof::Password(password)) => {
                    let line = login_method::apop_line(user, password, &timestamp);
                    Some((line, Step::Last))
                }
                (Method::PlainAtOnce | Method::Apop(_), Proof::Bearer(..)) => None,
            });
        match begun {
            Some((secret, step)) => self.send_login(&secret, step),
            None => self.finish_login(Status::of(line.bytes()), line),
        }
    }

    /// What follows the server's answer.
    fn next(&mut self, step: Step, status: Status, line: &[u8]) -> Next {
        let Some(attempt) = self.attempt() else {
            return Next::Finish;
        };
        let UpstreamLogin {
            mechanism,
            user,
            proof,
        } = &attempt.login;
        match (step, status, proof) {
            // The error challenge to a token that is not the client's: the error itself comes after an empty response.
            (Step::Last, Status::Challenge, Proof::Bearer(..))
                if *mechanism == Mechanism::Oauth =>
            {
                Next::Send(Secret::new(b""), Step::Acknowledged)
            }
            (Step::User, Status::Ok, Proof::Password(password)) => {
                Next::Send(login_method::pass_line(password), Step::Last)
            }
            (Step::User, _, _) if is_unknown_command(line) => Next::TryMethod,
            // Some servers send `+OK` instead of `+`; before any credential it cannot mean success.
            (Step::Auth(auth), Status::Challenge | Status::Ok, proof) => match (auth, proof) {
                (AuthStep::Token, Proof::Bearer(_, response)) => {
                    Next::Send(response.clone(), Step::Last)
                }
                (AuthStep::Plain, Proof::Password(password)) => {
                    Next::Send(login_method::plain_response(user, password), Step::Last)
                }
                (AuthStep::LoginName, Proof::Password(_)) => {
                    let name = login_method::in_base64(user.octets());
                    Next::Send(name, Step::Auth(AuthStep::LoginPassword))
                }
                (AuthStep::LoginPassword, Proof::Password(password)) => {
                    Next::Send(login_method::in_base64(password.reveal()), Step::Last)
                }
                _ => Next::Finish,
            },
            // The mechanism was refused, not the user.
            (Step::Auth(AuthStep::Plain | AuthStep::LoginName), _, _)
                if LoginAnswer::of(false, line) == LoginAnswer::Denied =>
            {
                Next::TryMethod
            }
            _ => Next::Finish,
        }
    }

    fn send_login(&mut self, line: &Secret, step: Step) {
        if let Some(attempt) = self.attempt() {
            attempt.step = step;
            attempt.is_sent |= step == Step::Last;
        }
        self.push_up(line.reveal());
    }

    /// The upstream's final response to a login.
    fn finish_login(&mut self, status: Status, line: FromUpstream) {
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let Some(attempt) = attempt else {
            return;
        };
        let UpstreamLogin {
            mechanism, user, ..
        } = attempt.login;
        let user = canonical_user(&user.text());
        // It cannot have accepted a password that it does not have.
        let accepted = status == Status::Ok && attempt.is_sent;
        let answer = LoginAnswer::of(accepted, line.bytes());
        // The server's text is meant for the user.
        self.relay_status(accepted, line);
        self.answered();
        match answer.is_accepted() {
            true => {
                self.rejected_commands = 0;
                self.enter_transaction(user.clone());
            }
            false => self.disconnect(),
        }
        self.event(Event::Login {
            mechanism,
            answer,
            user,
        });
    }

    /// Whether popgate is logging in to the upstream.
    pub(super) fn is_logging_in(&mut self) -> bool {
        self.attempt().is_some()
    }

    /// How long the upstream may take, if it is asked for its capabilities.
    pub(super) fn capa_patience(&self) -> Option<Duration> {
        let attempt = self.phase.local_login()?.attempt.as_deref()?;
        (attempt.asks_capabilities() && attempt.may_reconnect()).then_some(CAPA_PATIENCE)
    }

    /// Whether the driver has to connect the upstream once more.
    pub(super) fn reconnects(&self) -> bool {
        let attempt = self
            .phase
            .local_login()
            .and_then(|login| login.attempt.as_deref());
        attempt.is_some_and(|attempt| attempt.step == Step::Reconnecting) && self.upstream.is_none()
    }

    /// The upstream failed during a login: it is connected once more, or the client gets an error, and may try
    /// again.
    pub(super) fn login_failed(&mut self, failure: Failure) {
        let closed = matches!(failure, Failure::UpstreamClosed | Failure::UpstreamBroke(_));
        if let Some(attempt) = self.attempt()
            && attempt.may_reconnect()
            && (attempt.asks_capabilities() || closed && attempt.announced.is_none())
        {
            attempt.step = Step::Reconnecting;
            self.disconnect();
            self.disconnects = false;
            return;
        }
        let attempt = self.phase.local().and_then(|login| login.attempt.take());
        let text = failure.wire(false).unwrap_or_default();
        self.end_login(Bytes::from(text));
        self.disconnect();
        if let Some(attempt) = attempt {
            let mechanism = attempt.login.mechanism;
            self.event(Event::LoginFailed(mechanism, Box::new(failure)));
        }
    }

    /// Answers a login with a line of popgate's own.
    fn end_login(&mut self, line: Bytes) {
        self.output.add(line);
        self.answered();
    }
}
