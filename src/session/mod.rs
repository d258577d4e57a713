//! A client's session: accept, greet, relay until QUIT, and report how it ended.
//!
//! In: a client's connection and the [`Service`] that is active when it comes; out: nothing but bytes on
//! the two connections, metrics and log lines. Read on in `accept` (the client's address, TLS), `relay`
//! (which reads, writes and waits) and [`exchange`] (the POP3 exchange without I/O).
//!
//! It never invents a final dot, never sends DELE or QUIT on its own, and keeps no password.
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA, PIPELINING), RFC 5034 (AUTH).

mod accept;
mod access_log;
mod client;
mod client_tls;
mod client_watch;
mod connection;
mod dialling;
mod events;
pub mod exchange;
mod failure;
mod feature_rate;
mod held_budget;
mod held_octets;
mod history;
mod judge;
mod listener;
mod loaded_ahead;
mod log_throttle;
mod login_attempts;
mod login_check;
mod login_route;
mod long_line;
mod mailbox_context;
mod mailbox_memory;
mod oauth;
mod oauth_shared;
mod one_at_a_time;
mod own_messages;
mod pace;
mod passthrough;
mod pause;
mod place;
mod quarantine_copy;
mod quotas;
mod refusal;
mod relay;
mod report;
mod serve;
mod service;
mod slow_prefetch;
mod spool;
mod store_access;
mod stored_edit;
mod timer;
mod uidl_policy;

pub use exchange::{HoldLimits, PrefetchLimits};
pub use failure::Failure;
pub use history::History;
pub use judge::{Engine, Judge};
pub use listener::Listener;
pub use login_check::{LoginDenied, mailbox_of_login};
pub use mailbox_context::{context_of, digest_of, hides, policy_of};
pub use oauth::OAuthLogin;
pub use oauth_shared::OAuthShared;
pub use pace::is_little;
pub use pause::Pause;
pub use place::SessionPlace;
pub use quotas::Quotas;
pub use refusal::Refusal;
pub use report::report_refusal;
pub use serve::{run, run_over};
pub use service::{Hide, Service};
pub use store_access::StoreAccess;

/// The labels of all login mechanisms.
pub const MECHANISMS: &[&str] = &exchange::Mechanism::LABELS;
