//! An account's own weights: too few for a table as large as the shared one.
//!
//! A hash table with open addressing. Any number of threads may read while one changes
//! it: a reader sees the old or the new value of each weight, and the old table while it grows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::hops::HopCounts;
use crate::filter::classifier::model::Table;

/// Initial number of slots.
const FIRST: usize = 1 << 10;

/// An account's own weights, added to the shared ones.
#[derive(Debug)]
pub struct AccountWeights {
    slots: ArcSwap<Vec<Slot>>,
    used: AtomicU32,
    ham: AtomicU64,
    spam: AtomicU64,
    hops: ArcSwap<HopCounts>,
}

/// A weight and the sum of its squared errors.
#[derive(Debug, Default)]
struct Slot {
    /// Its index in the shared table plus one; 0 if the slot is empty.
    key: AtomicU32,
    weight: AtomicU32,
    spent: AtomicU32,
}

impl Slot {
    fn pair(&self) -> (f32, f32) {
        let load = |cell: &AtomicU32| f32::from_bits(cell.load(Ordering::Relaxed));
        (load(&self.weight), load(&self.spent))
    }

    fn set(&self, (weight, spent): (f32, f32)) {
        self.weight.store(weight.to_bits(), Ordering::Relaxed);
        self.spent.store(spent.to_bits(), Ordering::Relaxed);
    }
}

impl Default for AccountWeights {
    fn default() -> Self {
        Self {
            slots: ArcSwap::from_pointee(empty(FIRST)),
            used: AtomicU32::new(0),
            ham: AtomicU64::new(0),
            spam: AtomicU64::new(0),
            hops: ArcSwap::default(),
        }
    }
}

fn empty(slots: usize) -> Vec<Slot> {
    std::iter::repeat_with(Slot::default).take(slots).collect()
}

/// The slot of a key, or the empty slot for it.
fn find(slots: &[Slot], key: u32) -> &Slot {
    let mask = slots.len() - 1;
    // The keys are hashes: no further mixing is needed.
    let mut at = key as usize & mask;
    loop {
        let slot = &slots[at];
        let there = slot.key.load(Ordering::Acquire);
        // At least half of the slots are empty.
        if there == key || there == 0 {
            return slot;
        }
        at = (at + 1) & mask;
    }
}

impl AccountWeights {
    /// The same weights and counts, to go on from.
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        for (key, pair) in self.entries() {
            (&mut &copy).change(key, |_, _| pair);
        }
        copy.set_counts(self.counts());
        copy.hops.store(self.hops());
        copy
    }

    /// Learned messages.
    pub fn counts(&self) -> Counts {
        Counts {
            ham: self.ham.load(Ordering::Relaxed),
            spam: self.spam.load(Ordering::Relaxed),
        }
    }

    /// Sets the number of learned messages.
    pub fn set_counts(&self, counts: Counts) {
        self.ham.store(counts.ham, Ordering::Relaxed);
        self.spam.store(counts.spam, Ordering::Relaxed);
    }

    /// The servers that learned messages came by.
    pub fn hops(&self) -> Arc<HopCounts> {
        self.hops.load_full()
    }

    /// Sets the servers that learned messages came by.
    pub fn set_hops(&self, hops: HopCounts) {
        self.hops.store(Arc::new(hops));
    }

    /// Number of weights.
    pub fn len(&self) -> usize {
        self.used.load(Ordering::Relaxed) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every weight: index, value and sum of squared errors.
    pub fn entries(&self) -> Vec<(u32, (f32, f32))> {
        let slots = self.slots.load();
        let used = slots.iter().filter_map(|slot| {
            let key = slot.key.load(Ordering::Acquire).checked_sub(1)?;
            Some((key, slot.pair()))
        });
        used.collect()
    }

    /// For many lookups in a row.
    pub fn look(&self) -> impl Fn(u32) -> f32 + use<> {
        let slots: Arc<Vec<Slot>> = self.slots.load_full();
        move |index| find(&slots, index + 1).pair().0
    }

    /// Makes room for one more. Only the learning thread may call it.
    fn grow(&self) {
        let old = self.slots.load();
        if (self.len() + 1) * 2 <= old.len() {
            return;
        }
        let new = empty(old.len() * 2);
        for slot in old.iter() {
            let key = slot.key.load(Ordering::Relaxed);
            if key != 0 {
                let to = find(&new, key);
                to.set(slot.pair());
                to.key.store(key, Ordering::Relaxed);
            }
        }
        self.slots.store(Arc::new(new));
    }
}

impl Table for &AccountWeights {
    fn weight(&self, index: u32) -> f32 {
        find(&self.slots.load(), index + 1).pair().0
    }

    fn change(&mut self, index: u32, change: impl FnOnce(f32, f32) -> (f32, f32)) {
        self.grow();
        let slots = self.slots.load();
        let slot = find(&slots, index + 1);
        let (weight, spent) = slot.pair();
        slot.set(change(weight, spent));
        if slot.key.load(Ordering::Relaxed) == 0 {
            self.used.fetch_add(1, Ordering::Relaxed);
            // Last: a reader that sees the key sees the weight.
            slot.key.store(index + 1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_all_weights() {
        let account_weights = AccountWeights::default();
        // Many that start at the same slot.
        let keys: Vec<u32> = (0..5000).map(|number| number * 1024 % (1 << 21)).collect();
        for key in &keys {
            (&mut &account_weights).change(*key, |_, _| (*key as f32, 1.0));
        }
        let mut different = keys.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(account_weights.len(), different.len());
        let look = account_weights.look();
        for key in keys {
            assert_eq!(look(key), key as f32);
        }
        assert_eq!(look(3), 0.0);
        let mut entries: Vec<u32> = account_weights
            .entries()
            .iter()
            .map(|(key, _)| *key)
            .collect();
        entries.sort_unstable();
        assert_eq!(entries, different);
    }
}
