//! Persistent state.
//!
//! In: quarantined messages, the learned state, OAuth tokens, and what is remembered of mailboxes ([`Store`]); out: the
//! same, after any crash.

mod api_tokens;
mod coded;
mod console_password;
mod contract;
#[cfg(test)]
mod contract_tests;
pub mod durable_write;
mod file_error;
mod forget;
mod history_index;
mod history_key;
mod history_statistics;
mod knowledge;
mod leftovers;
pub mod postgres;
pub mod quarantine;
pub mod records;
mod reopened;
pub mod sqlite;
mod store_error;
mod temporary;
mod tokens;
pub mod writer;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown, lchown};
use std::path::Path;

pub use api_tokens::{ApiToken, ApiTokens};
pub use console_password::ConsolePassword;
pub use contract::{
    Expired, HistoryCounts, HistoryPage, HistoryQuery, LessonsPlace, NumberedLesson,
    QuarantineQuery, Retention, Store,
};
pub use forget::{Forgotten, forget_mailbox};
pub use history_key::open_history_key;
pub use history_statistics::{HourCounts, RuleHits, RuleStatistics};
pub use knowledge::{Knowledge, KnowledgeError, Progress, SharedLessons, Taught, Unusable};
pub use leftovers::remove_leftovers;
pub use quarantine::Quarantine;
pub use reopened::ReopenedStore;
pub use store_error::{StoreError, StoreErrorKind};
pub use temporary::Leftovers;
pub use tokens::{Grant, GrantKind, SealKey, Tokens, TokensError};

/// Creates a folder that only its owner can enter.
fn private(path: &Path) -> io::Result<()> {
    let is_new = !path.exists();
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    if is_new && let Some(owner) = owner(path, &std::fs::symlink_metadata(path)?) {
        lchown(path, Some(owner.0), Some(owner.1))?;
    }
    Ok(())
}

/// Gives a file that root creates in another user's folder to that user: popgate must read it there.
fn given_to_owner(file: File, path: &Path) -> io::Result<File> {
    if let Some((user, group)) = owner(path, &file.metadata()?) {
        fchown(&file, Some(user), Some(group))?;
    }
    Ok(file)
}

/// The owner of the folder, if root owns the file and not the folder.
fn owner(path: &Path, made: &Metadata) -> Option<(u32, u32)> {
    let folder = std::fs::metadata(path.parent()?).ok()?;
    (made.uid() == 0 && folder.uid() != 0).then(|| (folder.uid(), folder.gid()))
}
