//! Warnings and errors for the event log of the system, beside the log of a service.
//!
//! In: what is logged; out: one event for each warning and error, written by a thread of its own: nobody waits for the
//! system. A flood of them would push out what other programs have said there: what is too much is in the log alone.

use std::fmt::{Debug, Write};
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Warnings and errors in a minute.
const MOST: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// Events that wait for the system.
const QUEUED: usize = 256;

/// Characters of an event; the system takes 31,839.
const LONGEST: usize = 8000;

/// How long the end of the process waits for the system.
const AT_EXIT: Duration = Duration::from_secs(1);

/// The way to the thread that writes.
#[derive(Debug, Clone)]
pub(super) struct EventQueue(SyncSender<Item>);

#[derive(Debug)]
enum Item {
    Event(Level, String),
    /// Whoever flushes waits for this.
    Flush(SyncSender<()>),
}

impl EventQueue {
    /// Starts the thread, which calls `report` for each event.
    ///
    /// # Errors
    /// The system's, if there can't be a thread.
    pub(super) fn start(report: impl FnMut(Level, &str) + Send + 'static) -> io::Result<Self> {
        let (items, queue) = sync_channel(QUEUED);
        thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || write_all(&queue, report))?;
        Ok(Self(items))
    }

    /// One that does not fit into the queue is in the log alone.
    pub(super) fn put(&self, level: Level, text: String) {
        let _ = self.0.try_send(Item::Event(level, text));
    }

    /// Waits until all is written, a second at most.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.0.try_send(Item::Flush(done)).is_ok() {
            let _ = written.recv_timeout(AT_EXIT);
        }
    }
}

fn write_all(queue: &Receiver<Item>, mut report: impl FnMut(Level, &str)) {
    let mut quota = Quota::default();
    for item in queue {
        let (level, text) = match item {
            Item::Event(level, text) => (level, text),
            Item::Flush(done) => {
                let _ = done.send(());
                continue;
            }
        };
        if level <= Level::WARN {
            match quota.admit(Instant::now()) {
                None => continue,
                Some(0) => {}
                Some(left_out) => report(
                    Level::WARN,
                    &format!("{left_out} more warnings and errors are in the log alone"),
                ),
            }
        }
        report(level, &text);
    }
}

/// Counts warnings and errors by the minute.
#[derive(Debug, Default)]
struct Quota {
    since: Option<Instant>,
    count: u32,
}

impl Quota {
    /// How many were left out before this one, or nothing if it is too much itself.
    fn admit(&mut self, now: Instant) -> Option<u32> {
        if self.since.is_none_or(|since| now - since >= MINUTE) {
            let left_out = self.count.saturating_sub(MOST);
            (self.since, self.count) = (Some(now), 1);
            return Some(left_out);
        }
        self.count += 1;
        (self.count <= MOST).then_some(0)
    }
}

impl<S: Subscriber> Layer<S> for EventQueue {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::WARN {
            let mut text = Text::default();
            event.record(&mut text);
            let text = text.message + &text.fields;
            self.put(level, text.chars().take(LONGEST).collect());
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
    use std::sync::mpsc::channel;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What the events are after some lines were logged.
    fn events(log: impl FnOnce()) -> Vec<(Level, String)> {
        let (sender, written) = channel();
        let queue = EventQueue::start(move |level, text| {
            sender.send((level, text.to_owned())).unwrap();
        });
        let queue = queue.unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(queue.clone()), log);
        queue.flush();
        written.try_iter().collect()
    }

    #[test]
    fn warnings_and_errors_are_events_and_nothing_else_is() {
        let got = events(|| {
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

    #[test]
    fn a_flood_is_cut_and_what_was_left_out_is_counted() {
        let got = events(|| (0..100).for_each(|number| tracing::warn!(number, "again")));
        assert_eq!(got.len(), MOST as usize);
        let (mut quota, now) = (Quota::default(), Instant::now());
        let admitted = (0..100).filter(|_| quota.admit(now).is_some()).count();
        assert_eq!(admitted, MOST as usize);
        assert_eq!(quota.admit(now + MINUTE), Some(100 - MOST));
        assert_eq!(quota.admit(now + MINUTE), Some(0));
    }

    #[test]
    fn a_long_line_is_cut() {
        let got = events(|| tracing::error!("{}", "ü".repeat(LONGEST + 1)));
        assert_eq!(got[0].1.chars().count(), LONGEST);
    }
}
