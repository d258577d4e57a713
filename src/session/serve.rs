//! One connection, from its acceptance to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::accept::{Accepted, accept};
use super::client::Client;
use super::connection::Connection;
use super::exchange::End;
use super::failure::Failure;
use super::listener::Listener;
use super::passthrough::pass_through;
use super::place::SessionPlace;
use super::relay::Relay;
use super::report::report;
use super::service::Service;
use crate::metrics::{ClientState, ConnectionOutcome, Flow};
use crate::net::places::Places;
use crate::net::proxy_protocol::Addressed;
use crate::net::{Drain, Handover, Stream};

/// Serves one client of a listener (by its index) until it or the upstream ends the session.
pub async fn run(service: Arc<Service>, tcp: TcpStream, listener: usize, mut place: SessionPlace) {
    let service = &*service;
    let from = tcp.peer_addr().ok();
    let Some((listener, from)) = service.listeners.get(listener).zip(from) else {
        return;
    };
    let deadline = Instant::now() + service.timeouts.login;
    let begun = begin(service, listener, tcp, from, deadline, &mut place);
    // One-time work is in functions of its own: the memory of a session is that of its largest future, and the
    // relay is boxed so that it is in it once.
    if let Some(mut relay) = Box::pin(begun).await {
        relay_to_end(&mut relay, &mut place).await;
    }
}

/// Accepts a client; `None` if its session has ended already.
async fn begin<'s>(
    service: &'s Service,
    listener: &'s Listener,
    tcp: TcpStream,
    from: SocketAddr,
    deadline: Instant,
    place: &mut SessionPlace,
) -> Option<Box<Relay<'s>>> {
    let accepted = async { Ok(accept(service, listener, tcp, deadline, &place.place).await) };
    let accepted = place.unless_evicted(accepted).await;
    let (failure, stream) = match accepted.unwrap_or_else(|evicted| Err((evicted, None))) {
        Ok(Accepted::Client(client, connection)) => {
            return route(service, client, connection, deadline, &place.drain).await;
        }
        Ok(Accepted::Passthrough(client, tcp)) => {
            match pass_through(service, &client, tcp, place).await {
                Ok(()) => return None,
                Err(failure) => (failure, None),
            }
        }
        Err(rejected) => rejected,
    };
    if matches!(failure, Failure::Refused(_)) {
        service
            .metrics
            .connection(&listener.name, ConnectionOutcome::Refused);
    }
    report(service, from, None, &failure, ClientState::Handshake);
    if let (Some(text), Some(mut stream)) = (failure.wire(false), stream) {
        say(service, &mut stream, text.as_bytes()).await;
    }
    None
}

/// The relay for an accepted client; `None` if there is no server for it.
async fn route<'s>(
    service: &'s Service,
    client: Client<'s>,
    mut connection: Connection,
    deadline: Instant,
    drain: &Drain,
) -> Option<Box<Relay<'s>>> {
    match service.server_of(&client) {
        Ok(route) => {
            let drain = drain.clone();
            let relay = Relay::new(service, client, connection, route, deadline, drain);
            Some(Box::new(relay))
        }
        Err(refusal) => {
            let failure = Failure::from(refusal);
            report(
                service,
                client.address(),
                None,
                &failure,
                ClientState::Greeting,
            );
            if let Some(text) = failure.wire(false) {
                say(service, &mut connection.stream, text.as_bytes()).await;
            }
            None
        }
    }
}

/// Serves a client of the first listener over one stream, from its upstream over another: a session without
/// a socket, which tests run in paused time.
pub async fn run_over(service: Arc<Service>, client: Stream, upstream: Stream, drain: Drain) {
    let service = &*service;
    let Some((listener, route)) = service.listeners.first().zip(service.router.only()) else {
        return;
    };
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let addressed = Addressed {
        client: nowhere,
        original_dst: nowhere,
    };
    let client_of = Client {
        listener,
        addressed,
        conntrack_dst: nowhere,
        sni: None,
        _slot: None,
    };
    let deadline = Instant::now() + service.timeouts.login;
    let connection = Connection::new(client.with_read_limit(service.read_limit));
    let route = Some(Arc::clone(route));
    let Ok(place) = Arc::<Places>::default().enter(nowhere.ip(), service.places()) else {
        return;
    };
    // This drain keeps the server waiting for the session; the relay's receives the signal.
    let for_relay = drain.clone();
    let relay = Relay::new(service, client_of, connection, route, deadline, for_relay);
    let mut place = SessionPlace {
        place,
        pending: None,
        drain,
        handover: Handover::none(),
    };
    relay_to_end(&mut relay.over(upstream), &mut place).await;
}

pub(super) async fn relay_to_end(relay: &mut Relay<'_>, place: &mut SessionPlace) {
    let (service, from) = (relay.service, relay.client.address());
    let ended = match Box::pin(place.log_in(relay)).await {
        Ok(None) => relay.run().await,
        Ok(Some(end)) => Ok(end),
        Err(failure) => Err(failure),
    };
    let end = match ended {
        Ok(end) => {
            if end == End::ClientClosed {
                service.metrics.client_abort(relay.exchange.state());
            }
            end.label()
        }
        Err(failure) => {
            let state = relay.exchange.state();
            report(service, from, relay.upstream_name(), &failure, state);
            Box::pin(relay.give_up(&failure)).await;
            "failure"
        }
    };
    log_end(service, relay, end);
}

/// Logs the end of a session that had a server.
fn log_end(service: &Service, relay: &Relay<'_>, end: &str) {
    let client = relay.client.address();
    let Some(upstream) = relay.upstream_name() else {
        tracing::debug!(%client, end, "session ended");
        return;
    };
    // A client that disconnects without a login may be part of a flood.
    let is_shown = relay.exchange.is_logged_in() || service.may_log("ended").is_some();
    if is_shown {
        let mailbox = relay.mailbox();
        let shown = service.log_mailboxes;
        relay
            .log
            .log(client, upstream, mailbox.as_ref(), shown, end);
    }
}

/// Sends a last line to a client that may have closed.
async fn say(service: &Service, client: &mut Stream, text: &[u8]) {
    let said = async {
        client.write_all(text).await?;
        client.shutdown().await
    };
    // The result is ignored: the connection ends here.
    if let Ok(Ok(())) = timeout(service.timeouts.client_write, said).await {
        service.metrics.bytes(Flow::ClientOut, text.len());
        service.metrics.edited(text.len(), 0);
    }
}
