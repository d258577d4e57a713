//! The client of a session: its address, its listener, and the server name that it asked for.

use std::net::{IpAddr, SocketAddr};

use super::exchange::ClientSecurity;
use super::listener::Listener;
use super::quotas::Occupied;
use crate::config::ListenTls;
use crate::net::proxy_protocol::Addressed;
use crate::upstream::{LoopDetection, OnBehalf};

/// A client, apart from its commands.
#[derive(Debug)]
pub(super) struct Client<'s> {
    pub(super) listener: &'s Listener,
    /// Its address, and the one that it connected to.
    pub(super) addressed: Addressed,
    /// The address that it connected to before a firewall's redirect, from connection tracking.
    pub(super) conntrack_dst: SocketAddr,
    /// The server name in its TLS (SNI).
    pub(super) sni: Option<String>,
    /// Counts it while it is connected.
    pub(super) _slot: Occupied<IpAddr>,
}

impl Client<'_> {
    pub(super) fn address(&self) -> SocketAddr {
        self.addressed.client
    }

    /// Whether its connection stays on this machine.
    fn is_local(&self) -> bool {
        let Addressed {
            client,
            original_dst,
        } = self.addressed;
        client.ip().to_canonical().is_loopback() || client.ip() == original_dst.ip()
    }

    /// Whether it is popgate itself, whose connection a firewall has redirected.
    pub(super) fn is_self(&self, loops: &LoopDetection) -> bool {
        loops.is_own_connection(self.addressed.client, self.conntrack_dst)
    }

    /// How its connection is protected.
    pub(super) fn security(&self, tls: bool) -> ClientSecurity {
        let Listener {
            protection,
            allow_plaintext,
            ..
        } = self.listener;
        ClientSecurity {
            tls,
            starttls: *protection == ListenTls::Starttls && self.listener.tls.is_some(),
            plaintext_logins: *allow_plaintext || self.is_local(),
        }
    }

    /// What an upstream's PROXY header says of it.
    pub(super) fn on_behalf(&self) -> OnBehalf {
        OnBehalf {
            addressed: self.addressed,
            as_client: self.listener.tproxy,
        }
    }
}
