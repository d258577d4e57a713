//! What fuzzing runs: one module per target, each with a function `run` that takes any octets and panics if an
//! invariant is broken. libFuzzer calls it by `fuzz_targets/`; `cargo test` calls it with every seed, and with every
//! input that ever broke one (`tests/integration/fuzz_replay.rs`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a broken invariant is a panic, and each of its two users uses a part"
)]

pub mod choices;
pub mod configuration;
pub mod documents;
pub mod exchange;
pub mod exchange_driver;
pub mod exchange_model;
pub mod hide_mode;
pub mod importer;
pub mod judge;
pub mod mailbox_view;
pub mod pop3_client;
pub mod proxy_header;
pub mod read_ahead;
pub mod remembered;
pub mod rule_file;
pub mod seeds;
pub mod test_setup;

/// A target.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> seeds::Seeds,
}

macro_rules! targets {
    ($($name:ident),*) => {
        [$(Target {
            name: stringify!($name),
            run: $name::run,
            seeds: seeds::$name,
        }),*]
    };
}

/// All targets.
pub const TARGETS: [Target; 10] = targets!(
    configuration,
    documents,
    exchange,
    exchange_model,
    importer,
    judge,
    mailbox_view,
    proxy_header,
    read_ahead,
    rule_file
);
