//! The upstream's side of a session, up to its greeting: the chosen server, or its reserve.

use std::pin::pin;
use std::sync::Arc;

use bytes::BytesMut;
use memchr::memchr;
use tokio::time::Instant;

use super::caller::Caller;
use super::leg::Leg;
use super::{Failure, Refusal, Service, report};
use crate::metrics::{ClientState, Flow};
use crate::pop3::Command;
use crate::pop3::line::{LfToCrlf, ends_in_bare_lf};
use crate::upstream::{Dialler, OwnConnection};

/// A server that has greeted.
pub(super) struct Opened {
    pub(super) leg: Leg,
    /// As it goes to the client.
    pub(super) greeting: BytesMut,
    pub(super) server: Server,
}

/// Which server it is.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) dialler: Arc<Dialler>,
    /// Marks the connection as popgate's own.
    pub(super) _own: OwnConnection,
}

impl Server {
    pub(super) fn name(&self) -> &str {
        &self.dialler.upstream().name
    }
}

/// Dials an upstream, and those in reserve for it; a failure of all is the last one's. It ends when the
/// client leaves: nobody is dialled for, or waited for, on behalf of somebody who is gone.
pub(super) async fn open(
    service: &Service,
    caller: &Caller<'_>,
    client: &mut Leg,
    first: &Arc<Dialler>,
) -> Result<Opened, Failure> {
    let mut dialled = pin!(dial(service, caller, first));
    loop {
        // A client may send its commands ahead, and even end there; those are answered.
        let is_watched = !client.ended && client.buffer.len() <= service.limits.command_line;
        tokio::select! {
            biased;
            filled = client.fill(service), if is_watched => {
                if filled? == 0 && !begins_well(&client.buffer) {
                    return Err(Failure::ClientGone(None));
                }
            }
            opened = &mut dialled => return opened,
        }
    }
}

/// Whether somebody who has said this, and will say no more, may want an answer.
fn begins_well(said: &[u8]) -> bool {
    let Some(end) = memchr(b'\n', said) else {
        return false;
    };
    !matches!(
        Command::parse(&said[..=end]),
        Command::Refused(_) | Command::Foreign | Command::Unknown
    )
}

async fn dial(
    service: &Service,
    caller: &Caller<'_>,
    first: &Arc<Dialler>,
) -> Result<Opened, Failure> {
    let mut failed: Option<Failure> = None;
    for dialler in service.router.with_fallbacks(first) {
        if let Some(failure) = failed.take() {
            report(
                service,
                caller.address(),
                None,
                &failure,
                ClientState::Greeting,
            );
        }
        let began = Instant::now();
        match dialler.dial(caller.on_behalf()).await {
            Ok(dialled) => {
                // By now whoever dialled knows the near end of his connection: if that was popgate,
                // it has met itself.
                if caller.is_ourselves(service.router.loop_detection()) {
                    return Err(Refusal::Loop.into());
                }
                let mut greeting = dialled.greeting;
                let octets = greeting.len() + dialled.rest.len();
                service.metrics.bytes(Flow::UpstreamIn, octets);
                let stream = dialled.stream.with_read_limit(service.piece);
                let meter = service
                    .metrics
                    .greeted(&dialler.upstream().name, began.elapsed().as_secs_f64());
                let mut leg = Leg::new(stream, dialled.rest).metered(meter, greeting.len());
                if ends_in_bare_lf(&greeting) {
                    // A server that ends its very greeting in bare LF does so throughout, and clients
                    // want CRLF (RFC 1939 section 3): its lines are mended, all of them, and nobody
                    // else's.
                    tracing::warn!(
                        upstream = dialler.upstream().name,
                        "the server ends lines in bare LF; they are sent on as CRLF"
                    );
                    let added =
                        LfToCrlf::default().translate(&mut greeting, 0) + leg.translate_lf();
                    service.metrics.edited(added, 0);
                }
                return Ok(Opened {
                    leg,
                    greeting,
                    server: Server {
                        dialler,
                        _own: dialled.own,
                    },
                });
            }
            Err(error) => {
                let name = dialler.upstream().name.clone();
                failed = Some(Failure::Dial(name, error));
            }
        }
    }
    Err(failed.unwrap_or_else(|| Refusal::NoUpstream.into()))
}
