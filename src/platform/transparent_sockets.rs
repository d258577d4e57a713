//! Sockets with addresses that are not this machine's (TPROXY, ip(7)): on Linux only.

use std::io;
use std::net::IpAddr;

use socket2::Socket;

/// Lets a socket have an address of this family that is another machine's.
///
/// # Errors
/// The system's, as without the privilege, or if it has no such sockets.
pub fn make_transparent(socket: &Socket, address: IpAddr) -> io::Result<()> {
    system::make_transparent(socket, address)
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::net::IpAddr;

    use socket2::Socket;

    pub(super) fn make_transparent(socket: &Socket, address: IpAddr) -> io::Result<()> {
        match address {
            IpAddr::V4(_) => socket.set_ip_transparent_v4(true),
            IpAddr::V6(_) => socket.set_ip_transparent_v6(true),
        }
    }
}

/// Refused in the configuration.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::net::IpAddr;

    use socket2::Socket;

    pub(super) fn make_transparent(_: &Socket, _: IpAddr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
