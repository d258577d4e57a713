//! The weights, and how they are learnt.
//!
//! In: features, and for learning what the message was; out: evidence for spam, view by view. Each
//! view is an online logistic regression of its own (Cormack, TREC 2007; Goodman and Yih, CEAS 2006)
//! with steps that shrink with each weight's own history (Duchi, Hazan and Singer, "Adaptive
//! subgradient methods", JMLR 2011): views that err differently correct each other when summed
//! (Lynam and Cormack, SIGIR 2006).
//!
//! Any number of threads may read while one learns: a reader sees each weight as it was or as it is.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::filter::classifier::features::{FEATURE_GROUPS, FeatureGroup, Features};
use crate::filter::classifier::hash::BITS;

/// Weights in a table.
pub const WEIGHTS: usize = 1 << BITS;

/// How much each view's evidence counts: the last three see little of a message.
const SHARES: [f32; FEATURE_GROUPS] = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3];

/// The first step: so that one message is nearly learnt by heart.
const RATE: f32 = 20.0;

/// What is right to within this teaches nothing (train on or near error).
const SURE: f32 = 0.02;

/// How far one view's evidence goes: none outvotes all others.
const MOST: f32 = 30.0;

/// What a view has to say: log odds, not yet calibrated.
pub type Evidence = [f32; FEATURE_GROUPS];

/// By how much each view was wrong about a message: what it learns from, and enough to take it back.
pub type Step = [f32; FEATURE_GROUPS];

/// Where weights are kept.
pub trait Table {
    /// The weight at a place.
    fn weight(&self, index: u32) -> f32;
    /// Changes the weight at a place, and what it went through: the sum of its squared errors.
    fn change(&mut self, index: u32, change: impl FnOnce(f32, f32) -> (f32, f32));
}

/// All weights, read by many and written by one.
#[derive(Debug)]
pub struct Weights {
    weights: Vec<AtomicU32>,
    spent: Vec<AtomicU32>,
    /// Each weight in a byte (see [`byte`]), to judge by: a sum of hundreds comes out the same, and
    /// four times as many fit into fast memory.
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

/// Bits of a number behind those that a byte keeps: it keeps three of the fraction.
const CUT: u32 = 20;

/// The least number that a byte keeps, 2^-8, in its upper bits; 1 in the byte.
const LEAST: u32 = ((127 - 8) << 3) - 1;

/// A weight in a byte: sign, four bits of exponent, three of fraction. What is below 2^-8 is 0, what
/// is above 224 is 224.
fn byte(weight: f32) -> u8 {
    let bits = weight.to_bits();
    let size = bits & !(1 << 31);
    // Rounded: cut off, all would be a little too small.
    let upper = (size.saturating_add(1 << (CUT - 1)) >> CUT).saturating_sub(LEAST);
    upper.min(127) as u8 | (bits >> 24 & 0x80) as u8
}

/// What [`byte`] made a byte of.
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
    /// Every weight with what it went through.
    pub fn iter(&self) -> impl Iterator<Item = (f32, f32)> {
        self.weights
            .iter()
            .map(load)
            .zip(self.spent.iter().map(load))
    }

    /// Takes over all of another's, or nothing's.
    pub fn replace_with(&self, other: Option<&Self>) {
        for index in 0..self.weights.len() {
            let at = |all: &[AtomicU32]| load(&all[index]);
            let other = other.map(|other| (at(&other.weights), at(&other.spent)));
            let (weight, spent) = other.unwrap_or_default();
            self.set(index as u32, weight, spent);
        }
    }

    /// A weight, nearly.
    pub(super) fn about(&self, index: u32) -> f32 {
        let byte = self.about[index as usize].load(Ordering::Relaxed);
        FROM_BYTE[usize::from(byte)]
    }

    /// Puts a weight and what it went through in place.
    pub fn set(&self, index: u32, weight: f32, spent: f32) {
        store(&self.weights[index as usize], weight);
        store(&self.spent[index as usize], spent);
        self.about[index as usize].store(byte(weight), Ordering::Relaxed);
    }
}

/// The evidence of each view.
pub fn evidence(weight: impl Fn(u32) -> f32, features: &Features) -> Evidence {
    FeatureGroup::ALL.map(|group| {
        let features = features.group(group);
        let sum: f32 = features.iter().map(|index| weight(*index)).sum();
        (sum * scale(features.len())).clamp(-MOST, MOST)
    })
}

/// How far to believe what a message is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// Somebody looked at it: it is what they say, whatever was thought before.
    Full,
    /// It is one of many, and nobody looked at each: some are in the wrong folder.
    Doubting,
}

/// Evidence in all that a message may hold against what it is said to be, and still be believed.
const DOUBT: f32 = 12.0;

/// What there is to learn from a message, given the evidence there is in all.
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

/// How far evidence is from what it should say.
pub(super) fn error(evidence: f32, is_spam: bool) -> f32 {
    let wanted = if is_spam { 1.0 } else { 0.0 };
    wanted - 1.0 / (1.0 + (-evidence).exp())
}

/// Takes a step.
pub fn learn(table: &mut impl Table, features: &Features, step: &Step) {
    learn_at(RATE, table, features, step);
}

/// Takes a step of another length than usual.
pub(super) fn learn_at(rate: f32, table: &mut impl Table, features: &Features, step: &Step) {
    walk(rate, features, step, |index, error, length| {
        table.change(index, |weight, spent| {
            (
                weight + length / (1.0 + spent).sqrt(),
                spent + error * error,
            )
        });
    });
}

/// Takes a step back. If nothing was learnt since, all is as before; else weights that have moved on
/// do not quite return.
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

/// The sum of what the views say.
pub fn total(evidence: &Evidence) -> f32 {
    let weighed = evidence.iter().zip(SHARES);
    weighed.map(|(evidence, share)| evidence * share).sum()
}

/// How much a feature of a view of so many says in the sum.
pub(super) fn loudness(group: FeatureGroup, features: usize) -> f32 {
    SHARES[group as usize] * scale(features)
}

/// A long message is no louder than a short one.
pub(super) fn scale(features: usize) -> f32 {
    1.0 / (features.max(1) as f32).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_keeps_a_weight_nearly() {
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
