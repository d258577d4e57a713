//! The running server: built from a configuration, run until it is stopped, reloaded in between.
//!
//! In: a [`Config`](crate::config::Config), sockets and a signal to stop; out: sessions that are
//! served. [`build`] opens everything that can fail (sockets, certificates, rules, stores) and
//! reports all problems together; only then does [`run`] serve anyone.
//!
//! It prints nothing and never exits the process: the command line does.

mod accept;
mod admin_thread;
mod build;
pub mod certificates;
mod check;
mod console_operations;
pub mod core_dumps;
pub mod daemon;
pub mod describe;
pub mod diagnosis;
mod digests;
#[cfg(any(windows, test))]
mod events;
pub mod filter;
pub mod first_run;
pub mod forget_mailbox;
pub mod log;
mod log_file;
mod log_queue;
pub mod mailbox_name;
mod notify;
mod oauth_grant;
pub mod open_files;
pub mod open_store;
mod overrides;
pub mod privileges;
mod reload;
mod running;
mod service;
mod shared_filter;
mod shared_lessons;
pub mod signals;
mod store;
mod store_upkeep;
pub mod trainer;
pub mod upstreams;
mod watch;
#[cfg(windows)]
pub mod windows_service;

pub use build::{BuildError, build};
pub use check::check;
pub use oauth_grant::{NoRefreshToken, grant_of};
pub use overrides::{Overrides, Root, SessionRuntime};
pub use reload::Reloader;
pub use running::{Server, run};

#[cfg(test)]
mod tests;
