//! Who has connected: address, listener, and the name that was asked for.

use std::net::{IpAddr, SocketAddr};

use super::guards::Taken;
use super::port::Port;
use crate::net::proxy::Addressed;
use crate::upstream::{LoopDetection, OnBehalf};

/// A client, before and beside anything that it says.
#[derive(Debug)]
pub(super) struct Caller<'s> {
    pub(super) port: &'s Port,
    /// Its address, and the one that it meant.
    pub(super) addressed: Addressed,
    /// The same as far as a firewall knows of it.
    pub(super) before_firewall: SocketAddr,
    /// The name in its TLS (SNI).
    pub(super) asked_for: Option<String>,
    /// Counts it as long as it is here.
    pub(super) _slot: Taken<IpAddr>,
}

impl Caller<'_> {
    pub(super) fn address(&self) -> SocketAddr {
        self.addressed.client
    }

    /// Whether what it says stays on this machine.
    pub(super) fn is_here(&self) -> bool {
        let Addressed {
            client,
            original_dst,
        } = self.addressed;
        client.ip().to_canonical().is_loopback() || client.ip() == original_dst.ip()
    }

    /// Whether it is popgate itself, whose connection a firewall has turned round.
    pub(super) fn is_ourselves(&self, loops: &LoopDetection) -> bool {
        loops.is_own_connection(self.addressed.client, self.before_firewall)
    }

    /// Whether its password would be seen on the way here.
    pub(super) fn is_overheard(&self, is_tls: bool) -> bool {
        !is_tls && !self.port.allow_plaintext && !self.is_here()
    }

    /// What an upstream is told of it.
    pub(super) fn on_behalf(&self) -> OnBehalf {
        OnBehalf {
            addressed: self.addressed,
            as_client: self.port.tproxy,
        }
    }
}
