//! Which upstream a client is routed to.
//!
//! In: a client's listener, SNI, user name and original destination; out: a dialler. The listener's `upstream`
//! wins, then SNI, then a server in the user name, then the domain of the user name, then the first upstream.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio_rustls::rustls::ClientConfig;

use super::configured_addresses::ConfiguredAddresses;
use super::server_in_user_name::{self, NameError, Named};
use super::{DialLimits, Dialler, LoopDetection};
use crate::config::{Routes, TlsMode, Upstream};
use crate::mailbox_id::UpstreamId;

/// The label `upstream` of all servers that are named in user names.
const USER_NAME: &str = "user_name";
/// The label `upstream` of all servers behind transparent listeners.
const TRANSPARENT: &str = "transparent";

/// All upstreams and the routes to them.
#[derive(Debug)]
pub struct Router {
    diallers: Vec<Arc<Dialler>>,
    routes: Routes,
    /// For servers that are in no `[[upstream]]`: trusted certificates, if there are any.
    tls: Option<Arc<ClientConfig>>,
    limits: DialLimits,
    loops: Arc<LoopDetection>,
    addresses: ConfiguredAddresses,
}

/// The destination of a user's login.
#[derive(Debug, Clone)]
pub struct Route {
    /// The upstream.
    pub dialler: Arc<Dialler>,
    /// The name of the user at that upstream.
    pub user: String,
}

impl Router {
    /// `diallers` are those of the configuration, in its order.
    pub fn new(
        diallers: Vec<Arc<Dialler>>,
        routes: Routes,
        tls: Option<Arc<ClientConfig>>,
        limits: DialLimits,
        loops: Arc<LoopDetection>,
    ) -> Self {
        let hosts = diallers.iter().map(|dialler| {
            let upstream = dialler.upstream();
            (upstream.host.clone(), upstream.port)
        });
        Self {
            addresses: ConfiguredAddresses::new(hosts.collect()),
            diallers,
            routes,
            tls,
            limits,
            loops,
        }
    }

    /// The registry of popgate's own connections.
    pub fn loop_detection(&self) -> &Arc<LoopDetection> {
        &self.loops
    }

    /// An upstream of the configuration, by its index.
    pub fn upstream(&self, place: usize) -> Option<&Arc<Dialler>> {
        self.diallers.get(place)
    }

    /// The names of those in the configuration.
    pub fn upstreams(&self) -> impl Iterator<Item = &str> {
        self.diallers
            .iter()
            .map(|dialler| dialler.upstream().name.as_str())
    }

    /// The only upstream, if no user name can change the route.
    pub fn only(&self) -> Option<&Arc<Dialler>> {
        let Routes {
            domains,
            user_names,
        } = &self.routes;
        let fixed = domains.is_empty() && user_names.hosts.is_empty();
        self.diallers.first().filter(|_| fixed)
    }

    /// The destination of a user's login; `None` without an upstream.
    ///
    /// # Errors
    /// If the name leads to a server that is not allowed.
    pub fn for_user(&self, user: &str) -> Result<Option<Route>, NameError> {
        if let Some(named) = server_in_user_name::read(&self.routes.user_names, user)? {
            return Ok(Some(Route {
                user: named.user.clone(),
                dialler: self.to_named(named),
            }));
        }
        let domain = user.rsplit_once('@').map_or("", |(_, domain)| domain);
        let routes = &self.routes.domains;
        let place = routes.iter().find(|(pattern, _)| pattern.matches(domain));
        let dialler = self.diallers.get(place.map_or(0, |(_, place)| *place));
        Ok(dialler.map(|dialler| Route {
            dialler: Arc::clone(dialler),
            user: user.to_owned(),
        }))
    }

    fn to_named(&self, named: Named) -> Arc<Dialler> {
        let configured = self.diallers.iter().find(|dialler| {
            let Upstream { host, port, .. } = dialler.upstream();
            host.eq_ignore_ascii_case(&named.host) && *port == named.port
        });
        configured.cloned().unwrap_or_else(|| {
            let upstream = Upstream::new(USER_NAME, &named.host, named.port, named.tls);
            Arc::new(self.ad_hoc(upstream).named_by_client())
        })
    }

    /// To the original destination of a redirected client: in plain text, as it came; or, where popgate
    /// terminates its TLS, with TLS to the server that it named.
    pub fn original(&self, address: SocketAddr, sni: Option<&str>) -> Arc<Dialler> {
        let Some(host) = sni else {
            self.addresses.refresh();
            let host = address.ip().to_string();
            let upstream = Upstream::new(TRANSPARENT, &host, address.port(), TlsMode::Off);
            return Arc::new(self.ad_hoc(upstream).at(address));
        };
        let configured = self
            .diallers
            .iter()
            .find(|dialler| dialler.upstream().host.eq_ignore_ascii_case(host));
        // The original port decides, not the configured one.
        let tls = match address.port() {
            995 => TlsMode::Implicit,
            _ => TlsMode::Starttls,
        };
        let dialler = match configured {
            Some(dialler) => Dialler::clone(dialler).protected_by(tls),
            None => self.ad_hoc(Upstream::new(TRANSPARENT, host, address.port(), tls)),
        };
        Arc::new(dialler.at(address))
    }

    /// Which server has the mailboxes behind this one: of a server that a redirected client was connecting to, the
    /// configured upstream with its address, where there is one. A provider's mailboxes are the same at each of its
    /// addresses.
    pub fn mailboxes_of(&self, dialler: &Dialler) -> UpstreamId {
        let upstream = dialler.upstream();
        let found = match (&*upstream.name, upstream.host.parse::<IpAddr>()) {
            (TRANSPARENT, Ok(ip)) => self.addresses.find(SocketAddr::new(ip, upstream.port)),
            _ => None,
        };
        found.unwrap_or_else(|| UpstreamId::new(&upstream.host, upstream.port))
    }

    /// The upstreams to try in turn: this one, its fallback, the fallback's fallback.
    pub fn with_fallbacks(&self, first: &Arc<Dialler>) -> Vec<Arc<Dialler>> {
        let mut chain = vec![Arc::clone(first)];
        let mut next = first.upstream().fallback;
        while let Some(dialler) = next.and_then(|place| self.diallers.get(place)) {
            if chain
                .iter()
                .any(|seen| seen.upstream().name == dialler.upstream().name)
            {
                break;
            }
            chain.push(Arc::clone(dialler));
            next = dialler.upstream().fallback;
        }
        chain
    }

    fn ad_hoc(&self, upstream: Upstream) -> Dialler {
        let (limits, loops) = (self.limits.clone(), Arc::clone(&self.loops));
        Dialler::new(upstream, self.tls.clone(), limits, loops)
    }
}
