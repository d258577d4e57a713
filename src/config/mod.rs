//! Configuration: the file that people write, the flags over it, and the values that result.
//!
//! In: a TOML file and flags; out: [`Config`], whose values are all present, bounded and of their
//! own type, or every problem at once.
//!
//! It opens no socket and reads no rule: that is for those who use the values.

mod flags;
mod host;
mod listen;
pub mod reference;
mod renamed;
mod resolve;
mod route;
mod units;
mod upstream;

pub use flags::Flags;
pub use host::{AllowedHost, HostPattern};
pub use listen::{KeyPair, Listen, ListenTls, Sni};
pub use resolve::keys;
pub use route::{Routes, UserNames};
pub use units::{duration, size};
pub use upstream::{OAuth, ProxyHeader, TlsMode, Upstream};

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
    /// Where the mail is, the default first; `serve` needs one, unless every listener is transparent.
    pub upstreams: Vec<Upstream>,
    /// Who goes to which of them.
    pub routes: Routes,
    /// Judging and rewriting.
    pub filter: FilterConfig,
    /// Where metrics and health are served; `None` = nowhere.
    pub admin: Option<SocketAddr>,
    /// Where quarantine and other stores live.
    pub data_dir: PathBuf,
    /// Whom popgate becomes.
    pub process: Process,
    /// What the log has, and how.
    pub log: LogConfig,
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
    /// A folder of rules over the built-in ones; without a rule in it there are none.
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

/// Whom popgate becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The user to become once all ports are bound; `None` = whoever started it.
    pub user: Option<String>,
    /// Whether it may go on as root.
    pub allow_root: bool,
}

/// What the log has, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// From which level on; `error`, `warn`, `info`, `debug` or `trace`.
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

/// For whom the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line.
    Json,
}

/// How the log names mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogMailboxes {
    /// By twelve digits of a hash.
    Hashed,
    /// As they are.
    Shown,
    /// Not at all.
    Hidden,
}

/// How long to wait for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the upstream's connection and its TLS.
    pub connect: Duration,
    /// For the upstream's greeting.
    pub greeting: Duration,
    /// For the client's PROXY header, and for its TLS.
    pub handshake: Duration,
    /// For the client to log in, from its connection on.
    pub login: Duration,
    /// For the rest of a command that has begun.
    pub command_line: Duration,
    /// For the next byte of an answer that the upstream owes.
    pub upstream_read: Duration,
    /// For the client to take the next byte of what it is sent.
    pub client_write: Duration,
    /// For the client's next command.
    pub idle: Duration,
    /// For the filter's verdict on one message.
    pub filter: Duration,
    /// For running sessions when popgate is told to stop.
    pub drain: Duration,
}

/// How much of what. Sizes are octets; in those that may be `None` that means no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at a time.
    pub sessions: usize,
    /// Of them from one address (IPv6: from one /64), loopback excepted.
    pub sessions_per_address: Option<usize>,
    /// Of them logged in to one mailbox.
    pub sessions_per_mailbox: Option<usize>,
    /// Connections to one upstream that are being made at a time.
    pub upstream_connects: usize,
    /// Failed logins to one account from one address until a pause.
    pub login_failures: Option<u32>,
    /// That pause.
    pub login_pause: Duration,
    /// A client's line.
    pub command_line: usize,
    /// A client's line during AUTH.
    pub auth_line: usize,
    /// A user name.
    pub user_name: usize,
    /// An upstream's line that popgate must see whole.
    pub response_line: usize,
    /// A whole answer of the upstream.
    pub response: Option<u64>,
    /// Messages held in all sessions together.
    pub held_bytes: usize,
}

impl Config {
    /// Whether somebody can connect for whom nothing but an `[[upstream]]` says where to.
    pub fn needs_upstream(&self) -> bool {
        let by_name = !self.routes.user_names.hosts.is_empty();
        !by_name && self.listen.iter().any(|listen| !listen.transparent)
    }

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
