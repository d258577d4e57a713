//! Which messages were learned, as what and how: no message is learned twice, and what a person said of a message
//! holds for it.
//!
//! Bounded: of more than [`MOST`] messages those that were learned first are forgotten.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::filter::classifier::hash::Hash;
use crate::filter::classifier::hops::Hops;
use crate::filter::classifier::model::Step;
use crate::filter::classifier::weights_owner::WeightsOwner;

/// Identifies a message by what its sender wrote ([`super::digest`]).
pub type Digest = [u8; 16];

/// Owner of the weights, and message.
pub type Key = (Option<WeightsOwner>, Digest);

/// A learned message, and how it was learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Whether as spam.
    pub is_spam: bool,
    /// By which step.
    pub step: Step,
    /// By which servers it came; nothing if a release learned it that knew nothing of servers.
    pub hops: Hops,
}

/// A learned message among the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Remembered {
    /// What was learned.
    pub learned: Learned,
    /// Its number in the order of learning.
    pub number: u64,
}

/// The most messages that are remembered, in about 30 MB. Of more, those that were learned first are forgotten: their
/// weights stay, but they may be learned again.
const MOST: usize = if cfg!(test) { 1 << 10 } else { 1 << 18 };

/// So many are forgotten at a time.
const FORGOTTEN: usize = MOST / 16;

/// See the module. Any number of threads may read it; one changes it.
#[derive(Debug, Default)]
pub struct LearnedMessages {
    /// Held for moments only.
    all: RwLock<HashMap<Key, Remembered>>,
    /// The number of the next one.
    next: AtomicU64,
    /// A sum over all that does not depend on their order.
    fingerprint: AtomicU64,
    /// How many of them are spam, by owner. Changed while `all` is.
    spam: RwLock<HashMap<Option<WeightsOwner>, usize>>,
}

impl LearnedMessages {
    pub(super) fn new(all: HashMap<Key, Remembered>) -> Self {
        let sum = |sum, (key, it): (&Key, &Remembered)| sum ^ fingerprint(key, it.learned.is_spam);
        let last = all.values().map(|it| it.number).max();
        Self {
            next: AtomicU64::new(last.map_or(0, |last| last + 1)),
            fingerprint: AtomicU64::new(all.iter().fold(0, sum)),
            spam: RwLock::new(spam_by_owner(&all)),
            all: RwLock::new(all),
        }
    }

    /// All of them. Nobody learns while this is held.
    pub fn all(&self) -> RwLockReadGuard<'_, HashMap<Key, Remembered>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_mut(&self) -> RwLockWriteGuard<'_, HashMap<Key, Remembered>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any of them is spam for this owner.
    pub(super) fn has_spam(&self, owner: Option<&WeightsOwner>) -> bool {
        let spam = self.spam.read().unwrap_or_else(PoisonError::into_inner);
        spam.contains_key(&owner.cloned())
    }

    fn spam_mut(&self) -> RwLockWriteGuard<'_, HashMap<Option<WeightsOwner>, usize>> {
        self.spam.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One spam less for this owner.
    fn lose_spam(&self, owner: &Option<WeightsOwner>) {
        let mut spam = self.spam_mut();
        if let Some(count) = spam.get_mut(owner) {
            *count -= 1;
            if *count == 0 {
                spam.remove(owner);
            }
        }
    }

    /// How a message was learned, if it was.
    pub(super) fn about(&self, key: &Key) -> Option<Learned> {
        self.all().get(key).map(|it| it.learned)
    }

    /// A number that changes with what was learned.
    pub(super) fn fingerprint(&self) -> u64 {
        self.fingerprint.load(Ordering::Relaxed)
    }

    pub(super) fn remember(&self, key: Key, learned: Learned) {
        let mut sum = fingerprint(&key, learned.is_spam);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut all = self.all_mut();
        if learned.is_spam {
            *self.spam_mut().entry(key.0.clone()).or_default() += 1;
        }
        if let Some(before) = all.insert(key.clone(), Remembered { learned, number }) {
            sum ^= fingerprint(&key, before.learned.is_spam);
            if before.learned.is_spam {
                self.lose_spam(&key.0);
            }
        }
        if all.len() > MOST {
            let mut numbers: Vec<u64> = all.values().map(|it| it.number).collect();
            let least = *numbers.select_nth_unstable(FORGOTTEN).1;
            all.retain(|key, it| {
                let stays = it.number >= least;
                if !stays {
                    sum ^= fingerprint(key, it.learned.is_spam);
                }
                stays
            });
            *self.spam_mut() = spam_by_owner(&all);
        }
        drop(all);
        self.fingerprint.fetch_xor(sum, Ordering::Relaxed);
    }

    pub(super) fn forget(&self, key: &Key) {
        let mut all = self.all_mut();
        if let Some(before) = all.remove(key) {
            if before.learned.is_spam {
                self.lose_spam(&key.0);
            }
            let sum = fingerprint(key, before.learned.is_spam);
            self.fingerprint.fetch_xor(sum, Ordering::Relaxed);
        }
    }

    /// Forgets the messages of an owner; returns how many there were.
    pub(super) fn forget_owner(&self, owner: &WeightsOwner) -> u64 {
        let (mut sum, mut count) = (0, 0);
        let mut all = self.all_mut();
        self.spam_mut().remove(&Some(owner.clone()));
        all.retain(|key, it| {
            let stays = key.0.as_ref() != Some(owner);
            if !stays {
                sum ^= fingerprint(key, it.learned.is_spam);
                count += 1;
            }
            stays
        });
        self.fingerprint.fetch_xor(sum, Ordering::Relaxed);
        count
    }

    /// What each has changed is not known any more.
    pub(super) fn forget_steps(&self) {
        for it in self.all_mut().values_mut() {
            it.learned.step = Step::default();
        }
    }

    pub(super) fn replace_with(&self, other: &Self) {
        let theirs = std::mem::take(&mut *other.all_mut());
        let mut all = self.all_mut();
        *self.spam_mut() = std::mem::take(&mut *other.spam_mut());
        let before = std::mem::replace(&mut *all, theirs);
        drop(all);
        // Not while others wait.
        drop(before);
        for (own, theirs) in [
            (&self.next, &other.next),
            (&self.fingerprint, &other.fingerprint),
        ] {
            own.store(theirs.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

fn spam_by_owner(all: &HashMap<Key, Remembered>) -> HashMap<Option<WeightsOwner>, usize> {
    let mut spam = HashMap::new();
    for (owner, _) in all.iter().filter(|it| it.1.learned.is_spam).map(|it| it.0) {
        *spam.entry(owner.clone()).or_default() += 1;
    }
    spam
}

/// A learned message's part of the fingerprint.
fn fingerprint((owner, digest): &Key, is_spam: bool) -> u64 {
    let owner = owner.as_ref().map_or_else(String::new, WeightsOwner::key);
    let hash = Hash::salted(1003).with(owner.as_bytes()).with(digest);
    hash.with_number(u64::from(is_spam)).whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_forgotten_and_the_number_tells() {
        let messages = LearnedMessages::default();
        let key = |number: usize| (None, (number as u128).to_le_bytes());
        let learned = Learned {
            is_spam: true,
            step: Step::default(),
            hops: Hops::default(),
        };
        messages.remember(key(0), learned);
        let one = messages.fingerprint();
        for number in 1..=MOST {
            messages.remember(key(number), learned);
        }
        assert_eq!(messages.all().len(), MOST + 1 - FORGOTTEN);
        assert!(messages.about(&key(0)).is_none() && messages.about(&key(MOST)).is_some());
        let again = LearnedMessages::new(messages.all().clone());
        assert_eq!(again.fingerprint(), messages.fingerprint());
        let keys: Vec<Key> = messages.all().keys().cloned().collect();
        keys.iter().for_each(|key| messages.forget(key));
        assert_eq!(messages.fingerprint(), 0);
        messages.remember(key(0), learned);
        assert_eq!(messages.fingerprint(), one);
        let ham = Learned {
            is_spam: false,
            ..learned
        };
        messages.remember(key(0), ham);
        assert_ne!(messages.fingerprint(), one);
    }

    #[test]
    fn it_is_known_whose_messages_are_spam() {
        let messages = LearnedMessages::default();
        let ann = WeightsOwner::User("ann".into());
        let learned = |is_spam| Learned {
            is_spam,
            step: Step::default(),
            hops: Hops::default(),
        };
        let key = |owner: Option<&WeightsOwner>, octet: u8| (owner.cloned(), [octet; 16]);
        let spam = |messages: &LearnedMessages| [None, Some(&ann)].map(|it| messages.has_spam(it));
        messages.remember(key(Some(&ann), 1), learned(false));
        assert_eq!(spam(&messages), [false, false]);
        messages.remember(key(Some(&ann), 1), learned(true));
        messages.remember(key(Some(&ann), 1), learned(true));
        messages.remember(key(None, 2), learned(true));
        assert_eq!(spam(&messages), [true, true]);
        let again = LearnedMessages::new(messages.all().clone());
        assert_eq!(spam(&again), [true, true]);
        messages.forget(&key(None, 2));
        assert_eq!(spam(&messages), [false, true]);
        messages.remember(key(Some(&ann), 1), learned(false));
        assert_eq!(spam(&messages), [false, false]);
        messages.replace_with(&again);
        assert_eq!(spam(&messages), [true, true]);
        messages.forget_owner(&ann);
        assert_eq!(spam(&messages), [true, false]);
        for number in 0..=MOST {
            messages.remember((None, (number as u128).to_be_bytes()), learned(false));
        }
        assert_eq!(spam(&messages), [false, false]);
    }
}
