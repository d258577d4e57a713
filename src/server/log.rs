//! The log: on stderr, for people as text, for machines as JSON, at a level that can be changed while
//! popgate runs.

use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::config::{LogConfig, LogFormat};

/// Overrides the configured level.
const LEVEL: &str = "POPGATE_LOG";

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
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init();
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

/// Applies another level.
pub fn change(level: &str) {
    if let Some(handle) = FILTER.get()
        && let Err(error) = handle.reload(filter(level))
    {
        tracing::warn!(%error, "the log level is unchanged");
    }
}

fn filter(level: &str) -> EnvFilter {
    let said = std::env::var(LEVEL).unwrap_or_default();
    // If set but empty it would turn the log off.
    match said.trim() {
        "" => EnvFilter::new(level),
        said => EnvFilter::try_new(said).unwrap_or_else(|_| EnvFilter::new(level)),
    }
}
