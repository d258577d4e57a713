//! Judging a message: rules in, verdict out.

pub mod verdict;

pub use verdict::{Action, Hit, Thresholds, Verdict};
