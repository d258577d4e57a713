//! Features in few bytes, as they are kept on disk and in memory to be learned again: for each group their number,
//! and the distance of each index to the one before; then the servers that the message came by.

use crate::filter::classifier::features::{FEATURE_GROUPS, Features};
use crate::filter::classifier::hops::Hops;
use crate::filter::classifier::model::WEIGHTS;
use crate::filter::classifier::varint;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedFeatures(Box<[u8]>);

impl PackedFeatures {
    /// Packs features.
    pub fn of(features: &Features) -> Self {
        let mut bytes = Vec::with_capacity(2 * features.len() + 4 * FEATURE_GROUPS);
        for group in features.sorted_groups() {
            bytes.extend_from_slice(&(group.len() as u32).to_le_bytes());
            let mut before = 0;
            for index in group {
                varint::write(index - before, &mut bytes);
                before = index;
            }
        }
        features.hops.write(&mut bytes);
        Self(bytes.into())
    }

    /// Packed features; `None` if these bytes are something else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        unpack(bytes, &mut Features::default())?;
        Some(Self(bytes.into()))
    }

    /// The same, as releases packed them that knew nothing of servers.
    pub fn from_bytes_without_hops(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes.to_vec();
        Hops::default().write(&mut bytes);
        Self::from_bytes(&bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Unpacks them in place of others.
    pub fn unpack_into(&self, features: &mut Features) {
        // They were unpacked before, or packed here.
        let _ = unpack(&self.0, features);
    }

    /// Unpacks them.
    pub fn unpack(&self) -> Features {
        let mut features = Features::default();
        self.unpack_into(&mut features);
        features
    }
}

fn unpack(mut bytes: &[u8], features: &mut Features) -> Option<()> {
    features.indexes.clear();
    for end in &mut features.ends {
        let (count, rest) = bytes.split_first_chunk()?;
        bytes = rest;
        let mut before = 0_u32;
        for _ in 0..u32::from_le_bytes(*count) {
            let step = varint::read(|| {
                let (byte, rest) = bytes.split_first()?;
                bytes = rest;
                Some(*byte)
            })?;
            before = before.checked_add(step)?;
            if before as usize >= WEIGHTS {
                return None;
            }
            features.indexes.push(before);
        }
        *end = features.indexes.len();
    }
    features.hops = Hops::read(bytes)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_features_are_unpacked_and_others_refused() {
        let groups =
            std::array::from_fn(|group| vec![group as u32, 300, 70_000, WEIGHTS as u32 - 1]);
        let features = Features {
            hops: Hops::read(&[2, 1, 0, 2, 3]).unwrap(),
            ..Features::from_groups(&groups)
        };
        let packed = PackedFeatures::of(&features);
        assert_eq!(packed.unpack(), features);
        assert_eq!(
            PackedFeatures::from_bytes(packed.bytes()),
            Some(packed.clone())
        );
        for cut in 0..packed.bytes().len() {
            assert_eq!(
                PackedFeatures::from_bytes(&packed.bytes()[..cut]),
                None,
                "{cut}"
            );
        }
        let before = &packed.bytes()[..packed.bytes().len() - 5];
        let before = PackedFeatures::from_bytes_without_hops(before).unwrap();
        let without = Features {
            hops: Hops::default(),
            ..features
        };
        assert_eq!(before.unpack(), without);
        let more = [packed.bytes(), b"x"].concat();
        assert_eq!(PackedFeatures::from_bytes(&more), None);
    }
}
