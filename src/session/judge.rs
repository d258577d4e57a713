//! Calls the filter so that neither its failures nor its work affect other sessions.
//!
//! In: a message as it is on the wire, or its first part; out: a verdict, or the reason why there is none. What is
//! expected to take a millisecond at most is judged on the session's own thread, and counted there: what turns out to
//! be more is judged anew on a thread of the judges' pool, in which mailboxes take turns. A panic is a reason for no
//! verdict; a timeout yields a verdict on what was found in time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::exchange::Judgement;
use super::pace::{INLINE_WORK, Pace};
use crate::filter::{Context, Filter, Findings, HeaderStage, NotAsked, Notes, Subject, Verdict};
use crate::message::{Partial, Work};
use crate::metrics::UnscannedReason;
use crate::pop3::dot;
use crate::thread_pool::{NotDone, ThreadPool};

/// The limit is waited for in parts: a machine that is suspended for longer than the limit uses up one part of
/// it, not the filter's whole time.
const PARTS: u32 = 4;

/// Nobody is asked about a message whose header is longer, since it is read on the session's thread. Real ones have at most
/// some ten thousand octets.
const LONGEST_HEADER: usize = 128 << 10;

/// How long a filter that was told to stop may take to judge what it has found.
const STOPPING: Duration = Duration::from_millis(500);

/// What judges.
#[derive(Debug, Clone)]
pub enum Engine {
    /// The active rules.
    Rules(Arc<Filter>),
    /// A filter that fails, for tests.
    Broken(fn() -> Verdict),
}

/// The filter, and how long it may take.
#[derive(Debug, Clone)]
pub struct Judge {
    engine: Engine,
    limit: Duration,
    pool: Arc<ThreadPool>,
}

/// Whose message is judged.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    /// The mailbox and what is set for it, as far as it is known.
    pub(super) context: Context,
    /// The client's address.
    pub(super) client: IpAddr,
}

impl Recipient {
    /// Mailboxes take turns in the pool, however many sessions each has.
    fn lane(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match &self.context.owner {
            Some(owner) => owner.hash(&mut hasher),
            None => self.client.hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Sets a signal when it is dropped: a session that has ended needs no verdict.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Judge {
    /// `limit` is for one message.
    pub fn new(engine: Engine, limit: Duration, pool: Arc<ThreadPool>) -> Self {
        Self {
            engine,
            limit,
            pool,
        }
    }

    /// The active rules, unless a test's filter is.
    pub fn rules(&self) -> Option<&Filter> {
        match &self.engine {
            Engine::Rules(filter) => Some(filter),
            Engine::Broken(_) => None,
        }
    }

    /// Whether there are any rules; without rules headers need no separate judging.
    pub(super) fn is_idle(&self) -> bool {
        matches!(&self.engine, Engine::Rules(filter) if filter.is_idle())
    }

    /// Compiles what the rules otherwise compile when a text first needs it.
    pub fn compile(&self) {
        if let Engine::Rules(filter) = &self.engine {
            filter.compile();
        }
    }

    /// The version of the filter, which changes with the rules and with what was learned.
    pub(super) fn version(&self) -> Arc<str> {
        let filter = self.rules();
        filter.map_or_else(|| "".into(), |filter| filter.version().into())
    }

    /// Whether a person has corrected any verdict.
    pub(super) fn has_corrections(&self) -> bool {
        self.rules().is_some_and(Filter::has_corrections)
    }

    /// Whether this message, as it is on the wire, is spam, if a person has said so. If that cannot be known in time, nobody
    /// has.
    pub(super) async fn correction(
        &self,
        recipient: &Recipient,
        wire: &Bytes,
        by: Instant,
        pace: &mut Pace,
    ) -> Option<bool> {
        let Engine::Rules(filter) = &self.engine else {
            return None;
        };
        if !filter.has_corrections() {
            return None;
        }
        if pace.hashes_inline(wire) {
            let owner = recipient.context.owner.as_ref();
            return filter.correction(owner, &dot::unstuff(wire));
        }
        let (filter, owner, wire) = (
            Arc::clone(filter),
            recipient.context.owner.clone(),
            wire.clone(),
        );
        let corrected = self.pool.run(recipient.lane(), move || {
            let message = dot::unstuff(&wire);
            filter.correction(owner.as_ref(), &message)
        });
        timeout_at(by, corrected).await.ok()?.ok()?
    }

    /// Applies the header rules while the body is still being received. A failure here recurs when the message
    /// is judged, and so does work beyond the budget.
    pub(super) fn header(&self, wire: &[u8], pace: &mut Pace) -> Option<HeaderStage> {
        match &self.engine {
            Engine::Rules(filter) if pace.expects_little(wire) && !self.is_idle() => {
                let work = Work::brief(INLINE_WORK);
                let judge = || filter.judge_header_within(&dot::unstuff(wire), &work);
                let stage = guarded(judge).filter(|_| work.partial().is_none());
                pace.worked(work.spent());
                stage
            }
            _ => None,
        }
    }

    /// Whether a message passes whatever follows this header, of which the rules have found this.
    pub(super) fn passes_by_header(
        &self,
        context: &Context,
        wire: &[u8],
        stage: Option<&HeaderStage>,
        pace: &mut Pace,
    ) -> bool {
        // It is looked at on this thread.
        if !pace.expects_little(wire) {
            return false;
        }
        pace.worked(wire.len() as u64);
        let passes = |filter: &Arc<Filter>| {
            guarded(|| filter.passes_by_header(context, &dot::unstuff(wire), stage))
        };
        match &self.engine {
            Engine::Rules(filter) => passes(filter).unwrap_or(false),
            Engine::Broken(_) => false,
        }
    }

    /// What others may be asked about the message with this header, of which the rules have found this.
    ///
    /// # Errors
    /// Why nobody is asked; `None` if there are no rules, or they fail. What the rules have found in the header is not known
    /// if that was too much work, or if it has come with the body.
    pub(super) fn asks_about(
        &self,
        context: &Context,
        header: &[u8],
        stage: Option<&HeaderStage>,
        of_authenticated: bool,
        pace: &mut Pace,
    ) -> Result<Subject, Option<NotAsked>> {
        let filter = self.rules().ok_or(None)?;
        if header.len() > LONGEST_HEADER {
            return Err(Some(NotAsked::TooLong));
        }
        let found = match stage {
            Some(_) => None,
            None => self.header(header, pace),
        };
        let stage = stage.or(found.as_ref());
        pace.worked(header.len() as u64);
        let asked = || filter.asks_about(context, &dot::unstuff(header), stage, of_authenticated);
        guarded(asked).ok_or(None)?.map_err(Some)
    }

    /// How long it may take for one message.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// The hosts of a message's links, at most so many, as far as they are found before this deadline.
    pub(super) async fn hosts_of_links(
        &self,
        recipient: &Recipient,
        wire: &Bytes,
        most: usize,
        by: Instant,
        pace: &mut Pace,
    ) -> Vec<String> {
        let Engine::Rules(filter) = &self.engine else {
            return Vec::new();
        };
        if pace.expects_little(wire) {
            let work = Work::brief(INLINE_WORK);
            let hosts = guarded(|| filter.hosts_of_links(&dot::unstuff(wire), most, &work));
            pace.worked(work.spent());
            return hosts.unwrap_or_default();
        }
        let (filter, wire) = (Arc::clone(filter), wire.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let _stop_at_end = StopOnDrop(Arc::clone(&stop));
        let found = self.pool.run(recipient.lane(), move || {
            let work = Work::new(filter.budget()).stopped_by(&stop);
            filter.hosts_of_links(&dot::unstuff(&wire), most, &work)
        });
        let found = timeout_at(by, found).await;
        found.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Whether [`Judge::is_decided`] may be so of a message, whatever others say of it.
    pub(super) fn may_be_decided(&self, wire: &Bytes, pace: &Pace) -> bool {
        match &self.engine {
            Engine::Rules(filter) => pace.expects_little(wire) && filter.may_be_decided(),
            Engine::Broken(_) => false,
        }
    }

    /// Whether what is done with a message of which others say this is the same if scanners add so much, at least and at
    /// most. It is found out on this thread: if that takes more than a little work, it is not known, and they are asked
    /// meanwhile.
    pub(super) fn is_decided(
        &self,
        recipient: &Recipient,
        stage: Option<&HeaderStage>,
        wire: &Bytes,
        findings: &Findings,
        (least, most): (f64, f64),
        pace: &mut Pace,
    ) -> bool {
        let Engine::Rules(filter) = &self.engine else {
            return false;
        };
        if !pace.expects_little(wire) {
            return false;
        }
        let context = Context {
            findings: Some(Arc::new(findings.clone())),
            notes: Notes::None,
            ..recipient.context.clone()
        };
        let work = Work::brief(INLINE_WORK);
        let judged = guarded(|| verdict(filter, &context, stage.cloned(), wire, &work));
        pace.worked(work.spent());
        judged.is_some_and(|it| filter.is_decided(&it, least, most))
    }

    /// The verdict on a message, or on the part received, before this deadline.
    pub(super) async fn message(
        &self,
        recipient: Recipient,
        stage: Option<HeaderStage>,
        wire: Bytes,
        by: Instant,
        pace: &mut Pace,
    ) -> Judgement {
        let filter = match &self.engine {
            Engine::Rules(filter) => filter,
            Engine::Broken(fail) => return self.broken(*fail, by).await,
        };
        let context = &recipient.context;
        if pace.expects_little(&wire) || filter.is_idle_in(context) {
            let work = Work::brief(INLINE_WORK);
            let judged = guarded(|| verdict(filter, context, stage.clone(), &wire, &work));
            pace.worked(work.spent());
            match judged {
                None => return Judgement::Unscanned(UnscannedReason::Panic),
                Some(verdict) if verdict.partial.is_none() => {
                    pace.judged(verdict.work);
                    return Judgement::Judged(verdict);
                }
                Some(_) => {}
            }
        }
        let judgement = self.in_pool(filter, &recipient, stage, &wire, by).await;
        if let Judgement::Judged(verdict) = &judgement {
            pace.judged(verdict.work);
        }
        judgement
    }

    /// Judges on a thread of the pool.
    async fn in_pool(
        &self,
        filter: &Arc<Filter>,
        recipient: &Recipient,
        stage: Option<HeaderStage>,
        wire: &Bytes,
        by: Instant,
    ) -> Judgement {
        let stop = Arc::new(AtomicBool::new(false));
        let _stop_at_end = StopOnDrop(Arc::clone(&stop));
        let job = {
            let (filter, stop) = (Arc::clone(filter), Arc::clone(&stop));
            let (context, wire) = (recipient.context.clone(), wire.clone());
            let stage = stage.clone();
            move || {
                let work = Work::new(filter.budget()).stopped_by(&stop);
                verdict(&filter, &context, stage, &wire, &work)
            }
        };
        if let Some(judgement) = self.awaited(recipient.lane(), job, &stop, by).await {
            return judgement;
        }
        // The pool has not come to it in time: a verdict on a little is better than none. What was found in the header
        // counts all the same, since it may have settled that the message passes.
        let known = stage.as_ref().map_or(0, HeaderStage::work);
        let work = Work::new(known + INLINE_WORK).without_compiling();
        let context = &recipient.context;
        let judged = guarded(|| {
            let passes = filter.passes_by_header(context, &dot::unstuff(wire), stage.as_ref());
            (verdict(filter, context, stage, wire, &work), passes)
        });
        match judged {
            Some((mut verdict, passes)) => {
                verdict.passes_by_header = passes;
                verdict.partial = Some(Partial::Time);
                Judgement::Judged(verdict)
            }
            None => Judgement::Unscanned(UnscannedReason::Panic),
        }
    }

    async fn broken(&self, fail: fn() -> Verdict, by: Instant) -> Judgement {
        let judged = self.awaited(0, fail, &AtomicBool::new(false), by).await;
        judged.unwrap_or(Judgement::Unscanned(UnscannedReason::Timeout))
    }

    /// The verdict of a job in the pool; `None` if it does not come in time.
    async fn awaited(
        &self,
        lane: u64,
        job: impl FnOnce() -> Verdict + Send + 'static,
        stop: &AtomicBool,
        by: Instant,
    ) -> Option<Judgement> {
        let (begins, has_begun) = oneshot::channel();
        let job = move || {
            // The session may have ended.
            let _ = begins.send(());
            job()
        };
        let mut judged = self.pool.start(lane, job).ok()?;
        // The limit applies to the filter only; waiting for a thread may last until `by`.
        timeout_at(by, has_begun).await.ok()?.ok()?;
        let answer = |judged| match judged {
            Ok(Ok(verdict)) => Judgement::Judged(verdict),
            Ok(Err(NotDone::Panicked | NotDone::Full | NotDone::NoThread)) | Err(_) => {
                Judgement::Unscanned(UnscannedReason::Panic)
            }
        };
        for _ in 0..PARTS {
            let by = by.min(Instant::now() + self.limit / PARTS);
            if let Ok(judged) = timeout_at(by, &mut judged).await {
                return Some(answer(judged));
            }
        }
        stop.store(true, Ordering::Relaxed);
        timeout(STOPPING, judged).await.ok().map(answer)
    }
}

fn verdict(
    filter: &Filter,
    context: &Context,
    stage: Option<HeaderStage>,
    wire: &[u8],
    work: &Work<'_>,
) -> Verdict {
    let message = match filter.is_idle_in(context) {
        true => wire.into(),
        false => dot::unstuff(wire),
    };
    filter.judge_within(context, stage, &message, work)
}

fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // The filter is immutable and the message is not used again: nothing is left half-changed.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    const THRESHOLDS: Thresholds = Thresholds {
        tag_at: 5.0,
        drop_at: None,
    };

    fn recipient(last: u8) -> Recipient {
        Recipient {
            context: Context::default(),
            client: IpAddr::from([127, 0, 0, last]),
        }
    }

    fn stock() -> Arc<Filter> {
        Arc::new(Filter::new(RuleSet::stock().unwrap(), THRESHOLDS).unwrap())
    }

    fn judge(engine: Engine, limit: u64) -> Judge {
        let pool = Arc::new(ThreadPool::new("judge", 1, 100));
        Judge::new(engine, Duration::from_secs(limit), pool)
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Judging that takes 0.8 seconds.
    fn work() -> Verdict {
        std::thread::sleep(Duration::from_millis(800));
        let filter = Filter::new(RuleSet::parse([]).unwrap(), THRESHOLDS).unwrap();
        filter.judge_for(None, b"")
    }

    #[tokio::test]
    async fn waiting_for_a_thread_does_not_count_as_filter_time() {
        let judge = judge(Engine::Broken(work), 2);
        let one = async || {
            let mut pace = Pace::default();
            judge
                .message(recipient(1), None, Bytes::new(), in_a_minute(), &mut pace)
                .await
        };
        let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
        for outcome in [a, b, c, d] {
            assert!(matches!(outcome, Judgement::Judged(_)), "{outcome:?}");
        }
    }

    #[test]
    fn nobody_is_asked_about_a_header_that_is_too_long_to_be_read_in_passing() {
        let judge = judge(Engine::Rules(stock()), 60);
        let asked = |length| {
            let header = format!("From: ann@example.net\r\nX: {}\r\n\r\n", "y".repeat(length));
            let (context, header) = (Context::default(), header.as_bytes());
            let subject = judge.asks_about(&context, header, None, false, &mut Pace::default());
            subject.map(|it| it.from)
        };
        assert_eq!(asked(100), Ok(Some("ann@example.net".to_owned())));
        // Its header rules are too much to be applied here.
        assert_eq!(asked(100_000), Ok(Some("ann@example.net".to_owned())));
        assert_eq!(asked(LONGEST_HEADER), Err(Some(NotAsked::TooLong)));
    }

    /// A regex that is not compiled yet, and work beyond a millisecond's, are for the pool; and so is the next
    /// message of the session.
    #[tokio::test]
    async fn the_sessions_thread_stops_at_its_budget() {
        let filter = stock();
        let judge = judge(Engine::Rules(Arc::clone(&filter)), 60);
        let mut pace = Pace::default();
        judge.compile();
        let link = |number| format!("<a href=http://a{number}.example/>x</a>\n");
        let links: String = (0..700).map(link).collect();
        let costly = Bytes::from(format!("Content-Type: text/html\n\n{links}"));
        assert!(Pace::default().expects_little(&costly));
        let expected = filter.judge(&costly);
        assert!(expected.work > INLINE_WORK, "{}", expected.work);
        let judged = judge
            .message(recipient(1), None, costly, in_a_minute(), &mut pace)
            .await;
        let Judgement::Judged(verdict) = judged else {
            panic!("{judged:?}");
        };
        assert_eq!((verdict.work, verdict.partial), (expected.work, None));
        // What was spent in vain on this thread is about its budget.
        assert!(pace.since_turn < 2 * INLINE_WORK, "{pace:?}");
        assert!(!pace.expects_little(b"Subject: x\n\nhello\n"));
        let little = Bytes::from_static(b"Subject: x\n\nhello\n");
        judge
            .message(recipient(1), None, little.clone(), in_a_minute(), &mut pace)
            .await;
        assert!(pace.expects_little(&little));
    }

    /// While the only thread is busy, what cannot wait is judged by its beginning.
    #[tokio::test]
    async fn a_message_that_no_thread_comes_to_is_judged_in_part() {
        static BUSY: std::sync::OnceLock<()> = std::sync::OnceLock::new();
        fn busy() -> Verdict {
            BUSY.wait();
            work()
        }
        let pool = Arc::new(ThreadPool::new("judge", 1, 100));
        let hangs = Judge::new(
            Engine::Broken(busy),
            Duration::from_secs(60),
            Arc::clone(&pool),
        );
        let filter = stock();
        filter.compile();
        let judge = Judge::new(Engine::Rules(filter), Duration::from_secs(60), pool);
        let text = "the quick brown fox ".repeat(2000);
        let large = Bytes::from(format!("Subject: Viagra, free money\n\n{text}"));
        let (mut one, mut other) = (Pace::default(), Pace::default());
        let at_once = Instant::now() + Duration::from_millis(20);
        let judged = tokio::select! {
            biased;
            _ = hangs.message(recipient(1), None, Bytes::new(), in_a_minute(), &mut one) => None,
            judged = judge.message(recipient(2), None, large, at_once, &mut other) => Some(judged),
        };
        BUSY.get_or_init(|| ());
        let Some(Judgement::Judged(verdict)) = judged else {
            panic!("{judged:?}");
        };
        assert_eq!(verdict.partial, Some(Partial::Time));
        assert!(verdict.hits.iter().any(|hit| &*hit.rule == "SUBJ_GOODS"));
    }
}
