//! The trainer: teaches the learned filter one message at a time.
//!
//! In: a message and what it is; out: changed weights in the data directory, which survive a kill when
//! it returns, and a power failure after `sync` or `save`.

use std::path::Path;

use crate::filter::Filter;
use crate::filter::classifier::{self, Belief, LearnedState, Update, WeightsOwner};
use crate::message::Headers;
use crate::store::{Knowledge, KnowledgeError, Unusable};

/// Teaches the weights of a data directory.
#[derive(Debug)]
pub struct Trainer {
    filter: Filter,
    memory: LearnedState,
    knowledge: Knowledge,
    owner: Option<WeightsOwner>,
    /// Messages taught so far, or known already.
    taught: usize,
}

/// Labels of a corpus that is larger than this were not checked one by one.
const LOOKED_AT: usize = 100;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taught {
    /// It was learned.
    New,
    /// It was learned; before it was known as the other kind.
    Relabelled,
    /// It was known as that.
    Known,
    /// It has no header: it is something else.
    NotMail,
}

impl Trainer {
    /// Opens a data directory to teach for an account, or for all.
    ///
    /// # Errors
    /// As [`Knowledge::write`].
    pub fn open(
        filter: Filter,
        data_dir: &Path,
        owner: Option<WeightsOwner>,
    ) -> Result<Self, KnowledgeError> {
        let (knowledge, memory) = Knowledge::write(data_dir)?;
        Ok(Self {
            filter: filter.decoding_for_classifier(),
            memory,
            knowledge,
            owner,
            taught: 0,
        })
    }

    /// What was learned before and cannot be used.
    pub fn unusable(&self) -> Option<&Unusable> {
        self.knowledge.unusable()
    }

    /// Teaches a message. It survives the end of this process when this returns, however that ends.
    ///
    /// # Errors
    /// As [`Knowledge::change`].
    pub fn teach(&mut self, raw: &[u8], is_spam: bool) -> Result<Taught, KnowledgeError> {
        let raw = classifier::original(raw);
        if Headers::of(raw).fields().is_empty() {
            return Ok(Taught::NotMail);
        }
        // Known messages count, too: continuing after an interruption must give the same result.
        self.taught += 1;
        let digest = classifier::digest(raw);
        let owner = self.owner.as_ref();
        // Before the work of looking at it.
        if self.memory.knows(owner, digest) == Some(is_spam) {
            return Ok(Taught::Known);
        }
        let (_, features) = self.filter.judge_with_features(raw);
        let belief = match self.taught {
            0..=LOOKED_AT => Belief::Full,
            _ => Belief::Doubting,
        };
        let lesson = self
            .memory
            .update_for(owner, digest, &features, is_spam, belief);
        let Update::Changes(changes) = lesson else {
            return Ok(Taught::Known);
        };
        for change in &changes {
            self.knowledge.change(&self.memory, change)?;
        }
        match changes.len() {
            1 => Ok(Taught::New),
            _ => Ok(Taught::Relabelled),
        }
    }

    /// Waits until what was taught survives a power failure, too.
    ///
    /// # Errors
    /// As [`Knowledge::sync`].
    pub fn sync(&self) -> Result<(), KnowledgeError> {
        self.knowledge.sync()
    }

    /// Writes everything in one piece.
    ///
    /// # Errors
    /// As [`Knowledge::save`].
    pub fn save(&mut self) -> Result<(), KnowledgeError> {
        self.knowledge.save(&self.memory)
    }
}
