//! The upstream of a session, up to its greeting: the chosen server, or its fallback.

use std::sync::Arc;

use bytes::BytesMut;
use tokio::time::Instant;

use super::client::Client;
use super::client_watch::{awaits_answer, watch_client};
use super::connection::Connection;
use super::exchange::Exchange;
use super::failure::Failure;
use super::refusal::Refusal;
use super::report::report;
use super::service::Service;
use crate::config::Timeouts;
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::metrics::{ClientState, Flow};
use crate::net::Stream;
use crate::upstream::{Dialled, Dialler, OwnConnection};

/// A server that has greeted.
pub(super) struct Greeted {
    pub(super) upstream: Upstream,
    pub(super) greeting: BytesMut,
    /// Octets received after it.
    pub(super) rest: BytesMut,
}

impl Greeted {
    /// `route` is the intended upstream, `dialler` the one that was reached, after this many seconds.
    fn new(
        service: &Service,
        route: &Arc<Dialler>,
        dialler: Arc<Dialler>,
        dialled: Dialled,
        seconds: f64,
    ) -> Self {
        let octets = dialled.greeting.len() + dialled.rest.len();
        service.metrics.bytes(Flow::UpstreamIn, octets);
        let stream = dialled.stream.with_read_limit(service.read_limit);
        let meter = service.metrics.greeted(&dialler.upstream().name, seconds);
        Self {
            upstream: Upstream {
                connection: Connection::new(stream).metered(meter, octets),
                server: Box::new(Server {
                    id: service.router.mailboxes_of(route),
                    route: Arc::clone(route),
                    dialler,
                }),
                _own: dialled.own,
            },
            greeting: dialled.greeting,
            rest: dialled.rest,
        }
    }
}

/// A session's upstream.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) connection: Connection,
    /// Boxed: idle sessions are small.
    server: Box<Server>,
    /// Marks the connection as popgate's own.
    _own: Option<OwnConnection>,
}

/// Which server it is.
#[derive(Debug)]
struct Server {
    /// The one that has its mailboxes.
    id: UpstreamId,
    /// The intended upstream: its fallbacks have the same mailboxes.
    route: Arc<Dialler>,
    /// The one that was reached.
    dialler: Arc<Dialler>,
}

impl Upstream {
    /// The intended upstream.
    pub(super) fn route(&self) -> &Arc<Dialler> {
        &self.server.route
    }

    /// Its name in metrics and the log.
    pub(super) fn name(&self) -> &str {
        &self.server.dialler.upstream().name
    }

    /// Which server has its mailboxes.
    pub(super) fn id(&self) -> &UpstreamId {
        &self.server.id
    }

    /// A user's mailbox.
    pub(super) fn mailbox(&self, user: &str) -> Option<MailboxId> {
        MailboxId::new(self.server.id.clone(), user)
    }

    /// The timeouts of sessions with it.
    pub(super) fn timeouts(&self) -> &Timeouts {
        self.server.dialler.timeouts()
    }

    /// The most messages that are read ahead of the client's commands.
    pub(super) fn prefetch(&self) -> usize {
        self.server.dialler.upstream().prefetch
    }
}

/// Dials an upstream, and its fallbacks; a failure of all is the last one's. It stops when the client
/// disconnects.
pub(super) async fn open(
    service: &Service,
    client: &Client<'_>,
    connection: &mut Connection,
    exchange: &mut Exchange<'_>,
    route: &Arc<Dialler>,
) -> Result<Greeted, Failure> {
    // It may have left before, while a first login was under way.
    if exchange.client_has_ended() && !awaits_answer(exchange.client_buffer()) {
        return Err(Failure::ClientGone(None));
    }
    watch_client(service, connection, exchange, dial(service, client, route)).await?
}

/// Waits for the greeting on an existing connection to an upstream.
pub(super) async fn open_over(
    service: &Service,
    stream: Stream,
    route: &Arc<Dialler>,
) -> Result<Greeted, Failure> {
    let began = Instant::now();
    let name = || route.upstream().name.clone();
    let dialled = route.greeted(stream, BytesMut::new()).await;
    let dialled = dialled.map_err(|error| Failure::Dial(name(), error))?;
    let seconds = began.elapsed().as_secs_f64();
    let dialler = Arc::clone(route);
    Ok(Greeted::new(service, route, dialler, dialled, seconds))
}

async fn dial(
    service: &Service,
    client: &Client<'_>,
    route: &Arc<Dialler>,
) -> Result<Greeted, Failure> {
    let mut failed: Option<Failure> = None;
    for dialler in service.router.with_fallbacks(route) {
        if let Some(failure) = failed.take() {
            report(
                service,
                client.address(),
                None,
                &failure,
                ClientState::Greeting,
            );
        }
        let began = Instant::now();
        match dialler.dial(client.on_behalf()).await {
            Ok(dialled) => {
                // By now the dialling side has registered its connection: if it was popgate, it has reached
                // itself.
                if client.is_self(service.router.loop_detection()) {
                    return Err(Refusal::Loop.into());
                }
                let seconds = began.elapsed().as_secs_f64();
                return Ok(Greeted::new(service, route, dialler, dialled, seconds));
            }
            Err(error) => {
                let name = dialler.upstream().name.clone();
                failed = Some(Failure::Dial(name, error));
            }
        }
    }
    Err(failed.unwrap_or_else(|| Refusal::NoUpstream.into()))
}
