//! `[[scanner]]`: another scanner that is asked about messages: rspamd, SpamAssassin's spamd, or ClamAV's clamd.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address::host_and_port;
use super::bounds::{count, duration, number, octets};
use super::client_secret::{self, ClientSecret};
use super::filter::FilterConfig;
use super::network::{DnsList, NetworkConfig, name_of_check};
use super::path::path_in;
use super::units;
use crate::filter::{SCANNER, VIRUS};
use crate::platform::features;
use crate::schema::Section;

/// A scanner.
#[derive(Debug, Clone, PartialEq)]
pub struct Scanner {
    /// In logs, metrics and reports.
    pub name: String,
    /// What it is, and what its verdict is worth.
    pub kind: ScannerKind,
    /// Where it listens.
    pub address: ScannerAddress,
    /// How long it may take for a message, connecting included.
    pub timeout: Duration,
    /// Longer messages are not sent to it.
    pub max_size: usize,
    /// Messages that it is asked about at a time.
    pub at_a_time: usize,
}

/// What a scanner is, and what its verdict is worth.
#[derive(Debug, Clone, PartialEq)]
pub enum ScannerKind {
    /// rspamd, by HTTP.
    Rspamd {
        /// What its score is worth.
        worth: SpamWorth,
        /// What its `password` is, if it asks for one.
        password: Option<ClientSecret>,
    },
    /// SpamAssassin's spamd.
    Spamd {
        /// What its score is worth.
        worth: SpamWorth,
    },
    /// ClamAV's clamd.
    Clamd {
        /// What becomes of a message with a virus.
        on_virus: OnVirus,
    },
}

/// What becomes of a message in which a scanner finds a virus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnVirus {
    /// It is tagged.
    Tag,
    /// It is held back.
    Drop,
}

/// What the score of a spam scanner is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpamWorth {
    /// Points of a message that just reaches the scanner's own threshold; others get theirs in proportion.
    pub score: f64,
    /// The most points.
    pub most: f64,
    /// The least points.
    pub least: f64,
}

/// Where a scanner listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScannerAddress {
    /// A TCP port.
    Tcp {
        /// Its host name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for ScannerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl ScannerKind {
    /// The setting's value.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Rspamd { .. } => "rspamd",
            Self::Spamd { .. } => "spamd",
            Self::Clamd { .. } => "clamd",
        }
    }
}

impl Scanner {
    /// The name of its hits among the rules: `VIRUS`, or that of the scanner as in `SCANNER_RSPAMD`.
    pub fn rule(&self) -> String {
        let letter = |letter: char| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' => letter.to_ascii_uppercase(),
            _ => '_',
        };
        match self.kind {
            ScannerKind::Clamd { .. } => VIRUS.to_owned(),
            ScannerKind::Rspamd { .. } | ScannerKind::Spamd { .. } => {
                let name: String = self.name.chars().map(letter).collect();
                format!("{SCANNER}{name}")
            }
        }
    }
}

/// The kinds, with the port that each one's Debian package listens on.
const KINDS: [(&str, u16); 3] = [("rspamd", 11333), ("spamd", 783), ("clamd", 3310)];

/// Those of a scanner that are for spam scanners only.
const SPAM_KEYS: [&str; 3] = ["score", "score_most", "score_least"];

/// The longest path of a Unix socket that the kernel takes.
const LONGEST_SOCKET: usize = 107;

/// Compares them with the other sections' settings, too.
pub(super) fn read_all(
    top: &mut Section<'_, '_>,
    folder: &Path,
    filter: &FilterConfig,
    network: &NetworkConfig,
) -> Vec<Scanner> {
    let mut scanners = Vec::new();
    for mut section in top.sections("scanner") {
        let scanner = read(&mut section, folder, filter, network.budget);
        if let Some(scanner) = scanner {
            if let Some(taken) = taken(&scanner, &scanners, &network.lists) {
                section.problem("name", taken);
            }
            compare(&section, &scanner, filter, network.budget);
            scanners.push(scanner);
        }
        section.finish();
    }
    scanners
}

/// Who else has its name, in metrics or among the rules.
fn taken(scanner: &Scanner, others: &[Scanner], lists: &[DnsList]) -> Option<String> {
    let Scanner { name, kind, .. } = scanner;
    if others.iter().any(|it| it.name == *name) {
        return Some(format!("another [[scanner]] is called `{name}`"));
    }
    if lists.iter().any(|it| it.name == *name) {
        return Some(format!("a [[dns_list]] is called `{name}`; choose another"));
    }
    let rule = scanner.rule();
    let is_virus = matches!(kind, ScannerKind::Clamd { .. });
    let other = others.iter().find(|it| !is_virus && it.rule() == rule)?;
    Some(format!(
        "`{name}` and `{}` are both {rule} among the rules; choose another",
        other.name
    ))
}

/// What is written and has no effect because of the other sections.
fn compare(section: &Section<'_, '_>, scanner: &Scanner, filter: &FilterConfig, budget: Duration) {
    let drops = ScannerKind::Clamd {
        on_virus: OnVirus::Drop,
    };
    if scanner.kind == drops && filter.thresholds.drop_at.is_none() {
        section.problem(
            "on_virus",
            "\"drop\" needs filter.drop_at, and with 0 nothing is held back; write 1000 there if that is for viruses only",
        );
    }
    if section.has("max_size") && scanner.max_size > filter.hold_bytes {
        let [size, held] =
            [scanner.max_size, filter.hold_bytes].map(|it| units::size_text(it as u64));
        section.problem(
            "max_size",
            format!(
                "\"{size}\" is more than filter.hold_bytes, which is \"{held}\": what is longer than that is not sent to it; raise hold_bytes, or remove max_size"
            ),
        );
    }
    if section.has("timeout") && scanner.timeout > budget {
        section.problem(
            "timeout",
            format!(
                "\"{:?}\" is more than network.budget, which is \"{budget:?}\" and for all of a message's answers; raise budget, or write a shorter timeout",
                scanner.timeout
            ),
        );
    }
}

fn read(
    section: &mut Section<'_, '_>,
    folder: &Path,
    filter: &FilterConfig,
    budget: Duration,
) -> Option<Scanner> {
    let given = section.parsed("kind", kind);
    if !section.has("kind") {
        section.wrong("kind is missing; write \"rspamd\", \"spamd\" or \"clamd\"");
    }
    let name = section.parsed("name", name);
    let usual = given.map_or(KINDS[0].1, |(_, port)| port);
    let address = section.parsed("address", |text| address(text, usual, folder));
    let timeout = duration(
        section,
        "timeout",
        Duration::from_millis(800).min(budget),
        Duration::from_millis(10)..=Duration::from_secs(15),
    );
    let usual_size = filter.hold_bytes.min(1 << 20) as u64;
    let max_size = octets(section, "max_size", usual_size, 1 << 10..=64 << 20);
    let is = |kind| given.is_none_or(|(given, _)| given == kind);
    // By default spamd has five processes, and one more would have to wait within its timeout.
    let usual_at_a_time = if given.is_some() && is("spamd") {
        4
    } else {
        16
    };
    let at_a_time = count(section, "at_a_time", usual_at_a_time, 1..=1000);
    let worth = worth(section, !is("clamd") || given.is_none());
    let on_virus = section.parsed("on_virus", on_virus);
    let password = section.parsed("password_file", |file| {
        let secret = |file| client_secret::in_file(&path_in(folder, file)?, "password of rspamd");
        // Of another kind it is reported below.
        is("rspamd").then(|| secret(file)).transpose()
    });
    let (kind, usual) = given?;
    let without_effect = |keys: &[&str]| {
        for key in keys.iter().filter(|key| section.has(key)) {
            section.problem(
                key,
                format!("has no effect with kind = \"{kind}\"; remove it"),
            );
        }
    };
    match kind {
        "clamd" => without_effect(&SPAM_KEYS),
        _ => without_effect(&["on_virus"]),
    }
    if kind != "rspamd" {
        without_effect(&["password_file"]);
    }
    let address = address.or_else(|| {
        let host = "127.0.0.1".to_owned();
        let port = usual;
        (!section.has("address")).then_some(ScannerAddress::Tcp { host, port })
    });
    Some(Scanner {
        name: name.unwrap_or_else(|| kind.to_owned()),
        kind: match kind {
            "rspamd" => ScannerKind::Rspamd {
                worth,
                password: password.flatten(),
            },
            "spamd" => ScannerKind::Spamd { worth },
            _ => ScannerKind::Clamd {
                on_virus: on_virus.unwrap_or(OnVirus::Tag),
            },
        },
        address: address?,
        timeout,
        max_size,
        at_a_time,
    })
}

fn kind(text: &str) -> Result<(&'static str, u16), String> {
    let found = KINDS.into_iter().find(|(kind, _)| *kind == text);
    found.ok_or_else(|| format!("`{text}` is not known; write \"rspamd\", \"spamd\" or \"clamd\""))
}

/// It goes into header fields and metrics.
fn name(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    match (1..=32).contains(&text.len()) && text.chars().all(fits) {
        true => name_of_check(text),
        false => Err(format!(
            "`{text}` is no name; write 1 to 32 letters, digits, or any of - _ ."
        )),
    }
}

fn on_virus(text: &str) -> Result<OnVirus, String> {
    match text {
        "tag" => Ok(OnVirus::Tag),
        "drop" => Ok(OnVirus::Drop),
        _ => Err(format!("`{text}` is not known; write \"tag\" or \"drop\"")),
    }
}

/// `counts` is whether the scanner is one for spam.
fn worth(section: &mut Section<'_, '_>, counts: bool) -> SpamWorth {
    let worth = SpamWorth {
        score: number(section, "score", 3.0, 0.1..=100.0),
        most: number(section, "score_most", 4.0, 0.1..=1000.0),
        least: number(section, "score_least", 0.0, -100.0..=0.0),
    };
    if counts && worth.most < worth.score {
        // The other one may be the default.
        let key = if section.has("score_most") {
            "score_most"
        } else {
            "score"
        };
        section.problem(
            key,
            format!(
                "score_most is {}, less than score, which is {}: no message would get that many points",
                worth.most, worth.score
            ),
        );
    }
    worth
}

fn address(text: &str, usual: u16, folder: &Path) -> Result<ScannerAddress, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        if !features::UNIX_SOCKETS {
            return Err(format!(
                "this system has no Unix sockets; let the scanner listen on a TCP port, such as \"127.0.0.1:{usual}\""
            ));
        }
        let path = folder.join(path);
        let length = path.as_os_str().len();
        return match length {
            _ if text == "unix:" => Err(
                "names no socket; write unix: and its path, such as \"unix:/run/clamav/clamd.ctl\""
                    .to_owned(),
            ),
            ..=LONGEST_SOCKET => Ok(ScannerAddress::Unix(path)),
            _ => Err(format!(
                "the path of a Unix socket has at most {LONGEST_SOCKET} octets, and this one {length}"
            )),
        };
    }
    if text.starts_with('/') {
        return Err(format!("for a Unix socket write \"unix:{text}\""));
    }
    if text.contains("://") {
        return Err(format!(
            "`{text}` is a URL; write the host and the port only, such as \"127.0.0.1:{usual}\""
        ));
    }
    match host_and_port(text) {
        Some((host, Some(port))) => Ok(ScannerAddress::Tcp { host, port }),
        Some((host, None)) => Err(format!(
            "has no port; write \"{}\" if it is the usual one",
            ScannerAddress::Tcp { host, port: usual }
        )),
        None => Err(format!(
            "`{text}` is no address; write HOST:PORT, such as \"127.0.0.1:{usual}\", or unix: and the path of a socket"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports_or_sockets() {
        let read = |text| address(text, 783, Path::new("/etc/popgate")).map(|it| it.to_string());
        for same in [
            "127.0.0.1:783",
            "[::1]:783",
            "scan.example.net:1",
            "unix:/run/a.sock",
        ] {
            assert_eq!(read(same), Ok(same.to_owned()));
        }
        assert_eq!(
            read("unix:a.sock"),
            Ok("unix:/etc/popgate/a.sock".to_owned())
        );
        for (wrong, says) in [
            ("", "is no address"),
            ("localhost", "\"localhost:783\""),
            ("::1", "\"[::1]:783\""),
            ("a:0", "is no address"),
            ("/run/a.sock", "\"unix:/run/a.sock\""),
            ("http://a:11333", "is a URL"),
            ("unix:", "names no socket"),
            (&format!("unix:/{}", "a".repeat(107)), "and this one 108"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }
}
