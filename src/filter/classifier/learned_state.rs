//! What was learnt: the weights that all share, and for an account what it sees differently.
//!
//! In: messages with what they are; out: evidence. A message is learnt once; what was learnt wrongly is
//! taken back first. It keeps no text: only weights, digests and counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arc_swap::ArcSwap;

use crate::filter::classifier::account_weights::AccountWeights;
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::extract::Look;
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::model::{self, Belief, Evidence, Step, Table, Weights};
use crate::filter::classifier::shipped::{self, Shipped};
use crate::filter::message_view::MessageView;

/// Tells messages apart; of their bytes, before anything was added to them.
pub type Digest = [u8; 16];

/// Messages of the rarer kind that it takes to doubt what a message is said to be.
const EXPERIENCE: u64 = 50;

/// A message that was learnt, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    /// As what.
    pub is_spam: bool,
    /// By what step.
    pub step: Step,
}

/// A change to what is known: enough to make it again.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightChange {
    /// Whose; all share what is nobody's.
    pub account: Option<Arc<str>>,
    /// Of which message.
    pub digest: Digest,
    /// Its features.
    pub features: Features,
    /// How it was learnt.
    pub learnt: Learned,
    /// Whether it is taken back.
    pub back: bool,
}

/// Whose, and of which message.
pub type Key = (Option<Arc<str>>, Digest);

/// See the module. Any number of threads may ask it without waiting; one learns at a time.
#[derive(Debug, Default)]
pub struct LearnedState {
    /// Taken when the first message is learnt: 18 MiB that not everybody needs.
    weights: OnceLock<Weights>,
    /// Messages learnt by all, and what single accounts learnt.
    shared: ArcSwap<Shared>,
    /// Every message that was learnt.
    learnt: Mutex<HashMap<Key, Learned>>,
    shipped: Option<Arc<Shipped>>,
}

/// What is known for one account at one moment.
#[derive(Debug)]
pub struct AccountView<'m> {
    weights: Option<&'m Weights>,
    own: Option<Arc<AccountWeights>>,
    /// What came with popgate.
    pub shipped: Option<&'m Shipped>,
    /// On how many messages the rest of it rests.
    pub counts: Counts,
}

impl AccountView<'_> {
    /// Which views have anything to say.
    pub fn groups(&self) -> &'static [FeatureGroup] {
        match (self.learnt_anything(), self.shipped) {
            (true, _) => &FeatureGroup::ALL,
            (false, Some(_)) => &shipped::SHIPPED_GROUPS,
            (false, None) => &[],
        }
    }

    /// Whether any message was learnt.
    pub fn learnt_anything(&self) -> bool {
        self.weights.is_some() || self.own.is_some()
    }

    /// The weights that were learnt, each by its place.
    pub fn weight(&self) -> impl Fn(u32) -> f32 {
        let own = self.own.as_ref().map(|own| own.look());
        move |index| {
            let shared = self.weights.map_or(0.0, |weights| weights.about(index));
            shared + own.as_ref().map_or(0.0, |own| own(index))
        }
    }

    /// Looks at a message, as far as something is known.
    pub fn look<'r>(&self, mail: &MessageView<'_>, rules: impl Iterator<Item = &'r str>) -> Look {
        Look::at(mail, rules, self.groups())
    }

    /// The evidence on a message that was learnt.
    pub fn evidence(&self, features: &Features) -> Evidence {
        match (self.weights, &self.own) {
            (None, None) => Evidence::default(),
            (Some(weights), None) => model::evidence(|index| weights.about(index), features),
            _ => model::evidence(self.weight(), features),
        }
    }
}

/// What is not a weight that all share.
#[derive(Debug, Default, Clone)]
pub struct Shared {
    /// Messages learnt by all.
    pub counts: Counts,
    /// What single accounts learnt.
    pub accounts: HashMap<Arc<str>, Arc<AccountWeights>>,
}

/// What learning a message changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// It was learnt before, and as the same.
    AlreadyLearned,
    /// These, in this order.
    Changes(Vec<WeightChange>),
}

impl LearnedState {
    /// What is known to begin with.
    pub fn new(weights: Option<Weights>, shared: Shared, learnt: HashMap<Key, Learned>) -> Self {
        Self {
            weights: weights.map_or_else(OnceLock::new, OnceLock::from),
            shared: ArcSwap::from_pointee(shared),
            learnt: Mutex::new(learnt),
            shipped: None,
        }
    }

    /// The same, beginning with the model that comes with popgate.
    #[must_use]
    pub fn with_shipped(self) -> Self {
        match Shipped::built_in() {
            Some(model) => self.with_model(model),
            None => self,
        }
    }

    /// The same, beginning with this model.
    #[must_use]
    pub fn with_model(self, model: Arc<Shipped>) -> Self {
        Self {
            shipped: Some(model),
            ..self
        }
    }

    /// What is known for an account.
    pub fn view_for(&self, account: Option<&str>) -> AccountView<'_> {
        let shared = self.shared.load();
        let own = account.and_then(|account| shared.accounts.get(account).cloned());
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

    /// What is to change so that a message is known as what it is. Nothing changes yet.
    pub fn update_for(
        &self,
        account: Option<&Arc<str>>,
        digest: Digest,
        features: &Features,
        is_spam: bool,
        belief: Belief,
    ) -> Update {
        let key = (account.cloned(), digest);
        let before = self.learnt().get(&key).copied();
        let mut changes = Vec::new();
        if let Some(learnt) = before {
            if learnt.is_spam == is_spam {
                return Update::AlreadyLearned;
            }
            changes.push(self.change(&key, features, learnt, true));
        }
        let known = self.view_for(account.map(|account| &**account));
        let evidence = known.evidence(features);
        // Who has seen little has no reason to doubt.
        let belief = match known.counts.ham.min(known.counts.spam) {
            0..EXPERIENCE => Belief::Full,
            _ => belief,
        };
        let step = model::step(&evidence, is_spam, belief);
        changes.push(self.change(&key, features, Learned { is_spam, step }, false));
        Update::Changes(changes)
    }

    /// What is to change so that a message is as if it had never been learnt; none if it was not.
    pub fn forgetting(
        &self,
        account: Option<&Arc<str>>,
        digest: Digest,
        features: &Features,
    ) -> Option<WeightChange> {
        let key = (account.cloned(), digest);
        let learnt = self.learnt().get(&key).copied()?;
        Some(self.change(&key, features, learnt, true))
    }

    fn change(&self, key: &Key, features: &Features, learnt: Learned, back: bool) -> WeightChange {
        WeightChange {
            account: key.0.clone(),
            digest: key.1,
            features: features.clone(),
            learnt,
            back,
        }
    }

    /// Makes a change. One thread at a time: two would lose each other's steps.
    pub fn apply(&self, change: &WeightChange) {
        let Learned { is_spam, step } = change.learnt;
        // Held to the end: it is what makes the one thread.
        let mut learnt = self.learnt();
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
        match &change.account {
            None => {
                let weights = self.weights.get_or_init(Weights::default);
                take(&mut &*weights, change, &step);
                self.shared.store(Arc::new(Shared {
                    counts: count(shared.counts),
                    accounts: shared.accounts.clone(),
                }));
            }
            Some(account) => {
                let account_weights = shared.accounts.get(account).cloned();
                let account_weights = account_weights.unwrap_or_else(|| {
                    let account_weights = Arc::<AccountWeights>::default();
                    let mut shared = Shared::clone(&shared);
                    shared
                        .accounts
                        .insert(account.clone(), account_weights.clone());
                    self.shared.store(Arc::new(shared));
                    account_weights
                });
                take(&mut &*account_weights, change, &step);
                account_weights.set_counts(count(account_weights.counts()));
            }
        }
        let key = (change.account.clone(), change.digest);
        if change.back {
            learnt.remove(&key);
        } else {
            learnt.insert(key, change.learnt);
        }
    }

    /// Takes over all that another has learnt.
    pub fn replace_with(&self, other: Self) {
        let mut learnt = self.learnt();
        *learnt = std::mem::take(&mut other.learnt());
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

    /// Whether a message was learnt, and as what.
    pub fn knows(&self, account: Option<&Arc<str>>, digest: Digest) -> Option<bool> {
        let key = (account.cloned(), digest);
        self.learnt().get(&key).map(|learnt| learnt.is_spam)
    }

    /// The weights that all share, if there are any.
    pub fn weights(&self) -> Option<&Weights> {
        self.weights.get()
    }

    /// The model that comes with popgate, if it has a say.
    pub fn shipped(&self) -> Option<&Shipped> {
        self.shipped.as_deref()
    }

    /// What is not a weight that all share, at this moment.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.load_full()
    }

    /// Every message that was learnt. Nobody learns while this is held.
    pub fn learnt(&self) -> MutexGuard<'_, HashMap<Key, Learned>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(table: &mut impl Table, change: &WeightChange, step: &Step) {
    if change.back {
        model::unlearn(table, &change.features, step);
    } else {
        model::learn(table, &change.features, step);
    }
}
