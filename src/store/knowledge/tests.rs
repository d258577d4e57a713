//! A journal cut at any octet, the whole state in one file, and changes that are undone.

use super::*;
use crate::filter::classifier::features::{Features, VIEWS};
use crate::filter::classifier::{Belief, Lesson};

/// Features of which some are shared by all messages.
fn features(number: u32) -> Features {
    let view = |view: u32| vec![view, 1000 + view, 10_000 * (number + 1) + view];
    let views: [Vec<u32>; VIEWS] = std::array::from_fn(|at| view(at as u32));
    Features::from_views(&views)
}

fn teach(knowledge: &mut Knowledge, memory: &Memory, number: u32, account: Option<&str>) {
    let account = account.map(Arc::from);
    let digest = u128::from(number).to_le_bytes();
    let is_spam = number % 2 == 1;
    let features = features(number);
    let lesson = memory.lesson(account.as_ref(), digest, &features, is_spam, Belief::Full);
    let Lesson::Changes(changes) = lesson else {
        panic!("{number} is known");
    };
    for change in &changes {
        knowledge.change(memory, change).unwrap();
    }
}

#[test]
fn a_journal_cut_anywhere_is_read_up_to_there() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    let mut packed = vec![Knowledge::pack(&memory)];
    let mut ends = vec![knowledge.read];
    for number in 0..4 {
        teach(
            &mut knowledge,
            &memory,
            number,
            [None, Some("ann")][number as usize / 2],
        );
        packed.push(Knowledge::pack(&memory));
        ends.push(knowledge.read);
    }
    drop(knowledge);
    let path = dir.path().join("learnt/journal");
    let journal = fs::read(&path).unwrap();
    assert_eq!(journal.len() as u64, ends[4]);
    for cut in 0..=journal.len() {
        fs::write(&path, &journal[..cut]).unwrap();
        let (_, memory) = Knowledge::read(dir.path()).unwrap();
        let whole = ends.iter().rposition(|end| *end <= cut as u64).unwrap_or(0);
        assert!(Knowledge::pack(&memory) == packed[whole], "cut at {cut}");
    }
    // Damaged in the last record: that one is not believed, and what comes next follows the others.
    let mut damaged = journal.clone();
    *damaged.last_mut().unwrap() ^= 1;
    damaged.extend_from_slice(b"more");
    fs::write(&path, &damaged).unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    assert!(Knowledge::pack(&memory) == packed[3]);
    teach(&mut knowledge, &memory, 3, Some("ann"));
    drop(knowledge);
    let (_, memory) = Knowledge::read(dir.path()).unwrap();
    assert!(Knowledge::pack(&memory) == packed[4]);
}

#[test]
fn all_of_it_in_one_piece_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    for number in 0..6 {
        teach(
            &mut knowledge,
            &memory,
            number,
            [None, Some("ann"), Some("bob")][number as usize % 3],
        );
    }
    let before = Knowledge::pack(&memory);
    knowledge.save(&memory).unwrap();
    teach(&mut knowledge, &memory, 6, None);
    drop(knowledge);
    let (_, read) = Knowledge::read(dir.path()).unwrap();
    assert!(Knowledge::pack(&read) == Knowledge::pack(&memory));
    assert!(Knowledge::pack(&read) != before);
    let unpacked = Knowledge::unpack(Path::new("x"), &before).unwrap();
    assert!(Knowledge::pack(&unpacked) == before);
}

#[test]
fn what_is_taken_back_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    for number in 0..4 {
        teach(&mut knowledge, &memory, number, None);
    }
    let known = memory.known_for(None);
    let before = known.evidence(&features(1));
    teach(&mut knowledge, &memory, 4, None);
    assert_ne!(memory.known_for(None).evidence(&features(1)), before);
    let digest = 4u128.to_le_bytes();
    let change = memory.forgetting(None, digest, &features(4)).unwrap();
    knowledge.change(&memory, &change).unwrap();
    assert_eq!(memory.known_for(None).evidence(&features(1)), before);
    assert_eq!(memory.knows(None, digest), None);
    assert_eq!(memory.shared().counts.all(), 4);
    assert!(memory.forgetting(None, digest, &features(4)).is_none());
}
