//! The samples: learned messages, as features, that are learned again when others are.
//!
//! In: the journal's changes; out: the samples with those changes, on disk and in memory. Their size is bounded: of
//! each kind those with the smallest digests stay, which is a random part, and the same one whatever the order in
//! which the messages came. What was learned before there were samples, or is imported, is kept as the base, on which
//! the samples are learned.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::codec::{self, About};
use super::{Knowledge, KnowledgeError, Unusable, damage};
use crate::filter::classifier::learned_messages::{Digest, Learned};
use crate::filter::classifier::pile::Sample;
use crate::filter::classifier::{Belief, LearnedState, PackedFeatures, WeightsOwner};
use crate::store::durable_write;

/// The most octets of samples of each kind: about 5,000 messages.
const LIMIT: usize = 48 << 20;

/// Octets of a sample besides its features.
const OVERHEAD: usize = 100;

/// By digest: the order in which they are learned.
type Samples = BTreeMap<(Digest, Option<WeightsOwner>), Sample>;

impl Knowledge {
    /// Adds the journal's changes to the samples, and returns them in the order of their digests. The journal may have
    /// been added before: the result is the same. `belief` is how far its labels are trusted.
    pub(super) fn fold(&self, belief: Belief) -> Result<Vec<Sample>, KnowledgeError> {
        let path = self.folder.join("samples");
        let mut samples = Samples::new();
        let mut is_new = false;
        match damage::open(&path)? {
            Some(file) => {
                let each = |it: About, features| insert(&mut samples, &it, features, it.belief);
                self.read_records(&path, file, each)?;
            }
            None => {
                self.keep_base()?;
                is_new = true;
            }
        }
        let journal = self.folder.join("journal");
        let mut changes = 0;
        if let Some(file) = damage::open(&journal)? {
            self.read_records(&journal, file, |it, features| {
                changes += 1;
                let belief = match belief {
                    Belief::Full => it.belief,
                    Belief::Doubting => Belief::Doubting,
                };
                insert(&mut samples, &it, features, belief);
            })?;
        }
        bound(&mut samples, LIMIT);
        if is_new || changes > 0 {
            self.write_samples(samples.values())?;
        }
        Ok(samples.into_values().collect())
    }

    /// Replaces the samples.
    pub(super) fn write_samples<'s>(
        &self,
        samples: impl Iterator<Item = &'s Sample>,
    ) -> Result<(), KnowledgeError> {
        let mut bytes = codec::write_head(0);
        for sample in samples {
            let about = About {
                owner: sample.owner.clone(),
                digest: sample.digest,
                sender: sample.sender,
                learned: Learned {
                    is_spam: sample.is_spam,
                    step: Default::default(),
                    hops: Default::default(),
                },
                belief: sample.belief,
                back: false,
            };
            bytes.extend_from_slice(&codec::write_record(&about, &sample.features));
        }
        let path = self.folder.join("samples");
        let new = self.folder.join("samples.new");
        durable_write::replace_through(&new, &path, &bytes)
            .map(drop)
            .map_err(|error| KnowledgeError::Io(path, error))
    }

    /// Calls `each` for the records of a file, up to the first that is not complete.
    fn read_records(
        &self,
        path: &Path,
        file: File,
        mut each: impl FnMut(About, PackedFeatures),
    ) -> Result<(), KnowledgeError> {
        let failed = |error| KnowledgeError::Io(path.to_owned(), error);
        let mut file = BufReader::new(file);
        let mut head = [0; codec::HEAD];
        match file.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read.map_err(failed)?,
        }
        let version = codec::read_head(&head)
            .map_err(|fault| fault.at(path))?
            .version;
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            (&mut file)
                .take(4)
                .read_to_end(&mut bytes)
                .map_err(failed)?;
            let Some(length) = codec::record_length(&bytes) else {
                return Ok(());
            };
            let rest = (length - bytes.len()) as u64;
            (&mut file)
                .take(rest)
                .read_to_end(&mut bytes)
                .map_err(failed)?;
            let Some((about, features, _)) = codec::read_record(&bytes, version) else {
                return Ok(());
            };
            each(about, features);
        }
    }

    /// Weights that there are no samples of become the base.
    fn keep_base(&self) -> Result<(), KnowledgeError> {
        let weights = self.folder.join("weights");
        let base = self.folder.join("base");
        let Some(mut file) = damage::open(&weights)? else {
            return self.remove("base");
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| KnowledgeError::Io(weights, error))?;
        let new = self.folder.join("base.new");
        durable_write::replace_through(&new, &base, &bytes)
            .map(drop)
            .map_err(|error| KnowledgeError::Io(base, error))
    }

    /// The base, if there is one.
    pub(super) fn base(&self) -> Result<Option<LearnedState>, KnowledgeError> {
        let path = self.folder.join("base");
        let Some(file) = damage::open(&path)? else {
            return Ok(None);
        };
        let read = codec::read_weights(file).map_err(|fault| fault.at(&path))?;
        Ok(Some(read.1))
    }

    /// Samples, or a base, that cannot be read are kept aside: the weights take their place.
    pub(super) fn set_damaged_samples_aside(&mut self) -> Result<(), KnowledgeError> {
        let found = self.samples_damage();
        let Err(error) = found else {
            return Ok(());
        };
        let KnowledgeError::Damaged(..) = &error else {
            return Err(error);
        };
        let mut unusable = Unusable::in_part(error);
        for name in ["samples", "base"] {
            let path = self.folder.join(name);
            let kept = damage::set_aside(&path).map_err(|error| KnowledgeError::Io(path, error))?;
            unusable.kept.extend(kept);
        }
        self.unusable.get_or_insert(unusable);
        Ok(())
    }

    fn samples_damage(&self) -> Result<(), KnowledgeError> {
        let path = self.folder.join("samples");
        if let Some(file) = damage::open(&path)? {
            let mut head = Vec::new();
            file.take(codec::HEAD as u64)
                .read_to_end(&mut head)
                .map_err(|error| KnowledgeError::Io(path.clone(), error))?;
            codec::read_head(&head).map_err(|fault| fault.at(&path))?;
        }
        self.base().map(drop)
    }

    /// Removes a file of the learned state.
    pub(super) fn remove(&self, name: &str) -> Result<(), KnowledgeError> {
        let path = self.folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(KnowledgeError::Io(path, error))
            }
            _ => Ok(()),
        }
    }
}

fn insert(samples: &mut Samples, about: &About, features: PackedFeatures, belief: Belief) {
    let key = (about.digest, about.owner.clone());
    if about.back {
        samples.remove(&key);
        return;
    }
    let sample = Sample {
        owner: about.owner.clone(),
        digest: about.digest,
        is_spam: about.learned.is_spam,
        sender: about.sender,
        belief,
        features,
    };
    samples.insert(key, sample);
}

/// Leaves of each kind the first samples.
fn bound(samples: &mut Samples, limit: usize) {
    let mut room = [limit; 2];
    samples.retain(|_, sample| {
        let room = &mut room[usize::from(sample.is_spam)];
        let size = sample.features.bytes().len() + OVERHEAD;
        // Once one has no room, none after it has: which ones stay must not depend on those that came before.
        *room = room.checked_sub(size).unwrap_or(0);
        *room > 0
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::classifier::Features;

    fn samples(numbers: impl Iterator<Item = u32>) -> Samples {
        let sample = |number: u32| {
            let digest = u128::from(number.wrapping_mul(0x9e37_79b9)).to_be_bytes();
            let sample = Sample {
                owner: None,
                digest,
                is_spam: number.is_multiple_of(3),
                sender: 0,
                belief: Belief::Full,
                features: PackedFeatures::of(&Features::default()),
            };
            ((digest, None), sample)
        };
        numbers.map(sample).collect()
    }

    #[test]
    fn the_same_samples_stay_whatever_came_first() {
        let limit = 40 * (OVERHEAD + 36);
        let mut at_once = samples(0..500);
        bound(&mut at_once, limit);
        let spam = at_once.values().filter(|sample| sample.is_spam).count();
        assert_eq!((at_once.len() - spam, spam), (39, 39));
        let mut in_parts = Samples::new();
        for part in [300..500, 0..100, 100..300] {
            in_parts.extend(samples(part));
            bound(&mut in_parts, limit);
        }
        assert_eq!(in_parts, at_once);
    }
}
