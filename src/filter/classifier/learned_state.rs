//! The learned state: weights that all accounts share, and each account's own differences.
//!
//! In: messages with labels; out: evidence. A message is learned once; a message learned with the other label
//! is undone first. It keeps no text: only weights, digests and counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;

use crate::filter::classifier::account_weights::AccountWeights;
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::extract::Look;
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::model::{self, Belief, Evidence, Step, Table, Weights};
use crate::filter::classifier::shipped::{self, Shipped};
use crate::filter::classifier::weights_owner::WeightsOwner;
use crate::filter::message_view::MessageView;

/// Identifies a message by its bytes before popgate added any.
pub type Digest = [u8; 16];

/// Messages of the rarer kind required before labels are doubted.
const EXPERIENCE: u64 = 50;

/// A learned message, and how it was learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// Whether as spam.
    pub is_spam: bool,
    /// By which step.
    pub step: Step,
}

/// A change of the learned state, with all that is needed to repeat it.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChange {
    /// Whose weights change; `None` for the shared ones.
    pub owner: Option<WeightsOwner>,
    /// The message.
    pub digest: Digest,
    /// Its features.
    pub features: Features,
    /// How it was learned.
    pub learned: Learned,
    /// Whether learning is undone.
    pub back: bool,
}

/// Owner of the weights, and message.
pub type Key = (Option<WeightsOwner>, Digest);

/// See the module. Any number of threads may read it without waiting; one learns at a time.
#[derive(Debug, Default)]
pub struct LearnedState {
    /// Allocated when the first message is learned: 18 MiB that not every installation needs.
    weights: OnceLock<Weights>,
    /// Shared counts and accounts' own weights.
    shared: ArcSwap<Shared>,
    /// Every learned message.
    learned: Mutex<HashMap<Key, Learned>>,
    shipped: Option<Arc<Shipped>>,
}

/// The learned state as one account sees it at one moment.
#[derive(Debug)]
pub struct AccountView<'m> {
    weights: Option<&'m Weights>,
    own: Option<Arc<AccountWeights>>,
    /// The shipped model.
    pub shipped: Option<&'m Shipped>,
    /// The number of learned messages.
    pub counts: Counts,
}

impl AccountView<'_> {
    /// The groups with any weights.
    pub fn groups(&self) -> &'static [FeatureGroup] {
        match (self.learned_anything(), self.shipped) {
            (true, _) => &FeatureGroup::ALL,
            (false, Some(_)) => &shipped::SHIPPED_GROUPS,
            (false, None) => &[],
        }
    }

    /// Whether any message was learned.
    pub fn learned_anything(&self) -> bool {
        self.weights.is_some() || self.own.is_some()
    }

    /// The learned weights, by index.
    pub fn weight(&self) -> impl Fn(u32) -> f32 {
        let own = self.own.as_ref().map(|own| own.look());
        move |index| {
            let shared = self.weights.map_or(0.0, |weights| weights.about(index));
            shared + own.as_ref().map_or(0.0, |own| own(index))
        }
    }

    /// Extracts the features for which weights are known.
    pub fn look<'r>(&self, mail: &MessageView<'_>, rules: impl Iterator<Item = &'r str>) -> Look {
        Look::at(mail, rules, self.groups())
    }

    /// The evidence of the learned weights on a message.
    pub fn evidence(&self, features: &Features) -> Evidence {
        match (self.weights, &self.own) {
            (None, None) => Evidence::default(),
            (Some(weights), None) => model::evidence(|index| weights.about(index), features),
            _ => model::evidence(self.weight(), features),
        }
    }
}

/// All but the shared weights.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    /// Messages learned for all accounts.
    pub counts: Counts,
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
    pub fn new(weights: Option<Weights>, shared: Shared, learned: HashMap<Key, Learned>) -> Self {
        Self {
            weights: weights.map_or_else(OnceLock::new, OnceLock::from),
            shared: ArcSwap::from_pointee(shared),
            learned: Mutex::new(learned),
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
        }
    }

    /// The changes to learn a message with this label. Nothing changes yet.
    pub fn update_for(
        &self,
        owner: Option<&WeightsOwner>,
        digest: Digest,
        features: &Features,
        is_spam: bool,
        belief: Belief,
    ) -> Update {
        let key = (owner.cloned(), digest);
        let before = self.learned().get(&key).copied();
        let mut changes = Vec::new();
        if let Some(learned) = before {
            if learned.is_spam == is_spam {
                return Update::AlreadyLearned;
            }
            changes.push(self.change(&key, features, learned, true));
        }
        let known = self.view_for(owner);
        let evidence = known.evidence(features);
        // With few messages there is no reason to doubt a label.
        let belief = match known.counts.ham.min(known.counts.spam) {
            0..EXPERIENCE => Belief::Full,
            _ => belief,
        };
        let step = model::step(&evidence, is_spam, belief);
        changes.push(self.change(&key, features, Learned { is_spam, step }, false));
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
        let learned = self.learned().get(&key).copied()?;
        Some(self.change(&key, features, learned, true))
    }

    fn change(&self, key: &Key, features: &Features, learned: Learned, back: bool) -> WeightChange {
        WeightChange {
            owner: key.0.clone(),
            digest: key.1,
            features: features.clone(),
            learned,
            back,
        }
    }

    /// Applies a change. One thread at a time: two would lose each other's steps.
    pub fn apply(&self, change: &WeightChange) {
        let Learned { is_spam, step } = change.learned;
        // Held to the end: it serialises the learning threads.
        let mut learned = self.learned();
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
        match &change.owner {
            None => {
                let weights = self.weights.get_or_init(Weights::default);
                take(&mut &*weights, change, &step);
                self.shared.store(Arc::new(Shared {
                    counts: count(shared.counts),
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
            }
        }
        let key = (change.owner.clone(), change.digest);
        if change.back {
            learned.remove(&key);
        } else {
            learned.insert(key, change.learned);
        }
    }

    /// Replaces the learned state with another's.
    pub fn replace_with(&self, other: Self) {
        let mut learned = self.learned();
        *learned = std::mem::take(&mut other.learned());
        match (other.weights.into_inner(), self.weights.get()) {
            (Some(theirs), None) => {
                // Nobody else sets it: the lock is held.
                let _ = self.weights.set(theirs);
            }
            (theirs, Some(own)) => own.replace_with(theirs.as_ref()),
            (None, None) => {}
        }
        self.shared.store(other.shared.load_full());
    }

    /// The label that a message was learned with, if it was.
    pub fn knows(&self, owner: Option<&WeightsOwner>, digest: Digest) -> Option<bool> {
        let key = (owner.cloned(), digest);
        self.learned().get(&key).map(|learned| learned.is_spam)
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

    /// Every learned message. Nobody learns while this is held.
    pub fn learned(&self) -> MutexGuard<'_, HashMap<Key, Learned>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(table: &mut impl Table, change: &WeightChange, step: &Step) {
    if change.back {
        model::unlearn(table, &change.features, step);
    } else {
        model::learn(table, &change.features, step);
    }
}
