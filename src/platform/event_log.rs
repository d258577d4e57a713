//! The event log of Windows, where its administrators look for what services have to say. Unix has the manager of its
//! services for that, which reads stderr.

use std::fmt;
use std::io;

use eventlog::EventLog;
use log::{Log, Record};
use tracing::Level;
use windows_registry::LOCAL_MACHINE;

/// Whose events the system knows how to show.
const SOURCES: &str = r"SYSTEM\CurrentControlSet\Services\EventLog\Application";

/// Errors, warnings and information.
const EVERY_TYPE: u32 = 7;

/// Events of one source.
pub struct Events(EventLog);

impl fmt::Debug for Events {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Events")
    }
}

impl Events {
    /// # Errors
    /// The system's.
    pub fn open(source: &str) -> io::Result<Self> {
        let opened = EventLog::new(source, log::Level::Info);
        opened.map(Self).map_err(io::Error::other)
    }

    /// Writes an event; it may wait for the system. Failures are ignored: the service works without events, too.
    pub fn report(&self, level: Level, text: &str) {
        let level = match level {
            Level::ERROR => log::Level::Error,
            Level::WARN => log::Level::Warn,
            _ => log::Level::Info,
        };
        let mut record = Record::builder();
        self.0
            .log(&record.level(level).args(format_args!("{text}")).build());
    }
}

/// Tells the system that this program has the texts of a source's events.
///
/// # Errors
/// The system's.
pub fn register(source: &str) -> io::Result<()> {
    let program = std::env::current_exe()?;
    let key = LOCAL_MACHINE.create(format!("{SOURCES}\\{source}"))?;
    key.set_string("EventMessageFile", program.to_string_lossy())?;
    key.set_u32("TypesSupported", EVERY_TYPE)?;
    Ok(())
}

/// Removes what [`register`] has written. Events that were written stay in the event log.
///
/// # Errors
/// The system's.
pub fn deregister(source: &str) -> io::Result<()> {
    let removed = LOCAL_MACHINE.remove_tree(format!("{SOURCES}\\{source}"));
    match removed.map_err(io::Error::from) {
        // It was never there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
