//! SQLite's part of the contract, and what can be wrong with a file.

mod faults;
mod scale;

use super::super::contract_tests::contract;
use super::Sqlite;

fn empty() -> (Sqlite, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Sqlite::open(dir.path()).unwrap(), dir)
}

contract!(empty);
