//! Sockets with addresses that are not this machine's (TPROXY, ip(7)), and connections that a firewall has redirected: on
//! Linux only.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::Socket;

/// Lets a socket have an address of this family that is another machine's.
///
/// # Errors
/// The system's, as without the privilege, or if it has no such sockets.
pub fn make_transparent(socket: &Socket, address: IpAddr) -> io::Result<()> {
    system::make_transparent(socket, address)
}

/// The destination of a connection before a firewall's redirect to this local address; `None` if there was none.
pub fn original_destination(socket: &Socket, local: SocketAddr) -> Option<SocketAddr> {
    system::original_destination(socket, local)
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::net::{IpAddr, SocketAddr};

    use socket2::Socket;

    pub(super) fn make_transparent(socket: &Socket, address: IpAddr) -> io::Result<()> {
        match address {
            IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
            IpAddr::V6(_) => socket.set_ip_transparent_v6(true),
        }
    }

    /// The kernel's connection tracking knows it.
    pub(super) fn original_destination(socket: &Socket, local: SocketAddr) -> Option<SocketAddr> {
        let meant = match local {
            SocketAddr::V4(_) => socket.original_dst_v4(),
            SocketAddr::V6(_) => socket.original_dst_v6(),
        };
        meant.ok()?.as_socket()
    }
}

/// Refused in the configuration.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::{IpAddr, SocketAddr};

    use socket2::Socket;

    pub(super) fn make_transparent(_: &Socket, _: IpAddr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    pub(super) fn original_destination(_: &Socket, _: SocketAddr) -> Option<SocketAddr> {
        None
    }
}
