//! Runs what others' input may break: a panic is a failure of one check, and of nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::dns::Failure;
use crate::filter::findings::FailureKind;

/// The result of work on input of others.
///
/// # Errors
/// If it panics.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Failure> {
    // The work owns what it changes, or nothing uses that again.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
}

/// Work on input of others has panicked.
pub(super) fn panicked() -> Failure {
    let sentence = "popgate itself has failed, which is a defect of it";
    Failure::new(FailureKind::Panicked, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_failure() {
        assert_eq!(guarded(|| 1), Ok(1));
        let failed = guarded(|| -> u8 { panic!("for a test") }).unwrap_err();
        assert_eq!(failed.kind, FailureKind::Panicked);
    }
}
