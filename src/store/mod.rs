//! What outlives a session.
//!
//! In: messages that were dropped; out: nothing yet. Verdicts that outlive a session would be kept
//! here, too, by account, UIDL and the filter's version; `session::verdicts` is their only asker.

mod quarantine;

pub use quarantine::Quarantine;
