//! Turns for each key, made when they are first needed and dropped with the last one: what hangs for one key delays
//! no other, and of those who wait for the same key no address delays the others.
//!
//! In: a key and a client's address; out: its turn. There are as many keys as turns are taken or awaited.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::turns::{Join, Turn, Turns};

/// See the module.
#[derive(Debug)]
pub struct KeyedTurns<K>(Mutex<HashMap<K, Arc<Turns>>>);

impl<K> Default for KeyedTurns<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A turn, or the wait for one; given back when dropped.
#[derive(Debug)]
pub struct KeyedTurn<K: Eq + Hash> {
    of: Arc<KeyedTurns<K>>,
    key: K,
    turns: Arc<Turns>,
    turn: Option<Turn>,
}

impl<K: Eq + Hash + Clone> KeyedTurns<K> {
    /// Waits for one of this key's turns, of which there are `at_a_time`. The wait may be given up by dropping the
    /// future.
    pub async fn take(self: &Arc<Self>, key: K, address: IpAddr, at_a_time: usize) -> KeyedTurn<K> {
        let turns = Arc::clone(self.lock().entry(key.clone()).or_default());
        // Made before the wait, so that a wait that is given up leaves no key behind.
        let mut taken = KeyedTurn {
            of: Arc::clone(self),
            key,
            turns,
            turn: None,
        };
        let turn = taken.turns.take(address, at_a_time, Join::Unbounded);
        // Without a bound the queue is never full.
        taken.turn = turn.await.ok();
        taken
    }
}

impl<K> KeyedTurns<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Turns>>> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for KeyedTurn<K> {
    fn drop(&mut self) {
        self.turn = None;
        let mut keys = self.of.lock();
        // This one's and the map's: every other turn, and every other wait, has a reference of its own.
        if Arc::strong_count(&self.turns) == 2 {
            keys.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn one_key_delays_no_other_and_unused_keys_are_dropped() {
        let turns = Arc::new(KeyedTurns::default());
        let first = turns.take("silent", address(1), 1).await;
        {
            let mut second = pin!(turns.take("silent", address(1), 1));
            let is_ready = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_ready())).await;
            assert!(!is_ready);
            let other = turns.take("other", address(1), 1).await;
            assert_eq!(turns.lock().len(), 2);
            drop(other);
            assert_eq!(turns.lock().len(), 1);
            drop(first);
            let second = second.await;
            assert_eq!(turns.lock().len(), 1);
            drop(second);
        }
        assert_eq!(turns.lock().len(), 0);
        let given_up = tokio::time::timeout(Duration::ZERO, async {
            let _held = turns.take("silent", address(1), 1).await;
            turns.take("silent", address(1), 1).await
        });
        assert!(given_up.await.is_err());
        assert_eq!(turns.lock().len(), 0);
    }

    /// A server that needs a second for each connection, and 1000 clients of one address that wait for it: clients of
    /// other addresses wait for one or two of them.
    #[tokio::test(start_paused = true)]
    async fn a_flood_of_one_address_delays_another_by_its_turn_only() {
        let turns = Arc::new(KeyedTurns::default());
        let began = Instant::now();
        let session = |last| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move {
                let _turn = turns.take("slow", address(last), 4).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                began.elapsed().as_secs()
            })
        };
        let flood: Vec<_> = (0..1000).map(|_| session(1)).collect();
        tokio::task::yield_now().await;
        let others: Vec<_> = (2..=9).map(session).collect();
        for other in others {
            let seconds = other.await.unwrap();
            assert!(seconds <= 4, "{seconds}");
        }
        let mut last = 0;
        for one in flood {
            last = one.await.unwrap();
        }
        assert_eq!(last, 1008 / 4);
        assert_eq!(turns.lock().len(), 0);
    }
}
