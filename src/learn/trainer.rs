//! The trainer: teaches the learned filter one message at a time.
//!
//! In: a message and what it is, or that it is to be forgotten; out: changed weights in the data directory, which
//! survive a kill when it returns, and a power failure after `sync` or `save`. Each change takes effect at once; `save`
//! learns all that was ever taught anew, so that the order in which it was taught has no part in the result.
//!
//! Where several nodes share lessons, what is taught goes into their store, some hundred messages at a time and with `sync`
//! and `save`; then it is applied here as on every node.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::filter::classifier::{
    Belief, Digest, Features, LearnedState, Lesson, PackedFeatures, Update, WeightsOwner, identity,
    is_popgates_own,
};
use crate::filter::{Filter, NotedLesson};
use crate::message::Headers;
use crate::store::{self, Knowledge, KnowledgeError, SharedLessons, Unusable};

/// Teaches the weights of a data directory.
#[derive(Debug)]
pub struct Trainer {
    filter: Filter,
    memory: LearnedState,
    knowledge: Knowledge,
    owner: Option<WeightsOwner>,
    /// Messages taught so far, or known already.
    taught: usize,
    shared: Option<Shared>,
}

/// What is to go into the store of several nodes.
#[derive(Debug)]
struct Shared {
    lessons: SharedLessons,
    waiting: Vec<store::Taught>,
    /// What the messages among them are.
    labels: HashMap<Digest, Option<bool>>,
}

/// Lessons that wait at most: they are in memory until then.
const WAITING: usize = 200;

/// How long a node that applies lessons, or another training, is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Labels of a corpus that is larger than this were not checked one by one.
const LOOKED_AT: usize = 100;

/// How often it is tried: a lock of a file tells nobody that it is free.
const AGAIN: Duration = Duration::from_millis(20);

/// What was learned, once no other writer has it.
fn writable(
    data_dir: &Path,
    patience: Duration,
) -> Result<(Knowledge, LearnedState), KnowledgeError> {
    let until = Instant::now() + patience;
    loop {
        match Knowledge::write(data_dir) {
            Err(KnowledgeError::Busy(_)) if Instant::now() < until => std::thread::sleep(AGAIN),
            opened => return opened,
        }
    }
}

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
    /// popgate wrote it: a notice or a digest.
    Popgates,
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
        Self::open_within(Duration::ZERO, filter, data_dir, owner)
    }

    /// As [`Self::open`], but it waits this long for another process or person that teaches. Blocks.
    ///
    /// # Errors
    /// As there.
    pub fn open_within(
        patience: Duration,
        filter: Filter,
        data_dir: &Path,
        owner: Option<WeightsOwner>,
    ) -> Result<Self, KnowledgeError> {
        let (knowledge, memory) = writable(data_dir, patience)?;
        Ok(Self {
            filter: filter.decoding_for_classifier(),
            memory,
            knowledge,
            owner,
            taught: 0,
            shared: None,
        })
    }

    /// As [`Self::open`], for lessons that several nodes share.
    ///
    /// # Errors
    /// As there, and the store's.
    pub fn open_shared(
        filter: Filter,
        data_dir: &Path,
        owner: Option<WeightsOwner>,
        lessons: SharedLessons,
    ) -> Result<Self, KnowledgeError> {
        // A server that applies lessons takes moments.
        let (mut knowledge, memory) = writable(data_dir, PATIENCE)?;
        lessons.catch_up(&mut knowledge, &memory)?;
        Ok(Self {
            filter: filter.decoding_for_classifier(),
            memory,
            knowledge,
            owner,
            taught: 0,
            shared: Some(Shared {
                lessons,
                waiting: Vec::new(),
                labels: HashMap::new(),
            }),
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
        let original = self.filter.original(raw);
        if Headers::of(&original).fields().is_empty() {
            return Ok(Taught::NotMail);
        }
        if is_popgates_own(&original) {
            return Ok(Taught::Popgates);
        }
        // Known messages count, too: continuing after an interruption must give the same result.
        self.taught += 1;
        // Before the work of looking at it.
        let known = self.known_as(raw);
        let digest = self.filter.digest(raw);
        let owner = self.owner.as_ref();
        let same = known.is_some_and(|(_, known)| known == is_spam);
        if same && !self.memory.lacks_hops(owner, digest) {
            return Ok(Taught::Known);
        }
        let (_, features) = self.filter.judge_with_features(&original);
        if self.shared.is_some() {
            let sender = identity::sender(&original);
            if let Some((before, _)) = known
                && before != digest
            {
                self.share(before, sender, None, &features)?;
            }
            self.share(digest, sender, Some(is_spam), &features)?;
            return Ok(taught(known, is_spam));
        }
        let owner = self.owner.as_ref();
        let mut changes = Vec::new();
        if let Some((before, _)) = known
            && before != digest
        {
            changes.extend(self.memory.forgetting(owner, before, &features));
        }
        let lesson = Lesson {
            digest,
            sender: identity::sender(&original),
            features: &features,
            is_spam,
            belief: self.belief(),
        };
        match self.memory.update_for(owner, lesson) {
            Update::AlreadyLearned => return Ok(Taught::Known),
            Update::Changes(more) => changes.extend(more),
        }
        for change in &changes {
            self.knowledge.change(&self.memory, change)?;
        }
        Ok(taught(known, is_spam))
    }

    /// Puts a lesson among those that wait for the store.
    fn share(
        &mut self,
        digest: Digest,
        sender: u32,
        is_spam: Option<bool>,
        features: &Features,
    ) -> Result<(), KnowledgeError> {
        let belief = self.belief();
        let owner = self.owner.clone();
        let Some(shared) = &mut self.shared else {
            return Ok(());
        };
        shared.labels.insert(digest, is_spam);
        shared.waiting.push(store::Taught {
            owner,
            digest,
            sender,
            is_spam,
            belief,
            features: PackedFeatures::of(features),
        });
        match shared.waiting.len() {
            WAITING.. => self.flush(),
            _ => Ok(()),
        }
    }

    /// Puts what waits into the store, and applies it.
    fn flush(&mut self) -> Result<(), KnowledgeError> {
        let Some(shared) = &mut self.shared else {
            return Ok(());
        };
        if !shared.waiting.is_empty() {
            shared.lessons.teach(&shared.waiting)?;
            shared.waiting.clear();
            shared.labels.clear();
        }
        let (knowledge, memory) = (&mut self.knowledge, &self.memory);
        shared.lessons.catch_up(knowledge, memory).map(drop)
    }

    /// Takes back what a message, of which this is any copy, was taught as; says whether it was taught.
    ///
    /// # Errors
    /// As [`Knowledge::change`].
    pub fn forget(&mut self, raw: &[u8]) -> Result<bool, KnowledgeError> {
        let Some((digest, _)) = self.known_as(raw) else {
            return Ok(false);
        };
        let (_, features) = self.filter.judge_with_features(&self.filter.original(raw));
        if self.shared.is_some() {
            self.share(digest, 0, None, &features)?;
            return Ok(true);
        }
        let owner = self.owner.as_ref();
        match self.memory.forgetting(owner, digest, &features) {
            Some(change) => self.knowledge.change(&self.memory, &change)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// Teaches a message by what was noted of it when it was judged.
    ///
    /// # Errors
    /// As [`Knowledge::change`].
    pub fn teach_noted(
        &mut self,
        noted: &NotedLesson,
        is_spam: bool,
    ) -> Result<Taught, KnowledgeError> {
        let owner = self.owner.as_ref();
        let before = self.memory.knows(owner, noted.digest);
        let features = noted.features.unpack();
        if self.shared.is_some() {
            let says_more =
                features.hops.are_known() && self.memory.lacks_hops(owner, noted.digest);
            if before == Some(is_spam) && !says_more {
                return Ok(Taught::Known);
            }
            self.share(noted.digest, noted.sender, Some(is_spam), &features)?;
            return Ok(taught(before.map(|it| (noted.digest, it)), is_spam));
        }
        let lesson = Lesson {
            digest: noted.digest,
            sender: noted.sender,
            features: &features,
            is_spam,
            belief: self.belief(),
        };
        let Update::Changes(changes) = self.memory.update_for(owner, lesson) else {
            return Ok(Taught::Known);
        };
        for change in &changes {
            self.knowledge.change(&self.memory, change)?;
        }
        Ok(taught(before.map(|it| (noted.digest, it)), is_spam))
    }

    /// Takes back what a message was taught as; says whether it was taught.
    ///
    /// # Errors
    /// As [`Knowledge::change`].
    pub fn forget_noted(&mut self, noted: &NotedLesson) -> Result<bool, KnowledgeError> {
        let owner = self.owner.as_ref();
        let features = noted.features.unpack();
        if self.shared.is_some() {
            let is_known = self.memory.knows(owner, noted.digest).is_some();
            if is_known {
                self.share(noted.digest, noted.sender, None, &features)?;
            }
            return Ok(is_known);
        }
        match self.memory.forgetting(owner, noted.digest, &features) {
            Some(change) => self.knowledge.change(&self.memory, &change)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// What a message is known by, and as what.
    fn known_as(&self, raw: &[u8]) -> Option<(Digest, bool)> {
        let knows = |digest| {
            let waiting = self
                .shared
                .as_ref()
                .and_then(|it| it.labels.get(&digest).copied());
            let known = waiting.unwrap_or_else(|| self.memory.knows(self.owner.as_ref(), digest));
            Some((digest, known?))
        };
        // What popgate 0.1 learned has another digest.
        knows(self.filter.digest(raw)).or_else(|| knows(identity::first_digest(raw)))
    }

    /// How far the labels of what was taught so far are trusted.
    fn belief(&self) -> Belief {
        match self.taught {
            0..=LOOKED_AT => Belief::Full,
            _ => Belief::Doubting,
        }
    }

    /// Waits until what was taught survives a power failure, too.
    ///
    /// # Errors
    /// As [`Knowledge::sync`].
    pub fn sync(&mut self) -> Result<(), KnowledgeError> {
        self.flush()?;
        self.knowledge.sync()
    }

    /// Learns everything anew, in an order of its own, and writes it in one piece.
    ///
    /// # Errors
    /// As [`Knowledge::relearn`].
    pub fn save(&mut self) -> Result<(), KnowledgeError> {
        let belief = self.belief();
        self.flush()?;
        match &self.shared {
            Some(shared) => {
                shared.lessons.settle(belief)?;
                self.flush()
            }
            None => self.knowledge.relearn(&self.memory, belief),
        }
    }
}

fn taught(known: Option<(Digest, bool)>, is_spam: bool) -> Taught {
    match known {
        None => Taught::New,
        // What is new is only by which servers it came.
        Some((_, before)) if before == is_spam => Taught::Known,
        Some(_) => Taught::Relabelled,
    }
}
