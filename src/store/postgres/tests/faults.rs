//! What can be wrong with a database: each is an error that says what to do, and what passes is used again afterwards.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::super::contract::Store;
use super::super::super::contract_tests::{judged, mailbox, record, uidl};
use super::super::super::records::{Change, Label, Lesson, Timestamp};
use super::super::super::store_error::StoreErrorKind;
use super::super::{Postgres, Target};
use super::{Database, empty, execute};

fn error_of(target: &Target) -> (StoreErrorKind, String) {
    let error = Postgres::new(target).unwrap().prepare().unwrap_err();
    (error.kind(), error.to_string())
}

fn assert_refused(target: &Target, kind: StoreErrorKind, words: &[&str]) {
    let (found, text) = error_of(target);
    assert_eq!(found, kind, "{text}");
    for word in words {
        assert!(text.contains(word), "{text}: {word}");
    }
}

#[test]
#[ignore = "needs a server"]
fn newer_tables_are_refused_and_both_versions_are_named() {
    let (store, database) = empty();
    drop(store);
    database.execute("UPDATE popgate.schema_version SET version = 77");
    let words = ["version 77", "versions up to", env!("CARGO_PKG_VERSION")];
    assert_refused(&database.target(), StoreErrorKind::Incompatible, &words);
    database.execute("DROP SCHEMA popgate CASCADE");
    let store = Postgres::new(&database.target()).unwrap();
    let error = store.expect_tables().unwrap_err().to_string();
    assert!(error.contains("popgate serve"), "{error}");
}

#[test]
#[ignore = "needs a server"]
fn nodes_that_start_together_make_the_tables_once() {
    let database = Database::new();
    let target = database.target();
    std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| Postgres::new(&target).unwrap().prepare()))
            .collect();
        for node in nodes {
            node.join().unwrap().unwrap();
        }
    });
    let store = Postgres::new(&target).unwrap();
    store.expect_tables().unwrap();
    assert_eq!(store.mailboxes().unwrap(), []);
}

#[test]
#[ignore = "needs a server"]
fn what_is_missing_or_forbidden_is_said_with_what_to_do() {
    let database = Database::new();
    let mut target = database.target();
    target.config.dbname("popgate_no_such_database");
    assert_refused(
        &target,
        StoreErrorKind::Unreachable,
        &["create it", "3D000"],
    );
    // A user who may connect, and no more.
    let stranger = format!("{}_stranger", database.name);
    database.execute(&format!("CREATE ROLE {stranger} LOGIN"));
    let mut target = database.target();
    target.config.user(&stranger);
    let words = ["grant", "42501"];
    assert_refused(&target, StoreErrorKind::Unreachable, &words);
    // With a schema of its own no other right is needed.
    database.execute(&format!("CREATE SCHEMA popgate AUTHORIZATION {stranger}"));
    let store = Postgres::new(&target).unwrap();
    store.prepare().unwrap();
    store.apply(&[judged("ann", "one", record("a"))]).unwrap();
    drop(store);
    database.execute(&format!("DROP OWNED BY {stranger}; DROP ROLE {stranger}"));
    let mut target = database.target();
    target.config.user("popgate_no_such_user");
    let (kind, text) = error_of(&target);
    assert_eq!(kind, StoreErrorKind::Unreachable, "{text}");
}

#[test]
#[ignore = "needs a server"]
fn a_database_of_another_encoding_is_refused() {
    let database = Database::with("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let words = ["LATIN1", "--encoding=UTF8"];
    assert_refused(&database.target(), StoreErrorKind::Incompatible, &words);
}

#[test]
#[ignore = "needs a server"]
fn cut_connections_are_replaced_and_a_closed_database_is_not_stormed() {
    let (store, database) = empty();
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        database.name
    );
    store.apply(&[judged("ann", "one", record("a"))]).unwrap();
    let find = || store.message(&mailbox("ann"), &uidl("one"));
    execute(&database.server, &cut);
    until_works(|| find().is_ok_and(|it| it.is_some()));
    let close = |open| format!("ALTER DATABASE {} ALLOW_CONNECTIONS {open}", database.name);
    execute(&database.server, &close(false));
    execute(&database.server, &cut);
    let begun = Instant::now();
    let mut failures = 0;
    while begun.elapsed() < Duration::from_secs(2) {
        failures += u32::from(find().is_err());
    }
    // Most of them were not tried: the pause was not over.
    assert!(failures > 1000, "{failures}");
    let error = find().unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unreachable, "{error}");
    execute(&database.server, &close(true));
    until_works(|| find().is_ok_and(|it| it.is_some()));
}

/// A connection is dialled again within some seconds.
fn until_works(works: impl Fn() -> bool) {
    let begun = Instant::now();
    while !works() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
}

#[test]
#[ignore = "needs a server"]
fn a_locked_table_is_busy_and_nothing_of_a_batch_stays() {
    let (store, database) = empty();
    store.apply(&[judged("ann", "one", record("a"))]).unwrap();
    let locked = database.locked("LOCK TABLE popgate.messages IN EXCLUSIVE MODE");
    let batch = [
        judged("bob", "one", record("b")),
        judged("ann", "two", record("c")),
    ];
    let error = store.apply(&batch).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Busy, "{error}");
    // Look-ups go on.
    assert!(
        store
            .message(&mailbox("ann"), &uidl("one"))
            .unwrap()
            .is_some()
    );
    drop(locked);
    assert_eq!(store.mailboxes().unwrap().len(), 1);
    store.apply(&batch).unwrap();
    assert_eq!(store.mailboxes().unwrap().len(), 2);
}

#[test]
#[ignore = "needs a server"]
fn a_change_that_the_database_refuses_is_named_as_such() {
    let (store, _database) = empty();
    let change = Change::SettingChanged {
        mailbox: mailbox("ann"),
        key: random_text(100_000).into(),
        value: Some("1".into()),
    };
    let error = store.apply(&[change]).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    assert_eq!(store.mailboxes().unwrap(), []);
    store.apply(&[judged("ann", "one", record("a"))]).unwrap();
}

/// An index has no place for a long text that cannot be compressed.
fn random_text(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(1);
    std::iter::repeat_with(|| random.alphanumeric())
        .take(length)
        .collect()
}

fn lesson(name: String) -> Change {
    Change::Learned(Box::new(Lesson {
        id: name.into(),
        node: "node".into(),
        mailbox: None,
        label: Some(Label::Spam),
        identity: Default::default(),
        features: Default::default(),
        at: Timestamp::now(),
    }))
}

/// One who reads on from the last number that was seen gets all lessons, though others are being committed.
#[test]
#[ignore = "needs a server"]
fn lessons_appear_in_the_order_of_their_numbers() {
    const NODES: usize = 4;
    const LESSONS: usize = 50;
    let (store, _database) = empty();
    let store = Arc::new(store);
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        for node in 0..NODES {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                for number in 0..LESSONS {
                    let lessons = ["a", "b", "c"].map(|it| lesson(format!("{node}-{number}-{it}")));
                    while let Err(error) = store.apply(&lessons) {
                        assert!(error.kind().is_passing(), "{error}");
                    }
                }
            });
        }
        let begun = Instant::now();
        while seen.len() < NODES * LESSONS * 3 && begun.elapsed() < Duration::from_secs(60) {
            let after = seen.last().map_or(0, |it: &(u64, String)| it.0);
            let more = store.lessons(after, 7).unwrap();
            seen.extend(
                more.into_iter()
                    .map(|it| (it.number, it.lesson.id.to_string())),
            );
        }
    });
    assert_eq!(seen.len(), NODES * LESSONS * 3);
    let mut names: Vec<_> = seen.into_iter().map(|it| it.1).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), NODES * LESSONS * 3);
}
