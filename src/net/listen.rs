//! Listening sockets: bound before anyone is served, and the loop that accepts.
//!
//! In: addresses; out: connections, each with a permit that bounds the number of sessions.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that the system queues for us while all permits are taken.
const BACKLOG: i32 = 1024;
/// The first and the longest pause after a failed accept, as when descriptors run out.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, source } = self;
        write!(f, "cannot listen on {address}: {source}")?;
        match source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "; another program has it (see `ss -ltnp sport = :{port}`): stop that one, or choose another port",
                port = address.port()
            ),
            io::ErrorKind::PermissionDenied => write!(
                f,
                "; ports below 1024 need a right: `sudo setcap cap_net_bind_service=+ep $(command -v popgate)`, \
                 or start it as a systemd service with AmbientCapabilities=CAP_NET_BIND_SERVICE, \
                 or choose another port such as 127.0.0.1:1110"
            ),
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "; this machine has no such address: see `ip addr`, or write 127.0.0.1"
                )
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Binds an address and listens.
///
/// # Errors
/// With the address and what a person can do about it.
pub fn bind(address: SocketAddr) -> Result<StdListener, BindError> {
    let bound = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(StdListener::from(socket))
    };
    bound().map_err(|source| BindError { address, source })
}

/// A client's connection and its permit to be one.
#[derive(Debug)]
pub struct Accepted {
    /// The connection, not yet bound to a runtime.
    pub tcp: StdStream,
    /// Given back when the session ends.
    pub permit: OwnedSemaphorePermit,
}

/// Accepts until dropped, and hands each connection over.
///
/// # Errors
/// If the runtime cannot take the listener.
pub async fn accept(
    listener: StdListener,
    permits: Arc<Semaphore>,
    mut hand_over: impl FnMut(Accepted),
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut pause = PAUSES.0;
    loop {
        match listener.accept().await.and_then(|(tcp, _)| tcp.into_std()) {
            Ok(tcp) => {
                pause = PAUSES.0;
                // One waits here for its permit, so that a listener to which nobody comes keeps none;
                // the others stay in the system's queue, not in our memory.
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                    return Ok(());
                };
                hand_over(Accepted { tcp, permit });
            }
            Err(error) => {
                tracing::warn!(%error, ?pause, "cannot accept a connection");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }
}
