//! The log's way to stderr while popgate serves: a bounded queue, and a thread of its own that writes.
//!
//! In: lines of any thread, whole; out: the same lines in the same order. Nobody waits for the reader of stderr.
//! Lines that do not fit into the queue, or that stderr does not take, are lost and counted; the next line that gets
//! through is preceded by one that says how many.

use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use prometheus::IntCounter;

/// Octets of lines that are queued at most: some thousand lines.
const MOST_QUEUED: usize = 1 << 20;
/// How long the end of the process waits for stderr to take the last lines.
const AT_EXIT: Duration = Duration::from_secs(1);

thread_local! {
    /// Set on the thread that writes: what it logs itself must not wait in its own queue.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is the thread that writes.
pub(super) fn is_writer() -> bool {
    WRITES.get()
}

/// See the module.
#[derive(Debug)]
pub(super) struct LogQueue {
    lines: Sender<Line>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Octets that are queued, or being written.
    queued: AtomicUsize,
    /// Lines lost since the last one that was queued.
    lost: AtomicU64,
    /// Lines lost since the start.
    all_lost: IntCounter,
}

#[derive(Debug)]
struct Line {
    text: Vec<u8>,
    /// Lines lost before it.
    lost_before: u64,
}

impl LogQueue {
    /// Starts the thread that writes to `out`. It calls `report` with the number of lost lines, and counts them.
    ///
    /// # Errors
    /// The system's, if there can't be a thread.
    pub(super) fn start(
        out: impl Write + Send + 'static,
        report: fn(u64),
        all_lost: IntCounter,
    ) -> io::Result<Self> {
        let (lines, queue) = channel();
        let state = Arc::new(State {
            queued: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            all_lost,
        });
        let shared = Arc::clone(&state);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(&queue, out, report, &shared))?;
        Ok(Self { lines, state })
    }

    /// Queues a line, or counts it as lost.
    pub(super) fn push(&self, text: &[u8]) {
        let State { queued, lost, .. } = &*self.state;
        let lost_before = lost.swap(0, Ordering::Relaxed);
        let octets = text.len();
        let fits = queued.fetch_add(octets, Ordering::Relaxed) + octets <= MOST_QUEUED;
        let line = || Line {
            text: text.to_vec(),
            lost_before,
        };
        if !fits || self.lines.send(line()).is_err() {
            queued.fetch_sub(octets, Ordering::Relaxed);
            self.state.lose(lost_before);
        }
    }

    /// Waits until all is written, a second at most.
    pub(super) fn flush(&self) {
        let until = Instant::now() + AT_EXIT;
        while self.state.queued.load(Ordering::Relaxed) > 0 && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl State {
    /// One more line is lost, and those before it are not reported yet.
    fn lose(&self, before: u64) {
        self.lost.fetch_add(before + 1, Ordering::Relaxed);
        self.all_lost.inc();
    }
}

fn write_all(queue: &Receiver<Line>, mut out: impl Write, report: fn(u64), state: &State) {
    WRITES.set(true);
    for line in queue {
        if line.lost_before > 0 {
            report(line.lost_before);
        }
        if out.write_all(&line.text).is_err() {
            state.lose(0);
        }
        state.queued.fetch_sub(line.text.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;
    use std::sync::{Mutex, MutexGuard};

    use super::*;

    /// What was written: lines, and reports of lost ones as `lost N`.
    static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    fn written() -> MutexGuard<'static, Vec<u8>> {
        WRITTEN.lock().unwrap()
    }

    fn report(lost: u64) {
        written().extend_from_slice(format!("lost {lost}\n").as_bytes());
    }

    /// A reader that takes a line for each permit, and all lines once there is no one to give permits.
    struct Reader(Receiver<()>);

    impl Write for Reader {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            written().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (LogQueue, Sender<()>, IntCounter) {
        let (permits, reader) = channel();
        let lost = IntCounter::new("lost", "lines").unwrap();
        let queue = LogQueue::start(Reader(reader), report, lost.clone()).unwrap();
        (queue, permits, lost)
    }

    #[test]
    fn a_reader_that_hangs_delays_nobody_and_learns_what_it_missed() {
        let (queue, permits, lost) = queue();
        let long = [&[b'x'; (64 << 10) - 1][..], b"\n"].concat();
        let fit = MOST_QUEUED / long.len();
        for _ in 0..fit + 3 {
            queue.push(&long);
        }
        assert_eq!(lost.get(), 3);
        queue.flush();
        assert_eq!(written().len(), 0);
        drop(permits);
        while queue.state.queued.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        queue.push(b"next\n");
        queue.push(b"last\n");
        queue.flush();
        let text = String::from_utf8(written().clone()).unwrap();
        let (before, after) = text.split_at(fit * long.len());
        assert!(before.bytes().all(|octet| b"x\n".contains(&octet)));
        assert_eq!(after, "lost 3\nnext\nlast\n");
        assert_eq!(lost.get(), 3);
    }
}
