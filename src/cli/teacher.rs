//! Teaching the learnt filter: what `train` and a release from the quarantine share.

use std::sync::Arc;

use super::{FAILURE, USAGE, complain, open};
use crate::config::Config;
use crate::filter::Filter;
use crate::filter::classifier::{self, Belief, LearnedState, Update};
use crate::message::Headers;
use crate::store::{Knowledge, KnowledgeError};

/// Teaches what is in a data directory.
pub(super) struct Teacher {
    filter: Filter,
    memory: LearnedState,
    knowledge: Knowledge,
    account: Option<Arc<str>>,
    /// Messages taught so far, or known already.
    taught: usize,
}

/// Who teaches more at a time has not looked at each.
const LOOKED_AT: usize = 100;

/// What came of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taught {
    /// It was learnt.
    New,
    /// It was learnt; before it was known as the other kind.
    Turned,
    /// It was known as that.
    Known,
    /// It has no header: it is something else.
    NoMail,
}

impl Teacher {
    /// Opens a data directory to teach for an account, or for all; or says what is wrong, and gives
    /// the exit code.
    pub(super) fn open(config: &Config, account: Option<Arc<str>>) -> Result<Self, u8> {
        let filter = open::filter(config, false).map_err(|problems| {
            complain(&problems);
            USAGE
        })?;
        let (knowledge, memory) = Knowledge::write(&config.data_dir).map_err(|error| {
            eprintln!("popgate: {error}");
            FAILURE
        })?;
        Ok(Self {
            filter: filter.decoding_for_classifier(),
            memory,
            knowledge,
            account,
            taught: 0,
        })
    }

    /// Teaches a message. It is on disk when this returns.
    ///
    /// # Errors
    /// As [`Knowledge::change`].
    pub(super) fn teach(&mut self, raw: &[u8], is_spam: bool) -> Result<Taught, KnowledgeError> {
        let raw = classifier::original(raw);
        if Headers::of(raw).fields().is_empty() {
            return Ok(Taught::NoMail);
        }
        // What is known counts, too: going on after an interruption must come to the same.
        self.taught += 1;
        let digest = classifier::digest(raw);
        let account = self.account.as_ref();
        // Before the work of looking at it.
        if self.memory.knows(account, digest) == Some(is_spam) {
            return Ok(Taught::Known);
        }
        let (_, features) = self.filter.judge_with_features(raw);
        let belief = match self.taught {
            0..=LOOKED_AT => Belief::Full,
            _ => Belief::Doubting,
        };
        let lesson = self
            .memory
            .update_for(account, digest, &features, is_spam, belief);
        let Update::Changes(changes) = lesson else {
            return Ok(Taught::Known);
        };
        for change in &changes {
            self.knowledge.change(&self.memory, change)?;
        }
        match changes.len() {
            1 => Ok(Taught::New),
            _ => Ok(Taught::Turned),
        }
    }

    /// Puts all of it in one piece.
    ///
    /// # Errors
    /// As [`Knowledge::save`].
    pub(super) fn save(&mut self) -> Result<(), KnowledgeError> {
        self.knowledge.save(&self.memory)
    }
}
