//! The store in a SQLite file, `popgate.sqlite` in the data directory.
//!
//! In: look-ups and batches of changes; out: records, or an error that says what to do. One connection writes, others
//! read (write-ahead log). Several processes may use the file: a server, its successor, and the command line.
//!
//! What is committed survives a power cut (`synchronous = FULL`): among it is what a person said, which nothing can
//! compute again. It costs one synchronisation a batch, on the writer's thread. The messages in quarantine are not in
//! it: they stay a Maildir.
//!
//! A file that cannot be used is never emptied or deleted: it is refused, or, if it is damaged, put aside by a server that
//! goes on with what can be read of it.

mod apply;
mod backup;
mod columns;
mod connection;
mod database;
mod expire;
mod failure;
mod history;
mod history_counts;
mod history_indexing;
mod history_search;
mod integrity;
mod lessons;
mod lock;
mod mailboxes;
mod messages;
mod migrations;
mod quarantine;
mod readers;
mod recall;
mod rescue;
mod salvage;
mod senders;
#[cfg(test)]
mod tests;

pub use backup::{backup, restore};
pub use connection::FILE;
pub use database::Sqlite;
pub use salvage::Salvaged;
