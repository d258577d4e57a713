//! Counts that keep one client, mailbox or flood from using all resources.
//!
//! In: a key; out: a slot that is released when dropped, or none. Counts are kept for the life of the process:
//! the limits may change with each reload.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The address that limits count by: all of a customer's IPv6 /64 (RFC 6177), an IPv4 address by itself.
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Counts by key.
#[derive(Debug)]
pub struct Slots<K>(Arc<Mutex<HashMap<K, usize>>>);

impl<K> Default for Slots<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// One of them; released when dropped.
#[derive(Debug)]
pub struct Slot<K: Eq + Hash> {
    of: Arc<Mutex<HashMap<K, usize>>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Takes a slot for this key, unless `most` are taken.
    pub fn enter(&self, key: K, most: usize) -> Option<Slot<K>> {
        let mut counts = locked(&self.0);
        let count = counts.entry(key.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Slot {
            of: Arc::clone(&self.0),
            key,
        })
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut counts = locked(&self.of);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds a lock here can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_released() {
        let slots = Slots::default();
        let first = slots.enter("a", 2).unwrap();
        let _second = slots.enter("a", 2).unwrap();
        assert!(slots.enter("a", 2).is_none());
        assert!(slots.enter("b", 2).is_some());
        drop(first);
        assert!(slots.enter("a", 2).is_some());
    }

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_prefix() {
        let counted = |text: &str| counted(text.parse().unwrap()).to_string();
        assert_eq!(counted("192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(counted("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
