//! STLS with the client: `+OK`, then TLS, and nothing of what came before it.
//!
//! RFC 2595 section 4.

use tokio::time::Instant;

use super::arrival::encrypt;
use super::caller::Caller;
use super::leg::Leg;
use super::{Failure, Service};
use crate::config::ListenTls;

/// The answer to STLS, after which the client begins TLS.
const GO: &[u8] = b"+OK begin TLS\r\n";

/// Whether STLS can be done now.
pub(super) fn is_offered(caller: &Caller<'_>, client: &Leg) -> bool {
    caller.port.protection == ListenTls::Starttls
        && caller.port.tls.is_some()
        && !client.stream.is_tls()
}

/// Says go, and establishes TLS by this time. All that the client was owed before is sent already.
pub(super) async fn begin(
    service: &Service,
    caller: &mut Caller<'_>,
    client: &mut Leg,
    by: Instant,
) -> Result<(), Failure> {
    client.say(service, GO).await?;
    // Whoever can write into the connection could have put commands behind STLS, which would be
    // taken for the client's own under TLS (CVE-2011-0411): they go.
    client.buffer.clear();
    let Some(tcp) = client.stream.take_plain() else {
        return Err(Failure::ClientGone(None));
    };
    let by = by.min(Instant::now() + service.timeouts.handshake);
    let stream = encrypt(caller, tcp, by).await?;
    client.stream = stream.with_read_limit(service.piece);
    Ok(())
}
