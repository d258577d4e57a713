//! popgate: a POP3 proxy that filters spam.
//!
//! It stands between mail clients and the provider's POP3 server, relays the session, and rewrites
//! the answers to RETR and TOP. The rooms, in the order in which a mail meets them:
//!
//! | room | what happens there |
//! |---|---|
//! | [`cli`] | the command line: one file a verb |
//! | [`server`] | the running server: built from a configuration, run, reloaded, stopped |
//! | [`config`] | a TOML file and flags become resolved, bounded values; [`schema`] reads TOML against a declared shape |
//! | [`net`] | listeners, streams, one event loop a core, the signal to stop |
//! | [`upstream`] | the way to the provider's server, TLS verified, up to its greeting |
//! | [`session`] | a connection's life: commands up, answers down, messages held, judged, released |
//! | [`pop3`] | the codec: lines, commands, replies, capabilities, dot-stuffing |
//! | [`message`] | header fields as bytes; decoding into text, links and names |
//! | [`filter`] | rules in, verdict out |
//! | [`learn`] | corpora, training, the shipped model, evaluation |
//! | [`rule_folder`] | rule files read from a folder |
//! | [`import`] | SpamAssassin's rules in, ours out |
//! | [`rewrite`] | from a verdict to insertions and removals, or a notice |
//! | [`store`] | the quarantine |
//! | [`metrics`], [`admin`] | every metric family, and HTTP to read them |
//! | [`demo`] | a sample mailbox server, for demonstration and tests |
//!
//! # Decisions
//!
//! - The upstream's read buffer is the spool: a message that fits the hold limit goes from one
//!   socket to the other without being copied, and edits are insertions between its pieces.
//! - What is held, judged and sent is the message as it is on the wire, dot-stuffed. What no edit
//!   touches is therefore the upstream's bytes by construction.
//! - A session lives on one thread: its two sockets, its timer and its buffers never change cores.
//! - What lies beyond the hold limit is not looked at even if it has arrived: a verdict must not
//!   depend on how the network cut the message up.
//! - DELE and QUIT wait until the messages fetched before them are with the client, so that no
//!   failure in between can lose one.

pub mod admin;
pub mod cli;
pub mod config;
pub mod demo;
pub mod filter;
pub mod import;
pub mod learn;
pub mod mailbox_id;
pub mod message;
pub mod metrics;
pub mod net;
pub mod pop3;
pub mod rewrite;
pub mod rule_folder;
pub mod schema;
pub mod server;
pub mod session;
pub mod store;
pub mod upstream;
