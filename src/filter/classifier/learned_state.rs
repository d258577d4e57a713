//! The learned state: weights that all accounts share, and each account's own differences.
//!
//! In: messages with labels; out: evidence. A message is learned once; a message learned with the other label
//! is undone first. It keeps no text: only weights, digests and counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;

use crate::filter::classifier::account_view::AccountView;
use crate::filter::classifier::account_weights::AccountWeights;
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::features::Features;
use crate::filter::classifier::hops::{HopCounts, Hops};
use crate::filter::classifier::learned_messages::{
    Digest, Key, Learned, LearnedMessages, Remembered,
};
use crate::filter::classifier::model::{self, Belief, Step, Table, Weights};
use crate::filter::classifier::pile::{self, Sample};
use crate::filter::classifier::shipped::Shipped;
use crate::filter::classifier::weights_owner::WeightsOwner;

/// Messages of the rarer kind required before labels are doubted.
const EXPERIENCE: u64 = 50;

/// A change of the learned state, with all that is needed to repeat it.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChange {
    /// Whose weights change; `None` for the shared ones.
    pub owner: Option<WeightsOwner>,
    /// The message.
    pub digest: Digest,
    /// Who sent it, hashed; 0 if nobody knows.
    pub sender: u32,
    /// Its features.
    pub features: Features,
    /// How it was learned.
    pub learned: Learned,
    /// How far its label is trusted.
    pub belief: Belief,
    /// Whether learning is undone.
    pub back: bool,
}

/// See the module. Any number of threads may read it without waiting; one learns at a time.
#[derive(Debug, Default)]
pub struct LearnedState {
    /// Allocated when the first message is learned: 18 MiB that not every installation needs.
    weights: OnceLock<Weights>,
    /// Shared counts and accounts' own weights.
    shared: ArcSwap<Shared>,
    /// Every learned message.
    learned: LearnedMessages,
    /// Held by the thread that learns.
    learning: Mutex<()>,
    /// Which snapshot of the weights it is.
    generation: AtomicU64,
    shipped: Option<Arc<Shipped>>,
}

/// A message to learn.
#[derive(Debug, Clone, Copy)]
pub struct Lesson<'l> {
    /// The message.
    pub digest: Digest,
    /// Who sent it, hashed; 0 if nobody knows.
    pub sender: u32,
    /// Its features.
    pub features: &'l Features,
    /// What it is.
    pub is_spam: bool,
    /// How far to trust that.
    pub belief: Belief,
}

/// All but the shared weights.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    /// Messages learned for all accounts.
    pub counts: Counts,
    /// The servers that they came by.
    pub hops: Arc<HopCounts>,
    /// The weights of single accounts.
    pub accounts: HashMap<WeightsOwner, Arc<AccountWeights>>,
}

impl Shared {
    /// The weights of a mailbox, or those of its user name.
    fn of(&self, owner: &WeightsOwner) -> Option<Arc<AccountWeights>> {
        let own = self.accounts.get(owner);
        let fallback = || self.accounts.get(&owner.fallback()?);
        own.or_else(fallback).cloned()
    }
}

/// The changes that learning a message makes.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// It was learned before with the same label.
    AlreadyLearned,
    /// These changes, in this order.
    Changes(Vec<WeightChange>),
}

impl LearnedState {
    /// A state with these contents.
    pub fn new(
        weights: Option<Weights>,
        shared: Shared,
        learned: HashMap<Key, Remembered>,
        generation: u64,
    ) -> Self {
        Self {
            weights: weights.map_or_else(OnceLock::new, OnceLock::from),
            shared: ArcSwap::from_pointee(shared),
            learned: LearnedMessages::new(learned),
            learning: Mutex::new(()),
            generation: AtomicU64::new(generation),
            shipped: None,
        }
    }

    /// Adds the compiled-in model.
    #[must_use]
    pub fn with_shipped(self) -> Self {
        match Shipped::built_in() {
            Some(model) => self.with_model(model),
            None => self,
        }
    }

    /// Adds this model.
    #[must_use]
    pub fn with_model(self, model: Arc<Shipped>) -> Self {
        Self {
            shipped: Some(model),
            ..self
        }
    }

    /// The view of a mailbox.
    pub fn view_for(&self, owner: Option<&WeightsOwner>) -> AccountView<'_> {
        let shared = self.shared.load();
        let own = owner.and_then(|owner| shared.of(owner));
        let mut counts = shared.counts;
        if let Some(own) = own.as_ref().map(|own| own.counts()) {
            counts.ham += own.ham;
            counts.spam += own.spam;
        }
        AccountView {
            weights: self.weights.get(),
            own,
            shipped: self.shipped.as_deref(),
            counts,
            hops: Arc::clone(&shared.hops),
        }
    }

    /// The changes to learn a message. Nothing changes yet.
    pub fn update_for(&self, owner: Option<&WeightsOwner>, lesson: Lesson<'_>) -> Update {
        let key = (owner.cloned(), lesson.digest);
        let mut changes = Vec::new();
        if let Some(learned) = self.learned.about(&key) {
            if learned.is_spam == lesson.is_spam {
                return match lesson.features.hops.are_known() && !learned.hops.are_known() {
                    true => Update::Changes(with_hops(&key, &lesson).into()),
                    false => Update::AlreadyLearned,
                };
            }
            changes.push(change(&key, &lesson, learned, true));
        }
        let known = self.view_for(owner);
        let evidence = known.evidence(lesson.features);
        // With few messages there is no reason to doubt a label.
        let belief = match known.counts.ham.min(known.counts.spam) {
            0..EXPERIENCE => Belief::Full,
            _ => lesson.belief,
        };
        let is_spam = lesson.is_spam;
        let step = model::step(&evidence, is_spam, belief);
        let learned = Learned {
            is_spam,
            step,
            hops: lesson.features.hops,
        };
        changes.push(change(&key, &lesson, learned, false));
        Update::Changes(changes)
    }

    /// The change that undoes learning a message; `None` if it was not learned.
    pub fn forgetting(
        &self,
        owner: Option<&WeightsOwner>,
        digest: Digest,
        features: &Features,
    ) -> Option<WeightChange> {
        let key = (owner.cloned(), digest);
        let learned = self.learned.about(&key)?;
        let lesson = Lesson {
            digest,
            sender: 0,
            features,
            is_spam: learned.is_spam,
            belief: Belief::Full,
        };
        Some(change(&key, &lesson, learned, true))
    }

    /// Applies a change. One thread at a time: two would lose each other's steps.
    pub fn apply(&self, change: &WeightChange) {
        let Learned {
            is_spam,
            step,
            hops,
        } = change.learned;
        let _learning = self.learning();
        let shared = self.shared.load_full();
        let count = |mut counts: Counts| {
            let count = counts.of(is_spam);
            *count = if change.back {
                count.saturating_sub(1)
            } else {
                *count + 1
            };
            counts
        };
        let count_hops = |before: &HopCounts| {
            let mut counts = before.clone();
            counts.count(hops, is_spam, change.back);
            counts
        };
        match &change.owner {
            None => {
                let weights = self.weights.get_or_init(Weights::default);
                take(&mut &*weights, change, &step);
                self.shared.store(Arc::new(Shared {
                    counts: count(shared.counts),
                    hops: Arc::new(count_hops(&shared.hops)),
                    accounts: shared.accounts.clone(),
                }));
            }
            Some(owner) => {
                let account_weights = shared.accounts.get(owner).cloned();
                let account_weights = account_weights.unwrap_or_else(|| {
                    // Training under the user name alone stays in effect.
                    let before = shared.of(owner);
                    let account_weights =
                        before.map_or_else(AccountWeights::default, |it| it.copy());
                    let account_weights = Arc::new(account_weights);
                    let mut shared = Shared::clone(&shared);
                    shared
                        .accounts
                        .insert(owner.clone(), account_weights.clone());
                    self.shared.store(Arc::new(shared));
                    account_weights
                });
                take(&mut &*account_weights, change, &step);
                account_weights.set_counts(count(account_weights.counts()));
                account_weights.set_hops(count_hops(&account_weights.hops()));
            }
        }
        let key = (change.owner.clone(), change.digest);
        match change.back {
            true => self.learned.forget(&key),
            false => self.learned.remember(key, change.learned),
        }
    }

    /// As [`Self::apply`], of a change that another process has made. If it is not known what learning a message has changed,
    /// the weights without it come with the next snapshot, and the message is forgotten with them: until then the weights
    /// judge it as it was corrected, and the verdict has to tell that it follows a correction.
    pub fn follow(&self, change: &WeightChange) {
        let is_in_weights = change.back && change.learned.step == Step::default();
        if !is_in_weights {
            self.apply(change);
        }
    }

    /// Replaces the learned state with another's: the weights first, since a filter asks for a correction before it asks them.
    pub fn replace_with(&self, other: Self) {
        let _learning = self.learning();
        match (other.weights.into_inner(), self.weights.get()) {
            (Some(theirs), None) => {
                // Nobody else sets it: the lock is held.
                let _ = self.weights.set(theirs);
            }
            (theirs, Some(own)) => own.replace_with(theirs.as_ref()),
            (None, None) => {}
        }
        self.shared.store(other.shared.load_full());
        self.learned.replace_with(&other.learned);
        let generation = other.generation.load(Ordering::Relaxed);
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Replaces the weights by those learned from all samples, on top of earlier weights that no sample is left of.
    /// What each message has changed is not known any more.
    pub fn learn_pile(&self, base: Option<&Self>, samples: &[Sample]) {
        let _learning = self.learning();
        let of = |owner: Option<&WeightsOwner>| -> Vec<&Sample> {
            let own = samples.iter().filter(|it| it.owner.as_ref() == owner);
            own.collect()
        };
        let before = base.and_then(|base| base.weights.get());
        let all = of(None);
        if before.is_some() || !all.is_empty() || self.weights.get().is_some() {
            let new = Weights::default();
            if let Some(before) = before {
                new.replace_with(Some(before));
            }
            pile::learn(&new, &all);
            let weights = self.weights.get_or_init(Weights::default);
            weights.replace_with(Some(&new));
        }
        let weight = |index| {
            self.weights
                .get()
                .map_or(0.0, |weights| Table::weight(&weights, index))
        };
        let mut shared = Shared::clone(&self.shared.load());
        let earlier = base.map(|base| base.shared());
        for (owner, account) in &mut shared.accounts {
            let before = earlier.as_ref().and_then(|earlier| earlier.of(owner));
            let new = before.map_or_else(AccountWeights::default, |before| before.copy());
            let fallback = owner.fallback();
            let mut own: Vec<&Sample> = of(Some(owner));
            own.extend(fallback.iter().flat_map(|fallback| of(Some(fallback))));
            own.sort_by_key(|sample| sample.digest);
            pile::learn_on_top(&mut &new, &weight, &own);
            new.set_counts(account.counts());
            new.set_hops(HopCounts::clone(&account.hops()));
            *account = Arc::new(new);
        }
        self.shared.store(Arc::new(shared));
        self.learned.forget_steps();
    }

    /// What a person said of exactly this message, for this mailbox or for all.
    pub fn correction(&self, owner: Option<&WeightsOwner>, digest: Digest) -> Option<bool> {
        let fallback = owner.and_then(WeightsOwner::fallback);
        let owners = [owner, fallback.as_ref()].into_iter().flatten().map(Some);
        let mut labels = owners.chain([None]).map(|owner| self.knows(owner, digest));
        labels.find_map(|label| label)
    }

    /// Whether a person has said of any message that it is spam, for this mailbox or for all.
    pub fn has_spam(&self, owner: Option<&WeightsOwner>) -> bool {
        let fallback = owner.and_then(WeightsOwner::fallback);
        let mut owners = [owner, fallback.as_ref()].into_iter().flatten();
        owners.any(|owner| self.learned.has_spam(Some(owner))) || self.learned.has_spam(None)
    }

    /// Whether anything was learned for this owner alone.
    pub fn has_owner(&self, owner: &WeightsOwner) -> bool {
        self.shared.load().accounts.contains_key(owner)
            || self
                .learned
                .all()
                .keys()
                .any(|key| key.0.as_ref() == Some(owner))
    }

    /// Forgets what was learned for this owner alone; returns how many messages were.
    pub fn forget_owner(&self, owner: &WeightsOwner) -> u64 {
        let _learning = self.learning();
        let mut shared = Shared::clone(&self.shared.load());
        shared.accounts.remove(owner);
        self.shared.store(Arc::new(shared));
        self.learned.forget_owner(owner)
    }

    /// Whether any message is remembered.
    pub fn remembers_any(&self) -> bool {
        !self.learned.all().is_empty()
    }

    /// A number that changes with what was learned, and is the same after a restart.
    pub fn revision(&self) -> u64 {
        let generation = self.generation.load(Ordering::Relaxed);
        self.learned.fingerprint() ^ generation.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Sets which snapshot of the weights it is.
    pub fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// The label that a message was learned with, if it was.
    pub fn knows(&self, owner: Option<&WeightsOwner>, digest: Digest) -> Option<bool> {
        let key = (owner.cloned(), digest);
        self.learned.about(&key).map(|learned| learned.is_spam)
    }

    /// Whether a message was learned by a release that did not say by which servers it came.
    pub fn lacks_hops(&self, owner: Option<&WeightsOwner>, digest: Digest) -> bool {
        let learned = self.learned.about(&(owner.cloned(), digest));
        learned.is_some_and(|learned| !learned.hops.are_known())
    }

    /// The shared weights, if there are any.
    pub fn weights(&self) -> Option<&Weights> {
        self.weights.get()
    }

    /// The shipped model, if it is used.
    pub fn shipped(&self) -> Option<&Shipped> {
        self.shipped.as_deref()
    }

    /// All but the shared weights, at this moment.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.load_full()
    }

    /// Every learned message.
    pub fn learned(&self) -> &LearnedMessages {
        &self.learned
    }

    fn learning(&self) -> MutexGuard<'_, ()> {
        self.learning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The changes that add by which servers a message came that is known already. Its weights stay.
fn with_hops(key: &Key, lesson: &Lesson<'_>) -> [WeightChange; 2] {
    let learned = |hops| Learned {
        is_spam: lesson.is_spam,
        step: Step::default(),
        hops,
    };
    [
        change(key, lesson, learned(Hops::default()), true),
        change(key, lesson, learned(lesson.features.hops), false),
    ]
}

fn change(key: &Key, lesson: &Lesson<'_>, learned: Learned, back: bool) -> WeightChange {
    WeightChange {
        owner: key.0.clone(),
        digest: key.1,
        sender: lesson.sender,
        features: lesson.features.clone(),
        learned,
        belief: lesson.belief,
        back,
    }
}

fn take(table: &mut impl Table, change: &WeightChange, step: &Step) {
    if change.back {
        model::unlearn(table, &change.features, step);
    } else {
        model::learn(table, &change.features, step);
    }
}
