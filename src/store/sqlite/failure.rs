//! SQLite's errors as the store's.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use super::super::store_error::{StoreError, StoreErrorKind};

/// The error of an operation on the file.
pub(super) fn of(path: &Path, error: &Error) -> StoreError {
    let kind = kind(error);
    let advice = match kind {
        StoreErrorKind::Busy => "another process has it locked",
        StoreErrorKind::Full => "the disk is full: make room there",
        StoreErrorKind::Corrupt => {
            "it is damaged; `popgate restore FILE` puts a backup in its place"
        }
        StoreErrorKind::Unreachable => "it cannot be read or written",
        StoreErrorKind::Incompatible | StoreErrorKind::Refused => "it does not take this",
    };
    StoreError::new(kind, format!("{}: {advice} ({error})", path.display()))
}

fn kind(error: &Error) -> StoreErrorKind {
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreErrorKind::Busy,
            ErrorCode::DiskFull => StoreErrorKind::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreErrorKind::Corrupt,
            // SQL that is right, of tables that are not there.
            _ if failure.extended_code == rusqlite::ffi::SQLITE_ERROR => StoreErrorKind::Corrupt,
            ErrorCode::ConstraintViolation
            | ErrorCode::TypeMismatch
            | ErrorCode::TooBig
            | ErrorCode::ParameterOutOfRange
            | ErrorCode::ApiMisuse => StoreErrorKind::Refused,
            // Permission, I/O, out of memory, interrupted.
            _ => StoreErrorKind::Unreachable,
        },
        // A table or column of popgate's is missing.
        Error::SqlInputError { .. } => StoreErrorKind::Corrupt,
        // What is in a column is not what was put there.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => StoreErrorKind::Corrupt,
        _ => StoreErrorKind::Refused,
    }
}
