//! Commands: what the client asks for, taken in order and sent up in order.
//!
//! A client may pipeline (RFC 2449 section 6.6), but DELE and QUIT go up only when every message
//! asked for before them has been handed to the client's connection: were popgate or the client to
//! fail in the middle, the upstream must still have the mail.

use bytes::{Bytes, BytesMut};
use memchr::memchr;

use super::answers::Answer;
use super::login::{self, Login};
use super::relay::{Owed, Relay};
use super::{End, Refusal};
use crate::pop3::line::trim_end;
use crate::pop3::{Command, MessageNumber, Secret, capa};

/// Answers that may be awaited at a time; mpop pipelines up to 100 commands.
const MOST_AWAITED: usize = 128;
/// Refused commands until the client is sent away.
const MOST_REFUSED: u32 = 20;

impl Relay<'_> {
    /// An answer of popgate's own, in its turn.
    pub(super) fn own(&mut self, text: &[u8]) {
        self.owe(Owed::Own(Bytes::copy_from_slice(text)));
    }

    fn owe(&mut self, owed: Owed) {
        if self.owed.is_empty() {
            self.since = self.now;
            self.heard_upstream = self.now;
        }
        self.owed.push_back(owed);
    }

    /// Whether the next line of the client may be looked at.
    pub(super) fn may_take(&self) -> bool {
        if self.ending.is_some() || self.owed.len() >= MOST_AWAITED {
            return false;
        }
        // Whose mailbox it is, and whether the guess was right, is known with the answer: what came behind
        // it could name somebody else.
        let proves = |owed: &Owed| matches!(owed, Owed::Relayed(it) if login::is_proof(it));
        if self.login == Login::Awaited
            && !matches!(self.answer, Answer::Challenge)
            && self.owed.iter().any(proves)
        {
            return false;
        }
        match self.owed.back() {
            // RFC 5034 section 4: what comes next belongs to the exchange, once it is asked for.
            Some(Owed::Relayed(Command::Auth { .. })) => matches!(self.answer, Answer::Challenge),
            // What the client says next, it says in TLS.
            Some(Owed::Stls) => false,
            Some(Owed::Relayed(Command::Quit)) => false,
            _ => true,
        }
    }

    /// Whether the first line may go up before what is owed is delivered (see the module).
    pub(super) fn takes_first(&self) -> bool {
        let settled = self.fetching == 0 && self.out.is_empty();
        settled
            || matches!(self.answer, Answer::Challenge)
            || !matches!(
                Command::parse(&self.client.buffer[..self.first_line()]),
                Command::Dele(_) | Command::Quit
            )
    }

    /// How long the client's line may be. RFC 2449 section 4 allows 255 octets, but the tokens of OAuth
    /// are longer.
    fn longest_line(&self) -> usize {
        let limits = &self.service.limits;
        let verb = self.client.buffer.get(..4).unwrap_or_default();
        match matches!(self.answer, Answer::Challenge) || verb.eq_ignore_ascii_case(b"AUTH") {
            true => limits.auth_line,
            false => limits.command_line,
        }
    }

    /// Answers in place of all that is owed (an AUTH waits for the line that is refused here), and ends
    /// the session.
    fn send_away(&mut self, refusal: &Refusal) {
        if matches!(self.answer, Answer::Challenge) {
            self.owed.clear();
            self.answer = Answer::Status;
        }
        self.refuse(refusal);
        self.ending = Some(End::SentAway);
    }

    /// Answers with a refusal.
    fn refuse(&mut self, refusal: &Refusal) {
        super::report_refusal(self.service, self.caller.address(), refusal);
        let text = refusal.wire().unwrap_or_default();
        self.own(format!("-ERR {text}\r\n").as_bytes());
    }

    /// Whether a login may go up, now that its account is known as far as it will be.
    fn admit(&mut self) -> Result<(), Refusal> {
        if self.slot.is_none() {
            let address = self.caller.address().ip();
            let guards = &self.service.guards;
            self.slot = guards.may_log_in(self.service, address, self.account.name())?;
        }
        Ok(())
    }

    /// Whether popgate itself has something against a login.
    fn objection(&mut self, command: &Command, line: &[u8]) -> Option<Refusal> {
        let overheard = self.caller.is_overheard(self.client.stream.is_tls());
        let shows = match command {
            Command::User | Command::Pass => true,
            Command::Auth { mechanism, .. } => capa::mechanism_shows_secrets(mechanism),
            Command::Apop => false,
            _ => return None,
        };
        if overheard && shows {
            return Some(Refusal::Plaintext);
        }
        let is_named = matches!(command, Command::User | Command::Apop);
        if is_named && line.len() > self.service.limits.user_name + "USER \r\n".len() {
            return Some(Refusal::NameTooLong);
        }
        match command {
            Command::User => {
                self.slot = None;
                None
            }
            // A place is taken with the proof, not with the name: who cannot log in keeps nobody out. The
            // initial response of LOGIN is the name alone.
            Command::Auth {
                mechanism,
                initial_response,
            } => {
                self.slot = None;
                let proves = *initial_response && mechanism != "LOGIN";
                proves.then(|| self.admit().err()).flatten()
            }
            _ => self.admit().err(),
        }
    }

    fn first_line(&self) -> usize {
        memchr(b'\n', &self.client.buffer).map_or(self.client.buffer.len(), |at| at + 1)
    }

    /// Takes the client's commands; what goes up for them.
    pub(super) fn take_commands(&mut self) -> BytesMut {
        let mut up = BytesMut::new();
        while self.may_take() {
            let end = memchr(b'\n', &self.client.buffer);
            if end.unwrap_or(self.client.buffer.len()) > self.longest_line() {
                self.send_away(&Refusal::LineTooLong);
                break;
            }
            if end.is_none() {
                break;
            }
            if !self.takes_first() {
                break;
            }
            let end = self.first_line();
            let mut line = self.client.buffer.split_to(end);
            if matches!(self.answer, Answer::Challenge) {
                let is_name_alone = self.account.awaits_name_alone();
                self.account.response(&line);
                if !is_name_alone && let Err(refusal) = self.admit() {
                    self.send_away(&refusal);
                    line.fill(0);
                    break;
                }
                up.extend_from_slice(trim_end(&line));
                up.extend_from_slice(b"\r\n");
                self.answer = Answer::Status;
                self.heard_upstream = self.now;
            } else {
                self.take_command(&line, &mut up);
            }
            // It may hold a password, and the buffer lives on.
            line.fill(0);
        }
        up
    }

    fn take_command(&mut self, line: &[u8], up: &mut BytesMut) {
        let command = Command::parse(line);
        self.service.metrics.command(command.label());
        if self.login == Login::Awaited {
            self.account.command(&command, line);
            if let Some(refusal) = self.objection(&command, line) {
                self.refuse(&refusal);
                if !matches!(refusal, Refusal::Plaintext | Refusal::NameTooLong) {
                    self.ending = Some(End::SentAway);
                }
                return;
            }
        }
        let to_upstream = |number: MessageNumber| self.mailbox.to_upstream(number);
        let absent: &[u8] = b"-ERR no such message\r\n";
        // What carries a number is written anew, with the upstream's; all else goes as it came.
        let (command, text) = match command {
            Command::Retr(number) => match to_upstream(number) {
                Some(number) => (Command::Retr(number), format!("RETR {number}\r\n")),
                None => return self.own(absent),
            },
            Command::Top(number, lines) => match to_upstream(number) {
                Some(number) => (
                    Command::Top(number, lines),
                    format!("TOP {number} {}\r\n", lines.0),
                ),
                None => return self.own(absent),
            },
            Command::Dele(number) => match to_upstream(number) {
                Some(number) => (Command::Dele(number), format!("DELE {number}\r\n")),
                None => return self.own(absent),
            },
            Command::List(Some(number)) => match to_upstream(number) {
                Some(number) => (Command::List(Some(number)), format!("LIST {number}\r\n")),
                None => return self.own(absent),
            },
            Command::Uidl(Some(number)) => match to_upstream(number) {
                Some(number) => (Command::Uidl(Some(number)), format!("UIDL {number}\r\n")),
                None => return self.own(absent),
            },
            Command::Stls
                if self.login == Login::Awaited
                    && super::stls::is_offered(&self.caller, &self.client) =>
            {
                // The server would remember a name that somebody else may have put into the
                // connection (RFC 2595 section 4), and no command makes it forget.
                if self.named {
                    return self.own(b"-ERR STLS comes before any login\r\n");
                }
                return self.owe(Owed::Stls);
            }
            Command::Stls => return self.own(b"-ERR STLS is not offered here\r\n"),
            // In two steps: Office 365 takes no other way, and a token is longer than a command may be
            // (RFC 5034 section 4).
            Command::Auth {
                ref mechanism,
                initial_response: true,
            } if matches!(mechanism.as_str(), "XOAUTH2" | "OAUTHBEARER") => {
                let words = line.split(u8::is_ascii_whitespace);
                let response = words.filter(|word| !word.is_empty()).nth(2);
                self.response = response.map(Secret::new);
                let text = format!("AUTH {mechanism}\r\n");
                let mechanism = mechanism.clone();
                let auth = Command::Auth {
                    mechanism,
                    initial_response: false,
                };
                (auth, text)
            }
            Command::Auth { ref mechanism, .. } if !capa::mechanism_passes(mechanism) => {
                return self.own(b"-ERR this mechanism does not pass through a proxy\r\n");
            }
            Command::Foreign => {
                self.own(b"-ERR this is a POP3 server\r\n");
                self.ending = Some(End::SentAway);
                return;
            }
            Command::Refused(why) => {
                self.refused += 1;
                self.own(format!("-ERR {why}\r\n").as_bytes());
                if self.refused >= MOST_REFUSED {
                    self.ending = Some(End::SentAway);
                }
                return;
            }
            command => (command, String::new()),
        };
        if text.is_empty() {
            up.extend_from_slice(trim_end(line));
            up.extend_from_slice(b"\r\n");
        } else {
            up.extend_from_slice(text.as_bytes());
        }
        self.named |= command == Command::User;
        self.fetching += usize::from(matches!(command, Command::Retr(_) | Command::Top(..)));
        self.owe(Owed::Relayed(command));
    }
}
