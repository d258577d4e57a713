//! Events for the event log of the system, beside the log of a service: its starts and stops, warnings and errors.
//!
//! In: what the service says of itself, and what is logged; out: one event for each start, stop, warning and error, written
//! by a thread of its own: nobody waits for the system. A flood of warnings or errors would push out what other programs have
//! written there: what is too much is in the log alone, and an event says how much that was.

use std::fmt::{Debug, Write};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Warnings in a minute, and as many errors.
const MOST: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// Warnings and errors that wait for the system.
const QUEUED: usize = 256;

/// Characters of an event; the system takes 31,839.
const LONGEST: usize = 8000;

/// How long the end of the process waits for the system.
const AT_EXIT: Duration = Duration::from_secs(1);

/// The way to the thread that writes.
#[derive(Debug, Clone)]
pub(super) struct EventQueue {
    items: Sender<Item>,
    load: Arc<Load>,
}

#[derive(Debug)]
enum Item {
    /// Of the service itself. These are few: neither the queue's limit nor a quota applies to them.
    Service(Level, String),
    /// A warning or an error from the log.
    Logged(Level, String),
    /// The caller of a flush waits for this.
    Flush(SyncSender<()>),
}

#[derive(Debug, Default)]
struct Load {
    /// Warnings and errors in the queue.
    waiting: AtomicUsize,
    /// Those that did not fit into the queue and that no event has counted yet.
    dropped: AtomicUsize,
}

impl EventQueue {
    /// Starts the thread, which calls `report` for each event.
    ///
    /// # Errors
    /// The system's, if there can't be a thread.
    pub(super) fn start(report: impl FnMut(Level, &str) + Send + 'static) -> io::Result<Self> {
        let (items, queue) = channel();
        let load = Arc::new(Load::default());
        let writer = Writer::new(report, Arc::clone(&load));
        thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || writer.write_all(&queue))?;
        Ok(Self { items, load })
    }

    /// An event of the service itself, which is always written.
    pub(super) fn put(&self, level: Level, text: String) {
        let _ = self.items.send(Item::Service(level, text));
    }

    /// A warning or an error; one that does not fit into the queue is counted.
    fn put_logged(&self, level: Level, text: String) {
        if self.load.waiting.fetch_add(1, Ordering::Relaxed) < QUEUED {
            let _ = self.items.send(Item::Logged(level, text));
        } else {
            self.load.waiting.fetch_sub(1, Ordering::Relaxed);
            self.load.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until all is written, also how much was left out, a second at most.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.items.send(Item::Flush(done)).is_ok() {
            let _ = written.recv_timeout(AT_EXIT);
        }
    }
}

/// What the thread does.
struct Writer<R> {
    report: R,
    load: Arc<Load>,
    warnings: Quota,
    errors: Quota,
    /// Warnings and errors that were too many and that no event has counted yet.
    left_out: usize,
}

impl<R: FnMut(Level, &str)> Writer<R> {
    fn new(report: R, load: Arc<Load>) -> Self {
        Self {
            report,
            load,
            warnings: Quota::default(),
            errors: Quota::default(),
            left_out: 0,
        }
    }

    fn write_all(mut self, queue: &Receiver<Item>) {
        for item in queue {
            match item {
                Item::Service(level, text) => (self.report)(level, &text),
                Item::Logged(level, text) => {
                    self.load.waiting.fetch_sub(1, Ordering::Relaxed);
                    self.logged(level, &text, Instant::now());
                }
                Item::Flush(done) => {
                    self.report_left_out();
                    let _ = done.send(());
                }
            }
        }
    }

    fn logged(&mut self, level: Level, text: &str, now: Instant) {
        let quota = match level {
            Level::ERROR => &mut self.errors,
            _ => &mut self.warnings,
        };
        match quota.admit(now) {
            Admitted::No => {
                self.left_out += 1;
                return;
            }
            Admitted::FirstOfMinute => self.report_left_out(),
            Admitted::Yes => {}
        }
        (self.report)(level, text);
    }

    fn report_left_out(&mut self) {
        let dropped = self.load.dropped.swap(0, Ordering::Relaxed);
        let left_out = std::mem::take(&mut self.left_out) + dropped;
        if left_out > 0 {
            let text = format!("{left_out} more warnings and errors are in the log alone");
            (self.report)(Level::WARN, &text);
        }
    }
}

/// Counts events by the minute.
#[derive(Debug, Default)]
struct Quota {
    since: Option<Instant>,
    count: u32,
}

#[derive(Debug, PartialEq)]
enum Admitted {
    FirstOfMinute,
    Yes,
    No,
}

impl Quota {
    fn admit(&mut self, now: Instant) -> Admitted {
        if self.since.is_none_or(|since| now - since >= MINUTE) {
            (self.since, self.count) = (Some(now), 1);
            return Admitted::FirstOfMinute;
        }
        if self.count == MOST {
            return Admitted::No;
        }
        self.count += 1;
        Admitted::Yes
    }
}

impl<S: Subscriber> Layer<S> for EventQueue {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::WARN {
            let mut text = Text::default();
            event.record(&mut text);
            let text = text.message + &text.fields;
            self.put_logged(level, text.chars().take(LONGEST).collect());
        }
    }
}

/// The message, and what else the event has.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Nothing fails that is written to a string.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What the events are after some lines were logged.
    fn events(log: impl FnOnce(&EventQueue)) -> Vec<(Level, String)> {
        let (sender, written) = channel();
        let queue = EventQueue::start(move |level, text| {
            sender.send((level, text.to_owned())).unwrap();
        });
        let queue = queue.unwrap();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(queue.clone()),
            || {
                log(&queue);
            },
        );
        queue.flush();
        written.try_iter().collect()
    }

    #[test]
    fn warnings_and_errors_are_events_and_nothing_else_is() {
        let got = events(|_| {
            tracing::info!("nobody needs to know");
            tracing::warn!(error = %"broken", lines = 3, "the disk");
            tracing::error!("gone");
        });
        let wanted = [
            (Level::WARN, "the disk error=broken lines=3".to_owned()),
            (Level::ERROR, "gone".to_owned()),
        ];
        assert_eq!(got, wanted);
    }

    fn left_out(number: u32) -> (Level, String) {
        let text = format!("{number} more warnings and errors are in the log alone");
        (Level::WARN, text)
    }

    #[test]
    fn a_flood_is_cut_and_a_flush_says_how_much_was_left_out() {
        let got = events(|_| (0..100).for_each(|number| tracing::warn!(number, "again")));
        assert_eq!(got.len(), MOST as usize + 1);
        assert_eq!(
            got[MOST as usize - 1].1,
            format!("again number={}", MOST - 1)
        );
        assert_eq!(got[MOST as usize], left_out(100 - MOST));
    }

    #[test]
    fn a_flood_of_warnings_keeps_out_neither_errors_nor_the_service() {
        let got = events(|queue| {
            (0..100).for_each(|_| tracing::warn!("again"));
            tracing::error!("the disk");
            queue.put(Level::INFO, "stopped".to_owned());
            queue.put(Level::ERROR, "ended".to_owned());
        });
        let wanted = [
            // The minute of errors begins here.
            left_out(100 - MOST),
            (Level::ERROR, "the disk".to_owned()),
            (Level::INFO, "stopped".to_owned()),
            (Level::ERROR, "ended".to_owned()),
        ];
        assert_eq!(got[MOST as usize..], wanted);
    }

    #[test]
    fn a_flood_of_errors_is_cut_and_does_not_keep_out_the_end() {
        let got = events(|queue| {
            (0..100).for_each(|_| tracing::error!("again"));
            queue.put(Level::ERROR, "ended".to_owned());
        });
        let wanted = [(Level::ERROR, "ended".to_owned()), left_out(100 - MOST)];
        assert_eq!(got[MOST as usize..], wanted);
    }

    #[test]
    fn each_minute_begins_with_what_was_left_out_once() {
        let mut got = Vec::new();
        let report = |level, text: &str| got.push((level, text.to_owned()));
        let mut writer = Writer::new(report, Arc::default());
        let now = Instant::now();
        (0..=MOST).for_each(|_| writer.logged(Level::WARN, "first", now));
        writer.logged(Level::WARN, "second", now + MINUTE);
        writer.logged(Level::WARN, "third", now + 2 * MINUTE);
        let wanted = [
            left_out(1),
            (Level::WARN, "second".to_owned()),
            (Level::WARN, "third".to_owned()),
        ];
        assert_eq!(got[MOST as usize..], wanted);
    }

    #[test]
    fn what_a_full_queue_drops_is_counted() {
        let (begun, has_begun) = sync_channel(1);
        let (go_on, may_go_on) = channel::<()>();
        let (sender, written) = channel();
        let queue = EventQueue::start(move |level, text| {
            let _ = begun.try_send(());
            // The first one waits; there is nothing to wait for afterwards.
            let _ = may_go_on.recv();
            sender.send((level, text.to_owned())).unwrap();
        });
        let queue = queue.unwrap();
        queue.put_logged(Level::WARN, "first".to_owned());
        has_begun.recv().unwrap();
        for _ in 0..QUEUED + 10 {
            queue.put_logged(Level::WARN, "again".to_owned());
        }
        queue.put(Level::INFO, "stopped".to_owned());
        drop(go_on);
        queue.flush();
        let got: Vec<_> = written.try_iter().collect();
        let total = u32::try_from(1 + QUEUED + 10).unwrap();
        assert_eq!(got[MOST as usize].1, "stopped");
        assert_eq!(got[MOST as usize + 1..], [left_out(total - MOST)]);
    }

    #[test]
    fn a_long_line_is_cut() {
        let got = events(|_| tracing::error!("{}", "ü".repeat(LONGEST + 1)));
        assert_eq!(got[0].1.chars().count(), LONGEST);
    }
}
