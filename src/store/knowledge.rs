//! What the classifier learnt, on disk.
//!
//! In: changes, one a message learnt or taken back; out: the same memory after any crash. Two files
//! in the data directory's `learnt/`: `weights`, all as it was at some moment, and `journal`, every
//! change since. A change is in the journal before it is in memory, and the journal is read up to the
//! first record that is not whole: a process that is killed loses the message in flight at most. One
//! process learns at a time; others read along.

mod codec;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{given_to_owner, private};
use crate::filter::classifier::learned_state::{LearnedState, WeightChange};

/// Past this the journal is made part of the weights.
const JOURNAL_LIMIT: u64 = 32 << 20;

/// How often it is looked whether another process has learnt.
const OFTEN: Duration = Duration::from_millis(250);

/// Why knowledge cannot be read or written.
#[derive(Debug)]
pub enum KnowledgeError {
    /// The system's reason.
    Io(PathBuf, io::Error),
    /// The file is another program's, or damaged.
    Damaged(PathBuf, String),
    /// A later release wrote it.
    Newer(PathBuf, u32),
    /// Another process is learning.
    Busy(PathBuf),
}

impl std::fmt::Display for KnowledgeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(path, error) if error.kind() == io::ErrorKind::PermissionDenied => write!(
                f,
                "{}: {error}; be the user that popgate runs as, or name another --data-dir",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged(path, why) => write!(
                f,
                "{}: {why}; put back a copy, or begin anew with `popgate model reset`",
                path.display()
            ),
            Self::Newer(path, version) => write!(
                f,
                "{}: written by a later popgate (format {version}, this one knows {}); use that one",
                path.display(),
                codec::VERSION
            ),
            Self::Busy(path) => write!(
                f,
                "{}: another process is learning; wait until it is done",
                path.display()
            ),
        }
    }
}

impl std::error::Error for KnowledgeError {}

/// The folder, open.
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
    /// Reads what there is; an empty memory if there is nothing.
    ///
    /// # Errors
    /// What is there and cannot be read.
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

    /// The same, to learn: no other process may meanwhile.
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

    /// Takes over what another process has learnt since.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn catch_up(&mut self, memory: &LearnedState) -> Result<Progress, KnowledgeError> {
        let path = self.folder.join("journal");
        let io = |error| KnowledgeError::Io(path.clone(), error);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // There is none before the first message, and none after all was forgotten.
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
            // It is being begun.
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
            Progress::Learnt(changes)
        } else {
            Progress::Nothing
        })
    }

    /// Takes over what other processes learn, as long as anybody else holds the memory.
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
                            // While somebody teaches, this is every quarter of a second.
                            Progress::Learnt(_) => tracing::debug!(ham, spam, "learning along"),
                            _ => tracing::info!(ham, spam, "what was learnt is in force"),
                        }
                        complained = false;
                    }
                    // Once, not each time.
                    Err(error) if !complained => {
                        complained = true;
                        tracing::warn!("what was learnt meanwhile cannot be read: {error}");
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

    /// Makes a change, on disk and then in memory.
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
            // What was written of it must not stand before the next one.
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

    /// Writes all of it in one piece and begins a new journal.
    ///
    /// # Errors
    /// The system's; what was on disk stays then.
    pub fn save(&mut self, memory: &LearnedState) -> Result<(), KnowledgeError> {
        let path = self.folder.join("weights");
        let io = |error| KnowledgeError::Io(path.clone(), error);
        let new = self.folder.join("weights.new");
        let bytes = codec::write_weights(memory, self.generation + 1);
        let written = private_file(&new).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        written.map_err(io)?;
        fs::rename(&new, &path).map_err(io)?;
        // The name is safe only when the folder is.
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io)?;
        self.generation += 1;
        self.read = 0;
        self.open_journal()
    }

    /// Opens the journal behind its last whole record, or begins one.
    fn open_journal(&mut self) -> Result<(), KnowledgeError> {
        let path = self.folder.join("journal");
        let opened = || -> io::Result<File> {
            if self.read >= codec::HEAD as u64 {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(self.read)?;
                file.seek(SeekFrom::Start(self.read))?;
                return Ok(file);
            }
            // Made apart, so that there is never half a head.
            let new = self.folder.join("journal.new");
            let mut file = private_file(&new)?;
            file.write_all(&codec::write_head(self.generation))?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            Ok(file)
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

    /// All that is known, to carry elsewhere.
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

    /// Whether something was learnt here: else all is as it was shipped.
    pub fn exists(data_dir: &Path) -> bool {
        let folder = data_dir.join("learnt");
        folder.join("weights").exists() || folder.join("journal").exists()
    }
}

/// What reading on has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing new.
    Nothing,
    /// So many changes.
    Learnt(usize),
    /// Other weights: all is to be read again.
    Replaced,
}

/// Keeps other processes from learning as long as it lives.
fn lock(folder: &Path) -> Result<File, KnowledgeError> {
    let path = folder.join("lock");
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(NO_LINK)
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

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.mode(0o600).custom_flags(NO_LINK);
    given_to_owner(options.open(path)?, path)
}

/// Where root writes into somebody's folder, a link there must not lead it elsewhere.
const NO_LINK: i32 = nix::fcntl::OFlag::O_NOFOLLOW.bits();

#[cfg(test)]
mod tests;
