//! The shipped model: what is known of mail before anything was taught.
//!
//! In: the file that `popgate model build` writes; out: evidence from the words and links of a message. It sees
//! only [`SHIPPED_GROUPS`]: header fields and relays identify a collection of mail and would mislead elsewhere.
//!
//! The file: [`MAGIC`], then zlib of: messages learned as ham and as spam (u64), the log odds of a message of which
//! it knows nothing (f32), the size of a step (f32), the number of weights (u32), and for each the distance from the one before (seven bits a
//! byte, the lowest first) and its steps (i8). All numbers are little-endian.

use std::io::{BufReader, Read, Write};
use std::sync::{Arc, LazyLock};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::filter::classifier::counts::Counts;
use crate::filter::classifier::features::{FeatureGroup, Features};
use crate::filter::classifier::model::{self, WEIGHTS};
use crate::filter::classifier::varint;

/// The groups it uses.
pub const SHIPPED_GROUPS: [FeatureGroup; 3] =
    [FeatureGroup::Text, FeatureGroup::Words, FeatureGroup::Links];

/// The part that links have in the evidence, and the most: they change faster than words.
pub const LINK_SHARE: f64 = 0.6;
const LINKS_MOST: f32 = 1.5;

/// Distinct 4-grams of text, about those of ten words, with which half of the evidence counts.
const SHORT: f64 = 50.0;

/// The share of words and pairs of words that it knows, beyond those that have a weight by chance, from which on evidence
/// counts in full. In languages that it has not learned it is half of that, in others from 0.15 up.
const FAMILIAR: f64 = 0.2;

const MAGIC: &[u8; 16] = b"popgate model 2\n";

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
    steps: Box<[i8; WEIGHTS]>,
    /// The weight of each number of steps, as if it had no sign.
    sizes: [f32; 256],
    /// The share of indexes that have a weight.
    used: f64,
    step: f32,
    bias: f32,
    /// The number of messages it was trained on.
    pub counts: Counts,
}

impl Shipped {
    /// The compiled-in model.
    pub fn built_in() -> Option<Arc<Self>> {
        BUILT_IN.clone()
    }

    /// Begins to read the compiled-in model on another thread: it takes as long as a fourth of the stock rules.
    pub fn prepare() {
        rayon::spawn(|| {
            LazyLock::force(&BUILT_IN);
        });
    }

    /// Quantises learned weights, by index; `bias` is what it says of a message of which it knows nothing.
    pub fn new(weights: &[f32], bias: f32, counts: Counts) -> Self {
        let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
        sizes.retain(|size| *size > 0.0);
        sizes.sort_unstable_by(f32::total_cmp);
        let last = (sizes.len() as f64 * WHOLE) as usize;
        let largest = sizes.get(last.min(sizes.len().saturating_sub(1)));
        let step = largest.copied().unwrap_or(1.0) / STEPS;
        let steps = weights
            .iter()
            .map(|weight| (weight / step).round().clamp(-STEPS, STEPS) as i8);
        Self::of_steps(steps.collect(), step, bias, counts)
    }

    /// Of steps by index; what is missing has no weight.
    fn of_steps(mut steps: Vec<i8>, step: f32, bias: f32, counts: Counts) -> Self {
        steps.resize(WEIGHTS, 0);
        let used = used(&steps);
        let all = steps.into_boxed_slice().try_into();
        Self {
            // It has this length.
            steps: all.unwrap_or_else(|_| Box::new([0; WEIGHTS])),
            sizes: std::array::from_fn(|steps| f32::from((steps as u8).cast_signed()) * step),
            used,
            step,
            bias,
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
        bytes.extend_from_slice(&self.bias.to_le_bytes());
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
        // Unpacked as a whole it would take as much memory as the weights, for a moment.
        let mut octets = BufReader::new(ZlibDecoder::new(packed)).bytes();
        let mut next = || octets.next()?.ok();
        let ham = u64::from_le_bytes(some(&mut next)?);
        let spam = u64::from_le_bytes(some(&mut next)?);
        let bias = f32::from_le_bytes(some(&mut next)?);
        let step = f32::from_le_bytes(some(&mut next)?);
        let count = u32::from_le_bytes(some(&mut next)?);
        let mut steps = vec![0; WEIGHTS];
        let mut at = 0;
        for _ in 0..count {
            at += varint::read(&mut next)? as usize;
            *steps.get_mut(at)? = next()?.cast_signed();
        }
        // Its checksum is at the end.
        octets.all(|octet| octet.is_ok()).then_some(())?;
        Some(Self::of_steps(steps, step, bias, Counts { ham, spam }))
    }

    /// Number of its weights.
    pub fn len(&self) -> usize {
        self.steps.iter().filter(|steps| **steps != 0).count()
    }

    /// Whether it has no weights.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The steps of the weight at an index.
    #[inline]
    fn steps(&self, index: u32) -> i8 {
        self.steps[index as usize % WEIGHTS]
    }

    /// The weight at an index.
    #[inline]
    pub fn weight(&self, index: u32) -> f32 {
        self.sizes[usize::from(self.steps(index).cast_unsigned())]
    }

    /// The log odds that a message is spam, of which rule files say how many points they add: little of a short text, and
    /// of one in a language that it does not know, nothing without any text.
    pub fn log_odds(&self, features: &Features) -> f64 {
        let length = features.group(FeatureGroup::Text).len() as f64;
        f64::from(self.evidence(features)) * length / (length + SHORT) * self.familiarity(features)
    }

    /// How far a text is like what it has learned, whatever that says of it, from 0 to 1.
    fn familiarity(&self, features: &Features) -> f64 {
        let words = features.group(FeatureGroup::Words);
        let known = words.iter().map(|index| u32::from(self.steps(*index) != 0));
        let share = f64::from(known.sum::<u32>()) / words.len().max(1) as f64;
        let beyond_chance = (share - self.used) / (1.0 - self.used).max(f64::MIN_POSITIVE);
        (beyond_chance / FAMILIAR).clamp(0.0, 1.0)
    }

    /// The evidence on a message, whatever its length.
    pub fn evidence(&self, features: &Features) -> f32 {
        let [text, words, links] = SHIPPED_GROUPS.map(|group| features.group(group));
        let (of_text, of_words) = self.sums(text, words);
        let evidence = |sum: f32, features: &[u32]| sum * model::scale(features.len());
        let of_links = links.iter().map(|index| self.weight(*index)).sum::<f32>();
        let groups = [
            evidence(of_text, text),
            evidence(of_words, words),
            evidence(of_links, links).clamp(-LINKS_MOST, LINKS_MOST),
        ];
        self.bias + groups.iter().sum::<f32>()
    }

    /// The sums of two groups' weights, each in the order of its features. A processor adds to one while it waits for the
    /// other.
    fn sums(&self, one: &[u32], other: &[u32]) -> (f32, f32) {
        // As the standard library's sums begin.
        let (mut first, mut second) = (-0.0, -0.0);
        let both = one.len().min(other.len());
        let ((one, rest), (other, others)) = (one.split_at(both), other.split_at(both));
        for (one, other) in one.iter().zip(other) {
            first += self.weight(*one);
            second += self.weight(*other);
        }
        let (chunks, end) = rest.as_chunks::<8>();
        let rest = chunks.iter().flatten().chain(end);
        rest.for_each(|index| first += self.weight(*index));
        others
            .iter()
            .for_each(|index| second += self.weight(*index));
        (first, second)
    }
}

/// The share of indexes that have a weight.
fn used(steps: &[i8]) -> f64 {
    let used = steps.iter().filter(|steps| **steps != 0).count();
    used as f64 / steps.len().max(1) as f64
}

/// So many octets.
fn some<const COUNT: usize>(next: &mut impl FnMut() -> Option<u8>) -> Option<[u8; COUNT]> {
    let mut octets = [0; COUNT];
    for octet in &mut octets {
        *octet = next()?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_read_back() {
        let mut weights = vec![0.0; WEIGHTS];
        for (index, weight) in [(0, 0.5), (300, 0.001), (90_000, 1.0), (WEIGHTS - 1, -0.25)] {
            weights[index] = weight;
        }
        let counts = Counts { ham: 3, spam: 2 };
        let shipped = Shipped::new(&weights, -0.5, counts);
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
    fn evidence_is_the_sum_of_each_group() {
        let mut random = fastrand::Rng::with_seed(5);
        let weights: Vec<f32> = (0..WEIGHTS).map(|_| random.f32() - 0.5).collect();
        let shipped = Shipped::new(&weights, 0.25, Counts::default());
        for lengths in [[0, 0, 0], [700, 400, 9], [3, 50, 0], [41, 41, 1]] {
            let mut groups: [Vec<u32>; 9] = Default::default();
            for (group, length) in SHIPPED_GROUPS.into_iter().zip(lengths) {
                let indexes = std::iter::repeat_with(|| random.u32(..WEIGHTS as u32));
                groups[group as usize] = indexes.take(length).collect();
            }
            let features = Features::from_groups(&groups);
            let each = SHIPPED_GROUPS.map(|group| {
                let all = features.group(group);
                let weight = |at: &u32| f32::from(shipped.steps[*at as usize]) * shipped.step;
                let sum = all.iter().map(weight).sum::<f32>() * model::scale(all.len());
                match group {
                    FeatureGroup::Links => sum.clamp(-LINKS_MOST, LINKS_MOST),
                    _ => sum,
                }
            });
            assert_eq!(shipped.evidence(&features), 0.25 + each.iter().sum::<f32>());
        }
    }

    #[test]
    fn a_text_of_unknown_words_says_little() {
        let mut weights = vec![0.0; WEIGHTS];
        (0..200).for_each(|index| weights[index] = 0.5);
        let shipped = Shipped::new(&weights, 0.0, Counts::default());
        let log_odds = |known: u32| {
            let mut groups: [Vec<u32>; 9] = Default::default();
            groups[FeatureGroup::Text as usize] = (0..100).collect();
            groups[FeatureGroup::Words as usize] = (200 - known..300 - known).collect();
            shipped.log_odds(&Features::from_groups(&groups))
        };
        // Each word that is known has its own evidence, too.
        let of_letters = 5.0 * 100.0 / 150.0;
        assert_eq!(log_odds(0), 0.0);
        let half = (of_letters + 0.5 * 10.0 / 10.0 * 100.0 / 150.0) / 2.0;
        assert!((log_odds(10) - half).abs() < 0.05, "{}", log_odds(10));
        assert!(log_odds(20) > of_letters && log_odds(100) > log_odds(20));
    }

    #[test]
    fn the_built_in_model_can_be_read_and_is_small() {
        let shipped = Shipped::built_in().expect("a model");
        assert!(shipped.len() > 10_000, "{}", shipped.len());
        assert!(FILE.len() <= 2 << 20, "{}", FILE.len());
    }
}
