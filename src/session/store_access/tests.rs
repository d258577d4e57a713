//! Questions to a real store, and to one that hangs. Time is paused where the answer must not come.

use std::sync::mpsc;

use super::*;
use crate::mailbox_id::UpstreamId;
use crate::metrics::StoreOperation;
use crate::store::records::{ListEntry, ListKind, ListPattern, Timestamp};
use crate::store::sqlite::Sqlite;
use crate::store::writer::QueueLimits;

fn mailbox() -> MailboxId {
    MailboxId::new(UpstreamId::new("pop.example.net", 995), "ann").unwrap()
}

fn access(dir: &std::path::Path, threads: usize) -> (StoreAccess, Arc<Metrics>) {
    let store: Arc<dyn Store> = Arc::new(Sqlite::open(dir).unwrap());
    let metrics = Arc::new(Metrics::new());
    let limits = QueueLimits::default();
    let writer = Writer::start(Arc::clone(&store), limits, Arc::new(|_| {})).unwrap();
    let threads = Arc::new(ThreadPool::new("store", threads, 16));
    let access = StoreAccess::new(store, Arc::new(writer), threads, Arc::clone(&metrics));
    (access, metrics)
}

fn lookups(metrics: &Metrics, outcome: &str) -> u64 {
    let text = String::from_utf8(metrics.text()).unwrap();
    let name = format!("popgate_store_lookups_total{{outcome=\"{outcome}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_session_reads_what_the_one_before_has_handed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (access, metrics) = access(dir.path(), 2);
    let entry = ListEntry {
        list: ListKind::Allow,
        mailbox: Some(mailbox()),
        pattern: ListPattern::parse("example.org").unwrap(),
        trusts_unauthenticated: false,
        added: Timestamp::now(),
    };
    access.record(vec![Change::ListEntryAdded(entry.clone())]);
    let memory = access.recall(&mailbox(), Arc::new([])).await.unwrap();
    assert_eq!(memory.lists, [entry]);
    let sender = access.sender(&mailbox(), "bob@example.org".into()).await;
    assert_eq!(sender, Some(SenderHistory::default()));
    assert_eq!(lookups(&metrics, "ok"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_by_three_mailboxes_and_then_by_none() {
    let dir = tempfile::tempdir().unwrap();
    let (access, metrics) = access(dir.path(), 1);
    let (release, hang) = mpsc::channel::<()>();
    let occupied = access.threads.start(0, move || hang.recv()).unwrap();
    let recall_of = async |user: &str| {
        let begun = Instant::now();
        let upstream = UpstreamId::new("pop.example.net", 995);
        let mailbox = MailboxId::new(upstream, user).unwrap();
        let memory = access.recall(&mailbox, Arc::new([])).await;
        (memory, begun.elapsed())
    };
    let recall = async || recall_of("ann").await;
    // One mailbox is left out, and several are the store.
    for user in ["ann", "bob", "eve"] {
        assert!(metrics.is_store_up());
        assert_eq!(recall_of(user).await, (None, BUDGET));
        assert_eq!(recall_of(user).await, (None, Duration::ZERO));
    }
    assert!(!metrics.is_store_up());
    for _ in 0..100 {
        assert_eq!(recall_of("dan").await, (None, Duration::ZERO));
    }
    assert_eq!(lookups(&metrics, "late"), 3);
    assert_eq!(lookups(&metrics, "skipped"), 103);
    drop(release);
    let _ = occupied.await;
    tokio::time::advance(Duration::from_secs(1)).await;
    // The thread's time is not the paused one: asked until its answer comes first.
    while recall().await.0.is_none() {
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert!(metrics.is_store_up());
}

#[tokio::test]
async fn an_error_is_counted_by_kind_and_the_session_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (access, metrics) = access(dir.path(), 0);
    std::fs::remove_file(dir.path().join("popgate.sqlite")).unwrap();
    assert_eq!(access.recall(&mailbox(), Arc::new([])).await, None);
    assert_eq!(lookups(&metrics, "failed"), 1);
    let text = String::from_utf8(metrics.text()).unwrap();
    let line = "popgate_store_errors_total{kind=\"unreachable\",operation=\"lookup\"} 1";
    assert!(text.contains(line), "{text}");
    metrics.store_up(StoreOperation::Lookup, true);
    assert_eq!(access.recall(&mailbox(), Arc::new([])).await, None);
    assert_eq!(lookups(&metrics, "skipped"), 1);
}
