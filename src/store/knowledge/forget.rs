//! Forgets what was learned for some owners: their weights, their messages, and the samples to learn these again from.
//!
//! What was taught for all stays: there a message is one of many, and nobody knows whose it was.

use std::path::Path;

use super::{Knowledge, KnowledgeError, codec};
use crate::filter::classifier::{Belief, LearnedState, WeightsOwner};
use crate::store::durable_write;

impl Knowledge {
    /// Forgets owners; returns how many of their messages were learned.
    ///
    /// # Errors
    /// As [`Knowledge::write`]; what is on disk stays then.
    pub fn forget_owners(data_dir: &Path, owners: &[WeightsOwner]) -> Result<u64, KnowledgeError> {
        let (_, memory) = Self::read_usable(data_dir);
        if !owners.iter().any(|owner| memory.has_owner(owner)) {
            return Ok(0);
        }
        let (mut knowledge, memory) = Self::write(data_dir)?;
        knowledge.forget_in(&memory, owners)
    }

    /// The same, of the open folder.
    pub(super) fn forget_in(
        &mut self,
        memory: &LearnedState,
        owners: &[WeightsOwner],
    ) -> Result<u64, KnowledgeError> {
        // The journal's labels are trusted as far as before.
        let mut samples = self.fold(Belief::Full)?;
        samples.retain(|sample| !sample.owner.as_ref().is_some_and(|it| owners.contains(it)));
        self.write_samples(samples.iter())?;
        self.forget_in_base(owners)?;
        let forgotten = owners.iter().map(|owner| memory.forget_owner(owner)).sum();
        self.write_snapshot(memory)?;
        Ok(forgotten)
    }

    fn forget_in_base(&self, owners: &[WeightsOwner]) -> Result<(), KnowledgeError> {
        let Some(base) = self.base()? else {
            return Ok(());
        };
        for owner in owners {
            base.forget_owner(owner);
        }
        let (path, new) = (self.folder.join("base"), self.folder.join("base.new"));
        durable_write::replace_through(&new, &path, &codec::write_weights(&base, 0))
            .map(drop)
            .map_err(|error| KnowledgeError::Io(path, error))
    }
}
