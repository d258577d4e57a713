//! Which messages of a mailbox in hide mode popgate fetches before the client is told any number, within a budget.
//!
//! In: the messages without a verdict, with their sizes, and the time; out: the next one to be fetched, the newest first.
//!
//! A message is fetched only if it will probably be there in time: as many octets are on their way as the server has
//! sent in the time that is left, judged by its speed so far. Until that is known, little is asked for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::metrics::PrefetchOutcome;
use crate::pop3::{UidlListing, UpstreamNumber};

/// How much may be fetched before the first answer about messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefetchLimits {
    /// Counted from the client's command.
    pub time: Duration,
    /// Octets, as the server lists them.
    pub octets: u64,
}

/// While the server's speed is unknown, so many octets are asked for.
const CAUTIOUS: u64 = 64 << 10;

/// The most octets that are on their way.
const MOST_UNDER_WAY: u64 = 1 << 20;

/// A server that was so much later than the limit was not as fast as it looked.
const TOLERATED: Duration = Duration::from_secs(5);

/// A message that may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) message: UpstreamNumber,
    pub(super) octets: u64,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask for the capabilities: a server may delete what was fetched (RFC 2449 section 6.7).
    Capabilities,
    Fetch(Candidate),
    /// Wait for what is on its way.
    Wait,
    /// Nothing more is fetched.
    End,
}

/// What became of the messages without a verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrefetchReport {
    counts: [u32; PrefetchOutcome::ALL.len()],
    /// Octets of the messages that were fetched, as the server lists them.
    pub octets: u64,
    /// How long the client has waited for it.
    pub took: Duration,
    /// Whether it was far longer than the limit.
    pub is_late: bool,
    /// Whether nothing was fetched because the server deletes what is.
    pub expires: bool,
}

impl PrefetchReport {
    /// How many messages ended like this.
    pub fn count(&self, outcome: PrefetchOutcome) -> u32 {
        self.counts[outcome as usize]
    }

    fn add(&mut self, outcome: PrefetchOutcome, messages: usize) {
        let messages = u32::try_from(messages).unwrap_or(u32::MAX);
        self.counts[outcome as usize] += messages;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Capabilities {
    Unasked,
    AskedAt(Instant),
    /// And how long one round trip takes.
    Known(Duration),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Prefetch {
    pub(super) ids: UidlListing,
    /// The last one is next.
    left: Vec<Candidate>,
    /// On their way, the first one first.
    under_way: VecDeque<Candidate>,
    octets_under_way: u64,
    octets_left: u64,
    capabilities: Capabilities,
    /// When the first message was asked for, and how often nothing was on its way before the next.
    since: Option<Instant>,
    round_trips: u32,
    began: Instant,
    until: Instant,
    report: PrefetchReport,
}

impl Prefetch {
    /// Of these messages, in the order of their numbers. `longest` is what is held of a message.
    pub(super) fn new(
        ids: UidlListing,
        candidates: Vec<Candidate>,
        longest: usize,
        limits: PrefetchLimits,
        began: Instant,
    ) -> Self {
        let mut report = PrefetchReport::default();
        let mut left = candidates;
        let before = left.len();
        left.retain(|it| usize::try_from(it.octets).is_ok_and(|octets| octets <= longest));
        report.add(PrefetchOutcome::TooLong, before - left.len());
        Self {
            ids,
            left,
            under_way: VecDeque::new(),
            octets_under_way: 0,
            octets_left: limits.octets,
            capabilities: Capabilities::Unasked,
            since: None,
            round_trips: 0,
            began,
            until: began + limits.time,
            report,
        }
    }

    /// When messages are not judged any more.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// The first message on its way.
    pub(super) fn first(&self) -> Option<Candidate> {
        self.under_way.front().copied()
    }

    /// The server deletes what is fetched.
    pub(super) fn expires(&mut self) {
        self.report.expires = true;
        self.stop();
    }

    /// No further message is fetched.
    pub(super) fn stop(&mut self) {
        self.report.add(PrefetchOutcome::NoTime, self.left.len());
        self.left = Vec::new();
    }

    /// What to do next, while `asks` says whether the answer to CAPA is still to come.
    pub(super) fn next(&mut self, asks: bool, now: Instant) -> Next {
        match self.capabilities {
            _ if self.left.is_empty() => {}
            Capabilities::Unasked => {
                self.capabilities = Capabilities::AskedAt(now);
                return Next::Capabilities;
            }
            Capabilities::AskedAt(_) if asks => return Next::Wait,
            Capabilities::AskedAt(at) => {
                self.capabilities = Capabilities::Known(now.saturating_duration_since(at));
            }
            Capabilities::Known(_) => {}
        }
        if now >= self.until {
            self.stop();
        }
        let room = self.room(now);
        while let Some(place) = self.place_of_next() {
            let octets = self.left[place].octets;
            if octets > self.octets_left {
                self.left.remove(place);
                self.report.add(PrefetchOutcome::OverBytes, 1);
                continue;
            }
            if self.under_way.is_empty() && octets > room {
                self.left.remove(place);
                self.report.add(PrefetchOutcome::NoTime, 1);
                continue;
            }
            let room = room.min(MOST_UNDER_WAY);
            if !self.under_way.is_empty() && self.octets_under_way + octets > room {
                return Next::Wait;
            }
            return Next::Fetch(self.take(place, now));
        }
        match self.under_way.is_empty() {
            true => Next::End,
            false => Next::Wait,
        }
    }

    /// The newest; while the speed is unknown, the newest of the short ones.
    fn place_of_next(&self) -> Option<usize> {
        let last = self.left.len().checked_sub(1)?;
        if self.since.is_some() {
            return Some(last);
        }
        let short = self.left.iter().rposition(|it| it.octets <= CAUTIOUS);
        Some(short.unwrap_or(last))
    }

    fn take(&mut self, place: usize, now: Instant) -> Candidate {
        let candidate = self.left.remove(place);
        self.since.get_or_insert(now);
        self.round_trips += u32::from(self.under_way.is_empty());
        self.octets_under_way += candidate.octets;
        self.octets_left -= candidate.octets;
        self.under_way.push_back(candidate);
        candidate
    }

    /// Octets that will probably be there in time.
    fn room(&self, now: Instant) -> u64 {
        let (Some(since), received) = (self.since, self.report.octets) else {
            // The first one, whatever its size: it tells the speed.
            return u64::MAX;
        };
        if received == 0 {
            return CAUTIOUS;
        }
        let Capabilities::Known(round_trip) = self.capabilities else {
            return CAUTIOUS;
        };
        let left = self.until.saturating_duration_since(now);
        let waited = round_trip * self.round_trips;
        let spent = now.saturating_duration_since(since).saturating_sub(waited);
        let speed = received as f64 / spent.as_secs_f64().max(0.001);
        let in_time = speed * left.saturating_sub(round_trip).as_secs_f64();
        // Saturates, as it should.
        in_time as u64
    }

    /// The first message on its way has come, or has been refused.
    pub(super) fn fetched(&mut self, outcome: PrefetchOutcome) {
        let Some(candidate) = self.under_way.pop_front() else {
            return;
        };
        self.octets_under_way -= candidate.octets;
        self.report.add(outcome, 1);
        if outcome != PrefetchOutcome::Refused {
            self.report.octets += candidate.octets;
        }
    }

    /// It is over: the unique-ids, and what became of the messages.
    pub(super) fn finish(mut self, now: Instant) -> (UidlListing, PrefetchReport) {
        self.stop();
        self.report.took = now.saturating_duration_since(self.began);
        self.report.is_late = now > self.until + TOLERATED;
        (self.ids, self.report)
    }

    /// Octets that it takes.
    pub(super) fn octets(&self) -> usize {
        let candidates = self.left.capacity() + self.under_way.capacity();
        self.ids.octets() + candidates * size_of::<Candidate>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Of messages with these sizes, with 10 seconds for them.
    fn prefetch(sizes: &[u64], octets: u64) -> (Prefetch, Instant) {
        let candidates = sizes.iter().enumerate().map(|(place, octets)| Candidate {
            message: UpstreamNumber::at(place).unwrap(),
            octets: *octets,
        });
        let limits = PrefetchLimits {
            time: 10 * SECOND,
            octets,
        };
        let now = Instant::now();
        let ids = UidlListing::default();
        let mut prefetch = Prefetch::new(ids, candidates.collect(), 512 << 10, limits, now);
        assert_eq!(prefetch.next(false, now), Next::Capabilities);
        assert_eq!(prefetch.next(true, now), Next::Wait);
        (prefetch, now)
    }

    fn fetched(next: Next) -> u32 {
        match next {
            Next::Fetch(candidate) => candidate.message.0.value(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_newest_comes_first_within_the_octets() {
        let (mut prefetch, now) = prefetch(&[40, 700_000, 60, 50], 100);
        assert_eq!(fetched(prefetch.next(false, now)), 4);
        prefetch.fetched(PrefetchOutcome::Hidden);
        assert_eq!(fetched(prefetch.next(false, now)), 1);
        prefetch.fetched(PrefetchOutcome::Judged);
        assert_eq!(prefetch.next(false, now), Next::End);
        let (_, report) = prefetch.finish(now);
        let counts = [
            (PrefetchOutcome::Hidden, 1),
            (PrefetchOutcome::Judged, 1),
            (PrefetchOutcome::OverBytes, 1),
            (PrefetchOutcome::TooLong, 1),
            (PrefetchOutcome::NoTime, 0),
        ];
        for (outcome, count) in counts {
            assert_eq!(report.count(outcome), count, "{outcome:?}");
        }
        assert_eq!((report.octets, report.is_late), (90, false));
    }

    /// A short message tells how fast the server is; what would come too late is not asked for.
    #[test]
    fn a_slow_server_is_asked_for_little() {
        let (mut prefetch, now) = prefetch(&[20_000, 400_000, 9_000, 300_000], 1 << 20);
        assert_eq!(
            fetched(prefetch.next(false, now)),
            3,
            "the newest short one"
        );
        let now = now + SECOND;
        prefetch.fetched(PrefetchOutcome::Judged);
        // 9 KB/s for 9 seconds.
        assert_eq!(fetched(prefetch.next(false, now)), 1);
        let now = now + 2 * SECOND;
        prefetch.fetched(PrefetchOutcome::Judged);
        assert_eq!(prefetch.next(false, now), Next::End);
        let (_, report) = prefetch.finish(now);
        assert_eq!(report.count(PrefetchOutcome::NoTime), 2);
    }

    #[test]
    fn a_fast_server_has_a_mebibyte_on_its_way_and_nothing_after_the_time() {
        let (mut prefetch, now) = prefetch(&[300_000; 6], 1 << 30);
        assert_eq!(fetched(prefetch.next(false, now)), 6);
        let now = now + SECOND / 100;
        prefetch.fetched(PrefetchOutcome::Judged);
        for number in [5, 4, 3] {
            assert_eq!(fetched(prefetch.next(false, now)), number);
        }
        assert_eq!(prefetch.next(false, now), Next::Wait);
        let now = now + 10 * SECOND;
        assert_eq!(prefetch.next(false, now), Next::Wait);
        for _ in 0..3 {
            prefetch.fetched(PrefetchOutcome::Unjudged);
        }
        assert_eq!(prefetch.next(false, now), Next::End);
        let (_, report) = prefetch.finish(now + 6 * SECOND);
        assert!(report.is_late);
        assert_eq!(report.count(PrefetchOutcome::NoTime), 2);
    }
}
