//! The upstream's responses, each read according to its command.

use bytes::Bytes;

use super::action::{Action, End};
use super::ahead_state::Asked;
use super::event::Event;
use super::input::FromUpstream;
use super::listing_answers::ListingCommand;
use super::mechanism::Mechanism;
use super::pending::{Pending, Response};
use super::phase::Phase;
use super::prefetch_state::Candidate;
use super::quarantine_login::NAME_IS_SIGNED;
use super::recall_state::DiscardReason;
use super::state::{Exchange, FLUSH};
use super::status_line::{Meaning, Owed};
use crate::pop3::line::{ends_in_bare_lf, trim_end};
use crate::pop3::reply::error_prefix;
use crate::pop3::{Command, LoginAnswer, Shape, Status, UpstreamNumber, capa};
use crate::session::failure::Failure;

/// The response to STLS, after which the client begins TLS.
const BEGIN_TLS: &[u8] = b"+OK begin TLS\r\n";

/// Whose response is the first pending one.
enum Owes {
    Login,
    Capabilities,
    UniqueIds,
    HiddenSizes,
    ListingAhead(ListingCommand),
    Prefetch(Candidate),
    Ahead(Asked),
    Discard(DiscardReason),
    Command(Command<UpstreamNumber>),
}

impl Owes {
    fn shape(&self) -> Shape {
        match self {
            Self::Login => Shape::Challenges,
            Self::Capabilities
            | Self::UniqueIds
            | Self::HiddenSizes
            | Self::Prefetch(_)
            | Self::Ahead(_) => Shape::LinesIfOk,
            Self::Discard(_) => Shape::Line,
            Self::ListingAhead(listing_command) => listing_command.command().shape(),
            Self::Command(command) => command.shape(),
        }
    }
}

impl Exchange<'_> {
    /// Processes the responses as far as received.
    pub(super) fn take_responses(&mut self) -> Result<Option<Action>, Failure> {
        loop {
            if let Some(action) = self.judge_relayed() {
                return Ok(Some(action));
            }
            if self.output.len() >= FLUSH {
                return Ok(Some(Action::WriteClient));
            }
            let has_progressed = match &self.response {
                // The next one may be in the buffer, too.
                Response::Status if self.looks_at_client && self.owes_nothing() => false,
                Response::Status => self.take_status()?,
                Response::Lines(_) => self.take_lines()?,
                Response::Rows(_) => self.take_rows()?,
                Response::Discarded(_) => self.discard()?,
                Response::Listing(_)
                | Response::Capabilities
                | Response::OwnCapabilities
                | Response::UniqueIds
                | Response::Sizes
                | Response::ListingAhead(_)
                | Response::Mechanisms => self.take_text_line()?,
                Response::Held(_) => match self.take_held()? {
                    Some(action) => return Ok(Some(action)),
                    None => !matches!(self.response, Response::Held(_)),
                },
                Response::Quarantining(_) => match self.quarantine_request() {
                    Some(request) => return Ok(Some(Action::Quarantine(Box::new(request)))),
                    None => false,
                },
                Response::Recalling(_) | Response::Loading(_) | Response::OwnMessage(_) => {
                    match self.store_request() {
                        Some(action) => return Ok(Some(action)),
                        None => false,
                    }
                }
                Response::Spooling(_) | Response::Rereading(_) => match self.spool_request() {
                    Some(action) => return Ok(Some(action)),
                    None => false,
                },
                Response::Reread(_) => match self.decide_reread() {
                    Some(action) => return Ok(Some(action)),
                    None => true,
                },
                Response::Challenge | Response::StartTls | Response::Judging(_) => false,
            };
            if !has_progressed {
                return Ok(None);
            }
        }
    }

    /// The answer to the first pending command is complete.
    pub(super) fn answered(&mut self) {
        let pending = self.pending.pop_front();
        if pending.is_some_and(|pending| pending.fetches()) {
            self.fetching -= 1;
        }
        self.after_unknown = false;
        self.response = self.resumed_ahead();
        self.discard_unwanted();
        self.response_octets = 0;
        self.turn = self.now;
        // The client's idle time begins when no response is pending.
        self.client.heard = self.now;
    }

    fn take_status(&mut self) -> Result<bool, Failure> {
        let owes = match self.pending.front() {
            Some(Pending::Own(text)) => {
                let text = text.clone();
                self.output.add(text);
                self.answered();
                return Ok(true);
            }
            Some(Pending::StartTls) => {
                self.output.add(Bytes::from_static(BEGIN_TLS));
                self.response = Response::StartTls;
                return Ok(false);
            }
            None => {
                self.take_unsolicited()?;
                return Ok(false);
            }
            Some(Pending::Login) => Owes::Login,
            Some(Pending::Capabilities) => Owes::Capabilities,
            Some(Pending::UniqueIds(_)) => Owes::UniqueIds,
            Some(Pending::HiddenSizes) => Owes::HiddenSizes,
            Some(Pending::ListingAhead(listing_command)) => Owes::ListingAhead(*listing_command),
            Some(Pending::Prefetch(candidate)) => Owes::Prefetch(*candidate),
            Some(Pending::Ahead(asked)) => Owes::Ahead(*asked),
            Some(Pending::Discard(reason)) => Owes::Discard(*reason),
            Some(Pending::Spooled(command)) => {
                let command = command.clone();
                self.read_spooled(command);
                return Ok(true);
            }
            Some(Pending::Ready(_)) => {
                self.send_ready();
                return Ok(true);
            }
            Some(Pending::OwnEntry(command)) => {
                let command = command.clone();
                match command.number() {
                    Some(_) => self.answer_own(&command),
                    None => self.answer_quarantine(&command),
                }
                return Ok(true);
            }
            Some(Pending::Upstream(command)) => Owes::Command(command.clone()),
        };
        let Some(line) = self.take_last_line()? else {
            return Ok(false);
        };
        let owed = match self.unsolicited.is_inside_status() {
            true => Owed::Nothing,
            false => Owed::Response(owes.shape()),
        };
        let meaning = Meaning::of(line.bytes(), owed);
        if matches!(meaning, Meaning::Accepted | Meaning::Refused) {
            self.check_nothing_follows(0)?;
        }
        if meaning != Meaning::Unsolicited {
            self.confirm_silent_end();
        }
        match (owes, meaning) {
            (_, Meaning::Unsolicited) => self.unsolicited(&line)?,
            // Whatever the server says to a login reaches the user.
            (Owes::Login, _) => self.take_login_reply(Status::of(line.bytes()), line),
            (Owes::Capabilities, meaning) => {
                self.begin_capabilities();
                match meaning {
                    Meaning::LinesFollow => self.response = Response::OwnCapabilities,
                    _ => self.answered(),
                }
            }
            (Owes::UniqueIds, Meaning::LinesFollow) => self.begin_unique_ids(&line),
            (Owes::UniqueIds, _) => self.unique_ids_refused(),
            (Owes::HiddenSizes, Meaning::LinesFollow) => self.response = Response::Sizes,
            (Owes::HiddenSizes, _) => self.sizes_complete(),
            (Owes::ListingAhead(listing_command), meaning) => {
                let accepted = matches!(meaning, Meaning::Accepted | Meaning::LinesFollow);
                self.begin_listing_ahead(listing_command, accepted, &line);
            }
            (Owes::Prefetch(candidate), Meaning::LinesFollow) => {
                self.begin_prefetched(candidate, line);
            }
            (Owes::Prefetch(_), _) => self.prefetch_refused(),
            (Owes::Ahead(asked), Meaning::LinesFollow) => self.begin_read_ahead(asked, line),
            (Owes::Ahead(asked), _) => self.read_ahead_refused(asked),
            (Owes::Discard(reason), meaning) => {
                self.discard_answered(reason, meaning == Meaning::Accepted);
            }
            (Owes::Command(command), Meaning::LinesFollow) => self.begin_lines(command, line),
            (Owes::Command(command), meaning) => match command.shape() {
                Shape::Challenges => self.take_auth_reply(&command, meaning, line),
                _ => self.take_single_line(&command, meaning == Meaning::Accepted, line),
            },
        }
        Ok(true)
    }

    /// RFC 5034 section 4: challenges until `+OK` or `-ERR`.
    fn take_auth_reply(
        &mut self,
        command: &Command<UpstreamNumber>,
        meaning: Meaning,
        line: FromUpstream,
    ) {
        let mut initial_response = None;
        let mut challenges = meaning == Meaning::Challenge;
        if let Some(login) = self.phase.relayed() {
            // Some servers send `+OK` instead of `+`. Before any credential it cannot mean success.
            let came_alone = matches!(
                command,
                Command::Auth {
                    initial_response: false,
                    ..
                }
            );
            challenges |= meaning == Meaning::Accepted && came_alone && !login.responded;
            if challenges {
                initial_response = login.initial_response.take();
                login.responded = true;
            }
        }
        if let Some(response) = initial_response {
            self.push_up(response.reveal());
            return;
        }
        if challenges {
            if let Some(login) = self.phase.relayed() {
                login.name.challenge(line.bytes());
            }
            self.relay_line(line);
            self.response = Response::Challenge;
            self.event(Event::Challenged);
        } else {
            let accepted = meaning == Meaning::Accepted;
            let answer = LoginAnswer::of(accepted, line.bytes());
            match std::mem::take(&mut self.cancels_login) && !accepted {
                true => self.output.add(Bytes::from_static(NAME_IS_SIGNED)),
                false => self.relay_status(accepted, line),
            }
            self.login_answered(command, answer);
            self.answered();
        }
    }

    /// The upstream has answered a login, if this command is one.
    fn login_answered(&mut self, command: &Command<UpstreamNumber>, answer: LoginAnswer) {
        let Some(mechanism) = Mechanism::of(command) else {
            return;
        };
        let Some(login) = self.phase.relayed() else {
            return;
        };
        login.responded = false;
        login.initial_response = None;
        let user = login.name.name().cloned();
        self.after_refused_auth = matches!(command, Command::Auth { .. }) && !answer.is_accepted();
        if !answer.is_accepted() {
            // A PASS that comes next proves who USER has named, and nobody else.
            login.name.login_refused();
            self.opens_quarantine = login.user_opens_quarantine;
        }
        if answer.is_accepted() {
            let proved = login.name.proved(command);
            self.enter_transaction(proved);
        }
        self.event(Event::Login {
            mechanism,
            answer,
            user,
        });
    }

    /// A server that accepts a command of the TRANSACTION state has logged the user in, even if by a command
    /// unknown to popgate.
    pub(super) fn note_transaction(&mut self, command: &Command<UpstreamNumber>) {
        let is_transaction = matches!(
            command,
            Command::Stat
                | Command::List(_)
                | Command::Uidl(_)
                | Command::Retr(_)
                | Command::Top(..)
                | Command::Dele(_)
        );
        if is_transaction && self.phase.relayed().is_some() {
            self.opens_quarantine = false;
            // Whose mailbox it is was not proved to popgate.
            self.enter_transaction(None);
        }
    }

    fn take_single_line(
        &mut self,
        command: &Command<UpstreamNumber>,
        accepted: bool,
        line: FromUpstream,
    ) {
        if accepted {
            self.note_transaction(command);
            self.note_single_line(command, trim_end(line.bytes()));
        }
        self.login_answered(command, LoginAnswer::of(accepted, line.bytes()));
        match command {
            Command::User => {
                if let Some(login) = self.phase.relayed() {
                    login.name.user_answered(accepted);
                }
            }
            Command::Quit => {
                // RFC 1939 section 6: after an error, messages may be left.
                if accepted {
                    self.report_own_deletions();
                    self.report_upstream_deletions();
                    self.report_discards();
                }
                self.ending = Some(End::Quit);
            }
            // Only refusals come here.
            Command::Capa => self.begin_capabilities(),
            _ => {}
        }
        let is_authorization = self.phase.is_authorization();
        if *command == Command::Capa
            && !accepted
            && is_authorization
            && self.client.security.starttls
        {
            // Without this a client of a server without CAPA would not learn of STLS; and CAPA answered before
            // TLS must be answered under TLS, too.
            let list = capa::least(
                !self.client.exposes_passwords(),
                self.client.offers_starttls(),
            );
            self.output.add(Bytes::from(format!("+OK\r\n{list}.\r\n")));
            return self.answered();
        }
        let rewritten = match &mut self.phase {
            Phase::Transaction(transaction) if accepted => {
                let view = &mut transaction.view;
                match command {
                    Command::Dele(number) => view.delete(*number),
                    Command::Rset => view.reset(),
                    _ => {}
                }
                view.status_line(command, trim_end(line.bytes()))
            }
            _ => None,
        };
        match rewritten {
            Some(mut text) => {
                text.extend_from_slice(b"\r\n");
                self.output.add(Bytes::from(text));
            }
            None => self.relay_status(accepted, line),
        }
        let may_have_more_lines = accepted && command.may_have_more_lines();
        self.answered();
        self.after_unknown = may_have_more_lines;
    }

    /// Relays a status line; an error gets a form that clients take for one.
    pub(super) fn relay_status(&mut self, accepted: bool, line: FromUpstream) {
        if !accepted {
            let prefix = error_prefix(line.bytes());
            self.output.add(Bytes::from_static(prefix));
        }
        self.relay_line(line);
    }

    /// Relays a line that ends in CRLF for the client (RFC 1939 section 3).
    pub(super) fn relay_line(&mut self, line: FromUpstream) {
        if !ends_in_bare_lf(line.bytes()) {
            return self.output.relay(line);
        }
        let text = line.len() - 1;
        self.output.relay(line.slice(0..text));
        self.output.add(Bytes::from_static(b"\r"));
        self.output.relay(line.slice(text..text + 1));
    }

    /// Counts the consumed octets of a response.
    pub(super) fn count(&mut self, octets: usize) -> Result<(), Failure> {
        self.response_octets += octets as u64;
        match self.config.limits.response {
            Some(most) if self.response_octets > most => Err(Failure::AnswerTooLong(most)),
            _ => Ok(()),
        }
    }

    /// Consumes this many octets of the upstream.
    pub(super) fn consume(&mut self, octets: usize) -> FromUpstream {
        self.consumed += octets as u64;
        match &mut self.upstream {
            Some(upstream) => upstream.take(octets),
            None => FromUpstream::default(),
        }
    }

    /// Consumes a line of the upstream, or its last octets if it has closed without ending its last line.
    pub(super) fn take_last_line(&mut self) -> Result<Option<FromUpstream>, Failure> {
        let added = match &mut self.upstream {
            Some(upstream) if upstream.ended => upstream.end_last_line(),
            _ => 0,
        };
        self.push_edit(added);
        self.take_line()
    }

    /// Consumes a line of the upstream, if it is complete.
    pub(super) fn take_line(&mut self) -> Result<Option<FromUpstream>, Failure> {
        let Some(upstream) = &mut self.upstream else {
            return Ok(None);
        };
        match upstream.take_line() {
            Some(line) => {
                self.consumed += line.len() as u64;
                Ok(Some(line))
            }
            None if upstream.buffer.len() > self.config.limits.response_line => {
                Err(Failure::UpstreamFlood(upstream.buffer.len()))
            }
            None => Ok(None),
        }
    }
}
