//! A journal with damage in it: what stands before the damage is used, and the whole is kept.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::{Knowledge, KnowledgeError, Unusable, codec, damage};
use crate::store::durable_write;

impl Knowledge {
    /// What is wrong with the journal after the last record that was read. The beginning of a record is what a
    /// killed process leaves, and no damage.
    pub(super) fn journal_damage(&self) -> Option<KnowledgeError> {
        let path = self.folder.join("journal");
        let mut file = damage::open(&path).ok()??;
        let mut head = Vec::new();
        (&file)
            .take(codec::HEAD as u64)
            .read_to_end(&mut head)
            .ok()?;
        let why = match codec::read_head(&head) {
            // It is never created in parts.
            Err(_) => "ends too early",
            Ok(head) if head.generation != self.generation => return None,
            Ok(_) => {
                file.seek(SeekFrom::Start(self.read)).ok()?;
                let mut rest = Vec::new();
                file.take(codec::LONGEST_RECORD)
                    .read_to_end(&mut rest)
                    .ok()?;
                if codec::is_cut(&rest) {
                    return None;
                }
                "a change in it is damaged"
            }
        };
        Some(KnowledgeError::Damaged(path, why.to_owned()))
    }

    /// Keeps a damaged journal under another name, and goes on with what can be read of it.
    pub(super) fn keep_journal(&mut self, error: KnowledgeError) -> Result<(), KnowledgeError> {
        let path = self.folder.join("journal");
        let failed = |error| KnowledgeError::Io(path.clone(), error);
        let kept = damage::keep(&path).map_err(failed)?;
        if self.read >= codec::HEAD as u64 {
            let mut good = Vec::new();
            let file = File::open(&path).map_err(failed)?;
            file.take(self.read)
                .read_to_end(&mut good)
                .map_err(failed)?;
            let new = self.folder.join("journal.new");
            durable_write::replace_through(&new, &path, &good).map_err(failed)?;
        }
        let unusable = self.unusable.get_or_insert(Unusable::in_part(error));
        unusable.kept.push(kept);
        Ok(())
    }
}
