//! Drives an exchange by hand, without sockets and with a simulated clock: for fuzzing, and for the tests of the
//! exchange.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use popgate::config::{Limits, Timeouts};
use popgate::filter::{Context, Filter};
use popgate::pop3::UpstreamNumber;
use popgate::pop3::dot::unstuff;
use popgate::rewrite::{MarkStyle, notice};
use popgate::session::Failure;
use popgate::session::exchange::{
    Action, Asks, ClientSecurity, Event, Exchange, ExchangeConfig, HeldBack, HoldLimits, Judgement,
    Loaded, LoginBy, LoginRequest, MessageId, PrefetchLimits, UpstreamLogin,
};
use popgate::upstream::DialError;

use super::remembered::Remembered;

/// What an exchange is driven with.
#[derive(Clone)]
pub struct Setup {
    pub limits: &'static Limits,
    pub timeouts: &'static Timeouts,
    pub style: &'static MarkStyle,
    pub quarantine_suffix: &'static String,
    pub hold: HoldLimits,
    pub prefetch: &'static PrefetchLimits,
    /// The most messages that are read ahead of the client's commands.
    pub read_ahead: usize,
    pub filter: Arc<Filter>,
    /// The most bytes that one read returns.
    pub piece: usize,
    /// What the mailbox remembers; without it the session is without a store.
    pub remembered: Option<Remembered>,
}

/// An exchange with the state of its driver.
pub struct Driven {
    exchange: Exchange<'static>,
    filter: Arc<Filter>,
    pub now: Instant,
    greeting_timeout: Duration,
    /// The most bytes that one read returns.
    pub piece: usize,
    /// Whether messages are relayed that pass whatever follows their header.
    pub releases_early: bool,
    /// Whether the quarantine fails.
    pub quarantine_fails: bool,
    /// Whether messages that were fetched ahead cannot be kept.
    pub spool_fails: bool,
    spool: BTreeMap<UpstreamNumber, Bytes>,
    /// The upstream's bytes before its greeting is complete.
    greeting: BytesMut,
    connects: Connects,
    deadline: Instant,
    /// Whether it waits for the upstream.
    reads_upstream: bool,
    pub to_client: Vec<u8>,
    pub to_upstream: Vec<u8>,
    /// Whether the exchange closed the upstream connection, for instance after a denied login.
    pub disconnected: bool,
    /// How the session ended.
    pub ended: Option<Result<&'static str, String>>,
    /// What the mailbox remembers now.
    pub remembered: Option<Remembered>,
    /// Quarantined messages, without dot-stuffing.
    pub quarantine: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    /// Octet counters, for `assert_octets_add_up`.
    octets: Octets,
}

enum Connects {
    No,
    ForClient,
    ForLogin(LoginRequest),
    ForLoginAgain,
}

#[derive(Default, Debug)]
struct Octets {
    from_upstream: usize,
    to_client: usize,
    added: usize,
    removed: usize,
}

/// Far more actions than one read of a few octets, or one of many commands, can ask for.
const MOST_STEPS: usize = 100_000;

/// The id of every message.
pub const ID: MessageId = MessageId {
    seconds: 0x6929_0000,
    random: 0x1234_5678_9abc,
};

/// A client that may log in without TLS.
pub const PLAIN: ClientSecurity = ClientSecurity {
    tls: false,
    starttls: false,
    plaintext_logins: true,
};

impl Driven {
    pub fn new(setup: &Setup, login_by: LoginBy, security: ClientSecurity) -> Self {
        let now = Instant::now();
        let config = ExchangeConfig {
            limits: setup.limits,
            timeouts: setup.timeouts,
            hold: setup.hold,
            prefetch: setup.prefetch,
            style: setup.style,
            quarantine_suffix: setup.quarantine_suffix,
            judges: true,
            new_id: || ID,
        };
        let login = now + setup.timeouts.login;
        let mut driven = Self {
            exchange: Exchange::new(config, login_by, security, login, now),
            filter: Arc::clone(&setup.filter),
            now,
            greeting_timeout: setup.timeouts.greeting,
            piece: setup.piece,
            releases_early: true,
            quarantine_fails: false,
            spool_fails: false,
            spool: BTreeMap::new(),
            greeting: BytesMut::new(),
            connects: Connects::No,
            deadline: now,
            reads_upstream: false,
            to_client: Vec::new(),
            to_upstream: Vec::new(),
            disconnected: false,
            ended: None,
            remembered: setup.remembered.clone(),
            quarantine: Vec::new(),
            events: Vec::new(),
            octets: Octets::default(),
        };
        let asks = setup.remembered.as_ref().map(|it| match it.with_client {
            true => Asks::WithClient { has_told: false },
            false => Asks::First,
        });
        driven.exchange.remember_mailbox(asks);
        driven.exchange.set_read_ahead(setup.read_ahead);
        driven.run();
        driven
    }

    /// The client sends this, split into reads.
    pub fn client_sends(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece.min(bytes.len().max(1))) {
            if self.ended.is_some() {
                return;
            }
            self.exchange.client_buffer().extend_from_slice(piece);
            self.exchange.client_received(piece.len(), self.now);
            self.run();
        }
    }

    /// The client half-closes.
    pub fn client_ends(&mut self) {
        if self.ended.is_none() {
            self.exchange.client_received(0, self.now);
            self.run();
        }
    }

    /// The upstream sends this, split into reads; its first line is the greeting.
    pub fn upstream_sends(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(self.piece.min(bytes.len().max(1))) {
            if self.ended.is_some() {
                return;
            }
            self.octets.from_upstream += piece.len();
            match self.exchange.upstream_buffer() {
                Some(buffer) => {
                    buffer.extend_from_slice(piece);
                    self.exchange.upstream_received(piece.len(), self.now);
                    self.run();
                }
                None => {
                    self.greeting.extend_from_slice(piece);
                    self.connect();
                }
            }
        }
    }

    /// The upstream closes its connection.
    pub fn upstream_ends(&mut self) {
        if self.ended.is_none() {
            self.exchange.upstream_received(0, self.now);
            self.run();
        }
    }

    /// The upstream closes its connection without TLS's close_notify.
    pub fn upstream_breaks_off(&mut self) {
        if self.ended.is_none() {
            self.exchange
                .upstream_broke(std::io::ErrorKind::UnexpectedEof.into());
            self.run();
        }
    }

    /// Whether the exchange reads from the upstream.
    pub fn reads_upstream(&self) -> bool {
        self.ended.is_none() && self.reads_upstream
    }

    /// How much of the upstream's octets is in memory.
    pub fn octets_in_memory(&self) -> usize {
        self.exchange.octets_in_memory()
    }

    /// Memory is plentiful, or not.
    pub fn set_memory_is_plentiful(&mut self, is_plentiful: bool) {
        self.exchange.set_memory_is_plentiful(is_plentiful);
    }

    /// Whether there is a connection to an upstream.
    pub fn has_upstream(&mut self) -> bool {
        self.ended.is_none() && self.exchange.upstream_buffer().is_some()
    }

    /// Whether the exchange waits for a connection to its upstream, or for its greeting.
    pub fn is_connecting(&self) -> bool {
        !matches!(self.connects, Connects::No)
    }

    /// Advances the clock to the next deadline.
    pub fn pass_time(&mut self) {
        if self.ended.is_some() {
            return;
        }
        if self.is_connecting() {
            let limit = self.greeting_timeout;
            self.now += limit;
            let error = DialError::GreetingTimedOut(limit);
            return self.fail(&Failure::Dial("test".to_owned(), error));
        }
        self.now = self.now.max(self.deadline);
        self.run();
    }

    /// Advances the clock while nothing is read from the upstream.
    pub fn pass_time_unread(&mut self, by: Duration) {
        self.exchange.upstream_not_read();
        self.now += by;
        self.run();
    }

    /// Advances the clock by the server's silence that ends a message; false if nothing depends on that.
    pub fn pass_silence(&mut self) -> bool {
        let is_near = self.deadline.saturating_duration_since(self.now) <= Duration::from_secs(3);
        if self.ended.is_some() || !is_near {
            return false;
        }
        self.pass_time();
        true
    }

    fn connect(&mut self) {
        let Some(end) = self.greeting.iter().position(|&byte| byte == b'\n') else {
            return;
        };
        let rest = self.greeting.split_off(end + 1);
        let greeting = std::mem::take(&mut self.greeting);
        let login = match std::mem::replace(&mut self.connects, Connects::No) {
            Connects::No => panic!("the upstream sends before it is connected"),
            Connects::ForClient | Connects::ForLoginAgain => None,
            Connects::ForLogin(request) => Some(UpstreamLogin {
                mechanism: request.mechanism,
                user: request.user,
                proof: request.proof,
            }),
        };
        self.exchange.connected(greeting, rest, login, self.now);
        self.run();
    }

    fn run(&mut self) {
        let mut steps = 0;
        while self.ended.is_none() {
            steps += 1;
            assert!(steps < MOST_STEPS, "the exchange never waits");
            let action = match self.exchange.advance(self.now) {
                Ok(action) => action,
                Err(failure) => return self.fail(&failure),
            };
            self.take_events();
            match action {
                Action::Wait(wait) => {
                    self.deadline = wait.deadline;
                    self.reads_upstream = wait.read_upstream;
                    if wait.deadline > self.now {
                        return;
                    }
                }
                Action::Connect => {
                    self.connects = Connects::ForClient;
                    return;
                }
                Action::Reconnect => {
                    self.connects = Connects::ForLoginAgain;
                    return;
                }
                Action::LogIn(request) => {
                    self.connects = Connects::ForLogin(*request);
                    return;
                }
                Action::WriteClient => self.write_client(),
                Action::WriteUpstream => {
                    let bytes = self.exchange.take_upstream_output();
                    self.to_upstream.extend_from_slice(&bytes);
                }
                Action::Disconnect => self.disconnected = true,
                Action::Admit => self.exchange.admitted(Ok(())),
                Action::StartTls => self.exchange.tls_started(),
                Action::JudgeHeader => {
                    let header = unstuff(self.exchange.held_header()).into_owned();
                    let stage = self.filter.judge_header(&header);
                    let passes = self.exchange.early_need().is_some()
                        && self.releases_early
                        && self
                            .filter
                            .passes_by_header(&Context::default(), &header, Some(&stage));
                    self.exchange.header_judged(Some(stage), passes, self.now);
                }
                Action::Judge(request) => {
                    let message = unstuff(&request.text);
                    let corrected = self.remembered.as_ref().map(|it| &it.corrected);
                    let is_corrected = corrected.is_some_and(|it| it.contains(&message.to_vec()));
                    if request.known.is_some() && !is_corrected {
                        self.exchange.judged(Judgement::NotCorrected, self.now);
                        continue;
                    }
                    let verdict = match request.header {
                        Some(stage) => self.filter.judge_after(None, stage, &message),
                        None => self.filter.judge_for(None, &message),
                    };
                    self.exchange.judged(Judgement::Judged(verdict), self.now);
                }
                Action::Quarantine(request) => {
                    let message = unstuff(&request.text);
                    if self.quarantine_fails {
                        self.exchange.quarantined(None, self.now);
                        continue;
                    }
                    let held = HeldBack {
                        notice: notice(&message, &request.verdict, &request.id.to_string(), None),
                        id: request.id.to_string().into(),
                    };
                    self.quarantine.push(message.into_owned());
                    self.exchange.quarantined(Some(held), self.now);
                }
                Action::Recall(request) => {
                    let recalled = request.ids.finish().and_then(|ids| {
                        let recalled = self.remembered.as_ref()?.recall(&ids)?;
                        Some((ids, recalled))
                    });
                    self.exchange.recalled(recalled, self.now);
                }
                Action::Load(uidl) => {
                    let loaded = self.remembered.as_ref().map(|it| it.load(&uidl));
                    let loaded = loaded.unwrap_or(Loaded::Unreadable);
                    self.exchange.loaded(loaded, self.now);
                }
                Action::Spool(request) => {
                    if !self.spool_fails {
                        self.spool.insert(request.message, request.wire);
                    }
                    self.exchange.spooled(!self.spool_fails, self.now);
                }
                Action::Reread { message, is_last } => {
                    let wire = match is_last {
                        true => self.spool.remove(&message),
                        false => self.spool.get(&message).cloned(),
                    };
                    self.exchange.reread(wire, self.now);
                }
                Action::OpenQuarantine => {
                    let held = self.remembered.as_ref().and_then(|it| it.held());
                    self.exchange.quarantine_opened(held, self.now);
                }
                Action::ReadOwn(uidl) => {
                    let text = self.remembered.as_ref().and_then(|it| it.read_own(&uidl));
                    self.exchange.own_message(text, self.now);
                }
                Action::Close(end) => self.ended = Some(Ok(end.label())),
            }
        }
    }

    fn write_client(&mut self) {
        let output = self.exchange.client_output();
        let mut slices = [std::io::IoSlice::new(&[]); 64];
        while !output.is_empty() {
            let used = output.fill_slices(&mut slices);
            let bytes: Vec<u8> = slices[..used].iter().flat_map(|it| it.to_vec()).collect();
            slices = [std::io::IoSlice::new(&[]); 64];
            let octets = bytes.len();
            self.to_client.extend_from_slice(&bytes);
            self.octets.to_client += octets;
            output.advance(octets);
        }
        self.exchange.client_written(None, self.now);
    }

    fn fail(&mut self, failure: &Failure) {
        if self.exchange.give_up(failure) {
            self.write_client();
        }
        self.take_events();
        self.ended = Some(Err(failure.to_string()));
    }

    fn take_events(&mut self) {
        for event in self.exchange.take_events() {
            if let Event::Edited { added, removed } = event {
                self.octets.added += added;
                self.octets.removed += removed;
            }
            if let Some(remembered) = &mut self.remembered {
                match &event {
                    Event::Delivered(_, Some(message), _) => remembered.decided(message),
                    Event::JudgedAhead(message) => remembered.judged_ahead(message),
                    Event::Hidden(message) => remembered.hidden(message),
                    Event::DeliveredFirst(uidl) => remembered.delivered_first(uidl),
                    Event::OwnDeleted(deleted) => remembered.own_deleted(deleted),
                    _ => {}
                }
            }
            self.events.push(event);
        }
    }

    /// With nothing buffered or held: sent to the client = received from the upstream + added - removed.
    pub fn assert_octets_add_up(&mut self) {
        let unread = self.exchange.upstream_buffer().map_or(0, |it| it.len());
        let Octets {
            from_upstream,
            to_client,
            added,
            removed,
        } = self.octets;
        assert_eq!(
            to_client + removed + unread,
            from_upstream + added,
            "{:?}, {unread} unread",
            self.octets
        );
    }

    /// Takes a line sent to the client.
    pub fn client_line(&mut self) -> Option<Bytes> {
        take_line(&mut self.to_client)
    }

    /// Takes a line sent to the upstream.
    pub fn upstream_line(&mut self) -> Option<Bytes> {
        take_line(&mut self.to_upstream)
    }
}

fn take_line(bytes: &mut Vec<u8>) -> Option<Bytes> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    Some(bytes.drain(..=end).collect())
}
