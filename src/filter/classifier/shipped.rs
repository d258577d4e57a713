//! The shipped model: used until enough is learned.
//!
//! In: the file that `popgate model build` writes; out: evidence from the words of a message. It sees
//! only the visible text ([`SHIPPED_GROUPS`]): header fields, relays and hosts identify a collection
//! of mail and would mislead elsewhere. A user's own examples soon outweigh it.
//!
//! The file: [`MAGIC`], then zlib of: messages learned as ham and as spam (u64), the size of a step
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
use crate::filter::classifier::varint;

/// The groups it uses.
pub const SHIPPED_GROUPS: [FeatureGroup; 2] = [FeatureGroup::Text, FeatureGroup::Words];

const MAGIC: &[u8; 16] = b"popgate model 1\n";

/// Weights are quantised to this many steps either way.
const STEPS: f32 = 127.0;

/// The share of weights that are not clamped.
const WHOLE: f64 = 0.999;

/// Built with the features and hashes of this release; rebuild it after changing them.
static FILE: &[u8] = include_bytes!("../../../rules/model/popgate.model");

static BUILT_IN: LazyLock<Option<Arc<Shipped>>> =
    LazyLock::new(|| Shipped::read(FILE).map(Arc::new));

/// See the module.
#[derive(Debug, PartialEq)]
pub struct Shipped {
    steps: Vec<i8>,
    step: f32,
    /// The number of messages it was trained on.
    pub counts: Counts,
}

impl Shipped {
    /// The compiled-in model.
    pub fn built_in() -> Option<Arc<Self>> {
        BUILT_IN.clone()
    }

    /// Quantises learned weights. `keep` says whether to keep the weight at an index.
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

    /// Encodes it as a file.
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
            varint::write((index - before) as u32, &mut bytes);
            before = index;
            bytes.push(steps.cast_unsigned());
        }
        let mut encoder = ZlibEncoder::new(MAGIC.to_vec(), Compression::best());
        // Writing to memory cannot fail.
        let _ = encoder.write_all(&bytes);
        encoder.finish().unwrap_or_default()
    }

    /// Decodes such a file; `None` if it is not one.
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
            at += varint::read(|| Some(take(1)?[0]))? as usize;
            *steps.get_mut(at)? = take(1)?[0].cast_signed();
        }
        Some(Self {
            steps,
            step,
            counts: Counts { ham, spam },
        })
    }

    /// Number of its weights.
    pub fn len(&self) -> usize {
        self.steps.iter().filter(|steps| **steps != 0).count()
    }

    /// Whether it has no weights.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The weight at an index.
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

/// Trains the shipped model.
#[derive(Debug)]
pub struct Builder {
    weights: Weights,
    /// The number of messages with each feature.
    seen: Vec<u16>,
    counts: Counts,
}

/// A feature of fewer messages is typical for them and not for mail.
const SEEN: u16 = 4;

/// Learning rate: lower than for a user's own mail, because other mail is to be judged.
const RATE: f32 = 8.0;

/// A smaller error teaches nothing.
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

    /// The trained model.
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
    fn a_written_file_is_read_back() {
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
    fn the_built_in_model_can_be_read_and_is_small() {
        let shipped = Shipped::built_in().expect("a model");
        assert!(shipped.len() > 10_000, "{}", shipped.len());
        assert!(FILE.len() <= 2 << 20, "{}", FILE.len());
    }
}
