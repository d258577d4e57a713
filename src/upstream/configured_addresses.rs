//! Which configured upstream has an address: a redirected client names its server by that alone.
//!
//! In: the hosts of the configuration; out: the upstream that an address belongs to. Names are looked up when a session
//! needs them and what is known is old; no session waits for that.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{ChosenBy, Resolver};
use crate::mailbox_id::UpstreamId;

/// After so long the names are looked up again.
const OLD: Duration = Duration::from_secs(5 * 60);

/// How long a lookup may take.
const LOOKUP: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub(super) struct ConfiguredAddresses {
    /// Host and port of each upstream.
    hosts: Vec<(String, u16)>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The places of the upstreams with an address.
    places: HashMap<IpAddr, Vec<usize>>,
    asked: Option<Instant>,
}

impl ConfiguredAddresses {
    /// Of the upstreams in their order.
    pub(super) fn new(hosts: Vec<(String, u16)>) -> Self {
        Self {
            hosts,
            known: Arc::default(),
        }
    }

    /// The id of the upstream with this address, if it is known.
    pub(super) fn find(&self, address: SocketAddr) -> Option<UpstreamId> {
        let known = self.lock();
        let places = known.places.get(&address.ip().to_canonical())?;
        let of = |place: &usize| {
            let (host, port) = self.hosts.get(*place)?;
            let id = UpstreamId::new(host, *port);
            // Ports 110 and 995 are one service.
            (UpstreamId::new(host, address.port()) == id).then_some(id)
        };
        places.iter().find_map(of)
    }

    /// Looks the names up if what is known is old.
    pub(super) fn refresh(&self) {
        let now = Instant::now();
        let mut known = self.lock();
        if self.hosts.is_empty() || known.asked.is_some_and(|asked| now < asked + OLD) {
            return;
        }
        known.asked = Some(now);
        drop(known);
        let (hosts, known) = (self.hosts.clone(), Arc::clone(&self.known));
        tokio::spawn(async move {
            let mut places: HashMap<IpAddr, Vec<usize>> = HashMap::new();
            for (place, (host, port)) in hosts.iter().enumerate() {
                let lookup = Resolver::of_system().lookup(host, *port, ChosenBy::Administrator);
                for address in timeout(LOOKUP, lookup)
                    .await
                    .into_iter()
                    .flatten()
                    .flatten()
                {
                    places
                        .entry(address.ip().to_canonical())
                        .or_default()
                        .push(place);
                }
            }
            // A name that cannot be looked up now keeps the addresses that it had.
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.places.extend(places);
        });
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_that_of_the_upstream_that_has_it() {
        let hosts = [("127.0.0.7", 995), ("127.0.0.7", 1110), ("::1", 110)];
        let addresses =
            ConfiguredAddresses::new(hosts.map(|(host, port)| (host.to_owned(), port)).into());
        let find = |address: &str| {
            let found = addresses.find(address.parse().unwrap());
            found.map(|id| id.to_string())
        };
        assert_eq!(find("127.0.0.7:110"), None);
        addresses.refresh();
        while find("127.0.0.7:110").is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(find("127.0.0.7:110").unwrap(), "127.0.0.7");
        assert_eq!(find("127.0.0.7:995").unwrap(), "127.0.0.7");
        assert_eq!(find("127.0.0.7:1110").unwrap(), "127.0.0.7:1110");
        assert_eq!(find("[::ffff:127.0.0.7]:110").unwrap(), "127.0.0.7");
        assert_eq!(find("127.0.0.7:1111"), None);
        assert_eq!(find("127.0.0.8:110"), None);
    }
}
