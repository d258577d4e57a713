//! `[log]`.

use crate::schema::Section;

/// Format, level and contents of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// The least level: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// How mailboxes are named.
    pub mailboxes: LogMailboxes,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
            mailboxes: LogMailboxes::Hashed,
        }
    }
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

/// How the log names mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogMailboxes {
    /// As twelve digits of a hash.
    Hashed,
    /// In plain text.
    Shown,
    /// Not at all.
    Hidden,
}

pub(super) fn read(mut section: Section<'_, '_>) -> LogConfig {
    let format = section.parsed("format", |text| match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is not known; write \"text\" or \"json\"")),
    });
    let level = section.parsed("level", |text| match text {
        "error" | "warn" | "info" | "debug" | "trace" => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not known; write \"error\", \"warn\", \"info\", \"debug\" or \"trace\""
        )),
    });
    let mailboxes = section.parsed("mailboxes", |text| match text {
        "hashed" => Ok(LogMailboxes::Hashed),
        "shown" => Ok(LogMailboxes::Shown),
        "hidden" => Ok(LogMailboxes::Hidden),
        _ => Err(format!(
            "`{text}` is not known; write \"hashed\", \"shown\" or \"hidden\""
        )),
    });
    section.finish();
    let default = LogConfig::default();
    LogConfig {
        format: format.unwrap_or(default.format),
        level: level.unwrap_or(default.level),
        mailboxes: mailboxes.unwrap_or(default.mailboxes),
    }
}
