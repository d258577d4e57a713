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
mod opening_token;
pub mod postgres;
pub mod quarantine;
pub mod records;
mod reopened;
pub mod sqlite;
mod store_error;
mod temporary;
mod tokens;
pub mod writer;

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
pub use opening_token::OpeningToken;
pub use quarantine::Quarantine;
pub use reopened::ReopenedStore;
pub use store_error::{StoreError, StoreErrorKind};
pub use temporary::Leftovers;
pub use tokens::{Grant, GrantKind, SealKey, Tokens, TokensError};
