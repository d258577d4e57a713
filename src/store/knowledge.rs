//! The learned state of the classifier, on disk.
//!
//! In: changes, one for each message learned or forgotten; out: the same state after any crash. Two files
//! in the data directory's `learnt/`: `weights`, a snapshot, and `journal`, every
//! change since. A change is in the journal before it is in memory, and the journal is read up to the
//! first record that is not complete: a process that is killed loses at most the message in flight. One
//! process learns at a time; others follow.

mod codec;
mod error;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{durable_write, given_to_owner, private};
use nix::fcntl::OFlag;

use crate::filter::classifier::learned_state::{LearnedState, WeightChange};
pub use error::KnowledgeError;

/// Beyond this size the journal is merged into the weights.
const JOURNAL_LIMIT: u64 = 32 << 20;

/// How often another process's changes are looked for.
const OFTEN: Duration = Duration::from_millis(250);

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
}

impl Knowledge {
    /// Reads the state; an empty memory if there is none.
    ///
    /// # Errors
    /// If something is there and cannot be read.
    pub fn read(data_dir: &Path) -> Result<(Self, LearnedState), KnowledgeError> {
        let folder = data_dir.join("learnt");
        let path = folder.join("weights");
        let (generation, memory) = match fs::read(&path) {
            Ok(bytes) => codec::read_weights(&bytes).map_err(|fault| fault.at(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (0, LearnedState::default()),
            Err(error) => return Err(KnowledgeError::Io(path, error)),
        };
        let mut knowledge = Self {
            folder,
            lock: None,
            journal: None,
            generation,
            read: 0,
        };
        knowledge.catch_up(&memory)?;
        Ok((knowledge, memory))
    }

    /// The same, for learning: no other process may learn meanwhile.
    ///
    /// # Errors
    /// As [`Knowledge::read`], and if another process learns.
    pub fn write(data_dir: &Path) -> Result<(Self, LearnedState), KnowledgeError> {
        let folder = data_dir.join("learnt");
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| KnowledgeError::Io(path, error)
        };
        private(&folder).map_err(at(&folder))?;
        let lock = lock(&folder)?;
        let (mut knowledge, memory) = Self::read(data_dir)?;
        knowledge.lock = Some(lock);
        knowledge.open_journal()?;
        Ok((knowledge, memory))
    }

    /// Applies what another process has learned since.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn catch_up(&mut self, memory: &LearnedState) -> Result<Progress, KnowledgeError> {
        let path = self.folder.join("journal");
        let io = |error| KnowledgeError::Io(path.clone(), error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // There is none before the first message and after a reset.
                let was_there = self.read > 0;
                return Ok(if was_there {
                    Progress::Replaced
                } else {
                    Progress::Nothing
                });
            }
            Err(error) => return Err(io(error)),
        };
        let mut head = Vec::new();
        (&file)
            .take(codec::HEAD as u64)
            .read_to_end(&mut head)
            .map_err(io)?;
        if head.len() < codec::HEAD {
            // It is being created.
            return Ok(Progress::Nothing);
        }
        let generation = codec::read_head(&head).map_err(|fault| fault.at(&path))?;
        if generation != self.generation {
            // An older one is part of the weights already; a newer one follows newer weights.
            return Ok(if generation > self.generation {
                Progress::Replaced
            } else {
                Progress::Nothing
            });
        }
        let from = self.read.max(codec::HEAD as u64);
        file.seek(SeekFrom::Start(from)).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let mut at = 0;
        let mut changes = 0;
        while let Some((change, end)) = codec::read_change(&bytes[at..]) {
            memory.apply(&change);
            at += end;
            changes += 1;
        }
        self.read = from + at as u64;
        Ok(if changes > 0 {
            Progress::Learned(changes)
        } else {
            Progress::Nothing
        })
    }

    /// Applies what other processes learn, as long as the memory is in use.
    ///
    /// # Errors
    /// The system's, if there can't be a thread for it.
    pub fn follow(mut self, memory: &Arc<LearnedState>) -> io::Result<()> {
        let memory = Arc::downgrade(memory);
        let mut complained = false;
        let work = move || {
            while let Some(memory) = memory.upgrade() {
                let done = self.catch_up(&memory).and_then(|progress| {
                    if progress == Progress::Replaced {
                        let data_dir = self.folder.parent().unwrap_or(Path::new("."));
                        let (knowledge, anew) = Self::read(data_dir)?;
                        memory.replace_with(anew);
                        self = knowledge;
                    }
                    Ok(progress)
                });
                match done {
                    Ok(Progress::Nothing) => {}
                    Ok(progress) => {
                        let counts = memory.shared().counts;
                        let (ham, spam) = (counts.ham, counts.spam);
                        match progress {
                            // During a training this is every quarter of a second.
                            Progress::Learned(_) => {
                                tracing::debug!(ham, spam, "learned state updated");
                            }
                            _ => tracing::info!(ham, spam, "learned state reloaded"),
                        }
                        complained = false;
                    }
                    // Logged once, not each time.
                    Err(error) if !complained => {
                        complained = true;
                        tracing::warn!("learned state cannot be reloaded: {error}");
                    }
                    Err(_) => {}
                }
                drop(memory);
                thread::sleep(OFTEN);
            }
        };
        let thread = thread::Builder::new().name("popgate-learning".to_owned());
        thread.spawn(work).map(drop)
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
        let path = self.folder.join("weights");
        let new = self.folder.join("weights.new");
        let bytes = codec::write_weights(memory, self.generation + 1);
        durable_write::replace_through(&new, &path, &bytes)
            .map_err(|error| KnowledgeError::Io(path, error))?;
        self.generation += 1;
        self.read = 0;
        self.open_journal()
    }

    /// Opens the journal after its last complete record, or creates one.
    fn open_journal(&mut self) -> Result<(), KnowledgeError> {
        let path = self.folder.join("journal");
        let opened = || -> io::Result<File> {
            if self.read >= codec::HEAD as u64 {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(self.read)?;
                file.seek(SeekFrom::Start(self.read))?;
                return Ok(file);
            }
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
        for name in ["weights", "journal"] {
            let path = folder.join(name);
            match fs::remove_file(&path) {
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
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(OFlag::O_NOFOLLOW.bits())
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
