//! Many messages. Times are printed, and decide nothing: `cargo test --release -- --ignored --nocapture scale`.

use std::time::{Duration, Instant};

use super::super::super::contract::{Retention, Store};
use super::super::super::contract_tests::{judged, mailbox, record, uidl};
use super::super::super::records::{Change, MessageRecord, Timestamp};
use super::super::{Sqlite, backup};
use crate::filter::Action;
use crate::pop3::Uidl;

/// As a server names messages: in the order of their arrival.
fn name(mailbox: usize, number: usize) -> String {
    format!(
        "{:010}.V801I{mailbox:x}M{number:06}",
        1_700_000_000 + number
    )
}

/// Passed ham, one of twenty tagged.
fn message(mailbox: usize, number: usize) -> Change {
    let id = format!("65a1b2c3-{mailbox:06x}{number:06x}");
    let is_spam = number.is_multiple_of(20);
    let mut new = MessageRecord {
        octets_upstream: Some(4000 + number as u64 % 9000),
        ..record(&id)
    };
    if !is_spam {
        new.action = Action::Pass;
        new.edit = None;
    }
    judged(&format!("user{mailbox}"), &name(mailbox, number), new)
}

fn fill(store: &Sqlite, mailboxes: usize, messages: usize) {
    let all = (0..mailboxes).flat_map(|mailbox| (0..messages).map(move |it| (mailbox, it)));
    let mut batch = Vec::new();
    for (mailbox, number) in all {
        batch.push(message(mailbox, number));
        if batch.len() == 1000 {
            store.apply(&std::mem::take(&mut batch)).unwrap();
        }
    }
    store.apply(&batch).unwrap();
}

#[test]
#[ignore = "a measurement"]
fn scale_of_one_large_mailbox() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    let begun = Instant::now();
    fill(&store, 1, 100_000);
    println!("100,000 messages written in {:?}", begun.elapsed());
    let uidls: Vec<Uidl> = (0..100_000).map(|it| uidl(&name(0, it))).collect();
    for round in 0..5 {
        let begun = Instant::now();
        let memory = store.recall(&mailbox("user0"), &uidls).unwrap();
        println!("round {round}: 100,000 recalled in {:?}", begun.elapsed());
        assert!(memory.messages.iter().all(Option::is_some));
    }
}

#[test]
#[ignore = "a measurement"]
fn scale_of_many_messages() {
    let count: usize = std::env::var("MESSAGES").map_or(10_000_000, |it| it.parse().unwrap());
    let (mailboxes, messages) = (count / 1000, 1000);
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    let begun = Instant::now();
    fill(&store, mailboxes, messages);
    println!("{count} messages written in {:?}", begun.elapsed());
    let size = std::fs::metadata(store.path()).unwrap().len();
    println!(
        "{} MB, {} octets a message",
        size >> 20,
        size / count as u64
    );
    drop(store);
    let begun = Instant::now();
    let store = Sqlite::open(dir.path()).unwrap();
    println!("opened in {:?}", begun.elapsed());
    let mut times = Vec::new();
    for round in 0..1000 {
        let of = (round * 7919) % mailboxes;
        let uidls: Vec<_> = (0..messages).map(|it| uidl(&name(of, it))).collect();
        let begun = Instant::now();
        let memory = store.recall(&mailbox(&format!("user{of}")), &uidls);
        times.push(begun.elapsed());
        assert!(memory.unwrap().messages.iter().all(Option::is_some));
    }
    times.sort();
    println!(
        "recall of {messages}: p50 {:?}, p99 {:?}, most {:?}",
        times[500], times[990], times[999]
    );
    let begun = Instant::now();
    backup(dir.path(), &dir.path().join("backup")).unwrap();
    println!("backup in {:?}", begun.elapsed());
    let retention = Retention {
        messages: Some(Timestamp::now().before(Duration::from_secs(86_400))),
        ..Retention::default()
    };
    let (begun, mut longest) = (Instant::now(), Duration::ZERO);
    loop {
        let step = Instant::now();
        let expired = store.expire(&retention).unwrap();
        longest = longest.max(step.elapsed());
        if !expired.more {
            break;
        }
    }
    println!(
        "retention walked in {:?}, the longest step {longest:?}",
        begun.elapsed()
    );
}
