//! Many messages. Times are printed, and decide nothing: `cargo test --release -- --ignored --nocapture postgres::tests::scale`.

use std::time::Instant;

use super::super::super::contract::Store;
use super::super::super::contract_tests::{judged, mailbox, record, uidl};
use super::empty;
use crate::pop3::Uidl;

fn name(number: usize) -> String {
    format!("{:010}.V801I0M{number:06}", 1_700_000_000 + number)
}

#[test]
#[ignore = "needs a server"]
fn scale_of_one_large_mailbox() {
    let (store, _database) = empty();
    let begun = Instant::now();
    let all: Vec<_> = (0..100_000)
        .map(|number| judged("ann", &name(number), record(&format!("65a1-{number:06x}"))))
        .collect();
    for batch in all.chunks(1000) {
        store.apply(batch).unwrap();
    }
    println!("100,000 messages written in {:?}", begun.elapsed());
    let uidls: Vec<Uidl> = (0..100_000).map(|it| uidl(&name(it))).collect();
    for round in 0..7 {
        let begun = Instant::now();
        let memory = store.recall(&mailbox("ann"), &uidls).unwrap();
        println!("round {round}: 100,000 recalled in {:?}", begun.elapsed());
        assert!(memory.messages.iter().all(Option::is_some));
        let begun = Instant::now();
        let memory = store.recall(&mailbox("ann"), &uidls[500..700]).unwrap();
        println!("round {round}: 200 recalled in {:?}", begun.elapsed());
        assert!(memory.messages.iter().all(Option::is_some));
    }
}
