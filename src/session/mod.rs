//! A connection's life: greet, relay until QUIT, and say why it ended.
//!
//! In: a client's connection and the [`Service`] in force when it came; out: nothing but bytes on the
//! two streams and metrics. Read on in `arrival` (whose connection it is, TLS), `dialling` (the server
//! and its greeting) or `lobby` (the login first, where the user's name tells the server), `relay`
//! (one loop, a FIFO of owed answers), `commands` (up), `answers` (each answer by its command's shape)
//! and `retrieve` (RETR and TOP: hold, judge, rewrite, release).
//!
//! It never invents a final dot, never sends DELE or QUIT on its own, and keeps no password.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA, PIPELINING), RFC 5034 (AUTH).

mod answers;
mod arrival;
mod bridge;
mod caller;
mod commands;
mod dialling;
mod failure;
mod guards;
mod intake;
mod judge;
mod leg;
mod lobby;
mod login;
mod mailbox;
mod port;
mod refusal;
mod relay;
mod retrieve;
mod stls;
mod tally;
mod timer;
mod verdicts;

pub use bridge::{Bridge, Turns};
pub use failure::Failure;
pub use guards::Guards;
pub use intake::Limits as HoldLimits;
pub use judge::{Engine, Judge};
pub use login::MECHANISMS;
pub use mailbox::{Listing, Mailbox};
pub use port::Port;
pub use refusal::Refusal;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::config::{Limits, ListenTls, LogMailboxes, Timeouts};
use crate::metrics::{ClientState, ConnectionOutcome, Flow, Metrics};
use crate::net::{Drain, Stream};
use crate::pop3::Account;
use crate::rewrite::Style;
use crate::store::Quarantine;
use crate::upstream::{Dialler, Router};

use caller::Caller;
use dialling::Opened;
use leg::Leg;
use lobby::Lobby;
use login::Login;
use relay::{Begin, Relay};

/// How a session ended without anybody's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// QUIT was answered.
    Quit,
    /// The client closed without QUIT.
    ClientLeft,
    /// The client said nothing for too long.
    Idle,
    /// The upstream closed between answers.
    UpstreamLeft,
    /// popgate was told to stop.
    Drained,
    /// The client talked something else than POP3.
    SentAway,
}

impl End {
    /// Its word in the log.
    fn label(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::ClientLeft => "client_closed",
            Self::Idle => "idle_timeout",
            Self::UpstreamLeft => "upstream_closed",
            Self::Drained => "drained",
            Self::SentAway => "rejected",
        }
    }
}

/// What a session begins with and keeps to its end; a reload makes a new one for new sessions.
#[derive(Debug)]
pub struct Service {
    /// The listeners, in the order in which they were bound.
    pub ports: Vec<Port>,
    /// The ways to the upstreams.
    pub router: Router,
    /// Logins by token: for each upstream of the configuration that has it so.
    pub bridges: Vec<(String, Bridge)>,
    /// The filter.
    pub judge: Judge,
    /// How messages are marked.
    pub style: Style,
    /// How much of a message is held, and how long.
    pub hold: HoldLimits,
    /// How long to wait for whom.
    pub timeouts: Timeouts,
    /// How much of what.
    pub limits: Limits,
    /// What all sessions share.
    pub guards: Arc<Guards>,
    /// Where dropped messages go; without it they are tagged.
    pub quarantine: Option<Arc<Quarantine>>,
    /// How the log names accounts.
    pub log_mailboxes: LogMailboxes,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// The most octets that one read takes, on both legs: `usize::MAX`, but for tests of splits.
    pub piece: usize,
}

impl Service {
    /// Tells the log that there are too many sessions for one more.
    pub fn turned_away(&self) {
        if let Some(not_shown) = self.guards.may_say("sessions") {
            tracing::warn!(
                not_shown,
                "limits.sessions is reached; a client is turned away"
            );
        }
    }

    /// The bridge of an upstream, if it has one.
    fn bridge(&self, dialler: &Dialler) -> Option<&Bridge> {
        let name = &dialler.upstream().name;
        let bridge = self.bridges.iter().find(|(of, _)| of == name);
        bridge.map(|(_, bridge)| bridge)
    }

    /// The one server that this client can be meant for, before it has said a word; `None` if the name
    /// that it logs in with tells, or if popgate must see its password.
    fn at_once(&self, caller: &Caller<'_>) -> Result<Option<Arc<Dialler>>, Refusal> {
        let port = caller.port;
        if port.transparent {
            let original_dst = caller.addressed.original_dst;
            return match (port.protection, caller.asked_for.as_deref()) {
                (ListenTls::Implicit, None) => Err(Refusal::NoName),
                (ListenTls::Implicit, name) => Ok(Some(self.router.original(original_dst, name))),
                (ListenTls::Starttls, _) => Ok(None),
                _ => Ok(Some(self.router.original(original_dst, None))),
            };
        }
        if port.waits_for_name() {
            return Ok(None);
        }
        let dialler = match port.upstream_for(caller.asked_for.as_deref()) {
            Some(place) => self.router.upstream(place),
            None => self.router.only(),
        };
        Ok(dialler
            .filter(|dialler| self.bridge(dialler).is_none())
            .cloned())
    }
}

/// Serves one client of a listener (by its place) until it or the upstream ends the session.
pub async fn run(service: Arc<Service>, tcp: TcpStream, port: usize, drain: Drain) {
    let service = &*service;
    let from = tcp.peer_addr().ok();
    let Some((port, from)) = service.ports.get(port).zip(from) else {
        return;
    };
    let by = Instant::now() + service.timeouts.login;
    // What is done once is kept apart from what lasts: a session's memory is its largest state's.
    match Box::pin(arrival::arrive(service, port, tcp, by, &drain)).await {
        Ok(Some((caller, client))) => serve(service, caller, client, by, drain).await,
        Ok(None) => {}
        Err((failure, stream)) => {
            if matches!(failure, Failure::Refused(_)) {
                service
                    .metrics
                    .connection(&port.name, ConnectionOutcome::Refused);
            }
            report(service, from, None, &failure, ClientState::Handshake);
            if let (Some(text), Some(mut stream)) = (failure.wire(false), stream) {
                say(service, &mut stream, text.as_bytes()).await;
            }
        }
    }
}

async fn serve(
    service: &Service,
    mut caller: Caller<'_>,
    mut client: Leg,
    by: Instant,
    drain: Drain,
) {
    let from = caller.address();
    let begun = match service.at_once(&caller) {
        Ok(Some(dialler)) => {
            let opened = dialling::open(service, &caller, &mut client, &dialler);
            Box::pin(opened).await.map(|opened| Ok(begin(opened)))
        }
        Ok(None) => {
            let entered = enter(service, &mut caller, &mut client, by, drain.clone());
            Box::pin(entered).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    let begin = match begun {
        Ok(Ok(begin)) => begin,
        Ok(Err(end)) => {
            if end == End::ClientLeft {
                service.metrics.client_abort(ClientState::Authorization);
            }
            tracing::debug!(client = %from, ?end, "session ended");
            return;
        }
        Err(failure) => {
            report(service, from, None, &failure, ClientState::Greeting);
            if let Some(text) = failure.wire(false) {
                Box::pin(say(service, &mut client.stream, text.as_bytes())).await;
            }
            return;
        }
    };
    // The one that is kept here says that this session is not over; the other one listens.
    let mut relay = Relay::new(service, caller, client, begin, by, drain.clone());
    let end = match relay.run().await {
        Ok(end) => {
            if end == End::ClientLeft {
                service.metrics.client_abort(relay.state());
            }
            end.label()
        }
        Err(failure) => {
            let upstream = relay.server.name();
            report(service, from, Some(upstream), &failure, relay.state());
            Box::pin(relay.give_up(&failure)).await;
            "failure"
        }
    };
    let (upstream, account) = (relay.server.name(), relay.account.name());
    // Who came and went without a login may be one of a flood.
    let is_shown = relay.login == Login::Done || service.guards.may_say("ended").is_some();
    if is_shown {
        relay
            .tally
            .log(from, upstream, account, service.log_mailboxes, end);
    }
}

/// A relay that begins with the server's greeting.
fn begin(opened: Opened) -> Begin {
    Begin {
        upstream: opened.leg,
        server: opened.server,
        said: opened.greeting.freeze(),
        login: Login::Awaited,
        account: Account::default(),
        slot: None,
    }
}

/// A relay that begins behind the login.
async fn enter<'s>(
    service: &'s Service,
    caller: &mut Caller<'s>,
    client: &mut Leg,
    by: Instant,
    drain: Drain,
) -> Result<Result<Begin, End>, Failure> {
    let lobby = Lobby {
        service,
        caller,
        client,
        by,
        drain,
        end: End::Idle,
    };
    let entered = lobby.run().await?;
    Ok(entered.map(|entered| Begin {
        said: Bytes::from(entered.answer),
        upstream: entered.upstream,
        server: entered.server,
        login: Login::Done,
        account: Account::named(&entered.user),
        slot: entered.slot,
    }))
}

/// Tells log and metric what ended a session early.
fn report(
    service: &Service,
    client: SocketAddr,
    upstream: Option<&str>,
    failure: &Failure,
    state: ClientState,
) {
    if let Failure::Refused(refusal) = failure {
        return report_refusal(service, client, refusal);
    }
    let upstream = match failure {
        Failure::Dial(name, _) => Some(name.as_str()),
        _ => upstream,
    };
    match failure.upstream_kind() {
        Some(kind) => {
            service
                .metrics
                .upstream_error(upstream.unwrap_or_default(), kind);
            if let Some(not_shown) = service.guards.may_say(kind) {
                tracing::warn!(%client, upstream, state = state.label(), not_shown, "{failure}");
            }
        }
        None => {
            let label = state.label();
            service.metrics.client_abort(state);
            if let Some(not_shown) = service.guards.may_say(label) {
                tracing::info!(%client, upstream, state = label, not_shown, "{failure}");
            }
        }
    }
}

/// Tells log and metric of a client that is not served, or not so.
fn report_refusal(service: &Service, client: SocketAddr, refusal: &Refusal) {
    service.metrics.refused(refusal.label());
    let reason = refusal.label();
    if let Some(not_shown) = service.guards.may_say(reason) {
        tracing::warn!(%client, reason, not_shown, "refused: {refusal}");
    }
}

/// Says a last word to a client that may not listen.
async fn say(service: &Service, client: &mut Stream, text: &[u8]) {
    let said = async {
        client.write_all(text).await?;
        client.shutdown().await
    };
    // Whether it was heard makes no difference: the connection ends here.
    if let Ok(Ok(())) = tokio::time::timeout(service.timeouts.client_write, said).await {
        service.metrics.bytes(Flow::ClientOut, text.len());
        service.metrics.edited(text.len(), 0);
    }
}
