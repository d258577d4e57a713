//! Places for a bounded number of connections, of which those that have not proved themselves can be closed again.
//!
//! In: a client's address; out: a place that is free again when dropped, or none. A connection is pending until it
//! is established, for a session by a login. Pending ones have a part of all places at most. A newcomer that finds no
//! place gets that of a pending one: the oldest idle one of the address that has most of them, so that a flood
//! replaces itself (as with OpenSSH's MaxStartups, which drops at random). Established ones are never closed.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How many there are.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// All connections.
    pub all: usize,
    /// Those that are pending.
    pub pending: usize,
    /// How long a pending one keeps its place in any case.
    pub grace: Duration,
}

/// Why there is no place: nobody could be evicted either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// All places are taken.
    All,
    /// Those for pending connections are taken.
    Pending,
}

/// The places.
#[derive(Debug, Default)]
pub struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    established: usize,
    /// By the order in which they came.
    pending: BTreeMap<u64, Pending>,
    next: u64,
}

#[derive(Debug)]
struct Pending {
    address: IpAddr,
    since: Instant,
    is_busy: bool,
    evicted: Arc<Notify>,
}

/// One of them; free again when dropped.
#[derive(Debug)]
pub struct Place {
    of: Arc<Places>,
    number: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Pending { is_busy: bool, evicted: Arc<Notify> },
    Established,
}

impl Places {
    /// Takes a place for a connection from this address (of those that [`counted`](super::quota::counted) gives).
    ///
    /// # Errors
    /// If all are taken, and no pending connection has had its time.
    pub fn enter(self: &Arc<Self>, address: IpAddr, bounds: Bounds) -> Result<Place, Full> {
        let mut taken = self.taken();
        let full = match &*taken {
            it if it.established + it.pending.len() >= bounds.all => Some(Full::All),
            it if it.pending.len() >= bounds.pending => Some(Full::Pending),
            _ => None,
        };
        let now = Instant::now();
        if let Some(full) = full {
            let due = |it: &Pending| now.duration_since(it.since) >= bounds.grace;
            let evicted = taken.to_evict(due).ok_or(full)?;
            if let Some(evicted) = taken.pending.remove(&evicted) {
                evicted.evicted.notify_one();
            }
        }
        let number = taken.next;
        taken.next += 1;
        let evicted = Arc::new(Notify::new());
        let pending = Pending {
            address,
            since: now,
            is_busy: false,
            evicted: Arc::clone(&evicted),
        };
        taken.pending.insert(number, pending);
        Ok(Place {
            of: Arc::clone(self),
            number,
            state: State::Pending {
                is_busy: false,
                evicted,
            },
        })
    }

    /// How many are pending.
    pub fn pending(&self) -> usize {
        self.taken().pending.len()
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// The pending connection that may be closed, of those that are due: an idle one of the address that has most
    /// of them, else a busy one; the oldest.
    fn to_evict(&self, due: impl Fn(&Pending) -> bool) -> Option<u64> {
        // They are in the order of their age, except for those that came in the same moment.
        let due = || self.pending.iter().take_while(|(_, it)| due(it));
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (_, pending) in due() {
            *counts.entry(pending.address).or_default() += 1;
        }
        let most = counts.values().copied().max()?;
        let of_most = || due().filter(|(_, it)| counts.get(&it.address) == Some(&most));
        let idle = |found: &(&u64, &Pending)| !found.1.is_busy;
        let found = of_most()
            .find(idle)
            .or_else(|| due().find(idle))
            .or_else(|| of_most().next());
        found.map(|(number, _)| *number)
    }
}

impl Place {
    /// The client's real address is known now, from a PROXY header.
    pub fn is_of(&self, address: IpAddr) {
        if let Some(pending) = self.of.taken().pending.get_mut(&self.number) {
            pending.address = address;
        }
    }

    /// Whether something is under way for the client; an idle one is evicted first.
    pub fn set_busy(&mut self, busy: bool) {
        let State::Pending { is_busy, .. } = &mut self.state else {
            return;
        };
        if *is_busy != busy {
            *is_busy = busy;
            if let Some(pending) = self.of.taken().pending.get_mut(&self.number) {
                pending.is_busy = busy;
            }
        }
    }

    /// The connection has proved itself. Returns whether it still has its place.
    pub fn establish(&mut self) -> bool {
        if matches!(self.state, State::Established) {
            return true;
        }
        let mut taken = self.of.taken();
        if taken.pending.remove(&self.number).is_none() {
            return false;
        }
        taken.established += 1;
        drop(taken);
        self.state = State::Established;
        true
    }

    /// Ready when a newcomer has got this place. Never for an established connection.
    pub fn evicted(&self) -> impl Future<Output = ()> + Send + use<> {
        let evicted = match &self.state {
            State::Pending { evicted, .. } => Some(Arc::clone(evicted)),
            State::Established => None,
        };
        async move {
            match evicted {
                Some(evicted) => evicted.notified().await,
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.taken();
        match self.state {
            State::Established => taken.established -= 1,
            // An evicted one is no longer there.
            State::Pending { .. } => drop(taken.pending.remove(&self.number)),
        }
    }
}

#[cfg(test)]
mod tests;
