//! Host names to addresses, by the system's resolver, on threads of its own.
//!
//! In: a name; out: its addresses. The system's resolver is used because /etc/hosts, nsswitch.conf (mDNS, LDAP,
//! systemd-resolved) and search domains are part of what a name means on this machine. It blocks, for as long as
//! no name server answers; so all who wait for one name share one lookup, a name that hangs has one thread,
//! names that clients choose have threads of their own, and few of them for all names below one domain.
//! A failure is remembered for a moment, an address never: its lifetime is not known here.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::public_suffix::registrable_domain;
use crate::thread_pool::ThreadPool;

/// How long a failure is the answer for a name: clients that try again at once do not cost a lookup each.
const FAILURE_KEPT: Duration = Duration::from_secs(2);
/// Failures that are remembered.
const MOST_REMEMBERED: usize = 1000;
/// Threads for names of the configuration, and names that wait for one. One thread is in use per name that
/// hangs.
const CONFIGURED: (usize, usize) = (64, 4096);
/// The same for names that clients choose.
const CHOSEN: (usize, usize) = (16, 1024);
/// Of those, for all names below one domain.
const PER_DOMAIN: (usize, usize) = (2, 64);

/// Who chose a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// The configuration.
    Administrator,
    /// A client, in its user name.
    Client,
}

/// Why there is no address. It is shared by all who waited.
#[derive(Debug, Clone)]
struct Failed {
    kind: io::ErrorKind,
    text: Arc<str>,
}

impl From<Failed> for io::Error {
    fn from(failed: Failed) -> Self {
        Self::new(failed.kind, &*failed.text)
    }
}

type Answer = Result<Arc<[IpAddr]>, Failed>;
type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// What is known of a name.
enum Known {
    /// A lookup is under way.
    Asked(watch::Receiver<Option<Answer>>),
    Failed(Failed, Instant),
}

/// See the module.
pub struct Resolver {
    lookup: Arc<Lookup>,
    configured: ThreadPool,
    chosen: ThreadPool,
    names: Arc<Mutex<HashMap<String, Known>>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// The one of this process: its threads are bounded however often the configuration is reloaded.
    pub fn of_system() -> &'static Self {
        static SYSTEM: OnceLock<Resolver> = OnceLock::new();
        SYSTEM.get_or_init(|| {
            Self::new(|host| {
                let found = (host, 0).to_socket_addrs()?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    pub(super) fn new(
        lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    ) -> Self {
        let chosen = ThreadPool::new("dns-chosen", CHOSEN.0, CHOSEN.1);
        Self {
            lookup: Arc::new(lookup),
            configured: ThreadPool::new("dns", CONFIGURED.0, CONFIGURED.1),
            chosen: chosen.with_lane_limits(PER_DOMAIN.0, PER_DOMAIN.1),
            names: Arc::default(),
        }
    }

    /// The addresses of a name, with this port. It may take as long as the system's resolver does: limit the
    /// wait.
    ///
    /// # Errors
    /// The system's.
    pub async fn lookup(
        &self,
        host: &str,
        port: u16,
        chosen_by: ChosenBy,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let mut asked = self.ask(host, chosen_by)?;
        let answer = match asked.wait_for(Option::is_some).await {
            Ok(answer) => answer.clone(),
            Err(_) => None,
        };
        let addresses = answer.unwrap_or_else(|| Err(failed("the lookup was not done")))?;
        let addresses = addresses.iter();
        Ok(addresses.map(|ip| SocketAddr::new(*ip, port)).collect())
    }

    /// Joins the lookup that is under way, or begins one.
    fn ask(
        &self,
        host: &str,
        chosen_by: ChosenBy,
    ) -> Result<watch::Receiver<Option<Answer>>, Failed> {
        let mut names = locked(&self.names);
        match names.get(host) {
            // Without a sender, the lookup has ended by a panic.
            Some(Known::Asked(asked)) if asked.has_changed().is_ok() => return Ok(asked.clone()),
            Some(Known::Failed(failed, at)) if at.elapsed() < FAILURE_KEPT => {
                return Err(failed.clone());
            }
            _ => {}
        }
        let (answer, asked) = watch::channel(None);
        let (lookup, known) = (Arc::clone(&self.lookup), Arc::clone(&self.names));
        let name = host.to_owned();
        let work = move || {
            {
                let mut names = locked(&known);
                // One is that of `names`.
                if answer.receiver_count() <= 1 {
                    names.remove(&name);
                    return;
                }
            }
            let found = lookup(&name).map(Arc::from).map_err(|error| Failed {
                kind: error.kind(),
                text: error.to_string().into(),
            });
            remember(&mut locked(&known), name, &found);
            answer.send_replace(Some(found));
        };
        let (pool, lane) = match chosen_by {
            ChosenBy::Administrator => (&self.configured, host),
            ChosenBy::Client => (&self.chosen, registrable_domain(host).unwrap_or(host)),
        };
        pool.detach(number(lane), work)
            .map_err(|_| failed("too many other names wait for an answer"))?;
        names.insert(host.to_owned(), Known::Asked(asked.clone()));
        Ok(asked)
    }
}

/// A failure is kept; an address is not.
fn remember(names: &mut HashMap<String, Known>, name: String, found: &Answer) {
    match found {
        Ok(_) => drop(names.remove(&name)),
        Err(failed) => {
            if names.len() >= MOST_REMEMBERED {
                names.retain(|_, known| matches!(known, Known::Asked(_)));
            }
            names.insert(name, Known::Failed(failed.clone(), Instant::now()));
        }
    }
}

fn failed(text: &str) -> Failed {
    Failed {
        kind: io::ErrorKind::Other,
        text: text.into(),
    }
}

fn number(lane: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    lane.hash(&mut hasher);
    hasher.finish()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    /// A resolver for which names with `hung` in them hang until the sender is dropped, `gone` names fail, and
    /// all others have an address; and its count of lookups.
    fn resolver() -> (Arc<Resolver>, mpsc::Sender<()>, Arc<AtomicUsize>) {
        let (release, wait) = mpsc::channel::<()>();
        let (wait, count) = (Mutex::new(wait), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        let resolver = Resolver::new(move |host| {
            counted.fetch_add(1, Ordering::SeqCst);
            if host.contains("hung") {
                let _ = wait.lock().unwrap().recv();
            }
            match host.contains("gone") {
                true => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
                false => Ok(vec![IpAddr::from([192, 0, 2, 1])]),
            }
        });
        (Arc::new(resolver), release, count)
    }

    /// Begins lookups that nobody gives up.
    async fn begin(
        resolver: &Arc<Resolver>,
        names: impl Iterator<Item = String>,
        by: ChosenBy,
    ) -> Vec<tokio::task::JoinHandle<io::Result<Vec<SocketAddr>>>> {
        let tasks: Vec<_> = names
            .map(|name| {
                let resolver = Arc::clone(resolver);
                tokio::spawn(async move { resolver.lookup(&name, 110, by).await })
            })
            .collect();
        tokio::task::yield_now().await;
        tasks
    }

    #[tokio::test]
    async fn all_who_wait_for_a_name_share_one_lookup_and_delay_no_other_name() {
        let (resolver, release, count) = resolver();
        let names = (0..1000).map(|_| "pop.hung.example".to_owned());
        let waiting = begin(&resolver, names, ChosenBy::Administrator).await;
        for number in 0..100 {
            let name = format!("pop{number}.example");
            let found = resolver.lookup(&name, 995, ChosenBy::Administrator).await;
            assert_eq!(found.unwrap(), ["192.0.2.1:995".parse().unwrap()]);
        }
        assert_eq!(count.load(Ordering::SeqCst), 101);
        drop(release);
        for task in waiting {
            assert_eq!(task.await.unwrap().unwrap().len(), 1);
        }
        assert_eq!(count.load(Ordering::SeqCst), 101);
        assert!(locked(&resolver.names).is_empty());
    }

    #[tokio::test]
    async fn names_that_clients_choose_below_a_hung_domain_delay_no_other_domain() {
        let (resolver, release, count) = resolver();
        let names = (0..200).map(|number| format!("x{number}.hung.co.uk"));
        let waiting = begin(&resolver, names, ChosenBy::Client).await;
        for domain in ["a.example", "b.co.uk", "c.co.uk"] {
            let name = format!("pop.{domain}");
            for by in [ChosenBy::Client, ChosenBy::Administrator] {
                assert!(resolver.lookup(&name, 110, by).await.is_ok());
            }
        }
        assert!(count.load(Ordering::SeqCst) <= 6 + PER_DOMAIN.0);
        drop(release);
        let mut refused = 0;
        for task in waiting {
            refused += usize::from(task.await.unwrap().is_err());
        }
        assert!(refused >= 200 - PER_DOMAIN.0 - PER_DOMAIN.1, "{refused}");
    }

    #[tokio::test]
    async fn a_failure_is_kept_and_an_address_is_not() {
        let (resolver, _release, count) = resolver();
        for _ in 0..10 {
            let error = resolver
                .lookup("gone.example", 110, ChosenBy::Administrator)
                .await;
            assert_eq!(error.unwrap_err().to_string(), "no such name");
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        for _ in 0..2 {
            let found = resolver
                .lookup("pop.example", 110, ChosenBy::Administrator)
                .await;
            assert!(found.is_ok());
        }
        assert_eq!(count.load(Ordering::SeqCst), 3);
        let literal = resolver.lookup("::1", 110, ChosenBy::Client).await.unwrap();
        assert_eq!(literal, ["[::1]:110".parse().unwrap()]);
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn names_that_nobody_waits_for_any_more_are_not_looked_up() {
        let (resolver, release, count) = resolver();
        let names = (0..PER_DOMAIN.0 + 8).map(|number| format!("x{number}.hung.example"));
        let waiting = begin(&resolver, names, ChosenBy::Client).await;
        while count.load(Ordering::SeqCst) < PER_DOMAIN.0 {
            std::thread::yield_now();
        }
        for task in waiting {
            task.abort();
            let _ = task.await;
        }
        drop(release);
        // The last of its domain: it comes after all that were given up.
        assert!(
            resolver
                .lookup("y.hung.example", 110, ChosenBy::Client)
                .await
                .is_ok()
        );
        assert_eq!(count.load(Ordering::SeqCst), PER_DOMAIN.0 + 1);
        while !locked(&resolver.names).is_empty() {
            std::thread::yield_now();
        }
    }
}
