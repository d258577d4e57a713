//! Learning from a pile of messages: the same weights, whatever the order in which the messages came.
//!
//! In: samples of messages with labels; out: weights. The samples are taken in the order of their digests, which is
//! as good as a shuffled one, several times over; the rarer kind weighs more. How often is decided by messages of
//! senders that are held out: as long as those are judged better.

use crate::filter::classifier::features::Features;
use crate::filter::classifier::learned_messages::Digest;
use crate::filter::classifier::model::{self, Belief, Table, Weights};
use crate::filter::classifier::packed::PackedFeatures;
use crate::filter::classifier::taught::CALIBRATION;
use crate::filter::classifier::weights_owner::WeightsOwner;

/// A message that was learned, kept to be learned again.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// For whom.
    pub owner: Option<WeightsOwner>,
    /// The message.
    pub digest: Digest,
    /// Whether as spam.
    pub is_spam: bool,
    /// Who sent it, hashed; 0 if nobody knows.
    pub sender: u32,
    /// How far its label is trusted.
    pub belief: Belief,
    /// Its features.
    pub features: PackedFeatures,
}

/// The most passes over the samples.
const PASSES: usize = 6;

/// Passes over few samples, of which none can be held out.
const FEW_PASSES: usize = 2;

/// One sender in so many is held out.
const HELD_OUT: u32 = 5;

/// The fewest held-out messages of each kind that prove something.
const PROOF: usize = 20;

/// The most samples that the number of passes is tried with.
const TRIED: usize = 3000;

/// A pass must make the held-out messages' loss smaller by this factor.
const WORTH: f32 = 0.98;

/// The least weight of a message of the more frequent kind.
const LEAST: f32 = 0.1;

/// Messages of the rarer kind that are learned before labels are doubted.
const EXPERIENCE: usize = 50;

/// Learns the samples, in the order of their digests, on top of weights that were there before.
pub fn learn(weights: &Weights, samples: &[&Sample]) {
    let passes = passes(weights, samples);
    run(&mut &*weights, &|_| 0.0, samples, passes);
}

/// The same for an account's own weights, on top of those that all share.
pub fn learn_on_top(table: &mut impl Table, shared: &dyn Fn(u32) -> f32, samples: &[&Sample]) {
    run(table, shared, samples, FEW_PASSES);
}

/// How often the samples are worth learning.
fn passes(before: &Weights, samples: &[&Sample]) -> usize {
    let tried = &samples[..samples.len().min(TRIED)];
    let is_held_out = |sample: &Sample| sample.sender % HELD_OUT == 1;
    let (held_out, rest): (Vec<&Sample>, Vec<&Sample>) =
        tried.iter().copied().partition(|it| is_held_out(it));
    let spam = held_out.iter().filter(|sample| sample.is_spam).count();
    // Where nearly all come from one sender, nothing is left to learn from.
    if spam.min(held_out.len() - spam) < PROOF || rest.len() < held_out.len() {
        return FEW_PASSES;
    }
    let weights = Weights::default();
    weights.replace_with(Some(before));
    let (mut best, mut least) = (1, f32::MAX);
    for pass in 1..=PASSES {
        run(&mut &weights, &|_| 0.0, &rest, 1);
        let loss = loss(&weights, &held_out);
        if loss > least * WORTH {
            break;
        }
        (best, least) = (pass, loss);
    }
    best
}

/// The mean loss on messages that were not learned, both kinds weighing the same.
fn loss(weights: &Weights, samples: &[&Sample]) -> f32 {
    let mut sums = [(0.0, 0.0); 2];
    let mut features = Features::default();
    for sample in samples {
        sample.features.unpack_into(&mut features);
        let evidence = model::evidence(|index| (&weights).weight(index), &features);
        let odds = CALIBRATION as f32 * model::total(&evidence);
        let contrary = if sample.is_spam { -odds } else { odds };
        // ln(1 + e^x), which is x where e^x is too large.
        let loss = if contrary > 30.0 {
            contrary
        } else {
            contrary.exp().ln_1p()
        };
        let (sum, count) = &mut sums[usize::from(sample.is_spam)];
        *sum += loss;
        *count += 1.0;
    }
    sums.iter().map(|(sum, count)| sum / count).sum()
}

fn run(table: &mut impl Table, shared: &dyn Fn(u32) -> f32, samples: &[&Sample], passes: usize) {
    let spam = samples.iter().filter(|sample| sample.is_spam).count();
    let counts = [samples.len() - spam, spam];
    let rarer = counts[0].min(counts[1]);
    let mut seen = [0; 2];
    let mut features = Features::default();
    for _ in 0..passes {
        for sample in samples {
            sample.features.unpack_into(&mut features);
            let weight = |index| shared(index) + table.weight(index);
            let evidence = model::evidence(weight, &features);
            let kind = usize::from(sample.is_spam);
            let belief = match seen[0].min(seen[1]) {
                0..EXPERIENCE => Belief::Full,
                _ => sample.belief,
            };
            seen[kind] += 1;
            let mut step = model::step(&evidence, sample.is_spam, belief);
            // Of one kind alone every message counts.
            if rarer > 0 {
                let share = rarer as f32 / counts[kind] as f32;
                step.iter_mut().for_each(|error| *error *= share.max(LEAST));
            }
            model::learn(table, &features, &step);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::features::FEATURE_GROUPS;

    /// A message with features of its kind, of its sender, and of its own.
    fn sample(number: u32, is_spam: bool) -> Sample {
        let sender = number % 40;
        let kind = 1000 * (1 + u32::from(is_spam)) + number * 7 % 30;
        let groups: [Vec<u32>; FEATURE_GROUPS] =
            std::array::from_fn(|_| vec![number % 11, kind, 5000 + sender, 10_000 + number]);
        Sample {
            owner: None,
            digest: u128::from(number.wrapping_mul(0x9e37_79b9)).to_be_bytes(),
            is_spam,
            sender,
            belief: Belief::Doubting,
            features: PackedFeatures::of(&Features::from_groups(&groups)),
        }
    }

    #[test]
    fn the_rarer_kind_is_learned_as_well() {
        let mut samples: Vec<_> = (0..400)
            .map(|number| sample(number, number.is_multiple_of(20)))
            .collect();
        samples.sort_by_key(|sample| sample.digest);
        let weights = Weights::default();
        learn(&weights, &samples.iter().collect::<Vec<_>>());
        for (number, is_spam) in [(1001, false), (1020, true)] {
            let features = sample(number, is_spam).features.unpack();
            let evidence = model::total(&model::evidence(|index| weights.about(index), &features));
            assert_eq!(evidence > 0.0, is_spam, "{number}: {evidence}");
        }
    }
}
