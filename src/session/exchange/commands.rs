//! The client's commands, read in order and sent upstream in order.
//!
//! A client may pipeline (RFC 2449 section 6.6); `pipelining` says how many of its commands go up at a time. DELE and
//! QUIT are sent only when every message requested before them has been written to the client's connection: if popgate
//! or the client fails earlier, the upstream must still have the mail.

use bytes::Bytes;
use memchr::memchr;

use super::action::{Action, End};
use super::event::Event;
use super::input::ClientLine;
use super::login_checks::needs_admission;
use super::mailbox_view::Entry;
use super::pending::{Deferred, MOST_REJECTED, Pending, Response};
use super::state::Exchange;
use crate::pop3::line::trim_end;
use crate::pop3::{Command, Secret, Shape, UpstreamNumber, capa, secret};
use crate::session::refusal::Refusal;

/// The most pending responses; mpop pipelines up to 100 commands.
const MOST_PENDING: usize = 128;

impl Exchange<'_> {
    /// Queues a response of popgate's own.
    pub(super) fn answer(&mut self, text: &[u8]) {
        self.push_pending(Pending::Own(Bytes::copy_from_slice(text)));
    }

    pub(super) fn push_pending(&mut self, pending: Pending) {
        if self.owes_nothing() {
            self.turn = self.now;
            if let Some(upstream) = &mut self.upstream {
                upstream.owes_since(self.now);
            }
        }
        match pending.is_own() {
            true => self.push_before_ahead(pending),
            false => self.pending.push_back(pending),
        }
    }

    /// Queues a refusal and reports it to log and metrics.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        let text = refusal.wire().unwrap_or_default();
        self.answer(format!("-ERR {text}\r\n").as_bytes());
        self.event(Event::Refused(Box::new(refusal)));
    }

    /// Refuses instead of all pending responses (a pending AUTH would wait for the line that is refused here),
    /// and ends the session.
    pub(super) fn reject(&mut self, refusal: Refusal) {
        if matches!(self.response, Response::Challenge) {
            self.pending.clear();
            self.response = Response::Status;
        }
        self.refuse(refusal);
        self.ending = Some(End::Rejected);
    }

    /// Whether the client's next line is complete and may be processed now.
    pub(super) fn may_take_line(&self) -> bool {
        self.may_take() && memchr(b'\n', &self.client.buffer).is_some() && self.may_take_first()
    }

    /// Whether the client's next line may be processed.
    fn may_take(&self) -> bool {
        if self.ending.is_some() || self.pending.len() >= MOST_PENDING {
            return false;
        }
        if self.is_opening_quarantine() {
            return false;
        }
        let challenged = matches!(self.response, Response::Challenge);
        // A login by popgate takes time: earlier responses are sent first.
        if self.phase.is_local() && !challenged {
            return self.pending.is_empty() && self.output.is_empty();
        }
        // The mailbox, and whether the login succeeded, are known only with the response: the lines after it
        // could name another user.
        let proves = |pending: &Pending| matches!(pending, Pending::Upstream(it) if it.is_proof());
        if self.phase.is_authorization() && !challenged && self.pending.iter().any(proves) {
            return false;
        }
        let waits = self.must_look() || self.is_response_pending() && !self.may_pipeline();
        if !challenged && waits && !self.next_was_read_ahead() {
            return false;
        }
        match self.pending.back() {
            // RFC 5034 section 4: the next line is a response to a challenge, once there is one.
            Some(Pending::Upstream(Command::Auth { .. }) | Pending::Login) => challenged,
            // The client's next line comes over TLS.
            Some(Pending::StartTls) => false,
            Some(Pending::Upstream(Command::Quit) | Pending::OwnEntry(Command::Quit)) => false,
            _ => true,
        }
    }

    /// Whether the first line may be sent upstream before pending messages are delivered (see the module). A response
    /// to a challenge may look like DELE or QUIT, and a server that has ended AUTH takes it for that.
    fn may_take_first(&self) -> bool {
        let settled = self.fetching == 0 && self.output.is_empty();
        let command = Command::parse(self.client.first_line());
        (settled || !command.deletes())
            && !self.must_recall_before(&command)
            && !self.must_list_before(&command)
            && !self.must_discard_before(&command)
            && !self.must_read_before(&command)
    }

    /// The limit on the client's line. RFC 2449 section 4 allows 255 octets, but the tokens of OAuth are
    /// longer.
    fn longest_line(&mut self) -> usize {
        let verb = self.client.buffer.get(..4).unwrap_or_default();
        let is_auth = verb.eq_ignore_ascii_case(b"AUTH")
            || matches!(self.response, Response::Challenge)
            || self
                .phase
                .local()
                .is_some_and(|login| login.awaits_response());
        match is_auth {
            true => self.config.limits.auth_line,
            false => self.config.limits.command_line,
        }
    }

    /// Processes the client's commands as far as possible; returns the action that one of them needs.
    pub(super) fn take_commands(&mut self) -> Option<Action> {
        self.ask_capabilities();
        self.ask_listings();
        self.ask_unique_ids();
        self.prefetch();
        self.discard_before_quit();
        self.abandon_before_quit();
        while self.may_take() {
            let end = memchr(b'\n', &self.client.buffer);
            if end.unwrap_or(self.client.buffer.len()) > self.longest_line() {
                self.reject(Refusal::LineTooLong);
                break;
            }
            let Some(end) = end else { break };
            if !self.may_take_first() {
                break;
            }
            let line = ClientLine(self.client.buffer.split_to(end + 1));
            let action = match (&self.response, self.phase.is_local()) {
                (Response::Challenge, _) => self.take_response(line),
                (_, true) => self.take_local(&line),
                (_, false) => self.take_command(line),
            };
            if action.is_some() {
                return action;
            }
        }
        self.read_ahead();
        None
    }

    /// The client's response to a challenge of AUTH.
    fn take_response(&mut self, line: ClientLine) -> Option<Action> {
        let line = self.response_with_mailbox_name(line);
        if let Some(login) = self.phase.relayed() {
            let is_name_alone = login.name.awaits_name_alone();
            login.name.response(&line.0);
            if !is_name_alone {
                self.deferred = Some(Deferred::Response(line));
                return Some(Action::Admit);
            }
        }
        self.forward_response(&line);
        None
    }

    fn forward_response(&mut self, line: &ClientLine) {
        let text = trim_end(&line.0);
        // A server may take a control octet for the line's end, and what follows for a command: such a response
        // cancels the exchange (RFC 5034 section 4).
        match text.iter().any(u8::is_ascii_control) {
            true => self.push_up(b"*"),
            false => self.push_up(text),
        }
        self.response = Response::Status;
        if let Some(upstream) = &mut self.upstream {
            upstream.heard = self.now;
        }
    }

    /// A command of a client that talks to the upstream.
    fn take_command(&mut self, line: ClientLine) -> Option<Action> {
        let command = Command::parse(&line.0);
        self.event(Event::Command(command.label()));
        if self.is_late_response(&command, &line.0) {
            return None;
        }
        let line = self.with_mailbox_name(&command, line)?;
        if let Some(login) = self.phase.relayed() {
            login.name.command(&command, &line.0);
            if command == Command::User {
                login.user_opens_quarantine = self.opens_quarantine;
            }
            if let Some(refusal) = self.login_refusal(&command, &line.0) {
                self.after_refused_auth = matches!(command, Command::Auth { .. });
                self.refuse(refusal);
                return None;
            }
            if needs_admission(&command) {
                self.deferred = Some(Deferred::Command(command, line));
                return Some(Action::Admit);
            }
        }
        self.forward(command, &line.0);
        None
    }

    /// The quotas' decision: whether the login may be sent upstream.
    pub fn admitted(&mut self, admission: Result<(), Refusal>) {
        match (self.deferred.take(), admission) {
            (Some(Deferred::Command(command, line)), Ok(())) => self.forward(command, &line.0),
            (Some(Deferred::Response(line)), Ok(())) => self.forward_response(&line),
            (Some(Deferred::Command(..)), Err(refusal)) => {
                self.refuse(refusal);
                self.ending = Some(End::Rejected);
            }
            (Some(Deferred::Response(_)), Err(refusal)) => self.reject(refusal),
            (None, _) => {}
        }
    }

    /// Sends a command upstream, or answers it.
    fn forward(&mut self, command: Command, line: &[u8]) {
        if matches!(command, Command::Stls) {
            return self.start_tls();
        }
        if let Command::Foreign = command {
            self.answer(b"-ERR this is a POP3 server\r\n");
            self.ending = Some(End::Rejected);
            return;
        }
        if let Command::Refused(why) = command {
            self.rejected_commands += 1;
            self.answer(format!("-ERR {why}\r\n").as_bytes());
            if self.rejected_commands >= MOST_REJECTED {
                self.ending = Some(End::Rejected);
            }
            return;
        }
        if let Command::Auth { mechanism, .. } = &command
            && !capa::mechanism_passes(mechanism)
        {
            self.after_refused_auth = true;
            return self.answer(b"-ERR this mechanism does not pass through a proxy\r\n");
        }
        if self.shows_quarantine() {
            return self.take_quarantine_command(command);
        }
        if command == Command::Quit && self.quits_cut_off() {
            return;
        }
        let is_in_vain = self.note_order(&command);
        if self.takes_listing(&command) {
            return;
        }
        let command = self.upstream_command(command);
        // It may ask for a message that was read ahead, and for none after that.
        let is_taken = command.as_ref().is_some_and(|it| self.takes_read_ahead(it));
        if is_in_vain {
            self.abandon_read_ahead();
        }
        let Some(command) = command.filter(|_| !is_taken) else {
            return;
        };
        if self.takes_spooled(&command) {
            self.fetching += 1;
            return self.push_pending(Pending::Spooled(command));
        }
        let command = match command {
            Command::Auth {
                mechanism,
                initial_response: true,
            } if self.keeps_initial_response(&mechanism, line) => {
                self.push_up(format!("AUTH {mechanism}").as_bytes());
                Command::Auth {
                    mechanism,
                    initial_response: false,
                }
            }
            command => {
                command.write(line, &mut self.upstream_output);
                command
            }
        };
        if command == Command::User
            && let Some(login) = self.phase.relayed()
        {
            login.user_sent = true;
        }
        if self.ahead().is_some_and(|it| it.is_cut_off) {
            // Nobody is there to read it: the command fails.
            secret::wipe(&mut self.upstream_output);
        }
        self.fetching += usize::from(command.fetches());
        self.push_pending(Pending::Upstream(command));
    }

    /// The command with the upstream's numbers; `None` if it is answered without the upstream.
    fn upstream_command(&mut self, command: Command) -> Option<Command<UpstreamNumber>> {
        self.note_numbers_told(&command);
        let Some(transaction) = self.phase.transaction() else {
            return command.map_number(|number| Some(UpstreamNumber(number.0)));
        };
        let view = &transaction.view;
        let own = command
            .clone()
            .map_number(|number| match view.entry(number)? {
                Entry::Own(place) => Some(place),
                Entry::Upstream(_) => None,
            });
        // Without a number it is mapped to itself.
        if let Some(own) = own
            && own.number().is_some()
        {
            self.fetching += usize::from(own.fetches());
            self.push_pending(Pending::OwnEntry(own));
            return None;
        }
        // The server would read a number that is not its own.
        let is_unclear = matches!(
            command,
            Command::Malformed(_) | Command::Unknown | Command::Known("XTND", _)
        );
        // It would say what popgate itself has fetched.
        let is_untrue =
            command == Command::Known("LAST", Shape::Line) && transaction.spooled.has_fetched;
        if view.hides() && is_unclear || is_untrue {
            self.answer(b"-ERR not available while messages are held back\r\n");
            return None;
        }
        let mapped = command.map_number(|number| match view.entry(number)? {
            Entry::Upstream(upstream) => Some(upstream),
            Entry::Own(_) => None,
        });
        if mapped.is_none() {
            self.answer(b"-ERR no such message\r\n");
        }
        mapped
    }

    /// Removes the initial response from an AUTH line, to send it after the upstream's challenge: Office 365
    /// requires that, and tokens are longer than a command may be (RFC 5034 section 4).
    fn keeps_initial_response(&mut self, mechanism: &str, line: &[u8]) -> bool {
        if !matches!(mechanism, "XOAUTH2" | "OAUTHBEARER") {
            return false;
        }
        let Some(login) = self.phase.relayed() else {
            return false;
        };
        let words = line.split(u8::is_ascii_whitespace);
        let response = words.filter(|word| !word.is_empty()).nth(2);
        login.initial_response = response.map(Secret::new);
        true
    }

    /// The client sent STLS.
    pub(super) fn start_tls(&mut self) {
        let is_authorization = self.phase.is_authorization();
        if !is_authorization || !self.client.offers_starttls() {
            return self.answer(b"-ERR STLS is not offered here\r\n");
        }
        // The server would keep a user name that an attacker may have injected before TLS (RFC 2595 section 4),
        // and no command resets it.
        if self.phase.relayed().is_some_and(|login| login.user_sent) {
            return self.answer(b"-ERR STLS comes before any login\r\n");
        }
        self.push_pending(Pending::StartTls);
    }

    /// A line for the upstream.
    pub(super) fn push_up(&mut self, line: &[u8]) {
        secret::append(&mut self.upstream_output, line);
        secret::append(&mut self.upstream_output, b"\r\n");
    }
}
