//! PostgreSQL's errors as the store's.

use std::error::Error as _;
use std::fmt;

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use super::super::store_error::{StoreError, StoreErrorKind};

/// Why a question to the database has no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client's or the server's error.
    Database(Error),
    /// What a column should have, and has not.
    Damaged(&'static str),
    /// There is no connection, or no answer in time.
    Unreachable(String),
    /// What is there is not for this program.
    Unfit(StoreErrorKind, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl Failure {
    /// Whether the connection can be used for other questions.
    pub(super) fn leaves_connection(&self) -> bool {
        match self {
            Self::Database(error) => error
                .as_db_error()
                .is_some_and(|error| kind_of_state(error.code()) != StoreErrorKind::Unreachable),
            Self::Damaged(_) | Self::Unfit(..) => true,
            Self::Unreachable(_) => false,
        }
    }

    fn kind(&self) -> StoreErrorKind {
        match self {
            Self::Database(error) => match error.as_db_error() {
                Some(error) => kind_of_state(error.code()),
                // Its kinds have no names of their own.
                None => match error.to_string() {
                    text if text.starts_with("error deserializing") => StoreErrorKind::Corrupt,
                    text if text.starts_with("error serializing") => StoreErrorKind::Refused,
                    _ => StoreErrorKind::Unreachable,
                },
            },
            Self::Damaged(_) => StoreErrorKind::Corrupt,
            Self::Unreachable(_) => StoreErrorKind::Unreachable,
            Self::Unfit(kind, _) => *kind,
        }
    }

    /// The error of an operation on the database of this name.
    pub(super) fn at(&self, database: &str) -> StoreError {
        StoreError::new(self.kind(), format!("{database}: {self}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => match error.as_db_error() {
                Some(error) => write_server_error(f, error),
                None => {
                    write!(f, "{error}")?;
                    match error.source() {
                        Some(why) => write!(f, ": {why}"),
                        None => Ok(()),
                    }
                }
            },
            Self::Damaged(what) => write!(
                f,
                "a column has {what}; it was changed by another program, or is damaged"
            ),
            Self::Unreachable(why) | Self::Unfit(_, why) => f.write_str(why),
        }
    }
}

fn write_server_error(f: &mut fmt::Formatter<'_>, error: &DbError) -> fmt::Result {
    let advice = advice(error.code());
    if !advice.is_empty() {
        write!(f, "{advice} ")?;
    }
    write!(f, "({}, SQLSTATE {})", error.message(), error.code().code())
}

/// What to do.
fn advice(state: &SqlState) -> &'static str {
    match *state {
        SqlState::DISK_FULL => "the disk of the server is full: make room there",
        SqlState::TOO_MANY_CONNECTIONS => {
            "the server has no connection left: raise max_connections, each node uses up to 9"
        }
        SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED => {
            "another transaction was in the way"
        }
        SqlState::LOCK_NOT_AVAILABLE => "another transaction has it locked",
        SqlState::QUERY_CANCELED => "the server takes too long",
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            "the server takes no changes: it is a standby, or read-only; name the primary, or add ?target_session_attrs=read-write to data.store"
        }
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "the server does not let this user in: check the user in data.store, data.store_password_file, and pg_hba.conf"
        }
        SqlState::INVALID_CATALOG_NAME => {
            "there is no such database: create it, as deploy/several-nodes.md shows"
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the user has not the rights that popgate needs: grant them, as deploy/several-nodes.md shows"
        }
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => {
            "the tables are not those of this popgate"
        }
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => {
            "the database is damaged: restore a backup"
        }
        _ => "",
    }
}

/// PostgreSQL's manual, appendix A.
fn kind_of_state(state: &SqlState) -> StoreErrorKind {
    match *state {
        SqlState::DISK_FULL => StoreErrorKind::Full,
        SqlState::TOO_MANY_CONNECTIONS
        | SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE
        | SqlState::QUERY_CANCELED => StoreErrorKind::Busy,
        // These can be put right while popgate runs, and nothing is lost until then.
        SqlState::INSUFFICIENT_PRIVILEGE | SqlState::READ_ONLY_SQL_TRANSACTION => {
            StoreErrorKind::Unreachable
        }
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN => StoreErrorKind::Incompatible,
        SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED => StoreErrorKind::Corrupt,
        _ => match &state.code()[..2] {
            // Data that do not fit a column, an index or a constraint.
            "22" | "23" | "54" => StoreErrorKind::Refused,
            // A statement that the server does not understand.
            "42" | "0A" => StoreErrorKind::Refused,
            // Connection, authorisation, resources, shutdown, I/O, and what is not known.
            _ => StoreErrorKind::Unreachable,
        },
    }
}
