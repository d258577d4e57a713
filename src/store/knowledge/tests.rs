//! Truncated journals, interrupted saves, and training that is undone.

use super::*;
use crate::filter::classifier::features::{FEATURE_GROUPS, Features};
use crate::filter::classifier::{Belief, Update, WeightsOwner};

/// Features, some of them shared by all messages.
fn features(number: u32) -> Features {
    let view = |view: u32| vec![view, 1000 + view, 10_000 * (number + 1) + view];
    let views: [Vec<u32>; FEATURE_GROUPS] = std::array::from_fn(|at| view(at as u32));
    Features::from_groups(&views)
}

fn teach(knowledge: &mut Knowledge, memory: &LearnedState, number: u32, account: Option<&str>) {
    let owner = account.and_then(WeightsOwner::from_key);
    let digest = u128::from(number).to_le_bytes();
    let is_spam = number % 2 == 1;
    let features = features(number);
    let lesson = memory.update_for(owner.as_ref(), digest, &features, is_spam, Belief::Full);
    let Update::Changes(changes) = lesson else {
        panic!("{number} is known");
    };
    for change in &changes {
        knowledge.change(memory, change).unwrap();
    }
}

/// The state before the journal is read: no weights.
fn beginning(folder: &Path) -> Knowledge {
    Knowledge {
        folder: folder.to_owned(),
        lock: None,
        journal: None,
        generation: 0,
        read: 0,
    }
}

#[test]
fn a_truncated_journal_is_read_up_to_the_cut() {
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
    let folder = knowledge.folder.clone();
    drop(knowledge);
    let path = folder.join("journal");
    let journal = fs::read(&path).unwrap();
    assert_eq!(journal.len() as u64, ends[4]);
    // At every byte: the number of records that are read, and where the last one ends.
    let memory = LearnedState::default();
    for cut in 0..=journal.len() {
        fs::write(&path, &journal[..cut]).unwrap();
        let whole = ends.iter().rposition(|end| *end <= cut as u64);
        let progress = match whole.unwrap_or(0) {
            0 => Progress::Nothing,
            changes => Progress::Learned(changes),
        };
        let mut knowledge = beginning(&folder);
        assert_eq!(
            knowledge.catch_up(&memory).unwrap(),
            progress,
            "cut at {cut}"
        );
        assert_eq!(
            knowledge.read,
            whole.map_or(0, |at| ends[at]),
            "cut at {cut}"
        );
    }
    // The weights depend only on the records read, so each number of records is checked once.
    for (whole, end) in ends.iter().enumerate() {
        let cut = (*end as usize + 1).min(journal.len());
        fs::write(&path, &journal[..cut]).unwrap();
        let (_, memory) = Knowledge::read(dir.path()).unwrap();
        assert!(Knowledge::pack(&memory) == packed[whole], "cut at {cut}");
    }
    // A damaged last record is ignored, and new records are appended after the others.
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
fn saving_gives_the_same_state_as_the_journal() {
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

/// A process that is killed during a save leaves the old journal, with the old weights or with the new
/// weights, which already include it.
#[test]
fn an_interrupted_save_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    for number in 0..2 {
        teach(&mut knowledge, &memory, number, None);
    }
    let packed = Knowledge::pack(&memory);
    let folder = knowledge.folder.clone();
    let journal = fs::read(folder.join("journal")).unwrap();
    knowledge.save(&memory).unwrap();
    drop(knowledge);
    let weights = fs::read(folder.join("weights")).unwrap();
    fs::write(folder.join("journal"), &journal).unwrap();
    fs::remove_file(folder.join("weights")).unwrap();
    for (name, bytes) in [
        ("weights.new", &weights[..weights.len() / 2]),
        ("weights.new", &weights),
        ("weights", &weights),
        ("journal.new", b"half a head"),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
        let (_, memory) = Knowledge::read(dir.path()).unwrap();
        assert!(Knowledge::pack(&memory) == packed, "{name}");
    }
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    assert!(Knowledge::pack(&memory) == packed);
    teach(&mut knowledge, &memory, 2, None);
    let (_, again) = Knowledge::read(dir.path()).unwrap();
    assert!(Knowledge::pack(&again) == Knowledge::pack(&memory));
}

#[test]
fn undone_training_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    for number in 0..4 {
        teach(&mut knowledge, &memory, number, None);
    }
    let known = memory.view_for(None);
    let before = known.evidence(&features(1));
    teach(&mut knowledge, &memory, 4, None);
    assert_ne!(memory.view_for(None).evidence(&features(1)), before);
    let digest = 4u128.to_le_bytes();
    let change = memory.forgetting(None, digest, &features(4)).unwrap();
    knowledge.change(&memory, &change).unwrap();
    assert_eq!(memory.view_for(None).evidence(&features(1)), before);
    assert_eq!(memory.knows(None, digest), None);
    assert_eq!(memory.shared().counts.all(), 4);
    assert!(memory.forgetting(None, digest, &features(4)).is_none());
}
