//! Configuration: the file that people write, the flags over it, and the values that result.
//!
//! In: a TOML file and flags; out: [`Config`], whose values are all present, bounded and of their
//! own type, or every problem at once.
//!
//! It opens no socket and reads no rule: that is for those who use the values.

mod flags;
mod resolve;
mod units;

pub use flags::Flags;
pub use resolve::keys;
pub use units::{duration, size};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::filter::Thresholds;
use crate::schema::Problem;

/// Everything that can be set, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where mail clients connect to.
    pub listen: Vec<Listen>,
    /// Where the mail is; `serve` needs one.
    pub upstream: Option<Upstream>,
    /// Judging and rewriting.
    pub filter: FilterConfig,
    /// Where metrics and health are served; `None` = nowhere.
    pub admin: Option<SocketAddr>,
    /// Where quarantine and later stores live.
    pub data_dir: PathBuf,
    /// How long to wait for whom.
    pub timeouts: Timeouts,
    /// How much of what.
    pub limits: Limits,
    /// Where each setting was made.
    pub places: BTreeMap<String, Place>,
}

/// Where a setting was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, or `command line`, or `defaults`.
    pub file: String,
    /// Its line there; 0 where there is none.
    pub line: usize,
}

/// One listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Its address; port 0 lets the system choose.
    pub address: SocketAddr,
}

/// One POP3 server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Its name in metrics and logs.
    pub name: String,
    /// Host name or address; also the name that its certificate must carry.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// Trusted instead of the platform's roots.
    pub ca_file: Option<PathBuf>,
}

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// TLS from the first byte (RFC 8314); port 995.
    Implicit,
    /// STLS after the greeting (RFC 2595), or no session at all; port 110.
    Starttls,
    /// Plain text; port 110.
    Off,
}

impl TlsMode {
    /// The port that goes with it.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Implicit => 995,
            Self::Starttls | Self::Off => 110,
        }
    }
}

/// Judging and rewriting.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterConfig {
    /// From which scores on something is done.
    pub thresholds: Thresholds,
    /// Which messages get X-Spam headers.
    pub headers: HeaderMode,
    /// What goes in front of a spam's subject; empty = nothing.
    pub subject_mark: String,
    /// How much of a message is held until its verdict.
    pub hold_bytes: usize,
    /// How long a message is held until its verdict.
    pub hold_time: Duration,
    /// A folder of rules in place of the built-in ones.
    pub rules: Option<PathBuf>,
    /// Whether the learned filter takes part.
    pub classifier: bool,
    /// Whether it begins with the model that comes with popgate.
    pub shipped_model: bool,
}

/// Which messages get X-Spam headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMode {
    /// Spam, and mail that could not be judged.
    Spam,
    /// All mail.
    Always,
    /// None.
    Never,
}

/// How long to wait for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the upstream's connection, its TLS and its greeting together.
    pub connect: Duration,
    /// For the next byte of an answer that the upstream owes.
    pub stall: Duration,
    /// For the client: its next command, or the next byte that it takes.
    pub idle: Duration,
    /// For the filter's verdict on one message.
    pub filter: Duration,
    /// For running answers when popgate is told to stop.
    pub drain: Duration,
}

/// How much of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time; further clients wait in the system's queue.
    pub sessions: usize,
}

impl Config {
    /// Reads a file (`None`: every setting at its default) and lays the flags over it.
    ///
    /// Beside the problems of both there is always a configuration, with defaults in place of what
    /// is wrong: so that rules and other files that it names can be checked in the same go.
    pub fn load(path: Option<&Path>, flags: &Flags) -> (Self, Vec<Problem>) {
        let Some(path) = path else {
            return resolve::resolve("defaults", "", Path::new(""), flags);
        };
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            // Paths in the file are meant from where the file is, not from where popgate starts.
            Ok(text) => {
                resolve::resolve(&file, &text, path.parent().unwrap_or(Path::new("")), flags)
            }
            Err(error) => {
                let (config, mut problems) = resolve::resolve(&file, "", Path::new(""), flags);
                let message =
                    format!("cannot be read: {error}; name an existing file with --config");
                problems.insert(
                    0,
                    Problem {
                        file,
                        line: 0,
                        key: String::new(),
                        message,
                    },
                );
                (config, problems)
            }
        }
    }

    /// A problem that shows only when a setting is used, with the place where it was set.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let place = self.places.get(key).cloned().unwrap_or_default();
        Problem {
            file: place.file,
            line: place.line,
            key: key.to_owned(),
            message: message.into(),
        }
    }
}
