//! The exchange's state, its inputs, and the order of its work.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::action::{Action, End, MessageId};
use super::event::{DecidedMessage, Event, UidlTrouble};
use super::hold::HoldLimits;
use super::input::{ClientInput, ClientSecurity, Unsolicited, UpstreamInput};
use super::login_state::{GREETING, LocalLogin};
use super::mechanism::Mechanism;
use super::output::ClientOutput;
use super::pending::{Deferred, Pending, Response};
use super::phase::{Login, Opened, Phase, RelayedLogin, Shows, Transaction};
use super::prefetch_state::PrefetchLimits;
use super::recall_state::{Asks, Recall};
use crate::config::{Limits, Timeouts};
use crate::metrics::{ClientState, Fetch};
use crate::pop3::suffixed_login::SuffixedLogin;
use crate::pop3::{Command, Uidl, secret};
use crate::rewrite::MarkStyle;
use crate::session::failure::Failure;

/// From this many octets on, output is written before more input is processed.
pub(super) const FLUSH: usize = 64 << 10;

/// The settings that apply to all sessions.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeConfig<'s> {
    /// The limits.
    pub limits: &'s Limits,
    /// The timeouts.
    pub timeouts: &'s Timeouts,
    /// The limits of holding a message.
    pub hold: HoldLimits,
    /// How much may be fetched before the first answer about messages, in hide mode.
    pub prefetch: &'s PrefetchLimits,
    /// Whether messages are judged; if not, they are relayed as they come.
    pub judges: bool,
    /// How messages are marked.
    pub style: &'s MarkStyle,
    /// What is behind the user's name in a login to the quarantine; empty = there are none.
    pub quarantine_suffix: &'s String,
    /// Generates the id of a message that is marked or held back, from a clock and random bits.
    pub new_id: fn() -> MessageId,
}

/// Who logs in to the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginBy {
    /// The client: the server is known from the start, and its greeting is relayed.
    Client,
    /// popgate, with the client's credentials: the user name selects the server, or a token replaces the
    /// password.
    Popgate,
}

/// The state of one session's exchange.
#[derive(Debug)]
pub struct Exchange<'s> {
    pub(super) config: ExchangeConfig<'s>,
    pub(super) client: ClientInput,
    pub(super) upstream: Option<UpstreamInput>,
    /// Whether the driver has yet to close an upstream connection that is no longer needed.
    pub(super) disconnects: bool,
    pub(super) phase: Phase,
    pub(super) pending: VecDeque<Pending>,
    pub(super) response: Response,
    pub(super) output: ClientOutput,
    pub(super) upstream_output: BytesMut,
    /// A command that waits for the quotas' decision.
    pub(super) deferred: Option<Deferred>,
    pub(super) now: Instant,
    /// How long the upstream may be silent while a response is pending.
    pub(super) upstream_read: Duration,
    /// When the first pending command became that.
    pub(super) turn: Instant,
    /// Octets of the current response.
    pub(super) response_octets: u64,
    /// Answers to RETR and TOP that are complete but not written yet.
    pub(super) delivered: Vec<Delivered>,
    /// Whether one command at a time goes up, whatever the upstream has announced.
    pub(super) one_at_a_time: bool,
    /// The most messages that are read ahead of the client's commands.
    pub(super) read_ahead: u32,
    /// Whether there is memory for more than the client has asked for.
    pub(super) memory_is_plentiful: bool,
    pub(super) filter_is_paused: bool,
    /// A message that was read ahead is kept: the client is looked at before the next one is judged.
    pub(super) looks_at_client: bool,
    /// Whether mailboxes are remembered, and who asks for unique-ids then.
    pub(super) remembers: Option<Asks>,
    /// How many of the pending commands fetch a message.
    pub(super) fetching: usize,
    /// Lines of the answer to CAPA, while popgate logs in.
    pub(super) capability_lines: u32,
    /// Whether the last answer was `+OK` to a command that popgate does not know: more lines of it may follow. An error
    /// is one line (RFC 1939 section 3).
    pub(super) after_unknown: bool,
    /// An AUTH was refused, and no command has come since: the client may still send its response.
    pub(super) after_refused_auth: bool,
    /// Finds the suffix of a login to the quarantine.
    pub(super) suffixed_login: SuffixedLogin,
    /// Whether the login that is under way is one to the quarantine.
    pub(super) opens_quarantine: bool,
    /// Whether it is cancelled, because the suffix cannot be removed from the name.
    pub(super) cancels_login: bool,
    /// Number of invalid commands.
    pub(super) rejected_commands: u32,
    /// What the upstream sent without being asked.
    pub(super) unsolicited: Unsolicited,
    pub(super) ending: Option<End>,
    pub(super) draining: Option<Instant>,
    pub(super) events: Vec<Event>,
    /// Octets of the upstream that were consumed, or are in a connection that is closed.
    pub(super) consumed: u64,
    reported: Reported,
}

/// An answer to RETR or TOP that is complete.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) fetch: Fetch,
    /// What was decided, if it is to be remembered.
    pub(super) decided: Option<Box<DecidedMessage>>,
    /// The message, if it was judged before and the client is the first that gets it.
    pub(super) first: Option<Uidl>,
    /// When its turn came.
    pub(super) turn: Instant,
}

/// Octets already reported by [`Event::Edited`].
#[derive(Debug, Default)]
struct Reported {
    added: u64,
    removed: u64,
}

impl<'s> Exchange<'s> {
    /// A new session, with the deadline for its login.
    pub fn new(
        config: ExchangeConfig<'s>,
        login_by: LoginBy,
        security: ClientSecurity,
        deadline: Instant,
        now: Instant,
    ) -> Self {
        let mut output = ClientOutput::default();
        let login = match login_by {
            LoginBy::Client => Login::Relayed(RelayedLogin::default()),
            LoginBy::Popgate => {
                output.add(Bytes::from_static(GREETING));
                Login::Local(LocalLogin::default())
            }
        };
        Self {
            config,
            client: ClientInput {
                buffer: BytesMut::new(),
                ended: false,
                security,
                heard: now,
                line_since: None,
            },
            upstream: None,
            disconnects: false,
            phase: Phase::Authorization { deadline, login },
            pending: VecDeque::new(),
            response: Response::Status,
            output,
            upstream_output: BytesMut::new(),
            deferred: None,
            now,
            upstream_read: config.timeouts.upstream_read,
            turn: now,
            response_octets: 0,
            delivered: Vec::new(),
            one_at_a_time: false,
            read_ahead: 0,
            memory_is_plentiful: true,
            filter_is_paused: false,
            looks_at_client: false,
            remembers: None,
            fetching: 0,
            capability_lines: 0,
            after_unknown: false,
            after_refused_auth: false,
            suffixed_login: SuffixedLogin::default(),
            opens_quarantine: false,
            cancels_login: false,
            rejected_commands: 0,
            unsolicited: Unsolicited::default(),
            ending: None,
            draining: None,
            events: Vec::new(),
            consumed: 0,
            reported: Reported::default(),
        }
    }

    /// Whether the mailbox that is logged in to is remembered beyond the session, so that [`Action::Recall`] may be asked
    /// for, and who asks for unique-ids then.
    pub fn remember_mailbox(&mut self, asks: Option<Asks>) {
        self.remembers = asks;
    }

    /// Does everything that can be done now; returns what the driver must do next.
    ///
    /// # Errors
    /// The failure that ends the session. [`Self::give_up`] says what can still be said.
    pub fn advance(&mut self, now: Instant) -> Result<Action, Failure> {
        self.now = now;
        if let Some(upstream) = &mut self.upstream {
            upstream.note_silence(now);
        }
        loop {
            match self.step() {
                Ok(Some(action)) => {
                    if let (Action::Wait(wait), Some(upstream)) = (&action, &mut self.upstream) {
                        upstream.read_since = wait.read_upstream.then_some(now);
                    }
                    if matches!(action, Action::Close(_)) {
                        self.end_memory();
                    }
                    self.report_edits();
                    return Ok(action);
                }
                Ok(None) => {}
                // A failure of the server: the user may try again, also with another name.
                Err(failure) if self.is_logging_in() => self.login_failed(failure),
                Err(failure) => {
                    self.end_memory();
                    self.report_edits();
                    return Err(failure);
                }
            }
        }
    }

    fn step(&mut self) -> Result<Option<Action>, Failure> {
        if self.disconnects {
            self.disconnects = false;
            return Ok(Some(Action::Disconnect));
        }
        if let Some(action) = self.open_quarantine() {
            return Ok(Some(action));
        }
        if self.reconnects() {
            return Ok(Some(Action::Reconnect));
        }
        if self.upstream.is_none() && self.phase.relayed().is_some() {
            return Ok(Some(Action::Connect));
        }
        // The record of a message that the client has does not wait for what comes next.
        if let Some(action) = self.judge_relayed() {
            return Ok(Some(action));
        }
        // What has come before a command is sent cannot be its response.
        if self.pending.is_empty() {
            self.take_unsolicited()?;
        }
        if let Some(action) = self.take_commands() {
            return Ok(Some(action));
        }
        if !self.upstream_output.is_empty() {
            return Ok(Some(Action::WriteUpstream));
        }
        if let Some(action) = self.take_responses()? {
            return Ok(Some(action));
        }
        // The next command is on its way while the client takes the response to the former.
        if let Some(action) = self.take_commands() {
            return Ok(Some(action));
        }
        if !self.upstream_output.is_empty() {
            return Ok(Some(Action::WriteUpstream));
        }
        // What was taken last may be answered without the upstream.
        let is_own = self.pending.front().is_some_and(Pending::is_own);
        if is_own && matches!(self.response, Response::Status) {
            return Ok(None);
        }
        if !self.output.is_empty() {
            return Ok(Some(Action::WriteClient));
        }
        if matches!(self.response, Response::StartTls) {
            return Ok(Some(Action::StartTls));
        }
        if self.looks_at_client {
            return Ok(Some(Action::Wait(self.wait())));
        }
        if self.disconnects || self.may_take_line() || self.take_silent_end()? {
            return Ok(None);
        }
        if self.answers_lost_quit() || self.cut_off_ahead() {
            return Ok(None);
        }
        if let Some(end) = self.end()? {
            return Ok(Some(Action::Close(end)));
        }
        if self.pending.is_empty() {
            self.release_buffers();
        }
        Ok(match self.deadline_passed()? {
            true => None,
            false => Some(Action::Wait(self.wait())),
        })
    }

    /// Whether the session has ended, after everything possible was done.
    fn end(&mut self) -> Result<Option<End>, Failure> {
        if self.owes_nothing() && self.ending.is_some() {
            return Ok(self.ending);
        }
        if self.is_cut_off() {
            return Ok(None);
        }
        let challenged = matches!(self.response, Response::Challenge);
        // While popgate logs in, the client's response to a challenge is awaited even then: it would be taken for
        // a command.
        let owes_response = challenged && self.is_logging_in() && !self.client.ended;
        // Some servers close instead of an answer to QUIT: then that is how the session ends.
        let owes_nothing = matches!(
            self.pending.front(),
            None | Some(Pending::Upstream(Command::Quit))
        );
        if let Some(upstream) = &mut self.upstream
            && upstream.ended
            && !owes_response
        {
            let error = upstream.error.take();
            return match (error, owes_nothing) {
                (Some(error), _) => Err(Failure::UpstreamBroke(error)),
                (None, true) => {
                    if !self.pending.is_empty() {
                        self.report_own_deletions();
                    }
                    Ok(Some(End::UpstreamClosed))
                }
                (None, false) => {
                    if self.asks_for_itself() {
                        self.event(Event::UidlUnwanted(UidlTrouble::Closed));
                    }
                    Err(Failure::UpstreamClosed)
                }
            };
        }
        // A client that closes at a challenge sends nothing more. A command that waits behind messages on their way goes up.
        let is_done = self.pending.is_empty() || !self.is_waited_behind_ahead();
        if (is_done || challenged) && self.client.ended && !self.must_look() {
            return Ok(Some(End::ClientClosed));
        }
        Ok(None)
    }

    /// Whether the answer that is owed is to a command of popgate's own that some servers do not know.
    pub(super) fn asks_for_itself(&self) -> bool {
        match self.pending.front() {
            Some(Pending::UniqueIds(_)) => true,
            Some(Pending::Capabilities) => {
                let recall = self.phase.transaction().map(|it| &it.recall);
                matches!(recall, Some(Recall::Prefetching(_)))
            }
            _ => false,
        }
    }

    /// The driver has done something: the time until now was not the upstream's.
    pub(super) fn resume(&mut self, now: Instant) {
        self.now = now;
        if let Some(upstream) = &mut self.upstream {
            upstream.owes_since(now);
        }
    }

    /// The session ends: messages that are kept are not relayed.
    fn end_memory(&mut self) {
        self.end_prefetch();
        self.forget_ahead();
        if let Phase::Transaction(transaction) = &mut self.phase {
            transaction.spooled.clear();
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The name of the user who logs in, or is logged in.
    pub fn user(&self) -> Option<&Arc<str>> {
        self.phase.user()
    }

    /// Whether a user is logged in.
    pub fn is_logged_in(&self) -> bool {
        !self.phase.is_authorization()
    }

    /// Whether a response of the upstream is pending.
    pub fn awaits_upstream(&mut self) -> bool {
        !self.pending.is_empty() || self.is_logging_in()
    }

    /// The state, for metrics and the log.
    pub fn state(&self) -> ClientState {
        if self.owes_nothing() && matches!(self.phase, Phase::Transaction(_)) {
            return ClientState::Transaction;
        }
        match (&self.response, &self.phase) {
            (
                Response::Held(_)
                | Response::Judging(_)
                | Response::Quarantining(_)
                | Response::Spooling(_)
                | Response::Rereading(_)
                | Response::Reread(_)
                | Response::Loading(_),
                _,
            ) => ClientState::Held,
            (Response::Lines(_) | Response::Discarded(_), _) => ClientState::Response,
            (
                _,
                Phase::Authorization {
                    login: Login::Relayed(_),
                    ..
                },
            ) if self.upstream.is_none() => ClientState::Greeting,
            (_, Phase::Authorization { .. }) => ClientState::Authorization,
            (_, Phase::Transaction(_)) => ClientState::Transaction,
        }
    }

    /// The session ends by this failure: puts an error into the output if one can still be sent, and returns
    /// whether it did.
    pub fn give_up(&mut self, failure: &Failure) -> bool {
        self.end_memory();
        // The server has not said that the password is wrong.
        if failure.upstream_kind().is_some()
            && let Some(Pending::Upstream(command)) = self.pending.front()
            && let Some(mechanism) = Mechanism::of(command)
            && self.phase.relayed().is_some()
        {
            self.event(Event::LoginUnanswered(mechanism));
        }
        let inside = self.response.is_partly_sent() || !self.output.is_empty();
        // A line that answers nothing would be taken for the answer to the next command.
        let owes_nothing = self.upstream.is_some() && self.owes_client_nothing();
        let Some(text) = failure.wire(inside || owes_nothing) else {
            return false;
        };
        self.output.add(Bytes::from(text));
        self.report_edits();
        true
    }

    /// Whether the upstream was sent QUIT and has not answered: its deletions must take effect even if the
    /// client has closed (RFC 1939 section 6).
    pub fn awaits_quit(&self) -> bool {
        matches!(self.pending.back(), Some(Pending::Upstream(Command::Quit)))
    }

    /// The user is logged in.
    pub(super) fn enter_transaction(&mut self, user: Option<Arc<str>>) {
        let opens_quarantine = std::mem::take(&mut self.opens_quarantine);
        // What is remembered belongs to a user.
        let remembers = self
            .remembers
            .filter(|_| user.is_some() && !opens_quarantine);
        self.phase = Phase::Transaction(Box::new(Transaction {
            user,
            recall: match remembers {
                Some(asks) => Recall::Unasked(asks),
                None => Recall::Off,
            },
            shows: match opens_quarantine {
                true => Shows::Quarantine(Opened::Unasked),
                false => Shows::Mailbox,
            },
            ..Transaction::default()
        }));
    }

    /// The upstream's connection is no longer needed.
    pub(super) fn disconnect(&mut self) {
        if let Some(upstream) = self.upstream.take() {
            self.consumed += upstream.buffer.len() as u64;
            self.disconnects = true;
        }
        secret::wipe(&mut self.upstream_output);
    }

    /// Reports octets added or removed. Octets that are consumed but undecided are reported later.
    pub(super) fn report_edits(&mut self) {
        // What is kept for the client may still be relayed.
        let kept = self.phase.transaction();
        let kept = kept.map(|it| it.spooled.octets() + it.ahead.octets() as u64);
        let consumed = match self.response.is_undecided() {
            true => self.output.relayed() + self.reported.removed,
            false => self.consumed - kept.unwrap_or(0),
        };
        let removed = consumed.saturating_sub(self.output.relayed() + self.reported.removed);
        let added = self.output.added() - self.reported.added;
        if added > 0 || removed > 0 {
            self.reported.added += added;
            self.reported.removed += removed;
            self.events.push(Event::Edited {
                added: usize::try_from(added).unwrap_or(usize::MAX),
                removed: usize::try_from(removed).unwrap_or(usize::MAX),
            });
        }
    }

    pub(super) fn push_edit(&mut self, added: usize) {
        if added > 0 {
            self.events.push(Event::Edited { added, removed: 0 });
        }
    }
}
