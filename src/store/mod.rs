//! What outlives a session.
//!
//! In: messages that were dropped, and what was learnt; out: the same, after any crash. Verdicts that
//! outlive a session would be kept here, too, by account, UIDL and the filter's version;
//! `session::verdicts` is their only asker.

mod knowledge;
pub mod quarantine;

pub use knowledge::{Knowledge, KnowledgeError, Progress};
pub use quarantine::Quarantine;
