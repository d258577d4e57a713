//! What the OAuth logins of all upstreams share, kept across reloads: the threads that check passwords, whose
//! token is being refreshed, and whose was refused.
//!
//! A password check costs tens of milliseconds of a core and 19 MiB, by design. It runs on threads of its own;
//! client addresses take turns, and each may wait with a few checks only, so that guessing delays neither
//! judging nor the logins of others.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::refusal::Refusal;
use crate::net::quota::{Slots, counted};
use crate::thread_pool::{NotDone, ThreadPool};

/// Checks that wait, of all addresses; a client waits for some seconds then.
const MOST_WAITING: usize = 512;

/// Checks of one address that wait or run. All clients on loopback, and those behind a balancer that sends no
/// PROXY header, share one.
const MOST_OF_ADDRESS: usize = 32;

/// An upstream and a user.
pub(super) type Whose = (String, String);

/// See the module.
#[derive(Debug)]
pub struct OAuthShared {
    checks: ThreadPool,
    most_waiting: usize,
    /// Files are written on a thread of their own: a disk that hangs must not stop password checks.
    pub(super) writes: ThreadPool,
    addresses: Slots<IpAddr>,
    lanes: RandomState,
    /// One lock for each user whose token is being refreshed.
    refreshing: Mutex<HashMap<Whose, Arc<tokio::sync::Mutex<()>>>>,
    /// The users whose access token the server refused.
    refused: Mutex<HashSet<Whose>>,
    /// Until when the token service does not want to be asked (RFC 9110 section 10.2.3).
    pauses: Mutex<HashMap<Whose, Instant>>,
}

impl Default for OAuthShared {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores, MOST_WAITING)
    }
}

impl OAuthShared {
    /// Checks passwords on half of this many cores, while at most this many checks wait.
    pub fn new(cores: usize, most_waiting: usize) -> Self {
        Self {
            checks: ThreadPool::new("password", (cores / 2).clamp(1, 4), most_waiting),
            most_waiting,
            writes: ThreadPool::new("token", 1, MOST_WAITING),
            addresses: Slots::default(),
            lanes: RandomState::new(),
            refreshing: Mutex::default(),
            refused: Mutex::default(),
            pauses: Mutex::default(),
        }
    }

    /// Runs a password check of a client at this address.
    pub(super) async fn check<T: Send + 'static>(
        &self,
        address: IpAddr,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let address = counted(address);
        let most = match address.is_loopback() {
            true => self.most_waiting / 2,
            false => MOST_OF_ADDRESS,
        };
        let _slot = self.addresses.enter(address, most);
        if _slot.is_none() {
            return Err(Refusal::PasswordChecks);
        }
        let done = self.checks.run(self.lanes.hash_one(address), work).await;
        done.map_err(|error| match error {
            NotDone::Full => Refusal::PasswordChecks,
            error => {
                tracing::error!("a password cannot be checked: {error}");
                Refusal::TokenService("popgate cannot check passwords".to_owned())
            }
        })
    }

    /// The lock of a user's refresh.
    pub(super) fn refresh_lock(&self, whose: &Whose) -> Arc<tokio::sync::Mutex<()>> {
        let mut refreshing = locked(&self.refreshing);
        // Locks that are no longer in use.
        refreshing.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(refreshing.entry(whose.clone()).or_default())
    }

    pub(super) fn is_refused(&self, whose: &Whose) -> bool {
        locked(&self.refused).contains(whose)
    }

    pub(super) fn set_refused(&self, whose: Whose, is_refused: bool) {
        let mut refused = locked(&self.refused);
        match is_refused {
            true => refused.insert(whose),
            false => refused.remove(&whose),
        };
    }

    /// The token service wants to be left alone for this long.
    pub(super) fn pause(&self, whose: Whose, pause: Duration) {
        let mut pauses = locked(&self.pauses);
        let now = Instant::now();
        pauses.retain(|_, until| *until > now);
        pauses.insert(whose, now + pause);
    }

    /// The rest of a pause.
    pub(super) fn paused(&self, whose: &Whose) -> Option<Duration> {
        let until = locked(&self.pauses).get(whose).copied()?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// One thread that is busy, and 32 guesses of one address behind it: another address comes second, and a
    /// 33rd guess is refused.
    #[tokio::test]
    async fn a_flood_of_guesses_of_one_address_delays_another_by_one_check() {
        let shared = Arc::new(OAuthShared::new(1, MOST_WAITING));
        let (release, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let busy = shared.checks.start(0, move || {
            begun.send(()).unwrap();
            let _ = wait.recv();
        });
        has_begun.recv().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut checks = Vec::new();
        let flood = [address(1); MOST_OF_ADDRESS];
        for from in flood.into_iter().chain([address(2)]) {
            let (order, shared) = (Arc::clone(&order), Arc::clone(&shared));
            checks.push(tokio::spawn(async move {
                let note = move || order.lock().unwrap().push(from);
                shared.check(from, note).await.unwrap();
            }));
        }
        // Each of them runs up to its place in the queue: this runtime has one thread.
        tokio::task::yield_now().await;
        let one_more = shared.check(address(1), || ()).await;
        assert!(matches!(one_more, Err(Refusal::PasswordChecks)));
        drop(release);
        busy.unwrap().await.unwrap().unwrap();
        for check in checks {
            check.await.unwrap();
        }
        let order = order.lock().unwrap().clone();
        assert_eq!(order.len(), MOST_OF_ADDRESS + 1);
        assert_eq!(order[1], address(2), "{order:?}");
        // All slots are free again.
        shared.check(address(1), || ()).await.unwrap();
    }
}
