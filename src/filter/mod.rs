//! Judging a message: rules in, verdict out.
//!
//! In: rule files once, then messages as bytes, whole or truncated; out: a [`Verdict`] for
//! each. It does no I/O, reads no clock, keeps nothing of a message but empty buffers, and
//! never refuses one.
//!
//! A rule looks at one or more [`place`]s; all words and all regex literals of a place are found in
//! one pass ([`scan`]).

mod aspects;
mod because;
pub mod brands;
mod byte_set;
mod candidate_rules;
pub mod classifier;
pub mod combination;
mod compiled_rules;
mod context;
pub mod cost;
pub mod day;
pub mod examples;
pub mod facts;
pub mod findings;
mod fnv;
mod header_rules;
pub mod known_senders;
pub mod learned_curve;
mod list_pattern;
pub mod lists;
pub mod message_filter;
pub mod message_view;
mod noted;
pub mod overlap;
pub mod pattern;
pub mod place;
mod received;
pub mod receiving_server;
pub mod required_literals;
mod required_pairs;
pub mod rule;
mod rule_bits;
pub mod rule_changes;
mod rule_error;
mod rule_file;
mod rule_hits;
mod rule_matches;
pub mod rules;
pub mod scan;
mod scoring;
mod scripts;
pub mod sender_lists;
mod shared;
pub mod stock;
mod stopwatch;
mod thresholds;
pub mod verdict;

pub use because::because;
pub use context::{Context, DropAt, Keeps, MailboxPolicy, Notes};
pub use findings::{
    FailureKind, Findings, OwnChecks, SCANNER, VIRUS, is_name_of_scanners, virus_mark,
};
pub use learned_curve::{LearnedCurve, LearnedCurves};
pub use list_pattern::{ListKind, ListPattern};
pub use message_filter::{
    ALLOWED, ALLOWED_IF_PROVEN, BLOCKED, CORRECTED, Filter, HeaderStage, LEARNT, NotAsked, Subject,
};
pub use noted::{KeptLesson, KeptNote, Noted, NotedLesson};
pub use rule_changes::{ChangedRule, RuleChange};
pub use rule_error::RuleError;
pub use rule_file::NamedText;
pub use rules::RuleSet;
pub use shared::SourceDigest;
pub use stopwatch::Clock;
pub use thresholds::{Action, Thresholds};
pub use verdict::{Hit, Verdict};
