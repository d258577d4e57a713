//! Features as a row of the history keeps them: for each group a set, in as few bytes as its indexes have entropy.
//!
//! Many messages are kept and few are ever learned from, so packing is what must be fast: indexes are distributed to
//! buckets, of which the high bits are counted and the low bits listed (Elias 1974, Fano 1971), and only unpacking sorts
//! them. Indexes are hashes: 13 bits each remain of 21.
//!
//! For each group: the number of indexes (as [`varint`]); for each bucket so many ones and a zero; the low bits of each
//! index, all of the same width, the lowest bit first; each part fills its last byte with zeros. Then the servers that the
//! message came by.

use crate::filter::classifier::features::{FEATURE_GROUPS, FeatureGroup, Features};
use crate::filter::classifier::hash::BITS;
use crate::filter::classifier::hops::Hops;
use crate::filter::classifier::packed::PackedFeatures;
use crate::filter::classifier::varint;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSet(Box<[u8]>);

impl FeatureSet {
    /// The set of features.
    pub fn of(features: &Features) -> Self {
        let mut bytes = Vec::with_capacity(2 * features.len() + 4 * FEATURE_GROUPS);
        let mut packer = Packer::default();
        for group in FeatureGroup::ALL {
            packer.pack(features.group(group), &mut bytes);
        }
        features.hops.write(&mut bytes);
        Self(bytes.into())
    }

    /// A set; `None` if these bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        unpack(bytes)?;
        Some(Self(bytes.into()))
    }

    /// The same, of a release that knew nothing of servers.
    pub fn from_bytes_without_hops(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes.to_vec();
        Hops::default().write(&mut bytes);
        Self::from_bytes(&bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The features, in each group sorted by index.
    pub fn unpack(&self) -> Features {
        // They were unpacked before, or packed here.
        let (mut groups, hops) = unpack(&self.0).unwrap_or_default();
        groups.iter_mut().for_each(|group| group.sort_unstable());
        Features {
            hops,
            ..Features::from_groups(&groups)
        }
    }
}

impl From<&PackedFeatures> for FeatureSet {
    fn from(packed: &PackedFeatures) -> Self {
        Self::of(&packed.unpack())
    }
}

/// Low bits of an index among so many: there are one to two buckets for each.
fn low_bits(count: usize) -> u32 {
    BITS.saturating_sub(usize::BITS - count.leading_zeros())
}

/// What is allocated once for all groups.
#[derive(Debug, Default)]
struct Packer {
    /// For each bucket the place of its next index.
    next: Vec<u32>,
    low: Vec<u32>,
}

impl Packer {
    fn pack(&mut self, group: &[u32], out: &mut Vec<u8>) {
        varint::write(group.len() as u32, out);
        if group.is_empty() {
            return;
        }
        let bits = low_bits(group.len());
        let buckets = 1 << (BITS - bits);
        let bucket = |index: u32| (index >> bits) as usize;
        self.next.clear();
        self.next.resize(buckets, 0);
        for index in group {
            self.next[bucket(*index)] += 1;
        }
        let mut before = 0;
        for next in &mut self.next {
            let count = *next;
            *next = before;
            before += count;
        }
        self.low.clear();
        self.low.resize(group.len(), 0);
        let begin = out.len();
        out.resize(begin + high_bytes(group.len(), buckets), 0);
        let high = &mut out[begin..];
        for index in group {
            let bucket = bucket(*index);
            let place = &mut self.next[bucket];
            // After the ones of all that were before it, and the zeros of the buckets.
            let bit = bucket + *place as usize;
            high[bit / 8] |= 1 << (bit % 8);
            self.low[*place as usize] = index & ((1 << bits) - 1);
            *place += 1;
        }
        let (mut waiting, mut count) = (0_u64, 0);
        for low in &self.low {
            waiting |= u64::from(*low) << count;
            count += bits;
            if count >= 32 {
                out.extend_from_slice(&(waiting as u32).to_le_bytes());
                waiting >>= 32;
                count -= 32;
            }
        }
        out.extend_from_slice(&waiting.to_le_bytes()[..count.div_ceil(8) as usize]);
    }
}

fn high_bytes(count: usize, buckets: usize) -> usize {
    (count + buckets).div_ceil(8)
}

fn unpack(mut bytes: &[u8]) -> Option<([Vec<u32>; FEATURE_GROUPS], Hops)> {
    let mut groups = <[Vec<u32>; FEATURE_GROUPS]>::default();
    for group in &mut groups {
        let count = varint::read(|| {
            let (byte, rest) = bytes.split_first()?;
            bytes = rest;
            Some(*byte)
        })?;
        if count > 0 {
            (*group, bytes) = unpack_group(bytes, count as usize)?;
        }
    }
    Some((groups, Hops::read(bytes)?))
}

fn unpack_group(bytes: &[u8], count: usize) -> Option<(Vec<u32>, &[u8])> {
    let bits = low_bits(count);
    let buckets = 1 << (BITS - bits);
    let (high, rest) = bytes.split_at_checked(high_bytes(count, buckets))?;
    let low_bytes = count.checked_mul(bits as usize)?.div_ceil(8);
    let (low, rest) = rest.split_at_checked(low_bytes)?;
    let mut indexes = Vec::with_capacity(count);
    let (mut bucket, mut at) = (0_u32, 0);
    for bit in 0..count + buckets {
        if high[bit / 8] >> (bit % 8) & 1 == 0 {
            bucket += 1;
            continue;
        }
        if bucket as usize >= buckets {
            return None;
        }
        indexes.push(bucket << bits | number(low, at, bits));
        at += bits as usize;
        if indexes.len() > count {
            return None;
        }
    }
    (indexes.len() == count).then_some((indexes, rest))
}

/// So many bits from this one on; zeros after the end.
fn number(bytes: &[u8], at: usize, bits: u32) -> u32 {
    let mut octets = [0; 8];
    for (octet, byte) in octets.iter_mut().zip(bytes.get(at / 8..).unwrap_or(&[])) {
        *octet = *byte;
    }
    let shifted = u64::from_le_bytes(octets) >> (at % 8);
    (shifted & ((1 << bits) - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::model::WEIGHTS;

    /// Different indexes that look like hashes.
    fn indexes(count: usize, salt: u64) -> Vec<u32> {
        let mut all: Vec<u32> = (0..count as u64)
            .map(|number| {
                ((number + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS)) as u32
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        all.reverse();
        all
    }

    fn features(counts: [usize; FEATURE_GROUPS]) -> Features {
        let mut salt = 0;
        Features::from_groups(&counts.map(|count| {
            salt += 1_000_003;
            indexes(count, salt)
        }))
    }

    #[test]
    fn a_set_has_the_features_that_were_put_into_it() {
        let ends = vec![0, WEIGHTS as u32 - 1];
        let mut groups: [Vec<u32>; FEATURE_GROUPS] = Default::default();
        groups[3] = ends;
        for features in [
            Features::default(),
            Features::from_groups(&groups),
            features([1405, 211, 27, 1130, 733, 416, 10, 3, 0]),
            features([1, 2, 3, 4, 5, 7, 8, 9, 25_000]),
            Features {
                hops: Hops::read(&[1, 0, 7]).unwrap(),
                ..features([5; FEATURE_GROUPS])
            },
        ] {
            let set = FeatureSet::of(&features);
            let packed = PackedFeatures::of(&features);
            assert_eq!(set.unpack(), packed.unpack());
            assert_eq!(FeatureSet::from(&packed).unpack(), packed.unpack());
            assert_eq!(FeatureSet::from_bytes(set.bytes()), Some(set));
        }
    }

    #[test]
    fn a_set_is_smaller_than_a_list() {
        let features = features([1405, 211, 27, 1130, 733, 416, 10, 3, 0]);
        let bits = 8 * FeatureSet::of(&features).bytes().len();
        let each = bits as f64 / features.len() as f64;
        assert!(each < 13.5, "{each}");
    }

    #[test]
    fn other_bytes_are_refused() {
        let set = FeatureSet::of(&features([300, 0, 1, 20, 5, 5, 5, 5, 2]));
        let bytes = set.bytes();
        for cut in 0..bytes.len() {
            assert_eq!(FeatureSet::from_bytes(&bytes[..cut]), None, "{cut}");
        }
        assert_eq!(FeatureSet::from_bytes(&[bytes, b"x"].concat()), None);
        // Too few or too many in the buckets of the first group, and a number of indexes for which there are no bytes.
        for (at, byte) in [(2, 0), (2, 0xff)] {
            let mut other = bytes.to_vec();
            assert_ne!(other[at], byte);
            other[at] = byte;
            assert_eq!(FeatureSet::from_bytes(&other), None, "{byte}");
        }
        assert_eq!(
            FeatureSet::from_bytes(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]),
            None
        );
    }
}
