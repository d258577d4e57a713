//! Turns for work that only so many clients may have done at a time; fair between addresses.
//!
//! In: a client's address; out: its turn. The addresses that wait are served one after the other, the clients of each
//! in the order in which they came. Where the queue is bounded, the address that waits with most clients loses the
//! newest of them beyond that.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot::{self, Receiver, Sender};

/// The turns.
#[derive(Debug, Default)]
pub struct Turns(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    taken: usize,
    waiting: HashMap<IpAddr, VecDeque<Sender<Turn>>>,
    /// The addresses that wait, the next first.
    order: VecDeque<IpAddr>,
    /// All that wait, those included that have given up.
    length: usize,
    /// The length at which those are removed.
    tidy_at: usize,
}

/// At this length, and at every doubling, those are removed that have given up.
const TIDY: usize = 64;

/// Somebody's turn; the next one's when dropped.
#[derive(Debug)]
pub struct Turn {
    of: Option<Arc<Turns>>,
}

/// Where a client joins the queue of its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// At its end, if no more than this many clients wait.
    End(usize),
    /// At its end, however many wait: for clients that are counted elsewhere.
    Unbounded,
    /// At its front: what was begun is finished first.
    Front,
}

/// Too many wait already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueFull;

impl Turns {
    /// Waits for a turn, of which there are `at_a_time`. It may be given up by dropping the future.
    ///
    /// # Errors
    /// If more wait, most of them from this address.
    pub async fn take(
        self: &Arc<Self>,
        address: IpAddr,
        at_a_time: usize,
        join: Join,
    ) -> Result<Turn, QueueFull> {
        match self.enter(address, at_a_time, join)? {
            Entered::Turn(turn) => Ok(turn),
            Entered::Queue(turn) => turn.await.map_err(|_| QueueFull),
        }
    }

    fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        at_a_time: usize,
        join: Join,
    ) -> Result<Entered, QueueFull> {
        let mut queue = self.queue();
        if queue.taken < at_a_time {
            queue.taken += 1;
            let of = Some(Arc::clone(self));
            return Ok(Entered::Turn(Turn { of }));
        }
        if let Join::End(most) = join {
            queue.make_room(address, most)?;
        }
        Ok(Entered::Queue(queue.join(address, join)))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered {
    Turn(Turn),
    Queue(Receiver<Turn>),
}

impl Queue {
    fn join(&mut self, address: IpAddr, join: Join) -> Receiver<Turn> {
        // Clients that come and go while no turn ends must not fill memory.
        if self.length >= self.tidy_at.max(TIDY) {
            self.forget_closed();
            self.tidy_at = self.length * 2;
        }
        self.length += 1;
        let (next, turn) = oneshot::channel();
        let waiting = self.waiting.entry(address).or_default();
        if waiting.is_empty() {
            self.order.push_back(address);
        }
        match join {
            Join::End(_) | Join::Unbounded => waiting.push_back(next),
            Join::Front => waiting.push_front(next),
        }
        turn
    }

    /// Makes room for one more from this address.
    fn make_room(&mut self, address: IpAddr, most: usize) -> Result<(), QueueFull> {
        if self.length < most {
            return Ok(());
        }
        self.forget_closed();
        if self.length < most {
            return Ok(());
        }
        let own = self.waiting.get(&address).map_or(0, VecDeque::len);
        let longest = self.waiting.values_mut().max_by_key(|it| it.len());
        match longest {
            // It is at least two long, so that no address is left without any.
            Some(longest) if longest.len() > own + 1 => {
                longest.pop_back();
                self.length -= 1;
                Ok(())
            }
            _ => Err(QueueFull),
        }
    }

    /// Removes those that no longer wait.
    fn forget_closed(&mut self) {
        for waiting in self.waiting.values_mut() {
            waiting.retain(|it| !it.is_closed());
        }
        self.waiting.retain(|_, it| !it.is_empty());
        let waiting = &self.waiting;
        self.order.retain(|address| waiting.contains_key(address));
        self.length = waiting.values().map(VecDeque::len).sum();
    }

    /// Whose turn is next.
    fn next(&mut self) -> Option<Sender<Turn>> {
        let address = self.order.pop_front()?;
        let waiting = self.waiting.get_mut(&address)?;
        let next = waiting.pop_front()?;
        self.length -= 1;
        match waiting.is_empty() {
            true => drop(self.waiting.remove(&address)),
            false => self.order.push_back(address),
        }
        Some(next)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.of.take() else {
            return;
        };
        loop {
            let mut queue = turns.queue();
            let Some(next) = queue.next() else {
                queue.taken -= 1;
                return;
            };
            drop(queue);
            let of = Some(Arc::clone(&turns));
            match next.send(Turn { of }) {
                Ok(()) => return,
                // It has given up; its turn is the next one's.
                Err(mut unused) => unused.of = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 4;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Waits, as far as it can be told without another turn.
    fn waits(turns: &Arc<Turns>, last: u8) -> Result<Receiver<Turn>, QueueFull> {
        match turns.enter(address(last), 1, Join::End(MOST))? {
            Entered::Queue(turn) => Ok(turn),
            Entered::Turn(_) => panic!("a turn is free"),
        }
    }

    fn taken(turns: &Arc<Turns>) -> Turn {
        match turns.enter(address(1), 1, Join::End(MOST)) {
            Ok(Entered::Turn(turn)) => turn,
            _ => panic!("no turn is free"),
        }
    }

    #[test]
    fn addresses_are_served_one_after_the_other() {
        let turns = Arc::default();
        let mut turn = taken(&turns);
        let mut waiting: Vec<_> = [1, 1, 1, 2]
            .map(|it| (it, waits(&turns, it).unwrap()))
            .into();
        let mut served = Vec::new();
        while !waiting.is_empty() {
            drop(turn);
            let next = waiting.iter_mut().enumerate();
            let mut next = next.filter_map(|(place, (_, it))| Some((place, it.try_recv().ok()?)));
            let (place, given) = next.next().unwrap();
            assert!(next.next().is_none(), "more than one at a time");
            drop(next);
            turn = given;
            served.push(waiting.remove(place).0);
        }
        assert_eq!(served, [1, 2, 1, 1]);
        drop(turn);
        taken(&turns);
    }

    #[test]
    fn beyond_the_queue_the_address_with_the_most_loses_its_newest() {
        let turns = Arc::default();
        let turn = taken(&turns);
        let mut flood: Vec<_> = (0..MOST).map(|_| waits(&turns, 1).unwrap()).collect();
        assert_eq!(waits(&turns, 1).unwrap_err(), QueueFull);
        let _other = waits(&turns, 2).unwrap();
        let is_closed = |it: &mut Receiver<Turn>| {
            matches!(it.try_recv(), Err(oneshot::error::TryRecvError::Closed))
        };
        let closed: Vec<_> = flood.iter_mut().map(is_closed).collect();
        assert_eq!(closed, [false, false, false, true]);
        drop(turn);
    }

    #[test]
    fn what_was_begun_is_finished_first() {
        let turns = Arc::default();
        let turn = taken(&turns);
        let mut waiting: Vec<_> = (0..MOST).map(|_| waits(&turns, 1).unwrap()).collect();
        let Ok(Entered::Queue(mut begun)) = turns.enter(address(1), 1, Join::Front) else {
            panic!("it does not wait");
        };
        drop(turn);
        assert!(begun.try_recv().is_ok());
        assert!(waiting[0].try_recv().is_ok());
    }

    #[test]
    fn who_gives_up_is_forgotten_though_no_turn_ends() {
        let turns = Arc::default();
        let turn = taken(&turns);
        let Ok(Entered::Queue(mut stays)) = turns.enter(address(2), 1, Join::Unbounded) else {
            panic!("it does not wait");
        };
        for _ in 0..10 * TIDY {
            drop(turns.enter(address(1), 1, Join::Unbounded));
            assert!(turns.queue().length <= TIDY);
        }
        drop(turn);
        drop(stays.try_recv().unwrap());
        let queue = turns.queue();
        assert_eq!((queue.length, queue.taken), (0, 0));
    }

    #[test]
    fn who_gives_up_makes_room_and_is_passed_over() {
        let turns = Arc::default();
        let turn = taken(&turns);
        let mut waiting: Vec<_> = (0..MOST).map(|_| waits(&turns, 1).unwrap()).collect();
        drop(waiting.drain(..2));
        let mut last = waits(&turns, 1).unwrap();
        drop(waiting);
        drop(turn);
        let turn = last.try_recv().unwrap();
        // A turn that was given, but is not taken any more.
        let unused = waits(&turns, 1).unwrap();
        drop(turn);
        drop(unused);
        taken(&turns);
    }
}
