//! Files that cannot be used, and operations that fail.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::Connection;

use super::super::super::contract::{QuarantineQuery, Store};
use super::super::super::contract_tests::{at, entry, id, judged, mailbox, record, uidl};
use super::super::super::records::{Change, Timestamp};
use super::super::super::reopened::ReopenedStore;
use super::super::super::store_error::{StoreError, StoreErrorKind};
use super::super::{FILE, Sqlite, backup, restore};
use super::empty;

fn filled(messages: usize) -> tempfile::TempDir {
    let (store, dir) = empty();
    let changes: Vec<_> = (0..messages)
        .map(|number| judged("ann", &format!("{number:06}"), record("a-1")))
        .collect();
    store.apply(&changes).unwrap();
    dir
}

#[track_caller]
fn assert_refused(dir: &Path, kind: StoreErrorKind, words: &[&str]) {
    let before = fs::read(dir.join(FILE)).ok();
    let error = Sqlite::open(dir).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_says(&error, words);
    assert!(error.to_string().contains(FILE), "{error}");
    assert_eq!(fs::read(dir.join(FILE)).ok(), before, "it is not touched");
}

#[track_caller]
fn assert_says(error: &StoreError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[test]
fn the_file_is_private_and_survives() {
    let dir = filled(3);
    let path = dir.path().join(FILE);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(store.path(), path);
    let wal = fs::metadata(path.with_extension("sqlite-wal")).unwrap();
    assert_eq!(wal.permissions().mode() & 0o777, 0o600);
    let found = store.message(&mailbox("ann"), &uidl("000002")).unwrap();
    assert_eq!(found.unwrap().id, id("a-1"));
    store.with_writer(|writer| {
        let pragma = |name| {
            let value = writer.pragma_query_value(None, name, |row| row.get::<_, String>(0));
            value.or_else(|_| {
                writer
                    .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
                    .map(|it| it.to_string())
            })
        };
        assert_eq!(pragma("journal_mode").unwrap(), "wal");
        assert_eq!(pragma("synchronous").unwrap(), "2");
        assert_eq!(pragma("foreign_keys").unwrap(), "1");
    });
}

#[test]
fn a_missing_folder_is_created_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("a/b");
    drop(Sqlite::open(&inner).unwrap());
    let mode = fs::metadata(&inner).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    // /proc is read-only for everybody, root included.
    let error = Sqlite::open(Path::new("/proc/popgate")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreachable);
    assert_says(&error, &["/proc/popgate"]);
}

#[test]
fn a_folder_in_the_place_of_the_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(FILE)).unwrap();
    let words = ["is not a file", "move it away"];
    assert_refused(dir.path(), StoreErrorKind::Unreachable, &words);
}

#[test]
fn another_programs_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(other);
    let words = ["another program", "data.dir"];
    assert_refused(dir.path(), StoreErrorKind::Incompatible, &words);
    fs::write(&path, "From a@example.net\n".repeat(500)).unwrap();
    let words = ["damaged", "popgate restore"];
    assert_refused(dir.path(), StoreErrorKind::Corrupt, &words);
}

#[test]
fn a_newer_database_is_refused_and_both_versions_are_named() {
    let dir = filled(1);
    let path = dir.path().join(FILE);
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 77).unwrap();
    newer.execute_batch("PRAGMA journal_mode = delete").unwrap();
    drop(newer);
    let words = ["version 77", "versions up to 4", env!("CARGO_PKG_VERSION")];
    assert_refused(dir.path(), StoreErrorKind::Incompatible, &words);
}

#[test]
fn a_truncated_file_is_refused() {
    let dir = filled(2000);
    let path = dir.path().join(FILE);
    let length = fs::metadata(&path).unwrap().len();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    for kept in [length / 2, length - 4096, 5000, 100] {
        file.set_len(kept).unwrap();
        let words = ["damaged", "popgate restore"];
        assert_refused(dir.path(), StoreErrorKind::Corrupt, &words);
    }
}

/// SQLite has no sums over its pages: a bit within a text is a different text. Whatever was flipped, the answer is an
/// answer or one of the sentences, and the file stays.
#[test]
fn one_flipped_bit_is_survived() {
    let dir = filled(300);
    let path = dir.path().join(FILE);
    let sound = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in (0..sound.len()).step_by(sound.len() / 180) {
        let mut damaged = sound.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, &damaged).unwrap();
        let used = Sqlite::open(dir.path()).and_then(|store| {
            let uidls: Vec<_> = (0..300).map(|it| uidl(&format!("{it:06}"))).collect();
            store.recall(&mailbox("ann"), &uidls)?;
            store.apply(&[judged("ann", "more", record("b"))])
        });
        if let Err(error) = used {
            refused += 1;
            assert_says(&error, &[FILE]);
        }
        for ending in ["sqlite-wal", "sqlite-shm"] {
            let _ = fs::remove_file(path.with_extension(ending));
        }
    }
    assert!(refused > 5, "{refused} of 180 found");
}

#[test]
fn a_damaged_page_that_the_check_did_not_reach_is_reported_when_it_is_read() {
    let dir = filled(3000);
    let path = dir.path().join(FILE);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xff; 65536], length / 2 / 4096 * 4096)
        .unwrap();
    let store = Sqlite::open_unchecked(dir.path()).unwrap();
    let uidls: Vec<_> = (0..3000).map(|it| uidl(&format!("{it:06}"))).collect();
    let error = store.recall(&mailbox("ann"), &uidls).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    drop(store);
    assert_refused(dir.path(), StoreErrorKind::Corrupt, &["damaged"]);
}

#[test]
fn a_full_disk_fails_a_batch_as_a_whole_and_passes() {
    let (store, _dir) = empty();
    let limit = |pages: i64| {
        store.with_writer(|writer| {
            writer.pragma_update(None, "max_page_count", pages).unwrap();
        });
    };
    limit(1); // SQLite takes the number of pages that there are
    let batch: Vec<_> = (0..2000)
        .map(|number| judged("ann", &format!("{number}"), record("a")))
        .collect();
    let error = store.apply(&batch).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    assert_says(&error, &["the disk is full"]);
    assert_eq!(store.message(&mailbox("ann"), &uidl("0")).unwrap(), None);
    limit(1 << 30);
    store.apply(&batch).unwrap();
    let found = store.message(&mailbox("ann"), &uidl("1999")).unwrap();
    assert!(found.is_some());
}

#[test]
fn while_another_process_writes_readers_read_and_writers_say_busy() {
    let dir = filled(1);
    let store = Sqlite::open(dir.path()).unwrap();
    store.with_writer(|writer| writer.busy_timeout(Duration::ZERO).unwrap());
    let other = Connection::open(store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let change = [judged("ann", "new", record("b"))];
    let error = store.apply(&change).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
    assert!(error.kind().is_passing());
    let found = store.message(&mailbox("ann"), &uidl("000000")).unwrap();
    assert!(found.is_some());
    other.execute_batch("COMMIT").unwrap();
    store.apply(&change).unwrap();
}

#[test]
fn a_file_that_somebody_deleted_is_written_anew() {
    let dir = filled(300);
    let store = Sqlite::open(dir.path()).unwrap();
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(dir.path().join(format!("{FILE}{ending}"))).unwrap();
    }
    let error = store.recall(&mailbox("ann"), &[]).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreachable);
    assert_says(&error, &["the file is gone", FILE]);
    store.apply(&[judged("ann", "new", record("b"))]).unwrap();
    let known = |store: &Sqlite, name| store.message(&mailbox("ann"), &uidl(name)).unwrap();
    assert!(known(&store, "000299").is_some() && known(&store, "new").is_some());
    let mode = fs::metadata(store.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(store);
    let store = Sqlite::open(dir.path()).unwrap();
    assert!(known(&store, "000299").is_some() && known(&store, "new").is_some());
}

#[test]
fn another_file_in_its_place_is_used() {
    let (dir, other) = (filled(1), filled(2));
    let store = Sqlite::open(dir.path()).unwrap();
    backup(other.path(), &dir.path().join("backup")).unwrap();
    for ending in ["-wal", "-shm"] {
        fs::remove_file(dir.path().join(format!("{FILE}{ending}"))).unwrap();
    }
    fs::rename(dir.path().join("backup"), store.path()).unwrap();
    let known = |name| store.message(&mailbox("ann"), &uidl(name)).unwrap();
    assert!(known("000001").is_some());
    store.apply(&[judged("ann", "new", record("b"))]).unwrap();
    assert!(known("new").is_some());
}

#[test]
fn what_can_be_read_of_a_damaged_database_is_used() {
    let dir = filled(3000);
    let path = dir.path().join(FILE);
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    let middle = length / 2 / 4096 * 4096;
    file.write_all_at(&[0xff; 4096], middle).unwrap();
    let (store, salvaged) = Sqlite::open_or_salvage(dir.path()).unwrap();
    let salvaged = salvaged.unwrap();
    assert!(salvaged.kept.exists());
    let uidls: Vec<_> = (0..3000).map(|it| uidl(&format!("{it:06}"))).collect();
    let memory = store.recall(&mailbox("ann"), &uidls).unwrap();
    let known = memory.messages.iter().flatten().count();
    assert!((1500..3000).contains(&known), "{known} of 3000");
    // What is marked has its edit.
    for uidl in &uidls {
        if let Some(record) = store.message(&mailbox("ann"), uidl).unwrap() {
            let wanted = crate::store::records::MessageRecord {
                first_seen: record.first_seen,
                ..super::super::super::contract_tests::record("a-1")
            };
            assert_eq!(record, wanted);
        }
    }
    store.apply(&[judged("ann", "new", record("b"))]).unwrap();
    drop(store);
    let (_, again) = Sqlite::open_or_salvage(dir.path()).unwrap();
    assert_eq!(again, None, "the new one is sound");
}

#[test]
fn of_what_is_no_database_nothing_is_used_and_it_is_kept() {
    for damaged in [
        b"From a@example.net\n".repeat(500),
        fs::read(filled(2000).path().join(FILE)).unwrap()[..20_000].to_vec(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), &damaged).unwrap();
        let (store, salvaged) = Sqlite::open_or_salvage(dir.path()).unwrap();
        let kept = salvaged.unwrap().kept;
        assert_eq!(fs::read(kept).unwrap(), damaged);
        assert!(store.mailboxes().unwrap().len() <= 1);
    }
    // Another program's is not damaged: nothing is touched.
    let dir = tempfile::tempdir().unwrap();
    let other = Connection::open(dir.path().join(FILE)).unwrap();
    other.execute_batch("CREATE TABLE a (b)").unwrap();
    drop(other);
    let error = Sqlite::open_or_salvage(dir.path()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Incompatible);
}

#[test]
fn a_damaged_database_that_others_use_stays() {
    let dir = filled(3000);
    let path = dir.path().join(FILE);
    let other = Sqlite::open(dir.path()).unwrap();
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let middle = file.metadata().unwrap().len() / 2 / 4096 * 4096;
    file.write_all_at(&[0xff; 4096], middle).unwrap();
    let error = Sqlite::open_or_salvage(dir.path()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
    drop(other);
    assert!(Sqlite::open_or_salvage(dir.path()).unwrap().1.is_some());
}

fn reopened(dir: &Path) -> ReopenedStore {
    let data_dir = dir.to_owned();
    let store = ReopenedStore::new(Box::new(move || {
        let (store, _) = Sqlite::open_or_salvage(&data_dir)?;
        Ok(Arc::new(store))
    }));
    assert_eq!(store.failure(), None);
    store
}

fn truncate(dir: &Path, kept: u64) {
    let file = OpenOptions::new().write(true).open(dir.join(FILE));
    file.unwrap().set_len(kept).unwrap();
}

#[test]
fn a_file_that_is_truncated_while_it_is_used_is_replaced() {
    let dir = filled(2000);
    let store = reopened(dir.path());
    truncate(dir.path(), 8192);
    let uidls: Vec<_> = (0..2000).map(|it| uidl(&format!("{it:06}"))).collect();
    let error = store.recall(&mailbox("ann"), &uidls).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    store.apply(&[judged("ann", "new", record("b"))]).unwrap();
    let found = store.message(&mailbox("ann"), &uidl("new")).unwrap();
    assert!(found.is_some());
}

#[test]
fn a_file_that_is_emptied_while_it_is_used_is_written_anew() {
    let dir = filled(20);
    let store = reopened(dir.path());
    // Into the log, where it stays.
    store.apply(&[judged("ann", "one", record("b"))]).unwrap();
    truncate(dir.path(), 0);
    let applied = store.apply(&[judged("ann", "new", record("b"))]);
    // What was not in the memory of the connection is lost with the file: then the next attempt begins a new one.
    if let Err(error) = applied {
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
        store.apply(&[judged("ann", "new", record("b"))]).unwrap();
    }
    drop(store);
    let store = reopened(dir.path());
    let found = store.message(&mailbox("ann"), &uidl("new")).unwrap();
    assert!(found.is_some());
}

#[test]
fn a_store_that_cannot_be_opened_is_opened_later() {
    let open = Arc::new(AtomicBool::new(false));
    let dir = tempfile::tempdir().unwrap();
    let (may, data_dir) = (Arc::clone(&open), dir.path().to_owned());
    let store = ReopenedStore::new(Box::new(move || match may.load(Ordering::Relaxed) {
        true => Ok(Arc::new(Sqlite::open(&data_dir)?)),
        false => Err(StoreError::new(StoreErrorKind::Full, "no room")),
    }));
    let change = [judged("ann", "new", record("b"))];
    open.store(true, Ordering::Relaxed);
    // Not at once.
    assert_eq!(
        store.apply(&change).unwrap_err().kind(),
        StoreErrorKind::Full
    );
    store.pause_is_over();
    store.apply(&change).unwrap();
    assert_eq!(store.failure(), None);
}

#[test]
fn a_change_that_breaks_a_rule_of_the_tables_is_refused() {
    let (store, _dir) = empty();
    store.with_writer(|writer| {
        writer
            .execute_batch(
                "CREATE TRIGGER t BEFORE INSERT ON history BEGIN SELECT raise(abort, 'no'); END",
            )
            .unwrap();
    });
    let row = super::super::super::contract_tests::history_row("a", "ann", 1);
    let changes = [
        judged("ann", "one", record("a")),
        Change::Recorded(Box::new(row)),
    ];
    let error = store.apply(&changes).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    assert_eq!(store.message(&mailbox("ann"), &uidl("one")).unwrap(), None);
}

#[test]
fn a_backup_is_made_while_the_store_is_used_and_is_restored_when_it_is_not() {
    let dir = filled(10);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("store.backup");
    let store = Sqlite::open(dir.path()).unwrap();
    for _ in 0..2 {
        backup(dir.path(), &file).unwrap();
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    store.apply(&[judged("ann", "late", record("b"))]).unwrap();
    let error = restore(dir.path(), &file).unwrap_err();
    assert_says(&error, &["popgate is running", "stop it"]);
    drop(store);
    let kept = restore(dir.path(), &file).unwrap().unwrap();
    assert!(kept.exists());
    let store = Sqlite::open(dir.path()).unwrap();
    let known = |name| store.message(&mailbox("ann"), &uidl(name)).unwrap();
    assert!(known("000009").is_some() && known("late").is_none());
    let mode = fs::metadata(store.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Into a data directory that has none.
    let other = tempfile::tempdir().unwrap();
    assert_eq!(restore(other.path(), &file).unwrap(), None);
    assert!(Sqlite::open(other.path()).is_ok());
}

#[test]
fn a_backup_overwrites_nothing_else_and_a_damaged_one_is_not_restored() {
    let dir = filled(2000);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("file");
    fs::write(&file, "precious").unwrap();
    let error = backup(dir.path(), &file).unwrap_err();
    assert_says(&error, &["file", "not a backup"]);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let error = backup(dir.path(), &dir.path().join(FILE)).unwrap_err();
    assert_says(&error, &["the store itself"]);
    let error = backup(elsewhere.path(), &elsewhere.path().join("new"));
    assert_says(&error.unwrap_err(), &[FILE]);
    fs::remove_file(&file).unwrap();
    backup(dir.path(), &file).unwrap();
    let mut damaged = fs::read(&file).unwrap();
    let middle = damaged.len() / 2 / 4096 * 4096;
    damaged[middle..middle + 4096].fill(0xff);
    fs::write(&file, damaged).unwrap();
    let before = fs::read(dir.path().join(FILE)).unwrap();
    let error = restore(dir.path(), &file).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{error}");
    assert_eq!(fs::read(dir.path().join(FILE)).unwrap(), before);
    assert!(restore(dir.path(), &elsewhere.path().join("none")).is_err());
}

#[test]
fn a_server_that_is_replaced_shares_the_store_with_its_successor() {
    let dir = filled(1);
    let old = Sqlite::open(dir.path()).unwrap();
    let new = Sqlite::open(dir.path()).unwrap();
    let held = Change::Held {
        entry: Box::new(entry("h-1", "one", 10)),
        hidden: false,
    };
    old.apply(&[held]).unwrap();
    new.apply(&[judged("ann", "two", record("b"))]).unwrap();
    assert!(new.quarantined(&id("h-1")).unwrap().is_some());
    drop(new);
    let query = QuarantineQuery {
        since: Some(at(0)),
        before: Some(Timestamp::now()),
        limit: 5,
        ..QuarantineQuery::default()
    };
    assert_eq!(old.quarantine(&query).unwrap().len(), 1);
}

#[test]
fn the_file_of_a_stopped_server_has_everything() {
    let (store, dir) = empty();
    let changes = [judged("ann", "one", record("a-1"))];
    store.apply(&changes).unwrap();
    let copied = || {
        let copy = tempfile::tempdir().unwrap();
        fs::copy(dir.path().join(FILE), copy.path().join(FILE)).unwrap();
        let copied = Sqlite::open(copy.path()).unwrap();
        copied.message(&mailbox("ann"), &uidl("one")).unwrap()
    };
    assert_eq!(copied(), None, "it is in the log");
    // As a session of a command that has just read, and is still there.
    store.message(&mailbox("ann"), &uidl("one")).unwrap();
    store.checkpoint().unwrap();
    assert_eq!(copied().unwrap().id, id("a-1"));
    // Somebody has deleted the file: nothing is written anew.
    fs::remove_file(dir.path().join(FILE)).unwrap();
    store.checkpoint().unwrap();
    assert!(!dir.path().join(FILE).exists());
}
