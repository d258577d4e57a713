//! Lessons that several nodes share: what is taught on one goes into the store, and each node applies all of it to its own
//! files, in the order of the store.
//!
//! In: what was taught, or how far a node's files have come; out: lessons of the store, or changes of the files. The files
//! are a cache: they say in `lessons` which lesson they have, of which store, and are made anew from the first lesson if that
//! is another one. A lesson that is applied twice changes nothing the second time. All nodes that have applied the same
//! lessons have the same weights.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ring::digest::{SHA256, digest};

use super::codec::{self, About};
use super::error::VERSION;
use super::{Knowledge, KnowledgeError};
use crate::filter::classifier::learned_messages::{Digest, Learned};
use crate::filter::classifier::learned_state::{LearnedState, Update};
use crate::filter::classifier::{self, Belief, PackedFeatures, WeightsOwner};
use crate::store::contract::{LessonsPlace, NumberedLesson, Store};
use crate::store::durable_write;
use crate::store::records::{Change, Label, Lesson, Timestamp};

/// The folder of the files, in the data directory.
const FOLDER: &str = "learnt";

/// Lessons of one look-up, and of one transaction.
const PAGE: usize = 200;

/// See the module.
#[derive(Debug, Clone)]
pub struct SharedLessons {
    store: Arc<dyn Store>,
    node: Arc<str>,
}

/// What is taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Taught {
    /// For whom; `None` = for all.
    pub owner: Option<WeightsOwner>,
    /// The message.
    pub digest: Digest,
    /// Who sent it, hashed; 0 if nobody knows.
    pub sender: u32,
    /// Whether it is spam; `None` = what was taught of it is taken back.
    pub is_spam: Option<bool>,
    /// How far that is trusted.
    pub belief: Belief,
    /// What the filter sees of it.
    pub features: PackedFeatures,
}

/// A lesson as the store has it.
enum Read {
    Taught(Taught),
    /// All that was taught so far is learned anew, in an order of its own.
    Settled(Belief),
    /// Everything is forgotten.
    Reset,
    /// What was taught for an owner is forgotten: the digest of its key, for its name is forgotten, too.
    OwnerForgotten(Vec<u8>),
}

/// How far the files have come: the last lesson that is in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    sequence: String,
    number: u64,
    id: String,
}

impl SharedLessons {
    /// The lessons of a store, for a node of this name.
    pub fn new(store: Arc<dyn Store>, node: &str) -> Self {
        Self {
            store,
            node: node.into(),
        }
    }

    /// Puts lessons into the store. They are there when this returns, and nodes apply them.
    ///
    /// # Errors
    /// The store's; all or none of a few hundred lessons are in it then, and they may be taught again.
    pub fn teach(&self, lessons: &[Taught]) -> Result<(), KnowledgeError> {
        for lessons in lessons.chunks(PAGE) {
            let changes: Vec<_> = lessons
                .iter()
                .map(|taught| self.lesson(random_id(), taught))
                .collect();
            self.store.apply(&changes)?;
        }
        Ok(())
    }

    /// Says that all that was taught so far is to be learned anew, as after a training.
    ///
    /// # Errors
    /// The store's.
    pub fn settle(&self, belief: Belief) -> Result<(), KnowledgeError> {
        self.say(vec![SETTLED, u8::from(belief == Belief::Doubting)])
    }

    /// Says that everything is to be forgotten.
    ///
    /// # Errors
    /// The store's.
    pub fn reset(&self) -> Result<(), KnowledgeError> {
        self.say(vec![RESET])
    }

    /// Says that what was taught for these owners is to be forgotten.
    ///
    /// # Errors
    /// The store's.
    pub fn forget(&self, owners: &[WeightsOwner]) -> Result<(), KnowledgeError> {
        owners.iter().try_for_each(|owner| {
            let mut features = vec![OWNER_FORGOTTEN];
            features.extend(digest_of(owner));
            self.say(features)
        })
    }

    /// A lesson that is not about a message.
    fn say(&self, features: Vec<u8>) -> Result<(), KnowledgeError> {
        let lesson = Lesson {
            id: random_id().into(),
            node: Arc::clone(&self.node),
            mailbox: None,
            label: None,
            identity: Default::default(),
            features: features.into(),
            at: Timestamp::now(),
        };
        Ok(self.store.apply(&[Change::Learned(Box::new(lesson))])?)
    }

    fn lesson(&self, id: String, taught: &Taught) -> Change {
        let about = About {
            owner: taught.owner.clone(),
            digest: taught.digest,
            sender: taught.sender,
            learned: Learned {
                is_spam: taught.is_spam.unwrap_or(false),
                step: Default::default(),
                hops: Default::default(),
            },
            belief: taught.belief,
            back: taught.is_spam.is_none(),
        };
        let mut features = vec![TAUGHT];
        features.extend_from_slice(&VERSION.to_le_bytes());
        features.extend(codec::write_record(&about, &taught.features));
        let label = |is_spam| match is_spam {
            true => Label::Spam,
            false => Label::Ham,
        };
        Change::Learned(Box::new(Lesson {
            id: id.into(),
            node: Arc::clone(&self.node),
            // With the mailbox, its lessons are forgotten.
            mailbox: match &taught.owner {
                Some(WeightsOwner::Mailbox(mailbox)) => Some(mailbox.clone()),
                _ => None,
            },
            label: taught.is_spam.map(label),
            identity: taught.digest.to_vec().into(),
            features: features.into(),
            at: Timestamp::now(),
        }))
    }

    /// Whether the files of a data directory are behind the store.
    ///
    /// # Errors
    /// The system's and the store's.
    pub fn has_more(&self, data_dir: &Path) -> Result<bool, KnowledgeError> {
        let place = self.store.lessons_place()?;
        Ok(match position(&data_dir.join(FOLDER))? {
            Some(position) => !self.continues(&position, &place)? || place.last > position.number,
            None => true,
        })
    }

    /// Whether the store has the lesson that the files have come to. It has not if it is another store, or an older copy
    /// of it; it may have forgotten it.
    fn continues(&self, position: &Position, place: &LessonsPlace) -> Result<bool, KnowledgeError> {
        if position.sequence != place.sequence || position.number > place.given {
            return Ok(false);
        }
        let Some(before) = position.number.checked_sub(1) else {
            return Ok(true);
        };
        let there = self.store.lessons(before, 1)?;
        let same_number = there.first().filter(|it| it.number == position.number);
        Ok(same_number.is_none_or(|it| *it.lesson.id == *position.id))
    }

    /// Applies what the files have not applied yet; returns the number of lessons.
    ///
    /// # Errors
    /// The system's and the store's. What was applied so far stays, and it may be continued.
    pub fn catch_up(
        &self,
        knowledge: &mut Knowledge,
        memory: &LearnedState,
    ) -> Result<usize, KnowledgeError> {
        let place = self.store.lessons_place()?;
        let position = position(&knowledge.folder)?;
        let mut at = match position {
            Some(it) if self.continues(&it, &place)? => it,
            before => {
                if before.is_none() {
                    self.take_over(knowledge)?;
                }
                knowledge.begin_anew(memory)?;
                let at = Position {
                    sequence: place.sequence,
                    ..Position::default()
                };
                knowledge.set_position(&at)?;
                at
            }
        };
        let mut applied = 0;
        loop {
            // They are numbered in the order of the commits: none appears below one that was read.
            let page = self.store.lessons(at.number, PAGE)?;
            let Some(last) = page.last() else {
                return Ok(applied);
            };
            for lesson in &page {
                knowledge.apply_lesson(memory, lesson)?;
            }
            knowledge.sync()?;
            at.number = last.number;
            at.id = last.lesson.id.to_string();
            knowledge.set_position(&at)?;
            applied += page.len();
        }
    }

    /// What a node has learned before it shared lessons becomes lessons of all. What two nodes have learned both is one.
    fn take_over(&self, knowledge: &Knowledge) -> Result<(), KnowledgeError> {
        let samples = knowledge.fold(Belief::Full)?;
        if samples.is_empty() {
            return Ok(());
        }
        let lessons: Vec<_> = samples
            .into_iter()
            .map(|sample| {
                let id = taken_over_id(&sample.digest, sample.owner.as_ref(), sample.is_spam);
                let taught = Taught {
                    owner: sample.owner,
                    digest: sample.digest,
                    sender: sample.sender,
                    is_spam: Some(sample.is_spam),
                    belief: sample.belief,
                    features: sample.features,
                };
                self.lesson(id, &taught)
            })
            .collect();
        for changes in lessons.chunks(PAGE) {
            self.store.apply(changes)?;
        }
        self.settle(Belief::Full)
    }
}

/// The first octet of what the store keeps as a lesson's features.
const TAUGHT: u8 = 1;
const SETTLED: u8 = 2;
const RESET: u8 = 3;
const OWNER_FORGOTTEN: u8 = 4;

fn digest_of(owner: &WeightsOwner) -> Vec<u8> {
    digest(&SHA256, owner.key().as_bytes()).as_ref().to_vec()
}

fn random_id() -> String {
    format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

fn taken_over_id(digest: &Digest, owner: Option<&WeightsOwner>, is_spam: bool) -> String {
    let digest: String = digest.iter().map(|octet| format!("{octet:02x}")).collect();
    let owner = owner.map(WeightsOwner::key).unwrap_or_default();
    format!("before-{digest}-{}-{owner}", u8::from(is_spam))
}

fn read(lesson: &NumberedLesson) -> Option<Read> {
    let (kind, rest) = lesson.lesson.features.split_first()?;
    match *kind {
        TAUGHT => {
            let (version, record) = rest.split_first_chunk()?;
            let version = u32::from_le_bytes(*version);
            if version > VERSION {
                return None;
            }
            let (about, features, _) = codec::read_record(record, version)?;
            Some(Read::Taught(Taught {
                owner: about.owner,
                digest: about.digest,
                sender: about.sender,
                is_spam: (!about.back).then_some(about.learned.is_spam),
                belief: about.belief,
                features,
            }))
        }
        SETTLED => Some(Read::Settled(match rest.first() {
            Some(0) => Belief::Full,
            _ => Belief::Doubting,
        })),
        RESET => Some(Read::Reset),
        OWNER_FORGOTTEN => Some(Read::OwnerForgotten(rest.to_vec())),
        _ => None,
    }
}

impl Knowledge {
    fn apply_lesson(
        &mut self,
        memory: &LearnedState,
        lesson: &NumberedLesson,
    ) -> Result<(), KnowledgeError> {
        let taught = match read(lesson) {
            Some(Read::Taught(taught)) => taught,
            Some(Read::Settled(belief)) => return self.relearn(memory, belief),
            Some(Read::Reset) => {
                memory.replace_with(LearnedState::default());
                return self.replace(memory);
            }
            Some(Read::OwnerForgotten(digest)) => {
                let shared = memory.shared();
                let mut owners = shared.accounts.keys();
                let owner = owners.find(|owner| digest_of(owner) == digest);
                return match owner {
                    Some(owner) => self
                        .forget_in(memory, std::slice::from_ref(owner))
                        .map(drop),
                    None => Ok(()),
                };
            }
            None => return Err(KnowledgeError::UnknownLesson(lesson.number)),
        };
        let features = taught.features.unpack();
        let owner = taught.owner.as_ref();
        let Some(is_spam) = taught.is_spam else {
            return match memory.forgetting(owner, taught.digest, &features) {
                Some(change) => self.change(memory, &change),
                None => Ok(()),
            };
        };
        let lesson = classifier::Lesson {
            digest: taught.digest,
            sender: taught.sender,
            features: &features,
            is_spam,
            belief: taught.belief,
        };
        match memory.update_for(owner, lesson) {
            Update::AlreadyLearned => Ok(()),
            Update::Changes(changes) => changes
                .iter()
                .try_for_each(|change| self.change(memory, change)),
        }
    }

    /// Forgets what is in the files, which are of other lessons.
    fn begin_anew(&mut self, memory: &LearnedState) -> Result<(), KnowledgeError> {
        self.remove("lessons")?;
        memory.replace_with(LearnedState::default());
        self.replace(memory)
    }

    fn set_position(&self, position: &Position) -> Result<(), KnowledgeError> {
        let path = self.folder.join("lessons");
        let new = self.folder.join("lessons.new");
        let Position {
            sequence,
            number,
            id,
        } = position;
        let text = format!("{sequence}\n{number}\n{id}\n");
        durable_write::replace_through(&new, &path, text.as_bytes())
            .map(drop)
            .map_err(|error| KnowledgeError::Io(path, error))
    }
}

fn position(folder: &Path) -> Result<Option<Position>, KnowledgeError> {
    let path = folder.join("lessons");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // Something else is in its place: the lessons are read anew.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(KnowledgeError::Io(path, error)),
    };
    let mut lines = text.lines();
    let (sequence, number, id) = (lines.next(), lines.next(), lines.next());
    Ok(Some(Position {
        sequence: sequence.unwrap_or_default().to_owned(),
        number: number.and_then(|it| it.parse().ok()).unwrap_or(u64::MAX),
        id: id.unwrap_or_default().to_owned(),
    }))
}

#[cfg(test)]
mod tests;
