//! Integration tests in one binary, so that they are linked once. `cargo test --test integration
//! faults::` runs those of one file.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod cli;
mod configs;
mod console;
mod console_access;
mod console_administrator;
mod console_api;
mod console_bulk;
mod console_held;
mod console_links;
mod console_message;
mod console_review;
mod console_roles;
mod console_rules;
mod console_senders;
mod console_settings;
mod console_statistics;
mod corpus;
mod costly;
mod decode;
mod dialogs;
mod differential;
mod eval;
mod exchange_login;
mod exchange_model;
mod faults;
mod filter;
mod garbage;
mod gateways;
mod held_memory;
mod hide_mode;
mod history;
mod language;
mod limits;
mod listeners;
mod log;
mod mailbox_memory;
mod mailbox_view;
mod oauth;
mod oauth_consent;
mod oauth_proxy;
mod old_certificates;
mod pieces;
mod quarantine;
mod quarantine_login;
mod receiving_server;
mod reference;
mod refusals;
mod relay;
mod release;
mod routes;
mod rule_tools;
mod rules;
mod secrets;
mod sender_lists;
mod settings;
mod store;
mod sums;
mod teaching;
mod tls;
mod tls_end;
mod train;
mod untaught_mail;
mod upstream_proxy;
mod upstreams;
mod verdicts;

mod support;

mod first_run;
mod first_run_consent;
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;
mod fuzz_replay;
