//! What the store keeps, as plain values: the same for every database.
//!
//! In: nothing; out: types. They know no database, do no I/O, and read no clock but in [`Timestamp::now`].

mod change;
mod correction;
mod history;
mod learned;
mod lists;
mod mailbox_memory;
mod message;
mod own_entry;
mod popgate_id;
mod quarantined;
mod sender;
mod timestamp;

pub use crate::filter::{ListKind, ListPattern};
pub use change::Change;
pub use correction::{Correction, Label};
pub use history::{HistoryRow, RuleScore};
pub use learned::Lesson;
pub use lists::ListEntry;
pub use mailbox_memory::{MailboxContents, MailboxMemory, MailboxSettings, MailboxSummary};
pub use message::{Edit, MessageRecord, MessageState, RememberedMessage};
pub use own_entry::{OwnBody, OwnEntry};
pub use popgate_id::PopgateId;
pub use quarantined::{HeldState, Quarantined, Reason};
pub use sender::{NamedSender, SenderHistory, SenderRecord, SenderSeen};
pub use timestamp::Timestamp;
