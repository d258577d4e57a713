//! Truncated journals, interrupted saves, and training that is undone.

use super::*;
use crate::filter::classifier::features::{FEATURE_GROUPS, Features};
use crate::filter::classifier::{Hops, Lesson, Update, WeightsOwner};
use crate::message::Headers;

/// Features, some of them shared by all messages.
fn features(number: u32) -> Features {
    let view = |view: u32| vec![view, 1000 + view, 10_000 * (number + 1) + view];
    let views: [Vec<u32>; FEATURE_GROUPS] = std::array::from_fn(|at| view(at as u32));
    let second = ["by mx.example.org", "by localhost"][number as usize % 2];
    let mut features = Features::from_groups(&views);
    features.hops = hops(&["by mx.example.net", second]);
    features
}

/// The servers of a message with these Received fields.
fn hops(received: &[&str]) -> Hops {
    let fields: String = received
        .iter()
        .map(|it| format!("Received: {it}\r\n"))
        .collect();
    Hops::of(&Headers::of(format!("{fields}\r\n").as_bytes()))
}

fn teach(knowledge: &mut Knowledge, memory: &LearnedState, number: u32, account: Option<&str>) {
    let owner = account.and_then(WeightsOwner::from_key);
    let digest = u128::from(number).to_le_bytes();
    let is_spam = number % 2 == 1;
    let features = features(number);
    let lesson = Lesson {
        digest,
        sender: number,
        features: &features,
        is_spam,
        belief: Belief::Full,
    };
    let Update::Changes(changes) = memory.update_for(owner.as_ref(), lesson) else {
        panic!("{number} is known");
    };
    for change in &changes {
        knowledge.change(memory, change).unwrap();
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
        let mut knowledge = Knowledge::beginning(&folder, 0);
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

/// What a follower has after it looked for changes.
fn followed(follower: &mut Knowledge, memory: &LearnedState, dir: &Path) -> Vec<u8> {
    if follower.catch_up(memory).unwrap() == Progress::Replaced {
        let (knowledge, anew) = Knowledge::read(dir).unwrap();
        memory.replace_with(anew);
        *follower = knowledge;
    }
    Knowledge::pack(memory)
}

/// A follower may look just between the new weights and the new journal, and not again before a reset.
#[test]
fn a_reset_after_an_incomplete_save_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let empty = Knowledge::pack(&LearnedState::default());
    let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
    teach(&mut learner, &learned, 0, None);
    let journal = learner.folder.join("journal");
    let before = fs::read(&journal).unwrap();
    learner.save(&learned).unwrap();
    let saved = fs::read(&journal).unwrap();
    fs::write(&journal, before).unwrap();
    let (mut follower, memory) = Knowledge::read(dir.path()).unwrap();
    assert_ne!(followed(&mut follower, &memory, dir.path()), empty);
    fs::write(&journal, saved).unwrap();
    drop(learner);
    Knowledge::reset(dir.path()).unwrap();
    assert_eq!(followed(&mut follower, &memory, dir.path()), empty);
}

/// A follower may have read the weights just before a reset, and look for the journal just after it.
#[test]
fn a_reset_between_weights_and_journal_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let empty = Knowledge::pack(&LearnedState::default());
    let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
    teach(&mut learner, &learned, 0, None);
    learner.save(&learned).unwrap();
    fs::remove_file(learner.folder.join("journal")).unwrap();
    let (mut follower, memory) = Knowledge::read(dir.path()).unwrap();
    assert_ne!(followed(&mut follower, &memory, dir.path()), empty);
    drop(learner);
    Knowledge::reset(dir.path()).unwrap();
    assert_eq!(followed(&mut follower, &memory, dir.path()), empty);
}

#[test]
fn what_is_learned_right_after_a_reset_is_noticed() {
    for saves in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
        teach(&mut learner, &learned, 0, None);
        for _ in 0..saves {
            learner.save(&learned).unwrap();
        }
        let (mut follower, memory) = Knowledge::read(dir.path()).unwrap();
        drop(learner);
        Knowledge::reset(dir.path()).unwrap();
        let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
        teach(&mut learner, &learned, 1, None);
        learner.save(&learned).unwrap();
        for _ in 0..2 {
            let got = followed(&mut follower, &memory, dir.path());
            assert_eq!(got, Knowledge::pack(&learned), "{saves}");
        }
    }
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

/// In between, the message would be judged by what a person has taken back, as if nobody had said it.
#[test]
fn a_follower_forgets_a_message_with_its_weights() {
    let dir = tempfile::tempdir().unwrap();
    let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
    for number in 0..4 {
        teach(&mut learner, &learned, number, None);
    }
    learner.relearn(&learned, Belief::Full).unwrap();
    let (mut follower, memory) = Knowledge::read(dir.path()).unwrap();
    let before = Knowledge::pack(&memory);
    let digest = 2u128.to_le_bytes();
    let forgotten = learned.forgetting(None, digest, &features(2)).unwrap();
    learner.change(&learned, &forgotten).unwrap();
    assert_eq!(followed(&mut follower, &memory, dir.path()), before);
    let (_, read) = Knowledge::read(dir.path()).unwrap();
    assert_eq!(Knowledge::pack(&read), before);
    // Who learns goes on from there, also after a kill.
    drop(learner);
    let (mut learner, learned) = Knowledge::write(dir.path()).unwrap();
    assert_eq!(learned.knows(None, digest), None);
    learner.relearn(&learned, Belief::Full).unwrap();
    let now = followed(&mut follower, &memory, dir.path());
    assert_eq!(now, Knowledge::pack(&learned));
    assert_eq!(memory.knows(None, digest), None);
    assert_ne!(now, before);
}

/// A state of two changes in the weights and one in the journal; its folder.
fn taught(dir: &Path) -> (PathBuf, Vec<u8>) {
    let (mut knowledge, memory) = Knowledge::write(dir).unwrap();
    teach(&mut knowledge, &memory, 0, None);
    teach(&mut knowledge, &memory, 1, None);
    knowledge.save(&memory).unwrap();
    let saved = Knowledge::pack(&memory);
    teach(&mut knowledge, &memory, 2, None);
    (knowledge.folder.clone(), saved)
}

/// A file, what is done to it, and how many files are renamed then.
type Damage<'d> = (&'static str, &'d dyn Fn(&Path), usize);

fn kept(knowledge: &Knowledge) -> usize {
    knowledge
        .unusable()
        .map_or(0, |unusable| unusable.kept.len())
}

/// A start renames what is damaged, of whatever kind, and only that; the next training begins anew.
#[test]
fn every_kind_of_damage_is_set_aside() {
    let write = |bytes: &'static [u8]| move |path: &Path| fs::write(path, bytes).unwrap();
    let replaced = |path: &Path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    };
    let pipe = |path: &Path| {
        fs::remove_file(path).unwrap();
        nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    };
    // It claims to have a terabyte, and needs no memory for that.
    let sparse = |path: &Path| {
        let file = File::create(path).unwrap();
        file.set_len(1 << 40).unwrap();
    };
    let missing = |path: &Path| fs::remove_file(path).unwrap();
    let damages: [Damage<'_>; 9] = [
        ("weights", &write(b""), 3),
        (
            "weights",
            &write(b"nothing of popgate's, and longer than a head"),
            3,
        ),
        ("weights", &replaced, 3),
        ("weights", &pipe, 3),
        ("weights", &sparse, 3),
        ("weights", &missing, 1),
        (
            "journal",
            &write(b"nothing of popgate's, and longer than a head"),
            1,
        ),
        ("journal", &replaced, 1),
        ("journal", &sparse, 1),
    ];
    for (number, (name, damage, moved)) in damages.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, saved) = taught(dir.path());
        damage(&folder.join(name));
        // Reading alone moves nothing.
        let (knowledge, _) = Knowledge::read_usable(dir.path());
        assert!(
            knowledge.unusable().is_some() && kept(&knowledge) == 0,
            "{number}"
        );
        let (knowledge, memory) = Knowledge::read_setting_aside(dir.path());
        assert_eq!(
            kept(&knowledge),
            moved,
            "{number}: {:?}",
            knowledge.unusable()
        );
        let expected = match name {
            "journal" => saved,
            _ => Knowledge::pack(&LearnedState::default()),
        };
        assert!(Knowledge::pack(&memory) == expected, "{number}");
        let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
        assert!(knowledge.unusable().is_none(), "{number}");
        teach(&mut knowledge, &memory, 7, None);
        drop(knowledge);
        let (knowledge, read) = Knowledge::read_setting_aside(dir.path());
        assert!(knowledge.unusable().is_none(), "{number}");
        assert!(
            Knowledge::pack(&read) == Knowledge::pack(&memory),
            "{number}"
        );
    }
}

#[test]
fn what_others_may_read_or_wrote_later_is_not_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = taught(dir.path());
    // Another process is learning: it takes care of the damage.
    let lock = lock(&folder).unwrap();
    fs::write(folder.join("weights"), "").unwrap();
    let (knowledge, _) = Knowledge::read_setting_aside(dir.path());
    assert!(knowledge.unusable().is_some() && kept(&knowledge) == 0);
    drop(lock);
    // A folder that cannot be opened.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("learnt"), "no folder").unwrap();
    let (knowledge, _) = Knowledge::read_setting_aside(dir.path());
    assert!(knowledge.unusable().is_some() && kept(&knowledge) == 0);
}

/// What stands before damage in the journal is used, and what stands behind it is kept.
#[test]
fn a_journal_with_damage_in_its_middle_goes_on_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    teach(&mut knowledge, &memory, 0, None);
    let (packed, end) = (Knowledge::pack(&memory), knowledge.read as usize);
    teach(&mut knowledge, &memory, 1, None);
    teach(&mut knowledge, &memory, 2, None);
    let path = knowledge.folder.join("journal");
    drop(knowledge);
    let mut journal = fs::read(&path).unwrap();
    journal[end + 20] ^= 1;
    fs::write(&path, &journal).unwrap();
    let (knowledge, memory) = Knowledge::read_setting_aside(dir.path());
    let unusable = knowledge.unusable().unwrap();
    assert!(unusable.in_part && unusable.kept.is_empty());
    assert!(Knowledge::pack(&memory) == packed);
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    let aside = knowledge.unusable().unwrap().kept[0].clone();
    assert_eq!(fs::read(aside).unwrap(), journal);
    teach(&mut knowledge, &memory, 1, None);
    drop(knowledge);
    let (knowledge, read) = Knowledge::read_usable(dir.path());
    assert!(knowledge.unusable().is_none());
    assert!(Knowledge::pack(&read) == Knowledge::pack(&memory));
}

/// The evidence on messages that were learned and one that was not.
fn evidences(memory: &LearnedState) -> Vec<[f32; FEATURE_GROUPS]> {
    let view = memory.view_for(None);
    let of = |number| view.evidence(&features(number));
    (0..9).map(of).collect()
}

#[test]
fn relearning_gives_the_same_weights_after_any_order_and_any_kill() {
    let teach_all = |numbers: &[u32]| {
        let dir = tempfile::tempdir().unwrap();
        let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
        for number in numbers {
            teach(&mut knowledge, &memory, *number, None);
        }
        (dir, knowledge, memory)
    };
    let (_dir, mut knowledge, memory) = teach_all(&[0, 1, 2, 3, 4, 5]);
    knowledge.relearn(&memory, Belief::Full).unwrap();
    let expected = evidences(&memory);
    let (dir, mut knowledge, memory) = teach_all(&[5, 3, 4]);
    knowledge.relearn(&memory, Belief::Full).unwrap();
    for number in [1, 0, 2] {
        teach(&mut knowledge, &memory, number, None);
    }
    // Killed after the samples were written, and before the weights were.
    knowledge.fold(Belief::Full).unwrap();
    drop(knowledge);
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    knowledge.relearn(&memory, Belief::Full).unwrap();
    assert_eq!(evidences(&memory), expected);
    // What is taken back leaves no trace.
    teach(&mut knowledge, &memory, 7, None);
    knowledge.relearn(&memory, Belief::Full).unwrap();
    assert_ne!(evidences(&memory), expected);
    let digest = 7u128.to_le_bytes();
    let change = memory.forgetting(None, digest, &features(7)).unwrap();
    knowledge.change(&memory, &change).unwrap();
    knowledge.relearn(&memory, Belief::Full).unwrap();
    assert_eq!(evidences(&memory), expected);
    let (_, read) = Knowledge::read(dir.path()).unwrap();
    assert_eq!(evidences(&read), expected);
    assert_eq!(read.revision(), memory.revision());
}

#[test]
fn weights_without_samples_are_the_base_of_what_is_learned_next() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, _) = taught(dir.path());
    let (mut knowledge, memory) = Knowledge::write(dir.path()).unwrap();
    let imported = Knowledge::unpack(Path::new("x"), &Knowledge::pack(&memory)).unwrap();
    let before = evidences(&memory);
    // Imported, and with samples that are damaged.
    for damaged in [false, true] {
        match damaged {
            false => knowledge.replace(&imported).unwrap(),
            true => fs::write(
                folder.join("samples"),
                "no samples, but more than a head has",
            )
            .unwrap(),
        }
        drop(knowledge);
        let (again, memory) = Knowledge::write(dir.path()).unwrap();
        knowledge = again;
        assert_eq!(kept(&knowledge), if damaged { 2 } else { 0 });
        let said = knowledge.unusable().map(ToString::to_string);
        assert_eq!(
            said.is_some_and(|it| it.contains("learnt/samples: ")),
            damaged
        );
        knowledge.relearn(&memory, Belief::Full).unwrap();
        assert_eq!(evidences(&memory), before);
    }
}
