//! popgate: a POP3 proxy that filters spam.

pub mod filter;
pub mod message;
pub mod schema;
