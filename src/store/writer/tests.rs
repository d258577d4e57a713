//! The writer over a store that fails on purpose. Threads are waited for, never slept for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::super::contract::*;
use super::super::contract_tests::history_row;
use super::super::history_statistics::{HourCounts, RuleStatistics};
use super::super::records::*;
use super::*;
use crate::filter::classifier::{FeatureSet, Features};
use crate::filter::{KeptLesson, KeptNote, NotedLesson};
use crate::mailbox_id::{MailboxId, UpstreamId};
use crate::pop3::Uidl;

const LONG: Duration = Duration::from_secs(60);

/// Keeps the keys of the settings that it gets; what it does with a batch is decided by a closure.
struct Scripted<F> {
    script: F,
    kept: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

impl<F> fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

type Answer<T> = Result<T, StoreError>;

fn unused<T>() -> Answer<T> {
    Err(StoreError::new(StoreErrorKind::Refused, "not asked here"))
}

impl<F: Fn(usize, &[Change]) -> Answer<()> + Send + Sync> Store for Scripted<F> {
    fn apply(&self, changes: &[Change]) -> Answer<()> {
        (self.script)(self.calls.fetch_add(1, Ordering::SeqCst), changes)?;
        let keys = changes.iter().map(key);
        self.kept.lock().unwrap().extend(keys);
        Ok(())
    }
    fn recall(&self, _: &MailboxId, _: &[Uidl]) -> Answer<MailboxMemory> {
        unused()
    }
    fn sender(&self, _: &MailboxId, _: &str) -> Answer<SenderHistory> {
        unused()
    }
    fn message(&self, _: &MailboxId, _: &Uidl) -> Answer<Option<MessageRecord>> {
        unused()
    }
    fn messages(&self, _: &MailboxId, _: &[Uidl]) -> Answer<Vec<(Uidl, MessageRecord)>> {
        unused()
    }
    fn own_text(&self, _: &MailboxId, _: &Uidl) -> Answer<Option<bytes::Bytes>> {
        unused()
    }
    fn senders(&self, _: &MailboxId, _: usize) -> Answer<Vec<NamedSender>> {
        unused()
    }
    fn contents(&self, _: &MailboxId) -> Answer<MailboxContents> {
        unused()
    }
    fn history_row(&self, _: &PopgateId) -> Answer<Option<HistoryRow>> {
        unused()
    }
    fn history_page(&self, _: &HistoryQuery, _: Option<Duration>) -> Answer<HistoryPage> {
        unused()
    }
    fn history_end(&self) -> Answer<u64> {
        unused()
    }
    fn history_hours(&self, _: Option<&MailboxId>, _: Timestamp) -> Answer<Vec<HourCounts>> {
        unused()
    }
    fn history_rules(&self, _: Option<&MailboxId>, _: Timestamp) -> Answer<RuleStatistics> {
        unused()
    }
    fn index_history(&self) -> Answer<bool> {
        unused()
    }
    fn mailbox_names(&self) -> Answer<Vec<MailboxId>> {
        unused()
    }
    fn last_judged(&self, _: Option<&MailboxId>) -> Answer<Option<Timestamp>> {
        unused()
    }
    fn summaries(&self, _: &[MailboxId], _: u64) -> Answer<Vec<MailboxSummary>> {
        unused()
    }
    fn quarantined(&self, _: &PopgateId) -> Answer<Option<Quarantined>> {
        unused()
    }
    fn held_as(&self, _: &MailboxId, _: &Uidl) -> Answer<Option<PopgateId>> {
        unused()
    }
    fn quarantine(&self, _: &QuarantineQuery) -> Answer<Vec<Quarantined>> {
        unused()
    }
    fn lists(&self, _: Option<&MailboxId>) -> Answer<Vec<ListEntry>> {
        unused()
    }
    fn settings(&self, _: &MailboxId) -> Answer<MailboxSettings> {
        unused()
    }
    fn mailboxes(&self) -> Answer<Vec<MailboxSummary>> {
        unused()
    }
    fn lessons(&self, _: u64, _: usize) -> Answer<Vec<NumberedLesson>> {
        unused()
    }
    fn lessons_place(&self) -> Answer<LessonsPlace> {
        unused()
    }
    fn expire(&self, _: &Retention) -> Answer<Expired> {
        unused()
    }
    fn checkpoint(&self) -> Answer<()> {
        unused()
    }
}

fn change(key: &str) -> Change {
    Change::SettingChanged {
        mailbox: MailboxId::new(UpstreamId::from_stored("pop.example.net"), "ann").unwrap(),
        key: key.into(),
        value: None,
    }
}

fn key(change: &Change) -> String {
    match change {
        Change::SettingChanged { key, .. } => key.to_string(),
        Change::Recorded(_) => "history".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn row_with_features() -> HistoryRow {
    let note = KeptNote {
        lesson: KeptLesson::Kept(NotedLesson {
            digest: [7; 16],
            sender: 1,
            features: FeatureSet::of(&Features::default()),
        }),
        ..KeptNote::default()
    };
    HistoryRow {
        features: note.write().into(),
        ..history_row("a", "ann", 1)
    }
}

type Events = Arc<Mutex<Vec<WriterEvent>>>;

fn start<F>(limits: QueueLimits, script: F) -> (Writer, Arc<Scripted<F>>, Events)
where
    F: Fn(usize, &[Change]) -> Answer<()> + Send + Sync + 'static,
{
    let store = Arc::new(Scripted {
        script,
        kept: Mutex::default(),
        calls: AtomicUsize::new(0),
    });
    let events = Events::default();
    let seen = Arc::clone(&events);
    let observe = move |event| seen.lock().unwrap().push(event);
    let writer = Writer::start(Arc::clone(&store) as _, limits, Arc::new(observe)).unwrap();
    (writer, store, events)
}

fn dropped(events: &Events) -> Vec<(usize, Dropped)> {
    let events = events.lock().unwrap();
    let dropped = events.iter().filter_map(|event| match event {
        WriterEvent::Dropped { changes, why } => Some((*changes, *why)),
        _ => None,
    });
    dropped.collect()
}

#[test]
fn changes_are_applied_in_order_and_in_batches() {
    let (writer, store, events) = start(QueueLimits::default(), |_, _| Ok(()));
    let names: Vec<_> = (0..2500).map(|number| number.to_string()).collect();
    writer.record_all(names.iter().map(|name| change(name)).collect());
    assert!(writer.finish(LONG));
    assert_eq!(*store.kept.lock().unwrap(), names);
    assert_eq!(store.calls.load(Ordering::SeqCst), 3);
    assert_eq!(dropped(&events), []);
    writer.record(change("late"));
    assert_eq!(dropped(&events), [(1, Dropped::Stopped)]);
}

#[test]
fn what_nobody_waits_for_is_collected() {
    let limits = |collected| QueueLimits {
        collected,
        ..QueueLimits::default()
    };
    let row = || Change::Recorded(Box::new(history_row("a", "ann", 1)));
    let (writer, store, _) = start(limits(10 * LONG), |_, _| Ok(()));
    for _ in 0..2500 {
        writer.record(row());
    }
    // Full batches do not wait, and the rest is not waited for by this.
    writer.queue.caught_up(2000, LONG);
    // Somebody waits for the rest.
    assert!(writer.caught_up(LONG));
    assert_eq!(store.kept.lock().unwrap().len(), 2500);
    assert!(store.calls.load(Ordering::SeqCst) < 30);
    // A person's word does not wait, and takes along what was before it.
    writer.record(row());
    writer.record(change("a"));
    let until = Instant::now() + LONG;
    while store.kept.lock().unwrap().len() < 2502 {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    // The moment ends by itself.
    let (writer, store, _) = start(limits(Duration::from_millis(1)), |_, _| Ok(()));
    writer.record(row());
    let until = Instant::now() + LONG;
    while store.kept.lock().unwrap().is_empty() {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
}

#[test]
fn what_fails_in_passing_is_tried_again() {
    let (writer, store, events) = start(QueueLimits::default(), |call, _| match call {
        0 => Err(StoreError::new(StoreErrorKind::Busy, "locked")),
        1 => Err(StoreError::new(StoreErrorKind::Full, "full")),
        _ => Ok(()),
    });
    writer.record(change("a"));
    assert!(writer.caught_up(LONG));
    assert_eq!(*store.kept.lock().unwrap(), ["a"]);
    assert_eq!(dropped(&events), []);
    let failed = WriterEvent::Failed(StoreErrorKind::Full);
    assert!(events.lock().unwrap().contains(&failed));
}

#[test]
fn a_change_that_is_refused_costs_no_other() {
    let (writer, store, events) = start(QueueLimits::default(), |_, changes| {
        match changes.iter().any(|it| key(it) == "wrong") {
            true => Err(StoreError::new(StoreErrorKind::Refused, "wrong")),
            false => Ok(()),
        }
    });
    writer.record_all(["a", "wrong", "b"].map(change).to_vec());
    assert!(writer.caught_up(LONG));
    assert_eq!(*store.kept.lock().unwrap(), ["a", "b"]);
    assert_eq!(dropped(&events), [(1, Dropped::Refused)]);
}

#[test]
fn a_store_that_hangs_delays_nobody_and_memory_is_bounded() {
    let (hang, wait) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let channels = Mutex::new((wait, begun));
    let limits = QueueLimits {
        changes: 3,
        octets: usize::MAX,
        ..QueueLimits::default()
    };
    let (writer, store, events) = start(limits, move |_, _| {
        let channels = channels.lock().unwrap();
        channels.1.send(()).unwrap();
        let _ = channels.0.recv();
        Ok(())
    });
    writer.record(change("a"));
    begins.recv().unwrap();
    // The batch that is being applied counts, too.
    for name in ["b", "c", "too many"] {
        writer.record(change(name));
    }
    writer.record_all(["all", "or none"].map(change).to_vec());
    let full = Dropped::QueueFull;
    assert_eq!(dropped(&events), [(1, full), (2, full)]);
    assert!(!writer.caught_up(Duration::ZERO));
    // Once one has waited for a mailbox in vain, nobody does.
    let of = change("a").mailbox().unwrap().clone();
    assert!(!writer.caught_up_with(&of, Duration::ZERO));
    assert!(!writer.caught_up_with(&of, LONG));
    drop(hang);
    assert!(writer.caught_up(LONG));
    assert!(writer.caught_up_with(&of, LONG));
    assert_eq!(*store.kept.lock().unwrap(), ["a", "b", "c"]);
    let empty = WriterEvent::Waiting {
        changes: 0,
        octets: 0,
    };
    assert!(writer.finish(LONG));
    assert!(events.lock().unwrap().contains(&empty));
}

#[test]
fn rows_of_the_history_yield_first_their_features_and_then_themselves() {
    let (hang, wait) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let channels = Mutex::new((wait, begun));
    let limits = QueueLimits {
        changes: 8,
        octets: usize::MAX,
        ..QueueLimits::default()
    };
    let features = Mutex::new(Vec::new());
    let features = Arc::new(features);
    let seen = Arc::clone(&features);
    let (writer, store, events) = start(limits, move |_, changes| {
        let channels = channels.lock().unwrap();
        channels.1.send(()).unwrap();
        let _ = channels.0.recv();
        let rows = changes.iter().filter_map(|change| match change {
            Change::Recorded(row) => KeptNote::read(&row.features),
            _ => None,
        });
        let kept = rows.map(|note| matches!(note.lesson, KeptLesson::Kept(_)));
        seen.lock().unwrap().extend(kept);
        Ok(())
    });
    let row = || Change::Recorded(Box::new(row_with_features()));
    writer.record(change("a"));
    begins.recv().unwrap();
    // One is being applied: with these there are five, more than half of eight.
    writer.record_all(vec![change("b"), row(), row(), change("c")]);
    assert_eq!(dropped(&events), []);
    writer.record_all(vec![row(), change("d")]);
    let left_out = WriterEvent::FeaturesLeftOut(1);
    assert!(events.lock().unwrap().contains(&left_out));
    assert_eq!(dropped(&events), []);
    // Seven are more than three quarters.
    writer.record_all(vec![change("e"), row()]);
    assert_eq!(dropped(&events), [(1, Dropped::QueueFull)]);
    drop(hang);
    assert!(writer.finish(LONG));
    let kept = store.kept.lock().unwrap();
    assert_eq!(
        *kept,
        ["a", "b", "history", "history", "c", "history", "d", "e"]
    );
    assert_eq!(*features.lock().unwrap(), [true, true, false]);
}

#[test]
fn octets_are_bounded() {
    let limits = QueueLimits {
        changes: usize::MAX,
        octets: change("a").octets(),
        ..QueueLimits::default()
    };
    let (writer, store, events) = start(limits, |_, _| Ok(()));
    writer.record_all(["a", "b"].map(change).to_vec());
    writer.record(change("c"));
    assert!(writer.finish(LONG));
    assert_eq!(*store.kept.lock().unwrap(), ["c"]);
    assert_eq!(dropped(&events), [(2, Dropped::QueueFull)]);
}

#[test]
fn stopping_gives_up_what_cannot_be_written_and_counts_it() {
    let (failed, fails) = mpsc::channel();
    let failed = Mutex::new(failed);
    let (writer, _, events) = start(QueueLimits::default(), move |_, _| {
        let _ = failed.lock().unwrap().send(());
        Err(StoreError::new(StoreErrorKind::Unreachable, "gone"))
    });
    writer.record(change("a"));
    fails.recv().unwrap();
    writer.record(change("b"));
    assert!(!writer.finish(Duration::ZERO));
    // The one that waits is given up at once, the other one when its pause ends.
    writer.queue.caught_up(1, LONG);
    let mut lost = dropped(&events);
    lost.sort_by_key(|it| it.0);
    assert_eq!(lost.iter().map(|it| it.0).sum::<usize>(), 2, "{lost:?}");
}
