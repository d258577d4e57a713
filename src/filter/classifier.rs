//! The learned filter: learns from examples what an account's owner calls spam.
//!
//! In: messages with labels; out: the probability that others are spam, and the reasons. It
//! does no I/O: [`crate::store`] keeps the learned state.

pub mod account_view;
pub mod account_weights;
pub mod counts;
pub mod extract;
mod feature_set;
pub mod features;
mod hash;
mod header_names;
pub mod hops;
pub mod identity;
pub mod learned_messages;
pub mod learned_state;
pub mod model;
pub mod opinion;
mod original;
pub mod packed;
pub mod pile;
pub mod shipped;
pub mod taught;
pub mod varint;
mod weights_owner;

pub use extract::Look;
pub use feature_set::FeatureSet;
pub use features::{FeatureGroup, Features};
pub use hops::{Hop, HopCounts, Hops};
pub use identity::digest;
pub use learned_messages::Digest;
pub use learned_state::{LearnedState, Lesson, Update};
pub use model::Belief;
pub use opinion::Opinion;
pub use original::{SUBJECT_MARK, is_popgates_own, original};
pub use packed::PackedFeatures;
pub use shipped::Shipped;
pub use weights_owner::WeightsOwner;
