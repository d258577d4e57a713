//! Reads what another process has learned since.
//!
//! In: the journal from where it was read last; out: its changes, applied, or that all must be read again.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::error::VERSION;
use super::{Knowledge, KnowledgeError, Progress, Purpose, codec, damage};
use crate::filter::classifier::learned_state::LearnedState;
use crate::platform::file_identity::RememberedFile;

impl Knowledge {
    /// Applies what another process has learned since.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn catch_up(&mut self, memory: &LearnedState) -> Result<Progress, KnowledgeError> {
        let path = self.folder.join("journal");
        let io = |error| KnowledgeError::Io(path.clone(), error);
        let Some(mut file) = damage::open(&path)? else {
            // There is none before the first message and after a reset, which may have come just after the weights were
            // read: they are gone, too, then.
            let weights = self.folder.join("weights");
            return Ok(match (&self.seen, self.generation) {
                (Some(_), _) => Progress::Replaced,
                (None, 1..) if damage::open(&weights)?.is_none() => Progress::Replaced,
                (None, _) => Progress::Nothing,
            });
        };
        // Generations alone do not tell: after a reset they begin anew.
        match &self.seen {
            Some(seen) if !seen.is(&file).map_err(io)? => return Ok(Progress::Replaced),
            Some(_) => {}
            None => self.seen = Some(RememberedFile::new(&file).map_err(io)?),
        }
        let mut head = Vec::new();
        (&file)
            .take(codec::HEAD as u64)
            .read_to_end(&mut head)
            .map_err(io)?;
        if head.len() < codec::HEAD {
            // It is being created.
            return Ok(Progress::Nothing);
        }
        let head = codec::read_head(&head).map_err(|fault| fault.at(&path))?;
        let generation = head.generation;
        if generation != self.generation {
            // An older one is part of the weights already; a newer one follows newer weights.
            return Ok(match generation > self.generation {
                true => Progress::Replaced,
                false => Progress::Nothing,
            });
        }
        self.read = self.read.max(codec::HEAD as u64);
        file.seek(SeekFrom::Start(self.read)).map_err(io)?;
        self.is_old |= head.version != VERSION;
        match self.read_changes(&file, head.version, memory).map_err(io)? {
            0 => Ok(Progress::Nothing),
            changes => Ok(Progress::Learned(changes)),
        }
    }

    /// Applies the changes of a journal from here on, up to the first that is not complete.
    fn read_changes(
        &mut self,
        file: &File,
        version: u32,
        memory: &LearnedState,
    ) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let mut changes = 0;
        loop {
            // In pieces: the file may claim any size.
            let more = file.take(codec::LONGEST_RECORD).read_to_end(&mut bytes)?;
            let mut at = 0;
            while let Some((change, end)) = codec::read_change(&bytes[at..], version) {
                match self.purpose {
                    Purpose::Learn => memory.apply(&change),
                    Purpose::Follow => memory.follow(&change),
                }
                at += end;
                changes += 1;
            }
            bytes.drain(..at);
            self.read += at as u64;
            if more == 0 || (at == 0 && bytes.len() as u64 >= codec::LONGEST_RECORD) {
                return Ok(changes);
            }
        }
    }
}
