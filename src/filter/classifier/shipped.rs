//! The model that comes with popgate: a guess before anything was learnt.
//!
//! In: the file that `popgate model build` made; out: evidence from the words of a message. It sees
//! only the visible text ([`SHIPPED_GROUPS`]): header fields, relays and hosts tell where mail was collected,
//! and would tell nothing, or wrong things, anywhere else. A user's own examples soon outweigh it.
//!
//! The file: [`MAGIC`], then zlib of: messages learnt as ham and as spam (u64), the worth of one step
//! (f32), the number of weights (u32), and for each the distance from the one before (seven bits a
//! byte, the lowest first) and its steps (i8). All numbers are little-endian.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::model::{self, Step, Table, WEIGHTS, Weights};

/// What it looks at.
pub const SHIPPED_GROUPS: [FeatureGroup; 2] = [FeatureGroup::Text, FeatureGroup::Words];

const MAGIC: &[u8; 16] = b"popgate model 1\n";

/// Weights are cut to so many steps either way.
const STEPS: f32 = 127.0;

/// The share of weights that are not cut.
const WHOLE: f64 = 0.999;

/// Made with the features and hashes of this release: who changes them makes it anew.
static FILE: &[u8] = include_bytes!("../../../rules/model/popgate.model");

static BUILT_IN: LazyLock<Option<Arc<Shipped>>> =
    LazyLock::new(|| Shipped::read(FILE).map(Arc::new));

/// See the module.
#[derive(Debug, PartialEq)]
pub struct Shipped {
    steps: Vec<i8>,
    step: f32,
    /// On how many messages it rests.
    pub counts: Counts,
}

impl Shipped {
    /// The one that is compiled in.
    pub fn built_in() -> Option<Arc<Self>> {
        BUILT_IN.clone()
    }

    /// What was learnt, made small. `keep` says of a place whether its weight is to be kept.
    pub fn of(weights: &Weights, counts: Counts, keep: impl Fn(u32) -> bool) -> Self {
        let all = weights.iter().enumerate();
        let kept: Vec<f32> = all
            .map(|(index, (weight, _))| if keep(index as u32) { weight } else { 0.0 })
            .collect();
        let mut sizes: Vec<f32> = kept.iter().map(|weight| weight.abs()).collect();
        sizes.retain(|size| *size > 0.0);
        sizes.sort_unstable_by(f32::total_cmp);
        let last = (sizes.len() as f64 * WHOLE) as usize;
        let largest = sizes.get(last.min(sizes.len().saturating_sub(1)));
        let step = largest.copied().unwrap_or(1.0) / STEPS;
        let steps = kept
            .iter()
            .map(|weight| (weight / step).round().clamp(-STEPS, STEPS) as i8);
        Self {
            steps: steps.collect(),
            step,
            counts,
        }
    }

    /// Its file.
    pub fn write(&self) -> Vec<u8> {
        let used = self
            .steps
            .iter()
            .enumerate()
            .filter(|(_, steps)| **steps != 0);
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.counts.ham.to_le_bytes());
        bytes.extend_from_slice(&self.counts.spam.to_le_bytes());
        bytes.extend_from_slice(&self.step.to_le_bytes());
        bytes.extend_from_slice(&(self.len() as u32).to_le_bytes());
        let mut before = 0;
        for (index, steps) in used {
            let mut distance = index - before;
            before = index;
            while distance >= 0x80 {
                bytes.push(distance as u8 | 0x80);
                distance >>= 7;
            }
            bytes.push(distance as u8);
            bytes.push(steps.cast_unsigned());
        }
        let mut encoder = ZlibEncoder::new(MAGIC.to_vec(), Compression::best());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(&bytes);
        encoder.finish().unwrap_or_default()
    }

    /// What such a file says; nothing if it is no such file.
    pub fn read(file: &[u8]) -> Option<Self> {
        let packed = file.strip_prefix(MAGIC)?;
        let mut bytes = Vec::new();
        ZlibDecoder::new(packed).read_to_end(&mut bytes).ok()?;
        let mut rest = &bytes[..];
        let mut take = |count: usize| {
            let (taken, after) = rest.split_at_checked(count)?;
            rest = after;
            Some(taken)
        };
        let ham = u64::from_le_bytes(take(8)?.try_into().ok()?);
        let spam = u64::from_le_bytes(take(8)?.try_into().ok()?);
        let step = f32::from_le_bytes(take(4)?.try_into().ok()?);
        let count = u32::from_le_bytes(take(4)?.try_into().ok()?);
        let mut steps = vec![0; WEIGHTS];
        let mut at = 0;
        for _ in 0..count {
            let mut distance = 0;
            for shift in (0..28).step_by(7) {
                let byte = take(1)?[0];
                distance |= usize::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            at += distance;
            *steps.get_mut(at)? = take(1)?[0].cast_signed();
        }
        Some(Self {
            steps,
            step,
            counts: Counts { ham, spam },
        })
    }

    /// How many weights it has.
    pub fn len(&self) -> usize {
        self.steps.iter().filter(|steps| **steps != 0).count()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weight at a place.
    pub fn weight(&self, index: u32) -> f32 {
        f32::from(self.steps[index as usize]) * self.step
    }

    /// The evidence on a message.
    pub fn evidence(&self, features: &Features) -> f32 {
        let groups = SHIPPED_GROUPS.iter().map(|group| {
            let features = features.group(*group);
            let weights = features.iter().map(|index| self.weight(*index));
            weights.sum::<f32>() * model::scale(features.len())
        });
        groups.sum()
    }
}

/// Learns what the shipped model is to know.
#[derive(Debug)]
pub struct Builder {
    weights: Weights,
    /// In how many messages each feature was.
    seen: Vec<u16>,
    counts: Counts,
}

/// A feature of fewer messages tells more of them than of mail.
const SEEN: u16 = 4;

/// The first step: shorter than one that learns a message by heart, for others are to be judged.
const RATE: f32 = 8.0;

/// What is right to within this teaches nothing.
const SURE: f32 = 0.1;

impl Default for Builder {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            seen: vec![0; WEIGHTS],
            counts: Counts::default(),
        }
    }
}

impl Builder {
    /// Learns a message.
    pub fn learn(&mut self, features: &Features, is_spam: bool) {
        let evidence = model::evidence(|index| (&self.weights).weight(index), features);
        let mut step = Step::default();
        for group in SHIPPED_GROUPS {
            for index in features.group(group) {
                let seen = &mut self.seen[*index as usize];
                *seen = seen.saturating_add(1);
            }
            let error = model::error(evidence[group as usize], is_spam);
            if error.abs() >= SURE {
                step[group as usize] = error;
            }
        }
        model::learn_at(RATE, &mut &self.weights, features, &step);
        *(if is_spam {
            &mut self.counts.spam
        } else {
            &mut self.counts.ham
        }) += 1;
    }

    /// What was learnt of it.
    pub fn build(&self) -> Shipped {
        Shipped::of(&self.weights, self.counts, |index| {
            self.seen[index as usize] >= SEEN
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_was_written() {
        let weights = Weights::default();
        for (index, weight) in [
            (0, 0.5),
            (7, -2.0),
            (300, 0.001),
            (90_000, 1.0),
            (WEIGHTS as u32 - 1, -0.25),
        ] {
            weights.set(index, weight, 0.0);
        }
        let counts = Counts { ham: 3, spam: 2 };
        let shipped = Shipped::of(&weights, counts, |index| index != 7);
        assert_eq!(shipped.weight(90_000), 1.0);
        assert!((shipped.weight(0) - 0.5).abs() < 0.01);
        assert_eq!((shipped.weight(7), shipped.weight(300)), (0.0, 0.0));
        let file = shipped.write();
        assert_eq!(Shipped::read(&file), Some(shipped));
        for cut in 0..file.len() {
            assert_eq!(Shipped::read(&file[..cut]), None, "cut to {cut}");
        }
    }

    #[test]
    fn the_one_that_is_compiled_in_can_be_read_and_is_small() {
        let shipped = Shipped::built_in().expect("a model");
        assert!(shipped.len() > 10_000, "{}", shipped.len());
        assert!(FILE.len() <= 2 << 20, "{}", FILE.len());
    }
}
