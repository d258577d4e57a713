//! Answers: what the upstream sends, by the shape of the answer that is owed.

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::guards::Share;
use super::intake::Intake;
use super::login::{self, Login};
use super::mailbox::Listing;
use super::relay::{Owed, Relay};
use super::retrieve::Fetching;
use super::{Failure, tally};
use crate::config::ListenTls;
use crate::metrics::{Fetch, LoginOutcome};
use crate::pop3::dot::EndOfAnswer;
use crate::pop3::line::{take_line, trim_end};
use crate::pop3::{Command, Shape, Status, capa};

/// So much that nobody asked for is taken in a session.
const STRAY: usize = 64 << 10;

/// Where in the answer that is owed the upstream is.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its status line is next.
    Status,
    /// A challenge of AUTH was passed on; the client's line is next.
    Challenge,
    /// The lines pass as they are, up to the final dot; of a message, if it is one.
    Lines(Passing),
    /// Each line is rewritten: LIST or UIDL of all messages.
    Listing(Listing),
    /// Each line is a capability.
    Capabilities,
    /// Each line is a mechanism: the answer to AUTH alone.
    Mechanisms,
    /// A message is held until it is decided on.
    Held(Box<Held>),
    /// A message is read and thrown away, because this takes its place.
    Swallowed(Box<Swallowed>),
}

/// Lines that pass.
#[derive(Debug)]
pub(super) struct Passing {
    pub(super) end: EndOfAnswer,
    pub(super) fetch: Option<Fetch>,
}

/// A message that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) fetching: Fetching,
    /// The upstream's `+OK` line, not passed on yet.
    pub(super) status: Bytes,
    pub(super) intake: Intake,
    /// What it takes of the octets that all sessions may hold.
    pub(super) shares: Vec<Share>,
}

/// A message that is replaced.
#[derive(Debug)]
pub(super) struct Swallowed {
    pub(super) fetch: Fetch,
    pub(super) end: EndOfAnswer,
    pub(super) notice: Bytes,
}

impl Answer {
    /// Whether part of it has gone to the client, so that nothing else can be said.
    pub(super) fn is_under_way(&self) -> bool {
        match self {
            Self::Status | Self::Challenge | Self::Held(_) | Self::Swallowed(_) => false,
            Self::Lines(_) | Self::Listing(_) | Self::Capabilities | Self::Mechanisms => true,
        }
    }
}

impl Relay<'_> {
    /// Takes as much of the answers as is there.
    pub(super) async fn take_answers(&mut self) -> Result<(), Failure> {
        loop {
            self.flush_if_large().await?;
            let progress = match &mut self.answer {
                Answer::Status => self.take_status()?,
                Answer::Challenge => false,
                Answer::Lines(_) => self.take_lines()?,
                Answer::Swallowed(_) => self.swallow()?,
                Answer::Held(_) => self.take_held().await?,
                Answer::Listing(_) | Answer::Capabilities | Answer::Mechanisms => {
                    self.take_text_line()?
                }
            };
            if !progress {
                return Ok(());
            }
        }
    }

    /// The answer that was owed is complete.
    pub(super) fn answered(&mut self) {
        match self.owed.pop_front() {
            Some(Owed::Relayed(Command::Retr(_) | Command::Top(..))) => {
                self.fetching -= 1;
                self.after_unknown = false;
            }
            Some(Owed::Relayed(command)) => self.after_unknown = command == Command::Unknown,
            _ => {}
        }
        self.answer = Answer::Status;
        self.answered_octets = 0;
        self.since = self.now;
        // The client's silence begins when it is owed nothing more.
        self.heard_client = self.now;
    }

    /// Passes bytes on that popgate wrote in place of the upstream's.
    pub(super) fn instead(&mut self, text: Bytes, of: usize) {
        self.service.metrics.edited(text.len(), of);
        self.out.push(text);
    }

    fn take_status(&mut self) -> Result<bool, Failure> {
        let command = match self.owed.front() {
            Some(Owed::Own(text)) => {
                let text = text.clone();
                self.instead(text, 0);
                self.answered();
                return Ok(true);
            }
            // At its turn when all before it is sent.
            Some(Owed::Stls) => return Ok(false),
            None => {
                self.unasked()?;
                return Ok(false);
            }
            Some(Owed::Relayed(command)) => command.clone(),
        };
        let Some(line) = self.take_line()? else {
            return Ok(false);
        };
        let status = Status::of(&line);
        if status == Status::Other {
            self.stray(line)?;
            return Ok(true);
        }
        match command.shape() {
            Shape::Challenges => self.exchange(&command, status, line),
            Shape::LinesIfOk if status == Status::Ok => self.begin_lines(command, line),
            Shape::Line | Shape::LinesIfOk => self.single_line(&command, status, line),
        }
        Ok(true)
    }

    /// Bytes came though nothing is owed.
    fn unasked(&mut self) -> Result<(), Failure> {
        if self.upstream.buffer.is_empty() {
            return Ok(());
        }
        let bytes = self.upstream.buffer.split();
        self.stray(bytes)
    }

    /// Bytes that belong to no answer that popgate knows of.
    ///
    /// Behind a command that it does not know they are more lines of that answer, and pass. Else
    /// they are a server's chatter, which a client would take for the answer to its next command,
    /// or, behind a message, wait on for ever: they end here.
    fn stray(&mut self, bytes: BytesMut) -> Result<(), Failure> {
        if self.after_unknown {
            self.out.push(bytes.freeze());
            return Ok(());
        }
        if self.stray == 0 {
            let upstream = self.server.name();
            tracing::warn!(
                upstream,
                octets = bytes.len(),
                "the server sends something that nobody asked for; said once a session"
            );
        }
        self.service.metrics.edited(0, bytes.len());
        self.stray += bytes.len();
        // It brings no answer nearer.
        self.heard_upstream = self.heard_before;
        match self.stray > STRAY {
            true => Err(Failure::UpstreamFlood(self.stray)),
            false => Ok(()),
        }
    }

    /// RFC 5034 section 4: challenges until `+OK` or `-ERR`.
    fn exchange(&mut self, command: &Command, status: Status, line: BytesMut) {
        let asks = match (status, command) {
            (Status::Challenge, _) => true,
            // Some servers write `+OK` for `+`. Before the client has sent any credential it
            // cannot mean success.
            (
                Status::Ok,
                Command::Auth {
                    initial_response: false,
                    ..
                },
            ) => !self.responded,
            _ => false,
        };
        if asks && let Some(response) = self.response.take() {
            self.service.metrics.edited(0, line.len());
            self.responded = true;
            self.pending_up.extend_from_slice(response.reveal());
            self.pending_up.extend_from_slice(b"\r\n");
            return;
        }
        self.out.push(line.freeze());
        if asks {
            self.responded = true;
            self.answer = Answer::Challenge;
        } else {
            self.logged_in(command, status);
            self.answered();
        }
    }

    fn logged_in(&mut self, command: &Command, status: Status) {
        let Some(mechanism) = login::mechanism(command) else {
            return;
        };
        self.responded = false;
        self.response = None;
        let outcome = match status {
            Status::Ok => LoginOutcome::Ok,
            _ => LoginOutcome::Denied,
        };
        let well = status == Status::Ok;
        let address = self.caller.address().ip();
        let account = self.account.name();
        self.service
            .guards
            .logged_in(self.service, address, account, well);
        if well {
            self.login = Login::Done;
        } else {
            self.slot = None;
        }
        let upstream = self.server.name();
        self.service.metrics.login(upstream, mechanism, outcome);
        if !well {
            let client = self.caller.address();
            tally::denied(self.service, client, upstream, account, mechanism);
        }
    }

    fn single_line(&mut self, command: &Command, status: Status, line: BytesMut) {
        let ok = status == Status::Ok;
        match command {
            Command::Dele(number) if ok => self.mailbox.delete(*number),
            Command::Rset if ok => self.mailbox.reset(),
            Command::Quit => self.quit(),
            _ => {}
        }
        self.logged_in(command, status);
        let door = self.caller.port.protection == ListenTls::Starttls;
        if *command == Command::Capa && !ok && door && self.login == Login::Awaited {
            // A server without CAPA would leave the client without a hint of STLS; and what was
            // answered before TLS must be answered in it.
            let list = capa::least(!self.overheard(), self.offers_stls());
            let list = format!("+OK\r\n{list}.\r\n");
            self.instead(Bytes::from(list), line.len());
            return self.answered();
        }
        let text = trim_end(&line);
        let rewritten = match command {
            _ if !ok || self.mailbox.is_transparent() => None,
            Command::Stat => self.mailbox.stat(text),
            // `+OK 2 200`: behind the status as in a listing.
            Command::List(Some(_)) => self.one_of(text, Listing::List),
            Command::Uidl(Some(_)) => self.one_of(text, Listing::Uidl),
            _ => None,
        };
        match rewritten {
            Some(mut text) => {
                text.extend_from_slice(b"\r\n");
                self.instead(Bytes::from(text), line.len());
            }
            None => self.out.push(line.freeze()),
        }
        self.answered();
    }

    fn one_of(&self, text: &[u8], kind: Listing) -> Option<Vec<u8>> {
        let rest = text.get(4..)?;
        let shown = self.mailbox.line(rest.trim_ascii_start(), kind)?;
        Some([b"+OK ".as_slice(), &shown].concat())
    }

    fn begin_lines(&mut self, command: Command, line: BytesMut) {
        let passing = |fetch| {
            Answer::Lines(Passing {
                end: EndOfAnswer::new(),
                fetch,
            })
        };
        self.answer = match command {
            Command::Retr(_) | Command::Top(..) => {
                return self.begin_fetch(&command, line.freeze());
            }
            Command::Capa => Answer::Capabilities,
            Command::AuthList => Answer::Mechanisms,
            Command::List(None) if !self.mailbox.is_transparent() => Answer::Listing(Listing::List),
            Command::Uidl(None) if !self.mailbox.is_transparent() => Answer::Listing(Listing::Uidl),
            _ => passing(None),
        };
        self.out.push(line.freeze());
    }

    fn take_lines(&mut self) -> Result<bool, Failure> {
        let Answer::Lines(passing) = &mut self.answer else {
            return Ok(false);
        };
        if self.upstream.buffer.is_empty() {
            return Ok(false);
        }
        let end = passing.end.find(&self.upstream.buffer);
        let fetch = passing.fetch;
        let taken = end.unwrap_or(self.upstream.buffer.len());
        self.count(taken)?;
        self.out.push(self.upstream.buffer.split_to(taken).freeze());
        if end.is_some() {
            if let Some(fetch) = fetch {
                self.fetched.push((fetch, self.since));
            }
            self.answered();
        }
        Ok(end.is_some())
    }

    fn swallow(&mut self) -> Result<bool, Failure> {
        let Answer::Swallowed(swallowed) = &mut self.answer else {
            return Ok(false);
        };
        let end = swallowed.end.find(&self.upstream.buffer);
        let taken = end.unwrap_or(self.upstream.buffer.len());
        let _ = self.upstream.buffer.split_to(taken);
        let (fetch, notice) = (swallowed.fetch, swallowed.notice.clone());
        self.service.metrics.edited(0, taken);
        self.count(taken)?;
        if end.is_some() {
            self.send_notice(fetch, notice);
        }
        Ok(end.is_some())
    }

    /// One line of an answer that popgate rewrites line by line.
    fn take_text_line(&mut self) -> Result<bool, Failure> {
        let Some(line) = self.take_line()? else {
            return Ok(false);
        };
        self.count(line.len())?;
        let text = trim_end(&line);
        if text == b"." {
            if matches!(self.answer, Answer::Capabilities) && self.offers_stls() {
                self.instead(Bytes::from_static(b"STLS\r\n"), 0);
            }
            self.out.push(line.freeze());
            self.answered();
            return Ok(true);
        }
        let shown = match &self.answer {
            Answer::Listing(kind) => self.mailbox.line(text, *kind),
            Answer::Capabilities => {
                let shown = capa::carried(text);
                let shown = match self.overheard() {
                    true => shown.and_then(capa::without_plain_logins),
                    false => shown,
                };
                shown.map(String::into_bytes)
            }
            Answer::Mechanisms => {
                let mechanism = String::from_utf8_lossy(text);
                let shows = capa::mechanism_shows_secrets(&mechanism);
                let passes = capa::mechanism_passes(&mechanism) && !(shows && self.overheard());
                passes.then(|| text.to_vec())
            }
            _ => None,
        };
        let shown = shown.map_or_else(Bytes::new, |mut shown| {
            shown.extend_from_slice(b"\r\n");
            Bytes::from(shown)
        });
        self.instead(shown, line.len());
        Ok(true)
    }

    /// Whether a login in plain text would be refused.
    fn overheard(&self) -> bool {
        self.caller.is_overheard(self.client.stream.is_tls())
    }

    fn offers_stls(&self) -> bool {
        self.login == Login::Awaited && super::stls::is_offered(&self.caller, &self.client)
    }

    /// Counts what was taken of an answer.
    pub(super) fn count(&mut self, octets: usize) -> Result<(), Failure> {
        self.answered_octets += octets as u64;
        match self.service.limits.response {
            Some(most) if self.answered_octets > most => Err(Failure::AnswerTooLong(most)),
            _ => Ok(()),
        }
    }

    fn take_line(&mut self) -> Result<Option<BytesMut>, Failure> {
        match take_line(&mut self.upstream.buffer) {
            Some(line) => Ok(Some(line)),
            None if self.upstream.buffer.len() > self.service.limits.response_line => {
                Err(Failure::UpstreamFlood(self.upstream.buffer.len()))
            }
            None => Ok(None),
        }
    }

    /// Seconds since the turn of the answer that is owed.
    pub(super) fn seconds(&self) -> f64 {
        Instant::now().duration_since(self.since).as_secs_f64()
    }
}
