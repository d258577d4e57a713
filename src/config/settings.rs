//! The values that result: all present, bounded and of their own type.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::console::ConsoleConfig;
use super::data::StoreConfig;
use super::filter::FilterConfig;
use super::limits::{Limits, Timeouts};
use super::listen::Listen;
use super::log::LogConfig;
use super::network::NetworkConfig;
use super::route::Routes;
use super::scanner::{Scanner, ScannerKind};
use super::upstream::Upstream;
use crate::schema::Problem;

/// Everything that can be set, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The addresses that mail clients connect to.
    pub listen: Vec<Listen>,
    /// Where the mail is, the default first; `serve` needs one, unless every listener is transparent.
    pub upstreams: Vec<Upstream>,
    /// Which client goes to which of them.
    pub routes: Routes,
    /// Judging and rewriting.
    pub filter: FilterConfig,
    /// What others are asked about a message.
    pub network: NetworkConfig,
    /// Other scanners that are asked about messages.
    pub scanners: Vec<Scanner>,
    /// The address of metrics and health checks; `None` = off.
    pub admin: Option<SocketAddr>,
    /// The pages for people on it.
    pub console: ConsoleConfig,
    /// The folder of the quarantine and the other stores.
    pub data_dir: PathBuf,
    /// The store in it.
    pub store: StoreConfig,
    /// The user that popgate runs as.
    pub process: Process,
    /// Format, level and contents of the log.
    pub log: LogConfig,
    /// How long popgate waits, and for what.
    pub timeouts: Timeouts,
    /// Bounds on sessions, sizes and logins.
    pub limits: Limits,
    /// Where each setting comes from, by its path.
    pub origins: BTreeMap<String, Origin>,
}

/// Where a setting comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The file, or `command line`, or `defaults`.
    pub file: String,
    /// Its line there; 0 where there is none.
    pub line: usize,
}

/// The user that popgate runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The user to change to once all ports are bound; `None` = the one that started it.
    pub user: Option<String>,
    /// Whether it may keep running as root.
    pub allow_root: bool,
}

impl Config {
    /// Whether some client can only be served by an `[[upstream]]`.
    pub fn needs_upstream(&self) -> bool {
        let by_name = !self.routes.user_names.hosts.is_empty();
        !by_name && self.listen.iter().any(|listen| !listen.transparent)
    }

    /// The most that lists and scanners add to a score; a virus is enough whatever else is there.
    pub fn most_external_points(&self) -> f64 {
        let scanners = self.scanners.iter().map(|scanner| match &scanner.kind {
            ScannerKind::Rspamd { worth, .. } | ScannerKind::Spamd { worth } => worth.most,
            ScannerKind::Clamd { .. } => f64::INFINITY,
        });
        self.network.most_points() + scanners.sum::<f64>()
    }

    /// A problem that shows only when a setting is used, with the place that it comes from.
    pub fn problem(&self, key: &str, message: impl Into<String>) -> Problem {
        let origin = self.origins.get(key).cloned().unwrap_or_default();
        Problem {
            file: origin.file,
            line: origin.line,
            key: key.to_owned(),
            message: message.into(),
        }
    }
}
