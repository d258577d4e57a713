//! From a file's text to a [`Config`]: each setting is declared here, once, with default and
//! bounds. Problems are collected, never thrown.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::flags::{Flags, address, admin_address, host_and_port, overlay, tls_mode};
use super::{
    Config, FilterConfig, HeaderMode, Limits, Listen, Place, Timeouts, TlsMode, Upstream, units,
};
use crate::filter::Thresholds;
use crate::schema::{Problem, Report, Section};

/// The path of every setting there is.
pub fn keys() -> Vec<String> {
    let report = Report::new("", "[[listen]]\n[[upstream]]\nhost = \"pop.example.net\"\n");
    let parsed = report.parse();
    let _ = file(&mut Section::top(&report, &parsed), Path::new(""));
    report.asked().into_keys().collect()
}

pub(super) fn resolve(
    name: &str,
    text: &str,
    folder: &Path,
    flags: &Flags,
) -> (Config, Vec<Problem>) {
    let report = Report::new(name, text);
    let parsed = report.parse();
    let mut top = Section::top(&report, &parsed);
    let mut config = file(&mut top, folder);
    top.finish();
    let places = report.asked().into_iter().map(|(key, line)| {
        let file = if line > 0 { name } else { "defaults" }.to_owned();
        (key, Place { file, line })
    });
    config.places = places.collect();
    let mut problems = report.into_problems();
    overlay(&mut config, flags, &mut problems);
    (config, problems)
}

fn file(top: &mut Section<'_, '_>, folder: &Path) -> Config {
    let listen: Vec<_> = top
        .sections("listen")
        .into_iter()
        .filter_map(listen)
        .collect();
    let upstreams = top.sections("upstream");
    if let Some(second) = upstreams.get(1) {
        second.wrong("this version serves one upstream; remove this table");
    }
    let mut upstreams = upstreams.into_iter();
    let upstream = upstreams
        .next()
        .and_then(|section| upstream(section, folder));
    let filter = filter(top.section("filter"), folder);
    let mut section = top.section("admin");
    let admin = section.parsed("address", admin_address);
    section.finish();
    let mut section = top.section("data");
    let data_dir = section.string("dir");
    section.finish();
    Config {
        listen: match listen.is_empty() {
            true => vec![Listen {
                address: SocketAddr::from(([127, 0, 0, 1], 110)),
            }],
            false => listen,
        },
        upstream,
        filter,
        admin: admin.unwrap_or(Some(SocketAddr::from(([127, 0, 0, 1], 9110)))),
        data_dir: data_dir
            .map_or_else(|| PathBuf::from("/var/lib/popgate"), |dir| folder.join(dir)),
        timeouts: timeouts(top.section("timeouts")),
        limits: limits(top.section("limits")),
        places: BTreeMap::new(),
    }
}

fn listen(mut section: Section<'_, '_>) -> Option<Listen> {
    let address = section.parsed("address", address);
    if !section.has("address") {
        section.wrong("address is missing; write address = \"127.0.0.1:110\"");
    }
    if section.string("tls").is_some_and(|tls| tls != "off") {
        section.problem(
            "tls",
            "this version listens in plain text only; write \"off\" and listen on loopback",
        );
    }
    for key in ["certificate", "key"] {
        if section.string(key).is_some() {
            section.problem(
                key,
                "not in this version, which listens in plain text only; remove it",
            );
        }
    }
    for key in ["transparent", "proxy_protocol"] {
        if section.boolean(key) == Some(true) {
            section.problem(key, "not in this version; write false");
        }
    }
    section.finish();
    Some(Listen { address: address? })
}

fn upstream(mut section: Section<'_, '_>, folder: &Path) -> Option<Upstream> {
    let name = section.parsed("name", |name| match name {
        // It becomes a metric's label.
        name if !name.is_empty() && name.len() <= 64 => Ok(name.to_owned()),
        _ => Err("must have 1 to 64 letters, such as \"isp\"".to_owned()),
    });
    let host = section.parsed("host", |host| match host_and_port(host) {
        Some((host, None)) => Ok(host),
        Some((_, Some(_))) => Err("names a port, too; write that as port = …".to_owned()),
        None => Err(format!(
            "`{host}` is no host name; write one such as \"pop.example.net\""
        )),
    });
    if !section.has("host") {
        section.wrong("host is missing; write host = \"pop.example.net\"");
    }
    let tls = section.parsed("tls", tls_mode).unwrap_or(TlsMode::Implicit);
    let port = match section.integer("port") {
        Some(port) => match u16::try_from(port) {
            Ok(port) if port > 0 => port,
            _ => {
                section.problem(
                    "port",
                    format!("{port} is no port; write a number from 1 to 65535"),
                );
                tls.default_port()
            }
        },
        None => tls.default_port(),
    };
    let ca_file = section.parsed("ca_file", |file| {
        let file = folder.join(file);
        match std::fs::metadata(&file) {
            Ok(found) if found.is_file() => Ok(file),
            Ok(_) => Err(format!(
                "{} is no file; name a file of PEM certificates",
                file.display()
            )),
            Err(error) => Err(format!(
                "{}: {error}; name a file of PEM certificates",
                file.display()
            )),
        }
    });
    if ca_file.is_some() && tls == TlsMode::Off {
        section.problem(
            "ca_file",
            "has no use with tls = \"off\"; remove one of the two",
        );
    }
    section.finish();
    Some(Upstream {
        name: name.unwrap_or_else(|| "default".to_owned()),
        host: host?,
        port,
        tls,
        ca_file,
    })
}

fn filter(mut section: Section<'_, '_>, folder: &Path) -> FilterConfig {
    let tag_at = number(&mut section, "tag_at", 5.0, 0.1..=1000.0);
    let drop_at = number(&mut section, "drop_at", 0.0, 0.0..=1000.0);
    if drop_at > 0.0 && drop_at < tag_at {
        section.problem(
            "drop_at",
            format!("{drop_at} is below tag_at ({tag_at}); write a higher score, or 0 for never"),
        );
    }
    if section
        .string("drop_mode")
        .is_some_and(|mode| mode != "notice")
    {
        section.problem("drop_mode", "this version knows \"notice\" only");
    }
    let headers = section.parsed("headers", |mode| match mode {
        "spam" => Ok(HeaderMode::Spam),
        "always" => Ok(HeaderMode::Always),
        "never" => Ok(HeaderMode::Never),
        _ => Err(format!(
            "`{mode}` is not known; write \"spam\", \"always\" or \"never\""
        )),
    });
    let subject_mark = section.parsed("subject_mark", |mark| {
        // It goes into a header line as it is: RFC 5322 section 2.2 allows printable US-ASCII.
        match mark.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && mark.len() <= 64 {
            true => Ok(mark.to_owned()),
            false => {
                Err("must be at most 64 printable ASCII characters, such as \"[SPAM] \"".to_owned())
            }
        }
    });
    let hold_bytes = bounded(
        section.parsed("hold_bytes", units::size),
        512 << 10,
        4 << 10..=64 << 20,
        |value| {
            section.problem(
                "hold_bytes",
                format!("{value} bytes is out of bounds; write \"4KiB\" to \"64MiB\""),
            );
        },
    );
    let hold_time = duration(
        &mut section,
        "hold_seconds",
        Duration::from_secs(15),
        // Clients give up at about 60 s without a byte; the first one must be out within 20.
        Duration::from_millis(10)..=Duration::from_secs(19),
    );
    let rules = section.string("rules").filter(|rules| !rules.is_empty());
    let classifier = section.boolean("classifier").unwrap_or(true);
    let shipped_model = section.boolean("shipped_model").unwrap_or(true);
    section.finish();
    FilterConfig {
        thresholds: Thresholds {
            tag_at,
            drop_at: (drop_at > 0.0).then_some(drop_at),
        },
        headers: headers.unwrap_or(HeaderMode::Spam),
        subject_mark: subject_mark.unwrap_or_else(|| "[SPAM] ".to_owned()),
        hold_bytes: usize::try_from(hold_bytes).unwrap_or(usize::MAX),
        hold_time,
        rules: rules.map(|rules| folder.join(rules)),
        classifier,
        shipped_model,
    }
}

fn timeouts(mut section: Section<'_, '_>) -> Timeouts {
    const MS: Duration = Duration::from_millis(10);
    const HOUR: Duration = Duration::from_secs(3600);
    let mut read = |key, default: u64, most| {
        duration(&mut section, key, Duration::from_secs(default), MS..=most)
    };
    let timeouts = Timeouts {
        connect: read("connect", 15, Duration::from_secs(60)),
        stall: read("stall", 60, HOUR),
        // RFC 1939 section 3: an autologout timer must be of at least 10 minutes.
        idle: read("idle", 600, 24 * HOUR),
        filter: read("filter", 5, Duration::from_secs(15)),
        drain: read("drain", 30, HOUR),
    };
    section.finish();
    timeouts
}

fn limits(mut section: Section<'_, '_>) -> Limits {
    let sessions = bounded(section.integer("sessions"), 2000, 1..=1_000_000, |value| {
        section.problem(
            "sessions",
            format!("{value} is out of bounds; write 1 to 1000000"),
        );
    });
    section.finish();
    Limits {
        sessions: usize::try_from(sessions).unwrap_or(usize::MAX),
    }
}

fn number(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: f64,
    bounds: RangeInclusive<f64>,
) -> f64 {
    bounded(section.number(key), default, bounds.clone(), |value| {
        let message = format!(
            "{value} is out of bounds; write {} to {}",
            bounds.start(),
            bounds.end()
        );
        section.problem(key, message);
    })
}

fn duration(
    section: &mut Section<'_, '_>,
    key: &'static str,
    default: Duration,
    bounds: RangeInclusive<Duration>,
) -> Duration {
    bounded(
        section.parsed(key, units::duration),
        default,
        bounds.clone(),
        |value| {
            section.problem(
                key,
                format!(
                    "{value:?} is out of bounds; write \"{:?}\" to \"{:?}\"",
                    bounds.start(),
                    bounds.end()
                ),
            );
        },
    )
}

fn bounded<T: PartialOrd + Copy>(
    value: Option<T>,
    default: T,
    bounds: RangeInclusive<T>,
    complain: impl FnOnce(T),
) -> T {
    match value {
        Some(value) if bounds.contains(&value) => value,
        Some(value) => {
            complain(value);
            default
        }
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, Vec<String>> {
        let folder = Path::new("/etc/popgate");
        let (config, problems) = resolve("popgate.toml", text, folder, &Flags::default());
        match problems.is_empty() {
            true => Ok(config),
            false => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = load("").unwrap();
        assert_eq!(config.listen[0].address.to_string(), "127.0.0.1:110");
        assert_eq!(config.admin.unwrap().to_string(), "127.0.0.1:9110");
        assert_eq!(config.filter.hold_bytes, 512 << 10);
        assert_eq!(
            config.filter.thresholds,
            Thresholds {
                tag_at: 5.0,
                drop_at: None
            }
        );
    }

    #[test]
    fn tls_chooses_the_port() {
        let config = load("[[upstream]]\nhost = \"pop.example.net\"\n").unwrap();
        assert_eq!(config.upstream.unwrap().port, 995);
        let config =
            load("[[upstream]]\nhost = \"pop.example.net\"\ntls = \"starttls\"\n").unwrap();
        assert_eq!(config.upstream.unwrap().port, 110);
    }
}
