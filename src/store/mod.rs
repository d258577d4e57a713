//! What outlives a session.
//!
//! In: messages that were dropped, what was learnt, and tokens to log in with; out: the same, after any crash. Verdicts that
//! outlive a session would be kept here, too, by account, UIDL and the filter's version;
//! `session::verdicts` is their only asker.

mod knowledge;
pub mod quarantine;
mod tokens;

use std::io;
use std::path::Path;

pub use knowledge::{Knowledge, KnowledgeError, Progress};
pub use quarantine::Quarantine;
pub use tokens::{Grant, Tokens, TokensError};

/// Makes a folder that only its owner looks into: mail, and what was learnt of it, is nobody else's
/// business.
fn private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
