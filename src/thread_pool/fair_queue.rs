//! The queue of a pool: lanes of jobs that share the threads' time.
//!
//! In: jobs, each for a lane, and how long each one took; out: the job that is begun next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// Sends its result itself.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The jobs of one lane, and how much of the threads' time it has had.
#[derive(Default)]
struct Lane {
    waiting: VecDeque<Job>,
    running: usize,
    /// Its turn, if it may have a job begun.
    turn: Option<Turn>,
    /// When its next turn may be, in the time that all lanes share.
    next: Duration,
}

/// Turns in their order: by the time of the lanes, then as they came.
type Turn = (Duration, u64);

/// Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): it is as late as the turn that began last.
#[derive(Default)]
pub(super) struct FairQueue {
    lanes: HashMap<u64, Lane>,
    /// The lanes that may have a job begun.
    turns: BTreeMap<Turn, u64>,
    now: Duration,
    turns_made: u64,
    waiting: usize,
    pub(super) running: usize,
    /// The most jobs of one lane that run at a time, and that wait.
    lane_limits: (usize, usize),
}

/// So many lanes that have nothing to do are kept in mind before they are looked through.
const IDLE_LANES: usize = 64;

impl FairQueue {
    /// Without limits for one lane.
    pub(super) fn new() -> Self {
        Self {
            lane_limits: (usize::MAX, usize::MAX),
            ..Self::default()
        }
    }

    /// Limits how many jobs of one lane run at a time, and how many wait.
    pub(super) fn limit_lanes(&mut self, running: usize, waiting: usize) {
        self.lane_limits = (running.max(1), waiting);
    }

    /// Whether no job can be begun.
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Jobs that wait or run.
    pub(super) fn jobs(&self) -> usize {
        self.waiting + self.running
    }

    /// Begins the next job of the lane whose turn it is.
    pub(super) fn begin(&mut self) -> Option<(u64, Job)> {
        let ((turn, _), number) = self.turns.pop_first()?;
        self.now = self.now.max(turn);
        let lane = self.lanes.get_mut(&number)?;
        lane.turn = None;
        let job = lane.waiting.pop_front()?;
        lane.running += 1;
        self.waiting -= 1;
        self.running += 1;
        self.queue(number);
        Some((number, job))
    }

    /// A job of this lane has ended, after so long.
    pub(super) fn ended(&mut self, number: u64, took: Duration) {
        self.running -= 1;
        let now = self.now;
        if let Some(lane) = self.lanes.get_mut(&number) {
            lane.running -= 1;
            lane.next = lane.next.max(now) + took;
            if let Some(turn) = lane.turn.take() {
                self.turns.remove(&turn);
            }
        }
        self.queue(number);
        self.forget();
    }

    /// Whether the lane had room for one more.
    pub(super) fn push(&mut self, number: u64, job: Job) -> bool {
        let lane = self.lanes.entry(number).or_default();
        if lane.waiting.len() >= self.lane_limits.1 {
            return false;
        }
        lane.waiting.push_back(job);
        self.waiting += 1;
        self.queue(number);
        true
    }

    /// Gives a lane a turn, if it may have a job begun.
    fn queue(&mut self, number: u64) {
        let Some(lane) = self.lanes.get_mut(&number) else {
            return;
        };
        let may_begin = !lane.waiting.is_empty() && lane.running < self.lane_limits.0;
        if lane.turn.is_none() && may_begin {
            let turn = (lane.next.max(self.now), self.turns_made);
            self.turns_made += 1;
            lane.turn = Some(turn);
            self.turns.insert(turn, number);
        }
    }

    /// Forgets lanes that are like new ones.
    fn forget(&mut self) {
        if self.jobs() == 0 {
            self.lanes.clear();
            self.now = Duration::ZERO;
        } else if self.lanes.len() > 2 * self.jobs() + IDLE_LANES {
            let now = self.now;
            self.lanes
                .retain(|_, lane| !lane.waiting.is_empty() || lane.running > 0 || lane.next > now);
        }
    }
}
