//! The way to the provider's POP3 server: dialling it, with TLS verified, up to its greeting.
//!
//! In: a configured upstream; out: a stream and the greeting, or a typed reason why not. It never
//! lowers the protection that was asked for, and never speaks after the greeting.
//!
//! RFC 8314 (implicit TLS), RFC 2595 (STLS), RFC 1939 section 4 (greeting).

mod connect;
mod tls;

pub use connect::{DialError, Dialled, Dialler};
pub use tls::{TlsConfigError, client_config};
