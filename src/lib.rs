//! popgate: a POP3 proxy that filters spam.

pub mod admin;
pub mod cli;
pub mod config;
pub mod filter;
pub mod message;
pub mod metrics;
pub mod net;
pub mod pop3;
pub mod rewrite;
pub mod schema;
pub mod session;
pub mod store;
pub mod upstream;
