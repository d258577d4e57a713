//! The learned state of the classifier, on disk.
//!
//! In: changes, one for each message learned or forgotten; out: the same state after any crash. Files
//! in the data directory's `learnt/`: `weights`, a snapshot; `journal`, every
//! change since; `samples`, messages to learn again; `base`, weights that no sample is left of;
//! `lessons`, how far the lessons that nodes share are learned. A change is in the journal before it is in memory, and the journal is read up to the
//! first record that is not complete: a process that is killed loses at most the message in flight. One
//! process learns at a time; others follow.

mod catch_up;
mod codec;
mod damage;
mod error;
mod follow;
mod forget;
mod journal_damage;
mod samples;
mod shared_lessons;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::durable_write;

use crate::filter::classifier::Belief;
use crate::filter::classifier::learned_state::{LearnedState, WeightChange};
use crate::platform::file_access::without_following;
use crate::platform::file_identity::RememberedFile;
use crate::platform::private_files::{create_folder, given_to_owner, owner_only};
pub use damage::Unusable;
pub use error::KnowledgeError;
use error::VERSION;
pub use shared_lessons::{SharedLessons, Taught};

/// Beyond this size the journal is merged into the weights.
const JOURNAL_LIMIT: u64 = 32 << 20;

/// Weights and journal are replaced one after the other: readers may meet them in between.
const TRIES: usize = 3;

/// The open folder.
#[derive(Debug)]
pub struct Knowledge {
    folder: PathBuf,
    /// Held by the process that learns.
    lock: Option<File>,
    journal: Option<File>,
    generation: u64,
    /// How much of the journal is in memory.
    read: u64,
    /// The journal that was looked into last.
    seen: Option<RememberedFile>,
    unusable: Option<Unusable>,
    /// A file has the format of an earlier release.
    is_old: bool,
    purpose: Purpose,
}

/// What the state is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To judge by it.
    Follow,
    /// To learn.
    Learn,
}

impl Knowledge {
    /// Reads the state; an empty memory if there is none.
    ///
    /// # Errors
    /// If something is there and cannot be read.
    pub fn read(data_dir: &Path) -> Result<(Self, LearnedState), KnowledgeError> {
        Self::read_to(Purpose::Follow, data_dir)
    }

    fn read_to(purpose: Purpose, data_dir: &Path) -> Result<(Self, LearnedState), KnowledgeError> {
        let folder = data_dir.join("learnt");
        for _ in 0..TRIES {
            let path = folder.join("weights");
            let (head, memory) = match damage::open(&path)? {
                Some(file) => {
                    let (head, memory) = codec::read_weights(file).map_err(|it| it.at(&path))?;
                    (Some(head), memory)
                }
                None => (None, LearnedState::default()),
            };
            let generation = head.map_or(0, |head| head.generation);
            let mut knowledge = Self::beginning(&folder, generation);
            knowledge.purpose = purpose;
            knowledge.is_old = head.is_some_and(|head| head.version != VERSION);
            if knowledge.catch_up(&memory)? != Progress::Replaced {
                return Ok((knowledge, memory));
            }
            // Both were replaced between the two reads.
        }
        let why = "the weights that it continues are missing".to_owned();
        Err(KnowledgeError::Damaged(folder.join("journal"), why))
    }

    /// No change read yet.
    fn beginning(folder: &Path, generation: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            lock: None,
            journal: None,
            generation,
            read: 0,
            seen: None,
            unusable: None,
            is_old: false,
            purpose: Purpose::Follow,
        }
    }

    /// As [`Knowledge::read`], with as much of the state as can be used; [`Knowledge::unusable`] says what cannot.
    pub fn read_usable(data_dir: &Path) -> (Self, LearnedState) {
        match Self::read(data_dir) {
            Ok((mut knowledge, memory)) => {
                let damage = knowledge.journal_damage();
                knowledge.unusable = damage.map(Unusable::in_part);
                (knowledge, memory)
            }
            Err(error) => {
                let mut knowledge = Self::beginning(&data_dir.join("learnt"), 0);
                knowledge.unusable = Some(Unusable::whole(error));
                (knowledge, LearnedState::default())
            }
        }
    }

    /// The same; a damaged file is renamed, so that the next training begins anew.
    pub fn read_setting_aside(data_dir: &Path) -> (Self, LearnedState) {
        let (knowledge, memory) = Self::read_usable(data_dir);
        let is_damaged = knowledge
            .unusable
            .as_ref()
            .is_some_and(|it| !it.in_part && matches!(it.error, KnowledgeError::Damaged(..)));
        // A process that learns does it itself.
        if is_damaged && let Ok(_lock) = lock(&data_dir.join("learnt")) {
            return Self::set_aside(Purpose::Follow, data_dir).unwrap_or((knowledge, memory));
        }
        (knowledge, memory)
    }

    /// Reads the state, or sets it aside, while no other process learns.
    fn set_aside(
        purpose: Purpose,
        data_dir: &Path,
    ) -> Result<(Self, LearnedState), KnowledgeError> {
        let mut unusable: Option<Unusable> = None;
        loop {
            let error = match Self::read_to(purpose, data_dir) {
                Ok((mut knowledge, memory)) => {
                    knowledge.unusable = unusable;
                    return Ok((knowledge, memory));
                }
                Err(error) => error,
            };
            let KnowledgeError::Damaged(path, _) = &error else {
                return Err(error);
            };
            let kept = damage::set_aside(path);
            let kept = kept.map_err(|error| KnowledgeError::Io(path.clone(), error))?;
            unusable
                .get_or_insert(Unusable::whole(error))
                .kept
                .extend(kept);
        }
    }

    /// The state for learning: no other process may learn meanwhile. A damaged file is renamed, and learning begins
    /// anew.
    ///
    /// # Errors
    /// As [`Knowledge::read`], and if another process learns.
    pub fn write(data_dir: &Path) -> Result<(Self, LearnedState), KnowledgeError> {
        let folder = data_dir.join("learnt");
        create_folder(&folder).map_err(|error| KnowledgeError::Io(folder.clone(), error))?;
        let lock = lock(&folder)?;
        let (mut knowledge, memory) = Self::set_aside(Purpose::Learn, data_dir)?;
        knowledge.lock = Some(lock);
        if let Some(error) = knowledge.journal_damage() {
            knowledge.keep_journal(error)?;
        }
        knowledge.set_damaged_samples_aside()?;
        match knowledge.is_old {
            true => knowledge.save(&memory)?,
            false => knowledge.open_journal()?,
        }
        Ok((knowledge, memory))
    }

    /// What of the state could not be used when it was read.
    pub fn unusable(&self) -> Option<&Unusable> {
        self.unusable.as_ref()
    }

    /// The same, for keeps.
    pub fn take_unusable(&mut self) -> Option<Unusable> {
        self.unusable.take()
    }

    /// Applies a change, on disk and then in memory.
    ///
    /// # Errors
    /// The system's, as when the disk is full; nothing has changed then.
    pub fn change(
        &mut self,
        memory: &LearnedState,
        change: &WeightChange,
    ) -> Result<(), KnowledgeError> {
        let path = self.folder.join("journal");
        let Some(journal) = &mut self.journal else {
            let error = io::Error::other("opened to read only");
            return Err(KnowledgeError::Io(path, error));
        };
        let record = codec::write_change(change);
        if let Err(error) = journal.write_all(&record) {
            // A partial record must not precede the next one.
            let _ = journal.set_len(self.read);
            let _ = journal.seek(SeekFrom::Start(self.read));
            return Err(KnowledgeError::Io(path, error));
        }
        self.read += record.len() as u64;
        memory.apply(change);
        if self.read > JOURNAL_LIMIT {
            self.save(memory)?;
        }
        Ok(())
    }

    /// Waits until all changes are on disk: before that they survive a kill, but not a power failure.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), KnowledgeError> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let synced = journal.sync_data();
        synced.map_err(|error| KnowledgeError::Io(self.folder.join("journal"), error))
    }

    /// Writes a snapshot and begins a new journal.
    ///
    /// # Errors
    /// The system's; what was on disk stays then.
    pub fn save(&mut self, memory: &LearnedState) -> Result<(), KnowledgeError> {
        // So many changes were not checked one by one.
        self.fold(Belief::Doubting)?;
        self.write_snapshot(memory)
    }

    /// Learns all samples anew, and saves: whatever the order in which they came, the weights are the same.
    /// `belief` is how far the labels of what is in the journal are trusted.
    ///
    /// # Errors
    /// As [`Knowledge::save`].
    pub fn relearn(&mut self, memory: &LearnedState, belief: Belief) -> Result<(), KnowledgeError> {
        let samples = self.fold(belief)?;
        let base = self.base()?;
        memory.learn_pile(base.as_ref(), &samples);
        self.write_snapshot(memory)
    }

    /// Replaces everything by another state, of which there are no samples.
    ///
    /// # Errors
    /// As [`Knowledge::save`].
    pub fn replace(&mut self, memory: &LearnedState) -> Result<(), KnowledgeError> {
        for name in ["samples", "base"] {
            self.remove(name)?;
        }
        self.write_snapshot(memory)
    }

    fn write_snapshot(&mut self, memory: &LearnedState) -> Result<(), KnowledgeError> {
        let path = self.folder.join("weights");
        let new = self.folder.join("weights.new");
        let bytes = codec::write_weights(memory, self.generation + 1);
        durable_write::replace_through(&new, &path, &bytes)
            .map_err(|error| KnowledgeError::Io(path, error))?;
        self.generation += 1;
        memory.set_generation(self.generation);
        self.read = 0;
        self.is_old = false;
        self.open_journal()
    }

    /// Opens the journal after its last complete record, or creates one.
    fn open_journal(&mut self) -> Result<(), KnowledgeError> {
        let path = self.folder.join("journal");
        let mut opened = || -> io::Result<File> {
            if self.read >= codec::HEAD as u64 {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(self.read)?;
                file.seek(SeekFrom::Start(self.read))?;
                return Ok(file);
            }
            // Not every Windows replaces a file that is open.
            self.journal = None;
            // Created separately, so that the head is never incomplete.
            let new = self.folder.join("journal.new");
            let head = codec::write_head(self.generation);
            durable_write::replace_through(&new, &path, &head)
        };
        let file = opened().map_err(|error| KnowledgeError::Io(path.clone(), error))?;
        self.journal = Some(file);
        self.read = self.read.max(codec::HEAD as u64);
        Ok(())
    }

    /// Forgets everything.
    ///
    /// # Errors
    /// The system's, and if another process learns.
    pub fn reset(data_dir: &Path) -> Result<(), KnowledgeError> {
        let folder = data_dir.join("learnt");
        if !folder.exists() {
            return Ok(());
        }
        let _lock = lock(&folder)?;
        for name in ["weights", "journal", "samples", "base", "lessons"] {
            let path = folder.join(name);
            let removed = match path.is_dir() {
                true => damage::set_aside(&path).map(drop),
                false => fs::remove_file(&path),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(KnowledgeError::Io(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The whole state, for export.
    pub fn pack(memory: &LearnedState) -> Vec<u8> {
        codec::write_weights(memory, 0)
    }

    /// What [`Knowledge::pack`] packed.
    ///
    /// # Errors
    /// If it is something else.
    pub fn unpack(path: &Path, bytes: &[u8]) -> Result<LearnedState, KnowledgeError> {
        let (_, memory) = codec::read_weights(bytes).map_err(|fault| fault.at(path))?;
        Ok(memory)
    }

    /// Whether anything was learned here; if not, the shipped model is all there is.
    pub fn exists(data_dir: &Path) -> bool {
        let folder = data_dir.join("learnt");
        folder.join("weights").exists() || folder.join("journal").exists()
    }
}

/// The result of reading further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing new.
    Nothing,
    /// This many changes.
    Learned(usize),
    /// New weights: everything must be read again.
    Replaced,
}

/// Keeps other processes from learning while it exists.
fn lock(folder: &Path) -> Result<File, KnowledgeError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let opened = owner_only(without_following(&mut options))
        .open(&path)
        .and_then(|file| given_to_owner(file, &path));
    let lock = match opened {
        Ok(lock) => lock,
        Err(error) => return Err(KnowledgeError::Io(path, error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(fs::TryLockError::WouldBlock) => Err(KnowledgeError::Busy(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(KnowledgeError::Io(path, error)),
    }
}

#[cfg(test)]
mod tests;
