//! The weights and the learning algorithm.
//!
//! In: features and, for learning, whether it is spam; out: evidence for spam by group. Each
//! group is an online logistic regression of its own (Cormack, TREC 2007; Goodman and Yih, CEAS 2006)
//! with steps that shrink with each weight's history (Duchi, Hazan and Singer, "Adaptive
//! subgradient methods", JMLR 2011): groups that err differently correct each other when summed
//! (Lynam and Cormack, SIGIR 2006).
//!
//! Any number of threads may read while one learns: a reader sees the old or new value of each weight.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::filter::classifier::features::{FEATURE_GROUPS, FeatureGroup, Features};
use crate::filter::classifier::hash::BITS;

/// Number of weights in a table.
pub const WEIGHTS: usize = 1 << BITS;

/// Factor of each group's evidence: the last three see little of a message.
const SHARES: [f32; FEATURE_GROUPS] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3];

/// Learning rate: one message is almost fully learned at once.
const RATE: f32 = 20.0;

/// A smaller error teaches nothing (train on or near error).
const SURE: f32 = 0.02;

/// Limit of one group's evidence: none outvotes all others.
const MOST: f32 = 30.0;

/// The evidence of each group: uncalibrated log odds.
pub type Evidence = [f32; FEATURE_GROUPS];

/// The error of each group on a message: enough to learn from it and to undo that.
pub type Step = [f32; FEATURE_GROUPS];

/// A store of weights.
pub trait Table {
    /// The weight at an index.
    fn weight(&self, index: u32) -> f32;
    /// Changes the weight at an index and the sum of its squared errors.
    fn change(&mut self, index: u32, change: impl FnOnce(f32, f32) -> (f32, f32));
}

/// All weights, read by many threads and written by one.
#[derive(Debug)]
pub struct Weights {
    weights: Vec<AtomicU32>,
    spent: Vec<AtomicU32>,
    /// Each weight in a byte (see [`byte`]), for judging: sums of hundreds are the same, and
    /// four times as many fit into the cache.
    about: Vec<AtomicU8>,
}

impl Default for Weights {
    fn default() -> Self {
        let zeros = || {
            std::iter::repeat_with(AtomicU32::default)
                .take(WEIGHTS)
                .collect()
        };
        Self {
            weights: zeros(),
            spent: zeros(),
            about: std::iter::repeat_with(AtomicU8::default)
                .take(WEIGHTS)
                .collect(),
        }
    }
}

/// Bits of an f32 that a byte drops: it keeps three of the fraction.
const CUT: u32 = 20;

/// The smallest number that a byte can hold, 2^-8, in its upper bits; 1 in the byte.
const LEAST: u32 = ((127 - 8) << 3) - 1;

/// A weight in a byte: sign, four bits of exponent, three of fraction. Less than 2^-8 becomes 0, more
/// than 224 becomes 224.
fn byte(weight: f32) -> u8 {
    let bits = weight.to_bits();
    let size = bits & !(1 << 31);
    // Rounded: truncated, all would be slightly too small.
    let upper = (size.saturating_add(1 << (CUT - 1)) >> CUT).saturating_sub(LEAST);
    upper.min(127) as u8 | (bits >> 24 & 0x80) as u8
}

/// The inverse of [`byte`].
const FROM_BYTE: [f32; 256] = {
    let mut numbers = [0.0; 256];
    let mut byte = 1;
    while byte < 128 {
        let size = f32::from_bits((byte as u32 + LEAST) << CUT);
        numbers[byte] = size;
        numbers[byte + 128] = -size;
        byte += 1;
    }
    numbers
};

fn load(cell: &AtomicU32) -> f32 {
    f32::from_bits(cell.load(Ordering::Relaxed))
}

fn store(cell: &AtomicU32, value: f32) {
    cell.store(value.to_bits(), Ordering::Relaxed);
}

impl Table for &Weights {
    fn weight(&self, index: u32) -> f32 {
        load(&self.weights[index as usize])
    }

    fn change(&mut self, index: u32, change: impl FnOnce(f32, f32) -> (f32, f32)) {
        let at = index as usize;
        let (weight, spent) = change(load(&self.weights[at]), load(&self.spent[at]));
        self.set(index, weight, spent);
    }
}

impl Weights {
    /// Every weight with the sum of its squared errors.
    pub fn iter(&self) -> impl Iterator<Item = (f32, f32)> {
        self.weights
            .iter()
            .map(load)
            .zip(self.spent.iter().map(load))
    }

    /// Replaces all weights with another's, or with zeros.
    pub fn replace_with(&self, other: Option<&Self>) {
        for index in 0..self.weights.len() {
            let at = |all: &[AtomicU32]| load(&all[index]);
            let other = other.map(|other| (at(&other.weights), at(&other.spent)));
            let (weight, spent) = other.unwrap_or_default();
            self.set(index as u32, weight, spent);
        }
    }

    /// An approximate weight.
    pub(super) fn about(&self, index: u32) -> f32 {
        let byte = self.about[index as usize].load(Ordering::Relaxed);
        FROM_BYTE[usize::from(byte)]
    }

    /// Sets a weight and the sum of its squared errors.
    pub fn set(&self, index: u32, weight: f32, spent: f32) {
        store(&self.weights[index as usize], weight);
        store(&self.spent[index as usize], spent);
        self.about[index as usize].store(byte(weight), Ordering::Relaxed);
    }
}

/// The evidence of each group.
pub fn evidence(weight: impl Fn(u32) -> f32, features: &Features) -> Evidence {
    FeatureGroup::ALL.map(|group| {
        let features = features.group(group);
        let sum: f32 = features.iter().map(|index| weight(*index)).sum();
        (sum * scale(features.len())).clamp(-MOST, MOST)
    })
}

/// How far to trust a message's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Someone looked at the message: trust the label fully.
    Full,
    /// One of many that nobody checked: some are in the wrong folder.
    Doubting,
}

/// Total evidence against the label up to which it is trusted.
const DOUBT: f32 = 12.0;

/// The step to learn from a message, given its evidence.
pub fn step(evidence: &Evidence, is_spam: bool, belief: Belief) -> Step {
    let total = total(evidence);
    let contrary = if is_spam { -total } else { total };
    let believed = match belief {
        Belief::Doubting if contrary > DOUBT => (DOUBT / contrary).powi(4),
        _ => 1.0,
    };
    evidence.map(|evidence| {
        let error = believed * error(evidence, is_spam);
        if error.abs() < SURE { 0.0 } else { error }
    })
}

/// The error of an evidence.
pub(super) fn error(evidence: f32, is_spam: bool) -> f32 {
    let wanted = if is_spam { 1.0 } else { 0.0 };
    wanted - 1.0 / (1.0 + (-evidence).exp())
}

/// Takes a step.
pub fn learn(table: &mut impl Table, features: &Features, step: &Step) {
    walk(RATE, features, step, |index, error, length| {
        table.change(index, |weight, spent| {
            (
                weight + length / (1.0 + spent).sqrt(),
                spent + error * error,
            )
        });
    });
}

/// Undoes a step. If nothing was learned since, all is as before; otherwise weights that have changed
/// do not return exactly.
pub fn unlearn(table: &mut impl Table, features: &Features, step: &Step) {
    walk(RATE, features, step, |index, error, length| {
        table.change(index, |weight, spent| {
            let spent = (spent - error * error).max(0.0);
            (weight - length / (1.0 + spent).sqrt(), spent)
        });
    });
}

fn walk(rate: f32, features: &Features, step: &Step, mut visit: impl FnMut(u32, f32, f32)) {
    for group in FeatureGroup::ALL {
        let error = step[group as usize];
        let features = features.group(group);
        let length = rate * error * scale(features.len());
        if error != 0.0 {
            for index in features {
                visit(*index, error, length);
            }
        }
    }
}

/// The weighted sum of the groups' evidence.
pub fn total(evidence: &Evidence) -> f32 {
    let weighed = evidence.iter().zip(SHARES);
    weighed.map(|(evidence, share)| evidence * share).sum()
}

/// The factor of a feature in the sum, by its group and the group's size.
pub(super) fn loudness(group: FeatureGroup, features: usize) -> f32 {
    SHARES[group as usize] * scale(features)
}

/// Normalises by length: a long message does not count more than a short one.
pub(super) fn scale(features: usize) -> f32 {
    1.0 / (features.max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_in_a_byte_is_nearly_exact() {
        for weight in [0.0, 0.004, 0.01, 0.5, 1.0, 1.9, 3.3, 17.0, 200.0] {
            for weight in [weight, -weight] {
                let kept = FROM_BYTE[usize::from(byte(weight))];
                assert!(
                    (kept - weight).abs() <= weight.abs() / 16.0,
                    "{weight}: {kept}"
                );
            }
        }
        assert_eq!(FROM_BYTE[usize::from(byte(0.001))], 0.0);
        assert_eq!(FROM_BYTE[usize::from(byte(-1e9))], -224.0);
    }
}
