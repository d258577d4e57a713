//! Which connections are popgate's own, so that it never talks to itself.
//!
//! A loop has two signs: the address that was dialled is one that popgate listens on, or a client's
//! address is that of a connection which popgate has made (a firewall has turned it round).

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What popgate listens on, and the near ends of what it has dialled.
#[derive(Debug, Default)]
pub struct Own {
    listening: Vec<SocketAddr>,
    outgoing: Mutex<HashSet<SocketAddr>>,
}

/// A connection of popgate's own, as long as it lives.
#[derive(Debug)]
pub struct Outgoing {
    own: Arc<Own>,
    local: SocketAddr,
}

impl Own {
    /// With these listening sockets.
    pub fn new(listening: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            listening,
            outgoing: Mutex::default(),
        })
    }

    /// Whether a connection from `local` to `peer` reaches a listener here.
    pub fn listens(&self, local: SocketAddr, peer: SocketAddr) -> bool {
        let ours = |own: &SocketAddr| is_ourselves(*own, local, peer);
        self.listening.iter().any(ours)
    }

    /// Whether this client is popgate.
    pub fn dialled(&self, client: SocketAddr) -> bool {
        let outgoing = self.outgoing.lock();
        outgoing
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&client)
    }

    /// Takes note of a connection that popgate has made.
    pub fn takes_note(self: &Arc<Self>, local: SocketAddr) -> Outgoing {
        let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        outgoing.insert(local);
        Outgoing {
            own: Arc::clone(self),
            local,
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut outgoing = self
            .own
            .outgoing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        outgoing.remove(&self.local);
    }
}

/// A listener may be on all of this machine's addresses: what one of them reaches is on the same
/// machine if both ends are alike.
fn is_ourselves(own: SocketAddr, local: SocketAddr, peer: SocketAddr) -> bool {
    let here = peer.ip().is_loopback() || local.ip() == peer.ip();
    own.port() == peer.port() && (own.ip() == peer.ip() || own.ip().is_unspecified() && here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signs_of_a_loop_are_seen() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let own = Own::new(vec![address("0.0.0.0:110"), address("127.0.0.1:1110")]);
        assert!(own.listens(address("127.0.0.1:4000"), address("127.0.0.1:1110")));
        assert!(own.listens(address("192.0.2.1:4000"), address("192.0.2.1:110")));
        assert!(!own.listens(address("192.0.2.1:4000"), address("192.0.2.2:110")));
        let client = address("192.0.2.1:4000");
        assert!(!own.dialled(client));
        let outgoing = own.takes_note(client);
        assert!(own.dialled(client));
        drop(outgoing);
        assert!(!own.dialled(client));
    }
}
