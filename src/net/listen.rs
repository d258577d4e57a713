//! Listening sockets: bound before anyone is served, and the loop that accepts.
//!
//! In: addresses; out: connections.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::platform::port_holder::{how_to_find, port_holder, why_forbidden};
use crate::platform::transparent_sockets::make_transparent;

/// Connections that the system queues until they are accepted.
const BACKLOG: i32 = 1024;
/// Connections that are accepted before the other tasks of the event loop have their turn.
const BATCH: usize = 16;
/// The first and the longest pause after a failed accept, as when descriptors run out.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(1));

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct BindError {
    address: SocketAddr,
    transparent: bool,
    /// The program that uses it, if that is known.
    holder: Option<String>,
    source: io::Error,
}

impl BindError {
    /// Whether another process uses it already.
    pub fn is_in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            address,
            transparent,
            holder,
            source,
        } = self;
        write!(f, "cannot listen on {address}: {source}")?;
        match source.kind() {
            io::ErrorKind::AddrInUse => {
                match holder {
                    Some(holder) => write!(f, "; {holder} uses it")?,
                    None => {
                        let how = how_to_find(address.port());
                        write!(f, "; another program uses it (see {how})")?;
                    }
                }
                f.write_str(": stop that one, or choose another port")
            }
            io::ErrorKind::PermissionDenied if *transparent => write!(
                f,
                "; tproxy = true needs a privilege: start popgate as root with [process] user = \"popgate\", \
                 or as a systemd service with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_BIND_SERVICE"
            ),
            io::ErrorKind::PermissionDenied => write!(f, "; {}", why_forbidden()),
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

/// Sockets that a service manager has passed to popgate (sd_listen_fds(3)).
#[derive(Debug, Default)]
pub struct Inherited(Vec<StdListener>);

impl Inherited {
    /// The sockets that are passed in; none without a service manager.
    ///
    /// # Errors
    /// If one of them is not a listening TCP socket.
    pub fn from_service_manager() -> io::Result<Self> {
        let sockets = system::inherited()?;
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        Ok(Self(sockets))
    }

    /// Takes the one on this address.
    fn take(&mut self, address: SocketAddr) -> Option<StdListener> {
        let found = self
            .0
            .iter()
            .position(|socket| socket.local_addr().is_ok_and(|own| own == address))?;
        Some(self.0.swap_remove(found))
    }

    /// The addresses of those that were not taken.
    pub fn left(&self) -> Vec<SocketAddr> {
        let left = self.0.iter().filter_map(|it| it.local_addr().ok());
        left.collect()
    }
}

/// Binds an address and listens, or takes the socket that was inherited for it. With `transparent` it
/// accepts connections to any address (TPROXY).
///
/// # Errors
/// With the address, and what to do about it.
pub fn bind(
    address: SocketAddr,
    transparent: bool,
    inherited: &mut Inherited,
) -> Result<StdListener, BindError> {
    if let Some(socket) = inherited.take(address) {
        return Ok(socket);
    }
    let bound = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        system::permit_restart(&socket)?;
        match address {
            // So that 0.0.0.0 and [::] can both be bound.
            SocketAddr::V6(_) => socket.set_only_v6(true)?,
            SocketAddr::V4(_) => {}
        }
        if transparent {
            make_transparent(&socket, address.ip())?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(StdListener::from(socket))
    };
    bound().map_err(|source: io::Error| BindError {
        address,
        transparent,
        holder: match source.kind() {
            io::ErrorKind::AddrInUse => port_holder(address.port()),
            _ => None,
        },
        source,
    })
}

/// Accepts until dropped; what it accepts is not yet bound to an event loop.
///
/// # Errors
/// If the runtime cannot take the listener.
pub async fn accept(
    listener: StdListener,
    mut on_accept: impl FnMut(StdStream, SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut pause = PAUSES.0;
    loop {
        for _ in 0..BATCH {
            let accepted = listener.accept().await;
            match accepted.and_then(|(tcp, from)| Ok((tcp.into_std()?, from))) {
                Ok((tcp, from)) => {
                    pause = PAUSES.0;
                    on_accept(tcp, from);
                }
                Err(error) => {
                    tracing::warn!(%error, ?pause, "cannot accept a connection");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(unix)]
mod system {
    use std::io;
    use std::net::TcpListener;

    use listenfd::ListenFd;
    use socket2::Socket;

    /// The sockets of systemd.
    pub(super) fn inherited() -> io::Result<Vec<TcpListener>> {
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::new();
        for number in 0..given.len() {
            sockets.extend(given.take_tcp_listener(number)?);
        }
        Ok(sockets)
    }

    /// A restart must not fail because of connections in TIME_WAIT.
    pub(super) fn permit_restart(socket: &Socket) -> io::Result<()> {
        socket.set_reuse_address(true)
    }
}

#[cfg(windows)]
mod system {
    use std::io;
    use std::net::TcpListener;

    use socket2::Socket;

    /// The service manager passes none.
    pub(super) fn inherited() -> io::Result<Vec<TcpListener>> {
        Ok(Vec::new())
    }

    /// Windows needs nothing for it, and there the option of Unix would let another program take the port away.
    pub(super) fn permit_restart(_: &Socket) -> io::Result<()> {
        Ok(())
    }
}
