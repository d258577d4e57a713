//! A listener, as sessions see it: how its clients are protected, and where they go.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokio_rustls::rustls::ServerConfig;

use crate::config::{HostPattern, Listen, ListenTls};

/// One listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name in metrics.
    pub name: Arc<str>,
    /// How its clients are protected.
    pub protection: ListenTls,
    /// TLS towards them, where there is any.
    pub tls: Option<Arc<ServerConfig>>,
    /// The upstream of all its clients, if it has one.
    pub upstream: Option<usize>,
    /// The upstreams by SNI.
    pub sni: Vec<(HostPattern, Option<usize>)>,
    /// Whether clients are connected to their original destination.
    pub transparent: bool,
    /// Whether the server sees their address.
    pub tproxy: bool,
    /// Whether their connections begin with a PROXY header.
    pub proxy_header: bool,
    /// The senders whose headers are trusted.
    pub trusted: Vec<IpNet>,
    /// Whether they may log in without TLS from other machines.
    pub allow_plaintext: bool,
}

impl Listener {
    /// From its section of the configuration.
    pub fn new(listen: &Listen, tls: Option<Arc<ServerConfig>>) -> Self {
        let sni = listen.sni.iter();
        Self {
            name: listen.name.as_str().into(),
            protection: listen.tls,
            tls,
            upstream: listen.upstream,
            sni: sni.map(|it| (it.name.clone(), it.upstream)).collect(),
            transparent: listen.transparent,
            tproxy: listen.tproxy,
            proxy_header: listen.proxy_header,
            trusted: listen.trusted_proxies.clone(),
            allow_plaintext: listen.allow_plaintext,
        }
    }

    /// Whether PROXY headers from this address are trusted.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// The upstream for a client that asked for this server name, if the listener has one.
    pub(super) fn upstream_for(&self, sni: Option<&str>) -> Option<usize> {
        let by_name = || {
            let name = sni?;
            let named = self.sni.iter().find(|(pattern, _)| pattern.matches(name));
            named.and_then(|(_, upstream)| *upstream)
        };
        self.upstream.or_else(by_name)
    }

    /// Whether the client's server depends on the name that it asks for after STLS (SNI).
    pub(super) fn needs_sni(&self) -> bool {
        self.protection == ListenTls::Starttls
            && self.upstream.is_none()
            && self.sni.iter().any(|(_, upstream)| upstream.is_some())
    }
}
