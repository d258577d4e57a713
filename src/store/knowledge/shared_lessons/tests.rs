//! Nodes with data directories of their own, and one store.

use std::path::Path;

use super::*;
use crate::filter::classifier::features::{FEATURE_GROUPS, Features};
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::store::sqlite::Sqlite;

fn ann() -> WeightsOwner {
    WeightsOwner::Mailbox(
        MailboxId::new(UpstreamId::from_stored("pop.example.net"), "ann").unwrap(),
    )
}

/// The features of a made-up message: some are shared by all.
fn features(number: u32) -> PackedFeatures {
    let group = |group: u32| vec![group, 1000 + group, 2000 + 20 * number + group];
    let groups: [Vec<u32>; FEATURE_GROUPS] = std::array::from_fn(|at| group(at as u32));
    PackedFeatures::of(&Features::from_groups(&groups))
}

fn taught(number: u32, is_spam: Option<bool>) -> Taught {
    Taught {
        owner: number.is_multiple_of(5).then(ann),
        digest: u128::from(number.wrapping_mul(0x9e37_79b9)).to_be_bytes(),
        sender: number,
        is_spam,
        belief: Belief::Full,
        features: features(number),
    }
}

fn store(dir: &Path) -> Arc<dyn Store> {
    Arc::new(Sqlite::open(dir).unwrap())
}

struct Node {
    dir: tempfile::TempDir,
    lessons: SharedLessons,
}

impl Node {
    fn new(store: &Arc<dyn Store>, name: &str) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            lessons: SharedLessons::new(Arc::clone(store), name),
        }
    }

    fn catch_up(&self) -> usize {
        let (mut knowledge, memory) = Knowledge::write(self.dir.path()).unwrap();
        let applied = self.lessons.catch_up(&mut knowledge, &memory).unwrap();
        assert!(!self.lessons.has_more(self.dir.path()).unwrap());
        applied
    }

    /// As who learns reads it: with what is not settled yet.
    fn learned(&self) -> LearnedState {
        let (_, learned) = Knowledge::write(self.dir.path()).unwrap();
        learned
    }

    fn state(&self) -> Vec<u8> {
        Knowledge::pack(&self.learned())
    }

    fn counts(&self) -> (u64, u64) {
        let counts = self.learned().shared().counts;
        (counts.ham, counts.spam)
    }
}

#[test]
fn nodes_learn_what_others_teach_each_lesson_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (one, two) = (Node::new(&store, "one"), Node::new(&store, "two"));
    for round in 0..6 {
        let (first, second) = (round * 100, round * 100 + 50);
        let lessons: Vec<_> = (first..second)
            .map(|it| taught(it, Some(it % 3 == 0)))
            .collect();
        one.lessons.teach(&lessons).unwrap();
        let lessons: Vec<_> = (second - 10..second + 50)
            .map(|it| taught(it, Some(it % 3 == 0)))
            .collect();
        two.lessons.teach(&lessons).unwrap();
        if round % 2 == 0 {
            one.catch_up();
        }
    }
    one.lessons.settle(Belief::Full).unwrap();
    two.lessons
        .teach(&[taught(3, Some(false)), taught(4, None)])
        .unwrap();
    assert_eq!(two.catch_up(), 6 * 110 + 3);
    one.catch_up();
    assert_eq!((one.catch_up(), two.catch_up()), (0, 0));
    assert_eq!(one.counts(), two.counts());
    // Of 600 messages a third is spam and a fifth ann's; one is relabelled, and one taken back.
    assert_eq!(two.counts(), (320, 159));
    assert!(one.state() == two.state(), "the weights differ");
    // A third comes later, and is the same.
    let three = Node::new(&store, "three");
    three.catch_up();
    assert!(three.state() == two.state(), "the weights differ");
}

#[test]
fn a_lesson_that_is_applied_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let node = Node::new(&store, "one");
    let lessons: Vec<_> = (0..30).map(|it| taught(it, Some(it % 2 == 0))).collect();
    node.lessons.teach(&lessons[..10]).unwrap();
    node.catch_up();
    let file = node.dir.path().join("learnt/lessons");
    let before = fs::read(&file).unwrap();
    node.lessons.teach(&lessons[10..]).unwrap();
    node.lessons
        .teach(&[
            taught(12, Some(false)),
            taught(12, Some(true)),
            taught(14, None),
        ])
        .unwrap();
    node.catch_up();
    let counts = node.counts();
    // As if it had been killed before it wrote how far it has come.
    fs::write(&file, before).unwrap();
    node.catch_up();
    assert_eq!(node.counts(), counts);
}

#[test]
fn the_files_are_made_anew_for_another_store() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let stores = [store(dirs[0].path()), store(dirs[1].path())];
    let mut node = Node::new(&stores[0], "one");
    let all: Vec<_> = (1..20).map(|it| taught(it * 5 + 1, Some(true))).collect();
    node.lessons.teach(&all).unwrap();
    node.catch_up();
    assert_eq!(node.counts(), (0, 19));
    // An older copy of the store, which has become another one meanwhile.
    let other = SharedLessons::new(Arc::clone(&stores[1]), "two");
    let lessons: Vec<_> = (100..125)
        .map(|it| taught(it * 5 + 1, Some(false)))
        .collect();
    other.teach(&lessons).unwrap();
    node.lessons = other;
    assert!(node.lessons.has_more(node.dir.path()).unwrap());
    node.catch_up();
    assert_eq!(node.counts(), (25, 0));
    // One that has fewer lessons than were learned.
    let third = tempfile::tempdir().unwrap();
    node.lessons = SharedLessons::new(store(third.path()), "three");
    node.catch_up();
    assert_eq!(node.counts(), (0, 0));
}

#[test]
fn what_nodes_have_learned_alone_becomes_lessons_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let nodes = [Node::new(&store, "one"), Node::new(&store, "two")];
    for (node, numbers) in nodes.iter().zip([0..40, 30..60]) {
        // As `popgate train` did before the nodes shared lessons.
        let (mut knowledge, memory) = Knowledge::write(node.dir.path()).unwrap();
        for number in numbers {
            let lesson = NumberedLesson {
                number: 1,
                lesson: match node
                    .lessons
                    .lesson("x".into(), &taught(number, Some(number % 2 == 0)))
                {
                    Change::Learned(lesson) => *lesson,
                    _ => unreachable!(),
                },
            };
            knowledge.apply_lesson(&memory, &lesson).unwrap();
        }
    }
    nodes[0].catch_up();
    assert_eq!(nodes[0].counts(), (16, 16));
    nodes[1].catch_up();
    nodes[0].catch_up();
    assert_eq!(nodes[1].counts(), (24, 24));
    assert!(nodes[0].state() == nodes[1].state(), "the weights differ");
}

#[test]
fn owners_and_everything_can_be_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (one, two) = (Node::new(&store, "one"), Node::new(&store, "two"));
    let lessons: Vec<_> = (0..40).map(|it| taught(it, Some(it % 2 == 0))).collect();
    one.lessons.teach(&lessons).unwrap();
    two.catch_up();
    let has_ann = |node: &Node| {
        Knowledge::read(node.dir.path())
            .unwrap()
            .1
            .has_owner(&ann())
    };
    assert!(has_ann(&two));
    one.lessons.forget(&[ann()]).unwrap();
    two.catch_up();
    assert!(!has_ann(&two));
    assert_eq!(two.counts(), (16, 16));
    one.lessons.reset().unwrap();
    one.lessons.teach(&[taught(1, Some(true))]).unwrap();
    two.catch_up();
    one.catch_up();
    assert_eq!((one.counts(), two.counts()), ((0, 1), (0, 1)));
}
