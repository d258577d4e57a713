//! Which connections are popgate's own, so that it never connects to itself.
//!
//! A loop shows in two ways: the address to dial is one that popgate listens on, or a client's source and
//! original destination are those of a connection that popgate has made (a firewall has redirected it
//! back). Both ends are compared: the system may give the same local port to several connections, so a
//! mail program on this machine can share the near end with one of popgate's.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

/// The listening addresses, and both ends of the connections that popgate has made.
#[derive(Debug, Default)]
pub struct LoopDetection {
    listening: Vec<SocketAddr>,
    outgoing: Mutex<HashSet<Ends>>,
}

/// The near and the far end of a connection.
type Ends = (SocketAddr, SocketAddr);

/// A connection of popgate's own, as long as it lives.
#[derive(Debug)]
pub struct OwnConnection {
    of: Arc<LoopDetection>,
    ends: Ends,
}

impl LoopDetection {
    /// With these listening sockets.
    pub fn new(listening: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            listening,
            outgoing: Mutex::default(),
        })
    }

    /// Whether a connection to this address would reach a listener of this process. It must be known before
    /// dialling: the session at the far end would dial in turn, without end.
    pub fn is_self(&self, address: SocketAddr) -> bool {
        // A listener on an unspecified address has all of this machine's addresses: those that can be bound.
        let here = |ip: IpAddr| ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok();
        self.listening.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip() || own.ip().is_unspecified() && here(address.ip()))
        })
    }

    /// Whether one of the listeners has this port.
    pub fn has_port(&self, port: u16) -> bool {
        self.listening.iter().any(|own| own.port() == port)
    }

    /// Whether a connection from this client to that destination is one that popgate has made.
    pub fn is_own_connection(&self, client: SocketAddr, original_dst: SocketAddr) -> bool {
        let outgoing = self.outgoing.lock();
        outgoing
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&(client, original_dst))
    }

    /// Registers a connection that popgate has made, for as long as the result lives.
    pub fn register(self: &Arc<Self>, local: SocketAddr, peer: SocketAddr) -> OwnConnection {
        let ends = (local, peer);
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        outgoing.insert(ends);
        OwnConnection {
            of: Arc::clone(self),
            ends,
        }
    }
}

impl Drop for OwnConnection {
    fn drop(&mut self) {
        let mut outgoing = self
            .of
            .outgoing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        outgoing.remove(&self.ends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signs_of_a_loop_are_detected() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let loops = LoopDetection::new(vec![address("0.0.0.0:110"), address("127.0.0.1:1110")]);
        assert!(loops.is_self(address("127.0.0.1:1110")));
        assert!(loops.is_self(address("127.0.0.1:110")));
        assert!(!loops.is_self(address("127.0.0.1:995")));
        assert!(!loops.is_self(address("203.0.113.9:110")));
        let (client, server) = (address("192.0.2.1:4000"), address("192.0.2.2:110"));
        assert!(!loops.is_own_connection(client, server));
        let outgoing = loops.register(client, server);
        assert!(loops.is_own_connection(client, server));
        // The same port, but another connection.
        assert!(!loops.is_own_connection(client, address("192.0.2.1:110")));
        drop(outgoing);
        assert!(!loops.is_own_connection(client, server));
    }
}
