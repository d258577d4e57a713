//! Sets and maps whose keys are hashes already, which need no further hashing.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use foldhash::quality::RandomState;

/// Hashes differ in each process: otherwise a sender could make up a word with the hash of another.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Hashes words for these sets.
pub(crate) fn hasher() -> impl Hasher {
    HASHES.build_hasher()
}

/// A set of hashes.
pub(crate) type HashesSet = HashSet<u64, BuildHasherDefault<SameHash>>;

/// A map from hashes.
pub(crate) type HashesMap<V> = HashMap<u64, V, BuildHasherDefault<SameHash>>;

/// The hash of a hash is itself.
#[derive(Debug, Default)]
pub(crate) struct SameHash(u64);

impl Hasher for SameHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Keys are numbers of 64 bits: this is for completeness.
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = self.0.rotate_left(8) ^ u64::from(*octet);
        }
    }
}
