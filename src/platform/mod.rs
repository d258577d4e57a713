//! What the operating systems do in different ways: one module per need, each with a side for Unix and one for Windows.
//!
//! In: what the rest of popgate needs, in its own words; out: the calls of the system that it runs on. Nothing here
//! decides what popgate does, and no other room names a system for these needs.

#[cfg(any(windows, test))]
mod access_list;
pub mod browser;
pub mod clock;
pub mod durable_folder;
#[cfg(windows)]
pub mod event_log;
pub mod features;
pub mod file_access;
pub mod file_errors;
pub mod file_identity;
pub mod file_replacement;
pub mod host_name;
pub mod listener_account;
pub mod places;
pub mod port_holder;
pub mod private_files;
pub mod transparent_sockets;
