//! The check of the file at the start, bounded in time.
//!
//! `PRAGMA quick_check` reads the whole file: about 100 MB in a second. A start must not wait for it with ten million
//! messages, so it is given up after a while; the pages that were not checked are read by look-ups and by
//! `popgate backup`, which report what is damaged in the same words.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Error, ErrorCode};

/// How long the check may take.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// Between two looks at the clock, in pages or steps of SQLite's virtual machine: below a millisecond.
const STEPS: i32 = 10;

/// What the check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checked {
    /// Nothing.
    Sound,
    /// Nothing so far: the time was up.
    InPart,
    /// The first problem, in SQLite's words.
    Damaged(String),
}

/// Checks the file.
pub(super) fn check(connection: &mut Connection, limit: Duration) -> rusqlite::Result<Checked> {
    let begun = Instant::now();
    connection.progress_handler(STEPS, Some(move || begun.elapsed() >= limit))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(text) if text == "ok" => Ok(Checked::Sound),
        Ok(text) => Ok(Checked::Damaged(text)),
        Err(Error::SqliteFailure(failure, _))
            if failure.code == ErrorCode::OperationInterrupted =>
        {
            Ok(Checked::InPart)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_is_given_up_in_time() {
        let mut connection = Connection::open_in_memory().unwrap();
        let fill = "CREATE TABLE t (x);
            WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
            INSERT INTO t SELECT hex(randomblob(50)) FROM n";
        connection.execute_batch(fill).unwrap();
        let checked = |connection: &mut _, limit| check(connection, limit).unwrap();
        assert_eq!(checked(&mut connection, Duration::ZERO), Checked::InPart);
        assert_eq!(checked(&mut connection, LIMIT * 100), Checked::Sound);
        // The connection can be used for other things.
        let rows: i64 = connection
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 20_000);
    }
}
