//! A sample mailbox, for demonstration: a POP3 server in this process, mail to put in it,
//! and a client that checks every response.
//!
//! In: messages as bytes; out: a POP3 server on loopback, and what a client fetches from one. It
//! keeps everything in memory, and only this machine can reach it.
//!
//! RFC 1939, RFC 2449.

pub mod client;
pub mod delivery;
pub mod mail;
pub mod server;
