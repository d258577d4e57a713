//! Calls the filter so that its failures do not affect the session.
//!
//! In: a message as it is on the wire, or its first part; out: a verdict, or the reason why there is none. A
//! panic and a timeout are such reasons: the filter fails open.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::exchange::Judgement;
use crate::filter::classifier::WeightsOwner;
use crate::filter::{Filter, HeaderStage, Verdict};
use crate::metrics::UnscannedReason;
use crate::pop3::dot;

/// Up to this size a message is judged on the session's thread: handing it to another thread costs more than
/// judging it, and other sessions of this thread wait for a millisecond at most.
const INLINE: usize = 32 << 10;

/// The limit is waited for in parts: a machine that is suspended for longer than the limit uses up one part of
/// it, not the filter's whole time.
const PARTS: u32 = 4;

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
    /// Large messages that are judged at a time: each may need some times its size in memory.
    large: Arc<Semaphore>,
}

impl Judge {
    /// `limit` is for one message; `large` messages are judged at a time.
    pub fn new(engine: Engine, limit: Duration, large: usize) -> Self {
        Self {
            engine,
            limit,
            large: Arc::new(Semaphore::new(large.max(1))),
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

    /// Applies the header rules while the body is still being received. A failure here recurs when the message
    /// is judged.
    pub(super) fn header(&self, wire: &[u8]) -> Option<HeaderStage> {
        match &self.engine {
            Engine::Rules(filter) if wire.len() <= INLINE && !self.is_idle() => {
                guarded(|| filter.judge_header(&dot::unstuff(wire)))
            }
            _ => None,
        }
    }

    /// The verdict on a message of a mailbox, or on the part received, before this deadline.
    pub(super) async fn message(
        &self,
        owner: Option<WeightsOwner>,
        stage: Option<HeaderStage>,
        wire: Bytes,
        by: Instant,
    ) -> Judgement {
        match &self.engine {
            Engine::Rules(filter) if wire.len() <= INLINE || self.is_idle() => {
                match guarded(|| verdict(filter, owner.as_ref(), stage, &wire)) {
                    Some(verdict) => Judgement::Judged(verdict),
                    None => Judgement::Unscanned(UnscannedReason::Panic),
                }
            }
            Engine::Rules(filter) => {
                let filter = Arc::clone(filter);
                let judge = move || verdict(&filter, owner.as_ref(), stage, &wire);
                self.elsewhere(by, judge).await
            }
            Engine::Broken(fail) => self.elsewhere(by, *fail).await,
        }
    }

    async fn elsewhere(
        &self,
        by: Instant,
        judge: impl FnOnce() -> Verdict + Send + 'static,
    ) -> Judgement {
        // The limit applies to the filter only; waiting for a permit may last until `by`. The permit is
        // released when this wait ends, not when the thread does: a filter that hangs must not keep other mail
        // from being judged.
        let Ok(_permit) = tokio::time::timeout_at(by, self.large.acquire()).await else {
            return Judgement::Unscanned(UnscannedReason::Timeout);
        };
        let mut judged = tokio::task::spawn_blocking(move || guarded(judge));
        for _ in 0..PARTS {
            let by = by.min(Instant::now() + self.limit / PARTS);
            match tokio::time::timeout_at(by, &mut judged).await {
                Ok(Ok(Some(verdict))) => return Judgement::Judged(verdict),
                Ok(Ok(None) | Err(_)) => return Judgement::Unscanned(UnscannedReason::Panic),
                Err(_) => {}
            }
        }
        Judgement::Unscanned(UnscannedReason::Timeout)
    }
}

fn verdict(
    filter: &Filter,
    owner: Option<&WeightsOwner>,
    stage: Option<HeaderStage>,
    wire: &[u8],
) -> Verdict {
    let message = match filter.is_idle() {
        true => wire.into(),
        false => dot::unstuff(wire),
    };
    match stage {
        Some(stage) => filter.judge_after(owner, stage, &message),
        None => filter.judge_for(owner, &message),
    }
}

fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // The filter is immutable and the message is not used again: nothing is left half-changed.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{RuleSet, Thresholds};

    /// Judging that takes 0.8 seconds.
    fn work() -> Verdict {
        std::thread::sleep(Duration::from_millis(800));
        let thresholds = Thresholds {
            tag_at: 5.0,
            drop_at: None,
        };
        let filter = Filter::new(RuleSet::parse([]).unwrap(), thresholds).unwrap();
        filter.judge_for(None, b"")
    }

    #[tokio::test]
    async fn waiting_for_a_filter_slot_does_not_count_as_filter_time() {
        let judge = Judge::new(Engine::Broken(work), Duration::from_secs(2), 1);
        let by = Instant::now() + Duration::from_secs(60);
        let one = || judge.message(None, None, Bytes::new(), by);
        let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
        for outcome in [a, b, c, d] {
            assert!(matches!(outcome, Judgement::Judged(_)), "{outcome:?}");
        }
    }
}
