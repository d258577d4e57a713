//! A connection's life: greet, relay until QUIT, and say why it ended.
//!
//! In: a client's stream and the [`Service`] in force when it came; out: nothing but bytes on the
//! two streams and metrics. Read on in `relay` (one loop, a FIFO of owed answers), `commands` (up),
//! `answers` (each answer by its command's shape) and `retrieve` (RETR and TOP: hold, judge,
//! rewrite, release).
//!
//! It never invents a final dot, never sends DELE or QUIT on its own, and keeps no password.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA, PIPELINING), RFC 5034 (AUTH).

mod answers;
mod commands;
mod failure;
mod intake;
mod judge;
mod leg;
mod login;
mod mailbox;
mod relay;
mod retrieve;
mod timer;
mod verdicts;

pub use failure::Failure;
pub use intake::Limits as HoldLimits;
pub use judge::{Engine, Judge};
pub use mailbox::{Listing, Mailbox};

use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use crate::config::Timeouts;
use crate::metrics::{Flow, Metrics};
use crate::net::{Drain, Stream};
use crate::pop3::line::{LfToCrlf, ends_in_bare_lf};
use crate::rewrite::Style;
use crate::store::Quarantine;
use crate::upstream::Dialler;

use leg::Leg;
use relay::{End, Relay};

/// What a session begins with and keeps to its end; a reload makes a new one for new sessions.
#[derive(Debug)]
pub struct Service {
    /// The way to the upstream.
    pub dialler: Dialler,
    /// The filter.
    pub judge: Judge,
    /// How messages are marked.
    pub style: Style,
    /// How much of a message is held, and how long.
    pub hold: HoldLimits,
    /// How long to wait for whom.
    pub timeouts: Timeouts,
    /// Where dropped messages go; without it they are tagged.
    pub quarantine: Option<Arc<Quarantine>>,
    /// All families.
    pub metrics: Arc<Metrics>,
    /// The most octets that one read takes, on both legs: `usize::MAX`, but for tests of splits.
    pub piece: usize,
}

/// Serves one client until it or the upstream ends the session.
pub async fn run(service: Arc<Service>, client: Stream, drain: Drain) {
    let metrics = &service.metrics;
    let upstream = service.dialler.upstream().name.as_str();
    let mut client = client.in_pieces(service.piece);
    let dialled = match service.dialler.dial().await {
        Ok(dialled) => dialled,
        Err(error) => {
            let failure = Failure::Dial(error);
            report(&service, &failure, "greeting");
            if let Some(text) = failure.wire(false) {
                say(&service, &mut client, text.as_bytes()).await;
            }
            return;
        }
    };
    let mut greeting = dialled.greeting;
    let stream = dialled.stream.in_pieces(service.piece);
    metrics.bytes(Flow::UpstreamIn, greeting.len() + dialled.rest.len());
    let mut server = Leg::new(stream, dialled.rest);
    if ends_in_bare_lf(&greeting) {
        // A server that ends its very greeting in bare LF does so throughout, and clients want
        // CRLF (RFC 1939 section 3): its lines are mended, all of them, and nobody else's.
        tracing::warn!(
            upstream,
            "the server ends lines in bare LF; they are sent on as CRLF"
        );
        let added = LfToCrlf::default().translate(&mut greeting, 0) + server.translate_lf();
        metrics.edited(added, 0);
    }
    let client = Leg::new(client, BytesMut::new());
    // The one that is kept here says that this session is not over; the other one listens.
    let mut relay = Relay::new(&service, client, server, greeting.freeze(), drain.clone());
    match relay.run().await {
        Ok(end) => {
            if end == End::ClientLeft {
                metrics.client_abort(relay.state());
            }
            tracing::debug!(upstream, ?end, "session ended");
        }
        Err(failure) => {
            report(&service, &failure, relay.state());
            relay.give_up(&failure).await;
        }
    }
}

/// Tells log and metric what ended a session early.
fn report(service: &Service, failure: &Failure, state: &'static str) {
    let upstream = service.dialler.upstream().name.as_str();
    match failure.upstream_kind() {
        Some(kind) => {
            service.metrics.upstream_error(upstream, kind);
            tracing::warn!(upstream, state, "{failure}");
        }
        None => {
            service.metrics.client_abort(state);
            tracing::info!(upstream, state, "{failure}");
        }
    }
}

/// Says a last word to a client that may not listen.
async fn say(service: &Service, client: &mut Stream, text: &[u8]) {
    let said = async {
        client.write_all(text).await?;
        client.shutdown().await
    };
    // Whether it was heard makes no difference: the connection ends here.
    if let Ok(Ok(())) = tokio::time::timeout(service.timeouts.stall, said).await {
        service.metrics.bytes(Flow::ClientOut, text.len());
        service.metrics.edited(text.len(), 0);
    }
}
