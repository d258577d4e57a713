//! A semaphore for each key, made when it is first needed and dropped with its last permit: what hangs for one
//! key delays no other.
//!
//! In: a key; out: a permit, as soon as one is free. There are as many keys as permits are held or awaited.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module.
#[derive(Debug)]
pub struct KeyedSemaphore<K>(Mutex<HashMap<K, Arc<Semaphore>>>);

impl<K> Default for KeyedSemaphore<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// A permit, or the wait for one; given back when dropped.
#[derive(Debug)]
pub struct KeyedPermit<K: Eq + Hash> {
    of: Arc<KeyedSemaphore<K>>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
}

impl<K: Eq + Hash + Clone> KeyedSemaphore<K> {
    /// Waits for one of this key's permits, of which there are `most`. A semaphore that is in use keeps the
    /// number that it was made with.
    pub async fn acquire(self: &Arc<Self>, key: K, most: usize) -> KeyedPermit<K> {
        let semaphore = {
            let mut semaphores = self.lock();
            let made = semaphores.entry(key.clone());
            Arc::clone(made.or_insert_with(|| Arc::new(Semaphore::new(most))))
        };
        // Made before the wait, so that a wait that is given up leaves no semaphore behind.
        let mut permit = KeyedPermit {
            of: Arc::clone(self),
            key,
            permit: None,
        };
        // It is never closed.
        permit.permit = semaphore.acquire_owned().await.ok();
        permit
    }
}

impl<K> KeyedSemaphore<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        self.permit = None;
        let mut semaphores = self.of.lock();
        // Every other permit, and every other wait, has a reference of its own.
        if let Some(semaphore) = semaphores.get(&self.key)
            && Arc::strong_count(semaphore) == 1
        {
            semaphores.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn one_key_delays_no_other_and_unused_keys_are_dropped() {
        let semaphores = Arc::new(KeyedSemaphore::default());
        let first = semaphores.acquire("silent", 1).await;
        let mut second = pin!(semaphores.acquire("silent", 1));
        let is_ready = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx).is_ready())).await;
        assert!(!is_ready);
        let other = semaphores.acquire("other", 1).await;
        assert_eq!(semaphores.lock().len(), 2);
        drop(other);
        assert_eq!(semaphores.lock().len(), 1);
        drop(first);
        let second = second.await;
        assert_eq!(semaphores.lock().len(), 1);
        drop(second);
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, async {
            let _held = semaphores.acquire("silent", 1).await;
            semaphores.acquire("silent", 1).await
        });
        assert!(given_up.await.is_err());
        assert_eq!(semaphores.lock().len(), 0);
    }
}
