//! The log: on stderr, for people as text, for machines as JSON, at a level that can be changed while
//! popgate runs.
//!
//! Lines are written at once, by the thread that logs, until [`queue`] is called: what is said at the start stays in
//! order with what else is written to stderr, and a short-lived verb needs no thread.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use prometheus::IntCounter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use super::log_file::LogFile;
use super::log_queue::{LogQueue, is_writer};
#[cfg(windows)]
use super::windows_service;
use crate::config::{LogConfig, LogFormat};

/// Octets of a log file; as many again are kept of what was before.
const LONGEST_FILE: u64 = 16 << 20;

/// Overrides the configured level.
const LEVEL: &str = "POPGATE_LOG";

/// Once it is set, lines go through it.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Where lines go instead of stderr.
static FILE: OnceLock<Mutex<LogFile>> = OnceLock::new();

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Logs as text, at this level unless `POPGATE_LOG` names another.
pub fn at(level: &str) {
    start(&LogConfig {
        level: level.to_owned(),
        ..LogConfig::default()
    });
}

/// Logs as it is configured. A second call, as in tests, changes nothing.
pub fn start(config: &LogConfig) {
    let (filter, handle) = reload::Layer::new(filter(&config.level));
    let lines = fmt::layer().with_writer(|| Stderr);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let started = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(windows)]
    let started = started.with(windows_service::events());
    let started = started.try_init();
    if started.is_ok() {
        let _ = FILTER.set(handle);
    }
    // A panic's message may quote the mail that caused it, so only its location is logged.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(
            place,
            "a task panicked; its session is closed, others continue"
        );
    }));
}

/// From now on the log is in a file: a service of Windows has no stderr. What is older than the newest 16 MiB is beside it, as `.old`.
///
/// # Errors
/// The system's.
pub fn to_file(path: &Path) -> io::Result<()> {
    let file = LogFile::open(path, LONGEST_FILE)?;
    // A second call changes nothing.
    let _ = FILE.set(Mutex::new(file));
    Ok(())
}

/// Applies another level.
pub fn change(level: &str) {
    if let Some(handle) = FILTER.get()
        && let Err(error) = handle.reload(filter(level))
    {
        tracing::warn!(%error, "the log level is unchanged");
    }
}

/// From now on no thread waits for the reader of stderr; lines that it is too slow for are lost and counted.
/// [`flush`] writes the last ones.
///
/// # Errors
/// The system's, if there can't be a thread; lines are written as before then.
pub fn queue(lost: IntCounter) -> io::Result<()> {
    let queue = LogQueue::start(Output, report_lost, lost)?;
    // A second call, as in tests, changes nothing.
    let _ = QUEUE.set(queue);
    Ok(())
}

fn report_lost(lines: u64) {
    tracing::error!(lines, "log lines were lost: stderr was not read in time");
}

/// Waits until the queued lines are written, a second at most.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush();
    }
}

/// stderr, or the file in its place.
struct Output;

impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match FILE.get() {
            Some(file) => file
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .write(line),
            None => io::stderr().write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes each line to stderr, or to its queue.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match QUEUE.get() {
            Some(queue) if !is_writer() => {
                queue.push(line);
                Ok(line.len())
            }
            _ => Output.write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A name server that lies makes the library complain of each of its packets.
fn with_libraries(level: &str) -> String {
    match level {
        "debug" | "trace" => level.to_owned(),
        _ => format!("{level},hickory_net=error,hickory_resolver=error"),
    }
}

fn filter(level: &str) -> EnvFilter {
    let said = std::env::var(LEVEL).unwrap_or_default();
    // If set but empty it would turn the log off.
    match said.trim() {
        "" => EnvFilter::new(with_libraries(level)),
        said => EnvFilter::try_new(said).unwrap_or_else(|_| EnvFilter::new(with_libraries(level))),
    }
}
