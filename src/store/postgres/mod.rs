//! The store in a PostgreSQL database that several nodes share.
//!
//! In: look-ups and batches of changes; out: records, or an error that says what to do. The client is asynchronous: it
//! runs on an event loop of its own, on one thread, for which the callers of the trait's methods wait. Every wait is
//! bounded, by the server and by a clock here: a server that is gone, or is cut off, costs a look-up some seconds of a
//! thread that no session waits for.
//!
//! The tables are in the schema `popgate`, so that other programs may use the same database. Unlike SQLite's, they have
//! the messages in quarantine, which each node can read. What a column may not have, a zero octet in a text, is replaced
//! when it is written.

mod apply;
mod columns;
mod connections;
mod database;
mod event_loop;
mod examination;
mod expire;
mod failure;
mod history;
mod history_counts;
mod history_indexing;
mod history_search;
mod lessons;
mod listener;
mod mailboxes;
mod messages;
mod migrations;
mod quarantine;
mod recall;
mod senders;
mod statements;
mod target;
#[cfg(test)]
mod tests;

pub use database::Postgres;
pub use examination::Examination;
pub use target::Target;
