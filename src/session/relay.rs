//! The relay: commands go up in order, answers come down in order, a FIFO between them.
//!
//! One loop, one step a turn: take commands, send them, take answers, send those, wait.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::time::Instant;

use super::answers::Answer;
use super::caller::Caller;
use super::dialling::Server;
use super::guards::Taken;
use super::leg::{Filled, Leg, Outbox};
use super::login::Login;
use super::mailbox::Mailbox;
use super::tally::Tally;
use super::verdicts::Verdicts;
use super::{End, Failure, Service};
use crate::metrics::{ClientState, Fetch, Flow};
use crate::net::Drain;
use crate::pop3::{Account, Command, Secret};

/// From this much on, what is to be sent is sent before more is taken.
const FLUSH: usize = 64 << 10;
/// While popgate stops, a client that fetches may go on to its QUIT: cut off between two messages it
/// would call the fetch failed. One that is owed nothing and says nothing for so long has gone to sleep.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(2);

/// What the client is owed.
#[derive(Debug)]
pub(super) enum Owed {
    /// The upstream's answer to this command; numbers in it are the upstream's.
    Relayed(Command),
    /// popgate's own line.
    Own(Bytes),
    /// The start of TLS.
    Stls,
}

/// What a relay begins with.
pub(super) struct Begin {
    pub(super) upstream: Leg,
    pub(super) server: Server,
    /// What the client hears first.
    pub(super) said: Bytes,
    pub(super) login: Login,
    pub(super) account: Account,
    pub(super) slot: Taken<Arc<str>>,
}

/// See the module.
pub(super) struct Relay<'s> {
    pub(super) service: &'s Service,
    pub(super) caller: Caller<'s>,
    pub(super) server: Server,
    pub(super) client: Leg,
    pub(super) upstream: Leg,
    pub(super) owed: VecDeque<Owed>,
    pub(super) answer: Answer,
    pub(super) out: Outbox,
    pub(super) mailbox: Mailbox,
    pub(super) verdicts: Verdicts,
    pub(super) login: Login,
    /// Whose mailbox it is.
    pub(super) account: Account,
    /// Counts the session of the account.
    pub(super) slot: Taken<Arc<str>>,
    /// Whether the server was told a name.
    pub(super) named: bool,
    /// By when the login must be done.
    login_by: Instant,
    /// A response that came along with AUTH, and goes up when the server asks for it.
    pub(super) response: Option<Secret>,
    /// What popgate has to say to the server beside the client's commands.
    pub(super) pending_up: BytesMut,
    /// What the log will say of the session.
    pub(super) tally: Tally,
    /// Octets of the answer that is under way.
    pub(super) answered_octets: u64,
    /// When the answer that is owed first became that.
    pub(super) since: Instant,
    pub(super) now: Instant,
    /// Answers to RETR and TOP that are complete but not yet sent.
    pub(super) fetched: Vec<(Fetch, Instant)>,
    /// How many of the commands that are owed an answer fetch a message.
    pub(super) fetching: usize,
    /// Whether the last answer was to a command that popgate does not know.
    pub(super) after_unknown: bool,
    /// Whether the client has answered a challenge of the AUTH exchange that is under way.
    pub(super) responded: bool,
    pub(super) refused: u32,
    pub(super) ending: Option<End>,
    pub(super) heard_client: Instant,
    /// Since when the client's last line lacks its end.
    line_since: Option<Instant>,
    pub(super) heard_upstream: Instant,
    /// What `heard_upstream` was before the last read.
    pub(super) heard_before: Instant,
    /// Octets that nobody asked for.
    pub(super) stray: usize,
    timer: super::timer::Timer,
    drain: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Since when popgate is to stop.
    draining: Option<Instant>,
}

impl<'s> Relay<'s> {
    pub(super) fn new(
        service: &'s Service,
        caller: Caller<'s>,
        client: Leg,
        begin: Begin,
        login_by: Instant,
        drain: Drain,
    ) -> Self {
        let now = Instant::now();
        let mut out = Outbox::default();
        out.push(begin.said);
        Self {
            service,
            caller,
            server: begin.server,
            client,
            upstream: begin.upstream,
            owed: VecDeque::new(),
            answer: Answer::Status,
            out,
            mailbox: Mailbox::default(),
            verdicts: Verdicts::default(),
            login: begin.login,
            account: begin.account,
            slot: begin.slot,
            named: false,
            login_by,
            response: None,
            pending_up: BytesMut::new(),
            tally: Tally::new(),
            answered_octets: 0,
            since: now,
            now,
            fetched: Vec::new(),
            fetching: 0,
            after_unknown: false,
            responded: false,
            refused: 0,
            ending: None,
            heard_client: now,
            line_since: None,
            heard_upstream: now,
            heard_before: now,
            stray: 0,
            timer: super::timer::Timer::new(),
            drain: Box::pin(drain.stopping()),
            draining: None,
        }
    }

    /// Relays until the session ends.
    pub(super) async fn run(&mut self) -> Result<End, Failure> {
        loop {
            self.now = Instant::now();
            let up = self.take_commands();
            self.send_up(up).await?;
            self.take_answers().await?;
            if !self.pending_up.is_empty() {
                let up = std::mem::take(&mut self.pending_up);
                self.send_up(up).await?;
            }
            self.flush().await?;
            if matches!(self.owed.front(), Some(Owed::Stls)) && self.out.is_empty() {
                Box::pin(self.begin_tls()).await?;
                continue;
            }
            if self.may_take() && memchr(b'\n', &self.client.buffer).is_some() && self.takes_first()
            {
                continue;
            }
            if let Some(end) = self.end()? {
                return Ok(end);
            }
            if self.owed.is_empty() {
                self.client.release_buffer();
                self.upstream.release_buffer();
            }
            self.wait().await?;
        }
    }

    /// The state's name for logs and metrics.
    pub(super) fn state(&self) -> ClientState {
        match (&self.answer, self.login) {
            (Answer::Held(_), _) => ClientState::Held,
            (Answer::Lines(_) | Answer::Swallowed(_), _) => ClientState::Response,
            (_, Login::Awaited) => ClientState::Authorization,
            (_, Login::Done) => ClientState::Transaction,
        }
    }

    /// Says what can still be said, and lets the upstream know what the client meant.
    pub(super) async fn give_up(&mut self, failure: &Failure) {
        let inside = self.answer.is_under_way() || !self.out.is_empty();
        if let Some(text) = failure.wire(inside) {
            super::say(self.service, &mut self.client.stream, text.as_bytes()).await;
        }
        // A client that said QUIT and left without reading wants its deletions (RFC 1939 section
        // 6), so the upstream's answer is awaited. Without QUIT the connection just closes.
        let quits = matches!(self.owed.back(), Some(Owed::Relayed(Command::Quit)));
        if quits && matches!(failure, Failure::ClientGone(_) | Failure::ClientStalled(_)) {
            let until_closed = async {
                while let Ok(Filled { read: 1.., .. }) =
                    poll_fn(|cx| self.upstream.poll_fill(cx)).await
                {
                    self.upstream.buffer.clear();
                }
            };
            // Ended either way: the upstream has the command.
            let _ = tokio::time::timeout(self.service.timeouts.connect, until_closed).await;
        }
    }

    async fn send_up(&mut self, mut up: BytesMut) -> Result<(), Failure> {
        if up.is_empty() {
            return Ok(());
        }
        let limit = self.service.timeouts.upstream_read;
        let sent = tokio::time::timeout(limit, self.upstream.send(&up)).await;
        self.service.metrics.bytes(Flow::UpstreamOut, up.len());
        up.fill(0);
        match sent {
            Ok(Ok(())) => Ok(()),
            // The upstream may have said why before it closed: that is read first.
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(Failure::UpstreamStalled(limit)),
        }
    }

    /// Sends what is to be sent to the client, all of it.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        if !self.out.is_empty() {
            let limit = self.service.timeouts.client_write;
            let began = Instant::now();
            let before = self.out.len();
            let mut last = before;
            let Self {
                out, client, timer, ..
            } = self;
            let mut due = self.now + limit;
            let mut waited = false;
            let sent = poll_fn(|cx| {
                if let Poll::Ready(sent) = out.poll_write(cx, &mut client.stream) {
                    return Poll::Ready(sent.map_err(|error| Failure::ClientGone(Some(error))));
                }
                waited = true;
                if out.len() < last {
                    last = out.len();
                    due = Instant::now() + limit;
                }
                timer
                    .poll_due(cx, due)
                    .map(|()| Err(Failure::ClientStalled(limit)))
            })
            .await;
            let sent_octets = before - self.out.len();
            self.service.metrics.bytes(Flow::ClientOut, sent_octets);
            self.tally.to_client += sent_octets as u64;
            if waited {
                // A slow client is neither silent, nor is it the upstream's delay, nor does it spend
                // the time of the message that is held next.
                self.now = Instant::now();
                self.heard_client = self.now;
                self.heard_upstream = self.now;
                let waited = self.now.duration_since(began);
                self.since += waited;
                if let Answer::Held(held) = &mut self.answer {
                    held.intake.extend(waited);
                }
            }
            sent?;
        }
        for (fetch, since) in self.fetched.drain(..) {
            self.service
                .metrics
                .answered(fetch, since.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Sends when there is much to send; the rest goes at the end of the turn, in one write.
    pub(super) async fn flush_if_large(&mut self) -> Result<(), Failure> {
        match self.out.len() >= FLUSH {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// Whether the session is over, now that all that could be done is done.
    fn end(&mut self) -> Result<Option<End>, Failure> {
        if self.owed.is_empty() && self.ending.is_some() {
            return Ok(self.ending);
        }
        if self.upstream.ended {
            return match self.owed.is_empty() {
                true => Ok(Some(End::UpstreamLeft)),
                false => Err(Failure::UpstreamClosed),
            };
        }
        // A client that leaves at a challenge has nothing more to say.
        let challenged = matches!(self.answer, Answer::Challenge);
        if (self.owed.is_empty() || challenged) && self.client.ended {
            return Ok(Some(End::ClientLeft));
        }
        Ok(None)
    }

    /// QUIT was answered.
    pub(super) fn quit(&mut self) {
        self.ending = Some(End::Quit);
    }

    /// Room to read a long answer into, where it stays; a short one comes through the scratch.
    fn make_room(&mut self) {
        let buffer = &mut self.upstream.buffer;
        let room = match &self.answer {
            // All that will be held, in one piece: growing by doubling would need twice of it.
            Answer::Held(_) if buffer.len() >= FLUSH => self.service.hold.bytes + FLUSH,
            Answer::Lines(_) | Answer::Swallowed(_) => 4 * FLUSH,
            _ => return,
        };
        buffer.reserve(room.saturating_sub(buffer.len()).max(FLUSH));
    }

    /// STLS is at its turn: everything before it is answered and sent.
    async fn begin_tls(&mut self) -> Result<(), Failure> {
        let (caller, client) = (&mut self.caller, &mut self.client);
        super::stls::begin(self.service, caller, client, self.login_by).await?;
        self.answered();
        Ok(())
    }

    /// Whether the message that is held must wait until others have given back what they hold: more is
    /// not read from the upstream then. Its time goes on, so it waits no longer than it would be held.
    fn starves(&mut self) -> bool {
        let Answer::Held(held) = &mut self.answer else {
            return false;
        };
        let steps: &[usize] = match self.upstream.buffer.len() < FLUSH {
            true => &[FLUSH],
            false => &[FLUSH, self.service.hold.bytes],
        };
        while let Some(step) = steps.get(held.shares.len()) {
            match self.service.guards.hold(self.service, *step) {
                Some(share) => held.shares.push(share),
                None => return true,
            }
        }
        false
    }

    /// When the client's silence has lasted too long.
    fn silence_ends(&self) -> Instant {
        let timeouts = &self.service.timeouts;
        let mut ends = self.heard_client + timeouts.idle;
        if self.login == Login::Awaited {
            ends = ends.min(self.login_by);
        }
        if let Some(since) = self.line_since {
            ends = ends.min(since + timeouts.command_line);
        }
        if let Some(since) = self.draining {
            ends = ends.min(self.heard_client.max(since) + LAST_WORDS);
        }
        ends
    }

    /// Waits for bytes of either side, a deadline, or the signal to stop.
    async fn wait(&mut self) -> Result<(), Failure> {
        let timeouts = &self.service.timeouts;
        let waits_for_upstream = !self.owed.is_empty() && !matches!(self.answer, Answer::Challenge);
        let stalled = self.heard_upstream + timeouts.upstream_read;
        let due = match (&self.answer, waits_for_upstream) {
            (Answer::Held(held), _) => held.intake.until().min(stalled),
            (_, true) => stalled,
            (_, false) => self.silence_ends(),
        };
        let wants_client =
            !self.client.ended && self.client.buffer.len() <= self.service.limits.auth_line;
        // While the client's answer to a challenge is awaited, nothing is taken out of the buffer.
        let full = matches!(self.answer, Answer::Challenge) && self.upstream.buffer.len() > FLUSH;
        let starves = self.starves();
        let wants_upstream = !self.upstream.ended && !full && !starves;
        let mut freed = None;
        if starves {
            self.service.metrics.waits_for_memory();
            freed = Some(Box::pin(self.service.guards.held.freed()));
        } else {
            self.make_room();
        }
        let Self {
            client,
            upstream,
            timer,
            drain,
            draining,
            service,
            tally,
            ..
        } = self;
        let metrics = &service.metrics;
        let (mut from_client, mut from_upstream) = (false, false);
        let expired: Result<bool, Failure> = poll_fn(|cx| {
            let mut ready = false;
            if wants_upstream && let Poll::Ready(filled) = upstream.poll_fill(cx) {
                let filled = filled.map_err(Failure::UpstreamBroke)?;
                metrics.bytes(Flow::UpstreamIn, filled.read);
                tally.from_upstream += filled.read as u64;
                if filled.added > 0 {
                    metrics.edited(filled.added, 0);
                }
                from_upstream = true;
                ready = true;
            }
            if wants_client && let Poll::Ready(filled) = client.poll_fill(cx) {
                let filled = filled.map_err(|error| Failure::ClientGone(Some(error)))?;
                metrics.bytes(Flow::ClientIn, filled.read);
                from_client = true;
                ready = true;
            }
            if draining.is_none() && drain.as_mut().poll(cx).is_ready() {
                *draining = Some(Instant::now());
                ready = true;
            }
            if let Some(freed) = &mut freed {
                ready |= freed.as_mut().poll(cx).is_ready();
            }
            if ready {
                return Poll::Ready(Ok(false));
            }
            timer.poll_due(cx, due).map(|()| Ok(true))
        })
        .await;
        let expired = expired?;
        if from_client || from_upstream {
            self.now = Instant::now();
        }
        if from_client {
            self.heard_client = self.now;
            let begun =
                !self.client.buffer.is_empty() && memchr(b'\n', &self.client.buffer).is_none();
            self.line_since = begun.then(|| self.line_since.unwrap_or(self.now));
        }
        if from_upstream {
            self.heard_before = self.heard_upstream;
            self.heard_upstream = self.now;
        }
        if expired && waits_for_upstream && Instant::now() >= stalled {
            return Err(Failure::UpstreamStalled(timeouts.upstream_read));
        }
        if expired && !waits_for_upstream {
            self.ending = Some(match self.draining {
                Some(_) => End::Drained,
                None => End::Idle,
            });
            self.owed.clear();
        }
        Ok(())
    }
}
