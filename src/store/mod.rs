//! What outlives a session.
//!
//! In: messages that were dropped, what was learnt, and tokens to log in with; out: the same, after any crash. Verdicts that
//! outlive a session would be kept here, too, by account, UIDL and the filter's version;
//! `session::verdicts` is their only asker.

mod knowledge;
pub mod quarantine;
mod tokens;

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown, lchown};
use std::path::Path;

pub use knowledge::{Knowledge, KnowledgeError, Progress};
pub use quarantine::Quarantine;
pub use tokens::{Grant, Tokens, TokensError};

/// Makes a folder that only its owner looks into: mail, and what was learnt of it, is nobody else's
/// business.
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

/// What root makes in somebody's folder is that somebody's: the popgate that runs as him must read it.
fn given_to_owner(file: File, path: &Path) -> io::Result<File> {
    if let Some((user, group)) = owner(path, &file.metadata()?) {
        fchown(&file, Some(user), Some(group))?;
    }
    Ok(file)
}

/// Whose it should be, if that is not root, whose it is.
fn owner(path: &Path, made: &Metadata) -> Option<(u32, u32)> {
    let folder = std::fs::metadata(path.parent()?).ok()?;
    (made.uid() == 0 && folder.uid() != 0).then(|| (folder.uid(), folder.gid()))
}
