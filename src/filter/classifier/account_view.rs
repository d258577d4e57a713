//! What judges one account's mail: the shipped model, the shared weights and the account's own.

use std::sync::Arc;

use crate::filter::classifier::account_weights::AccountWeights;
use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::extract::Look;
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::hops::HopCounts;
use crate::filter::classifier::model::{self, Evidence, Weights};
use crate::filter::classifier::shipped::{self, Shipped};
use crate::filter::classifier::taught::{self, Lessons};
use crate::filter::message_view::MessageView;

/// The learned state as one account sees it at one moment.
#[derive(Debug)]
pub struct AccountView<'m> {
    pub(super) weights: Option<&'m Weights>,
    pub(super) own: Option<Arc<AccountWeights>>,
    /// The shipped model.
    pub shipped: Option<&'m Shipped>,
    /// The number of learned messages.
    pub counts: Counts,
    pub(super) hops: Arc<HopCounts>,
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

    /// The lessons that a message with these features is compared with.
    pub fn lessons(&self, features: &Features) -> Lessons {
        let own = self.own.as_ref().map(|own| own.hops());
        let by_hop = features.hops.named().map(|hop| {
            let own = own.as_ref().map(|own| own.by(hop)).unwrap_or_default();
            let shared = self.hops.by(hop);
            Counts {
                ham: shared.ham + own.ham,
                spam: shared.spam + own.spam,
            }
        });
        Lessons {
            counts: self.counts,
            both_ways: taught::both_ways(by_hop),
        }
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
